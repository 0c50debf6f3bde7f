#include "access/role.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/text.hpp"

namespace millwright::access {
namespace {

constexpr std::string_view kWholePlant = "*";

// Whether `path` is `place` or lies in it.
bool lies_in(std::string_view path, std::string_view place) {
  return path.starts_with(place) && (path.size() == place.size() || path[place.size()] == '/');
}

bool is_place(std::string_view text) {
  if (text.empty() || text.size() > Scope::kPlaceLongest) return false;
  const auto parts = core::split(text, '/');
  return std::all_of(parts.begin(), parts.end(), core::is_asset_name);
}

}  // namespace

std::string_view to_string(Role role) {
  return kRoleNames.at(static_cast<std::size_t>(role));
}

core::Result<Role> parse_role(std::string_view text) {
  const auto found = std::find(kRoleNames.begin(), kRoleNames.end(), text);
  if (found != kRoleNames.end()) return static_cast<Role>(found - kRoleNames.begin());
  return core::unexpected(core::ErrorCode::kInvalid,
                          fmt::format("'{}' is no role{}; there are viewer, operator, maintainer, engineer and admin",
                                      text.substr(0, 64), core::did_you_mean(text, kRoleNames)));
}

Scope Scope::whole_plant() {
  Scope scope;
  scope.whole_ = true;
  return scope;
}

core::Result<Scope> Scope::parse(std::span<const std::string> places) {
  if (places.empty()) {
    return core::unexpected(
        core::ErrorCode::kInvalid,
        "a list of places is missing: asset paths such as 'enterprise/site', or '*' for the whole plant");
  }
  if (places.size() > kPlacesMax) {
    return core::unexpected(core::ErrorCode::kInvalid, fmt::format("more than {} places", kPlacesMax));
  }
  Scope scope;
  for (const std::string& place : places) {
    if (place == kWholePlant) {
      scope.whole_ = true;
    } else if (!is_place(place)) {
      return core::unexpected(core::ErrorCode::kInvalid,
                              fmt::format("'{}' is no place: write an asset path from the enterprise on, such as "
                                          "'enterprise/site', or '*' for the whole plant",
                                          std::string_view(place).substr(0, 100)));
    }
  }
  if (scope.whole_) return scope;
  for (const std::string& place : places) {
    const bool held = std::any_of(places.begin(), places.end(), [&](const std::string& other) {
      return other.size() < place.size() && lies_in(place, other);
    });
    if (!held) scope.places_.push_back(place);
  }
  std::sort(scope.places_.begin(), scope.places_.end());
  scope.places_.erase(std::unique(scope.places_.begin(), scope.places_.end()), scope.places_.end());
  return scope;
}

core::Result<Scope> Scope::parse(std::string_view text) {
  std::vector<std::string> places;
  for (const std::string_view part : core::split(text, ' ')) {
    if (!part.empty()) places.emplace_back(part);
  }
  return parse(places);
}

bool Scope::sees(std::string_view path) const {
  return whole_ ||
         std::any_of(places_.begin(), places_.end(), [&](const std::string& place) { return lies_in(path, place); });
}

bool Scope::covers(const Scope& other) const {
  if (whole_ || other.whole_) return whole_;
  return std::all_of(other.places_.begin(), other.places_.end(), [&](const std::string& place) { return sees(place); });
}

Scope Scope::common(const Scope& other) const {
  if (whole_) return other;
  if (other.whole_) return *this;
  Scope both;
  for (const std::string& place : places_) {
    if (other.sees(place)) both.places_.push_back(place);
  }
  for (const std::string& place : other.places_) {
    if (sees(place)) both.places_.push_back(place);
  }
  std::sort(both.places_.begin(), both.places_.end());
  both.places_.erase(std::unique(both.places_.begin(), both.places_.end()), both.places_.end());
  return both;
}

std::vector<std::string> Scope::places() const {
  return whole_ ? std::vector<std::string>{std::string(kWholePlant)} : places_;
}

std::string proof_text(const Principal& principal) {
  switch (principal.proof) {
    case Proof::kLocal:
      return "local";
    case Proof::kSession:
      return "session";
    case Proof::kToken:
      return "token " + principal.credential;
    case Proof::kOpenId:
      return "openid";
  }
  return {};
}

std::string Scope::text() const {
  std::string all;
  for (const std::string& place : places()) all += (all.empty() ? "" : " ") + place;
  return all;
}

}  // namespace millwright::access
