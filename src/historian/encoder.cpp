#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <type_traits>

#include "core/assert.hpp"
#include "historian/bit_packing.hpp"
#include "historian/codec.hpp"
#include "historian/codec_format.hpp"
#include "historian/decimal.hpp"
#include "historian/integer_stream.hpp"
#include "historian/kernels.hpp"

namespace millwright::historian {

using core::Block;
using core::TimeNs;
using core::ValueType;
using format::Times;
using format::Values;

namespace {

constexpr std::size_t kMaxCount = core::kMaxBlockReadings;
constexpr std::size_t kRoom = kMaxCount + kDecimalChunk;
// Times, values and qualities at their widest, with room for what packing scribbles.
constexpr std::size_t kMaxEncoded = kMaxCount * (10 + 8 + 7) + 1024;
static_assert(kMaxCount <= UINT16_MAX, "positions of exceptions are 16 bits");

// Above this share of exceptions another look for the exponent pays.
constexpr std::size_t kManyExceptions = 16;

bool many(std::size_t exceptions, std::size_t values) {
  return exceptions * kManyExceptions > values;
}

// Floats as integers of one exponent: these stand in `narrow` or `integers`, the exceptions in `exceptions`.
struct Decimal {
  unsigned exponent = 0;
  bool narrow = false;
  std::size_t exceptions = 0;
  IntegerPlan plan = {};
  std::size_t bytes = SIZE_MAX;
};

template <typename T>
std::size_t bytes_of(const Decimal& decimal) {
  return 1 + decimal.plan.bytes + varint_bytes(decimal.exceptions) +
         decimal.exceptions * (sizeof(std::uint16_t) + sizeof(T));
}

}  // namespace

struct Encoder::Scratch {
  explicit Scratch(const Kernels& use) : kernels(use), writer(use) {}

  const Kernels& kernels;
  IntegerWriter writer;
  std::array<std::byte, kMaxEncoded> room;
  std::array<std::int64_t, kRoom> integers;
  std::array<std::int32_t, kRoom> narrow;
  std::array<std::uint64_t, kRoom> offsets;
  std::array<TimeNs, kRoom> times;
  std::array<std::uint16_t, kRoom> exceptions;

  // Where times are a list: the steps between them in `integers`, in this unit, and how they are best packed.
  std::uint8_t unit;
  IntegerPlan steps_plan;

  Times choose_times(const Block& block);
  void write_times(const Block& block, Times way, TimeNs base, Cursor& out);
  std::span<const TimeNs> list_of(const Block& block);

