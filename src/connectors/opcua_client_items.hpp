// The sensors of one OPC UA connector: where each stands, and the way of its values into the pipeline.
//
// Threads: the connector's own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "asset/model.hpp"
#include "connectors/connector.hpp"
#include "connectors/intake.hpp"
#include "connectors/opcua_client_link.hpp"
#include "connectors/opcua_client_values.hpp"
#include "pipeline/pipeline.hpp"

namespace millwright::connectors::opcua_detail {

struct Item {
  const asset::Sensor* sensor = nullptr;
  Address address;
  std::string address_error;  // not empty: cannot be read, and never will be
  NodeId node;                // on this server, in this session
  bool resolved = false;
  bool active = false;  // monitored
  bool told = false;    // that it is bad
  bool mismatch_told = false;
  bool first = false;  // the next value may repeat what was taken before the connection was lost
  core::Quality problem = core::kBadNodeIdUnknown;
  // The last reading as it came.
  bool has_last = false;
  core::TimeNs last_time = 0;
  std::uint64_t last_bits = 0;
  core::Quality last_quality;
  // What comes is held back until history up to there is taken.
  bool held = false;
  core::TimeNs fill_from = 0;  // history after that is wanted
};

class Items final : public Sink {
 public:
  Items(const std::string& name, const ConnectorContext& context);

  [[nodiscard]] std::vector<Item>& all() { return items_; }
  [[nodiscard]] std::size_t active() const;
  // A new connection: nothing is resolved, and each first value may be a repetition.
  void begin_connection();
  // The connector's word on all sensors; on some, once flush_status() is called.
  void say(core::Quality quality);
  void say(std::uint32_t index, core::Quality quality) { status_.emplace_back(index, quality); }
  void flush_status();

  // Whether something may have been missed since a reading that was taken; sets where the gap begins.
  bool has_gap(std::uint32_t index, core::TimeNs earliest);
  void hold(std::uint32_t index) { items_[index].held = true; }
  void release(std::uint32_t index) { items_[index].held = false; }
  [[nodiscard]] std::vector<std::uint32_t> held() const;
  [[nodiscard]] bool holds_any() const { return !held().empty(); }
  [[nodiscard]] bool waits_for_first() const;
  // The time of the first value that is held.
  [[nodiscard]] std::optional<core::TimeNs> first_held(std::uint32_t index) const;
  // A value of the server's history, in order of time. Taken where it lies within the gap.
  void on_history(std::uint32_t index, UA_DataValue& value);
  // False: nothing more can be taken.
  bool submit_history();
  void cannot_fill(std::uint32_t index, const std::string& why);

  void on_value(std::uint32_t handle, const UA_DataValue& value) override;
  bool on_message_end() override;
  void on_missed(std::uint64_t messages) override;

  [[nodiscard]] const Intake& intake() const { return intake_; }

 private:
  struct Reading {
    core::TimeNs time;
    std::uint64_t bits;
    core::Quality quality;
  };
  Reading read(Item& item, const UA_DataValue& value);
  [[nodiscard]] bool repeats(const Item& item, const Reading& reading) const;
  void add_blocks(std::uint32_t index, const std::vector<Reading>& readings, core::TimeNs received);
  void stop_holding();
  static void keep_last(Item& item, const Reading& reading);
  void add_status(const Item& item, core::Quality quality, core::TimeNs now);

  const ConnectorContext context_;
  std::vector<Item> items_;
  std::vector<std::vector<Reading>> gathered_;  // of one message, by item
  std::vector<std::uint32_t> touched_;          // items with gathered readings
  std::vector<std::vector<Reading>> filled_;    // of history, not yet handed over; by item
  std::size_t held_values_ = 0;
  std::vector<std::pair<std::uint32_t, core::Quality>> status_;  // said of items, not yet handed over
  Intake intake_;
  pipeline::Inlet inlet_;
  std::uint64_t epoch_;
  std::uint64_t sequence_ = 0;
  core::Counter& overflows_;
  core::Counter& missed_;
  core::Counter& repeats_;
  core::Counter& backfilled_;
  core::Counter& unfilled_;
  bool unfilled_told_ = false;
};

}  // namespace millwright::connectors::opcua_detail
