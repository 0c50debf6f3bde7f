// Intake: the one place where a connector judges what comes in, before it goes to the pipeline. A value that is not a
// number, or a time too far ahead of the clock, is kept and marked, never dropped.
//
//   core::Block& block = batch.add(…);  … fill values, times, quality …
//   intake.inspect(batch, block);
//
// Threads: all of it from any thread; one Intake serves all threads of a connector.
// Metrics: millwright_connector_readings_total{connector}, _marked_bad_total{connector,reason} (kept, made bad here)
// and _refused_total{connector,reason} (could not be used at all).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "connectors/connector.hpp"
#include "core/block.hpp"
#include "core/metrics.hpp"
#include "core/time.hpp"

namespace millwright::connectors {

// Why something could not be used; the label `reason` of _refused_total.
enum class Refusal : std::uint8_t {
  kUnknownAddress,  // readings of a channel, column or node that no sensor has
  kWrongType,       // readings whose type does not fit the sensor's without loss
  kMalformed,       // frames or rows that cannot be read
};
inline constexpr std::size_t kRefusalCount = 3;
std::string_view to_string(Refusal refusal);  // "unknown_address", …

class Intake {
 public:
  static constexpr core::DurationNs kDefaultFutureLimit = core::kMinute;

  Intake(const ConnectorContext& context, const std::string& connector_name,
         core::DurationNs future_limit = kDefaultFutureLimit);

  // Counts the block's readings and marks those that cannot be right, where the source did not call them bad already:
  // NaN and infinity become BadSensorFailure; a source time more than `future_limit` after block.received (the clock
  // when it arrived) becomes BadInvalidTimestamp. `block` is one of `batch`; new quality runs live in the batch.
  void inspect(core::BlockBatch& batch, core::Block& block);

  void refuse(Refusal why, std::uint64_t count = 1);

  [[nodiscard]] std::uint64_t readings() const { return readings_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  void mark(core::BlockBatch& batch, core::Block& block, core::TimeNs latest);

  core::DurationNs future_limit_;
  std::atomic<std::uint64_t> readings_{0};
  std::atomic<std::uint64_t> refused_{0};
  core::Counter& readings_total_;
  core::Counter& not_finite_total_;
  core::Counter& future_total_;
  std::array<core::Counter*, kRefusalCount> refused_total_;
};

}  // namespace millwright::connectors
