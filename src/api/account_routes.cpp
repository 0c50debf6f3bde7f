// The routes of accounts: set-up, signing in and out, users, API tokens, the audit log.
#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "access/password.hpp"
#include "api/access.hpp"
#include "api/body.hpp"
#include "api/cursor.hpp"
#include "api/problem.hpp"
#include "api/server.hpp"
#include "api/views.hpp"

namespace millwright::api {
namespace {

using access::Authority;
using access::Role;
using access::Scope;
using core::ErrorCode;
using core::unexpected;

constexpr std::size_t kPasswordBytesMax = access::kPasswordLongest;
constexpr core::DurationNs kTokenLastsDefault = 90 * 24 * core::kHour;
constexpr const char* kTooManyTries = "too many tries to sign in";

core::Unexpected no_accounts() {
  return unexpected(ErrorCode::kConflict,
                    "there are no accounts: access.mode is local, so whoever is on this machine may do everything");
}

core::Unexpected no_user(std::string_view name) {
  return unexpected(ErrorCode::kNotFound, fmt::format("there is no user '{}'", name));
}

Response done() {
  return json_response(R"({"done":true})");
}

// A cookie that no script reads and no other site's page sends.
void set_cookie(Response& response, const Request& request, std::string_view value, core::DurationNs lifetime) {
  response.fields.emplace_back(
      "Set-Cookie", fmt::format("{}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{}", kSessionCookie, value,
                                lifetime / core::kSecond, request.secure ? "; Secure" : ""));
}

Json user_json(const access::User& user) {
  return {{"name", user.name},
          {"role", to_string(user.role)},
          {"sites", user.scope.places()},
          {"created", core::format_time(user.created)},
          {"changed", core::format_time(user.changed)}};
}

Json token_json(const access::ApiToken& token) {
  return {{"id", token.id},
          {"name", token.name},
          {"owner", token.owner},
          {"role", to_string(token.role)},
          {"sites", token.scope.places()},
          {"created", core::format_time(token.created)},
          {"expires", core::format_time(token.expires)}};
}

Json person_json(const access::Principal& principal) {
  return {{"name", principal.name},
          {"role", to_string(principal.role)},
          {"sites", principal.scope.places()},
          {"by", access::proof_text(principal)},
          {"expires", principal.expires == INT64_MAX ? Json() : Json(core::format_time(principal.expires))}};
}

core::Result<std::optional<Role>> read_role(const Body& body) {
  const auto text = body.text("role", kNameBytesMax);
  if (!text) return unexpected(text.error());
  if (text->empty()) return std::optional<Role>();
  const auto role = access::parse_role(*text);
  return role ? core::Result(std::optional(*role)) : unexpected(role.error().within("body: role"));
}

core::Result<std::optional<Scope>> read_sites(const Body& body) {
  const auto texts = body.texts("sites");
  if (!texts) return unexpected(texts.error());
  if (!*texts) return std::optional<Scope>();
  const auto scope = Scope::parse(**texts);
  return scope ? core::Result(std::optional(*scope)) : unexpected(scope.error().within("body: sites"));
}

// One handler each; an Authority with accounts behind all of them, but for session().
class AccountRoutes {
 public:
  AccountRoutes(Authority* authority, const io::Clock& clock) : authority_(authority), clock_(clock) {}

  [[nodiscard]] core::Result<Response> session(const Call& call) const {
    const bool accounts = has_accounts(authority_);
    Json user;
    if (!accounts) {
      user = person_json({.name = call.who.name, .role = Role::kAdmin, .scope = Scope::whole_plant()});
    } else if (call.who.principal) {
      user = person_json(*call.who.principal);
    }
    return json_response(to_text({{"mode", accounts ? "accounts" : "local"},
                                  {"setup_needed", accounts && authority_->needs_set_up()},
                                  {"user", std::move(user)}}));
  }

