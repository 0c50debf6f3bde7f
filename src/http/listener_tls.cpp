#include "http/listener_tls.hpp"

#include "config/secret.hpp"

namespace millwright::http {

io::TlsFiles read_listener_tls(config::Section& section, const std::string& directory) {
  config::Section tls = section.section("tls");
  io::TlsFiles files;
  if (tls.present()) {
    files = {config::read_path(tls, "certificate_file", directory), config::read_path(tls, "key_file", directory),
             config::read_path(tls, "client_ca_file", directory)};
    if (files.certificate.empty()) tls.problem("certificate_file", "is missing; `millwright cert issue` makes one");
    if (files.key.empty()) tls.problem("key_file", "is missing; `millwright cert issue` makes one");
  }
  tls.finish();
  return files;
}

}  // namespace millwright::http
