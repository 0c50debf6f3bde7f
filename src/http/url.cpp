#include "http/url.hpp"

#include <iterator>
#include <memory>

#include <curl/curl.h>
#include <fmt/format.h>

#include "core/text.hpp"

namespace millwright::http {

using core::ErrorCode;
using core::unexpected;

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string url_part(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

}  // namespace

core::Result<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return unexpected(ErrorCode::kInvalid, fmt::format("'{}': '%' must be followed by two hexadecimal digits", text));
    }
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      out.push_back(c);
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

core::Result<std::optional<std::string>> query_value(std::string_view query, std::string_view name) {
  for (const std::string_view pair : core::split(query, '&')) {
    const auto equals = pair.find('=');
    const auto key = percent_decode(pair.substr(0, equals));
    if (!key) return unexpected(key.error().within("query"));
    if (*key != name) continue;
    auto value = percent_decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1));
    if (!value) return unexpected(value.error().within(*key));
    return std::optional(std::move(*value));
  }
  return std::optional<std::string>();
}

core::Result<WebAddress> parse_web_address(const std::string& text) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), curl_url_cleanup);
  const bool parsed = curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) == CURLUE_OK;
  WebAddress address;
  address.scheme = url_part(url.get(), CURLUPART_SCHEME);
  if (!parsed || (address.scheme != "https" && address.scheme != "http")) {
    return unexpected(ErrorCode::kInvalid, fmt::format("'{}' is no web address like https://example.com/path", text));
  }
  if (!url_part(url.get(), CURLUPART_USER).empty() || !url_part(url.get(), CURLUPART_PASSWORD).empty()) {
    return unexpected(ErrorCode::kInvalid, "a URL goes into logs, so no password may be in it");
  }
  address.host = url_part(url.get(), CURLUPART_HOST);
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  const auto port = core::parse_int(url_part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT));
  address.port = static_cast<std::uint16_t>(port.value_or(0));
  return address;
}

}  // namespace millwright::http
