// Webhook: each event as one POST of JSON, with `Idempotency-Key`, and signed where a secret is given. A receiver takes
// it with any 2xx; 4xx but 408 and 429 refuses it for good; anything else is tried again. Redirects are not followed.
// Format: docs/format/alarm-events.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "config/secret.hpp"
#include "core/time.hpp"
#include "forwarding/transport.hpp"
#include "http/address_guard.hpp"

namespace millwright::forwarding {

struct WebhookOptions {
  std::string url;
  std::string host;  // of the URL
  std::uint16_t port = 0;
  http::AddressGuard guard;
  config::Secret secret;                          // of the signature; none: unsigned
  config::Secret bearer;                          // "Authorization: Bearer …"; none: without
  std::string ca_file;                            // "": the system's
  core::DurationNs timeout = 10 * core::kSecond;  // of one request
};

// Reads `url`, `allow`, `secret_*`, `bearer_*`, `ca_file` and `timeout`.
WebhookOptions read_webhook_options(config::Section& section, const std::string& directory);
std::unique_ptr<Transport> make_webhook_transport(const WebhookOptions& options);
// Asks with HEAD: any answer says that the receiver is there.
core::Result<std::string> probe_webhook(const WebhookOptions& options);

// "sha256=<hex>": HMAC-SHA256 of the body.
std::string signature(std::string_view secret, std::string_view body);

}  // namespace millwright::forwarding
