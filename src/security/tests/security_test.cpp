#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "security/certificate_store.hpp"
#include "security/users.hpp"

namespace millwright::security {
namespace {

using testing::HasSubstr;

constexpr core::TimeNs kNow = 1'700'000'000 * core::kSecond;

class StoreTest : public testing::Test {
 protected:
  StoreTest() : folder_(testing::TempDir() + "millwright-pki-" + std::to_string(::getpid())) {
    std::filesystem::remove_all(folder_);
  }
  ~StoreTest() override { std::filesystem::remove_all(folder_); }
  CertificateStore store() { return {folder_, identity_of("line-1", "127.0.0.1"), files_, clock_}; }
  static NewCertificate peer(const std::string& name, int years = 1, core::TimeNs from = kNow) {
    auto made = make_certificate({name, "urn:peer:" + name, {"localhost", "10.0.0.5"}}, from, years);
    EXPECT_TRUE(made) << made.error().message;
    return *made;
  }

  std::string folder_;
  io::RealFileSystem files_;
  io::SimClock clock_{kNow};
};

TEST_F(StoreTest, ThePlantsOwnCertificateIsMadeOnceAndKept) {
  CertificateStore first = store();
  const auto own = first.own();
  ASSERT_TRUE(own) << own.error().message;
  EXPECT_THAT(own->info.application_uri, testing::EndsWith(":millwright:line-1"));
  EXPECT_EQ(own->info.key_bits, 2048);
  EXPECT_FALSE(own->info.weak_hash);
  EXPECT_LT(own->info.valid_from, kNow);
  EXPECT_GT(own->info.valid_until, kNow + 9 * 365 * 24 * core::kHour);
  const auto mode = std::filesystem::status(folder_ + "/own/private").permissions();
  EXPECT_EQ(mode & (std::filesystem::perms::group_all | std::filesystem::perms::others_all),
            std::filesystem::perms::none);
  CertificateStore again = store();
  const auto kept = again.own();
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_EQ(kept->certificate, own->certificate);
  clock_.set_wall(own->info.valid_until + core::kSecond);
  EXPECT_THAT(again.own().error().message, HasSubstr("valid until"));
}

TEST_F(StoreTest, AKeyOfAnotherCertificateIsRefused) {
  CertificateStore pki = store();
  ASSERT_TRUE(pki.own());
  ASSERT_TRUE(io::write_file_atomically(files_, folder_ + "/own/private/own.pem", peer("other").key));
  EXPECT_THAT(pki.own().error().message, HasSubstr("own.pem is not the key"));
}

TEST_F(StoreTest, AnUnknownPeerIsTurnedAwayUntilSomebodyTrustsIt) {
  CertificateStore pki = store();
  const NewCertificate plc = peer("plc-7");
  const std::string thumbprint = describe(plc.certificate)->thumbprint;
  ASSERT_EQ(thumbprint.size(), 40U);
  const core::Status refused = pki.check(plc.certificate);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, core::ErrorCode::kUnavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("millwright opcua trust " + thumbprint));
  EXPECT_THAT(refused.error().message, HasSubstr("urn:peer:plc-7"));
  ASSERT_EQ(pki.list()->size(), 1U);
  EXPECT_EQ(pki.list()->front().folder, Folder::kRejected);

