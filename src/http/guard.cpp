#include "http/guard.hpp"

#include <algorithm>
#include <array>

#include "core/text.hpp"

namespace millwright::http {
namespace {

// "localhost:8080" → "localhost", "[::1]:8080" → "[::1]". What follows the name must be a port.
std::string host_name(std::string_view host) {
  const auto bracket = host.starts_with('[') ? host.find(']') : 0;
  const auto colon = bracket == std::string_view::npos ? std::string_view::npos : host.find(':', bracket);
  if (colon == std::string_view::npos) return core::lower(host);
  const std::string_view port = host.substr(colon + 1);
  const bool digits = std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits && port.size() <= 5 ? core::lower(host.substr(0, colon)) : std::string();
}

}  // namespace

bool names_this_machine(std::string_view host) {
  static constexpr std::array<std::string_view, 3> kNames = {"localhost", "127.0.0.1", "[::1]"};
  return std::find(kNames.begin(), kNames.end(), host_name(host)) != kNames.end();
}

bool from_elsewhere(const Request& request) {
  if (!request.origin.empty() &&
      core::lower(request.origin) != (request.secure ? "https://" : "http://") + core::lower(request.host))
    return true;
  return request.fetch_site == "cross-site" || request.fetch_site == "same-site";
}

}  // namespace millwright::http
