#include "api/openapi.hpp"

namespace millwright::embedded {
std::string_view openapi_json();  // made by the build, cmake/Embed.cmake
}

namespace millwright::api {

std::string_view open_api_document() {
  return embedded::openapi_json();
}

}  // namespace millwright::api
