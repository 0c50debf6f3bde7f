#include "forwarding/kafka_transport.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <unordered_map>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <librdkafka/rdkafka.h>
#include <sys/socket.h>

#include "asset/address.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "io/dead_peer.hpp"

namespace millwright::forwarding {
namespace {

using core::ErrorCode;
using std::chrono::steady_clock;

constexpr auto kLookEvery = std::chrono::seconds(3);  // whether the broker is there, while nothing is sent
constexpr auto kTellEvery = std::chrono::seconds(1);  // how a delivery stands that takes so long
constexpr int kLookMs = 5000;
constexpr int kPollMs = 100;
constexpr core::DurationNs kSetUpTimeout = 3 * core::kSecond;  // of a connection, TLS and signing in included
constexpr const char* kHistorical = "historical";
constexpr std::size_t kErrorBytes = 512;

struct Destroy {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
  void operator()(rd_kafka_t* producer) const { rd_kafka_destroy(producer); }
  void operator()(rd_kafka_error_t* error) const { rd_kafka_error_destroy(error); }
};
using Conf = std::unique_ptr<rd_kafka_conf_t, Destroy>;
using Producer = std::unique_ptr<rd_kafka_t, Destroy>;
using Error = std::unique_ptr<rd_kafka_error_t, Destroy>;

// Of one message of the batch.
constexpr rd_kafka_resp_err_t kPending = RD_KAFKA_RESP_ERR__IN_PROGRESS;

bool refused_for_good(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || error == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE ||
         error == RD_KAFKA_RESP_ERR_INVALID_RECORD || error == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
}

class KafkaTransport final : public Transport {
 public:
  explicit KafkaTransport(const KafkaOptions& options)
      : options_(options), topic_(asset::AddressTemplate::parse(options.topic).value()) {}
  ~KafkaTransport() override { give_up(); }

  [[nodiscard]] std::string peer() const override {
    return fmt::format("kafka://{}, topic {}", fmt::join(options_.brokers, ","), options_.topic);
  }

  core::Status connect(const Stopping&) override {
    if (!producer_) {
      if (auto made = make_producer(); !made) return made;
    }
    if (steady_clock::now() - heard_ < kLookEvery) return {};
    const struct rd_kafka_metadata* metadata = nullptr;
    const int patience = std::min(kLookMs, milliseconds(options_.timeout));
    const rd_kafka_resp_err_t error = rd_kafka_metadata(producer_.get(), 0, nullptr, &metadata, patience);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      rd_kafka_metadata_destroy(metadata);
      heard_ = steady_clock::now();
      return {};
    }
    rd_kafka_poll(producer_.get(), 0);
    const std::string reason = reason_of(error);
    give_up();
    return core::unexpected(ErrorCode::kUnavailable, fmt::format("{}: {}", peer(), reason));
  }

  Delivery deliver(std::span<const Event> events, const Stopping& stopping) override {
    results_.assign(events.size(), kPending);
    waiting_ = 0;
    fault_.clear();
    std::size_t sent = 0;
    rd_kafka_resp_err_t unsent = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (; sent < events.size(); ++sent) {
      unsent = produce(events[sent], sent, stopping);
      if (unsent != RD_KAFKA_RESP_ERR_NO_ERROR) break;
    }
    wait_for_reports(stopping);
    const bool cut_short = waiting_ > 0;
    Delivery done = outcome(sent, unsent);
    if (cut_short) done.failure = Delivery::Failure{Delivery::Fate::kRetry, "stopping"};
    if (done.failure && done.failure->fate == Delivery::Fate::kRetry) give_up();
    if (done.delivered > 0) {
      heard_ = steady_clock::now();
      fault_.clear();
    }
    return done;
  }

 private:
  // The library sends again by itself until a message's time is over; meanwhile it is told how that goes.
  void wait_for_reports(const Stopping& stopping) {
    for (auto told = steady_clock::now(); waiting_ > 0 && !stopping();) {
      rd_kafka_poll(producer_.get(), kPollMs);
      if (const auto now = steady_clock::now(); now - told >= kTellEvery) {
        told = now;
        tell(fault_);
      }
    }
  }

  static int milliseconds(core::DurationNs duration) { return static_cast<int>(duration / core::kMillisecond); }

  [[nodiscard]] std::string reason_of(rd_kafka_resp_err_t error) const {
    const std::string reason = rd_kafka_err2str(error);
    return fault_.empty() ? reason : reason + " (" + fault_ + ")";
  }

