// The OpenAPI 3.1 document of this API: src/api/openapi.json, put into the binary by the build.
#pragma once

#include <string_view>

namespace millwright::api {

std::string_view open_api_document();

}  // namespace millwright::api
