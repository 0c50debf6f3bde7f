#include "connectors/connector.hpp"

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

}  // namespace millwright::connectors
