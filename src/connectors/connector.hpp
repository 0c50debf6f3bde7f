// Connector: brings the readings of one source into the pipeline. It owns its I/O threads; when its source fails it
// backs off, says why, and tries again; the rest of the node runs on.
//
// Threads: start(), stop() and status() from any thread; start() does not wait for the source.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "asset/commands.hpp"
#include "asset/model.hpp"
#include "core/metrics.hpp"
#include "core/result.hpp"
#include "core/texts.hpp"
#include "io/clock.hpp"
#include "io/network.hpp"
#include "pipeline/duplicate_filter.hpp"
#include "pipeline/live_table.hpp"
#include "pipeline/pipeline.hpp"

namespace millwright::connectors {

enum class ConnectorState { kConnecting, kConnected, kBackingOff, kFinished, kStopped };
std::string_view to_string(ConnectorState state);  // "connecting", …

struct ConnectorStatus {
  std::string name;
  std::string kind;  // its type in the plant's file: "opcua", "burst", …
  ConnectorState state = ConnectorState::kStopped;
  std::string detail;          // for a person: whom it talks to, or why not
  core::TimeNs since = 0;      // of this state
  std::uint64_t readings = 0;  // taken in
  std::uint64_t refused = 0;   // readings or frames that could not be used: unknown sensor, wrong type, malformed
  std::uint64_t reconnects = 0;
};

// What every connector works with; all of it outlives the connectors.
struct ConnectorContext {
  const asset::Model& model;
  pipeline::Pipeline& pipeline;
  pipeline::Sources& sources;
  const pipeline::LiveTable& live;
  io::Clock& clock;
  io::Network& network;
  core::Metrics& metrics;
  core::Texts& texts;  // of readings of text
  // Where a source stands durably: what a sender that reconnects need not send again.
  std::function<pipeline::LanePosition(core::SourceId)> durable;
};

// An epoch for a source that begins again at sequence 1: the time of the start, so that it rises from run to run; also
// where the clock was set back in between.
std::uint64_t new_epoch(const ConnectorContext& context, core::SourceId source);

class Connector {
 public:
  virtual ~Connector() = default;  // stops
  // Fails only on what will not mend by itself: a port in use, a file that is not there.
  virtual core::Status start() = 0;
  // Ends the threads and hands over what was already received.
  virtual void stop() = 0;
  [[nodiscard]] virtual ConnectorStatus status() const = 0;
  // Carries out a command whose arguments are checked; waits for the source. From any thread, between start and stop.
  virtual core::Result<std::string> execute(const asset::Command& command, std::span<const asset::CommandValue> values,
                                            core::DurationNs timeout);
};

}  // namespace millwright::connectors
