// The routes of the registry: the plant's assets, in versions, edited machine by machine while the plant runs.
#pragma once

#include <functional>
#include <string>

#include "api/router.hpp"
#include "core/result.hpp"
#include "io/clock.hpp"
#include "registry/registry.hpp"

namespace millwright::api {

// All of it outlives the router.
struct AssetServices {
  registry::Registry& registry;
  const io::Clock& clock;
  // Whether a plant can be made of these assets (their JSON); the error names every key that is wrong.
  std::function<core::Status(const std::string& assets)> check;
  std::int64_t running = 0;      // the version that the plant runs by
  std::function<void()> reload;  // asks the plant to take the newest, soon; none: at its next start
};

void add_asset_routes(Router& router, const AssetServices& services);

}  // namespace millwright::api
