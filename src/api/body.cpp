#include "api/body.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/text.hpp"

namespace millwright::api {
namespace {

using core::ErrorCode;
using core::unexpected;

}  // namespace

core::Result<Body> Body::parse(std::string_view text, std::span<const std::string_view> members) {
  Body body;
  body.json_ = nlohmann::json::parse(text, nullptr, false);
  if (body.json_.is_discarded() || !body.json_.is_object()) {
    return unexpected(ErrorCode::kInvalid,
                      fmt::format(R"(body: must be a JSON object like {{"{}": "…"}})", members[0]));
  }
  for (const auto& [name, value] : body.json_.items()) {
    if (std::find(members.begin(), members.end(), name) != members.end()) continue;
    return unexpected(ErrorCode::kInvalid, fmt::format("body: unknown member '{}'{}; it takes {}", name,
                                                       core::did_you_mean(name, members), fmt::join(members, ", ")));
  }
  return body;
}

core::Result<std::string> Body::text(const char* name, std::size_t bytes_max) const {
  const auto at = json_.find(name);
  if (at == json_.end()) return std::string();
  if (!at->is_string()) return unexpected(ErrorCode::kInvalid, fmt::format("body: {} must be a text", name));
  auto text = at->get<std::string>();
  if (text.size() <= bytes_max) return text;
  return unexpected(ErrorCode::kInvalid,
                    fmt::format("body: {} has {} bytes; at most {} are kept", name, text.size(), bytes_max));
}

const nlohmann::json* Body::find(const char* name) const {
  const auto at = json_.find(name);
  return at == json_.end() ? nullptr : &*at;
}

core::Result<std::string> Body::required(const char* name, std::size_t bytes_max, const char* say) const {
  auto given = text(name, bytes_max);
  if (!given || !core::trim(*given).empty()) return given;
  return unexpected(ErrorCode::kInvalid, fmt::format("body: {} is missing; say {}", name, say));
}

core::Result<std::optional<std::vector<std::string>>> Body::texts(const char* name) const {
  const auto at = json_.find(name);
  if (at == json_.end()) return std::optional<std::vector<std::string>>();
  const bool good =
      at->is_array() && std::all_of(at->begin(), at->end(), [](const auto& one) { return one.is_string(); });
  if (!good) return unexpected(ErrorCode::kInvalid, fmt::format("body: {} must be a list of texts", name));
  return std::optional(at->get<std::vector<std::string>>());
}

core::Result<core::DurationNs> Body::duration(const char* name) const {
  const auto given = text(name, kNameBytesMax);
  if (!given) return unexpected(given.error());
  if (given->empty()) return core::DurationNs{0};
  const auto read = core::parse_duration(*given);
  if (read && *read > 0) return *read;
  return unexpected(ErrorCode::kInvalid,
                    fmt::format("body: {}: '{}' is no duration; write it like 30min or 8h", name, *given));
}

}  // namespace millwright::api
