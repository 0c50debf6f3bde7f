// gunzip: a body with `Content-Encoding: gzip` (RFC 1952), by zlib.
//
// Threads: pure. Errors: kCorrupt where it is no gzip, is cut off or fails its checksum; kFull where it unpacks to more
// than `bytes_max` (memory grows only with what has been unpacked).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace millwright::http {

// Several gzip members that follow each other are one text.
core::Result<std::string> gunzip(std::string_view packed, std::size_t bytes_max);
std::string gzip(std::string_view text);

}  // namespace millwright::http
