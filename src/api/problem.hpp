// Problem documents (RFC 9457): every error of the API, as {type, title, status, detail, instance}.
#pragma once

#include <string>
#include <string_view>

#include "api/http.hpp"
#include "core/result.hpp"

namespace millwright::api {

// `detail` says what, where and what to do; `instance` is the request's path.
Response problem(int status, std::string_view detail, std::string_view instance);
// The status that an operating error stands for.
int status_of(core::ErrorCode code);
Response problem(const core::Error& error, std::string_view instance);

}  // namespace millwright::api
