// Bit packing: unsigned integers of one width, one after the other, least significant bit first, as in
// docs/format/codec.md. Eight values make `width` whole bytes, so every width has its own unrolled loop.
//
// Threads: pure functions. Limits: width 0 to 64.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace millwright::historian {

inline constexpr std::size_t kPackGroup = 8;

constexpr std::size_t packed_bytes(std::size_t count, unsigned width) {
  return (count * width + 7) / 8;
}
constexpr std::size_t whole_groups(std::size_t count) {
  return (count + kPackGroup - 1) / kPackGroup * kPackGroup;
}

// Packs `count` values, each below 2^width. Reads whole_groups(count) values: those past `count` must be zero. Writes
// packed_bytes(count, width) bytes that count, and up to kPackSlack bytes behind them that do not.
inline constexpr std::size_t kPackSlack = 8 * kPackGroup + 8;
void pack_bits(const std::uint64_t* values, std::size_t count, unsigned width, std::byte* out);

// The reverse. `packed` must hold at least packed_bytes(count, width) bytes and is not read beyond its end. Writes
// whole_groups(count) values.
void unpack_bits(std::span<const std::byte> packed, std::size_t count, unsigned width, std::uint64_t* out);

}  // namespace millwright::historian
