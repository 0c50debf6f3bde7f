// Fills what was missed while there was no connection from the server's own history (HistoryRead, OPC 10000-11), where
// it keeps one: from the last reading that was taken to the first value that came anew. What comes meanwhile is held
// back, so that a sensor's readings stay in order and none is taken twice: history ends where the subscription begins.
//
// Threads: the connector's own. Limits: `backfill` back in time; 1,000,000 held values, then the rest is given up.
// Errors: only those that end the connection; what was not filled is then asked for again.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "connectors/opcua_client_items.hpp"
#include "connectors/opcua_client_services.hpp"
#include "io/clock.hpp"

namespace millwright::connectors::opcua_detail {

class Backfill {
 public:
  // `learn_types`: describes the structures that held values wait for.
  Backfill(const OpcUaClientOptions& options, Items& items, Services& services, const io::Clock& clock,
           std::function<core::Status()> learn_types)
      : options_(options), items_(items), services_(services), clock_(clock), learn_types_(std::move(learn_types)) {}

  // Before they are monitored: those with a gap and a history hold back what comes.
  core::Status prepare(std::span<const std::uint32_t> indices);
  // Once they are.
  core::Status run();

 private:
  core::Status wait_for_first_values();
  core::Status fill(std::vector<std::uint32_t>& chunk);
  struct Open {  // a node that there may be more of
    std::uint32_t index;
    core::TimeNs from;  // where its gap began
    Ua<UA_ByteString, UA_TYPES_BYTESTRING> point{};
    int empty_pages = 0;
    bool is_full = false;  // as full as was asked for, and no word of more
  };
  core::Status read_page(const UA_ReadRawModifiedDetails& details, std::vector<Open>& open);
  bool take(const UA_ReadRawModifiedDetails& details, Open& open, UA_HistoryReadResult& result);

  const OpcUaClientOptions& options_;
  Items& items_;
  Services& services_;
  const io::Clock& clock_;
  const std::function<core::Status()> learn_types_;
};

}  // namespace millwright::connectors::opcua_detail
