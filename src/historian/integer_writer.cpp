#include <algorithm>
#include <limits>
#include <utility>

#include "historian/integer_format.hpp"
#include "historian/integer_stream.hpp"

namespace millwright::historian {
namespace {

using Kind = IntegerPlan::Kind;
using Sample = IntegerWriter::Sample;

// A first look at a block takes this many values; it decides what is worth a real try.
constexpr std::size_t kGlance = IntegerWriter::kGlance;
constexpr std::size_t kGlanceRepeats = 5;    // so many neighbours alike: runs
constexpr std::size_t kGlanceDistinct = 12;  // so few values: a dictionary
constexpr unsigned kDictionaryWidth = 6;     // narrower streams gain little from one
constexpr std::size_t kWorthBits = 512;      // shorter streams have little to lose
constexpr unsigned kPatchGain = 2;           // bits that patches should save to be tried …
constexpr std::size_t kManyValues = 2048;    // … or one, of so many values, whose ends are further out

template <typename Int>
struct Range {
  Int low = std::numeric_limits<Int>::max();
  Int high = std::numeric_limits<Int>::min();
  void add(Int value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  // Bits that the distance of any from the least takes.
  [[nodiscard]] unsigned width() const {
    return static_cast<unsigned>(std::bit_width(static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low)));
  }
};
using Range64 = Range<std::int64_t>;

Range64 whole_of(const Extents& extents) {
  return {extents.low, extents.high};
}
Range64 steps_of(const Extents& extents) {
  return {extents.step_low, extents.step_high};
}

IntegerPlan packed_plan(std::int64_t first, const Range64& whole, const Range64& steps, std::size_t count) {
  IntegerPlan plan{.width = whole.width(), .first = first, .low = whole.low};
  plan.bytes = 1 + varint_bytes(zigzag(whole.low)) + packed_bytes(count, whole.width());
  if (count < 2) return plan;
  const std::size_t bytes =
      1 + varint_bytes(zigzag(first)) + varint_bytes(zigzag(steps.low)) + packed_bytes(count - 1, steps.width());
  if (bytes < plan.bytes) {
    plan = {.delta = true, .width = steps.width(), .first = first, .low = steps.low, .bytes = bytes};
  }
  return plan;
}

IntegerPlan packed_plan(const Kernels&, std::span<const std::int64_t> values) {
  Range64 whole;
  whole.add(values[0]);
  Range64 steps;
  for (std::size_t i = 1; i < values.size(); ++i) {
    whole.add(values[i]);
    steps.add(wrapping_sub(values[i], values[i - 1]));
  }
  return packed_plan(values[0], whole, steps, values.size());
}

IntegerPlan packed_plan(const Kernels& kernels, std::span<const std::int32_t> values) {
  const Extents extents = kernels.extents(values.data(), values.size());
  return packed_plan(values[0], whole_of(extents), steps_of(extents), values.size());
}

template <typename Int>
std::int64_t item(std::span<const Int> values, bool delta, std::size_t i) {
  return delta ? wrapping_sub(values[i + 1], values[i]) : std::int64_t{values[i]};
}

template <typename Int>
Sample sample(std::span<const Int> values, bool delta) {
  Sample picked;
  // Steps of the golden ratio: spread evenly, and in step with nothing that comes at even intervals.
  std::uint32_t at = 0;
  for (std::int64_t& value : picked) {
    value = item(values, delta, static_cast<std::size_t>((std::uint64_t{at} * (values.size() - 1)) >> 32));
    at += 0x9E3779B9U;
  }
  return picked;
}

// Odd-even merge sort (K. E. Batcher, "Sorting networks and their applications", 1968): no branch to guess wrong.
// Gives each pair to put in order to `order(low, high)`.
template <typename Order>
constexpr void each_comparison(Order order) {
  for (std::size_t p = 1; p < kGlance; p *= 2) {
    for (std::size_t k = p; k >= 1; k /= 2) {
      for (std::size_t j = k % p; j + k < kGlance; j += 2 * k) {
        for (std::size_t i = j; i < j + k; ++i) {
          if (i / (p * 2) == (i + k) / (p * 2)) order(i, i + k);
        }
      }
    }
  }
}
constexpr std::size_t comparisons() {
  std::size_t n = 0;
  each_comparison([&](std::size_t, std::size_t) { ++n; });
  return n;
}
constexpr auto kComparisons = [] {
  std::array<std::pair<std::uint8_t, std::uint8_t>, comparisons()> all;
  std::size_t n = 0;
  each_comparison([&](std::size_t low, std::size_t high) {
    all[n].first = static_cast<std::uint8_t>(low);
    all[n++].second = static_cast<std::uint8_t>(high);
  });
  return all;
}();

void sort(Sample& v) {
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    const auto order = [](std::int64_t& a, std::int64_t& b) {
      const std::int64_t low = std::min(a, b);
      b = std::max(a, b);
      a = low;
    };
    (order(v[kComparisons[I].first], v[kComparisons[I].second]), ...);
  }
  (std::make_index_sequence<kComparisons.size()>());
}

// Bits of a signed integer besides its sign.
unsigned signed_bits(std::int64_t value) {
  return static_cast<unsigned>(std::bit_width(static_cast<std::uint64_t>(value ^ (value >> 63))));
}

unsigned width_of(std::span<const std::int64_t> values) {
  Range64 range;
  for (const std::int64_t value : values) range.add(value);
  return range.width();
}

// About how many distinct values there are, by a hash of 8 bits.
unsigned distinct(const Sample& values) {
  std::array<std::uint64_t, 4> seen{};
  unsigned n = 0;
  for (const std::int64_t value : values) {
    const std::uint64_t hash = (static_cast<std::uint64_t>(value) * 0x9E3779B97F4A7C15ULL) >> 56;
    std::uint64_t& word = seen[hash / 64];
    n += (word >> (hash % 64) & 1) == 0 ? 1 : 0;
    word |= std::uint64_t{1} << (hash % 64);
  }
  return n;
}

template <typename Int>
std::uint64_t offset(std::span<const Int> values, const IntegerPlan& plan, std::size_t i) {
  return static_cast<std::uint64_t>(wrapping_sub(item(values, plan.delta, i), plan.low));
}

std::uint64_t mask_of(unsigned width) {
  return width >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
}

}  // namespace

