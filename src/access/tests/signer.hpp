// Signs tokens as an identity provider does, for tests.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include "access/token.hpp"

namespace millwright::access::testing {

class Signer {
 public:
  // "RS256", "ES256" or "EdDSA".
  explicit Signer(std::string algorithm, std::string kid = "key-1", unsigned rsa_bits = 2048)
      : algorithm_(std::move(algorithm)), kid_(std::move(kid)) {
    key_.reset(algorithm_ == "RS256"   ? EVP_RSA_gen(rsa_bits)
               : algorithm_ == "ES256" ? EVP_EC_gen("P-256")
                                       : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    EXPECT_TRUE(key_ != nullptr);
  }

  [[nodiscard]] nlohmann::json jwk() const {
    nlohmann::json key = {{"kid", kid_}, {"use", "sig"}};
    if (algorithm_ == "RS256") {
      key.update({{"kty", "RSA"}, {"n", number("n")}, {"e", number("e")}});
    } else if (algorithm_ == "ES256") {
      key.update({{"kty", "EC"}, {"crv", "P-256"}, {"x", number("qx", 32)}, {"y", number("qy", 32)}});
    } else {
      std::string raw(32, '\0');
      std::size_t size = raw.size();
      EVP_PKEY_get_raw_public_key(key_.get(), bytes(raw), &size);
      key.update({{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", base64url(raw)}});
    }
    return key;
  }

  [[nodiscard]] std::string token(const nlohmann::json& claims) const {
    return token({{"alg", algorithm_}, {"typ", "JWT"}, {"kid", kid_}}, claims);
  }
  [[nodiscard]] std::string token(const nlohmann::json& header, const nlohmann::json& claims) const {
    const std::string text = base64url(header.dump()) + "." + base64url(claims.dump());
    return text + "." + base64url(signature(text));
  }
  [[nodiscard]] std::string signature(const std::string& text) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    EVP_DigestSignInit(context.get(), nullptr, algorithm_ == "EdDSA" ? nullptr : EVP_sha256(), nullptr, key_.get());
    std::string out(1024, '\0');
    std::size_t size = out.size();
    const std::string input = text;
    EXPECT_EQ(EVP_DigestSign(context.get(), bytes(out), &size, reinterpret_cast<const unsigned char*>(input.data()),
                             input.size()),
              1);
    out.resize(size);
    return algorithm_ == "ES256" ? raw_pair(out) : out;
  }

 private:
  static unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
  static std::string raw_pair(const std::string& der) {
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    ECDSA_SIG* pair = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
    std::string out(64, '\0');
    BN_bn2binpad(ECDSA_SIG_get0_r(pair), bytes(out), 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), bytes(out) + 32, 32);
    ECDSA_SIG_free(pair);
    return out;
  }
  [[nodiscard]] std::string number(const char* name, int width = 0) const {
    BIGNUM* value = nullptr;
    EVP_PKEY_get_bn_param(key_.get(), name, &value);
    const int size = width == 0 ? BN_num_bytes(value) : width;
    std::string out(static_cast<std::size_t>(size), '\0');
    BN_bn2binpad(value, bytes(out), size);
    BN_free(value);
    return base64url(out);
  }
  struct FreeKey {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };

  std::string algorithm_;
  std::string kid_;
  std::unique_ptr<EVP_PKEY, FreeKey> key_;
};

inline std::string key_set(const std::vector<nlohmann::json>& keys) {
  return nlohmann::json{{"keys", keys}}.dump();
}

}  // namespace millwright::access::testing
