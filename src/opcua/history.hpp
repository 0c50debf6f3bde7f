// HistoryRead: the plant's history for OPC UA clients: raw, processed and at-time (OPC 10000-11, 6.4; OPC 10000-13).
//
// Answered in the server's thread, so an answer is short: at most `values` a node and five times that altogether, and
// no new node (or bundle of intervals) is begun after `time`. What is left comes with a continuation point, which the
// client brings back: nothing is kept for it here, so none runs out and none has to be released.
//
// Meaning: as historian/processed.hpp has it. Intervals are counted from StartTime; a StartTime after EndTime reads
// backwards, for raw values only. Raw values come as they are kept; what is calculated has InfoType DataValue and says
// so. Only source timestamps are kept. Modified values and events have no history.
//
// Threads: put_into() and describe() before the server runs; the rest comes in its thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <open62541/server.h>
#include <spdlog/logger.h>

#include "asset/model.hpp"
#include "core/result.hpp"
#include "core/texts.hpp"
#include "core/time.hpp"
#include "historian/historian.hpp"
#include "historian/processed.hpp"
#include "io/clock.hpp"
#include "opcua/history_pages.hpp"
#include "opcua/ua.hpp"

namespace millwright::opcua {

struct HistoryLimits {
  std::uint32_t values = 10'000;                     // of a node, in one answer
  core::DurationNs time = 100 * core::kMillisecond;  // of one answer
};

class HistoryReader {
 public:
  // All of it outlives the server.
  HistoryReader(const historian::Historian& historian, const asset::Model& model, const core::Texts& texts,
                io::Clock& clock, HistoryLimits limits, std::shared_ptr<spdlog::logger> log);
  HistoryReader(const HistoryReader&) = delete;
  HistoryReader& operator=(const HistoryReader&) = delete;

  void put_into(UA_ServerConfig& config);
  // Tells clients which aggregates there are. `plant`: the namespace of the sensors' nodes.
  UA_StatusCode describe(UA_Server* server, std::uint16_t plant);

 private:
  struct Service;  // one request
  struct Answer;   // for one of its nodes
  using Read = std::function<UA_StatusCode(const asset::Sensor&, const Place&, Answer&)>;

  void answer(const Service& service, UA_HistoryReadResponse* response, UA_HistoryData* const* data, const Read& read);
  UA_StatusCode raw(const UA_ReadRawModifiedDetails& details, const asset::Sensor& sensor, Place place, Answer& out);
  UA_StatusCode processed(const UA_ReadProcessedDetails& details, const UA_NodeId& aggregate,
                          const asset::Sensor& sensor, const Place& place, Answer& out);
  UA_StatusCode at_times(const UA_ReadAtTimeDetails& details, const asset::Sensor& sensor, Place place, Answer& out);
  core::Result<UA_DataValue> at_time(const asset::Sensor& sensor, core::TimeNs time) const;
  UA_DataValue to_value(const asset::Sensor& sensor, const historian::Reading& reading) const;
  UA_StatusCode failed(const asset::Sensor& sensor, const core::Error& why) const;

  const historian::Historian& historian_;
  const asset::Model& model_;
  const core::Texts& texts_;
  io::Clock& clock_;
  const HistoryLimits limits_;
  std::shared_ptr<spdlog::logger> log_;
  std::uint16_t plant_ = 0;
};

}  // namespace millwright::opcua
