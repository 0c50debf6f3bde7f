#include "opcua/server.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <open62541/plugin/log.h>
#include <open62541/server.h>
#include <open62541/server_config_default.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/bounded_queue.hpp"
#include "core/log.hpp"
#include "opcua/address_space.hpp"
#include "opcua/command_methods.hpp"
#include "opcua/conditions.hpp"
#include "opcua/history.hpp"
#include "opcua/server_security.hpp"

namespace millwright::opcua {
namespace {

using core::ErrorCode;
using core::unexpected;

// Alarms wait no longer than this for the server's thread.
constexpr double kAlarmTurnMs = 10;
// The smallest chunk that a peer may send (OPC 10000-6, 6.7.2).
constexpr std::uint64_t kChunkBytes = 8192;
// Methods change something or wait for a machine: a request has fewer of them than of reads.
constexpr std::uint32_t kCallsMax = 100;
// A session whose client is gone without a word takes a place for so long.
constexpr double kSessionTimeoutMaxMs = 10 * 60'000;
// So many alarms a turn, so that a flood does not keep clients from reading.
constexpr int kAlarmsPerTurn = 100;

void write_log(void* context, UA_LogLevel, UA_LogCategory, const char* format, va_list arguments)
    __attribute__((format(printf, 4, 0)));
// The library has a word on every request: what nobody reads is not even put together.
void write_log(void* context, UA_LogLevel, UA_LogCategory, const char* format, va_list arguments) {
  auto& log = *static_cast<spdlog::logger*>(context);
  char text[1024];
  if (!log.should_log(spdlog::level::debug) || std::vsnprintf(text, sizeof text, format, arguments) < 0) return;
  log.debug("open62541: {}", text);
}

// Clients look at the plant; they do not rebuild it.
UA_Boolean refuse_add_node(UA_Server*, UA_AccessControl*, const UA_NodeId*, void*, const UA_AddNodesItem*) {
  return false;
}
UA_Boolean refuse_add_reference(UA_Server*, UA_AccessControl*, const UA_NodeId*, void*, const UA_AddReferencesItem*) {
  return false;
}
UA_Boolean refuse_delete_node(UA_Server*, UA_AccessControl*, const UA_NodeId*, void*, const UA_DeleteNodesItem*) {
  return false;
}
UA_Boolean refuse_delete_reference(UA_Server*, UA_AccessControl*, const UA_NodeId*, void*,
                                   const UA_DeleteReferencesItem*) {
  return false;
}

// Binds the address and lets go of it again. open62541 binds with SO_REUSEPORT, which would share a port in silence, so
// this is where one in use shows. Gives the port, also where 0 was asked for.
core::Result<std::uint16_t> probe(const std::string& host, std::uint16_t port) {
  const std::string where = fmt::format("{}:{}", host, port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int lookup = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (lookup != 0) {
    return unexpected(ErrorCode::kInvalid,
                      fmt::format("OPC UA server: no address for {}: {}: set opcua.host to an address "
                                  "of this machine, such as 127.0.0.1",
                                  where, ::gai_strerror(lookup)));
  }
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  bool bound = fd >= 0 && ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
               ::bind(fd, found->ai_addr, found->ai_addrlen) == 0 && ::listen(fd, 1) == 0;
  const int error = errno;
  ::freeaddrinfo(found);
  sockaddr_storage got{};
  socklen_t length = sizeof got;
  if (bound) bound = ::getsockname(fd, reinterpret_cast<sockaddr*>(&got), &length) == 0;
  if (fd >= 0) ::close(fd);
  if (!bound && error == EADDRINUSE) {
    return unexpected(
        ErrorCode::kConflict,
        fmt::format("OPC UA server: port {} on {} is in use: end the other program that listens there (an "
                    "OPC UA server, or a second millwright), or set opcua.port to a free one",
                    port, host));
  }
  if (!bound) {
    return unexpected(ErrorCode::kIo,
                      fmt::format("OPC UA server: cannot listen on {}: {}", where, std::strerror(error)));
  }
  const std::uint16_t net = got.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&got)->sin6_port
                                                      : reinterpret_cast<const sockaddr_in*>(&got)->sin_port;
  return ntohs(net);
}

}  // namespace

struct Server::Impl {
  Impl(ServerOptions o, const asset::Model& model, const pipeline::LiveTable& live, const core::Texts& texts,
       core::Metrics& metrics, const ServerParts& parts)
      : options(std::move(o)),
        log(core::logger("opcua-server")),
        space(model, live, texts, options.min_sampling_interval, parts.history != nullptr),
        conditions(model, parts.alarms, may_act(parts), log),
        commands(model, parts.commands, may_act(parts)),
        alarms(options.alarm_queue),
        port(options.port),
        sessions(metrics.gauge("millwright_opcua_server_sessions", "Clients that are connected to the OPC UA server")),
        events_total(metrics.counter("millwright_opcua_server_events_total", "Alarms sent as OPC UA events")),
        dropped_total(metrics.counter("millwright_opcua_server_events_dropped_total",
                                      "Alarms not sent as OPC UA events, as too many came at once")) {
    logger.log = &write_log;
    logger.context = log.get();
    const bool open = options.users.empty() && options.anonymous && only_none(options.security);
    ASSERT(open || parts.security != nullptr, "an OPC UA server with security has no certificates");
    if (!open) guard.emplace(options, *parts.security, log);
    if (const ServerHistory* past = parts.history; past != nullptr) {
      history.emplace(past->historian, model, texts, past->clock, HistoryLimits{.values = options.max_history_values},
                      log);
    }
  }
  ~Impl() {
    stop();
    drop();
  }

