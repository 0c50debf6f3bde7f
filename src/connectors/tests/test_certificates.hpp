// For tests of listeners with TLS: a plant's authority, and certificates of a listener on 127.0.0.1 and of a sender, in
// files that go with the object.
#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include <stdlib.h>

#include "io/tls.hpp"
#include "security/authority.hpp"

namespace millwright::connectors::test {

class Certificates {
 public:
  Certificates() {
    char name[] = "/tmp/millwright-pki-XXXXXX";
    folder_ = ::mkdtemp(name);
    const core::TimeNs now = std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
    const auto authority = *security::make_authority("Plant", now);
    put("ca.crt", authority.certificate);
    for (const char* who : {"plant", "sender"}) {
      const auto pair = *security::issue(authority, {who, "127.0.0.1"}, now, 30);
      put(std::string(who) + ".crt", pair.certificate);
      put(std::string(who) + ".key", pair.key);
    }
  }
  ~Certificates() { std::filesystem::remove_all(folder_); }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  // Both show certificates of the authority, and want them.
  [[nodiscard]] io::TlsFiles listener() const { return {file("plant.crt"), file("plant.key"), file("ca.crt")}; }
  [[nodiscard]] io::TlsTrust client() const { return {file("ca.crt"), file("sender.crt"), file("sender.key")}; }

 private:
  [[nodiscard]] std::string file(const std::string& name) const { return folder_ + "/" + name; }
  void put(const std::string& name, const std::string& text) const { std::ofstream(file(name)) << text; }

  std::string folder_;
};

}  // namespace millwright::connectors::test
