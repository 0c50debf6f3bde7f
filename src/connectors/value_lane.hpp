// ValueLane: single values on their way from a connector's thread into the pipeline, as one source: what does not fit
// is told, what was handed over is waited for, and what the connector says of its sensors follows what they said.
//
// Threads: one at a time. Readings that are sent after the fact go a way of their own, past the live view.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include <spdlog/logger.h>

#include "connectors/connector.hpp"
#include "connectors/intake.hpp"
#include "protocol/waveform.hpp"

namespace millwright::connectors {

// monostate: there is none.
using LaneValue = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, float, double, std::string_view>;

struct LaneReading {
  LaneValue value;
  core::Quality quality = core::kGood;
  core::TimeNs time = 0;
  core::TimeNs received = 0;
  core::BatchPurpose purpose = core::BatchPurpose::kReadings;  // or kBackfill
};

class ValueLane {
 public:
  // `source` is the connector's name, under which its readings are recorded.
  ValueLane(const ConnectorContext& context, const std::string& source, core::DurationNs future_limit,
            const std::string& logger);

  // False: the value does not fit into the sensor; nothing is put.
  bool put(const asset::Sensor& sensor, const LaneReading& reading);
  // Samples at a rate; false: the sensor is not of real numbers.
  bool put_wave(const asset::Sensor& sensor, const protocol::Waveform& waveform, core::TimeNs received);
  // Hands over what was put.
  void flush();
  // Whether all that was handed over is on disk; waits for up to `patience`.
  bool settled(core::DurationNs patience);
  // The connector's word on its sensors, behind what was put.
  void say(std::span<const asset::Sensor* const> sensors, core::Quality quality);
  // Counts what cannot be used and tells it: in problem(), and once a second in the log.
  void refuse(Refusal why, std::string_view where, std::string_view what, std::uint64_t count = 1);
  void tell(std::string_view where, std::string_view what);

  // The last of it, by where and what; "": none.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] const Intake& intake() const { return intake_; }

 private:
  class Progress;

  void submit(pipeline::Inlet& inlet);

  const ConnectorContext context_;
  const std::string source_;
  std::shared_ptr<spdlog::logger> log_;
  Intake intake_;
  pipeline::Inlet live_;
  pipeline::Inlet late_;
  const std::uint64_t epoch_;
  std::uint64_t sequence_ = 0;
  const std::shared_ptr<Progress> progress_;
  std::uint64_t submitted_ = 0;
  std::string problem_;
  core::TimeNs told_ = 0;  // when a problem was last logged
};

}  // namespace millwright::connectors
