// inflate: what DEFLATE in zlib's frame (RFC 1950) or GZIP (RFC 1952) has packed; which of the two shows by itself.
//
// Threads: pure. Errors: kCorrupt where it is neither, is cut off or fails its checksum; kFull where it unpacks to more
// than `bytes_max` (memory grows only with what has been unpacked).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace millwright::protocol {

core::Result<std::string> inflate(std::string_view packed, std::size_t bytes_max);

}  // namespace millwright::protocol
