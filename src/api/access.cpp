#include "api/access.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "access/password.hpp"
#include "api/problem.hpp"
#include "core/text.hpp"

namespace millwright::api {
namespace {

constexpr std::size_t kPathBytesMax = 500;

std::string_view bearer_of(std::string_view authorization) {
  const auto space = authorization.find(' ');
  if (space == std::string_view::npos || core::lower(authorization.substr(0, space)) != "bearer") return {};
  return core::trim(authorization.substr(space + 1));
}

std::string_view cookie_of(std::string_view cookies, std::string_view name) {
  for (const std::string_view one : core::split(cookies, ';')) {
    const std::string_view pair = core::trim(one);
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=') {
      return pair.substr(name.size() + 1);
    }
  }
  return {};
}

// Whom a request without a principal is about: who signed in or made the first account.
std::string named_in(std::string_view body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  const auto name = json.is_object() ? json.find("name") : json.end();
  return json.is_object() && name != json.end() && name->is_string() ? name->get<std::string>() : std::string();
}

}  // namespace

bool has_accounts(const access::Authority* authority) {
  return authority != nullptr && authority->options().mode == access::Mode::kAccounts;
}

std::shared_ptr<const access::Principal> principal_of(const Request& request, access::Authority& authority) {
  if (!request.authorization.empty()) return authority.bearer(bearer_of(request.authorization));
  return authority.session(cookie_of(request.cookie, kSessionCookie));
}

Response unauthorized(const Request& request) {
  Response response = problem(401,
                              "sign in first: send an API token as `Authorization: Bearer mw_…`, or sign in on the "
                              "dashboard; a token that was sent is wrong, revoked or has expired",
                              request.path);
  response.fields.emplace_back("WWW-Authenticate", "Bearer realm=\"millwright\"");
  return response;
}

Response forbidden(const Identity& who, const Endpoint& endpoint, const Request& request) {
  const auto role = static_cast<access::Role>(static_cast<int>(endpoint.right) - static_cast<int>(Right::kView));
  const auto own = who.principal->role;
  return problem(403,
                 who.may(endpoint.right)
                     ? std::string("this is of the whole plant, and your account is of a part of it")
                     : fmt::format("this takes the role {}; your account's is {}", to_string(role), to_string(own)),
                 request.path);
}

Response too_many(core::DurationNs wait, std::string_view what, std::string_view instance) {
  const auto seconds = (wait + core::kSecond - 1) / core::kSecond;
  Response response = problem(429, fmt::format("{}; try again in {} s", what, seconds), instance);
  response.fields.emplace_back("Retry-After", std::to_string(seconds));
  return response;
}

core::Status record_change(access::Authority& authority, const Request& request, const Identity& who, int status,
                           core::TimeNs now) {
  if (status == 429) return {};  // was not looked at
  access::AuditEntry entry{.time = now,
                           .who = who.name,
                           .by = who.principal ? access::proof_text(*who.principal) : "local",
                           .from = request.peer,
                           .what = fmt::format("{} {}", http::method_name(request.method),
                                               std::string_view(request.path).substr(0, kPathBytesMax)),
                           .status = status,
                           .detail = access::without_secrets(request.body)};
  if (who.name.empty()) {
    const std::string name = named_in(request.body);
    const bool good = status < 400 && access::check_user_name(name);
    entry.who = good ? name : "unknown";
    entry.by = good ? "password" : "nothing";
  }
  const auto sealed = authority.audit().append(entry);
  return sealed ? core::Status() : core::unexpected(sealed.error());
}

}  // namespace millwright::api
