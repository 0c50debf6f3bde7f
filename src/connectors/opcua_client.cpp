#include "connectors/opcua_client.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <span>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "config/secret.hpp"
#include "connectors/command_queue.hpp"
#include "connectors/opcua_client_commands.hpp"
#include "connectors/opcua_client_items.hpp"
#include "connectors/opcua_client_link.hpp"
#include "connectors/opcua_client_monitor.hpp"
#include "core/log.hpp"
#include "core/mutex.hpp"
#include "io/random.hpp"

namespace millwright::connectors {
namespace {

using core::ErrorCode;
using namespace opcua_detail;

// How long one wait for the network lasts; also how soon a stop is seen.
constexpr core::DurationNs kTurn = 50 * core::kMillisecond;
// A connection that took over subscriptions and does not last so long may have ended of that.
constexpr core::DurationNs kConfused = 3 * core::kSecond;
constexpr int kShortHandovers = 5;

class OpcUaClient final : public Connector {
 public:
  OpcUaClient(std::string name, OpcUaClientOptions options, const ConnectorContext& context,
              security::CertificateStore* certificates)
      : name_(std::move(name)),
        options_(std::move(options)),
        context_(context),
        certificates_(certificates),
        log_(core::logger("opcua-client")),
        items_(name_, context, options_),
        connected_(context.metrics.gauge("millwright_opcua_client_connected", "1 while the session is up",
                                         {{"connector", name_}})),
        subscribed_(context.metrics.gauge("millwright_opcua_client_subscribed_sensors",
                                          "Sensors whose node is monitored", {{"connector", name_}})),
        reconnects_total_(context.metrics.counter("millwright_opcua_client_reconnects_total",
                                                  "Connections made after the first", {{"connector", name_}})),
        random_(io::entropy()) {
    status_.name = name_;
    status_.kind = "opcua";
    status_.since = context.clock.now();
  }
  ~OpcUaClient() override { stop_thread(); }

  core::Status start() override;
  void stop() override { stop_thread(); }
  [[nodiscard]] ConnectorStatus status() const override;
  core::Result<std::string> execute(const asset::Command& command, std::span<const asset::CommandValue> values,
                                    core::DurationNs timeout) override {
    return commands_.ask(command, values, timeout);
  }

 private:
  void stop_thread();
  void run();
  core::Error run_connection();
  core::Error serve(Link& link, const std::vector<Subscription>& left);
  void tell_lost(const core::Error& why);
  void back_off(const core::Error& why);
  [[nodiscard]] const std::string& endpoint() const { return at_ == 0 ? options_.endpoint : options_.others[at_ - 1]; }
  void set_state(ConnectorState state, std::string detail);
  std::string connected_detail();

  const std::string name_;
  const OpcUaClientOptions options_;
  const ConnectorContext context_;
  security::CertificateStore* const certificates_;
  std::shared_ptr<spdlog::logger> log_;
  Items items_;
  CommandQueue commands_{[] {}};  // looked at every turn
  core::Gauge& connected_;
  core::Gauge& subscribed_;
  core::Counter& reconnects_total_;
  io::Random random_;
  core::DurationNs pause_ = 0;
  std::size_t at_ = 0;              // which endpoint
  std::vector<Subscription> left_;  // of the last connection, at its server
  std::size_t left_at_ = 0;
  int short_handovers_ = 0;        // in a row
  bool hands_over_ = true;         // servers do, or say that they do not; one that fails at it is not asked again
  std::size_t failed_ = 0;         // endpoints in a row
  core::TimeNs connected_at_ = 0;  // monotonic; 0: it is not
  bool has_connected_ = false;
  bool told_lost_ = false;  // all sensors are marked