  // What of the first messages has arrived, and what became of the one after them.
  [[nodiscard]] Delivery outcome(std::size_t sent, rd_kafka_resp_err_t unsent) const {
    std::size_t good = 0;
    while (good < sent && results_[good] == RD_KAFKA_RESP_ERR_NO_ERROR) ++good;
    if (good == results_.size()) return {good, std::nullopt};
    const rd_kafka_resp_err_t error = good < sent ? results_[good] : unsent;
    return refused_for_good(error) ? Delivery::refused(good, reason_of(error))
                                   : Delivery::retry(good, reason_of(error));
  }

  // The body stays where it is until its report has come.
  rd_kafka_resp_err_t produce(const Event& event, std::size_t number, const Stopping& stopping) {
    std::array<rd_kafka_vu_t, 5> parts{};
    parts[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    parts[0].u.cstr = topic_of(event.machine).c_str();
    parts[1].vtype = RD_KAFKA_VTYPE_KEY;
    parts[1].u.mem = {bytes_of(event.machine), event.machine.size()};
    parts[2].vtype = RD_KAFKA_VTYPE_VALUE;
    parts[2].u.mem = {bytes_of(event.body), event.body.size()};
    parts[3].vtype = RD_KAFKA_VTYPE_OPAQUE;
    parts[3].u.ptr = &results_[number];
    parts[4].vtype = RD_KAFKA_VTYPE_HEADER;
    parts[4].u.header = {kHistorical, "1", 1};
    for (;;) {
      const Error failed(rd_kafka_produceva(producer_.get(), parts.data(), parts.size() - (event.historical ? 0 : 1)));
      if (!failed) ++waiting_;
      const rd_kafka_resp_err_t error = rd_kafka_error_code(failed.get());
      if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL || stopping()) return error;
      rd_kafka_poll(producer_.get(), kPollMs);
    }
  }

  static void* bytes_of(const std::string& text) { return const_cast<char*>(text.data()); }

  const std::string& topic_of(const std::string& machine) {
    const auto [known, added] = topics_.try_emplace(machine);
    if (!added) return known->second;
    std::array<std::string, 5> hierarchy;
    const auto parts = core::split(machine, '/');
    for (std::size_t i = 0; i < std::min(parts.size(), hierarchy.size()); ++i) hierarchy[i] = parts[i];
    known->second = topic_.expand("", {.hierarchy = hierarchy, .machine = parts.back(), .component = {}, .sensor = {}});
    return known->second;
  }

  core::Status make_producer();

  // What is under way is let go, so that nothing of it comes later by itself; its reports come first.
  void give_up() {
    if (!producer_) return;
    rd_kafka_purge(producer_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (rd_kafka_outq_len(producer_.get()) > 0) rd_kafka_poll(producer_.get(), kPollMs);
    producer_.reset();
    heard_ = {};
  }

  static void on_report(rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
    *static_cast<rd_kafka_resp_err_t*>(message->_private) = message->err;
    --static_cast<KafkaTransport*>(self)->waiting_;
  }
  static void on_error(rd_kafka_t*, int, const char* reason, void* self) {
    static_cast<KafkaTransport*>(self)->fault_ = reason;  // told by poll, so in the lane's thread
  }
  // A broker that is gone without a word is noticed long before a message's time is over.
  static int make_socket(int domain, int type, int protocol, void*) {
    const int made = ::socket(domain, type | SOCK_CLOEXEC, protocol);
    if (made >= 0) io::notice_dead_peer(made);
    return made;
  }
  static void on_log(const rd_kafka_t*, int, const char*, const char* text) {
    core::logger("outputs")->debug("kafka: {}", text);
  }

  const KafkaOptions options_;
  const asset::AddressTemplate topic_;
  std::unordered_map<std::string, std::string> topics_;  // by machine
  std::vector<rd_kafka_resp_err_t> results_;             // by message of the batch; the library writes into it
  std::size_t waiting_ = 0;                              // for their reports
  std::string fault_;                                    // the library's last word
  steady_clock::time_point heard_{};                     // from the broker
  Producer producer_;                                    // last: its end may still report
};

core::Status KafkaTransport::make_producer() {
  const auto password = options_.password.read();
  if (!password) return core::unexpected(password.error().within("password"));
  const auto number = [](auto value) { return fmt::format("{}", value); };
  std::vector<std::pair<const char*, std::string>> settings{
      {"bootstrap.servers", fmt::format("{}", fmt::join(options_.brokers, ","))},
      {"client.id", options_.client_id},
      {"enable.idempotence", "true"},
      {"compression.codec", options_.compression},
      {"linger.ms", number(milliseconds(options_.linger))},
      {"message.max.bytes", number(options_.message_bytes_max)},
      {"message.timeout.ms", number(milliseconds(options_.timeout))},
      {"socket.connection.setup.timeout.ms", number(milliseconds(kSetUpTimeout))},
      {"reconnect.backoff.ms", "100"},
      {"reconnect.backoff.max.ms", "1000"},
      {"queue.buffering.max.kbytes", "65536"},
      {"partitioner", "murmur2_random"},  // as Kafka's own clients do
      {"security.protocol", options_.user.empty() ? (options_.tls.on ? "ssl" : "plaintext")
                                                  : (options_.tls.on ? "sasl_ssl" : "sasl_plaintext")}};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) settings.emplace_back(name, value);
  };
  add("ssl.ca.location", options_.tls.ca_file);
  add("ssl.certificate.location", options_.tls.certificate_file);
  add("ssl.key.location", options_.tls.key_file);
  if (!options_.user.empty()) {
    add("sasl.mechanism", options_.mechanism);
    add("sasl.username", options_.user);
    add("sasl.password", password->value_or(""));
  }
  Conf conf(rd_kafka_conf_new());
  std::array<char, kErrorBytes> why{};
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf.get(), name, value.c_str(), why.data(), why.size()) != RD_KAFKA_CONF_OK) {
      return core::unexpected(ErrorCode::kInvalid, fmt::format("{}: {}: {}", peer(), name, why.data()));
    }
  }
  rd_kafka_conf_set_opaque(conf.get(), this);
  rd_kafka_conf_set_dr_msg_cb(conf.get(), on_report);
  rd_kafka_conf_set_error_cb(conf.get(), on_error);
  rd_kafka_conf_set_log_cb(conf.get(), on_log);
  rd_kafka_conf_set_socket_cb(conf.get(), make_socket);
  fault_.clear();
  producer_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), why.data(), why.size()));
  if (!producer_) return core::unexpected(ErrorCode::kInvalid, fmt::format("{}: {}", peer(), why.data()));
  conf.release();  // the producer's now
  return {};
}

