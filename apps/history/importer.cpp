#include "history/importer.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

#include "core/mutex.hpp"
#include "history/value_text.hpp"

namespace millwright::history {
namespace {

constexpr std::uint64_t kSubmitReadings = 256 * 1024;
constexpr std::uint64_t kGatheredMax = 4 * 1024 * 1024;  // readings of many sensors that wait for a whole block
constexpr std::uint64_t kUnsettledMax = 48;              // batches under way, fewer than a ring holds
constexpr core::DurationNs kFutureLimit = core::kMinute;

}  // namespace

struct Importer::Waiting {
  core::Mutex mutex;
  core::Condition changed;
  std::uint64_t unsettled GUARDED_BY(mutex) = 0;
};

class Importer::Settled final : public core::Receipt {
 public:
  explicit Settled(std::shared_ptr<Waiting> waiting) : waiting_(std::move(waiting)) {}
  void settle() override {
    core::MutexLock lock(waiting_->mutex);
    --waiting_->unsettled;
    waiting_->changed.notify_all();
  }

 private:
  std::shared_ptr<Waiting> waiting_;
};

void ImportReport::refuse(std::string message) {
  if (++refused_ <= kTold) messages_.push_back(std::move(message));
}

asset::Model import_model(const asset::Model& model) {
  std::vector<asset::Machine> machines(model.machines().begin(), model.machines().end());
  std::vector<asset::Sensor> sensors(model.sensors().begin(), model.sensors().end());
  for (asset::Sensor& sensor : sensors) {
    sensor.calibration = {};
    sensor.range.reset();
    sensor.monitored = false;
  }
  return {std::move(machines), std::move(sensors)};
}

Importer::Importer(const asset::Model& model, engine::Engine& engine, const io::Clock& clock)
    : model_(model),
      engine_(engine),
      inlet_(engine.pipeline(), engine.sources().add("import")),
      waiting_(std::make_shared<Waiting>()),
      received_(clock.now()),
      // Greater than that of every import before, also where the clock went back.
      epoch_(std::max(static_cast<std::uint64_t>(std::max<core::TimeNs>(received_, 1)),
                      engine.history().durable(engine.sources().add("import")).epoch + 1)),
      gathered_(model.sensors().size()) {}

core::Quality Importer::judge(const asset::Sensor& sensor, core::TimeNs time, std::uint64_t bits) const {
  if (time > received_ + kFutureLimit) return core::kBadInvalidTimestamp;
  if (!is_real(sensor.type)) return core::kGood;
  const double value = as_double(sensor.type, bits);
  if (!std::isfinite(value)) return core::kBadSensorFailure;
  const bool outside = sensor.range && (value < sensor.range->low || value > sensor.range->high);
  return outside ? core::kUncertainEuExceeded : core::kGood;
}

bool Importer::add(const asset::Sensor& sensor, core::TimeNs time, std::uint64_t bits,
                   std::optional<core::Quality> quality) {
  auto& readings = gathered_[sensor.id.value];
  readings.push_back({time, bits, quality ? *quality : judge(sensor, time, bits)});
  ++gathered_count_;
  if (readings.size() == core::kMaxBlockReadings) put_block(sensor.id);
  const bool full = gathered_count_ >= kGatheredMax;
  for (std::size_t i = 0; full && i < gathered_.size(); ++i) put_block(core::SensorId(i));
  return pending_ < kSubmitReadings || submit();
}

// What was gathered of a sensor as one block, in order of time.
void Importer::put_block(core::SensorId sensor) {
  auto& readings = gathered_[sensor.value];
  if (readings.empty()) return;
  const auto earlier = [](const Reading& a, const Reading& b) { return a.time < b.time; };
  if (!std::is_sorted(readings.begin(), readings.end(), earlier)) {
    std::stable_sort(readings.begin(), readings.end(), earlier);
  }
  const core::ValueType type = model_.sensor(sensor).type;
  const std::size_t width = core::width(type);
  const auto count = static_cast<std::uint32_t>(readings.size());
  core::BlockBatch& batch = inlet_.batch_for(sensor);
  core::Block& block = batch.add(sensor, type, count, readings.front().time, 0, received_);
  auto* times = batch.allocate_array<core::TimeNs>(count);
  std::vector<core::QualityRun> runs;
  for (std::uint32_t i = 0; i < count; ++i) {
    times[i] = readings[i].time;
    std::memcpy(block.values + i * width, &readings[i].bits, width);
    if (runs.empty() || runs.back().quality != readings[i].quality) runs.push_back({0, readings[i].quality});
    ++runs.back().count;
  }
  block.times = times;
  batch.set_runs(block, runs);
  gathered_count_ -= count;
  pending_ += count;
  readings.clear();
}

bool Importer::submit() {
  if (!wait_for(kUnsettledMax)) return false;
  {
    core::MutexLock lock(waiting_->mutex);
    ++waiting_->unsettled;
  }
  pending_ = 0;
  if (inlet_.submit(epoch_, ++sequence_, std::make_shared<Settled>(waiting_))) return true;
  status_ = core::unexpected(core::ErrorCode::kClosed, "the engine has stopped");
  return false;
}

bool Importer::wait_for(std::uint64_t unsettled_max) {
  if (!status_) return false;
  for (;;) {
    {
      core::MutexLock lock(waiting_->mutex);
      if (waiting_->unsettled <= unsettled_max) return true;
      waiting_->changed.wait_for(waiting_->mutex, std::chrono::milliseconds(200));
    }
    status_ = engine_.health();
    if (!status_) return false;
  }
}

core::Status Importer::finish() {
  for (std::size_t i = 0; status_ && i < gathered_.size(); ++i) {
    put_block(core::SensorId(i));
    if (pending_ >= kSubmitReadings) submit();
  }
  if (status_ && pending_ > 0) submit();
  wait_for(0);
  return status_;
}

}  // namespace millwright::history
