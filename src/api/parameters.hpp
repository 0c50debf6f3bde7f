// What a request's query says: parameters under a closed list.
//
// Errors: kInvalid with the parameter, what is wrong with it, and what would be right.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/http.hpp"
#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::api {

// Rows of a page of a list.
inline constexpr std::size_t kPageDefault = 10'000;
inline constexpr std::size_t kPageMax = 100'000;

class Parameters {
 public:
  // Refuses names that are not in `allowed`, naming the nearest, and names that come twice.
  static core::Result<Parameters> parse(std::string_view query, std::span<const std::string_view> allowed);

  // Absent or empty: nothing.
  [[nodiscard]] std::optional<std::string_view> text(std::string_view name) const;
  [[nodiscard]] core::Result<std::size_t> limit(std::size_t fallback, std::size_t max) const;
  [[nodiscard]] core::Result<std::optional<bool>> boolean(std::string_view name) const;
  [[nodiscard]] core::Result<core::TimeNs> moment(std::string_view name, core::TimeNs now, core::TimeNs fallback) const;
  // `from` (default: `span` before `to`) and `to` (default: now), in order.
  [[nodiscard]] core::Result<std::pair<core::TimeNs, core::TimeNs>> range(core::TimeNs now,
                                                                          core::DurationNs span) const;
  // A whole number of `low` to `high`.
  [[nodiscard]] core::Result<std::size_t> number(std::string_view name, std::size_t fallback, std::size_t low,
                                                 std::size_t high) const;
  // One of `names`; gives its index.
  [[nodiscard]] core::Result<std::size_t> choice(std::string_view name, std::span<const std::string_view> names,
                                                 std::size_t fallback) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

// A point in time as people and programs write it: RFC 3339, a unix time in seconds, milliseconds or nanoseconds (told
// apart by its size), "now", or a time before now such as "-15min".
core::Result<core::TimeNs> parse_moment(std::string_view text, core::TimeNs now);

}  // namespace millwright::api
