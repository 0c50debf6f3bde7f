// Body: what a POST says, under a closed list of members.
//
// Errors: kInvalid with the member, what is wrong with it, and what would be right.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/result.hpp"
#include "core/text.hpp"
#include "core/time.hpp"

namespace millwright::api {

inline constexpr std::size_t kTextBytesMax = 200;

// A body: a JSON object whose members are texts, under a closed list.
class Body {
 public:
  static core::Result<Body> parse(std::string_view text, std::span<const std::string_view> members) {
    Body body;
    body.json_ = nlohmann::json::parse(text, nullptr, false);
    if (body.json_.is_discarded() || !body.json_.is_object()) {
      return core::unexpected(core::ErrorCode::kInvalid,
                              R"(body: must be a JSON object like {"by": "…", "comment": "…"})");
    }
    for (const auto& [name, value] : body.json_.items()) {
      if (std::find(members.begin(), members.end(), name) != members.end()) continue;
      return core::unexpected(core::ErrorCode::kInvalid,
                              fmt::format("body: unknown member '{}'{}; it takes {}", name,
                                          core::did_you_mean(name, members), fmt::join(members, ", ")));
    }
    return body;
  }

  // Absent: "".
  [[nodiscard]] core::Result<std::string> text(const char* name, std::size_t bytes_max) const {
    const auto at = json_.find(name);
    if (at == json_.end()) return std::string();
    if (!at->is_string())
      return core::unexpected(core::ErrorCode::kInvalid, fmt::format("body: {} must be a text", name));
    auto text = at->get<std::string>();
    if (text.size() <= bytes_max) return text;
    return core::unexpected(core::ErrorCode::kInvalid,
                            fmt::format("body: {} has {} bytes; at most {} are kept", name, text.size(), bytes_max));
  }
  [[nodiscard]] core::Result<std::string> required(const char* name, std::size_t bytes_max, const char* say) const {
    auto given = text(name, bytes_max);
    if (!given || !core::trim(*given).empty()) return given;
    return core::unexpected(core::ErrorCode::kInvalid, fmt::format("body: {} is missing; say {}", name, say));
  }
  // Absent: 0.
  [[nodiscard]] core::Result<core::DurationNs> duration(const char* name) const {
    const auto given = text(name, kTextBytesMax);
    if (!given) return core::unexpected(given.error());
    if (given->empty()) return core::DurationNs{0};
    const auto read = core::parse_duration(*given);
    if (read && *read > 0) return *read;
    return core::unexpected(core::ErrorCode::kInvalid,
                            fmt::format("body: {}: '{}' is no duration; write it like 30min or 8h", name, *given));
  }

 private:
  nlohmann::json json_;
};

}  // namespace millwright::api
