// The nodes and sensors of one OPC UA connector: where each stands, and the way of its values into the pipeline.
// Sensors that take parts of one node's value share its monitored item.
//
// Threads: the connector's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "asset/model.hpp"
#include "connectors/connector.hpp"
#include "connectors/intake.hpp"
#include "connectors/opcua_address.hpp"
#include "connectors/opcua_client_link.hpp"
#include "connectors/opcua_client_values.hpp"
#include "connectors/opcua_gap_keeper.hpp"
#include "connectors/opcua_structure.hpp"
#include "connectors/opcua_type_learner.hpp"
#include "pipeline/pipeline.hpp"

namespace millwright::connectors::opcua_detail {

struct Reading {
  core::TimeNs time;
  std::uint64_t bits;
  core::Quality quality;
};

// A sensor, and what it takes of its node's value.
struct Part {
  const asset::Sensor* sensor = nullptr;
  ValuePath path;       // empty: all of it
  std::string problem;  // why the last value had nothing for it; "": it had
  bool told = false;    // of such a problem
  // The last reading as it came.
  bool has_last = false;
  Reading last{};
  std::vector<Reading> gathered;  // of one message
  std::vector<Reading> filled;    // of history, not yet handed over
};

// What was missed of a node while nobody listened: readings after `from` and before `to`.
struct Gap {
  struct Of {                // a part
    core::TimeNs after = 0;  // only history after that is wanted
    std::uint64_t bits = 0;  // before that; what a value without a value keeps
  };
  core::TimeNs begin = 0;
  core::TimeNs from = 0;           // moves on from there as history is taken
  std::optional<core::TimeNs> to;  // where what came anew begins; nothing: it has not come yet
  std::vector<Of> parts;
  core::TimeNs try_at = 0;  // monotonic; after a failure
  core::DurationNs pause = 0;
};

// How much the server's history gives in one call; learnt, and kept from connection to connection.
struct HistorySizes {
  std::size_t nodes = 20;
  std::uint32_t values = 250;  // of each
  bool is_asked = false;       // and the answer has not come: too large an answer ends the connection
};

// A node as it is monitored.
struct Item {
  std::vector<Part> parts;  // at least one
  Address address;
  std::string address_error;  // not empty: cannot be read, and never will be
  DeadBand dead_band;
  core::DurationNs sampling_interval = 0;
  std::uint32_t queue_size = 1;
  NodeId node;  // on this server, in this session
  bool resolved = false;
  bool active = false;  // monitored
  bool gone = false;    // the server says that the node is no more: to be monitored anew
  std::uint32_t subscription = 0;
  std::uint32_t monitored = 0;  // the server's number of it
  bool told = false;            // that it is bad
  bool band_refused = false;    // by the server, in this session
  bool band_told = false;       // that it is
  bool overflow_told = false;   // that values of it were lost
  bool touched = false;         // has gathered readings
  bool first = false;           // the next value may repeat what was taken before the connection was lost
  std::uint32_t undecided = 0;  // values that wait for a structure's description
  core::Quality problem = core::kBadNodeIdUnknown;
  std::deque<Gap> gaps;  // the oldest first; only the last may have no end yet

  [[nodiscard]] const asset::Sensor& sensor() const { return *parts.front().sensor; }
};

class Items final : public Sink {
 public:
  Items(const std::string& name, const ConnectorContext& context, const OpcUaClientOptions& options);

  [[nodiscard]] std::vector<Item>& all() { return items_; }
  [[nodiscard]] std::size_t sensors() const { return sensors_; }
  [[nodiscard]] std::size_t active() const;  // sensors
  [[nodiscard]] bool all_active() const { return active() == sensors_; }
  // What is wrong, in words; "": nothing.
  [[nodiscard]] std::string problems() const;
  // Whether that has changed since it was last asked.
  bool problems_changed() { return std::exchange(problems_changed_, false); }
  // A new connection: nothing is resolved, and each first value may be a repetition.
  void begin_connection();
  // The connector's word on all sensors; on those of some nodes, once flush_status() is called.
  void say(core::Quality quality);
  void say(std::uint32_t index, core::Quality quality);
  void flush_status();

