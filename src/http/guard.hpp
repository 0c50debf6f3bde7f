// Who may ask, as long as there are no accounts: programs of this machine, and no page of another site that a browser
// here has open, be it by its own name (Host) or through a form (Origin).
#pragma once

#include <string_view>

#include "http/message.hpp"

namespace millwright::http {

// Whether the Host field names this machine: "localhost:8080", "127.0.0.1", "[::1]:8080".
bool names_this_machine(std::string_view host);
// Whether a browser says that another site's page asks.
bool from_elsewhere(const Request& request);

}  // namespace millwright::http
