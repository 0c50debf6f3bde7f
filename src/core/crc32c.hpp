// CRC32C (Castagnoli, RFC 3720 appendix B.4), by the processor's instruction where it has one, else by table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace millwright::core {

// The CRC of `bytes` after bytes whose CRC is `before`: crc32c(b, crc32c(a)) is the CRC of a followed by b.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0);

// The table's way, whatever the processor: what the fast way is tested against.
std::uint32_t crc32c_portable(std::span<const std::byte> bytes, std::uint32_t before = 0);

}  // namespace millwright::core
