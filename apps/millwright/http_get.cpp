#include "http_get.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "config/secret.hpp"
#include "http/client.hpp"

namespace millwright::app {
namespace {

using core::ErrorCode;

constexpr core::DurationNs kPlantPatience = 2 * core::kMinute;
constexpr std::size_t kAnswerMax = std::size_t{1} << 30;

struct Trust {
  std::string token;
  std::string ca_file;
};
Trust& trust_of_process() {
  static Trust trust;
  return trust;
}

core::Result<http::Answer> ask(http::ClientRequest request, core::DurationNs timeout) {
  http::ClientOptions options;
  options.timeout = timeout;
  options.answer_bytes_max = kAnswerMax;
  options.ca_file = trust_of_process().ca_file;
  request.credentials.bearer = trust_of_process().token;
  return http::Client(options).ask(request);
}

core::Result<nlohmann::json> parse(const std::string& text, const std::string& url) {
  auto json = nlohmann::json::parse(text, nullptr, false);
  if (json.is_discarded()) return core::unexpected(ErrorCode::kInvalid, url + ": the answer is no JSON");
  return json;
}

ErrorCode code_of(int status) {
  if (status == 404) return ErrorCode::kNotFound;
  if (status == 409) return ErrorCode::kConflict;
  return status < 500 ? ErrorCode::kInvalid : ErrorCode::kUnavailable;
}

}  // namespace

core::Status use_plant_trust(const PlantTrust& trust) {
  trust_of_process().ca_file = trust.ca_file;
  if (trust.token_file.empty()) return {};
  const config::Secret secret{.file = trust.token_file, .variable = {}};
  auto token = secret.read();
  if (!token) return core::unexpected(token.error().within("--token-file"));
  trust_of_process().token = std::move(**token);
  return {};
}

core::Result<std::string> get_text(const std::string& url, core::DurationNs timeout) {
  auto answer = ask({.url = url}, timeout);
  if (!answer) return core::unexpected(answer.error());
  if (answer->status >= 400) {
    const char* hint = answer->status == 401 ? "; show who you are with --token-file" : "";
    return core::unexpected(ErrorCode::kUnavailable, fmt::format("{}: HTTP {}{}", url, answer->status, hint));
  }
  return std::move(answer->body);
}

core::Result<nlohmann::json> get_json(const std::string& url, core::DurationNs timeout) {
  const auto body = get_text(url, timeout);
  if (!body) return core::unexpected(body.error());
  return parse(*body, url);
}

core::Result<nlohmann::json> ask_plant(const std::string& url, const PostBody* body) {
  http::ClientRequest request{.url = url};
  if (body != nullptr) {
    request.method = "POST";
    request.fields = {{"Content-Type", body->media}};
    request.body = body->text;
  }
  const auto answer = ask(request, kPlantPatience);
  if (!answer) return core::unexpected(answer.error());
  auto json = parse(answer->body, url);
  if (!json) return json;
  if (!json->is_object()) return core::unexpected(ErrorCode::kInvalid, url + ": the answer is no object");
  if (answer->status < 400) return json;
  return core::unexpected(code_of(answer->status), json->value("detail", "the plant refuses it"));
}

}  // namespace millwright::app
