// Who may do what over HTTP: every route of the table against nobody, expired and forged tokens, lesser roles and
// another tenant, so that a new route is covered as soon as it is in the table; then accounts themselves.
#include "api/access.hpp"

#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "access/authority.hpp"
#include "access/password.hpp"
#include "access/tests/signer.hpp"
#include "api/router.hpp"
#include "api/tests/test_plant.hpp"

namespace millwright::api::testing {
namespace {

using access::Role;
using access::Scope;
using access::testing::Signer;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Json = nlohmann::json;

constexpr const char* kPassword = "four horses cross the river";
constexpr const char* kIssuer = "https://id.example";

// A plant of two tenants with accounts: a user of each role for the whole plant, and an admin of globex alone.
class AccessTest : public ::testing::Test {
 protected:
  AccessTest() : signer_("RS256") {
    auto database = database::Database::open({.file = folder_.path() + "/plant.db", .postgresql = {}, .password = {}});
    EXPECT_TRUE(database) << database.error().message;
    database_ = std::move(*database);
    access::Options options;
    options.open_id.rules = {.algorithms = {access::Algorithm::kRs256}, .issuer = kIssuer, .audience = "millwright"};
    options.open_id.keys_file = folder_.path() + "/keys.json";
    options.open_id.roles = {{"admins", Role::kAdmin}};
    options.open_id.places = Scope::whole_plant();
    folder_.write("keys.json", access::testing::key_set({signer_.jwk()}));
    auto authority = access::Authority::open(options, *database_, folder_.path(), clock_);
    EXPECT_TRUE(authority) << authority.error().message;
    authority_ = std::move(*authority);
    hash_ = *access::hash_password(kPassword);
    for (const std::string_view role : access::kRoleNames) add_user(std::string(role), role, "*");
    add_user("gloria", "admin", "globex");
    add_user("vera", "viewer", "*");  // whom the routes' tests change and remove
    EXPECT_TRUE(authority_->accounts().refresh());
    EXPECT_TRUE(authority_->start());
    plant_ = std::make_unique<Plant>(api_options(), make_model_of_two_tenants(), authority_.get());
    plant_->raise(1);
  }

  static Options api_options() {
    Options options;
    options.sse_period = 20 * core::kMillisecond;
    return options;
  }
  // Beside Accounts, which would hash each password for 60 ms.
  void add_user(const std::string& name, std::string_view role, const char* places) {
    ASSERT_TRUE(database_->execute(
        "INSERT INTO access_users (name, role, places, password, created, changed) VALUES (:a, :b, :c, :d, 1, 1)",
        {name, role, places, hash_}));
    ASSERT_TRUE(database_->execute("UPDATE access_state SET version = version + 1"));
  }
  std::string token(const std::string& owner, core::DurationNs lasts = core::kHour) {
    const auto user = authority_->accounts().user(owner);
    const auto made = authority_->accounts().add_token(
        {.name = "test", .owner = owner, .role = user->role, .scope = user->scope, .expires = clock_.now() + lasts});
    EXPECT_TRUE(made) << made.error().message;
    return made->secret;
  }
  [[nodiscard]] Json claims() const {
    return {{"iss", kIssuer},
            {"aud", "millwright"},
            {"sub", "eve"},
            {"roles", {"admins"}},
            {"exp", clock_.now() / core::kSecond + 3600}};
  }
  static Fields with(const std::string& bearer) {
    return bearer.empty() ? Fields() : Fields{{"Authorization", "Bearer " + bearer}};
  }
  [[nodiscard]] Reply ask_as(const std::string& bearer, const std::string& method, const std::string& target,
                             const std::string& body = {}) const {
    Fields fields = with(bearer);
    if (!body.empty()) fields.emplace_back("Content-Type", "application/json");
    return ask(plant_->server.port(), method, target, fields, body);
  }
  // An alarm of globex's press.
  void raise_globex(std::uint64_t id) {
    alarms::Alarm alarm = plant_->raise(id, alarms::State::kUnacknowledged, "press-1");
    alarm.sensor = "globex/brno/hall-1/line-1/press-1/force";
    alarm.condition = alarm.sensor + "#xbar";
    alarm.message = "force is high";
    alarm.component.clear();
    plant_->alarms.put(alarm);
  }
  // The endpoint's request for a thing of acme's.
  struct Example {
    std::string method;
    std::string target;
    std::vector<std::string> captured;
    std::string body;
    std::string media;
  };
  static Example example(const Endpoint& endpoint) {
    Example one{std::string(http::method_name(endpoint.method)),
                std::string(endpoint.path),
                {},
                {},
                std::string(endpoint.media)};
    for (auto at = one.target.find('{'); at != std::string::npos; at = one.target.find('{')) {
      const std::string value = one.target.find("/machines/") != std::string::npos ? "pump-1"
                                : one.target.find("/models/") != std::string::npos ? "pump-pca@1"
                                : one.target.find("/users/") != std::string::npos  ? "vera"
                                                                                   : "1";
      one.target.replace(at, one.target.find('}') - at + 1, value);
      one.captured.push_back(value);
    }
    if (takes_body(endpoint.method)) one.body = "{}";
    return one;
  }
  [[nodiscard]] Reply ask_as(const std::string& bearer, const Example& one) const {
    Fields fields = with(bearer);
    if (!one.body.empty()) fields.emplace_back("Content-Type", one.media);
    return ask(plant_->server.port(), one.method, one.target, fields, one.body);
  }
  // What no tenant but acme may read, apart from what was asked for.
  static void expect_nothing_of_acme(std::string text, const Example& one) {
    for (const std::string& asked : one.captured) {
      for (auto at = text.find(asked); at != std::string::npos; at = text.find(asked)) text.erase(at, asked.size());
    }
    for (const char* word :
         {"acme", "lyon", "ulm", "pump", "fan-1", "Sulzer", "cooling water", "10.0.0.", "motor", "vibration"}) {
      EXPECT_THAT(text, Not(HasSubstr(word))) << one.method << " " << one.target;
    }
  }
  [[nodiscard]] const auto& endpoints() const { return plant_->server.router().endpoints(); }

