// The `tls` section of a listener, the same for all of them:
//
//   tls: {certificate_file: pki/plant.crt, key_file: pki/plant.key, client_ca_file: pki/ca.crt}
//
// Threads: one at a time, as the document. Errors: problems of the document; files are read when the listener starts.
#pragma once

#include <string>

#include "config/document.hpp"
#include "io/tls.hpp"

namespace millwright::http {

// `directory` is the file's. Without the section: in the clear.
io::TlsFiles read_listener_tls(config::Section& section, const std::string& directory);

}  // namespace millwright::http
