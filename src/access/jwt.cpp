#include "access/jwt.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "access/token.hpp"
#include "core/text.hpp"

namespace millwright::access {
namespace {

using core::ErrorCode;
using core::unexpected;
using nlohmann::json;

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};
using PublicKey = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using Number = std::unique_ptr<BIGNUM, Free<BN_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>>;
using EcSignature = std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>>;

constexpr int kRsaBitsMin = 2048;
constexpr int kRsaBitsMax = 8192;
constexpr std::size_t kCoordinateBytes = 32;  // of P-256
constexpr std::size_t kEd25519Bytes = 32;
constexpr double kSecondsMax = 9e9;  // what fits into nanoseconds

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

core::Unexpected bad(std::string message) {
  return unexpected(ErrorCode::kInvalid, std::move(message));
}

std::string text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<std::string> bytes_member(const json& object, const char* name) {
  const std::string text = text_of(object, name);
  return text.empty() ? std::nullopt : from_base64url(text);
}

PublicKey key_from(const char* type, Builder& builder) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return nullptr;
  }
  return PublicKey(key);
}

PublicKey rsa_key(const json& jwk) {
  const auto n = bytes_member(jwk, "n");
  const auto e = bytes_member(jwk, "e");
  if (!n || !e || n->size() > kRsaBitsMax / 8 || e->size() > 8) return nullptr;
  const Number modulus(BN_bin2bn(bytes_of(*n), static_cast<int>(n->size()), nullptr));
  const Number exponent(BN_bin2bn(bytes_of(*e), static_cast<int>(e->size()), nullptr));
  if (!modulus || !exponent || BN_num_bits(modulus.get()) < kRsaBitsMin || BN_is_odd(modulus.get()) == 0 ||
      BN_is_odd(exponent.get()) == 0 || BN_is_one(exponent.get()) != 0) {
    return nullptr;
  }
  Builder builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1) {
    return nullptr;
  }
  return key_from("RSA", builder);
}

// fromdata refuses a point that is not on the curve.
PublicKey ec_key(const json& jwk) {
  const auto x = bytes_member(jwk, "x");
  const auto y = bytes_member(jwk, "y");
  if (text_of(jwk, "crv") != "P-256" || !x || !y || x->size() != kCoordinateBytes || y->size() != kCoordinateBytes) {
    return nullptr;
  }
  const std::string point = "\x04" + *x + *y;
  Builder builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1) {
    return nullptr;
  }
  return key_from("EC", builder);
}

PublicKey ed25519_key(const json& jwk) {
  const auto x = bytes_member(jwk, "x");
  if (text_of(jwk, "crv") != "Ed25519" || !x || x->size() != kEd25519Bytes) return nullptr;
  return PublicKey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(*x), x->size()));
}

// JOSE writes r and s one after the other, OpenSSL wants them in DER.
std::string to_der(std::string_view signature) {
  if (signature.size() != 2 * kCoordinateBytes) return {};
  Number r(BN_bin2bn(bytes_of(signature), kCoordinateBytes, nullptr));
  Number s(BN_bin2bn(bytes_of(signature) + kCoordinateBytes, kCoordinateBytes, nullptr));
  const EcSignature both(ECDSA_SIG_new());
  if (!r || !s || !both || ECDSA_SIG_set0(both.get(), r.get(), s.get()) != 1) return {};
  static_cast<void>(r.release());
  static_cast<void>(s.release());
  unsigned char* raw = nullptr;
  const int size = i2d_ECDSA_SIG(both.get(), &raw);
  if (size <= 0) return {};
  std::string der(reinterpret_cast<const char*>(raw), static_cast<std::size_t>(size));
  OPENSSL_free(raw);
  return der;
}

core::Result<json> object_of(std::string_view part, const char* what) {
  const auto text = from_base64url(part);
  auto parsed = text ? json::parse(*text, nullptr, false) : json(json::value_t::discarded);
  if (!parsed.is_object()) return bad(fmt::format("the token's {} is no JSON object in base64url", what));
  return parsed;
}

std::optional<core::TimeNs> time_of(const json& claims, const char* name) {
  const auto found = claims.find(name);
  if (found == claims.end() || !found->is_number()) return std::nullopt;
  const double seconds = found->get<double>();
  if (!std::isfinite(seconds) || std::abs(seconds) > kSecondsMax) return std::nullopt;
  return static_cast<core::TimeNs>(seconds * 1e9);
}

bool names_audience(const json& claims, const std::string& audience) {
  const auto found = claims.find("aud");
  if (found == claims.end()) return false;
  if (found->is_string()) return found->get_ref<const std::string&>() == audience;
  return found->is_array() &&
         std::any_of(found->begin(), found->end(), [&](const json& one) { return one.is_string() && one == audience; });
}

core::Status check_claims(const json& claims, const JwtRules& rules, core::TimeNs now) {
  if (text_of(claims, "iss") != rules.issuer) return bad("the token is of another issuer");
  if (!names_audience(claims, rules.audience)) return bad("the token is for another audience");
  const auto expires = time_of(claims, "exp");
  if (!expires) return bad("the token has no time 'exp' at which it ends");
  if (*expires + rules.leeway <= now) return bad("the token has expired");
  if (claims.contains("nbf")) {
    const auto begins = time_of(claims, "nbf");
    if (!begins || *begins - rules.leeway > now) return bad("the token is not valid yet");
  }
  if (claims.contains("iat")) {
    const auto issued = time_of(claims, "iat");
    if (!issued || *issued - rules.leeway > now) return bad("the token was issued in the future");
  }
  return {};
}

