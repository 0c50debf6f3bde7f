// Identity: who asks, what they may do and where.
//
// Threads: values.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "access/role.hpp"

namespace millwright::api {

// Each holds the ones before it. kPublic asks for nothing at all.
enum class Right { kPublic, kView, kOperate, kMaintain, kEngineer, kAdminister };

struct Identity {
  std::string name;
  Right right = Right::kPublic;
  std::vector<std::string> places;  // paths of the hierarchy, each with all below it; "": everything
  // As accounts know it; nothing: there are no accounts, or nobody is signed in.
  std::shared_ptr<const access::Principal> principal{};

  [[nodiscard]] bool may(Right wanted) const { return right >= wanted; }
  // Whether `path` is one of the places or below one.
  [[nodiscard]] bool sees(std::string_view path) const {
    for (const std::string& place : places) {
      if (place.empty() || path == place || (path.starts_with(place) && path[place.size()] == '/')) return true;
    }
    return false;
  }
  [[nodiscard]] bool sees_all() const {
    return std::any_of(places.begin(), places.end(), [](const std::string& place) { return place.empty(); });
  }
};

// Without accounts, who is on this machine may do everything.
inline Identity local_identity() {
  return {.name = "local", .right = Right::kAdminister, .places = {""}};
}

inline Identity identity_of(std::shared_ptr<const access::Principal> principal) {
  Identity who{.name = principal->name,
               .right = static_cast<Right>(static_cast<int>(principal->role) + static_cast<int>(Right::kView)),
               .places = principal->scope.places()};
  if (principal->scope.is_whole_plant()) who.places = {""};
  who.principal = std::move(principal);
  return who;
}

}  // namespace millwright::api