IntegerPlan IntegerWriter::plan(std::span<const std::int64_t> values) {
  if (values.empty()) return {};
  IntegerPlan plan = packed_plan(kernels_, values);
  improve(values, plan);
  return plan;
}

IntegerPlan IntegerWriter::plan(std::span<const std::int32_t> values, const Extents& extents) {
  IntegerPlan plan = packed_plan(values[0], whole_of(extents), steps_of(extents), values.size());
  improve(values, plan);
  return plan;
}

template <typename Int>
void IntegerWriter::improve(std::span<const Int> values, IntegerPlan& plan) {
  if (values.size() < 2 * kGlance || values.size() * plan.width < kWorthBits) return;
  const auto whole = sample(values, false);
  const auto steps = sample(values, true);
  const auto repeats = static_cast<std::size_t>(std::count(steps.begin(), steps.end(), 0));
  const unsigned packed_width = plan.width;
  if (packed_width >= kDictionaryWidth && distinct(whole) <= kGlanceDistinct) try_dictionary(values, plan);
  if (repeats >= kGlanceRepeats) try_runs(values, plan);
  if (plan.kind != Kind::kPacked) return;
  const unsigned gain = values.size() < kManyValues ? kPatchGain : 1;
  if (width_of(whole) + gain <= packed_width) try_patches(values, false, whole, plan);
  if (width_of(steps) + gain <= packed_width) try_patches(values, true, steps, plan);
}

// Lists the offsets that are too wide for the plan.
template <typename Int>
std::size_t IntegerWriter::find_outside(std::span<const Int> values, const IntegerPlan& plan) {
  if constexpr (sizeof(Int) == sizeof(std::int32_t)) {
    const Frame frame{plan.delta, 0, static_cast<std::int32_t>(plan.low)};
    return kernels_.outside(values.data(), values.size(), frame, plan.width, patch_at_.data());
  } else {
    const std::size_t packed = plan.delta ? values.size() - 1 : values.size();
    std::size_t found = 0;
    for (std::size_t i = 0; i < packed; ++i) {
      patch_at_[found] = static_cast<std::uint16_t>(i);
      found += offset(values, plan, i) > mask_of(plan.width) ? 1 : 0;
    }
    return found;
  }
}

// How many offsets, from some middle, need more than `bits`, bits + 1, ... besides their sign.
template <typename Int>
FarCounts IntegerWriter::count_far(std::span<const Int> values, bool delta, std::int64_t middle, unsigned bits) {
  if constexpr (sizeof(Int) == sizeof(std::int32_t)) {
    return kernels_.count_far(values.data(), values.size(), {.delta = delta, .low = static_cast<std::int32_t>(middle)},
                              bits);
  } else {
    FarCounts counts{};
    const std::size_t packed = delta ? values.size() - 1 : values.size();
    for (std::size_t i = 0; i < packed; ++i) {
      const unsigned wide = signed_bits(wrapping_sub(item(values, delta, i), middle));
      for (unsigned k = 0; k < counts.size(); ++k) counts[k] += wide > bits + k ? 1 : 0;
    }
    return counts;
  }
}