  EXPECT_FALSE(pki.trust("123"));
  EXPECT_EQ(pki.trust("0000000000").error().code, core::ErrorCode::kNotFound);
  const auto trusted = pki.trust(thumbprint.substr(0, 8));
  ASSERT_TRUE(trusted) << trusted.error().message;
  EXPECT_TRUE(pki.check(plc.certificate));
  ASSERT_EQ(pki.list()->size(), 1U);
  EXPECT_EQ(pki.list()->front().folder, Folder::kTrusted);
  // One that looks the same is not the same.
  EXPECT_FALSE(pki.check(peer("plc-7").certificate));
}

TEST_F(StoreTest, ATrustedPeerIsNoAuthorityForOthersAndEndsWithItsTime) {
  CertificateStore pki = store();
  const NewCertificate plc = peer("plc-7");
  ASSERT_TRUE(io::write_file_atomically(files_, folder_ + "-plc.der", plc.certificate));
  ASSERT_TRUE(pki.trust_file(folder_ + "-plc.der"));
  std::filesystem::remove(folder_ + "-plc.der");
  ASSERT_TRUE(pki.check(plc.certificate));
  EXPECT_FALSE(pki.check(peer("plc-8").certificate + plc.certificate));
  clock_.set_wall(kNow + 2 * 365 * 24 * core::kHour);
  const core::Status late = pki.check(plc.certificate);
  EXPECT_EQ(late.error().code, core::ErrorCode::kInvalid);
  EXPECT_THAT(late.error().message, HasSubstr("which is not now"));
}

TEST_F(StoreTest, WhatIsNoCertificateIsNeitherReadNorKept) {
  CertificateStore pki = store();
  for (const std::string& bytes : {std::string(), std::string("no certificate"), std::string(100'000, '\x30')}) {
    EXPECT_FALSE(pki.check(bytes));
    EXPECT_FALSE(describe(bytes));
    EXPECT_FALSE(to_der(bytes));
  }
  EXPECT_TRUE(pki.list()->empty());
}

TEST(UsersTest, AFileIsMadeReadAndChanged) {
  auto text = with_user("# who may\n", "users.txt", "operator", "first");
  ASSERT_TRUE(text) << text.error().message;
  text = with_user(*text, "users.txt", "scada", "other");
  text = with_user(*text, "users.txt", "operator", "second");
  const auto users = parse_users(*text, "users.txt");
  ASSERT_TRUE(users) << users.error().message;
  ASSERT_EQ(users->size(), 2U);
  EXPECT_THAT(*text, HasSubstr("# who may\n"));
  EXPECT_THAT(*text, testing::Not(HasSubstr("second")));
  EXPECT_EQ((*users)[1].name, "operator");
  EXPECT_TRUE(has_password((*users)[1], "second"));
  EXPECT_FALSE(has_password((*users)[1], "first"));
  EXPECT_FALSE(has_password((*users)[1], ""));
}

TEST(UsersTest, ScryptIsThatOfRfc7914) {
  // Section 12; the last step makes the first 32 bytes alone as it makes them of 64.
  const auto users = parse_users(
      "a:scrypt:1024:8:16:4e61436c:fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162", "users.txt");
  ASSERT_TRUE(users) << users.error().message;
  EXPECT_TRUE(has_password(users->front(), "password"));
  EXPECT_FALSE(has_password(users->front(), "Password"));
}

TEST(UsersTest, WhatIsNoUserIsToldWithItsLine) {
  const std::string hash(64, '0');
  for (const std::string& line : std::vector<std::string>{
           "operator", "a:plain:1:1:1:00:" + hash, "a:scrypt:1000:8:1:00:" + hash, "a:scrypt:1073741824:8:1:00:" + hash,
           "a:scrypt:1024:8:1::" + hash, "a:scrypt:1024:8:1:00:0", "a b:scrypt:1024:8:1:00:" + hash,
           "a:scrypt:1024:8:1:0g:" + hash, "a:certificate:00", "a:certificate:" + hash + "00"}) {
    const auto users = parse_users("# one\n" + line, "users.txt");
    ASSERT_FALSE(users) << line;
    EXPECT_THAT(users.error().message, testing::StartsWith("users.txt:2"));
  }
  EXPECT_FALSE(parse_users("a:scrypt:1024:8:1:00:" + hash + "\na:scrypt:1024:8:1:00:" + hash, "users.txt"));
}

TEST_F(StoreTest, AUserIsKnownByACertificateOrAPassword) {
  const auto make = [&](const std::string& name) {
    return make_certificate({.name = name, .application_uri = "urn:" + name, .hosts = {}}, clock_.now(), 1)
        ->certificate;
  };
  const std::string hers = make("hers");
  const std::string his = make("his");
  auto text = with_user("", "users.txt", "ann", "secret");
  text = with_certificate(*text, "users.txt", "ann", make("an old one"));
  text = with_certificate(*text, "users.txt", "ann", hers);
  text = with_certificate(*text, "users.txt", "bob", his);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(parse_users(*text, "users.txt")->size(), 3U);
  const auto again = with_certificate(*text, "users.txt", "eve", hers);
  ASSERT_FALSE(again) << "one certificate is one user";
  EXPECT_THAT(again.error().message, HasSubstr("twice"));
  EXPECT_FALSE(with_certificate(*text, "users.txt", "eve", "no certificate"));

  std::filesystem::create_directories(folder_);
  ASSERT_TRUE(io::write_file_atomically(files_, folder_ + "/users.txt", *text));
  Logins logins(folder_ + "/users.txt", files_, clock_);
  EXPECT_EQ(*logins.user_of(hers), "ann");
  EXPECT_EQ(*logins.user_of(his), "bob");
  EXPECT_TRUE(logins.check("ann", "secret"));
  EXPECT_FALSE(logins.check("bob", "")) << "no password is not an empty one";
  EXPECT_THAT(logins.user_of(make("stranger")).error().message, HasSubstr("millwright opcua user NAME --certificate"));
  clock_.advance(400 * 24 * core::kHour);
  EXPECT_THAT(logins.user_of(hers).error().message, HasSubstr("out of date"));
}

TEST_F(StoreTest, PasswordsCannotBeTriedQuicklyAndHonestUsersStillGetIn) {
  const auto text = with_user("", "users.txt", "operator", "secret");
  std::filesystem::create_directories(folder_);
  ASSERT_TRUE(io::write_file_atomically(files_, folder_ + "/users.txt", *text));
  Logins logins(folder_ + "/users.txt", files_, clock_);
  EXPECT_TRUE(logins.check("operator", "secret"));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(logins.check("nobody", "x").error().code, core::ErrorCode::kInvalid);
  EXPECT_EQ(logins.check("nobody", "x").error().code, core::ErrorCode::kFull);
  EXPECT_TRUE(logins.check("operator", "secret"));
  EXPECT_EQ(logins.check("operator", "wrong").error().code, core::ErrorCode::kFull);
  clock_.advance(2 * core::kSecond);
  EXPECT_EQ(logins.check("operator", "wrong").error().code, core::ErrorCode::kInvalid);
  // Changed in the file: the old one is forgotten.
  clock_.advance(10 * core::kSecond);
  ASSERT_TRUE(
      io::write_file_atomically(files_, folder_ + "/users.txt", *with_user(*text, "users.txt", "operator", "changed")));
  EXPECT_FALSE(logins.check("operator", "secret"));
  EXPECT_TRUE(logins.check("operator", "changed"));
}

}  // namespace
}  // namespace millwright::security
