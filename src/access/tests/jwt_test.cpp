#include "access/jwt.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "access/tests/signer.hpp"

namespace millwright::access {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::key_set;
using testing::Signer;

constexpr core::TimeNs kNow = 1'700'000'000 * core::kSecond;
constexpr std::int64_t kNowSeconds = 1'700'000'000;

JwtRules rules(std::vector<Algorithm> algorithms = {Algorithm::kRs256, Algorithm::kEs256, Algorithm::kEdDsa}) {
  return {.algorithms = std::move(algorithms), .issuer = "https://id.example", .audience = "millwright"};
}

json claims() {
  return {{"iss", "https://id.example"}, {"aud", "millwright"}, {"sub", "anna"}, {"exp", kNowSeconds + 300}};
}

KeySet keys(const std::vector<json>& all) {
  auto set = KeySet::parse(key_set(all));
  EXPECT_TRUE(set) << set.error().message;
  return set ? *set : KeySet();
}

std::string refusal(const std::string& token, const KeySet& set, const JwtRules& with = rules()) {
  const auto verified = verify_jwt(token, set, with, kNow);
  return verified ? "accepted" : verified.error().message;
}

TEST(JwtTest, EveryAlgorithmThatIsAllowedIsVerified) {
  for (const std::string_view algorithm : kAlgorithmNames) {
    const Signer signer{std::string(algorithm)};
    const auto verified = verify_jwt(signer.token(claims()), keys({signer.jwk()}), rules(), kNow);
    ASSERT_TRUE(verified) << algorithm << ": " << verified.error().message;
    EXPECT_EQ((*verified)["sub"], "anna");
  }
}

TEST(JwtTest, AnAlgorithmThatIsNotAllowedIsRefused) {
  const Signer signer("RS256");
  const KeySet set = keys({signer.jwk()});
  EXPECT_THAT(refusal(signer.token(claims()), set, rules({Algorithm::kEs256})), HasSubstr("algorithm"));
  for (const char* algorithm : {"none", "None", "HS256", "HS512", "RS512", "PS256", "ES384", ""}) {
    EXPECT_THAT(refusal(signer.token({{"alg", algorithm}, {"kid", "key-1"}}, claims()), set), HasSubstr("algorithm"))
        << algorithm;
  }
  const std::string unsigned_token = base64url(json{{"alg", "none"}}.dump()) + "." + base64url(claims().dump()) + ".";
  EXPECT_THAT(refusal(unsigned_token, set), HasSubstr("algorithm"));
}

// The public key as the secret of a keyed hash: the classic confusion.
TEST(JwtTest, AKeyIsUsedWithItsOwnAlgorithmOnly) {
  const Signer rsa("RS256");
  const Signer ec("ES256");
  const KeySet set = keys({rsa.jwk()});
  EXPECT_THAT(refusal(ec.token({{"alg", "ES256"}, {"kid", "key-1"}}, claims()), set), HasSubstr("no key"));
  EXPECT_THAT(refusal(ec.token({{"alg", "RS256"}, {"kid", "key-1"}}, claims()), set), HasSubstr("signature"));
}

TEST(JwtTest, WhatWasChangedIsRefused) {
  const Signer signer("ES256");
  const KeySet set = keys({signer.jwk()});
  const std::string token = signer.token(claims());
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_NE(refusal(changed, set), "accepted") << i;
  }
  EXPECT_NE(refusal(token + "A", set), "accepted");
  EXPECT_NE(refusal(token + ".", set), "accepted");
  EXPECT_NE(refusal("", set), "accepted");
  EXPECT_NE(refusal("..", set), "accepted");
  EXPECT_NE(refusal(std::string(kTokenBytesMax + 1, 'A'), set), "accepted");
}

TEST(JwtTest, IssuerAudienceAndTimesMustBeRight) {
  const Signer signer("EdDSA");
  const KeySet set = keys({signer.jwk()});
  const auto with = [&](const char* name, const json& value) {
    json changed = claims();
    changed[name] = value;
    return refusal(signer.token(changed), set);
  };
  EXPECT_EQ(with("aud", {"other", "millwright"}), "accepted");
  EXPECT_THAT(with("aud", {"other"}), HasSubstr("audience"));
  EXPECT_THAT(with("aud", 7), HasSubstr("audience"));
  EXPECT_THAT(with("iss", "https://evil.example"), HasSubstr("issuer"));
  EXPECT_THAT(with("iss", nullptr), HasSubstr("issuer"));
  EXPECT_EQ(with("exp", kNowSeconds - 59), "accepted");
  EXPECT_THAT(with("exp", kNowSeconds - 60), HasSubstr("expired"));
  EXPECT_THAT(with("exp", nullptr), HasSubstr("no time 'exp'"));
  EXPECT_THAT(with("exp", "tomorrow"), HasSubstr("no time 'exp'"));
  EXPECT_THAT(with("exp", 1e300), HasSubstr("no time 'exp'"));
  EXPECT_EQ(with("nbf", kNowSeconds + 60), "accepted");
  EXPECT_THAT(with("nbf", kNowSeconds + 61), HasSubstr("not valid yet"));
  EXPECT_THAT(with("nbf", "now"), HasSubstr("not valid yet"));
  EXPECT_THAT(with("iat", kNowSeconds + 61), HasSubstr("in the future"));
}

TEST(JwtTest, ExtensionsThatAreNotKnownAreRefused) {
  const Signer signer("RS256");
  EXPECT_THAT(refusal(signer.token({{"alg", "RS256"}, {"crit", {"exp"}}}, claims()), keys({signer.jwk()})),
              HasSubstr("extensions"));
}

TEST(JwtTest, TheKeyIsFoundByItsIdOrTried) {
  const Signer one("RS256", "one");
  const Signer two("RS256", "two");
  EXPECT_EQ(refusal(two.token(claims()), keys({one.jwk(), two.jwk()})), "accepted");
  EXPECT_EQ(refusal(two.token({{"alg", "RS256"}}, claims()), keys({one.jwk(), two.jwk()})), "accepted");
  const auto unknown = verify_jwt(two.token(claims()), keys({one.jwk()}), rules(), kNow);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, core::ErrorCode::kNotFound);
}

TEST(KeySetTest, WeakForeignAndBrokenKeysAreLeftOut) {
  const Signer good("RS256", "good");
  json encryption = good.jwk();
  encryption["use"] = "enc";
  json off_curve = Signer("ES256").jwk();
  off_curve["x"] = off_curve["y"];
  const std::vector<json> bad = {Signer("RS256", "weak", 1024).jwk(),
                                 encryption,
                                 off_curve,
                                 {{"kty", "oct"}, {"k", "c2VjcmV0"}},
                                 json::array(),
                                 {{"kty", "RSA"}, {"n", "AA"}},
                                 {{"kty", "OKP"}, {"crv", "X25519"}, {"x", Signer("EdDSA").jwk()["x"]}}};
  for (const json& key : bad) EXPECT_FALSE(KeySet::parse(key_set({key}))) << key.dump();
  std::vector<json> all = bad;
  all.push_back(good.jwk());
  EXPECT_EQ(keys(all).size(), 1U);
  for (const char* text : {"", "{}", "[]", R"({"keys":7})", R"({"keys":[]})", "{"}) EXPECT_FALSE(KeySet::parse(text));
}

}  // namespace
}  // namespace millwright::access
