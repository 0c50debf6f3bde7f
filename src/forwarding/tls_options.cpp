#include "forwarding/tls_options.hpp"

#include "config/secret.hpp"

namespace millwright::forwarding {

TlsOptions read_tls_options(config::Section& section, const std::string& directory) {
  config::Section tls = section.section("tls");
  TlsOptions options{.on = tls.present(),
                     .ca_file = read_path(tls, "ca_file", directory),
                     .certificate_file = read_path(tls, "certificate_file", directory),
                     .key_file = read_path(tls, "key_file", directory)};
  if (options.certificate_file.empty() != options.key_file.empty()) {
    tls.problem("key_file", "certificate_file and key_file belong together");
  }
  tls.finish();
  return options;
}

}  // namespace millwright::forwarding