// Windows of several widths around the middle of a sample; whatever lies outside is a patch.
template <typename Int>
void IntegerWriter::try_patches(std::span<const Int> values, bool delta, Sample sorted, IntegerPlan& plan) {
  constexpr std::size_t kTrim = 2;
  sort(sorted);
  const std::int64_t middle = sorted[kGlance / 2];
  const unsigned bits = std::max(signed_bits(wrapping_sub(sorted[kTrim], middle)),
                                 signed_bits(wrapping_sub(sorted[kGlance - 1 - kTrim], middle)));
  if (bits + 1 >= plan.width) return;
  const std::size_t packed = delta ? values.size() - 1 : values.size();
  const std::size_t patch_bits = 1 + std::min(plan.width + 1, format::kMaxWidth);
  const FarCounts counts = count_far(values, delta, middle, bits);
  const unsigned widest = std::min(plan.width - 1, format::kMaxPatchedWidth);
  for (unsigned width = bits + 1; width <= widest && width < bits + 1 + counts.size(); ++width) {
    const std::size_t outside = counts[width - bits - 1];
    if (outside == 0) break;
    const std::int64_t low = wrapping_sub(middle, static_cast<std::int64_t>(std::uint64_t{1} << (width - 1)));
    const std::size_t gap_bits = static_cast<std::size_t>(std::bit_width(packed / outside)) + 2;
    const std::size_t bytes =
        8 + 2 * varint_bytes(zigzag(low)) + (outside * (gap_bits + patch_bits) + 7) / 8 + packed_bytes(packed, width);
    if (bytes >= plan.bytes) continue;
    plan = {.delta = delta, .patched = true, .width = width, .first = values[0], .low = low, .bytes = bytes};
  }
}

std::size_t IntegerWriter::slot_of(std::int64_t value, std::uint64_t factor) {
  return (static_cast<std::uint64_t>(value) * factor) >> (64 - kSlotBits);
}

// Lists the distinct values as they come, and gives each value its place in that list. A sparse set (P. Briggs and
// L. Torczon, "An efficient representation for sparse sets", 1993): nothing to clear, and no search, for a slot has
// room for one. False where there are too many or two ask for one slot.
template <typename Int>
bool IntegerWriter::find_entries(std::span<const Int> values, std::uint64_t factor) {
  auto& entries = parts<Int>().entries;
  std::size_t n = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Int value = values[i];
    const std::size_t slot = slot_of(value, factor);
    std::size_t at = slots_[slot];
    if (at >= n || entries[at] != value) {
      if (n == format::kMaxDictionary || (at < n && entry_slots_[at] == slot)) {
        entries_count_ = n;
        return false;
      }
      at = n++;
      entries[at] = value;
      entry_slots_[at] = static_cast<std::uint16_t>(slot);
      slots_[slot] = static_cast<std::uint8_t>(at);
    }
    indices_[i] = static_cast<std::int32_t>(at);
  }
  entries_count_ = n;
  return true;
}

// Up to kMaxDictionary distinct values, sorted, and an index for each value.
template <typename Int>
void IntegerWriter::try_dictionary(std::span<const Int> values, IntegerPlan& plan) {
  // Odd and without pattern: the fractions of the golden ratio, of pi and of e.
  constexpr std::array<std::uint64_t, 3> kFactors{0x9E3779B97F4A7C15ULL, 0x243F6A8885A308D3ULL, 0xB7E151628AED2A6BULL};
  entries_count_ = 0;
  const auto factor = std::find_if(kFactors.begin(), kFactors.end(), [&](std::uint64_t candidate) {
    return entries_count_ < format::kMaxDictionary && find_entries(values, candidate);
  });
  if (factor == kFactors.end()) return;
  auto& entries = parts<Int>().entries;
  std::array<std::int32_t, format::kMaxDictionary> rank;
  std::sort(entries.begin(), entries.begin() + entries_count_);
  const auto width = static_cast<unsigned>(std::bit_width(entries_count_ - 1));
  const std::span<const Int> sorted(entries.data(), entries_count_);
  const std::size_t bytes =
      1 + varint_bytes(entries_count_) + packed_plan(kernels_, sorted).bytes + packed_bytes(values.size(), width);
  if (bytes >= plan.bytes) return;
  // From the place in the list to the place in order.
  for (std::size_t i = 0; i < entries_count_; ++i) {
    rank[slots_[slot_of(entries[i], *factor)]] = static_cast<std::int32_t>(i);
  }
  for (std::size_t i = 0; i < values.size(); ++i) indices_[i] = rank[static_cast<std::size_t>(indices_[i])];
  plan = {.kind = Kind::kDictionary, .width = width, .bytes = bytes};
}