  void write_values(const Block& block, Cursor& out);
  void write_bools(const Block& block, Cursor& out);
  template <typename T>
  void write_integer_values(std::span<const T> values, Values way, Cursor& out);
  template <typename T>
  void write_floats(std::span<const T> values, Cursor& out);
  template <typename T>
  Decimal plan_narrow(std::span<const T> values, unsigned exponent);
  template <typename T>
  Decimal plan_wide(std::span<const T> values, unsigned exponent);
  template <typename T>
  std::optional<unsigned> exponent_of_missed(std::span<const T> values, std::size_t missed);
  template <typename T>
  Decimal best_decimal(std::span<const T> values);
  Extents bridge_exceptions(std::size_t count, std::size_t found);
  template <typename T>
  void write_decimal(const Decimal& decimal, std::span<const T> values, Cursor& out);
};

namespace {

// Whether start and period say it all: as given, or because a list turns out to be even.
bool is_regular(const Block& block, TimeNs& period) {
  const TimeNs* times = block.times;
  const TimeNs first = times != nullptr ? times[0] : block.start;
  period = block.period;
  if (times != nullptr) {
    period = block.count > 1 ? wrapping_sub(times[1], times[0]) : 0;
    for (std::uint32_t i = 2; i < block.count; ++i) {
      if (wrapping_sub(times[i], times[i - 1]) != period) return false;
    }
  }
  // Steps that wrap are no period.
  TimeNs span = 0;
  TimeNs last = 0;
  return !__builtin_mul_overflow(period, TimeNs{block.count - 1}, &span) && !__builtin_add_overflow(first, span, &last);
}

TimeNs last_time(const Block& block) {
  if (block.times != nullptr) return block.times[block.count - 1];
  return static_cast<TimeNs>(static_cast<std::uint64_t>(block.start) +
                             static_cast<std::uint64_t>(block.period) * (block.count - 1));
}

std::uint8_t largest_unit(std::span<const TimeNs> steps) {
  std::size_t unit = format::kTimeUnits.size() - 1;
  for (const TimeNs step : steps) {
    while (step % format::kTimeUnits[unit] != 0) --unit;
    if (unit == 0) break;
  }
  return static_cast<std::uint8_t>(unit);
}

void write_quality(const Block& block, Cursor& out) {
  std::uint32_t runs = 0;
  // Twice over the runs: to count what is left after merging, then to write it.
  const auto each = [&](auto&& visit) {
    core::QualityRun open;
    for (const core::QualityRun& run : block.qualities()) {
      if (open.count != 0 && run.count != 0 && !(run.quality == open.quality)) {
        visit(open);
        open.count = 0;
      }
      if (run.count == 0) continue;
      open = {open.count + run.count, run.quality};
    }
    visit(open);
  };
  each([&](const core::QualityRun&) { ++runs; });
  out.varint(runs);
  each([&](const core::QualityRun& run) {
    out.varint(run.count);
    out.put(run.quality.code);
  });
}

bool plainly_good(const Block& block) {
  return std::all_of(block.quality, block.quality + block.quality_runs,
                     [](const core::QualityRun& run) { return run.quality == core::kGood; });
}

}  // namespace

Encoder::Encoder() : Encoder(best_kernels()) {}
Encoder::Encoder(const Kernels& kernels) : scratch_(new Scratch(kernels)) {}
Encoder::~Encoder() = default;

void Encoder::encode(const Block& block, TimeNs base, std::vector<std::byte>& out) {
  ASSERT(block.count >= 1 && block.count <= kMaxCount, "a block of 1 to 8192 readings");
  ASSERT(static_cast<std::uint8_t>(block.type) < core::kValueTypeCount, "a block of a known type");
  Scratch& s = *scratch_;
  Cursor cursor(s.room.data());
  const bool good = plainly_good(block);
  const Times way = s.choose_times(block);
  cursor.put(static_cast<std::uint8_t>(static_cast<unsigned>(block.type) | (good ? 0U : format::kHasQuality) |
                                       (static_cast<unsigned>(way) << format::kTimesShift)));
  cursor.varint(block.count);
  s.write_times(block, way, base, cursor);
  if (!good) write_quality(block, cursor);
  s.write_values(block, cursor);
  out.insert(out.end(), s.room.data(), cursor.at());
}

std::span<const TimeNs> Encoder::Scratch::list_of(const Block& block) {
  if (block.times != nullptr) return {block.times, block.count};
  auto time = static_cast<std::uint64_t>(block.start);
  for (std::uint32_t i = 0; i < block.count; ++i, time += static_cast<std::uint64_t>(block.period)) {
    times[i] = static_cast<TimeNs>(time);
  }
  return {times.data(), block.count};
}

Times Encoder::Scratch::choose_times(const Block& block) {
  TimeNs period = 0;
  if (is_regular(block, period)) return Times::kRegular;
  const auto list = list_of(block);
  const std::size_t steps = block.count - 1;
  for (std::size_t i = 0; i < steps; ++i) integers[i] = wrapping_sub(list[i + 1], list[i]);
  unit = largest_unit({integers.data(), steps});
  for (std::size_t i = 0; i < steps; ++i) integers[i] /= format::kTimeUnits[unit];
  std::size_t varints = 0;
  TimeNs before = 0;
  for (std::size_t i = 0; i < steps; ++i) {
    varints += varint_bytes(zigzag(wrapping_sub(integers[i], before)));
    before = integers[i];
  }
  steps_plan = writer.plan({integers.data(), steps});
  return steps_plan.bytes <= varints ? Times::kPacked : Times::kVarint;
}

// Right after choose_times(), while its findings still stand in the scratch.
void Encoder::Scratch::write_times(const Block& block, Times way, TimeNs base, Cursor& out) {
  const std::size_t steps = block.count - 1;
  out.varint(zigzag(wrapping_sub(block.times != nullptr ? block.times[0] : block.start, base)));
  if (way == Times::kRegular) {
    TimeNs period = 0;
    is_regular(block, period);
    if (steps > 0) out.varint(zigzag(period));
  } else if (way == Times::kPacked) {
    out.put(unit);
    writer.write<std::int64_t>(steps_plan, {integers.data(), steps}, out);
  } else {
    out.put(unit);
    TimeNs before = 0;
    for (std::size_t i = 0; i < steps; ++i) {
      out.varint(zigzag(wrapping_sub(integers[i], before)));
      before = integers[i];
    }
  }
  out.varint(zigzag(wrapping_sub(block.received, last_time(block))));
}

void Encoder::Scratch::write_values(const Block& block, Cursor& out) {
  const std::size_t width = core::width(block.type);
  if (std::memcmp(block.values, block.values + width, (block.count - 1) * width) == 0) {
    out.put(Values::kConstant);
    out.raw(block.values, width);
    return;
  }
  switch (block.type) {
    case ValueType::kFloat64:
      return write_floats<double>(block.as<double>(), out);
    case ValueType::kFloat32:
      return write_floats<float>(block.as<float>(), out);
    case ValueType::kInt64:
      return write_integer_values<std::int64_t>(block.as<std::int64_t>(), Values::kInteger, out);
    case ValueType::kState:
    case ValueType::kText:
      return write_integer_values<std::int32_t>(block.as<std::int32_t>(), Values::kInteger, out);
    case ValueType::kBool:
      return write_bools(block, out);
  }
}

void Encoder::Scratch::write_bools(const Block& block, Cursor& out) {
  const auto values = block.as<std::uint8_t>();
  std::uint8_t any = 0;
  for (const std::uint8_t value : values) any |= value;
  if (any > 1) {  // not a bool, but kept all the same
    out.put(Values::kPlain);
    out.raw(block.values, block.count);
    return;
  }
  out.put(Values::kBits);
  std::copy(values.begin(), values.end(), offsets.begin());
  std::fill(offsets.begin() + block.count, offsets.begin() + whole_groups(block.count), 0);
  pack_bits(offsets.data(), block.count, 1, out.at());
  out.skip(packed_bytes(block.count, 1));
}

template <typename T>
void Encoder::Scratch::write_integer_values(std::span<const T> values, Values way, Cursor& out) {
  std::copy(values.begin(), values.end(), integers.begin());
  const std::span<const std::int64_t> wide(integers.data(), values.size());
  const IntegerPlan plan = writer.plan(wide);
  if (plan.bytes >= values.size_bytes()) {
    out.put(Values::kPlain);
    out.raw(values.data(), values.size_bytes());
    return;
  }
  out.put(way);
  writer.write(plan, wide, out);
}

// Gives exceptions a neighbour's integer, so that they cost no width.
Extents Encoder::Scratch::bridge_exceptions(std::size_t count, std::size_t found) {
  std::size_t next = 0;
  while (next < found && exceptions[next] == next) ++next;
  std::int32_t filler = next < count ? narrow[next] : 0;
  for (std::size_t k = 0; k < found; ++k) {
    const std::size_t i = exceptions[k];
    if (i > 0) filler = narrow[i - 1];
    narrow[i] = filler;
  }
  return kernels.extents(narrow.data(), count);
}

// By integers of 32 bits. Its bytes stay SIZE_MAX where those do not reach.
template <typename T>
Decimal Encoder::Scratch::plan_narrow(std::span<const T> values, unsigned exponent) {
  const std::size_t n = values.size();
  Decimal decimal{.exponent = exponent, .narrow = true};
  Extents extents;
  if constexpr (sizeof(T) == sizeof(float)) {
    decimal.exceptions = kernels.scale32(values.data(), n, exponent, narrow.data(), exceptions.data(), extents);
  } else {
    decimal.exceptions = kernels.scale64(values.data(), n, exponent, narrow.data(), exceptions.data(), extents);
  }
  if (decimal.exceptions > 0) extents = bridge_exceptions(n, decimal.exceptions);
  const std::uint32_t spread = static_cast<std::uint32_t>(extents.high) - static_cast<std::uint32_t>(extents.low);
  if (spread >= IntegerWriter::kNarrowSpread) return decimal;
  decimal.plan = writer.plan({narrow.data(), n}, extents);
  decimal.bytes = bytes_of<T>(decimal);
  return decimal;
}

template <typename T>
Decimal Encoder::Scratch::plan_wide(std::span<const T> values, unsigned exponent) {
  Decimal decimal{.exponent = exponent};
  decimal.exceptions = scale(values.data(), values.size(), exponent, integers.data(), exceptions.data());
  decimal.plan = writer.plan({integers.data(), values.size()});
  decimal.bytes = bytes_of<T>(decimal);
  return decimal;
}

// What the exceptions at hand ask for, by a few of them.
template <typename T>
std::optional<unsigned> Encoder::Scratch::exponent_of_missed(std::span<const T> values, std::size_t missed) {
  std::array<T, 8> some;
  const std::size_t n = std::min(missed, some.size());
  for (std::size_t i = 0; i < n; ++i) some[i] = values[exceptions[i * missed / n]];
  return choose_exponent(kernels, some.data(), n);
}

template <typename T>
Decimal Encoder::Scratch::best_decimal(std::span<const T> values) {
  const auto exponent = choose_exponent(kernels, values.data(), values.size());
  if (!exponent) return {};
  const Decimal decimal = plan_narrow(values, *exponent);
  if (!many(decimal.exceptions, values.size())) {
    return decimal.bytes != SIZE_MAX ? decimal : plan_wide(values, *exponent);
  }
  // The sample missed something: what the exceptions themselves ask for may do better for all.
  const auto other = exponent_of_missed(values, decimal.exceptions);
  if (!other || *other <= *exponent) return plan_wide(values, *exponent);
  Decimal raised = plan_narrow(values, *other);
  if (many(raised.exceptions, values.size()) || raised.bytes == SIZE_MAX) raised = plan_wide(values, *other);
  if (raised.bytes < decimal.bytes) return raised;
  return decimal.bytes != SIZE_MAX ? plan_narrow(values, *exponent) : plan_wide(values, *exponent);
}

template <typename T>
void Encoder::Scratch::write_floats(std::span<const T> values, Cursor& out) {
  const Decimal decimal = best_decimal(values);
  if (!many(decimal.exceptions, values.size()) && decimal.bytes < values.size_bytes()) {
    return write_decimal(decimal, values, out);
  }
  // Few decimals or none. Neighbours still share sign, exponent and the first digits of the fraction, or are alike.
  using Pattern = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  const std::span<const Pattern> patterns(reinterpret_cast<const Pattern*>(values.data()), values.size());
  std::copy(patterns.begin(), patterns.end(), integers.begin());
  if (decimal.bytes <= writer.plan({integers.data(), values.size()}).bytes && decimal.bytes < values.size_bytes()) {
    return write_decimal(decimal.narrow ? plan_narrow(values, decimal.exponent) : plan_wide(values, decimal.exponent),
                         values, out);
  }
  write_integer_values(patterns, Values::kPattern, out);
}

template <typename T>
void Encoder::Scratch::write_decimal(const Decimal& decimal, std::span<const T> values, Cursor& out) {
  out.put(Values::kDecimal);
  out.put(static_cast<std::uint8_t>(decimal.exponent));
  if (decimal.narrow) {
    writer.write<std::int32_t>(decimal.plan, {narrow.data(), values.size()}, out);
  } else {
    writer.write<std::int64_t>(decimal.plan, {integers.data(), values.size()}, out);
  }
  out.varint(decimal.exceptions);
  out.raw(exceptions.data(), decimal.exceptions * sizeof(std::uint16_t));
  for (std::size_t i = 0; i < decimal.exceptions; ++i) out.put(values[exceptions[i]]);
}

}  // namespace millwright::historian
