// Fills what was missed while there was no connection from the server's own history (HistoryRead, OPC 10000-11), where
// it keeps one: from the last reading that was taken to the first value that came anew. What comes anew waits for none
// of it: a gap is filled behind that, a slice a step, between the turns of the connection, and is handed over as
// readings of the past. No reading is taken twice: history ends where the subscription begins.
//
// Calls that a server refuses as too large are made smaller, down to one value of one node. What cannot be filled now
// stays open and is tried again, with growing pauses and after the next connection, until it lies further back than
// `backfill`.
//
// Threads: the connector's own. Limits: `backfill` back in time; 20 nodes and 250 values of each a slice.
// Errors: only those that end the connection.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "connectors/opcua_client_items.hpp"
#include "connectors/opcua_client_services.hpp"
#include "io/clock.hpp"

namespace millwright::connectors::opcua_detail {

class Backfill {
 public:
  Backfill(const OpcUaClientOptions& options, Items& items, Services& services, const io::Clock& clock);

  // Before they are monitored: which of them have a gap and a history.
  core::Status prepare(std::span<const std::uint32_t> indices);
  // Once they are: one call at most.
  core::Status step();
  // Whether the next step has something to do.
  [[nodiscard]] bool is_busy() const { return is_busy_; }

 private:
  struct Open {  // a node that there may be more of
    std::uint32_t index;
    core::TimeNs from;  // where its gap began
    Ua<UA_ByteString, UA_TYPES_BYTESTRING> point{};
    int empty_pages = 0;
  };
  enum class Page { kMore, kEnd, kFull, kAgain, kFailed };

  bool is_ready(std::uint32_t index, core::TimeNs earliest);
  void choose();
  core::Status read_page();
  void on_fault(const core::Error& why, UA_StatusCode code);
  Page take(Open& open, UA_HistoryReadResult& result);
  Page take_status(Open& open, UA_StatusCode code);
  void fail(std::uint32_t index, const std::string& why);
  void ask_for_less(UA_StatusCode code);
  core::Status release();

  const OpcUaClientOptions& options_;
  Items& items_;
  Services& services_;
  const io::Clock& clock_;
  core::TimeNs first_values_until_ = 0;  // monotonic
  std::size_t nodes_ = 1;                // of a call; fewer than could be, to find the one that spoils it
  UA_ReadRawModifiedDetails details_{};  // of those that are open
  std::vector<Open> open_;
  bool is_busy_ = true;
};

}  // namespace millwright::connectors::opcua_detail
