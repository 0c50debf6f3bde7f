// Body: the body of a POST, a JSON object whose members, mostly texts, are of a closed list.
//
// Threads: values. Errors: kInvalid, with the member and what would be right.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::api {

// Of short texts: names, who did it.
inline constexpr std::size_t kNameBytesMax = 200;

class Body {
 public:
  static core::Result<Body> parse(std::string_view text, std::span<const std::string_view> members);
  [[nodiscard]] bool has(const char* name) const { return json_.contains(name); }
  // Absent: "".
  [[nodiscard]] core::Result<std::string> text(const char* name, std::size_t bytes_max) const;
  [[nodiscard]] core::Result<std::string> required(const char* name, std::size_t bytes_max, const char* say) const;
  // The member as it is, whatever that is; nullptr: absent.
  [[nodiscard]] const nlohmann::json* find(const char* name) const;
  // A list of texts; absent: nothing.
  [[nodiscard]] core::Result<std::optional<std::vector<std::string>>> texts(const char* name) const;
  // Absent: 0.
  [[nodiscard]] core::Result<core::DurationNs> duration(const char* name) const;

 private:
  nlohmann::json json_;
};

}  // namespace millwright::api