  [[nodiscard]] core::Result<Response> set_up(const Call& call) const {
    static constexpr std::array<std::string_view, 3> kMembers = {"token", "name", "password"};
    if (!has_accounts(authority_)) return no_accounts();
    const auto body = Body::parse(call.request.body, kMembers);
    if (!body) return unexpected(body.error());
    const auto token = body->required("token", kNameBytesMax, "the set-up token that the plant printed");
    if (!token) return unexpected(token.error());
    const auto name = body->required("name", kNameBytesMax, "the first user's name");
    if (!name) return unexpected(name.error());
    const auto password = body->required("password", kPasswordBytesMax, "a password");
    if (!password) return unexpected(password.error());
    const auto wait = authority_->set_up(*token, *name, *password, call.request.peer);
    if (!wait) return unexpected(wait.error());
    if (*wait > 0) return too_many(*wait, kTooManyTries, call.request.path);
    return done();
  }

  [[nodiscard]] core::Result<Response> sign_in(const Call& call) const {
    static constexpr std::array<std::string_view, 2> kMembers = {"name", "password"};
    if (!has_accounts(authority_)) return no_accounts();
    const auto body = Body::parse(call.request.body, kMembers);
    if (!body) return unexpected(body.error());
    const auto name = body->required("name", kNameBytesMax, "who signs in");
    if (!name) return unexpected(name.error());
    const auto password = body->required("password", kPasswordBytesMax, "the password");
    if (!password) return unexpected(password.error());
    const auto in = authority_->sign_in(*name, *password, call.request.peer);
    if (!in) return unexpected(in.error());
    if (in->wait > 0) return too_many(in->wait, kTooManyTries, call.request.path);
    if (!in->who) return problem(401, "the name or the password is wrong", call.request.path);
    Response response = json_response(to_text(person_json(*in->who)));
    set_cookie(response, call.request, in->session.secret, authority_->options().session_lifetime);
    return response;
  }

  [[nodiscard]] core::Result<Response> sign_out(const Call& call) const {
    if (!has_accounts(authority_)) return no_accounts();
    if (call.who.principal->proof != access::Proof::kSession) {
      return unexpected(ErrorCode::kInvalid, "only who signed in with a password signs out; a token is revoked");
    }
    auto ended = authority_->accounts().end_session(call.who.principal->credential);
    if (!ended) return unexpected(ended.error());
    Response response = done();
    set_cookie(response, call.request, "", 0);
    return response;
  }

  [[nodiscard]] core::Result<Response> set_password(const Call& call) const {
    static constexpr std::array<std::string_view, 2> kMembers = {"password", "new_password"};
    if (!has_accounts(authority_)) return no_accounts();
    const auto body = Body::parse(call.request.body, kMembers);
    if (!body) return unexpected(body.error());
    const auto password = body->required("password", kPasswordBytesMax, "the password as it is");
    if (!password) return unexpected(password.error());
    const auto next = body->required("new_password", kPasswordBytesMax, "the new one");
    if (!next) return unexpected(next.error());
    const access::Tried tried = authority_->try_password(call.who.name, *password, call.request.peer);
    if (tried.wait > 0) return too_many(tried.wait, kTooManyTries, call.request.path);
    if (!tried.user) return problem(403, "the password is wrong", call.request.path);
    auto changed = authority_->accounts().change_user(call.who.name, {.password = *next});
    if (!changed) return unexpected(changed.error());
    Response response = done();
    set_cookie(response, call.request, "", 0);  // all sessions have ended
    return response;
  }

  [[nodiscard]] core::Result<Response> users(const Call& call) const {
    if (!has_accounts(authority_)) return no_accounts();
    Json items = Json::array();
    for (const access::User& user : authority_->accounts().users()) {
      if (covers(call, user)) items.push_back(user_json(user));
    }
    return json_response(to_text({{"items", std::move(items)}}));
  }

  [[nodiscard]] core::Result<Response> add_user(const Call& call) const {
    static constexpr std::array<std::string_view, 4> kMembers = {"name", "password", "role", "sites"};
    if (!has_accounts(authority_)) return no_accounts();
    const auto body = Body::parse(call.request.body, kMembers);
    if (!body) return unexpected(body.error());
    const auto name = body->required("name", kNameBytesMax, "the user's name");
    if (!name) return unexpected(name.error());
    const auto password = body->required("password", kPasswordBytesMax, "a first password");
    if (!password) return unexpected(password.error());
    const auto role = read_role(*body);
    if (!role) return unexpected(role.error());
    const auto scope = read_sites(*body);
    if (!scope) return unexpected(scope.error());
    if (!*role || !*scope)
      return unexpected(ErrorCode::kInvalid, "body: role and sites say what the user may do where");
    if (auto given = may_give(call, **scope); !given) return unexpected(given.error());
    auto added = authority_->accounts().add_user(*name, *password, **role, **scope);
    if (!added) return unexpected(added.error());
    return json_response(to_text(user_json(*authority_->accounts().user(*name))));
  }

