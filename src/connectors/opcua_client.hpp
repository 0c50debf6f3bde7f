// OPC UA client: subscribes to the nodes of one server that the asset model's sensors name, and brings every change
// into the pipeline (OPC 10000-4, 5.12 and 5.13).
//
//   connectors:
//     - {name: line-1-plc, type: opcua, endpoint: "opc.tcp://10.0.0.5:4840", publishing_interval: 100ms}
//
// A sensor's address is a NodeId or a path of names below Objects, and in brackets the part of the value that the
// sensor takes and how the node is watched (opcua_address.hpp). Sensors of one node share its monitored item.
//
// Security: `security: sign` or `encrypt` with one policy; the server shows a certificate, which has to be trusted, and
// gets ours. A password goes out encrypted only: by the channel, or by the policy of the server's user token.
//
// Threads: one of its own; the Connector calls from any.
// Values: converted to the sensor's type where nothing is lost, else BadTypeMismatch; bit for bit otherwise. Times are
// the source's, else the server's, else now. The status code is the quality.
// Gaps: where the server keeps history (Historizing), what was missed is read from there, behind what comes anew, and
// handed over as readings of the past (BatchPurpose::kBackfill).
// Redundancy: `endpoints` in place of `endpoint`: when one is lost the next is tried at once.
// Errors: a node that is not there is told once and tried again; the rest flows. A lost connection marks all sensors
// BadNoCommunication and is tried again with growing pauses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/document.hpp"
#include "connectors/connector.hpp"
#include "connectors/opcua_dead_band.hpp"
#include "core/time.hpp"
#include "security/certificate_store.hpp"
#include "security/ua_security.hpp"

namespace millwright::connectors {

enum class MessageSecurity : std::size_t { kNone, kSign, kEncrypt };

struct OpcUaClientOptions {
  std::string endpoint;             // "opc.tcp://host:port"
  std::vector<std::string> others;  // of the same nodes: where the plant goes when that one is away
  MessageSecurity security = MessageSecurity::kNone;
  security::Policy policy = security::Policy::kBasic256Sha256;  // where `security` is not kNone
  std::string user;                                             // "": anonymous
  std::string password_file;
  std::string user_certificate;  // PEM or DER, in place of name and password; takes `security`
  std::string user_key;          // of that, PEM or DER
  core::DurationNs publishing_interval = 100 * core::kMillisecond;
  core::DurationNs sampling_interval = 0;  // 0: every change that the server knows of
  std::uint32_t queue_size = 1000;         // values that the server keeps per node between two publishes
  DeadBand dead_band;                      // of nodes that are numbers
  std::size_t items_per_call = 500;        // nodes per service call
  std::size_t items_per_subscription = 5000;
  core::DurationNs keep_alive = 5 * core::kSecond;  // the server speaks at least this often; twice missed is lost
  core::DurationNs session_timeout = core::kMinute;
  core::DurationNs request_timeout = 10 * core::kSecond;  // also of a whole connection attempt
  core::DurationNs bad_node_retry = 30 * core::kSecond;
  std::size_t message_bytes_max =
      1 << 20;  // what the server sends, in one; taken apart it takes up to forty times that
  core::DurationNs backfill = core::kHour;  // so far back, gaps are filled from the server's history; 0: not at all
  std::string gaps_file;                    // where it is kept what is still to be filled; "": nowhere
  core::DurationNs retry_min = 500 * core::kMillisecond;  // pause before a new attempt; doubles up to retry_max
  core::DurationNs retry_max = 4 * core::kSecond;
};

// Whether it connects with the plant's certificates: for messages, or so that a password goes to nobody else.
inline bool takes_certificates(const OpcUaClientOptions& options) {
  return options.security != MessageSecurity::kNone || !options.user.empty() || !options.user_certificate.empty();
}

// Reads its keys from a connector's entry; `name`, `type` and finish() are the caller's. Problems go to the document.
// `directory`: where relative paths begin.
OpcUaClientOptions read_opcua_client_options(config::Section& section, const std::string& directory);

// `certificates` outlives it; it may be left out where takes_certificates() says no.
std::unique_ptr<Connector> make_opcua_client(std::string name, const OpcUaClientOptions& options,
                                             const ConnectorContext& context,
                                             security::CertificateStore* certificates = nullptr);

}  // namespace millwright::connectors