// A length and a level for each run.
template <typename Int>
void IntegerWriter::try_runs(std::span<const Int> values, IntegerPlan& plan) {
  auto& levels = parts<Int>().levels;
  // A run ends where a step is not 0.
  const std::size_t ends = find_outside(values, {.delta = true, .width = 0, .low = 0});
  patch_at_[ends] = static_cast<std::uint16_t>(values.size() - 1);
  runs_ = ends + 1;
  for (std::size_t i = 0, begin = 0; i < runs_; ++i) {
    const std::size_t end = patch_at_[i] + std::size_t{1};
    levels[i] = values[end - 1];
    lengths_[i] = static_cast<std::int32_t>(end - begin);
    begin = end;
  }
  const std::size_t bytes = 1 + varint_bytes(runs_) + packed_plan(kernels_, lengths()).bytes +
                            packed_plan(kernels_, std::span<const Int>(levels.data(), runs_)).bytes;
  if (bytes < plan.bytes) plan = {.kind = Kind::kRuns, .bytes = bytes};
}

template <typename Int>
void IntegerWriter::write(const IntegerPlan& plan, std::span<const Int> values, Cursor& out) {
  if (values.empty()) return;
  switch (plan.kind) {
    case Kind::kPacked:
      return write_packed(plan, values, out);
    case Kind::kDictionary:
      out.put(format::kDictionary);
      out.varint(entries_count_);
      write_part(std::span<const Int>(parts<Int>().entries.data(), entries_count_), out);
      kernels_.pack(indices_.data(), values.size(), {}, plan.width, out.at());
      return out.skip(packed_bytes(values.size(), plan.width));
    case Kind::kRuns:
      out.put(format::kRuns);
      out.varint(runs_);
      write_part(lengths(), out);
      return write_part(std::span<const Int>(parts<Int>().levels.data(), runs_), out);
  }
}

template <typename Int>
void IntegerWriter::write_packed(const IntegerPlan& plan, std::span<const Int> values, Cursor& out) {
  const std::size_t packed = plan.delta ? values.size() - 1 : values.size();
  out.put(static_cast<std::uint8_t>((plan.patched ? plan.width + format::kPatched : plan.width) |
                                    (plan.delta ? format::kDeltaFlag : 0U)));
  if (plan.delta) out.varint(zigzag(plan.first));
  out.varint(zigzag(plan.low));
  if (plan.patched) write_patches(plan, values, out);
  if constexpr (sizeof(Int) == sizeof(std::int32_t)) {
    const Frame frame{plan.delta, static_cast<std::int32_t>(plan.first), static_cast<std::int32_t>(plan.low)};
    kernels_.pack(values.data(), values.size(), frame, plan.width, out.at());
  } else {
    const std::uint64_t mask = mask_of(plan.width);
    for (std::size_t i = 0; i < packed; ++i) offsets_[i] = offset(values, plan, i) & mask;
    std::fill_n(offsets_.begin() + packed, whole_groups(packed) - packed, 0);
    pack_bits(offsets_.data(), packed, plan.width, out.at());
  }
  out.skip(packed_bytes(packed, plan.width));
}

// The offsets that are too wide: where and what.
template <typename Int>
void IntegerWriter::write_patches(const IntegerPlan& plan, std::span<const Int> values, Cursor& out) {
  const std::size_t n = find_outside(values, plan);
  out.varint(n);
  std::copy_n(patch_at_.begin(), n, positions_.begin());
  const std::span<const std::int32_t> positions(positions_.data(), n);
  write_packed(packed_plan(kernels_, positions), positions, out);
  auto& patches = parts<Int>().patches;
  for (std::size_t i = 0; i < n; ++i) patches[i] = static_cast<Int>(offset(values, plan, patch_at_[i]));
  const std::span<const Int> offsets(patches.data(), n);
  write_packed(packed_plan(kernels_, offsets), offsets, out);
}

// A part of a dictionary or of runs: packed, patched where that pays.
template <typename Int>
void IntegerWriter::write_part(std::span<const Int> values, Cursor& out) {
  IntegerPlan plan = packed_plan(kernels_, values);
  if (values.size() >= 2 * kGlance && plan.width >= kPatchGain) {
    try_patches(values, plan.delta, sample(values, plan.delta), plan);
  }
  write_packed(plan, values, out);
}

template void IntegerWriter::write(const IntegerPlan&, std::span<const std::int64_t>, Cursor&);
template void IntegerWriter::write(const IntegerPlan&, std::span<const std::int32_t>, Cursor&);

}  // namespace millwright::historian
