// OPC UA PubSub subscriber: takes the UADP messages that controllers publish by UDP (OPC 10000-14), unicast or
// multicast.
//
//   connectors:
//     - name: cell-3
//       type: pubsub
//       address: 239.0.0.1
//       publisher: 42
//       group: 100
//       writers:
//         - {id: 1, name: press, fields: [{name: force, type: float}, {name: count, type: int32}]}
//
// A sensor's address is the writer's name (or id), '/', and the field's name or its index from 0: "press/force", "1/0".
// A writer's fields take their names from the file, or from the metadata that the publisher announces; raw data needs
// their types as well, which both tell.
//
// Messages may be signed and encrypted with keys that the plant has (uadp_security.hpp), and cut into chunks.
//
// Threads: one that receives. Errors: start() fails where a key cannot be had; messages that cannot be read are counted
// by reason and refused, gaps in the sequence numbers are counted as lost messages. A writer that says nothing for
// `timeout` makes its sensors bad.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/document.hpp"
#include "config/secret.hpp"
#include "connectors/connector.hpp"
#include "connectors/intake.hpp"
#include "protocol/uadp.hpp"

namespace millwright::connectors {

struct PubSubField {
  std::string name;
  std::optional<protocol::uadp::Type> type;  // only raw data needs it
};

struct PubSubWriter {
  std::uint16_t id = 0;
  std::string name;  // its id where none is given
  std::vector<PubSubField> fields;
};

struct PubSubOptions {
  std::string address;
  std::uint16_t port = 4840;
  std::string interface;                                               // that joins the multicast group; "": any
  std::variant<std::monostate, std::uint64_t, std::string> publisher;  // monostate: any
  std::optional<std::uint16_t> group;                                  // none: any
  std::vector<PubSubWriter> writers;
  protocol::uadp::Security security = protocol::uadp::Security::kNone;  // the least that a message has to have
  struct Key {
    std::uint32_t token = 0;
    config::Secret key;  // in hexadecimal, as a Security Key Service gives it
  };
  std::vector<Key> keys;
  core::DurationNs timeout = 5 * core::kSecond;
  core::DurationNs future_limit = Intake::kDefaultFutureLimit;
};

// Reads its keys from a connector's entry; `name`, `type` and finish() are the caller's. Problems go to the document.
PubSubOptions read_pubsub_options(config::Section& section, const std::string& directory);

std::unique_ptr<Connector> make_pubsub_client(std::string name, const PubSubOptions& options,
                                              const ConnectorContext& context);

}  // namespace millwright::connectors
