#include "connectors/opcua_client_link.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <string_view>

#include <fmt/format.h>
#include <open62541/client.h>
#include <open62541/client_config_default.h>
#include <open62541/plugin/log.h>

#include "connectors/opcua_client_endpoints.hpp"
#include "connectors/opcua_client_identity.hpp"
#include "connectors/opcua_client_values.hpp"
#include "core/log.hpp"
#include "core/text.hpp"

namespace millwright::connectors::opcua_detail {
namespace {

using core::ErrorCode;
using core::TimeNs;
using core::unexpected;

constexpr core::DurationNs kPatience = 50 * core::kMillisecond;  // between two looks at `stop`
constexpr std::size_t kOutstandingMax = 20;
constexpr std::size_t kMissedMax = 100;
constexpr std::size_t kChunkBytes = 8192;  // the smallest that a peer may fill (OPC 10000-6, 6.7.2)
constexpr std::size_t kChunksMore = 16;
constexpr std::size_t kNotificationBytes = 128;
// A publish request waits on the server until there is something to say.
constexpr std::uint32_t kPublishTimeoutMs = 10 * 60 * 1000;

std::uint32_t to_ms(core::DurationNs duration) {
  return static_cast<std::uint32_t>(std::clamp<core::DurationNs>(duration / core::kMillisecond, 1, 1'000'000'000));
}

}  // namespace

// open62541's log goes to ours at debug level. It is also the only place where the socket's errno can be had.
struct Link::Log {
  std::shared_ptr<spdlog::logger> logger = core::logger("opcua-client");
  UA_Logger adapter{};
  int socket_error = 0;

  Log() {
    adapter.context = this;
    adapter.log = &Log::write;
  }
  static void write(void* context, UA_LogLevel, UA_LogCategory, const char* format, va_list arguments)
      __attribute__((format(printf, 4, 0))) {
    auto& self = *static_cast<Log*>(context);
    char text[1024];
    if (std::vsnprintf(text, sizeof text, format, arguments) < 0) return;
    constexpr std::string_view kMark = "closes with error ";
    const std::string_view line(text);
    if (const std::size_t at = line.find(kMark); at != std::string_view::npos) {
      self.socket_error = static_cast<int>(core::parse_int(line.substr(at + kMark.size())).value_or(0));
    }
    self.logger->debug("open62541: {}", line);
  }
};

// A service call in flight. It outlives a caller that gave up, until open62541 drops it.
struct Link::Pending {
  void* response = nullptr;  // nullptr: nobody waits any more
  std::size_t size = 0;
  bool done = false;

  static void on_response(UA_Client*, void* context, UA_UInt32, void* response) {
    auto* self = static_cast<Pending*>(context);
    if (self->response == nullptr) {
      delete self;
      return;
    }
    // The caller takes what the response owns; what is left here clears to nothing.
    std::memcpy(self->response, response, self->size);
    std::memset(response, 0, self->size);
    self->done = true;
  }
};

struct Link::Publish {
  Link* link;
  static void on_response(UA_Client*, void* context, UA_UInt32, void* response) {
    const std::unique_ptr<Publish> self(static_cast<Publish*>(context));
    self->link->on_publish(*static_cast<UA_PublishResponse*>(response));
  }
};

Link::Link(const OpcUaClientOptions& options, const io::Clock& clock, const std::atomic<bool>& stop, Sink& sink)
    : options_(options), clock_(clock), stop_(stop), sink_(sink), log_(std::make_unique<Log>()) {}

core::Result<std::unique_ptr<Link>> Link::open(const OpcUaClientOptions& options, const std::string& endpoint,
                                               security::CertificateStore* certificates, const std::string& name,
                                               const io::Clock& clock, const std::atomic<bool>& stop, Sink& sink) {
  std::unique_ptr<Link> link(new Link(options, clock, stop, sink));
  if (auto started = link->start(endpoint, name, certificates); !started) return unexpected(started.error());
  return link;
}

core::Result<std::unique_ptr<Link>> Link::open_channel(const OpcUaClientOptions& options, const std::string& endpoint,
                                                       const io::Clock& clock, const std::atomic<bool>& stop,
                                                       Sink& sink) {
  std::unique_ptr<Link> link(new Link(options, clock, stop, sink));
  link->is_channel_ = true;
  if (auto started = link->start(endpoint, "discovery", nullptr); !started) return unexpected(started.error());
  return link;
}

core::Status Link::start(const std::string& endpoint, const std::string& name,
                         security::CertificateStore* certificates) {
  UA_ClientConfig config;
  std::memset(&config, 0, sizeof config);
  config.logging = &log_->adapter;
  if (const UA_StatusCode code = UA_ClientConfig_setDefault(&config); code != UA_STATUSCODE_GOOD) {
    UA_ClientConfig_clear(&config);
    return unexpected(ErrorCode::kUnavailable, reason_of(code));
  }
  if (auto configured = configure(config, endpoint, name, certificates); !configured) {
    UA_ClientConfig_clear(&config);
    return configured;
  }
  client_ = UA_Client_newWithConfig(&config);
  if (client_ == nullptr) {
    UA_ClientConfig_clear(&config);
    return unexpected(ErrorCode::kUnavailable, "out of memory");
  }
  const UA_StatusCode begun = is_channel_ ? UA_Client_connectSecureChannelAsync(client_, endpoint.c_str())
                                          : UA_Client_connectAsync(client_, endpoint.c_str());
  if (begun != UA_STATUSCODE_GOOD) return unexpected(ErrorCode::kUnavailable, connection_reason(begun));
  const core::Status opened = wait_until_active();
  return opened ? opened : unexpected(refusal(opened.error(), endpoint));
}

core::Status Link::wait_until_active() {
  const TimeNs deadline = clock_.monotonic() + options_.request_timeout;
  while (!active_) {
    if (auto pumped = pump(kPatience); !pumped) return pumped;
    if (!active_ && clock_.monotonic() > deadline) {
      answering_ = false;
      return unexpected(ErrorCode::kUnavailable,
                        fmt::format("no answer within {}", core::format_duration(options_.request_timeout)));
    }
  }
  return {};
}

// Where open62541 chose the endpoint and found none, what there is is worth a question.
core::Error Link::refusal(const core::Error& error, const std::string& endpoint) const {
  UA_StatusCode status = UA_STATUSCODE_GOOD;
  UA_Client_getState(client_, nullptr, nullptr, &status);
  if (is_channel_ || takes_certificates(options_) || status != UA_STATUSCODE_BADIDENTITYTOKENREJECTED) return error;
  const auto found = discover(options_, endpoint, clock_, stop_);
  if (!found) return error;
  const auto choice = choose_endpoint(*found->endpoints, options_);
  return choice ? error : choice.error();
}

core::Status Link::configure(UA_ClientConfig& config, const std::string& endpoint, const std::string& name,
                             security::CertificateStore* certificates) {
  config.timeout = to_ms(options_.request_timeout);
  // A peer may send without end: what is too large ends the connection.
  config.localConnectionConfig.localMaxMessageSize = static_cast<UA_UInt32>(options_.message_bytes_max);
  config.localConnectionConfig.localMaxChunkCount =
      static_cast<UA_UInt32>(options_.message_bytes_max / kChunkBytes + kChunksMore);
  config.requestedSessionTimeout = to_ms(options_.session_timeout);
  config.sessionName = copy(fmt::format("millwright {}", name));
  UA_String_clear(&config.clientDescription.applicationUri);
  config.clientDescription.applicationUri = copy("urn:millwright:opcua-client");
  config.clientDescription.applicationName.text = copy("Millwright");
  if (is_channel_) {
    // An endpoint that is given is not looked for: a server may have none without security.
    config.noSession = true;
    config.endpoint.endpointUrl = copy(endpoint);
    config.endpoint.securityMode = UA_MESSAGESECURITYMODE_NONE;
    config.endpoint.securityPolicyUri = copy(security::uri_of(security::Policy::kNone));
    return {};
  }
  // A server ends a session that says nothing.
  config.connectivityCheckInterval = to_ms(std::min(options_.session_timeout / 3, options_.keep_alive));
  config.inactivityCallback = &Link::on_inactivity;
  config.clientContext = this;
  if (!takes_certificates(options_)) return {};
  ASSERT(certificates != nullptr, "a secure OPC UA connection has no certificates");
  return choose(config, endpoint, *certificates);
}

// The answer to which endpoints there are comes unprotected, so what the endpoint has to be is fixed here and not left
// to it: mode, policy, how the user is told, and a server's certificate that is trusted. open62541 then uses just that.
core::Status Link::choose(UA_ClientConfig& config, const std::string& endpoint,
                          security::CertificateStore& certificates) {
  const auto found = discover(options_, endpoint, clock_, stop_);
  if (!found) return unexpected(found.error());
  const auto choice = choose_endpoint(*found->endpoints, options_);
  if (!choice) return unexpected(choice.error());
  if (auto trusted = certificates.check(view(choice->endpoint->serverCertificate)); !trusted) {
    return unexpected(ErrorCode::kUnavailable, trusted.error().message);
  }
  peer_.emplace(certificates, [](const std::string&) {});
  peer_->put_into(config.certificateVerification);
  const auto own = certificates.own();
  if (!own) return unexpected(own.error().within("the plant's certificate"));
  UA_String_clear(&config.clientDescription.applicationUri);
  config.clientDescription.applicationUri = copy(own->info.application_uri);
  put_endpoint(*choice, config);
  return put_security(options_, *choice, *own, config);
}

Link::~Link() {
  if (client_ == nullptr) return;
  UA_SecureChannelState channel = UA_SECURECHANNELSTATE_CLOSED;
  if (active_ && lost_.empty() && answering_) {
    const TimeNs deadline = clock_.monotonic() + 500 * core::kMillisecond;
    lost_ = "closing";
    if (UA_Client_disconnectAsync(client_) == UA_STATUSCODE_GOOD) {
      do {
        UA_Client_run_iterate(client_, 10);
        UA_Client_getState(client_, &channel, nullptr, nullptr);
      } while (channel != UA_SECURECHANNELSTATE_CLOSED && clock_.monotonic() < deadline);
    }
  }
  lost_ = "closing";
  // Without the session first, so that deleting does not wait for an answer to CloseSession.
  UA_Client_disconnectSecureChannel(client_);
  UA_Client_delete(client_);
}

std::string Link::connection_reason(UA_StatusCode code) const {
  if (peer_ && !peer_->last_problem().empty()) return peer_->last_problem();
  const bool no_connection = code == UA_STATUSCODE_BADCONNECTIONREJECTED || code == UA_STATUSCODE_BADCONNECTIONCLOSED;
  if (!no_connection || log_->socket_error == 0) return reason_of(code);
  std::string text = std::strerror(log_->socket_error);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] + ('a' - 'A'));
  return text;
}

void Link::lose(std::string reason) {
  if (lost_.empty()) lost_ = std::move(reason);
}

core::Status Link::pump(core::DurationNs timeout) {
  if (stop_.load(std::memory_order_acquire)) return unexpected(ErrorCode::kClosed, "stopping");
  if (lost_.empty()) UA_Client_run_iterate(client_, to_ms(timeout));
  UA_SecureChannelState channel = UA_SECURECHANNELSTATE_CLOSED;
  UA_SessionState session = UA_SESSIONSTATE_CLOSED;
  UA_StatusCode status = UA_STATUSCODE_GOOD;
  UA_Client_getState(client_, &channel, &session, &status);
  if (status != UA_STATUSCODE_GOOD) lose(connection_reason(status));
  const bool now_active =
      (is_channel_ || session == UA_SESSIONSTATE_ACTIVATED) && channel == UA_SECURECHANNELSTATE_OPEN;
  if (is_channel_) {
    active_ = now_active;
    return lost_.empty() ? core::Status{} : unexpected(ErrorCode::kUnavailable, lost_);
  }
  if (active_ && !now_active) lose(connection_reason(UA_STATUSCODE_BADCONNECTIONCLOSED));
  if (now_active && !active_) {
    active_ = true;
    // From here on the owner reconnects, with what it has to say and restore.
    UA_Client_getConfig(client_)->noReconnect = true;
  }
  if (!lost_.empty()) return unexpected(ErrorCode::kUnavailable, lost_);
  return {};
}

core::Status Link::call(void* request, const UA_DataType* request_type, void* response,
                        const UA_DataType* response_type) {
  last_result_ = UA_STATUSCODE_GOOD;
  auto* pending = new Pending{.response = response, .size = response_type->memSize};
  const UA_StatusCode sent =
      __UA_Client_AsyncService(client_, request, request_type, &Pending::on_response, response_type, pending, nullptr);
  if (sent != UA_STATUSCODE_GOOD) {
    delete pending;
    lose(connection_reason(sent));
    return unexpected(ErrorCode::kUnavailable, lost_);
  }
  while (!pending->done) {
    if (auto pumped = pump(kPatience); !pumped && !pending->done) {
      pending->response = nullptr;
      return pumped;
    }
    top_up();
  }
  delete pending;
  // Every response begins with its header.
  const UA_StatusCode result = static_cast<UA_ResponseHeader*>(response)->serviceResult;
  if (result == UA_STATUSCODE_GOOD) return {};
  last_result_ = result;
  if (result == UA_STATUSCODE_BADTIMEOUT) answering_ = false;
  if (is_channel_ && result == UA_STATUSCODE_BADSECURECHANNELCLOSED) {
    active_ = false;  // ask() asks again
    return unexpected(ErrorCode::kUnavailable, reason_of(result));
  }
  const bool fatal = result == UA_STATUSCODE_BADTIMEOUT || result == UA_STATUSCODE_BADSECURECHANNELCLOSED ||
                     result == UA_STATUSCODE_BADSESSIONIDINVALID || result == UA_STATUSCODE_BADSESSIONCLOSED ||
                     result == UA_STATUSCODE_BADSUBSCRIPTIONIDINVALID;
  if (fatal) lose(reason_of(result));
  return unexpected(fatal ? ErrorCode::kUnavailable : ErrorCode::kInvalid, reason_of(result));
}

core::Result<std::uint32_t> Link::subscribe() {
  Ua<UA_CreateSubscriptionRequest, UA_TYPES_CREATESUBSCRIPTIONREQUEST> request;
  const double publishing_ms = static_cast<double>(options_.publishing_interval) / core::kMillisecond;
  const auto keep_alives = std::max<core::DurationNs>(1, options_.keep_alive / options_.publishing_interval);
  request->requestedPublishingInterval = publishing_ms;
  request->requestedMaxKeepAliveCount = static_cast<UA_UInt32>(std::min<core::DurationNs>(keep_alives, 100'000));
  request->requestedLifetimeCount = request->requestedMaxKeepAliveCount * 6;
  request->publishingEnabled = true;
  // So that a message of numbers stays well within what is taken at once.
  request->maxNotificationsPerPublish =
      static_cast<UA_UInt32>(std::max<std::size_t>(1, options_.message_bytes_max / kNotificationBytes));
  auto response = call<Ua<UA_CreateSubscriptionResponse, UA_TYPES_CREATESUBSCRIPTIONRESPONSE>>(request);
  if (!response) return unexpected(response.error());
  const UA_CreateSubscriptionResponse& made = **response;
  const double keep_alive_ms = std::clamp(made.revisedPublishingInterval * made.revisedMaxKeepAliveCount, 1.0, 3.6e6);
  subscriptions_.push_back(
      {.id = made.subscriptionId,
       .silence_max = static_cast<core::DurationNs>(2 * keep_alive_ms * core::kMillisecond) + core::kSecond,
       .last_word = clock_.monotonic()});
  settle_publishing();
  return made.subscriptionId;
}

void Link::settle_publishing() {
  outstanding_max_ = std::min(kOutstandingMax, subscriptions_.size() + 2);
  top_up();
}

core::Status Link::unsubscribe(std::uint32_t id) {
  std::erase_if(subscriptions_, [id](const Subscription& each) { return each.id == id; });
  Ua<UA_DeleteSubscriptionsRequest, UA_TYPES_DELETESUBSCRIPTIONSREQUEST> request;
  request->subscriptionIds = static_cast<UA_UInt32*>(UA_Array_new(1, &UA_TYPES[UA_TYPES_UINT32]));
  ASSERT(request->subscriptionIds != nullptr, "out of memory");
  request->subscriptionIdsSize = 1;
  request->subscriptionIds[0] = id;
  const auto response = call<Ua<UA_DeleteSubscriptionsResponse, UA_TYPES_DELETESUBSCRIPTIONSRESPONSE>>(request);
  return response || response.error().code == ErrorCode::kInvalid ? core::Status{} : unexpected(response.error());
}

// Also a connector that only gives commands, and so has no subscription, is heard of and hears.
void Link::on_inactivity(UA_Client* client) {
  auto& self = *static_cast<Link*>(UA_Client_getContext(client));
  self.answering_ = false;
  self.lose(reason_of(UA_STATUSCODE_BADTIMEOUT));
}

core::Status Link::iterate(core::DurationNs timeout) {
  top_up();
  if (auto pumped = pump(timeout); !pumped) return pumped;
  if (!missed_.empty()) fetch_missed();
  top_up();
  return check_words();
}

core::Status Link::check_words() {
  const TimeNs now = clock_.monotonic();
  for (const Subscription& subscription : subscriptions_) {
    const core::DurationNs silence = now - subscription.last_word;
    if (silence <= subscription.silence_max) continue;
    answering_ = false;
    lose(fmt::format("no sign of life for {}", core::format_duration(silence / core::kSecond * core::kSecond)));
    return unexpected(ErrorCode::kUnavailable, lost_);
  }
  return {};
}

void Link::top_up() {
  while (!subscriptions_.empty() && lost_.empty() && outstanding_ < outstanding_max_) {
    UA_PublishRequest request;
    UA_PublishRequest_init(&request);
    request.requestHeader.timeoutHint = kPublishTimeoutMs;
    request.subscriptionAcknowledgements = acknowledgements_.data();
    request.subscriptionAcknowledgementsSize = acknowledgements_.size();
    auto publish = std::make_unique<Publish>(Publish{this});
    const UA_StatusCode sent =
        __UA_Client_AsyncService(client_, &request, &UA_TYPES[UA_TYPES_PUBLISHREQUEST], &Publish::on_response,
                                 &UA_TYPES[UA_TYPES_PUBLISHRESPONSE], publish.get(), nullptr);
    if (sent != UA_STATUSCODE_GOOD) return lose(connection_reason(sent));
    static_cast<void>(publish.release());
    acknowledgements_.clear();
    ++outstanding_;
  }
}

Subscription* Link::find(std::uint32_t id) {
  const auto at = std::find_if(subscriptions_.begin(), subscriptions_.end(), [&](const auto& s) { return s.id == id; });
  return at != subscriptions_.end() ? &*at : nullptr;
}

void Link::on_publish(UA_PublishResponse& response) {
  --outstanding_;
  if (!lost_.empty()) return;
  const UA_StatusCode result = response.responseHeader.serviceResult;
  if (result == UA_STATUSCODE_BADTOOMANYPUBLISHREQUESTS) {
    outstanding_max_ = std::max<std::size_t>(1, outstanding_);
    return;
  }
  if (result == UA_STATUSCODE_BADNOSUBSCRIPTION && subscriptions_.empty()) return;  // the last was just deleted
  if (result == UA_STATUSCODE_BADTIMEOUT) return;  // the next one is sent; silence is judged by itself
  if (result != UA_STATUSCODE_GOOD) return lose(connection_reason(result));
  Subscription* subscription = find(response.subscriptionId);
  if (subscription == nullptr) return;
  const UA_NotificationMessage& message = response.notificationMessage;
  if (message.notificationDataSize != 0) {
    const std::uint32_t gap = message.sequenceNumber - subscription->next_sequence;
    // Half of the range ahead is behind: a server that counts backwards is not missing anything.
    if (gap != 0 && gap < 0x80000000U) {
      sink_.on_missed(gap);
      for (std::uint32_t i = 0; i < std::min<std::uint32_t>(gap, kMissedMax); ++i) {
        missed_.push_back({subscription->id, subscription->next_sequence + i});
      }
    }
    subscription->next_sequence = message.sequenceNumber + 1 == 0 ? 1 : message.sequenceNumber + 1;
    take(*subscription, message);
    acknowledgements_.push_back({subscription->id, message.sequenceNumber});
  }
  subscription->last_word = clock_.monotonic();
  subscription->speaks_until = 0;
}

void Link::take(Subscription& subscription, const UA_NotificationMessage& message) {
  const TimeNs begin = clock_.monotonic();
  for (std::size_t i = 0; i < message.notificationDataSize; ++i) {
    const UA_ExtensionObject& object = message.notificationData[i];
    if (object.encoding != UA_EXTENSIONOBJECT_DECODED) continue;
    if (object.content.decoded.type == &UA_TYPES[UA_TYPES_DATACHANGENOTIFICATION]) {
      const auto& change = *static_cast<const UA_DataChangeNotification*>(object.content.decoded.data);
      for (std::size_t k = 0; k < change.monitoredItemsSize; ++k) {
        sink_.on_value(change.monitoredItems[k].clientHandle, change.monitoredItems[k].value);
      }
    } else if (object.content.decoded.type == &UA_TYPES[UA_TYPES_STATUSCHANGENOTIFICATION]) {
      const auto& change = *static_cast<const UA_StatusChangeNotification*>(object.content.decoded.data);
      if (change.status != UA_STATUSCODE_GOOD) {
        lose(fmt::format("the server ended subscription {}: {}", subscription.id, reason_of(change.status)));
      }
    }
  }
  if (!sink_.on_message_end()) lose("the pipeline has stopped");
  // While the pipeline made us wait we did not listen; that silence was not the server's.
  const core::DurationNs waited = clock_.monotonic() - begin;
  for (Subscription& each : subscriptions_) each.last_word += waited;
}

// What the server sent and we did not get may still be in its retransmission queue.
void Link::fetch_missed() {
  const std::vector<Missed> missed = std::move(missed_);
  missed_.clear();
  for (const Missed& each : missed) {
    Ua<UA_RepublishRequest, UA_TYPES_REPUBLISHREQUEST> request;
    request->subscriptionId = each.subscription;
    request->retransmitSequenceNumber = each.sequence;
    auto response = call<Ua<UA_RepublishResponse, UA_TYPES_REPUBLISHRESPONSE>>(request);
    if (!response) continue;
    if (Subscription* subscription = find(each.subscription)) {
      take(*subscription, (*response)->notificationMessage);
      acknowledgements_.push_back({each.subscription, each.sequence});
    }
  }
}

}  // namespace millwright::connectors::opcua_detail