  [[nodiscard]] MayAct may_act(const ServerParts& parts) const {
    if (parts.may_act) return parts.may_act;
    return [this](const std::string& user, asset::CommandRight right, const std::string&) {
      const auto given = options.rights.find(user);
      return right <= (given == options.rights.end() ? asset::CommandRight::kOperate : given->second);
    };
  }
  core::Status start();
  core::Status make_server();
  void stop();
  void drop();
  void run();
  void send_alarms();

  const ServerOptions options;
  std::shared_ptr<spdlog::logger> log;
  UA_Logger logger{};
  AddressSpace space;
  Conditions conditions;
  CommandMethods commands;
  core::BoundedQueue<alarms::Alarm> alarms;
  std::atomic<std::uint16_t> port;
  std::atomic<bool> stopping{false};
  std::atomic<bool> running{false};
  core::Gauge& sessions;
  core::Counter& events_total;
  core::Counter& dropped_total;
  std::optional<Guard> guard;  // of a server that is not open to everybody; outlives `server`
  std::optional<HistoryReader> history;
  UA_Server* server = nullptr;
  std::thread thread;
};

namespace {

void set_text(UA_String& to, std::string_view text) {
  UA_String_clear(&to);
  to = copy(text);
}

// What a client may take, so that none takes all.
void set_limits(UA_ServerConfig& config, const ServerOptions& options) {
  config.maxSessions = static_cast<UA_UInt16>(options.max_sessions);
  config.maxSecureChannels = static_cast<UA_UInt16>(options.max_connections);
  config.maxSubscriptions = options.max_subscriptions;
  config.maxSubscriptionsPerSession = options.max_subscriptions_per_session;
  config.maxMonitoredItems = options.max_monitored_items;
  config.maxMonitoredItemsPerSubscription = options.max_items_per_subscription;
  config.queueSizeLimits.max = options.max_queue;
  config.maxNotificationsPerPublish = 10'000;
  config.maxRetransmissionQueueSize = 1'000;
  config.maxPublishReqPerSession = options.max_subscriptions_per_session * 2;
  for (UA_UInt32* of :
       {&config.maxNodesPerRead, &config.maxNodesPerWrite, &config.maxNodesPerMethodCall, &config.maxNodesPerBrowse,
        &config.maxNodesPerRegisterNodes, &config.maxNodesPerTranslateBrowsePathsToNodeIds,
        &config.maxNodesPerNodeManagement, &config.maxMonitoredItemsPerCall}) {
    *of = options.max_nodes_per_call;
  }
  config.maxNodesPerMethodCall = std::min(options.max_nodes_per_call, kCallsMax);
  config.maxSessionTimeout = kSessionTimeoutMaxMs;
  config.tcpMaxMsgSize = static_cast<UA_UInt32>(options.max_message_bytes);
  config.tcpMaxChunks = static_cast<UA_UInt32>(options.max_message_bytes / kChunkBytes + 1);
}

UA_StatusCode configure(UA_ServerConfig& config, const ServerOptions& options, std::uint16_t port, Guard* guard) {
  UA_StatusCode code = guard == nullptr ? UA_ServerConfig_setMinimal(&config, port, nullptr)
                                        : UA_ServerConfig_setBasics_withPort(&config, port);
  if (code == UA_STATUSCODE_GOOD && guard != nullptr) code = guard->configure(config);
  if (code != UA_STATUSCODE_GOOD) return code;
  ASSERT(config.serverUrlsSize == 1, "open62541 gave no server URL");
  set_text(config.serverUrls[0], fmt::format("opc.tcp://{}:{}", options.host, port));
  set_text(config.applicationDescription.applicationUri,
           guard == nullptr ? "urn:millwright:opcua-server" : guard->application_uri());
  set_text(config.applicationDescription.productUri, "urn:millwright");
  UA_LocalizedText_clear(&config.applicationDescription.applicationName);
  config.applicationDescription.applicationName.text = copy(options.application_name);
  set_text(config.buildInfo.productUri, "urn:millwright");
  set_text(config.buildInfo.manufacturerName, "Millwright");
  set_text(config.buildInfo.productName, "Millwright");
  config.shutdownDelay = 0;
  set_limits(config, options);
  const auto ms = [](core::DurationNs d) { return static_cast<double>(d) / core::kMillisecond; };
  config.samplingIntervalLimits.min = ms(options.min_sampling_interval);
  config.publishingIntervalLimits.min = ms(options.min_publishing_interval);
  config.accessControl.allowAddNode = &refuse_add_node;
  config.accessControl.allowAddReference = &refuse_add_reference;
  config.accessControl.allowDeleteNode = &refuse_delete_node;
  config.accessControl.allowDeleteReference = &refuse_delete_reference;
  return UA_STATUSCODE_GOOD;
}

}  // namespace

core::Status Server::Impl::make_server() {
  if (guard) {
    if (auto ready = guard->prepare(); !ready) return unexpected(ready.error().within("OPC UA server"));
  }
  UA_ServerConfig config;
  std::memset(&config, 0, sizeof config);
  config.logging = &logger;
  if (const UA_StatusCode code = configure(config, options, port, guard ? &*guard : nullptr);
      code != UA_STATUSCODE_GOOD) {
    UA_ServerConfig_clean(&config);
    return unexpected(ErrorCode::kIo, fmt::format("OPC UA server: {}", UA_StatusCode_name(code)));
  }
  if (history) history->put_into(config);
  server = UA_Server_newWithConfig(&config);
  if (server == nullptr) {
    UA_ServerConfig_clean(&config);
    return unexpected(ErrorCode::kIo, "OPC UA server: out of memory");
  }
  if (auto built = space.build(server, options.nodesets); !built) return built;
  if (!space.missing().empty()) {
    log->warn(
        "without OPC 40001-1 (Machinery), whose nodesets could not be read: {}; 'opcua_server.nodesets' names "
        "their folder",
        space.missing());
  }
  if (auto built = conditions.build(server, space.plant_namespace()); !built) return built;
  if (auto built = commands.build(server, space.plant_namespace()); !built) return built;
  if (history) {
    const UA_StatusCode told = history->describe(server, space.plant_namespace());
    if (told != UA_STATUSCODE_GOOD) return unexpected(ErrorCode::kIo, UA_StatusCode_name(told));
  }
  const auto turn = [](UA_Server*, void* self) { static_cast<Impl*>(self)->send_alarms(); };
  UA_StatusCode code = UA_Server_addRepeatedCallback(server, turn, this, kAlarmTurnMs, nullptr);
  if (code == UA_STATUSCODE_GOOD) code = UA_Server_run_startup(server);
  if (code != UA_STATUSCODE_GOOD) {
    return unexpected(ErrorCode::kIo, fmt::format("OPC UA server: cannot listen on {}:{}: {}", options.host,
                                                  port.load(), UA_StatusCode_name(code)));
  }
  return {};
}

core::Status Server::Impl::start() {
  ASSERT(!thread.joinable(), "OPC UA server started twice");
  drop();
  const auto free_port = probe(options.host, options.port);
  if (!free_port) return unexpected(free_port.error());
  port = *free_port;
  if (auto made = make_server(); !made) {
    drop();
    return made;
  }
  stopping = false;
  running = true;
  thread = std::thread([this] { run(); });
  log->info("OPC UA server listens on opc.tcp://{}:{}", options.host, port.load());
  return {};
}

void Server::Impl::run() {
  while (!stopping.load(std::memory_order_acquire)) {
    UA_Server_run_iterate(server, true);
    sessions.Set(static_cast<double>(UA_Server_getStatistics(server).ss.currentSessionCount));
  }
  send_alarms();
  UA_Server_run_shutdown(server);
}

void Server::Impl::send_alarms() {
  for (int i = 0; i < kAlarmsPerTurn; ++i) {
    const auto alarm = alarms.try_pop();
    if (!alarm) break;
    if (auto sent = conditions.notify(*alarm); !sent) {
      log->warn("alarm {} was not sent as an event: {}", alarm->id, sent.error().message);
      dropped_total.Increment();
    } else {
      events_total.Increment();
    }
  }
  conditions.turn();
}

void Server::Impl::stop() {
  if (!thread.joinable()) return;
  running = false;
  stopping.store(true, std::memory_order_release);
  thread.join();
  sessions.Set(0);
}

// Freeing a large address space takes its time, so that is not part of stop().
void Server::Impl::drop() {
  if (server != nullptr) UA_Server_delete(server);
  server = nullptr;
}

Server::Server(ServerOptions options, const asset::Model& model, const pipeline::LiveTable& live,
               const core::Texts& texts, core::Metrics& metrics, const ServerParts& parts)
    : impl_(std::make_unique<Impl>(std::move(options), model, live, texts, metrics, parts)) {}
Server::~Server() = default;

core::Status Server::start() {
  return impl_->start();
}
void Server::stop() {
  impl_->stop();
}

void Server::on_alarm(const alarms::Alarm& alarm) {
  if (!impl_->running.load(std::memory_order_acquire)) return;
  alarms::Alarm copied = alarm;
  if (!impl_->alarms.try_push(copied)) impl_->dropped_total.Increment();
}

std::string Server::endpoint() const {
  return fmt::format("opc.tcp://{}:{}", impl_->options.host, port());
}
std::uint16_t Server::port() const {
  return impl_->port;
}

bool ServerOptions::is_closed() const {
  return !anonymous && !users.empty() &&
         std::find(security.begin(), security.end(), security::Policy::kNone) == security.end();
}

namespace {

void read_limits(config::Section& section, ServerOptions& options) {
  const auto count = [&](std::string_view key, std::uint32_t& value, std::int64_t high) {
    value = static_cast<std::uint32_t>(section.integer(key, {.fallback = value, .low = 1, .high = high}));
  };
  count("max_sessions", options.max_sessions, 10'000);
  options.max_connections = std::max(options.max_connections, options.max_sessions + 10);
  count("max_connections", options.max_connections, 20'000);
  if (options.max_connections < options.max_sessions) {
    section.problem("max_connections", "must not be fewer than max_sessions: a session needs a connection");
  }
  count("max_subscriptions", options.max_subscriptions, 100'000);
  count("max_subscriptions_per_session", options.max_subscriptions_per_session, 10'000);
  count("max_monitored_items", options.max_monitored_items, 10'000'000);
  count("max_items_per_subscription", options.max_items_per_subscription, 10'000'000);
  count("max_queue", options.max_queue, 1'000'000);
  count("max_nodes_per_call", options.max_nodes_per_call, 1'000'000);
  count("max_history_values", options.max_history_values, 100'000);
  options.max_message_bytes =
      section.bytes("max_message_bytes", {.fallback = options.max_message_bytes, .low = 65536, .high = 1ULL << 30});
}

}  // namespace

ServerOptions read_options(config::Section section, const std::string& directory) {
  const ServerOptions fallback;
  ServerOptions options;
  options.enabled = section.boolean("enabled", fallback.enabled);
  options.host = section.text("host", {.fallback = fallback.host, .length_max = 255});
  options.port =
      static_cast<std::uint16_t>(section.integer("port", {.fallback = fallback.port, .low = 0, .high = 65535}));
  options.application_name =
      section.text("application_name", {.fallback = fallback.application_name, .length_max = 255});
  options.min_sampling_interval = section.duration(
      "min_sampling_interval",
      {.fallback = fallback.min_sampling_interval, .low = 5 * core::kMillisecond, .high = core::kHour});
  options.min_publishing_interval = section.duration(
      "min_publishing_interval",
      {.fallback = fallback.min_publishing_interval, .low = 5 * core::kMillisecond, .high = core::kHour});
  read_limits(section, options);
  options.alarm_queue = std::bit_ceil(static_cast<std::size_t>(section.integer(
      "alarm_queue", {.fallback = static_cast<std::int64_t>(fallback.alarm_queue), .low = 2, .high = 1 << 20})));
  options.nodesets = section.text("nodesets", {.fallback = ""});
  if (!options.nodesets.empty() && !options.nodesets.starts_with('/')) {
    options.nodesets = directory + "/" + options.nodesets;
  }
  read_security(section, directory, options);
  section.finish();
  return options;
}

}  // namespace millwright::opcua
