#include "security/authority.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "security/certificate.hpp"

namespace millwright::security {
namespace {

using testing::HasSubstr;

constexpr core::TimeNs kNow = 1'700'000'000 * core::kSecond;
constexpr core::DurationNs kDay = 24 * core::kHour;

TEST(AuthorityTest, WhatItIssuesIsTrustedThroughIt) {
  const auto authority = make_authority("Lyon's plant", kNow);
  ASSERT_TRUE(authority) << authority.error().message;
  const auto server = issue(*authority, {"plant.local", "10.0.0.5", "::1"}, kNow);
  ASSERT_TRUE(server) << server.error().message;
  const std::string root = *to_der(authority->certificate);
  const std::string leaf = *to_der(server->certificate);
  EXPECT_EQ(verify(leaf, {.trusted = {root}, .issuers = {}, .revocations = {}}, kNow).trust, Trust::kTrusted);
  EXPECT_EQ(verify(leaf, {}, kNow).trust, Trust::kUntrusted);
  EXPECT_EQ(verify(leaf, {.trusted = {root}, .issuers = {}, .revocations = {}}, kNow + 398 * kDay).trust,
            Trust::kOutOfDate);
}

TEST(AuthorityTest, CertificatesSayWhatTheyAre) {
  const auto authority = make_authority("Lyon", kNow);
  const auto server = issue(*authority, {"plant.local", "10.0.0.5"}, kNow);
  ASSERT_TRUE(server);
  const auto info = describe_pem(server->certificate);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->names, "DNS:plant.local, IP Address:10.0.0.5");
  EXPECT_THAT(info->issuer, HasSubstr("CN = Lyon"));
  EXPECT_FALSE(info->authority);
  EXPECT_EQ(info->valid_from, kNow - kDay);
  EXPECT_EQ(info->fingerprint.size(), 32U * 3 - 1);
  EXPECT_TRUE(describe_pem(authority->certificate)->authority);
  EXPECT_FALSE(describe_pem("hello"));
}

TEST(AuthorityTest, RefusesWhatItCannotSignFor) {
  const auto authority = make_authority("Lyon", kNow);
  const auto other = make_authority("Lyon", kNow);
  const auto server = issue(*authority, {"a"}, kNow);
  EXPECT_FALSE(issue(*authority, {}, kNow));
  EXPECT_FALSE(issue(*authority, {"a b"}, kNow));
  EXPECT_FALSE(issue(*authority, {"a,DNS:evil"}, kNow));
  EXPECT_FALSE(issue({authority->certificate, other->key}, {"a"}, kNow));
  EXPECT_FALSE(issue(*server, {"a"}, kNow)) << "a server's certificate signs nothing";
  EXPECT_FALSE(issue(*authority, {"a"}, kNow + 11 * 365 * kDay));
}

}  // namespace
}  // namespace millwright::security
