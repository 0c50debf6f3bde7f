#include "connectors/mqtt_client.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "connectors/mqtt_lane.hpp"
#include "connectors/sparkplug_lane.hpp"
#include "core/log.hpp"
#include "core/mutex.hpp"
#include "mqtt/subscriber.hpp"

namespace millwright::connectors {
namespace {

using core::DurationNs;
using core::kMillisecond;
using core::kSecond;
using core::MutexLock;
using core::TimeNs;

constexpr std::size_t kHeldMax = 30'000;
constexpr std::size_t kTurnMessages = 2'000;         // handed over at once
constexpr DurationNs kHoldMax = 1 * kSecond;         // how long reading goes on before it waits for the disk
constexpr DurationNs kStuckAfter = 10 * kSecond;     // where the disk takes nothing
constexpr DurationNs kIdleWait = 50 * kMillisecond;  // also how soon it sees that it is to stop
constexpr DurationNs kBusyWait = 5 * kMillisecond;   // where something is on its way to the disk
constexpr DurationNs kStopPatience = 5 * kSecond;    // for what is on its way to the disk

class MqttClient final : public Connector {
 public:
  MqttClient(std::string name, const char* kind, const MqttLinkOptions& options, io::Clock& clock,
             std::unique_ptr<MqttFeed> feed)
      : name_(std::move(name)),
        options_(options),
        clock_(clock),
        log_(core::logger(kind)),
        feed_(std::move(feed)),
        lane_(feed_->lane()) {
    status_.name = name_;
    status_.kind = kind;
    status_.since = clock.now();
  }
  ~MqttClient() override { MqttClient::stop(); }

  core::Status start() override;
  void stop() override;
  [[nodiscard]] ConnectorStatus status() const override;
  core::Result<std::string> execute(const asset::Command& command, std::span<const asset::CommandValue> values,
                                    core::DurationNs timeout) override {
    return feed_->commands().ask(command, values, timeout);
  }

 private:
  void run();
  bool connect();
  void serve();
  core::Status turn();
  void finish();
  void take_loss(const std::string& why);
  void show_connected();
  void set_state(ConnectorState state, std::string detail) EXCLUDES(mutex_);
  [[nodiscard]] bool stopping() EXCLUDES(mutex_);
  void wait(DurationNs duration) EXCLUDES(mutex_);

  const std::string name_;
  const MqttLinkOptions options_;
  io::Clock& clock_;
  std::shared_ptr<spdlog::logger> log_;
  const std::unique_ptr<MqttFeed> feed_;
  ValueLane& lane_;  // of the feed
  std::unique_ptr<mqtt::Subscriber> subscriber_;
  TimeNs held_since_ = 0;  // 0: nothing is held
  DurationNs pause_ = 0;
  bool has_connected_ = false;
  std::string shown_problem_;

