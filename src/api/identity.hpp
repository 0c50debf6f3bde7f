// Identity: who asks, what they may do and where.
//
// Threads: values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millwright::api {

// Each holds the ones before it. kPublic asks for nothing at all.
enum class Right { kPublic, kView, kOperate, kMaintain, kEngineer, kAdminister };

struct Identity {
  std::string name;
  Right right = Right::kPublic;
  std::vector<std::string> places;  // paths of the hierarchy, each with all below it; "": everything

  [[nodiscard]] bool may(Right wanted) const { return right >= wanted; }
  // Whether `path` is one of the places or below one.
  [[nodiscard]] bool sees(std::string_view path) const {
    for (const std::string& place : places) {
      if (place.empty() || path == place || (path.starts_with(place) && path[place.size()] == '/')) return true;
    }
    return false;
  }
};

// Without accounts, who is on this machine may do everything.
inline Identity local_identity() {
  return {.name = "local", .right = Right::kAdminister, .places = {""}};
}

}  // namespace millwright::api
