#include "connectors/mqtt_client.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "connectors/intake.hpp"
#include "connectors/joint_receipt.hpp"
#include "connectors/mqtt_lane.hpp"
#include "connectors/mqtt_targets.hpp"
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

// How much of what was handed over is on disk. Receipts share it, and may outlive the connector.
class Progress {
 public:
  void settle(bool durable) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (durable) ++settled_;
    changed_.notify_all();
  }
  // Waits for a while for `count` to be there.
  bool reached(std::uint64_t count, DurationNs patience) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (settled_ < count && patience > 0) changed_.wait_for(mutex_, std::chrono::nanoseconds(patience));
    return settled_ >= count;
  }

 private:
  core::Mutex mutex_;
  core::Condition changed_;
  std::uint64_t settled_ GUARDED_BY(mutex_) = 0;
};

std::vector<std::string> filters_of(const MqttClientOptions& options) {
  std::vector<std::string> filters;
  for (const protocol::TopicPattern& topic : options.topics) {
    filters.push_back(options.share.empty() ? topic.filter()
                                            : fmt::format("$share/{}/{}", options.share, topic.filter()));
  }
  return filters;
}

class MqttClient final : public Connector {
 public:
  MqttClient(std::string name, const MqttClientOptions& options, const ConnectorContext& context)
      : name_(std::move(name)),
        options_(options),
        context_(context),
        log_(core::logger("mqtt")),
        targets_(context.model, name_, options_.topics),
        intake_(context, name_, options_.future_limit),
        lane_(targets_, context, intake_, name_, options_.time_unit) {
    status_.name = name_;
    status_.kind = "mqtt";
    status_.since = context.clock.now();
  }
  ~MqttClient() override { MqttClient::stop(); }

  core::Status start() override;
  void stop() override;
  [[nodiscard]] ConnectorStatus status() const override;

 private:
  void run();
  bool connect();
  void serve();
  core::Status turn();
  void hand_over();
  bool settled(DurationNs patience) { return progress_->reached(submitted_, patience); }
  void finish();
  void take_loss(const std::string& why);
  void show_connected();
  void set_state(ConnectorState state, std::string detail) EXCLUDES(mutex_);
  [[nodiscard]] bool stopping() EXCLUDES(mutex_);
  void wait(DurationNs duration) EXCLUDES(mutex_);

  const std::string name_;
  const MqttClientOptions options_;
  const ConnectorContext context_;
  std::shared_ptr<spdlog::logger> log_;
  const MqttTargets targets_;
  Intake intake_;
  MqttLane lane_;
  std::shared_ptr<Progress> progress_ = std::make_shared<Progress>();
  std::uint64_t submitted_ = 0;
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
  status.readings = intake_.readings();
  status.refused = intake_.refused();
  return status;
}

void MqttClient::set_state(ConnectorState state, std::string detail) {
  MutexLock lock(mutex_);
  if (status_.state != state) status_.since = context_.clock.now();
  status_.state = state;
  status_.detail = std::move(detail);
}

bool MqttClient::stopping() {
  MutexLock lock(mutex_);
  return stopping_;
}

void MqttClient::wait(DurationNs duration) {
  const TimeNs until = context_.clock.monotonic() + duration;
  MutexLock lock(mutex_);
  while (!stopping_) {
    const DurationNs left = until - context_.clock.monotonic();
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
      {.filters = filters_of(options_),
       .session_expiry = options_.session_expiry,
       .payload_bytes_max = options_.payload_bytes_max},
      {.topic = options_.status_topic}, [this](const mqtt::Received& message) { lane_.take(message); },
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
    if (!std::exchange(shown, true)) log_->info("{}: subscribed at {}", name_, to_string(options_.broker));
    pause_ = 0;
    show_connected();
  }
  finish();
}

// Reads on while things are on their way to the disk, for as long as kHoldMax; acknowledges once they are there.
core::Status MqttClient::turn() {
  const TimeNs now = context_.clock.monotonic();
  const bool holds = subscriber_->held() != 0;
  const bool enough = subscriber_->held() >= kHeldMax || (held_since_ != 0 && now - held_since_ > kHoldMax);
  if (!enough) {
    auto received = subscriber_->receive(holds ? kBusyWait : kIdleWait, kTurnMessages);
    hand_over();
    if (!received) return core::unexpected(received.error());
    if (held_since_ == 0 && subscriber_->held() != 0) held_since_ = now;
  }
  if (held_since_ != 0 && now - held_since_ > kStuckAfter) {
    return core::unexpected(core::ErrorCode::kUnavailable,
                            "what was received is not on disk: its history does not write (see the log and /readyz)");
  }
  if (subscriber_->held() == 0 || !settled(enough ? kIdleWait : 0)) return {};
  held_since_ = 0;
  return subscriber_->acknowledge();
}

void MqttClient::hand_over() {
  if (!lane_.pending()) return;
  auto receipt = std::make_shared<JointReceipt>([progress = progress_](bool durable) { progress->settle(durable); });
  ++submitted_;
  lane_.submit(std::move(receipt));
}

void MqttClient::finish() {
  const TimeNs until = context_.clock.monotonic() + kStopPatience;
  while (!settled(kIdleWait) && context_.clock.monotonic() < until) {
  }
  // Where it did not get there, the broker sends it again.
  if (settled(0)) static_cast<void>(subscriber_->acknowledge());
  subscriber_.reset();
}

void MqttClient::take_loss(const std::string& why) {
  hand_over();
  subscriber_.reset();
  const bool first = pause_ == 0;
  pause_ = first ? options_.retry_min : std::min(pause_ * 2, options_.retry_max);
  const std::string detail =
      fmt::format("{}: {}; trying again in {}", to_string(options_.broker), why, core::format_duration(pause_));
  if (first) {
    log_->warn("{}: {}", name_, detail);
    lane_.say(core::kBadNoCommunication);
  }
  set_state(ConnectorState::kBackingOff, detail);
  wait(pause_);
}

void MqttClient::show_connected() {
  shown_problem_ = lane_.problem();
  std::string detail = fmt::format("{}: {}", to_string(options_.broker), fmt::join(filters_of(options_), ", "));
  if (!shown_problem_.empty()) detail += "; last problem: " + shown_problem_;
  set_state(ConnectorState::kConnected, std::move(detail));
}

}  // namespace

std::unique_ptr<Connector> make_mqtt_client(std::string name, const MqttClientOptions& options,
                                            const ConnectorContext& context) {
  return std::make_unique<MqttClient>(std::move(name), options, context);
}

}  // namespace millwright::connectors
