#include "api/cursor.hpp"

#include <optional>
#include <vector>

#include "core/bytes.hpp"
#include "core/crc32c.hpp"

namespace millwright::api {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kSizeMax = 64;

std::string to_base64url(std::span<const std::byte> bytes) {
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const std::byte byte : bytes) {
    bits = (bits << 8) | std::to_integer<std::uint32_t>(byte);
    for (count += 8; count >= 6; count -= 6) out.push_back(kAlphabet[(bits >> (count - 6)) & 63]);
  }
  if (count > 0) out.push_back(kAlphabet[(bits << (6 - count)) & 63]);
  return out;
}

std::optional<std::vector<std::byte>> from_base64url(std::string_view text) {
  std::vector<std::byte> out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const auto digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = (bits << 6) | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<std::byte>((bits >> count) & 0xFF));
  }
  return out;
}

std::span<const std::byte> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

}  // namespace

std::uint32_t query_hash(std::string_view query) {
  return core::crc32c(as_bytes(query));
}

std::string encode_cursor(const Cursor& cursor) {
  std::vector<std::byte> bytes;
  core::ByteWriter out(bytes);
  out.put(kVersion);
  out.put(cursor.query);
  out.put(cursor.position);
  out.put(cursor.bound);
  out.put(core::crc32c(bytes));
  return to_base64url(bytes);
}

core::Result<Cursor> decode_cursor(std::string_view text, std::uint32_t query) {
  const auto malformed = core::unexpected(
      core::ErrorCode::kInvalid,
      "cursor: malformed; give the next_cursor of the page before unchanged, or none for the first page");
  if (text.size() > kSizeMax) return malformed;
  const auto bytes = from_base64url(text);
  if (!bytes) return malformed;
  core::ByteReader in(*bytes);
  const auto version = in.get<std::uint8_t>();
  Cursor cursor;
  cursor.query = in.get<std::uint32_t>();
  cursor.position = in.get<std::int64_t>();
  cursor.bound = in.get<std::int64_t>();
  const std::size_t checked = in.position();
  const auto crc = in.get<std::uint32_t>();
  if (!in.ok() || in.remaining() != 0 || version != kVersion || crc != core::crc32c(std::span(*bytes).first(checked))) {
    return malformed;
  }
  if (cursor.query != query) {
    return core::unexpected(
        core::ErrorCode::kInvalid,
        "cursor: belongs to another query; repeat the parameters of the page before, or begin again "
        "without a cursor");
  }
  return cursor;
}

}  // namespace millwright::api
