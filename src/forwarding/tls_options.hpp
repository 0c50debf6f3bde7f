// TLS as an output's section says it: `tls: {}` takes the system's authorities.
#pragma once

#include <string>

#include "config/document.hpp"

namespace millwright::forwarding {

struct TlsOptions {
  bool on = false;
  std::string ca_file;           // "": the system's
  std::string certificate_file;  // of this client; "": none
  std::string key_file;
};

// Reads `tls`.
TlsOptions read_tls_options(config::Section& section, const std::string& directory);

}  // namespace millwright::forwarding
