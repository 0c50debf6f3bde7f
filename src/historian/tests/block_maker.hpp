// Blocks for the historian's tests: built from plain lists, and compared by content.
#pragma once

#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "core/block.hpp"

namespace millwright::historian {

// A block that owns what it points to.
struct OwnedBlock {
  core::Block block;
  std::vector<core::TimeNs> times;
  std::vector<std::byte> values;
  std::vector<core::QualityRun> quality;

  OwnedBlock() = default;
  OwnedBlock(const OwnedBlock&) = delete;
  OwnedBlock& operator=(const OwnedBlock&) = delete;
};

template <typename T>
void fill(OwnedBlock& owned, core::ValueType type, std::span<const T> values, core::TimeNs start,
          core::DurationNs period) {
  owned.values.resize(values.size_bytes());
  std::memcpy(owned.values.data(), values.data(), values.size_bytes());
  owned.quality = {{static_cast<std::uint32_t>(values.size()), core::kGood}};
  core::Block& block = owned.block;
  block.type = type;
  block.count = static_cast<std::uint32_t>(values.size());
  block.start = start;
  block.period = period;
  block.received = start + period * (block.count - 1) + 1'234'567;
  block.values = owned.values.data();
  block.quality = owned.quality.data();
  block.quality_runs = 1;
}

inline void set_times(OwnedBlock& owned, std::vector<core::TimeNs> times) {
  owned.times = std::move(times);
  owned.block.times = owned.times.data();
}

inline void set_runs(OwnedBlock& owned, std::vector<core::QualityRun> runs) {
  owned.quality = std::move(runs);
  owned.block.quality = owned.quality.data();
  owned.block.quality_runs = static_cast<std::uint32_t>(owned.quality.size());
}

inline std::vector<core::QualityRun> merged_runs(const core::Block& block) {
  std::vector<core::QualityRun> runs;
  for (const core::QualityRun& run : block.qualities()) {
    if (run.count == 0) continue;
    if (!runs.empty() && runs.back().quality == run.quality)
      runs.back().count += run.count;
    else
      runs.push_back(run);
  }
  return runs;
}

// What differs first between two blocks' contents; nothing where they say the same.
inline std::optional<const char*> difference(const core::Block& a, const core::Block& b) {
  if (a.type != b.type) return "type";
  if (a.count != b.count) return "count";
  for (std::uint32_t i = 0; i < a.count; ++i) {
    if (a.time(i) != b.time(i)) return "time";
  }
  if (a.received != b.received) return "received";
  if (std::memcmp(a.values, b.values, a.count * core::width(a.type)) != 0) return "values";
  const auto left = merged_runs(a);
  const auto right = merged_runs(b);
  if (left.size() != right.size()) return "quality runs";
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (left[i].count != right[i].count || !(left[i].quality == right[i].quality)) return "quality";
  }
  return std::nullopt;
}

}  // namespace millwright::historian
