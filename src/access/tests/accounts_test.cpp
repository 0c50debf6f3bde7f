#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "access/authority.hpp"
#include "access/tests/signer.hpp"

namespace millwright::access {
namespace {

using core::ErrorCode;
using ::testing::HasSubstr;
using ::testing::IsNull;
using ::testing::Not;
using ::testing::NotNull;

constexpr const char* kPassword = "four horses cross the river";
constexpr core::TimeNs kStart = 1'700'000'000 * core::kSecond;

class AccountsTest : public ::testing::Test {
 protected:
  AccountsTest() {
    std::string name = (std::filesystem::temp_directory_path() / "millwright access-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    auto database = database::Database::open({.file = folder_ + "/plant.db", .postgresql = {}, .password = {}});
    EXPECT_TRUE(database) << database.error().message;
    database_ = std::move(*database);
    authority_ = open({});
  }
  ~AccountsTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Authority> open(Options options, Fetch fetch = {}) {
    auto opened = Authority::open(std::move(options), *database_, folder_, clock_, std::move(fetch));
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(*opened);
  }
  Accounts& accounts() { return authority_->accounts(); }
  void add_admin() { ASSERT_TRUE(accounts().add_user("root", kPassword, Role::kAdmin, Scope::whole_plant())); }
  void add_anna(Role role = Role::kOperator) {
    const auto added = accounts().add_user("anna", kPassword, role, places("acme/lyon"));
    ASSERT_TRUE(added) << added.error().message;
  }
  static Scope places(const char* text) { return *Scope::parse(std::string_view(text)); }
  core::Result<NewSecret> token(Role role, const char* where, core::DurationNs lasts = core::kHour) {
    return accounts().add_token({.id = "",
                                 .name = "a script",
                                 .owner = "anna",
                                 .role = role,
                                 .scope = places(where),
                                 .expires = clock_.now() + lasts});
  }

  std::string folder_;
  io::SimClock clock_{kStart};
  std::unique_ptr<database::Database> database_;
  std::unique_ptr<Authority> authority_;
};

TEST_F(AccountsTest, TheFirstUserTakesTheSetUpTokenOnce) {
  EXPECT_TRUE(authority_->needs_set_up());
  const auto old = accounts().make_setup_token();
  const auto newer = accounts().make_setup_token();
  ASSERT_TRUE(old && newer);
  const auto set_up = [&](const std::string& with) {
    const auto done = authority_->set_up(with, "anna", kPassword, "10.0.0.7");
    return done ? "done" : done.error().message;
  };
  EXPECT_THAT(set_up(*old), HasSubstr("set-up token is wrong"));
  EXPECT_THAT(set_up(""), HasSubstr("set-up token is wrong"));
  EXPECT_EQ(set_up(*newer), "done");
  EXPECT_FALSE(authority_->needs_set_up());
  EXPECT_EQ(accounts().user("anna")->role, Role::kAdmin);
  EXPECT_TRUE(accounts().user("anna")->scope.is_whole_plant());
  EXPECT_THAT(set_up(*newer), HasSubstr("users already"));
  EXPECT_FALSE(accounts().make_setup_token());
}

TEST_F(AccountsTest, AWeakFirstPasswordLeavesTheSetUpTokenGood) {
  const auto token = accounts().make_setup_token();
  EXPECT_FALSE(accounts().set_up(*token, "anna", "short"));
  EXPECT_TRUE(accounts().set_up(*token, "anna", kPassword));
}

TEST_F(AccountsTest, WhoSignsInIsKnownUntilTheSessionEnds) {
  add_anna();
  const auto in = authority_->sign_in("anna", kPassword, "10.0.0.7");
  ASSERT_TRUE(in && in->who);
  EXPECT_EQ(in->who->name, "anna");
  const std::string secret = in->session.secret;
  EXPECT_THAT(authority_->session(secret), NotNull());
  EXPECT_THAT(authority_->bearer(secret), IsNull()) << "a cookie is no bearer token";
  clock_.advance(12 * core::kHour);
  EXPECT_THAT(authority_->session(secret), IsNull());
}

TEST_F(AccountsTest, SigningOutEndsTheSession) {
  add_anna();
  const auto in = authority_->sign_in("anna", kPassword, "10.0.0.7");
  ASSERT_TRUE(in && in->who);
  ASSERT_TRUE(accounts().end_session(in->who->credential));
  EXPECT_THAT(authority_->session(in->session.secret), IsNull());
  EXPECT_THAT(authority_->again(*in->who), IsNull());
}

TEST_F(AccountsTest, WrongNamesAndPasswordsAreToldAlikeAndThenWait) {
  add_anna();
  for (const char* name : {"anna", "nobody"}) {
    for (int i = 0; i < LoginGuard::kFree; ++i) {
      const auto in = authority_->sign_in(name, "a wrong password", "10.0.0.7");
      ASSERT_TRUE(in);
      EXPECT_THAT(in->who, IsNull());
      EXPECT_EQ(in->wait, 0);
    }
    EXPECT_GT(authority_->sign_in(name, kPassword, "10.0.0.7")->wait, 0);
  }
}

TEST_F(AccountsTest, ATokenHasAtMostItsOwnersRights) {
  add_anna();
  EXPECT_FALSE(token(Role::kMaintainer, "acme/lyon"));
  EXPECT_FALSE(token(Role::kOperator, "acme"));
  EXPECT_FALSE(token(Role::kOperator, "acme/lyon", -1));
  const auto made = token(Role::kOperator, "acme/lyon/hall-1");
  ASSERT_TRUE(made) << made.error().message;
  const auto who = authority_->bearer(made->secret);
  ASSERT_THAT(who, NotNull());
  EXPECT_EQ(who->name, "anna");
  EXPECT_EQ(who->role, Role::kOperator);
  EXPECT_TRUE(who->scope.sees("acme/lyon/hall-1/x"));
  EXPECT_FALSE(who->scope.sees("acme/lyon/hall-2/x"));
  EXPECT_THAT(authority_->session(made->secret), IsNull()) << "a token is no cookie";
}

TEST_F(AccountsTest, ATokenLosesWhatItsOwnerLoses) {
  add_admin();
  add_anna();
  const auto made = token(Role::kOperator, "acme/lyon");
  ASSERT_TRUE(made);
  ASSERT_TRUE(accounts().change_user("anna", {.role = Role::kViewer, .scope = places("acme/lyon/hall-1")}));
  const auto who = authority_->bearer(made->secret);
  ASSERT_THAT(who, NotNull());
  EXPECT_EQ(who->role, Role::kViewer);
  EXPECT_FALSE(who->scope.sees("acme/lyon/hall-2"));
  ASSERT_TRUE(accounts().remove_user("anna"));
  EXPECT_THAT(authority_->bearer(made->secret), IsNull());
  EXPECT_TRUE(accounts().tokens().empty());
}

TEST_F(AccountsTest, TokensExpireAndAreRevoked) {
  add_anna();
  const auto one = token(Role::kViewer, "acme/lyon");
  const auto two = token(Role::kViewer, "acme/lyon");
  ASSERT_TRUE(one && two);
  ASSERT_TRUE(accounts().remove_token(one->id));
  EXPECT_EQ(accounts().remove_token(one->id).error().code, ErrorCode::kNotFound);
  EXPECT_THAT(authority_->bearer(one->secret), IsNull());
  EXPECT_THAT(authority_->bearer(two->secret), NotNull());
  clock_.advance(core::kHour);
  EXPECT_THAT(authority_->bearer(two->secret), IsNull());
}

TEST_F(AccountsTest, SecretsAreNotInTheDatabase) {
  add_anna();
  const auto made = token(Role::kViewer, "acme/lyon");
  const auto in = authority_->sign_in("anna", kPassword, "10.0.0.7");
  ASSERT_TRUE(made && in && in->who);
  std::string all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    all.append(std::istreambuf_iterator<char>(file), {});
  }
  EXPECT_THAT(all, HasSubstr("anna"));
  for (const std::string& secret : {std::string(kPassword), made->secret, in->session.secret, made->secret.substr(3)}) {
    EXPECT_THAT(all, Not(HasSubstr(secret)));
  }
}

TEST_F(AccountsTest, NamesDoNotDifferInCaseAlone) {
  add_anna();
  EXPECT_EQ(accounts().add_user("Anna", kPassword, Role::kViewer, places("acme")).error().code, ErrorCode::kConflict);
}

TEST_F(AccountsTest, SomebodyWhoAdministersIsLeft) {
  add_admin();
  add_anna(Role::kAdmin);
  EXPECT_EQ(accounts().remove_user("root").error().code, ErrorCode::kConflict);
  EXPECT_EQ(accounts().change_user("root", {.role = Role::kViewer}).error().code, ErrorCode::kConflict);
  EXPECT_TRUE(accounts().user("root"));
  EXPECT_TRUE(accounts().remove_user("anna"));
  EXPECT_EQ(accounts().remove_user("anna").error().code, ErrorCode::kNotFound);
}

TEST_F(AccountsTest, ANewPasswordEndsTheSessionsAndKeepsTheTokens) {
  add_admin();
  add_anna();
  const auto made = token(Role::kViewer, "acme/lyon");
  const auto in = authority_->sign_in("anna", kPassword, "10.0.0.7");
  ASSERT_TRUE(made && in && in->who);
  ASSERT_TRUE(accounts().change_user("anna", {.password = "five boats under the bridge"}));
  EXPECT_THAT(authority_->session(in->session.secret), IsNull());
  EXPECT_THAT(authority_->bearer(made->secret), NotNull());
  EXPECT_THAT(authority_->sign_in("anna", kPassword, "10.0.0.7")->who, IsNull());
  EXPECT_THAT(authority_->sign_in("anna", "five boats under the bridge", "10.0.0.7")->who, NotNull());
}

TEST_F(AccountsTest, TheOldestSessionEndsForANewOne) {
  add_anna();
  std::vector<std::string> secrets;
  for (std::size_t i = 0; i < Accounts::kSessionsMax + 2; ++i) {
    clock_.advance(core::kSecond);
    secrets.push_back(accounts().start_session("anna", core::kHour)->secret);
  }
  EXPECT_THAT(authority_->session(secrets[0]), IsNull());
  EXPECT_THAT(authority_->session(secrets[1]), IsNull());
  EXPECT_THAT(authority_->session(secrets[2]), NotNull());
}

TEST_F(AccountsTest, WhatAnotherProcessChangesCountsAfterARefresh) {
  add_anna();
  const auto made = token(Role::kViewer, "acme/lyon");
  const auto other = Accounts::open(*database_, clock_);
  ASSERT_TRUE(other);
  ASSERT_TRUE((*other)->add_user("bert", kPassword, Role::kAdmin, Scope::whole_plant()));
  ASSERT_TRUE((*other)->remove_token(made->id));
  EXPECT_FALSE(accounts().user("bert"));
  ASSERT_TRUE(accounts().refresh());
  EXPECT_TRUE(accounts().user("bert"));
  EXPECT_THAT(authority_->bearer(made->secret), IsNull());
}

TEST_F(AccountsTest, TheDatabaseRemembersTheAuditLogsEnd) {
  const auto sealed = authority_->audit().append({.time = clock_.now(), .who = "anna", .what = "x"});
  ASSERT_TRUE(sealed);
  const auto kept = accounts().kept_head();
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->first, 1U);
  EXPECT_EQ(kept->second, sealed->seal);
}

class OpenIdTest : public AccountsTest {
 protected:
  OpenIdTest() {
    options_.rules = {.algorithms = {Algorithm::kRs256}, .issuer = "https://id.example", .audience = "millwright"};
    options_.keys_url = "https://id.example/keys";
    options_.name_claim = "email";
    options_.role_claim = "realm_access.roles";
    options_.roles = {{"plant-viewers", Role::kViewer}, {"plant-engineers", Role::kEngineer}};
    options_.places_claim = "sites";
    keys_ = testing::key_set({signer_.jwk()});
  }
  OpenId make() {
    return OpenId(
        options_,
        [this](const std::string&) -> core::Result<std::string> {
          ++fetched_;
          if (keys_.empty()) return core::unexpected(ErrorCode::kUnavailable, "no answer");
          return keys_;
        },
        clock_);
  }
  nlohmann::json claims() {
    return {{"iss", "https://id.example"},
            {"aud", "millwright"},
            {"email", "anna@acme.example"},
            {"exp", kStart / core::kSecond + 300},
            {"realm_access", {{"roles", {"x", "plant-viewers", "plant-engineers"}}}},
            {"sites", {"acme/lyon"}}};
  }
  static std::string refusal(OpenId& open_id, const std::string& token) {
    const auto who = open_id.who(token, sha256(token));
    return who ? "accepted" : who.error().message;
  }

