#include "api/router.hpp"

#include <algorithm>
#include <array>

#include "core/assert.hpp"
#include "core/text.hpp"

namespace millwright::api {
namespace {

constexpr std::string_view kPrefix = "/v1";

bool is_capture(std::string_view part) {
  return part.starts_with('{');
}

// Of as many parts.
bool fits(const std::vector<std::string_view>& pattern, const std::vector<std::string_view>& parts) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (is_capture(pattern[i]) ? parts[i].empty() : pattern[i] != parts[i]) return false;
  }
  return true;
}

// Of two patterns that fit, the one whose first difference is a word.
bool is_closer(const std::vector<std::string_view>& one, const std::vector<std::string_view>& other) {
  for (std::size_t i = 0; i < one.size(); ++i) {
    if (is_capture(one[i]) != is_capture(other[i])) return is_capture(other[i]);
  }
  return false;
}

bool answers(const Endpoint& endpoint, Method method) {
  return endpoint.method == method || (endpoint.method == Method::kGet && method == Method::kHead);
}

}  // namespace

void Router::add(Endpoint endpoint) {
  ASSERT(!endpoint.alias || endpoint.path.starts_with(kPrefix), "an alias of a path that has no /v1");
  endpoints_.push_back(std::make_unique<Endpoint>(std::move(endpoint)));
  const Endpoint* added = endpoints_.back().get();
  if (added->pace == Pace::kFile) {
    files_ = added;
    return;
  }
  add_pattern(added->path, *added);
  if (added->alias) add_pattern(added->path.substr(kPrefix.size()), *added);
}

void Router::add_pattern(std::string_view path, const Endpoint& endpoint) {
  auto parts = core::split(path, '/');
  if (patterns_.size() <= parts.size()) patterns_.resize(parts.size() + 1);
  patterns_[parts.size()].push_back({std::move(parts), &endpoint});
}

core::Result<std::optional<Match>> Router::match(std::string_view path, Method method) const {
  const auto parts = core::split(path, '/');
  const Pattern* found = nullptr;
  const std::span<const Pattern> of_length =
      parts.size() < patterns_.size() ? std::span(patterns_[parts.size()]) : std::span<const Pattern>();
  for (const Pattern& pattern : of_length) {
    if (!fits(pattern.parts, parts)) continue;
    const bool closer = found == nullptr || is_closer(pattern.parts, found->parts);
    const bool same = found != nullptr && !closer && !is_closer(found->parts, pattern.parts);
    if (closer || (same && answers(*pattern.endpoint, method))) found = &pattern;
  }
  if (found == nullptr) {
    if (files_ == nullptr || (parts.size() > 1 && parts[1] == kPrefix.substr(1))) return std::optional<Match>();
    return std::optional(Match{files_, {std::string(path)}, answers(*files_, method)});
  }
  Match match{found->endpoint, {}, answers(*found->endpoint, method)};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!is_capture(found->parts[i])) continue;
    auto decoded = percent_decode(parts[i]);
    if (!decoded) return core::unexpected(decoded.error().within("path"));
    match.captured.push_back(std::move(*decoded));
  }
  return std::optional(std::move(match));
}

std::string Router::allowed_methods(const Endpoint& endpoint) const {
  static constexpr std::array<std::pair<Method, std::string_view>, 5> kMethods = {{{Method::kGet, "GET, HEAD"},
                                                                                   {Method::kPost, "POST"},
                                                                                   {Method::kPut, "PUT"},
                                                                                   {Method::kPatch, "PATCH"},
                                                                                   {Method::kDelete, "DELETE"}}};
  std::string all;
  for (const auto& [method, name] : kMethods) {
    const bool taken = std::any_of(endpoints_.begin(), endpoints_.end(), [&](const auto& one) {
      return one->path == endpoint.path && one->method == method;
    });
    if (taken) all += (all.empty() ? "" : ", ") + std::string(name);
  }
  return all;
}

bool takes_body(Method method) {
  return method == Method::kPost || method == Method::kPut || method == Method::kPatch;
}

}  // namespace millwright::api