  // Structures that values had and nobody has described yet. Such values wait: once the types are learnt, or given up,
  // decide() takes them. False: nothing more can be taken.
  [[nodiscard]] bool wants_types() const { return !asked_.empty(); }
  [[nodiscard]] const std::vector<TypeLearner::Asked>& wanted_types() const { return asked_; }
  [[nodiscard]] StructureTypes& types() { return types_; }
  bool decide();

  // Whether something may have been missed since a reading that was taken.
  [[nodiscard]] bool may_have_missed(std::uint32_t index) const;
  // What was, is from now on a gap, at most since `earliest`; it ends where the first new value comes.
  void open_gap(std::uint32_t index, core::TimeNs earliest);
  void close_gap(std::uint32_t index);  // the oldest
  [[nodiscard]] std::size_t open_gaps() const { return open_gaps_; }
  // A value of the server's history, in order of time. Taken, and true, where it lies within the oldest gap.
  bool on_history(std::uint32_t index, UA_DataValue& value);
  // Hands over what was taken of history, as readings of the past. False: nothing more can be taken.
  bool submit_history();
  void cannot_fill(std::uint32_t index, const std::string& why);
  // Writes down which gaps are open, where that is due; at once if it must.
  void keep_gaps(bool must);
  [[nodiscard]] HistorySizes& history_sizes() { return history_sizes_; }

  void on_value(std::uint32_t handle, const UA_DataValue& value) override;
  bool on_message_end() override;
  void on_missed(std::uint64_t messages) override;

  [[nodiscard]] const Intake& intake() const { return intake_; }

 private:
  struct Undecided {
    std::uint32_t handle;
    Ua<UA_DataValue, UA_TYPES_DATAVALUE> value;
  };
  Item& item_for(const asset::Sensor& sensor, const OpcUaClientOptions& options,
                 std::map<std::string, std::size_t>& known);
  void take(std::uint32_t handle, const UA_DataValue& value);
  bool must_wait(std::uint32_t handle, const UA_DataValue& value);
  // `bits`: what a value without a value keeps.
  Reading read(const Item& item, Part& part, const UA_DataValue& value, std::uint64_t bits);
  void count_overflow(Item& item, const UA_DataValue& value);
  void tell_misfit(const Item& item, Part& part, const UA_Variant& value, UA_StatusCode code);
  [[nodiscard]] bool repeats(const Part& part, const Reading& reading) const;
  void keep_live_bits(Part& part) const;
  void add_blocks(pipeline::Inlet& inlet, const asset::Sensor& sensor, const std::vector<Reading>& readings,
                  core::TimeNs received);
  [[nodiscard]] core::TimeNs last_time(const Part& part) const;
  void end_gap(Item& item, std::optional<core::TimeNs> to);
  void count_gaps(std::ptrdiff_t more);
  void load_gaps();
  static void keep_last(Part& part, const Reading& reading);
  void add_status(const Part& part, core::Quality quality, core::TimeNs now);

  const ConnectorContext context_;
  std::vector<Item> items_;
  std::size_t sensors_ = 0;
  StructureTypes types_;
  std::vector<TypeLearner::Asked> asked_;
  std::vector<Undecided> undecided_;
  std::vector<std::uint32_t> touched_;  // items with gathered readings
  std::size_t open_gaps_ = 0;
  HistorySizes history_sizes_;
  GapKeeper keeper_;
  std::vector<std::pair<const Part*, core::Quality>> status_;  // said of sensors, not yet handed over
  bool problems_changed_ = false;
  Intake intake_;
  pipeline::Inlet inlet_;
  pipeline::Inlet past_;  // what history has
  std::uint64_t epoch_;
  std::uint64_t sequence_ = 0;
  core::Counter& overflows_;
  core::Counter& missed_;
  core::Counter& repeats_;
  core::Counter& backfilled_;
  core::Counter& unfilled_;
  core::Gauge& gaps_;
  bool unfilled_told_ = false;
};

}  // namespace millwright::connectors::opcua_detail