  TemporaryFolder folder_;
  io::SimClock clock_{kNow};
  Signer signer_;
  std::string hash_;
  std::unique_ptr<database::Database> database_;
  std::unique_ptr<access::Authority> authority_;
  std::unique_ptr<Plant> plant_;
};

TEST_F(AccessTest, EveryRouteRefusesWhoShowsNothing) {
  for (const auto& endpoint : endpoints()) {
    const Example one = example(*endpoint);
    const Reply reply = ask_as("", one);
    if (endpoint->right == Right::kPublic) {
      if (endpoint->path != "/v1/openapi.json") expect_nothing_of_acme(reply.body, one);  // has examples
      continue;
    }
    EXPECT_EQ(reply.status, 401) << one.method << " " << one.target;
    EXPECT_EQ(reply.field("www-authenticate"), "Bearer realm=\"millwright\"");
    expect_nothing_of_acme(reply.body, one);
  }
}

TEST_F(AccessTest, EveryRouteRefusesExpiredRevokedAndForgedTokens) {
  const std::string expired = token("admin", core::kSecond);
  const std::string revoked = token("admin");
  ASSERT_TRUE(authority_->accounts().remove_token(authority_->bearer(revoked)->credential));
  Json old = claims();
  old["exp"] = clock_.now() / core::kSecond - 120;
  const std::string header = access::base64url(R"({"alg":"none"})");
  const std::string payload = access::base64url(claims().dump());
  const std::string keyed = access::base64url(R"({"alg":"HS256","kid":"key-1"})") + "." + payload;
  const std::map<std::string, std::string> bad = {
      {"expired", expired},
      {"revoked", revoked},
      {"expired OpenID", signer_.token(old)},
      {"no algorithm", header + "." + payload + "."},
      {"keyed hash", keyed + "." + access::base64url(std::string(32, 'x'))},
      {"an algorithm that is not configured", Signer("ES256").token(claims())},
      {"another's key", Signer("RS256").token(claims())},
      {"a session as a token", authority_->accounts().start_session("admin", core::kHour)->secret},
      {"nonsense", "mw_nonsense"}};
  clock_.advance(2 * core::kSecond);
  for (const auto& endpoint : endpoints()) {
    if (endpoint->right == Right::kPublic) continue;
    const Example one = example(*endpoint);
    for (const auto& [what, bearer] : bad) {
      const Reply reply = ask_as(bearer, one);
      EXPECT_EQ(reply.status, 401) << what << ": " << one.method << " " << one.target;
      expect_nothing_of_acme(reply.body, one);
    }
  }
  // The same ways in, when they are right.
  EXPECT_EQ(ask_as(token("admin"), "GET", "/v1/machines").status, 200);
  EXPECT_EQ(ask_as(signer_.token(claims()), "GET", "/v1/machines").status, 200);
}

TEST_F(AccessTest, EveryRouteRefusesALesserRole) {
  for (const auto& endpoint : endpoints()) {
    if (endpoint->right <= Right::kView) continue;
    const auto lesser = static_cast<std::size_t>(endpoint->right) - static_cast<std::size_t>(Right::kView) - 1;
    const Example one = example(*endpoint);
    const Reply refused = ask_as(token(std::string(access::kRoleNames.at(lesser))), one);
    EXPECT_EQ(refused.status, 403) << one.method << " " << one.target;
    expect_nothing_of_acme(refused.body, one);
    const Reply taken = ask_as(token(std::string(access::kRoleNames.at(lesser + 1))), one);
    EXPECT_NE(taken.status, 403) << one.method << " " << one.target;
    EXPECT_NE(taken.status, 401) << one.method << " " << one.target;
  }
}

TEST_F(AccessTest, EveryRouteHidesOtherTenants) {
  const std::string gloria = token("gloria");
  for (const auto& endpoint : endpoints()) {
    if (endpoint->pace == Pace::kStream || endpoint->pace == Pace::kFile) continue;
    if (endpoint->path == "/v1/openapi.json") continue;  // has examples
    const Example one = example(*endpoint);
    const Reply reply = ask_as(gloria, one);
    expect_nothing_of_acme(reply.body, one);
    for (const auto& [name, value] : reply.fields) expect_nothing_of_acme(value, one);
    EXPECT_TRUE(!endpoint->whole_plant || reply.status == 403) << one.method << " " << one.target;
    if (endpoint->whole_plant || one.captured.empty() || endpoint->right == Right::kPublic) continue;
    // 501: of a part that this plant has not.
    EXPECT_TRUE(reply.status == 404 || reply.status == 501 || (reply.status == 400 && !one.body.empty()))
        << one.method << " " << one.target << ": " << reply.status << " " << reply.body;
  }
  EXPECT_EQ(plant_->alarms.find(1)->state, alarms::State::kUnacknowledged) << "nothing was done to acme's alarm";
}

TEST_F(AccessTest, ATenantSeesItsOwn) {
  const std::string gloria = token("gloria");
  raise_globex(2);
  const Json machines = ask_as(gloria, "GET", "/v1/machines").json();
  ASSERT_EQ(machines["items"].size(), 1U);
  EXPECT_EQ(machines["items"][0]["id"], "press-1");
  EXPECT_EQ(ask_as(gloria, "GET", "/v1/machines/press-1/twin").status, 200);
  const Json plant = ask_as(gloria, "GET", "/v1/plant").json();
  EXPECT_EQ(plant["enterprise"], "globex");
  EXPECT_EQ(plant["machines"], 1);
  EXPECT_TRUE(plant["stats"].is_null());
  EXPECT_EQ(plant["hierarchy"][0]["name"], "brno");
  const Json alarms = ask_as(gloria, "GET", "/v1/alarms").json();
  ASSERT_EQ(alarms["items"].size(), 1U);
  EXPECT_EQ(alarms["items"][0]["id"], 2);
  EXPECT_EQ(ask_as(gloria, "POST", "/v1/alarms/2/acknowledge", "{}").status, 200);
  EXPECT_EQ(plant_->alarms.find(2)->acknowledged_by, "gloria");
}

TEST_F(AccessTest, QueriesReachNoFurtherThanTheCaller) {
  const std::string gloria = token("gloria");
  EXPECT_EQ(ask_as(gloria, "GET", "/v1/charts?sensors=" + kPump + "/motor/temperature").status, 404);
  EXPECT_EQ(ask_as(gloria, "GET", "/v1/alarms?machine=pump-1").status, 404);
  EXPECT_EQ(ask_as(gloria, "GET", "/v1/stream?machine=pump-1").status, 404);
  for (const char* match : {"**", "acme/**", "globex*", "*", "acme/lyon/x#xbar"}) {
    const Json body = {{"kind", "out-of-service"}, {"match", match}};
    EXPECT_EQ(ask_as(gloria, "POST", "/v1/alarm-controls", body.dump()).status, 400) << match;
  }
  const Json own = {{"kind", "out-of-service"}, {"match", "globex/brno/**"}};
  EXPECT_EQ(ask_as(gloria, "POST", "/v1/alarm-controls", own.dump()).status, 200);
  EXPECT_EQ(ask_as(gloria, "GET", "/v1/alarm-controls").json()["items"].size(), 1U);
  // The plant of the tests keeps one control: the next takes its place.
  const Json acmes = {{"kind", "out-of-service"}, {"match", "acme/lyon/**"}};
  const Reply hidden = ask_as(token("admin"), "POST", "/v1/alarm-controls", acmes.dump());
  ASSERT_EQ(hidden.status, 200);
  EXPECT_EQ(ask_as(gloria, "GET", "/v1/alarm-controls").json()["items"].size(), 0U);
  const std::string id = std::to_string(hidden.json()["id"].get<int>());
  EXPECT_EQ(ask_as(gloria, "POST", "/v1/alarm-controls/" + id + "/release", "{}").status, 404);
}

TEST_F(AccessTest, AStreamCarriesWhatItsReaderSeesAndEndsWithTheToken) {
  const std::string gloria = token("gloria");
  Connection stream(plant_->server.port());
  stream.send(request_text(plant_->server.port(), "GET", "/v1/stream", with(gloria)));
  EXPECT_EQ(stream.read_head().status, 200);
  plant_->raise(3);
  raise_globex(4);
  bool alarm = false;
  bool readings = false;
  while (!alarm || !readings) {
    const Event event = stream.read_event();
    ASSERT_FALSE(stream.at_end());
    expect_nothing_of_acme(event.data, {});
    EXPECT_NE(event.name, "stats");
    EXPECT_TRUE(event.name != "alarm" || event.json()["id"] == 4);
    EXPECT_TRUE(event.name != "readings" || event.json()["machines"].size() == 1);
    alarm |= event.name == "alarm";
    readings |= event.name == "readings";
  }
  ASSERT_TRUE(authority_->accounts().remove_token(authority_->bearer(gloria)->credential));
  while (!stream.at_end()) stream.read_event();
}

TEST_F(AccessTest, WhoSignsInHasACookieThatNoScriptReads) {
  const Reply in = plant_->post("/v1/session", Json{{"name", "operator"}, {"password", kPassword}}.dump());
  ASSERT_EQ(in.status, 200) << in.body;
  const std::string cookie = in.field("set-cookie");
  for (const char* part : {"mw_session=ses_", "; Path=/", "; HttpOnly", "; SameSite=Strict", "; Max-Age=43200"}) {
    EXPECT_THAT(cookie, HasSubstr(part));
  }
  const Fields signed_in = {{"Cookie", "theme=dark; " + cookie.substr(0, cookie.find(';'))}};
  const Json session = plant_->get("/v1/session", signed_in).json();
  EXPECT_EQ(session["user"]["name"], "operator");
  EXPECT_EQ(session["user"]["role"], "operator");
  EXPECT_EQ(plant_->get("/v1/machines", signed_in).status, 200);
  // A page of another site sends the cookie in no browser that keeps to SameSite; and where one does, it is refused.
  Fields elsewhere = signed_in;
  elsewhere.emplace_back("Origin", "http://evil.example");
  EXPECT_EQ(plant_->post("/v1/alarms/1/acknowledge", "{}", elsewhere).status, 403);
  EXPECT_EQ(plant_->post("/v1/alarms/1/acknowledge", "{}", signed_in).status, 200);
  // A wrong token beside a right cookie is wrong.
  Fields both = signed_in;
  both.emplace_back("Authorization", "Bearer mw_wrong");
  EXPECT_EQ(plant_->get("/v1/machines", both).status, 401);
  const Reply out = ask(plant_->server.port(), "DELETE", "/v1/session", signed_in);
  EXPECT_EQ(out.status, 200) << out.body;
  EXPECT_THAT(out.field("set-cookie"), HasSubstr("Max-Age=0"));
  EXPECT_EQ(plant_->get("/v1/machines", signed_in).status, 401);
}

TEST_F(AccessTest, WrongPasswordsAreHeldUp) {
  const std::string body = Json{{"name", "operator"}, {"password", "a wrong password"}}.dump();
  for (int i = 0; i < access::LoginGuard::kFree; ++i) EXPECT_EQ(plant_->post("/v1/session", body).status, 401);
  const Reply held = plant_->post("/v1/session", body);
  EXPECT_EQ(held.status, 429);
  EXPECT_EQ(held.field("retry-after"), "1");
}

TEST_F(AccessTest, UsersAreAddedChangedAndRemoved) {
  const std::string admin = token("admin");
  const Json anna = {
      {"name", "anna"}, {"password", "five boats under the bridge"}, {"role", "viewer"}, {"sites", {"acme/lyon"}}};
  ASSERT_EQ(ask_as(admin, "POST", "/v1/users", anna.dump()).status, 200);
  EXPECT_EQ(ask_as(admin, "POST", "/v1/users", anna.dump()).status, 409);
  EXPECT_THAT(ask_as(admin, "GET", "/v1/users").body, Not(HasSubstr("argon2")));
  const Reply changed = ask_as(admin, "PATCH", "/v1/users/anna", R"({"role":"engineer"})");
  EXPECT_EQ(changed.json()["role"], "engineer");
  EXPECT_EQ(changed.json()["sites"], Json({"acme/lyon"}));
  EXPECT_EQ(ask_as(admin, "PATCH", "/v1/users/anna", R"({"role":"boss"})").status, 400);
  EXPECT_EQ(ask_as(admin, "PATCH", "/v1/users/nobody", "{}").status, 404);
  EXPECT_EQ(ask_as(admin, "DELETE", "/v1/users/anna").status, 200);
  EXPECT_EQ(ask_as(admin, "DELETE", "/v1/users/anna").status, 404);
}

TEST_F(AccessTest, AnAdminOfAPartAdministersThatPart) {
  const std::string gloria = token("gloria");
  const Json users = ask_as(gloria, "GET", "/v1/users").json();
  ASSERT_EQ(users["items"].size(), 1U);
  EXPECT_EQ(users["items"][0]["name"], "gloria");
  Json hans = {{"name", "hans"}, {"password", "five boats under the bridge"}, {"role", "viewer"}, {"sites", {"acme"}}};
  EXPECT_EQ(ask_as(gloria, "POST", "/v1/users", hans.dump()).status, 400);
  hans["sites"] = {"*"};
  EXPECT_EQ(ask_as(gloria, "POST", "/v1/users", hans.dump()).status, 400);
  hans["sites"] = {"globex/brno"};
  EXPECT_EQ(ask_as(gloria, "POST", "/v1/users", hans.dump()).status, 200);
  EXPECT_EQ(ask_as(gloria, "PATCH", "/v1/users/hans", R"({"sites":["*"]})").status, 400);
}

TEST_F(AccessTest, TokensAreMadeByWhoSignedInAndSeenOnce) {
  const auto session = authority_->accounts().start_session("engineer", core::kHour);
  const Fields signed_in = {{"Cookie", "mw_session=" + session->secret}};
  const Reply made =
      plant_->post("/v1/tokens", R"({"name":"grafana","role":"viewer","sites":["acme"],"expires_in":"7d"})", signed_in);
  ASSERT_EQ(made.status, 200) << made.body;
  const std::string secret = made.json()["token"];
  EXPECT_EQ(ask_as(secret, "GET", "/v1/machines").json()["items"].size(), 3U);
  EXPECT_EQ(ask_as(secret, "POST", "/v1/alarms/1/acknowledge", "{}").status, 403);
  EXPECT_EQ(ask_as(secret, "POST", "/v1/tokens", R"({"name":"another"})").status, 403);
  EXPECT_THAT(plant_->get("/v1/tokens", signed_in).body, Not(HasSubstr(secret)));
  EXPECT_EQ(plant_->post("/v1/tokens", R"({"name":"x","role":"admin"})", signed_in).status, 400);
  const std::string id = made.json()["id"];
  EXPECT_EQ(ask_as(token("viewer"), "DELETE", "/v1/tokens/" + id).status, 404);
  EXPECT_EQ(ask(plant_->server.port(), "DELETE", "/v1/tokens/" + id, signed_in).status, 200);
  EXPECT_EQ(ask_as(secret, "GET", "/v1/machines").status, 401);
}

TEST_F(AccessTest, ChangesAreInTheAuditLogWithoutSecrets) {
  const std::string admin = token("admin");
  const Json anna = {
      {"name", "anna"}, {"password", "five boats under the bridge"}, {"role", "viewer"}, {"sites", {"acme/lyon"}}};
  ASSERT_EQ(ask_as(admin, "POST", "/v1/users", anna.dump()).status, 200);
  ASSERT_EQ(ask_as(token("viewer"), "POST", "/v1/alarms/1/acknowledge", "{}").status, 403);
  ASSERT_EQ(plant_->post("/v1/session", Json{{"name", "operator"}, {"password", kPassword}}.dump()).status, 200);
  const Json page = ask_as(admin, "GET", "/v1/audit").json();
  ASSERT_EQ(page["items"].size(), 3U);
  EXPECT_EQ(page["items"][2]["who"], "admin");
  EXPECT_EQ(page["items"][2]["what"], "POST /v1/users");
  EXPECT_EQ(page["items"][2]["from"], "127.0.0.1");
  EXPECT_EQ(page["items"][2]["status"], 200);
  EXPECT_EQ(page["items"][2]["detail"]["name"], "anna");
  EXPECT_EQ(page["items"][1]["who"], "viewer");
  EXPECT_EQ(page["items"][1]["status"], 403);
  EXPECT_EQ(page["items"][0]["who"], "operator");
  EXPECT_THAT(page.dump(), Not(HasSubstr("five boats")));
  EXPECT_THAT(page.dump(), Not(HasSubstr("four horses")));
  const auto report = access::verify_audit(authority_->audit_file(), {});
  ASSERT_TRUE(report);
  EXPECT_THAT(report->problems, IsEmpty());
}

TEST_F(AccessTest, AForeignHostIsNoReasonToRefuseWhoHasAnAccount) {
  Fields fields = with(token("viewer"));
  fields.emplace_back("Host", "plant.example:8443");
  EXPECT_EQ(plant_->get("/v1/machines", fields).status, 200);
}

TEST(ReadLimit, TooManyReadsAreToldWhenToComeBack) {
  TemporaryFolder folder;
  io::SimClock clock(kNow);
  auto database = database::Database::open({.file = folder.path() + "/plant.db", .postgresql = {}, .password = {}});
  ASSERT_TRUE(database);
  auto authority = access::Authority::open({.reads_per_s = 3}, **database, folder.path(), clock);
  ASSERT_TRUE(authority);
  ASSERT_TRUE((*authority)->accounts().add_user("anna", kPassword, Role::kAdmin, Scope::whole_plant()));
  const auto token = (*authority)
                         ->accounts()
                         .add_token({.name = "t",
                                     .owner = "anna",
                                     .role = Role::kAdmin,
                                     .scope = Scope::whole_plant(),
                                     .expires = kNow + core::kHour});
  ASSERT_TRUE(token);
  Plant plant({}, make_model(), authority->get());
  const Fields fields = {{"Authorization", "Bearer " + token->secret}};
  for (int i = 0; i < 3; ++i) EXPECT_EQ(plant.get("/v1/machines", fields).status, 200);
  const Reply held = plant.get("/v1/machines", fields);
  EXPECT_EQ(held.status, 429);
  EXPECT_EQ(held.field("retry-after"), "1");
  clock.advance(core::kSecond);
  EXPECT_EQ(plant.get("/v1/machines", fields).status, 200);
}

TEST(SetUp, TheFirstUserIsMadeOverHttp) {
  TemporaryFolder folder;
  io::SimClock clock(kNow);
  auto database = database::Database::open({.file = folder.path() + "/plant.db", .postgresql = {}, .password = {}});
  ASSERT_TRUE(database);
  auto authority = access::Authority::open({}, **database, folder.path(), clock);
  ASSERT_TRUE(authority);
  const auto token = (*authority)->accounts().make_setup_token();
  ASSERT_TRUE(token);
  Plant plant({}, make_model(), authority->get());
  EXPECT_EQ(plant.get("/v1/session").json()["setup_needed"], true);
  EXPECT_EQ(plant.get("/v1/machines").status, 401);
  Json body = {{"token", "setup_wrong"}, {"name", "anna"}, {"password", kPassword}};
  EXPECT_EQ(plant.post("/v1/setup", body.dump()).status, 400);
  body["token"] = *token;
  EXPECT_EQ(plant.post("/v1/setup", body.dump()).status, 200);
  EXPECT_EQ(plant.post("/v1/setup", body.dump()).status, 409);
  EXPECT_EQ(plant.get("/v1/session").json()["setup_needed"], false);
  EXPECT_EQ(plant.post("/v1/session", Json{{"name", "anna"}, {"password", kPassword}}.dump()).status, 200);
}

TEST(LocalMode, WhoIsOnThisMachineMayDoEverything) {
  Plant plant;
  const Json session = plant.get("/v1/session").json();
  EXPECT_EQ(session["mode"], "local");
  EXPECT_EQ(session["user"]["role"], "admin");
  EXPECT_EQ(plant.get("/v1/users").status, 409);
  EXPECT_EQ(plant.post("/v1/session", R"({"name":"a","password":"b"})").status, 409);
}

}  // namespace
}  // namespace millwright::api::testing
