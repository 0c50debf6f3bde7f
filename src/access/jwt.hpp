// JSON Web Tokens (RFC 7519, 7515) that somebody else signed, checked against a set of public keys (RFC 7517).
//
// The algorithms are the caller's and never the token's: RS256, ES256 (P-256) and EdDSA (Ed25519) exist here, so "none"
// and keyed hashes cannot be asked for. A key is used with the algorithm of its own type only.
//
// Threads: values and pure functions; a KeySet is shared as const. Limits: kTokenBytesMax, kKeySetBytesMax, kKeysMax.
// Errors: kInvalid with the reason, for the log of whoever runs the plant; kNotFound where no key has the token's
// `kid`.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::access {

inline constexpr std::size_t kTokenBytesMax = 16 * 1024;
inline constexpr std::size_t kKeySetBytesMax = 1024 * 1024;
inline constexpr std::size_t kKeysMax = 100;

enum class Algorithm : std::uint8_t { kRs256, kEs256, kEdDsa };
inline constexpr std::array<std::string_view, 3> kAlgorithmNames = {"RS256", "ES256", "EdDSA"};

class KeySet {
 public:
  // Keys of other types or uses are left out; an error where the text is no key set or none is left.
  static core::Result<KeySet> parse(std::string_view jwks);
  [[nodiscard]] std::size_t size() const { return keys_.size(); }
  // Whether a key of that algorithm, and of that id where one is given, made `signature` over `text`.
  [[nodiscard]] core::Status verify(Algorithm algorithm, std::string_view kid, std::string_view text,
                                    std::string_view signature) const;

 private:
  struct Key;
  std::vector<std::shared_ptr<const Key>> keys_;
};

struct JwtRules {
  std::vector<Algorithm> algorithms;
  std::string issuer;
  std::string audience;
  core::DurationNs leeway = core::kMinute;
};
// The claims of a token whose signature, issuer, audience and times are right.
core::Result<nlohmann::json> verify_jwt(std::string_view token, const KeySet& keys, const JwtRules& rules,
                                        core::TimeNs now);
// When the claims end; verify_jwt() has seen that they do.
core::TimeNs expiry_of(const nlohmann::json& claims);

}  // namespace millwright::access