  [[nodiscard]] core::Result<Response> change_user(const Call& call) const {
    static constexpr std::array<std::string_view, 3> kMembers = {"role", "sites", "password"};
    if (!has_accounts(authority_)) return no_accounts();
    const auto user = authority_->accounts().user(call.id());
    if (!user || !covers(call, *user)) return no_user(call.id());
    const auto body = Body::parse(call.request.body, kMembers);
    if (!body) return unexpected(body.error());
    const auto role = read_role(*body);
    if (!role) return unexpected(role.error());
    const auto scope = read_sites(*body);
    if (!scope) return unexpected(scope.error());
    if (*scope) {
      if (auto given = may_give(call, **scope); !given) return unexpected(given.error());
    }
    const auto password = body->text("password", kPasswordBytesMax);
    if (!password) return unexpected(password.error());
    access::UserChange change{.role = *role, .scope = *scope};
    if (!password->empty()) change.password = *password;
    auto changed = authority_->accounts().change_user(user->name, change);
    if (!changed) return unexpected(changed.error());
    return json_response(to_text(user_json(*authority_->accounts().user(user->name))));
  }

  [[nodiscard]] core::Result<Response> remove_user(const Call& call) const {
    if (!has_accounts(authority_)) return no_accounts();
    const auto user = authority_->accounts().user(call.id());
    if (!user || !covers(call, *user)) return no_user(call.id());
    auto removed = authority_->accounts().remove_user(user->name);
    if (!removed) return unexpected(removed.error());
    return done();
  }

  [[nodiscard]] core::Result<Response> tokens(const Call& call) const {
    if (!has_accounts(authority_)) return no_accounts();
    Json items = Json::array();
    for (const access::ApiToken& token : authority_->accounts().tokens()) {
      if (is_theirs(call, token)) items.push_back(token_json(token));
    }
    return json_response(to_text({{"items", std::move(items)}}));
  }

  // By somebody who signed in: a token that makes tokens would outlive its own end.
  [[nodiscard]] core::Result<Response> add_token(const Call& call) const {
    static constexpr std::array<std::string_view, 4> kMembers = {"name", "role", "sites", "expires_in"};
    if (!has_accounts(authority_)) return no_accounts();
    if (call.who.principal->proof != access::Proof::kSession) {
      return problem(403, "tokens are made by who signed in with a password", call.request.path);
    }
    const auto body = Body::parse(call.request.body, kMembers);
    if (!body) return unexpected(body.error());
    const auto name = body->required("name", kNameBytesMax, "what the token is for");
    if (!name) return unexpected(name.error());
    const auto role = read_role(*body);
    if (!role) return unexpected(role.error());
    const auto scope = read_sites(*body);
    if (!scope) return unexpected(scope.error());
    const auto lasts = body->duration("expires_in");
    if (!lasts) return unexpected(lasts.error());
    access::ApiToken token{.name = *name,
                           .owner = call.who.name,
                           .role = role->value_or(call.who.principal->role),
                           .scope = scope->value_or(call.who.principal->scope),
                           .created = clock_.now(),
                           .expires = clock_.now() + (*lasts == 0 ? kTokenLastsDefault : *lasts)};
    const auto made = authority_->accounts().add_token(token);
    if (!made) return unexpected(made.error());
    token.id = made->id;
    Json json = token_json(token);
    json["token"] = made->secret;
    return json_response(to_text(json));
  }

  [[nodiscard]] core::Result<Response> remove_token(const Call& call) const {
    if (!has_accounts(authority_)) return no_accounts();
    const auto all = authority_->accounts().tokens();
    const bool theirs = std::any_of(all.begin(), all.end(), [&](const access::ApiToken& token) {
      return token.id == call.id() && is_theirs(call, token);
    });
    if (!theirs) return unexpected(ErrorCode::kNotFound, fmt::format("there is no token '{}'", call.id()));
    auto removed = authority_->accounts().remove_token(call.id());
    if (!removed) return unexpected(removed.error());
    return done();
  }

