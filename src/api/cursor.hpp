// Cursors: where the next page of an answer begins, as opaque text (base64url, RFC 4648 section 5) with a checksum.
// A cursor belongs to the query that gave it, and is refused by any other.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace millwright::api {

struct Cursor {
  std::uint32_t query = 0;  // query_hash() of what was asked
  std::int64_t position = 0;
  std::int64_t bound = 0;
};

std::uint32_t query_hash(std::string_view query);
std::string encode_cursor(const Cursor& cursor);
// kInvalid where it is malformed, or not of the query with this hash.
core::Result<Cursor> decode_cursor(std::string_view text, std::uint32_t query);

}  // namespace millwright::api
