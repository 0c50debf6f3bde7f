// Kafka: each event as a message, keyed by its machine, so that a machine's messages keep their order in one partition;
// delivered once all replicas in sync have it. The producer is idempotent: what the library itself sends again, the
// broker takes once. Format: docs/format/kafka-readings.md.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/secret.hpp"
#include "core/time.hpp"
#include "forwarding/tls_options.hpp"
#include "forwarding/transport.hpp"

namespace millwright::forwarding {

struct KafkaOptions {
  std::vector<std::string> brokers;  // "host:port"
  std::string topic;                 // a template: "factory-telemetry-{site}"
  std::string client_id;
  std::string compression = "lz4";  // as the library names it
  core::DurationNs linger = 5 * core::kMillisecond;
  std::uint64_t message_bytes_max = 1'000'000;
  TlsOptions tls;
  std::string user;  // SASL; "": none
  std::string mechanism = "SCRAM-SHA-512";
  config::Secret password;
  core::DurationNs timeout = 30 * core::kSecond;  // of a message, until it is made anew
};

// Reads `brokers`, `topic`, `client_id`, `compression`, `linger`, `message_bytes_max`, `tls`, `user`, `password_*`,
// `sasl` and `timeout`.
KafkaOptions read_kafka_options(config::Section& section, const std::string& directory, const std::string& client_id);
std::unique_ptr<Transport> make_kafka_transport(const KafkaOptions& options);

}  // namespace millwright::forwarding