  std::thread thread_;
  std::atomic<bool> stop_{false};
  core::Mutex stop_mutex_;
  core::Condition stop_changed_;
  mutable core::Mutex mutex_;
  ConnectorStatus status_ GUARDED_BY(mutex_);
};

core::Status OpcUaClient::start() {
  ASSERT(!thread_.joinable(), "connector started twice");
  stop_ = false;
  set_state(ConnectorState::kConnecting, fmt::format("connecting to {}", endpoint()));
  thread_ = std::thread([this] { run(); });
  return {};
}

void OpcUaClient::stop_thread() {
  if (!thread_.joinable()) return;
  {
    core::MutexLock lock(stop_mutex_);
    stop_.store(true, std::memory_order_release);
    stop_changed_.notify_all();
  }
  thread_.join();
  commands_.close("the connector was stopped");
  connected_.Set(0);
  set_state(ConnectorState::kStopped, "stopped");
}

ConnectorStatus OpcUaClient::status() const {
  core::MutexLock lock(mutex_);
  ConnectorStatus status = status_;
  status.readings = items_.intake().readings();
  status.refused = items_.intake().refused();
  return status;
}

void OpcUaClient::set_state(ConnectorState state, std::string detail) {
  core::MutexLock lock(mutex_);
  if (status_.state != state) status_.since = context_.clock.now();
  status_.state = state;
  status_.detail = std::move(detail);
}

void OpcUaClient::run() {
  while (!stop_.load(std::memory_order_acquire)) {
    const core::Error why = run_connection();
    if (why.code == ErrorCode::kClosed) break;
    // Servers that hang up soon are not asked round and round without a pause.
    if (connected_at_ != 0 && context_.clock.monotonic() - connected_at_ >= options_.retry_max) failed_ = 0;
    connected_at_ = 0;
    tell_lost(why);
    at_ = (at_ + 1) % (options_.others.size() + 1);
    if (++failed_ > options_.others.size()) back_off(why);
  }
  items_.keep_gaps(true);
}

std::string OpcUaClient::connected_detail() {
  return fmt::format("connected to {}, {} of {} sensors subscribed{}", endpoint(), items_.active(), items_.sensors(),
                     items_.problems());
}

// From connecting to the loss of the connection; says why it was lost.
core::Error OpcUaClient::run_connection() {
  set_state(ConnectorState::kConnecting, fmt::format("connecting to {}", endpoint()));
  items_.begin_connection();
  auto link = Link::open(options_, endpoint(), certificates_, name_, context_.clock, stop_, items_);
  if (!link) return link.error().within("connecting to " + endpoint());
  if (has_connected_) {
    reconnects_total_.Increment();
    core::MutexLock lock(mutex_);
    ++status_.reconnects;
  }
  has_connected_ = true;
  // What a connection leaves behind is the next one's, where that is to the same server.
  const std::vector<Subscription> left =
      left_at_ == at_ && hands_over_ ? std::move(left_) : std::vector<Subscription>();
  const core::TimeNs begun = context_.clock.monotonic();
  const core::Error why = serve(**link, left);
  // Some confuse the answers that they owe to the one that is gone with this one's. A network may do that as well, but
  // not time and again.
  const bool is_short = !left.empty() && context_.clock.monotonic() - begun < kConfused;
  short_handovers_ = is_short ? short_handovers_ + 1 : 0;
  if (is_short && (why.code == ErrorCode::kInvalid || short_handovers_ == kShortHandovers)) hands_over_ = false;
  left_ = (*link)->subscriptions();
  left_at_ = at_;
  return why;
}

core::Error OpcUaClient::serve(Link& link, const std::vector<Subscription>& left) {
  Monitor monitor(options_, items_, link, context_.clock);
  const std::string context = "connection to " + endpoint();
  if (auto resumed = monitor.resume(left); !resumed) return resumed.error().within(context);
  if (auto made = monitor.subscribe_missing(); !made) return made.error().within(context);
  told_lost_ = false;
  pause_ = 0;
  connected_at_ = context_.clock.monotonic();
  connected_.Set(1);
  subscribed_.Set(static_cast<double>(items_.active()));
  set_state(ConnectorState::kConnected, connected_detail());
  log_->info("{}: {}", name_, connected_detail());
  if (auto learnt = monitor.learn_types(); !learnt) return learnt.error().within(context);

  Commander commander(link);
  commands_.open();
  core::TimeNs retry_at = context_.clock.monotonic() + options_.bad_node_retry;
  for (;;) {
    // What was missed comes in slices between the turns, so that it holds up neither new values nor commands.
    const core::DurationNs turn = monitor.is_filling() ? core::kMillisecond : kTurn;
    if (auto turned = link.iterate(turn); !turned) return turned.error().within(context);
    commands_.serve([&](const auto& command, auto values) { return commander.execute(command, values); });
    if (auto learnt = monitor.learn_types(); !learnt) return learnt.error().within(context);
    if (auto filled = monitor.fill_some(); !filled) return filled.error().within(context);
    items_.keep_gaps(false);
    const auto replaced = monitor.replace_dumb();
    if (!replaced) return replaced.error().within(context);
    hands_over_ = hands_over_ && !*replaced;
    if (items_.problems_changed()) set_state(ConnectorState::kConnected, connected_detail());
    if (context_.clock.monotonic() < retry_at) continue;
    if (!items_.all_active()) {
      if (auto made = monitor.subscribe_missing(); !made) return made.error().within(context);
      subscribed_.Set(static_cast<double>(items_.active()));
      set_state(ConnectorState::kConnected, connected_detail());
    }
    retry_at = context_.clock.monotonic() + options_.bad_node_retry;
  }
}

void OpcUaClient::tell_lost(const core::Error& why) {
  commands_.close(why.message);
  connected_.Set(0);
  subscribed_.Set(0);
  if (told_lost_) return;
  items_.say(core::kBadNoCommunication);
  log_->warn("{}: {}", name_, why.message);
  told_lost_ = true;
}

void OpcUaClient::back_off(const core::Error& why) {
  failed_ = 0;
  pause_ = pause_ == 0 ? options_.retry_min : std::min(pause_ * 2, options_.retry_max);
  // Spread by a quarter either way, so that many clients do not come back in step.
  const auto spread = static_cast<core::DurationNs>(static_cast<double>(pause_) * (0.75 + 0.5 * random_.uniform()));
  const core::DurationNs wait = std::clamp(spread, options_.retry_min, options_.retry_max);
  const core::DurationNs shown = std::max(core::floor_to(wait, 100 * core::kMillisecond), 100 * core::kMillisecond);
  std::string detail = fmt::format("{}; trying again in {}", why.message, core::format_duration(shown));
  set_state(ConnectorState::kBackingOff, std::move(detail));
  const core::TimeNs until = context_.clock.monotonic() + wait;
  core::MutexLock lock(stop_mutex_);
  while (!stop_.load(std::memory_order_acquire)) {
    const core::DurationNs left = until - context_.clock.monotonic();
    if (left <= 0) return;
    stop_changed_.wait_for(stop_mutex_, std::chrono::nanoseconds(left));
  }
}

}  // namespace

namespace {

void read_endpoints(config::Section& section, OpcUaClientOptions& options) {
  const auto check = [&](std::string_view key, const std::string& endpoint) {
    if (endpoint.empty() || endpoint.starts_with("opc.tcp://")) return;
    section.problem(key, "an OPC UA endpoint begins with opc.tcp://, as in opc.tcp://10.0.0.5:4840");
  };
  std::vector<std::string> all = section.texts("endpoints");
  if (all.empty()) {
    options.endpoint = section.text("endpoint", {.fallback = {}, .length_max = 1024});
    return check("endpoint", options.endpoint);
  }
  if (section.has("endpoint")) section.problem("endpoints", "give either 'endpoint' or 'endpoints'");
  for (const std::string& endpoint : all) check("endpoints", endpoint);
  options.endpoint = all.front();
  options.others.assign(all.begin() + 1, all.end());
}

void read_security(config::Section& section, const std::string& directory, OpcUaClientOptions& options) {
  constexpr std::array<std::string_view, 3> kModes{"none", "sign", "encrypt"};
  options.security = static_cast<MessageSecurity>(section.choice("security", kModes, 0));
  // "none" is what `security` says, so it is no policy here.
  const std::span<const std::string_view> policies(security::kPolicyNames.begin() + 1, security::kPolicyNames.end());
  options.policy = static_cast<security::Policy>(section.choice("policy", policies, 0) + 1);
  options.user = section.text("user", {.fallback = "", .length_max = 255});
  options.password_file = config::read_path(section, "password_file", directory);
  options.user_certificate = config::read_path(section, "user_certificate", directory);
  options.user_key = config::read_path(section, "user_key", directory);
  if (options.user.empty() != options.password_file.empty()) {
    section.problem("user", "'user' and 'password_file' belong together");
  }
  if (options.user_certificate.empty() != options.user_key.empty()) {
    section.problem("user_certificate", "'user_certificate' and 'user_key' belong together");
  }
  if (!options.user.empty() && !options.user_certificate.empty()) {
    section.problem("user_certificate", "give either 'user' with its password, or 'user_certificate'");
  }
  if (!options.user_certificate.empty() && options.security == MessageSecurity::kNone) {
    section.problem("user_certificate", "a user's certificate takes 'security: sign' or 'security: encrypt'");
  }
}

}  // namespace

OpcUaClientOptions read_opcua_client_options(config::Section& section, const std::string& directory) {
  const OpcUaClientOptions fallback;
  OpcUaClientOptions options;
  read_endpoints(section, options);
  read_security(section, directory, options);
  constexpr core::DurationNs kHour = core::kHour;
  const auto duration = [&](std::string_view key, core::DurationNs value, core::DurationNs low, core::DurationNs high) {
    return section.duration(key, {.fallback = value, .low = low, .high = high});
  };
  const auto count = [&](std::string_view key, std::int64_t value, std::int64_t high) {
    return section.integer(key, {.fallback = value, .low = 1, .high = high});
  };
  options.publishing_interval =
      duration("publishing_interval", fallback.publishing_interval, core::kMillisecond, kHour);
  options.sampling_interval = duration("sampling_interval", fallback.sampling_interval, 0, kHour);
  options.queue_size = static_cast<std::uint32_t>(count("queue_size", fallback.queue_size, 1'000'000));
  const std::string band = section.text("dead_band", {.fallback = "0", .length_max = 64});
  if (auto parsed = parse_dead_band(band)) {
    options.dead_band = *parsed;
  } else {
    section.problem("dead_band", parsed.error().message);
  }
  options.message_bytes_max = static_cast<std::size_t>(
      section.bytes("message_bytes_max", {.fallback = fallback.message_bytes_max, .low = 65536, .high = 1ULL << 30}));
  options.items_per_call = static_cast<std::size_t>(count("items_per_call", fallback.items_per_call, 10'000));
  options.items_per_subscription =
      static_cast<std::size_t>(count("items_per_subscription", fallback.items_per_subscription, 1'000'000));
  options.keep_alive = duration("keep_alive", fallback.keep_alive, 10 * core::kMillisecond, kHour);
  options.session_timeout = duration("session_timeout", fallback.session_timeout, core::kSecond, 24 * kHour);
  options.request_timeout = duration("request_timeout", fallback.request_timeout, 100 * core::kMillisecond, kHour);
  options.bad_node_retry = duration("bad_node_retry", fallback.bad_node_retry, 100 * core::kMillisecond, 24 * kHour);
  options.backfill = duration("backfill", fallback.backfill, 0, 365 * 24 * kHour);
  options.retry_min = duration("retry_min", fallback.retry_min, 10 * core::kMillisecond, kHour);
  options.retry_max =
      duration("retry_max", std::max(fallback.retry_max, options.retry_min), 10 * core::kMillisecond, kHour);
  if (options.retry_max < options.retry_min) {
    section.problem("retry_max", "must not be shorter than retry_min");
    options.retry_max = options.retry_min;
  }
  return options;
}

std::unique_ptr<Connector> make_opcua_client(std::string name, const OpcUaClientOptions& options,
                                             const ConnectorContext& context,
                                             security::CertificateStore* certificates) {
  return std::make_unique<OpcUaClient>(std::move(name), options, context, certificates);
}

}  // namespace millwright::connectors
