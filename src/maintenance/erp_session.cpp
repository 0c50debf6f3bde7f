#include "maintenance/erp_session.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/text.hpp"
#include "http/url.hpp"

namespace millwright::maintenance {
namespace {

using core::ErrorCode;
using core::unexpected;
using Json = nlohmann::json;

constexpr std::size_t kAnswerBytesMax = 8 * 1024 * 1024;
constexpr std::size_t kShown = 300;                            // of an answer, in an error
constexpr core::DurationNs kTokenMargin = 30 * core::kSecond;  // a token is renewed so long before its end
constexpr double kTokenLifeFallback_s = 300;

http::ClientOptions client_options(const ErpOptions& options) {
  http::ClientOptions client;
  client.timeout = options.timeout;
  client.answer_bytes_max = kAnswerBytesMax;
  client.cookies = http::Cookies::kKept;
  client.ca_file = options.ca_file;
  client.certificate_file = options.login.certificate_file;
  client.key_file = options.login.key_file;
  client.guard = options.guard;
  return client;
}

core::Result<std::string> secret_of(const config::Secret& secret, std::string_view what) {
  const auto read = secret.read();
  if (!read) return unexpected(ErrorCode::kUnavailable, fmt::format("{}: {}", what, read.error().message));
  return read->value_or("");
}

bool is_page(const http::Answer& answer) {
  if (core::lower(answer.field("content-type")).find("html") != std::string::npos) return true;
  const std::string_view start = core::trim(std::string_view(answer.body).substr(0, kShown));
  return core::lower(start.substr(0, 9)) == "<!doctype" || core::lower(start.substr(0, 5)) == "<html";
}

// What is to be done about an answer that is no success.
ErrorCode code_of(int status) {
  switch (status) {
    case 401:  // a log-in can be put right
    case 403:
    case 407:
    case 408:
    case 425:
    case 429:
    case 502:
    case 503:
    case 504:
      return ErrorCode::kUnavailable;
    default:
      return status >= 400 && status < 500 ? ErrorCode::kInvalid : ErrorCode::kIo;
  }
}

core::Unexpected refused(const http::Answer& answer, const std::string& message) {
  return unexpected(code_of(answer.status),
                    fmt::format("HTTP {}{}{}", answer.status, message.empty() ? "" : ": ", message));
}

// A member that is a text, or a text in a text: {"message": {"value": "…"}}.
std::string text_in(const Json& object, std::initializer_list<const char*> names) {
  if (!object.is_object()) return {};
  for (const char* name : names) {
    const auto at = object.find(name);
    if (at == object.end()) continue;
    if (at->is_string()) return at->get<std::string>();
    if (at->is_object() && at->contains("value")) return text_in(*at, {"value"});
  }
  return {};
}

}  // namespace

ErpSession::ErpSession(const ErpOptions& options, const io::Clock& clock)
    : options_(options), clock_(clock), client_(client_options(options)) {}

core::Result<std::string> ErpSession::token(const OAuth2& oauth, const Stopping& stopping) {
  if (!token_.empty() && clock_.monotonic() < token_until_) return token_;
  const auto secret = secret_of(oauth.client_secret, "client_secret");
  if (!secret) return secret;
  std::string body = "grant_type=client_credentials";
  if (!oauth.scope.empty()) body += "&scope=" + http::percent_encode(oauth.scope);
  http::ClientRequest request{.method = "POST", .url = oauth.token_url};
  request.fields = {{"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}};
  request.body = body;
  // RFC 6749 section 2.3.1: both parts in the form's encoding.
  request.credentials.user = http::percent_encode(oauth.client_id);
  request.credentials.password = http::percent_encode(*secret);
  auto answer = client_.ask(request, stopping);
  if (!answer) return unexpected(answer.error());
  const Json json = Json::parse(answer->body, nullptr, false);
  const auto given = text_at(json, "/access_token");
  if (!answer->ok() || !given) {
    return unexpected(ErrorCode::kUnavailable, fmt::format("{}: no token: HTTP {} {}", oauth.token_url, answer->status,
                                                           text_in(json, {"error_description", "error"})));
  }
  const double life_s = json.contains("expires_in") && json["expires_in"].is_number() ? json["expires_in"].get<double>()
                                                                                      : kTokenLifeFallback_s;
  token_ = *given;
  const auto life = static_cast<core::DurationNs>(std::clamp(life_s, 0.0, 1e6) * 1e9);
  token_until_ = clock_.monotonic() + std::max<core::DurationNs>(life - kTokenMargin, life / 2);
  return token_;
}

core::Status ErpSession::add_login(http::ClientRequest& request, const Stopping& stopping) {
  const ErpLogin& login = options_.login;
  if (login.oauth2) {
    auto fresh = token(*login.oauth2, stopping);
    if (!fresh) return unexpected(fresh.error());
    request.credentials.bearer = std::move(*fresh);
  } else if (login.bearer.given()) {
    auto bearer = secret_of(login.bearer, "bearer");
    if (!bearer) return unexpected(bearer.error());
    request.credentials.bearer = std::move(*bearer);
  } else if (!login.user.empty()) {
    auto password = secret_of(login.password, "password");
    if (!password) return unexpected(password.error());
    request.credentials.user = login.user;
    request.credentials.password = std::move(*password);
  }
  return {};
}

core::Result<http::Answer> ErpSession::ask_raw(http::ClientRequest request, const Stopping& stopping) {
  for (int attempt = 0;; ++attempt) {
    if (auto ready = add_login(request, stopping); !ready) return unexpected(ready.error());
    auto answer = client_.ask(request, stopping);
    // Wherever it broke, nobody knows what the ERP has done; a closed address or a wrong URL can be put right.
    if (!answer) return unexpected(ErrorCode::kUnavailable, answer.error().message);
    const bool token_refused = answer->status == 401 && options_.login.oauth2 && attempt == 0;
    if (!token_refused) return answer;
    token_.clear();
  }
}

core::Result<ErpAnswer> ErpSession::ask(http::ClientRequest request, const Stopping& stopping) {
  auto answer = ask_raw(std::move(request), stopping);
  if (!answer) return unexpected(answer.error());
  return read_answer(std::move(*answer));
}

core::Result<ErpAnswer> read_answer(http::Answer answer) {
  if (answer.status >= 300 && answer.status < 400) {
    return unexpected(ErrorCode::kUnavailable, fmt::format("HTTP {}: sends elsewhere ({}), as to a log-in",
                                                           answer.status, shortened(answer.field("location"), kShown)));
  }
  if (is_page(answer)) {
    const auto code = answer.ok() ? ErrorCode::kUnavailable : code_of(answer.status);
    return unexpected(
        code, fmt::format("HTTP {}: answers with a page of HTML instead of data, as a log-in does", answer.status));
  }
  Json json = answer.body.empty() ? Json() : Json::parse(answer.body, nullptr, false);
  if (!answer.ok()) {
    std::string message = message_of(json);
    if (message.empty()) message = answer.body;
    return refused(answer, shortened(message, kShown));
  }
  if (json.is_discarded()) {
    return unexpected(ErrorCode::kIo,
                      fmt::format("HTTP {}: the answer is no JSON: {}", answer.status, shortened(answer.body, kShown)));
  }
  return ErpAnswer{std::move(answer), std::move(json)};
}

std::string message_of(const Json& answer) {
  if (!answer.is_object()) return {};
  for (const char* name : {"error", "Error", "oslc:Error"}) {
    const auto error = answer.find(name);
    if (error == answer.end()) continue;
    if (error->is_string()) return error->get<std::string>();
    // Odoo tells what it means in data.message.
    if (error->is_object() && error->contains("data")) {
      if (std::string inner = text_in((*error)["data"], {"message"}); !inner.empty()) return inner;
    }
    return text_in(*error, {"message", "oslc:message"});
  }
  return text_in(answer, {"detail", "message", "title"});
}

std::optional<std::string> text_at(const Json& json, const std::string& pointer) {
  if (json.is_discarded()) return std::nullopt;
  // The library throws where a pointer is malformed; the configuration allows any text after '/'.
  try {
    const Json::json_pointer to(pointer);
    if (!json.contains(to)) return std::nullopt;
    const Json& value = json.at(to);
    if (value.is_null()) return std::nullopt;
    return value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, Json::error_handler_t::replace);
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

std::optional<OrderState> state_of(const ErpOptions& options, const std::string& word,
                                   std::optional<OrderState> known) {
  const auto at = options.states.find(word);
  return at == options.states.end() ? known : at->second;
}

std::string shortened(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  return std::string(text.substr(0, bytes));
}

}  // namespace millwright::maintenance
