// Integer stream: a run of 64-bit integers, bit-packed in one width, either as distances from the least (frame of
// reference) or as differences between neighbours, whichever is shorter. A part of the block format (codec.md).
//
// Threads: pure functions. All arithmetic wraps, so that any integers go through.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/bytes.hpp"

namespace millwright::historian {

constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::size_t varint_bytes(std::uint64_t value) {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}
constexpr std::int64_t wrapping_sub(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
constexpr std::int64_t wrapping_add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

// Writes into memory whose owner has made sure that it is long enough.
class Cursor {
 public:
  explicit Cursor(std::byte* at) : at_(at) {}
  template <typename T>
  void put(T value) {
    std::memcpy(at_, &value, sizeof(T));
    at_ += sizeof(T);
  }
  void varint(std::uint64_t value) {
    while (value >= 0x80) {
      put(static_cast<std::uint8_t>(value | 0x80));
      value >>= 7;
    }
    put(static_cast<std::uint8_t>(value));
  }
  void raw(const void* from, std::size_t n) {
    std::memcpy(at_, from, n);
    at_ += n;
  }
  void skip(std::size_t n) { at_ += n; }
  [[nodiscard]] std::byte* at() const { return at_; }

 private:
  std::byte* at_;
};

// How a run is best written.
struct IntegerPlan {
  bool delta = false;
  unsigned width = 0;
  std::int64_t first = 0;  // of the values, where delta
  std::int64_t low = 0;    // the least value, or the least difference
  std::size_t bytes = 0;   // that it will take
};

IntegerPlan plan_integers(const std::int64_t* values, std::size_t count);
// Writes plan.bytes bytes, and scribbles over up to kPackSlack behind them. `offsets` has room for
// whole_groups(count) values.
void write_integers(const IntegerPlan& plan, const std::int64_t* values, std::size_t count, std::uint64_t* offsets,
                    Cursor& out);
// Gives `count` integers; `values` has room for whole_groups(count) + 1. A reader that fails leaves rubbish there.
void read_integers(core::ByteReader& in, std::size_t count, std::int64_t* values);

}  // namespace millwright::historian
