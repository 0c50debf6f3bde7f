// Whether a broker lets us subscribe: asked as a client of its own, with a session that ends with it. What comes
// meanwhile is copies, and thrown away.
//
// Threads: the caller's, which waits for at most `options.timeout` a filter. Errors: those of connecting.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/result.hpp"
#include "mqtt/options.hpp"

namespace millwright::mqtt {

// Filters that the broker refuses, and why. Give none of a shared subscription: it would take messages from others.
using RefusedFilters = std::vector<std::pair<std::string, std::string>>;
core::Result<RefusedFilters> probe_filters(const Options& options, std::span<const std::string> filters);

}  // namespace millwright::mqtt