  OpenIdOptions options_;
  testing::Signer signer_{"RS256"};
  std::string keys_;
  int fetched_ = 0;
};

TEST_F(OpenIdTest, ClaimsBecomeRoleAndPlaces) {
  OpenId open_id = make();
  ASSERT_TRUE(open_id.refresh());
  const std::string token = signer_.token(claims());
  const auto who = open_id.who(token, sha256(token));
  ASSERT_TRUE(who) << who.error().message;
  EXPECT_EQ((*who)->name, "openid:anna@acme.example");
  EXPECT_EQ((*who)->role, Role::kEngineer);
  EXPECT_EQ((*who)->scope.text(), "acme/lyon");
  EXPECT_THAT(open_id.remembered(sha256(token)), NotNull());
  clock_.advance(361 * core::kSecond);
  EXPECT_THAT(open_id.remembered(sha256(token)), IsNull());
  EXPECT_THAT(refusal(open_id, token), HasSubstr("expired"));
}

TEST_F(OpenIdTest, WithoutRoleOrPlaceThereIsNoRight) {
  OpenId open_id = make();
  ASSERT_TRUE(open_id.refresh());
  const auto without = [&](const char* name, const nlohmann::json& instead) {
    auto changed = claims();
    changed[name] = instead;
    return refusal(open_id, signer_.token(changed));
  };
  EXPECT_THAT(without("realm_access", {{"roles", {"x"}}}), HasSubstr("no role"));
  EXPECT_THAT(without("realm_access", "admin"), HasSubstr("no role"));
  EXPECT_THAT(without("sites", nlohmann::json::array()), HasSubstr("claim 'sites'"));
  EXPECT_THAT(without("sites", {"../.."}), HasSubstr("claim 'sites'"));
  EXPECT_THAT(without("email", 7), HasSubstr("no name"));
  EXPECT_THAT(without("email", "two\nlines"), HasSubstr("no name"));
}

TEST_F(OpenIdTest, KeysAreRotated) {
  OpenId open_id = make();
  ASSERT_TRUE(open_id.refresh());
  const std::string old_token = signer_.token(claims());
  EXPECT_EQ(refusal(open_id, old_token), "accepted");
  const testing::Signer next("RS256", "key-2");
  keys_ = testing::key_set({next.jwk()});
  EXPECT_THAT(refusal(open_id, next.token(claims())), HasSubstr("no key"));
  ASSERT_TRUE(open_id.refresh());
  EXPECT_EQ(fetched_, 1) << "at most every ten seconds";
  clock_.advance(11 * core::kSecond);
  ASSERT_TRUE(open_id.refresh());
  EXPECT_EQ(refusal(open_id, next.token(claims())), "accepted");
  EXPECT_THAT(refusal(open_id, old_token), HasSubstr("no key")) << "its key is withdrawn";
}

TEST_F(OpenIdTest, AProviderThatDoesNotAnswerTakesNothingAway) {
  OpenId open_id = make();
  ASSERT_TRUE(open_id.refresh());
  keys_.clear();
  clock_.advance(6 * core::kMinute);
  EXPECT_FALSE(open_id.refresh());
  auto later = claims();
  later["exp"] = kStart / core::kSecond + 3600;
  EXPECT_EQ(refusal(open_id, signer_.token(later)), "accepted");
}

}  // namespace
}  // namespace millwright::access