  // Newest first.
  [[nodiscard]] core::Result<Response> audit(const Call& call) const {
    if (authority_ == nullptr) return unexpected(ErrorCode::kConflict, "there is no audit log");
    const auto limit = call.parameters.limit(kPageDefault, kPageMax);
    if (!limit) return unexpected(limit.error());
    const std::uint32_t query = query_hash("audit");
    std::uint64_t before = 0;
    if (const auto text = call.parameters.text("cursor")) {
      const auto cursor = decode_cursor(*text, query);
      if (!cursor) return unexpected(cursor.error());
      before = static_cast<std::uint64_t>(cursor->position);
    }
    const auto page = access::read_audit(authority_->audit_file(), before, *limit);
    if (!page) return unexpected(page.error());
    std::string items;
    for (const access::AuditRecord& record : page->records) items += (items.empty() ? "" : ",") + record.json;
    const Json next =
        page->before == 0 ? Json() : Json(encode_cursor({query, static_cast<std::int64_t>(page->before), 0}));
    return json_response(fmt::format(R"({{"items":[{}],"next_cursor":{}}})", items, to_text(next)));
  }

 private:
  // An admin of a part of the plant administers those whose places lie in it.
  static bool covers(const Call& call, const access::User& user) {
    return call.who.principal->scope.covers(user.scope);
  }
  static core::Status may_give(const Call& call, const Scope& scope) {
    if (call.who.principal->scope.covers(scope)) return {};
    return unexpected(ErrorCode::kInvalid, "body: sites: places can be given to others only by who sees them");
  }
  [[nodiscard]] bool is_theirs(const Call& call, const access::ApiToken& token) const {
    if (token.owner == call.who.name) return true;
    const auto owner = authority_->accounts().user(token.owner);
    return call.who.may(Right::kAdminister) && owner && covers(call, *owner);
  }

  Authority* authority_;
  const io::Clock& clock_;
};

}  // namespace

void add_access_routes(Router& router, const Services& services) {
  const auto routes = std::make_shared<const AccountRoutes>(services.access, services.clock);
  using Route = core::Result<Response> (AccountRoutes::*)(const Call&) const;
  const auto to = [&routes](Route route) -> Handler {
    return [routes, route](const Call& call) { return ((*routes).*route)(call); };
  };
  router.add({.path = "/v1/session", .right = Right::kPublic, .handler = to(&AccountRoutes::session)});
  const auto change = [&](Method method, std::string_view path, Right right, Route route) {
    router.add({.method = method,
                .path = path,
                .pace = Pace::kSlow,
                .right = right,
                .secret = true,  // passwords and tokens
                .handler = to(route)});
  };
  change(Method::kPost, "/v1/setup", Right::kPublic, &AccountRoutes::set_up);
  change(Method::kPost, "/v1/session", Right::kPublic, &AccountRoutes::sign_in);
  change(Method::kDelete, "/v1/session", Right::kView, &AccountRoutes::sign_out);
  change(Method::kPut, "/v1/session/password", Right::kView, &AccountRoutes::set_password);
  router.add({.path = "/v1/users", .right = Right::kAdminister, .handler = to(&AccountRoutes::users)});
  change(Method::kPost, "/v1/users", Right::kAdminister, &AccountRoutes::add_user);
  change(Method::kPatch, "/v1/users/{id}", Right::kAdminister, &AccountRoutes::change_user);
  change(Method::kDelete, "/v1/users/{id}", Right::kAdminister, &AccountRoutes::remove_user);
  router.add({.path = "/v1/tokens", .handler = to(&AccountRoutes::tokens)});
  change(Method::kPost, "/v1/tokens", Right::kView, &AccountRoutes::add_token);
  change(Method::kDelete, "/v1/tokens/{id}", Right::kView, &AccountRoutes::remove_token);
  router.add({.path = "/v1/audit",
              .parameters = {"limit", "cursor"},
              .pace = Pace::kSlow,
              .right = Right::kAdminister,
              .whole_plant = true,
              .handler = to(&AccountRoutes::audit)});
}

}  // namespace millwright::api
