#include "api/etag.hpp"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "core/text.hpp"

namespace millwright::api {
namespace {

// 64 bits and the size: what two answers share by chance once in an age.
std::string content_tag(std::string_view body) {
  return fmt::format("{:x}{:016x}", body.size(), std::hash<std::string_view>{}(body));
}

bool names(std::string_view if_none_match, std::string_view etag) {
  for (std::string_view candidate : core::split(if_none_match, ',')) {
    candidate = core::trim(candidate);
    if (candidate.starts_with("W/")) candidate.remove_prefix(2);
    if (candidate == etag || candidate == "*") return true;
  }
  return false;
}

}  // namespace

void add_etag(Response& response, std::string_view if_none_match) {
  auto at = std::find_if(response.fields.begin(), response.fields.end(),
                         [](const auto& field) { return field.first == "ETag"; });
  if (at == response.fields.end()) at = response.fields.insert(at, {"ETag", "\"\""});
  std::string& tag = at->second;
  const bool has_version = tag.size() > 2;
  tag.insert(tag.size() - 1, (has_version ? "-" : "") + content_tag(response.body));
  if (if_none_match.empty() || !names(if_none_match, tag)) return;
  response.status = 304;
  response.body_omitted = true;
}

std::string without_content(std::string_view if_match) {
  const std::string_view tag = core::trim(if_match);
  const auto dash = tag.find('-');
  if (dash == std::string_view::npos || !tag.starts_with('"') || !tag.ends_with('"')) return std::string(if_match);
  return std::string(tag.substr(0, dash)) + '"';
}

}  // namespace millwright::api
