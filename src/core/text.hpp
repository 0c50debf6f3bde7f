// Small text helpers that errors, configuration and CSV share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millwright::core {

std::string_view trim(std::string_view text);
std::string lower(std::string_view text);  // of ASCII letters
std::vector<std::string_view> split(std::string_view text, char separator);

// The whole text as a number, or nothing: no spaces, no rest. Accepts nan and inf for doubles.
std::optional<double> parse_double(std::string_view text);
std::optional<std::int64_t> parse_int(std::string_view text);

// The shortest text that reads back as the same double ("NaN", "Infinity", "-Infinity" where it is not finite).
std::string format_double(double value);

// The candidate nearest to `word` by edit distance, where one is near enough to be a likely slip; else empty.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);
// " (did you mean 'x'?)" for the nearest candidate, else "".
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

// '*' stands for any run of characters within one path part, '**' for any run at all; else the same characters.
bool glob_match(std::string_view pattern, std::string_view text);

// The bytes of the UTF-8 character that `text` begins with; 0 where it begins with none.
std::size_t utf8_length(std::string_view text);

// An asset name: lower-case letters, digits and single hyphens inside, 1 to 63 characters, a letter or digit first.
bool is_asset_name(std::string_view name);

}  // namespace millwright::core