  std::thread thread_;
  mutable core::Mutex mutex_;
  core::Condition changed_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  ConnectorStatus status_ GUARDED_BY(mutex_);
};

core::Status MqttClient::start() {
  ASSERT(!thread_.joinable(), "connector started twice");
  thread_ = std::thread([this] { run(); });
  return {};
}

void MqttClient::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (!thread_.joinable()) return;
  thread_.join();
  set_state(ConnectorState::kStopped, "stopped");
}

ConnectorStatus MqttClient::status() const {
  MutexLock lock(mutex_);
  ConnectorStatus status = status_;
  status.readings = lane_.intake().readings();
  status.refused = lane_.intake().refused();
  return status;
}

void MqttClient::set_state(ConnectorState state, std::string detail) {
  MutexLock lock(mutex_);
  if (status_.state != state) status_.since = clock_.now();
  status_.state = state;
  status_.detail = std::move(detail);
}

bool MqttClient::stopping() {
  MutexLock lock(mutex_);
  return stopping_;
}

void MqttClient::wait(DurationNs duration) {
  const TimeNs until = clock_.monotonic() + duration;
  MutexLock lock(mutex_);
  while (!stopping_) {
    const DurationNs left = until - clock_.monotonic();
    if (left <= 0) return;
    changed_.wait_for(mutex_, std::chrono::nanoseconds(left));
  }
}

void MqttClient::run() {
  while (!stopping()) {
    if (connect()) serve();
  }
}

// Tries once; after a failure it has waited before it gives up.
bool MqttClient::connect() {
  set_state(ConnectorState::kConnecting, "connecting to " + to_string(options_.broker));
  auto subscriber = mqtt::Subscriber::open(
      options_.broker,
      {.filters = feed_->filters(),
       .session_expiry = options_.session_expiry,
       .payload_bytes_max = options_.payload_bytes_max},
      feed_->presence(), [this](const mqtt::Received& message) { feed_->take(message); },
      [this] { return stopping(); });
  if (!subscriber) {
    if (!stopping()) take_loss(subscriber.error().message);
    return false;
  }
  subscriber_ = std::move(*subscriber);
  held_since_ = 0;
  return true;
}

void MqttClient::serve() {
  bool shown = false;
  while (!stopping()) {
    if (auto done = turn(); !done) return take_loss(done.error().message);
    const bool news = !shown || lane_.problem() != shown_problem_;
    if (!subscriber_->subscribed() || !news) continue;
    if (!shown && std::exchange(has_connected_, true)) {
      MutexLock lock(mutex_);
      ++status_.reconnects;
    }
    if (!shown) {
      feed_->connected();
      feed_->commands().open();
    }
    if (!std::exchange(shown, true)) log_->info("{}: subscribed at {}", name_, to_string(options_.broker));
    pause_ = 0;
    show_connected();
  }
  finish();
}

// Reads on while things are on their way to the disk, for as long as kHoldMax; acknowledges once they are there.
core::Status MqttClient::turn() {
  const TimeNs now = clock_.monotonic();
  const bool holds = subscriber_->held() != 0;
  const bool enough = subscriber_->held() >= kHeldMax || (held_since_ != 0 && now - held_since_ > kHoldMax);
  if (!enough) {
    auto received = subscriber_->receive(holds ? kBusyWait : kIdleWait, kTurnMessages);
    lane_.flush();
    feed_->turn(*subscriber_);
    if (!received) return core::unexpected(received.error());
    if (held_since_ == 0 && subscriber_->held() != 0) held_since_ = now;
  }
  if (held_since_ != 0 && now - held_since_ > kStuckAfter) {
    return core::unexpected(core::ErrorCode::kUnavailable,
                            "what was received is not on disk: its history does not write (see the log and /readyz)");
  }
  if (subscriber_->held() == 0 || !lane_.settled(enough ? kIdleWait : 0)) return {};
  held_since_ = 0;
  return subscriber_->acknowledge();
}

void MqttClient::finish() {
  feed_->commands().close("the connector stops");
  const TimeNs until = clock_.monotonic() + kStopPatience;
  while (!lane_.settled(kIdleWait) && clock_.monotonic() < until) {
  }
  // Where it did not get there, the broker sends it again.
  if (lane_.settled(0)) static_cast<void>(subscriber_->acknowledge());
  subscriber_.reset();
}

void MqttClient::take_loss(const std::string& why) {
  lane_.flush();
  subscriber_.reset();
  feed_->commands().close("the connection is lost");
  feed_->lost();
  const bool first = pause_ == 0;
  pause_ = first ? options_.retry_min : std::min(pause_ * 2, options_.retry_max);
  const std::string detail =
      fmt::format("{}: {}; trying again in {}", to_string(options_.broker), why, core::format_duration(pause_));
  if (first) log_->warn("{}: {}", name_, detail);
  set_state(ConnectorState::kBackingOff, detail);
  wait(pause_);
}

void MqttClient::show_connected() {
  shown_problem_ = lane_.problem();
  std::string detail = fmt::format("{}: {}", to_string(options_.broker), fmt::join(feed_->filters(), ", "));
  if (!shown_problem_.empty()) detail += "; last problem: " + shown_problem_;
  set_state(ConnectorState::kConnected, std::move(detail));
}

}  // namespace

std::unique_ptr<Connector> make_mqtt_client(std::string name, const MqttClientOptions& options,
                                            const ConnectorContext& context) {
  auto feed = std::make_unique<MqttLane>(options, context, name);
  return std::make_unique<MqttClient>(std::move(name), "mqtt", options.link, context.clock, std::move(feed));
}

std::unique_ptr<Connector> make_sparkplug_host(std::string name, const SparkplugOptions& options,
                                               const ConnectorContext& context) {
  auto feed = std::make_unique<SparkplugLane>(options, context, name);
  return std::make_unique<MqttClient>(std::move(name), "sparkplug", options.link, context.clock, std::move(feed));
}

}  // namespace millwright::connectors
