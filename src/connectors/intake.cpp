#include "connectors/intake.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace millwright::connectors {
namespace {

using core::Block;
using core::BlockBatch;
using core::Quality;
using core::QualityRun;
using core::TimeNs;
using core::ValueType;

constexpr std::array<std::string_view, kRefusalCount> kRefusalNames{"unknown_address", "wrong_type", "malformed"};

// True where every float has an exponent below all ones. Adding one to the exponent carries into the cleared sign bit
// just for NaN and infinity, so one OR over all of them tells, four lanes at a time.
template <typename Word, Word kMagnitude, Word kExponentOne>
bool all_finite(const std::byte* values, std::uint32_t count) {
  constexpr std::size_t kLanes = 16 / sizeof(Word);
  using Vector __attribute__((vector_size(16))) = Word;
  Vector seen{};
  std::uint32_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    Vector word;
    std::memcpy(&word, values + i * sizeof(Word), sizeof(word));
    seen |= (word & kMagnitude) + kExponentOne;
  }
  Word rest = 0;
  for (std::size_t lane = 0; lane < kLanes; ++lane) rest |= seen[lane];
  for (; i < count; ++i) {
    Word word = 0;
    std::memcpy(&word, values + i * sizeof(Word), sizeof(word));
    rest |= (word & kMagnitude) + kExponentOne;
  }
  return rest <= kMagnitude;
}

bool finite(const Block& block) {
  switch (block.type) {
    case ValueType::kFloat32:
      return all_finite<std::uint32_t, 0x7FFF'FFFFU, 0x0080'0000U>(block.values, block.count);
    case ValueType::kFloat64:
      return all_finite<std::uint64_t, 0x7FFF'FFFF'FFFF'FFFFULL, 0x0010'0000'0000'0000ULL>(block.values, block.count);
    case ValueType::kInt64:
    case ValueType::kBool:
    case ValueType::kState:
    case ValueType::kText:
      return true;
  }
  return true;
}

TimeNs latest_time(const Block& block) {
  if (block.times != nullptr) return *std::max_element(block.times, block.times + block.count);
  return std::max(block.start, block.last_time());
}

core::Labels labels(const std::string& connector, std::string_view reason) {
  return {{"connector", connector}, {"reason", std::string(reason)}};
}

constexpr char kMarkedName[] = "millwright_connector_marked_bad_total";
constexpr char kMarkedHelp[] = "Readings kept with a bad quality because their value or time cannot be right";

}  // namespace

std::string_view to_string(Refusal refusal) {
  return kRefusalNames[static_cast<std::size_t>(refusal)];
}

Intake::Intake(const ConnectorContext& context, const std::string& connector_name, core::DurationNs future_limit)
    : future_limit_(future_limit),
      readings_total_(context.metrics.counter("millwright_connector_readings_total", "Readings taken in",
                                              {{"connector", connector_name}})),
      not_finite_total_(context.metrics.counter(kMarkedName, kMarkedHelp, labels(connector_name, "not_finite"))),
      future_total_(context.metrics.counter(kMarkedName, kMarkedHelp, labels(connector_name, "future_time"))) {
  for (std::size_t i = 0; i < kRefusalCount; ++i) {
    refused_total_[i] = &context.metrics.counter("millwright_connector_refused_total",
                                                 "Readings, frames or rows that could not be used",
                                                 labels(connector_name, kRefusalNames[i]));
  }
}

void Intake::inspect(BlockBatch& batch, Block& block) {
  readings_.fetch_add(block.count, std::memory_order_relaxed);
  readings_total_.Increment(static_cast<double>(block.count));
  const TimeNs room = std::numeric_limits<TimeNs>::max() - std::max<TimeNs>(block.received, 0);
  const TimeNs latest = block.received + std::min(future_limit_, room);
  if (finite(block) && latest_time(block) <= latest) [[likely]] {
    return;
  }
  mark(batch, block, latest);
}

void Intake::mark(BlockBatch& batch, Block& block, TimeNs latest) {
  const bool real = block.type == ValueType::kFloat32 || block.type == ValueType::kFloat64;
  std::uint64_t not_finite = 0;
  std::uint64_t future = 0;
  // A reading makes at most one run; a block is small and this way rare.
  auto* runs = batch.allocate_array<QualityRun>(block.count);
  std::uint32_t run_count = 0;
  std::uint32_t i = 0;
  for (const QualityRun& old : block.qualities()) {
    for (const std::uint32_t end = i + old.count; i < end; ++i) {
      const bool bad_value = real && !std::isfinite(block.as_double(i));
      const bool bad_time = block.time(i) > latest;
      not_finite += bad_value ? 1 : 0;
      future += bad_time ? 1 : 0;
      Quality quality = old.quality;
      if (!quality.is_bad() && bad_time) quality = core::kBadInvalidTimestamp;
      if (!quality.is_bad() && bad_value) quality = core::kBadSensorFailure;
      if (run_count != 0 && runs[run_count - 1].quality == quality) {
        ++runs[run_count - 1].count;
      } else {
        runs[run_count++] = {1, quality};
      }
    }
  }
  ASSERT(i == block.count, "quality runs do not cover the block");
  block.quality = runs;
  block.quality_runs = run_count;
  if (not_finite != 0) not_finite_total_.Increment(static_cast<double>(not_finite));
  if (future != 0) future_total_.Increment(static_cast<double>(future));
}

void Intake::refuse(Refusal why, std::uint64_t count) {
  refused_.fetch_add(count, std::memory_order_relaxed);
  refused_total_[static_cast<std::size_t>(why)]->Increment(static_cast<double>(count));
}

}  // namespace millwright::connectors
