#include "historian/integer_stream.hpp"

#include <algorithm>

#include "historian/bit_packing.hpp"

namespace millwright::historian {
namespace {

// The first byte: the width, and whether differences are kept.
constexpr std::uint8_t kDeltaFlag = 0x80;
constexpr unsigned kMaxWidth = 64;

struct Extent {
  std::int64_t low = INT64_MAX;
  std::int64_t high = INT64_MIN;
  void add(std::int64_t value) {
    low = value < low ? value : low;
    high = value > high ? value : high;
  }
  // Bits that the distance of any from the least takes.
  [[nodiscard]] unsigned width() const {
    return static_cast<unsigned>(std::bit_width(static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low)));
  }
};

void pad_with_zeros(std::uint64_t* offsets, std::size_t count) {
  std::fill(offsets + count, offsets + whole_groups(count), 0);
}

}  // namespace

IntegerPlan plan_integers(const std::int64_t* values, std::size_t count) {
  if (count == 0) return {};
  Extent whole;
  whole.add(values[0]);
  Extent steps;
  for (std::size_t i = 1; i < count; ++i) {
    whole.add(values[i]);
    steps.add(wrapping_sub(values[i], values[i - 1]));
  }
  IntegerPlan plan{.delta = false,
                   .width = whole.width(),
                   .first = values[0],
                   .low = whole.low,
                   .bytes = 1 + varint_bytes(zigzag(whole.low)) + packed_bytes(count, whole.width())};
  if (count < 2) return plan;
  const std::size_t bytes =
      1 + varint_bytes(zigzag(values[0])) + varint_bytes(zigzag(steps.low)) + packed_bytes(count - 1, steps.width());
  if (bytes < plan.bytes) {
    plan = {.delta = true, .width = steps.width(), .first = values[0], .low = steps.low, .bytes = bytes};
  }
  return plan;
}

void write_integers(const IntegerPlan& plan, const std::int64_t* values, std::size_t count, std::uint64_t* offsets,
                    Cursor& out) {
  if (count == 0) return;
  out.put(static_cast<std::uint8_t>(plan.width | (plan.delta ? kDeltaFlag : 0)));
  if (plan.delta) out.varint(zigzag(plan.first));
  out.varint(zigzag(plan.low));
  const auto low = static_cast<std::uint64_t>(plan.low);
  const std::size_t packed = plan.delta ? count - 1 : count;
  if (plan.delta) {
    for (std::size_t i = 0; i < packed; ++i) {
      offsets[i] = static_cast<std::uint64_t>(values[i + 1]) - static_cast<std::uint64_t>(values[i]) - low;
    }
  } else {
    for (std::size_t i = 0; i < packed; ++i) offsets[i] = static_cast<std::uint64_t>(values[i]) - low;
  }
  pad_with_zeros(offsets, packed);
  pack_bits(offsets, packed, plan.width, out.at());
  out.skip(packed_bytes(packed, plan.width));
}

void read_integers(core::ByteReader& in, std::size_t count, std::int64_t* values) {
  if (count == 0) return;
  const auto tag = in.get<std::uint8_t>();
  const bool delta = (tag & kDeltaFlag) != 0;
  const unsigned width = tag & ~kDeltaFlag;
  const std::int64_t first = delta ? in.zigzag() : 0;
  const auto low = static_cast<std::uint64_t>(in.zigzag());
  if (width > kMaxWidth) in.fail();
  const std::size_t packed = delta ? count - 1 : count;
  const auto bits = in.take_span(packed_bytes(packed, width));
  if (!in.ok()) return;
  // Unpacked in place: as unsigned distances first.
  auto* offsets = reinterpret_cast<std::uint64_t*>(values + (delta ? 1 : 0));
  unpack_bits(bits, packed, width, offsets);
  if (delta) {
    auto sum = static_cast<std::uint64_t>(first);
    values[0] = first;
    for (std::size_t i = 0; i < packed; ++i) {
      sum += offsets[i] + low;
      offsets[i] = sum;
    }
  } else {
    for (std::size_t i = 0; i < packed; ++i) offsets[i] += low;
  }
}

}  // namespace millwright::historian