bool is_topic(std::string_view name) {
  constexpr std::size_t kLongest = 249;
  return !name.empty() && name.size() <= kLongest && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
                  c == '-';
         });
}

void check_topic(config::Section& section, std::string& topic) {
  static const std::array<std::string, 5> kHierarchy{"e", "s", "a", "l", "c"};
  const auto parsed = asset::AddressTemplate::parse(topic);
  if (!parsed) {
    section.problem("topic", parsed.error().message);
  } else if (!is_topic(parsed->expand("", {.hierarchy = kHierarchy, .machine = "m", .component = "", .sensor = ""}))) {
    section.problem("topic", fmt::format("'{}' is no topic of Kafka: letters, digits, '.', '_' and '-'", topic));
  } else {
    return;
  }
  topic = "invalid";
}

void read_security(config::Section& section, KafkaOptions& options, const std::string& directory) {
  static constexpr std::array<std::string_view, 3> kSasl{"plain", "scram-sha-256", "scram-sha-512"};
  static constexpr std::array<const char*, 3> kMechanisms{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"};
  options.tls = read_tls_options(section, directory);
  options.user = section.text("user", {.fallback = ""});
  options.mechanism = kMechanisms[section.choice("sasl", kSasl, 2)];
  options.password = read_secret(section, "password", directory);
  if (options.password.given() == options.user.empty()) {
    section.problem("user", "a user and a password belong together: user, and password_file or password_env");
  }
}

}  // namespace

KafkaOptions read_kafka_options(config::Section& section, const std::string& directory, const std::string& client_id) {
  static constexpr std::array<std::string_view, 5> kCodecs{"none", "gzip", "snappy", "lz4", "zstd"};
  KafkaOptions options;
  options.brokers = section.texts("brokers");
  if (options.brokers.empty()) section.problem("brokers", "a list of brokers, such as [\"kafka-1:9092\"]");
  for (const std::string& broker : options.brokers) {
    if (broker.empty() || broker.find_first_of(", \t") != std::string::npos) {
      section.problem("brokers", fmt::format("'{}' is no broker: host:port", broker));
    }
  }
  options.topic = section.text("topic", {.fallback = "factory-telemetry-{site}"});
  check_topic(section, options.topic);
  options.client_id = section.text("client_id", {.fallback = client_id});
  options.compression = kCodecs[section.choice("compression", kCodecs, 3)];
  options.linger = section.duration("linger", {.fallback = options.linger, .low = 0, .high = 10 * core::kSecond});
  options.message_bytes_max = section.bytes(
      "message_bytes_max", {.fallback = options.message_bytes_max, .low = 1'000'000, .high = 100'000'000});
  read_security(section, options, directory);
  options.timeout =
      section.duration("timeout", {.fallback = options.timeout, .low = core::kSecond, .high = 10 * core::kMinute});
  return options;
}

std::unique_ptr<Transport> make_kafka_transport(const KafkaOptions& options) {
  return std::make_unique<KafkaTransport>(options);
}

}  // namespace millwright::forwarding
