#include "access/password.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "access/token.hpp"

namespace millwright::access {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(PasswordTest, AHashKnowsItsPasswordAndNoOther) {
  const auto hash = hash_password("four horses cross the river");
  ASSERT_TRUE(hash) << hash.error().message;
  EXPECT_THAT(*hash, StartsWith("$argon2id$v=19$m=32768,t=3,p=1$"));
  EXPECT_TRUE(matches(*hash, "four horses cross the river"));
  EXPECT_FALSE(matches(*hash, "four horses cross the rive"));
  EXPECT_FALSE(matches(*hash, ""));
  EXPECT_FALSE(matches("", ""));
  EXPECT_FALSE(matches("$argon2id$v=19$m=32768,t=3,p=1$nonsense", "x"));
  EXPECT_NE(*hash, *hash_password("four horses cross the river"));
  EXPECT_FALSE(is_outdated(*hash));
}

TEST(PasswordTest, AHashOfLesserCostIsOutdated) {
  EXPECT_TRUE(is_outdated("$argon2id$v=19$m=4096,t=3,p=1$c2FsdHNhbHQ$aGFzaA"));
}

TEST(PasswordTest, RulesRefuseWhatIsTriedFirst) {
  EXPECT_TRUE(check_password("anna", "four horses cross the river"));
  EXPECT_TRUE(check_password("anna", "größenwahn-17"));
  for (const char* bad :
       {"", "short", "elevenchars", "aaaaaaaaaaaa", "123456789012", "abcdefghijklmnop", "Password1234", "qwertyuiop12",
        "welcomewelcome", "changeme!!12", "abababababab", "bell\x07in the night", "\xff\xfe\xfdmojibake here"}) {
    EXPECT_FALSE(check_password("anna", bad)) << bad;
  }
  EXPECT_THAT(check_password("anna", "Anna and the river").error().message, HasSubstr("the user's name"));
  EXPECT_FALSE(check_password("anna", std::string(kPasswordLongest + 1, 'x')));
}

TEST(PasswordTest, NamesFitAPathAndALogLine) {
  for (const char* good : {"anna", "a", "anna.b@acme.example", "42", "A-b_c"})
    EXPECT_TRUE(check_user_name(good)) << good;
  for (const char* bad :
       {"", " anna", "an na", "openid:anna", "-anna", "anna/x", "ännchen", "a\n", "local", "Unknown"}) {
    EXPECT_FALSE(check_user_name(bad)) << bad;
  }
  EXPECT_FALSE(check_user_name(std::string(kUserNameLongest + 1, 'a')));
}

TEST(TokenTest, TokensAreLongAndNeverTheSame) {
  const std::string token = make_token(kApiToken);
  EXPECT_EQ(token.size(), 3U + 43U);
  EXPECT_THAT(token, StartsWith("mw_"));
  EXPECT_NE(token, make_token(kApiToken));
  EXPECT_EQ(make_id().size(), 16U);
  EXPECT_EQ(to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(*digest_from_hex(to_hex(sha256("abc"))), sha256("abc"));
  EXPECT_FALSE(digest_from_hex("ba78"));
  EXPECT_FALSE(digest_from_hex(std::string(64, 'g')));
}

TEST(TokenTest, Base64UrlHasOneTextForEachBytes) {
  for (const std::string bytes : {"", "f", "fo", "foo", "foob", "\xff\xfe\xfd\xfc"}) {
    EXPECT_EQ(*from_base64url(base64url(bytes)), bytes);
  }
  EXPECT_EQ(base64url("\xfb\xff"), "-_8");
  for (const char* bad : {"a", "Zg==", "Zh", "+/8", "Zm 9"}) EXPECT_FALSE(from_base64url(bad)) << bad;
}

}  // namespace
}  // namespace millwright::access
