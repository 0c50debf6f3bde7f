// Replay: plays a CSV file (docs/format/csv.md) into the pipeline, as if its machine were there.
//
//   connectors:
//     - {name: recorded, type: replay, file: pump.csv, speed: 10, times: shift-to-now}
//
// A column feeds the sensors whose source is this connector and that column's name. When the file is at its end the
// connector has finished, or begins again (loop).
//
// Times: `keep` gives the readings the file's times; with loop, every further pass is moved on by the file's length.
// `shift-to-now` moves them so that they look live: at speed 1 the first row is now and the rest follows; at other
// speeds the distances shrink or grow with it; at speed 0 the last row of the first pass is now.
//
// Threads: one of its own; the Connector calls from any.
// Errors: start() fails on a file that is not there or has no header that can be used. A bad row is told (the first 10
// with their lines), counted and skipped; so is a column that no sensor has.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "config/document.hpp"
#include "connectors/connector.hpp"
#include "connectors/intake.hpp"
#include "core/time.hpp"

namespace millwright::connectors {

enum class ReplayTimes : std::uint8_t { kKeep, kShiftToNow };

struct ReplayOptions {
  std::string file;
  double speed = 1;  // file seconds per second; 0: as fast as the pipeline takes it
  bool loop = false;
  ReplayTimes times = ReplayTimes::kKeep;
  core::DurationNs future_limit = Intake::kDefaultFutureLimit;
};

// Reads its keys from a connector's entry; `name`, `type` and finish() are the caller's. A relative file is meant from
// `directory`. Problems go to the document.
ReplayOptions read_replay_options(config::Section& section, const std::string& directory);

std::unique_ptr<Connector> make_replay(std::string name, const ReplayOptions& options, const ConnectorContext& context);

}  // namespace millwright::connectors
