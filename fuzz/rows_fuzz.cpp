// Decodes any bytes as rows of a roll-up; and rows made of the input must come back from their encoding as they were.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "core/assert.hpp"
#include "historian/row_codec.hpp"

using namespace millwright;
using historian::Aggregate;
using historian::RollupRow;

namespace {

bool alike(double a, double b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

void check_same(const std::vector<RollupRow>& a, const std::vector<RollupRow>& b) {
  ASSERT(a.size() == b.size(), "another number of rows came back");
  for (std::size_t i = 0; i < a.size(); ++i) {
    const Aggregate& one = a[i].of;
    const Aggregate& two = b[i].of;
    ASSERT(
        one.start == two.start && one.count == two.count && one.bad_count == two.bad_count && a[i].whole == b[i].whole,
        "another row came back");
    if (one.count == 0) continue;
    ASSERT(one.first_time == two.first_time && one.last_time == two.last_time, "other times came back");
    ASSERT(alike(one.min, two.min) && alike(one.max, two.max) && alike(one.first, two.first) &&
               alike(one.last, two.last) && alike(one.sum, two.sum),
           "other values came back");
  }
}

std::vector<RollupRow> made_of(std::span<const std::byte> bytes, core::DurationNs width) {
  core::ByteReader in(bytes);
  std::vector<RollupRow> rows;
  std::int64_t index = 0;
  while (in.remaining() >= 24 && rows.size() < historian::kRowsMax) {
    RollupRow row;
    Aggregate& a = row.of;
    index += in.get<std::uint16_t>();
    if (__builtin_mul_overflow(index, width, &a.start) || a.start > INT64_MAX - 2 * width) break;
    a.count = in.get<std::uint16_t>();
    a.bad_count = in.get<std::uint8_t>();
    row.whole = in.get<std::uint8_t>() % 2 == 1;
    const auto low = in.get<std::int32_t>();
    const auto high = in.get<std::int32_t>();
    const auto scale = in.get<std::uint16_t>();
    const auto spread = in.get<std::uint64_t>();
    if (a.count > 0) {
      a.first_time = a.start + static_cast<std::int64_t>(spread % static_cast<std::uint64_t>(width));
      a.last_time = a.count == 1 ? a.first_time : a.first_time + scale;
      a.min = static_cast<double>(low) / (1 + scale % 100);
      a.first = a.max = a.last = a.min;
      a.sum = a.min;
      if (a.count > 1) {
        a.max = static_cast<double>(high) / 8;
        a.last = a.max;
        a.sum = static_cast<double>(low) + a.max;
        a.squares = static_cast<double>(scale);
        a.held = static_cast<double>(spread % 1000);
      }
    }
    rows.push_back(row);
  }
  return rows;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static historian::RowCodec codec;
  // On the heap and just as long, so that a read past the end is seen.
  const auto all = std::as_bytes(std::span(data, size));
  const std::vector<std::byte> bytes(all.begin(), all.end());
  for (const core::DurationNs width : {core::kSecond, core::kMinute, core::kHour}) {
    std::vector<RollupRow> first;
    std::vector<RollupRow> second;
    std::vector<std::byte> again;
    if (codec.decode(bytes, width, first)) {
      ASSERT(!first.empty() && first.size() <= historian::kRowsMax, "more rows than there may be");
    } else {
      ASSERT(first.empty(), "rows of what does not decode");
    }
    first = made_of(bytes, width);
    if (first.empty()) continue;
    codec.encode(first, width, again);
    ASSERT(codec.decode(again, width, second), "what was just encoded does not decode");
    check_same(first, second);
  }
  return 0;
}
