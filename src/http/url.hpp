// What a URL says: its parts, percent-decoding, and single parameters of a query.
//
// Threads: pure functions. Errors: kInvalid with the text and what is wrong with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace millwright::http {

// "%2F" → "/"; '+' stays what it is, so that "2026-11-21T09:15:30+01:00" needs no escape.
core::Result<std::string> percent_decode(std::string_view text);
// Everything but letters, digits and "-._~" as %XX.
std::string percent_encode(std::string_view text);
// The first value of a parameter, decoded; nothing where it is absent.
core::Result<std::optional<std::string>> query_value(std::string_view query, std::string_view name);

// Where a client shall ask.
struct WebAddress {
  std::string scheme;      // "https" or "http"
  std::string host;        // an IPv6 address without its brackets
  std::uint16_t port = 0;  // the scheme's where the URL names none
};
// By libcurl's parser, which is the one that later asks. Refuses other schemes, and a user or password: a URL goes into
// logs.
core::Result<WebAddress> parse_web_address(const std::string& url);

}  // namespace millwright::http
