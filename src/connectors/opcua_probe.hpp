// Whether a server can be reached as it is configured, and has the nodes that sensors name. Subscribes to nothing.
//
// Threads: the caller's. Errors: those of connecting.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "connectors/opcua_client.hpp"
#include "core/result.hpp"
#include "io/clock.hpp"
#include "security/certificate_store.hpp"

namespace millwright::connectors {

struct OpcUaProbe {
  std::size_t found = 0;
  std::vector<std::pair<std::string, std::string>> missing;  // addresses, and why
};

core::Result<OpcUaProbe> probe_opcua(const OpcUaClientOptions& options, const std::string& endpoint,
                                     security::CertificateStore* certificates, const io::Clock& clock,
                                     std::span<const std::string> addresses);

}  // namespace millwright::connectors
