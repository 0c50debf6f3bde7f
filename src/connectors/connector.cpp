#include "connectors/connector.hpp"

#include <algorithm>

namespace millwright::connectors {

std::string_view to_string(ConnectorState state) {
  switch (state) {
    case ConnectorState::kConnecting:
      return "connecting";
    case ConnectorState::kConnected:
      return "connected";
    case ConnectorState::kBackingOff:
      return "backing-off";
    case ConnectorState::kFinished:
      return "finished";
    case ConnectorState::kStopped:
      return "stopped";
  }
  return "unknown";
}

std::uint64_t new_epoch(const ConnectorContext& context, core::SourceId source) {
  const auto now = static_cast<std::uint64_t>(std::max<core::TimeNs>(context.clock.now(), 1));
  return context.durable ? std::max(now, context.durable(source).epoch + 1) : now;
}

core::Result<std::string> Connector::execute(const asset::Command&, std::span<const asset::CommandValue>,
                                             core::DurationNs) {
  return core::unexpected(core::ErrorCode::kUnsupported, "a connector of this kind takes no commands");
}

}  // namespace millwright::connectors
