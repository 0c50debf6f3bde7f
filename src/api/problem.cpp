#include "api/problem.hpp"

#include <algorithm>
#include <cctype>

#include <nlohmann/json.hpp>

namespace millwright::api {
namespace {

// "Not Found" → "urn:millwright:problem:not-found"
std::string type_of(int status) {
  std::string name(reason_phrase(status));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return c == ' ' ? '-' : static_cast<char>(std::tolower(c)); });
  return "urn:millwright:problem:" + name;
}

}  // namespace

Response problem(int status, std::string_view detail, std::string_view instance) {
  const nlohmann::ordered_json body = {{"type", type_of(status)},
                                       {"title", reason_phrase(status)},
                                       {"status", status},
                                       {"detail", detail},
                                       {"instance", instance}};
  Response response;
  response.status = status;
  response.content_type = "application/problem+json";
  response.body = body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  if (status == 503) response.fields.emplace_back("Retry-After", "2");
  return response;
}

int status_of(core::ErrorCode code) {
  switch (code) {
    case core::ErrorCode::kInvalid:
      return 400;
    case core::ErrorCode::kNotFound:
      return 404;
    case core::ErrorCode::kConflict:
      return 409;
    case core::ErrorCode::kUnavailable:
    case core::ErrorCode::kClosed:
      return 503;
    case core::ErrorCode::kTimeout:
      return 504;
    case core::ErrorCode::kFull:
      return 507;
    case core::ErrorCode::kUnsupported:
      return 501;
    case core::ErrorCode::kCorrupt:
    case core::ErrorCode::kIo:
      return 500;
  }
  return 500;
}

Response problem(const core::Error& error, std::string_view instance) {
  return problem(status_of(error.code), error.message, instance);
}

}  // namespace millwright::api
