// What an identity provider tells everybody: its public keys, its discovery document.
//
// Threads: the caller's, which waits for the network.
#pragma once

#include <string>

#include "core/result.hpp"

namespace millwright::app {

core::Result<std::string> fetch_from_provider(const std::string& url);

}  // namespace millwright::app
