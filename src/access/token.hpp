// Tokens: 256 random bits as text, of which only the SHA-256 is kept. Who has the text has the right; who reads the
// database has not. A fast hash is right here: what it hides cannot be guessed.
//
// Threads: pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace millwright::access {

using Digest = std::array<std::uint8_t, 32>;
struct DigestHash {
  std::size_t operator()(const Digest& digest) const noexcept {
    std::size_t first = 0;
    std::memcpy(&first, digest.data(), sizeof first);
    return first;
  }
};
Digest sha256(std::string_view bytes);
std::string to_hex(const Digest& digest);
std::optional<Digest> digest_from_hex(std::string_view text);

inline constexpr std::string_view kApiToken = "mw_";
inline constexpr std::string_view kSetupToken = "setup_";
inline constexpr std::string_view kSessionToken = "ses_";
// The prefix and 43 characters of base64url.
std::string make_token(std::string_view prefix);
// 16 hexadecimal digits that name a token or session; no secret.
std::string make_id();

std::string base64url(std::string_view bytes);
// Without padding, as in RFC 7515; nothing where it is none, or not the only text for its bytes.
std::optional<std::string> from_base64url(std::string_view text);

}  // namespace millwright::access
