// The simulator's two ways of standing in for a factory, as `millwright simulate` calls them: machines of a plant file
// by their types, or the rows of a CSV file, both over the protocols that real machines speak. docs/simulator.md.
//
// Threads: each call owns everything it starts and returns when it is over, or soon after `stop` goes true (set by a
// signal handler or another thread). Servers listen on 127.0.0.1, clients connect to it.
// Output for people goes to `out`; warnings and fault times go to the log.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "asset/model.hpp"
#include "config/document.hpp"
#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::simulator {

// ---- machines

// Where a connector of the plant expects its source.
struct SimulatedConnector {
  std::string name;
  enum class Kind : std::uint8_t { kOpcUa, kBurst, kOther } kind = Kind::kOther;
  std::uint16_t port = 0;
};

struct SimulateOptions {
  std::uint64_t seed = 1;
  std::optional<std::uint16_t> opcua_port =
      std::nullopt;                      // instead of the connectors' own; all their sensors on one server
  std::vector<std::string> faults = {};  // "bearing-wear:pump-1:start=40s"; empty: the demo's schedule
  bool demo_faults = true;               // where `faults` is empty
  bool idles = true;                     // machines stand still now and then, the first after three minutes
  double speed = 1;                      // how many times as fast faults come and grow; readings keep real time
};

// Simulates every machine of the model until `stop`.
core::Status simulate(const asset::Model& model, const std::vector<SimulatedConnector>& connectors,
                      const SimulateOptions& options, const std::atomic<bool>& stop, std::ostream& out);

// The same from a plant file. `type_directories` as in asset::load().
core::Status simulate(const std::string& plant_file, const std::vector<std::string>& type_directories,
                      const config::Environment& environment, const SimulateOptions& options,
                      const std::atomic<bool>& stop, std::ostream& out);

// ---- replay

struct ReplayOptions {
  std::string file;
  double speed = 1;                                                      // times the pace of the rows' own times
  std::uint16_t port = 4841;                                             // 0: any that is free
  enum class Times : std::uint8_t { kKeep, kNow } times = Times::kKeep;  // kNow: shifted so that the first row is now
  core::DurationNs wait = 30 * core::kSecond;  // for a subscriber, before the rows begin all the same
  bool loop = false;                           // from the top again at the end; times go on rising
  bool exit = false;                           // end 2 s after the last row
  // Told the port once the server listens; may be empty.
  std::function<void(std::uint16_t port)> listening = nullptr;
};

struct ReplaySummary {
  std::uint64_t rows = 0;
  std::uint64_t values = 0;
  std::uint64_t bad_rows = 0;
  bool stopped = false;  // by `stop`, before the last row
};

// Plays a CSV file. Fails where the file is missing, has no usable header, or the port is in use; a bad row is told on
// `out` and skipped.
core::Result<ReplaySummary> replay(const ReplayOptions& options, const std::atomic<bool>& stop, std::ostream& out);

// Writes a plant file that reads what replay() serves: one machine named after the file, a sensor for each column.
// Never overwrites a file that says something else (kConflict). Says on `out` how to run it.
core::Status write_plant(const std::string& csv_file, const std::string& out_file, std::uint16_t port,
                         std::ostream& out);

}  // namespace millwright::simulator