core::Result<Algorithm> algorithm_of(const json& header, const JwtRules& rules) {
  const std::string name = text_of(header, "alg");
  for (const Algorithm allowed : rules.algorithms) {
    if (name == kAlgorithmNames.at(static_cast<std::size_t>(allowed))) return allowed;
  }
  return bad("the token's algorithm is not among those that access.oidc.algorithms allows");
}

}  // namespace

struct KeySet::Key {
  Algorithm algorithm;
  std::string kid;
  PublicKey key;

  static std::shared_ptr<const Key> from(const json& jwk) {
    if (!jwk.is_object() || (jwk.contains("use") && text_of(jwk, "use") != "sig")) return nullptr;
    const std::string type = text_of(jwk, "kty");
    auto made = std::make_shared<Key>();
    made->kid = text_of(jwk, "kid");
    if (type == "RSA") {
      made->algorithm = Algorithm::kRs256;
      made->key = rsa_key(jwk);
    } else if (type == "EC") {
      made->algorithm = Algorithm::kEs256;
      made->key = ec_key(jwk);
    } else if (type == "OKP") {
      made->algorithm = Algorithm::kEdDsa;
      made->key = ed25519_key(jwk);
    }
    const bool other =
        jwk.contains("alg") && text_of(jwk, "alg") != kAlgorithmNames.at(static_cast<std::size_t>(made->algorithm));
    return made->key && !other ? made : nullptr;
  }

  [[nodiscard]] bool made(std::string_view text, std::string_view signature) const {
    const std::string der = algorithm == Algorithm::kEs256 ? to_der(signature) : std::string(signature);
    const EVP_MD* hash = algorithm == Algorithm::kEdDsa ? nullptr : EVP_sha256();
    const DigestContext context(EVP_MD_CTX_new());
    return context && !der.empty() && EVP_DigestVerifyInit(context.get(), nullptr, hash, nullptr, key.get()) == 1 &&
           EVP_DigestVerify(context.get(), bytes_of(der), der.size(), bytes_of(text), text.size()) == 1;
  }
};

core::Result<KeySet> KeySet::parse(std::string_view jwks) {
  if (jwks.size() > kKeySetBytesMax) return bad(fmt::format("the key set has more than {} bytes", kKeySetBytesMax));
  const json parsed = json::parse(jwks, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("keys") || !parsed["keys"].is_array()) {
    return bad("is no JSON Web Key Set: an object with a list 'keys' is expected");
  }
  if (parsed["keys"].size() > kKeysMax) return bad(fmt::format("the key set has more than {} keys", kKeysMax));
  KeySet set;
  for (const json& jwk : parsed["keys"]) {
    if (auto key = Key::from(jwk)) set.keys_.push_back(std::move(key));
  }
  if (set.keys_.empty()) {
    return bad("the key set has no key that signs with RS256 (2048 bits or more), ES256 or EdDSA (Ed25519)");
  }
  return set;
}

core::Status KeySet::verify(Algorithm algorithm, std::string_view kid, std::string_view text,
                            std::string_view signature) const {
  bool any = false;
  for (const auto& key : keys_) {
    if (key->algorithm != algorithm || (!kid.empty() && !key->kid.empty() && key->kid != kid)) continue;
    any = true;
    if (key->made(text, signature)) return {};
  }
  if (!any) return unexpected(ErrorCode::kNotFound, "no key of the key set is the token's");
  return bad("the token's signature is wrong");
}

core::Result<json> verify_jwt(std::string_view token, const KeySet& keys, const JwtRules& rules, core::TimeNs now) {
  if (token.size() > kTokenBytesMax) return bad(fmt::format("the token has more than {} bytes", kTokenBytesMax));
  const auto parts = core::split(token, '.');
  if (parts.size() != 3) return bad("the token has not the three parts of a signed one");
  const auto header = object_of(parts[0], "header");
  if (!header) return unexpected(header.error());
  if (header->contains("crit")) return bad("the token asks for extensions ('crit'), which are not known here");
  const auto algorithm = algorithm_of(*header, rules);
  if (!algorithm) return unexpected(algorithm.error());
  const auto signature = from_base64url(parts[2]);
  if (!signature) return bad("the token's signature is no base64url");
  const auto signed_part = token.substr(0, parts[0].size() + 1 + parts[1].size());
  if (auto good = keys.verify(*algorithm, text_of(*header, "kid"), signed_part, *signature); !good) {
    return unexpected(good.error());
  }
  auto claims = object_of(parts[1], "payload");
  if (!claims) return claims;
  if (auto good = check_claims(*claims, rules, now); !good) return unexpected(good.error());
  return claims;
}

core::TimeNs expiry_of(const json& claims) {
  return time_of(claims, "exp").value_or(0);
}

}  // namespace millwright::access
