// Giving commands to machines: what is given, the checks before, and the service that carries it out.
//
// Threads: Commands from any thread; give() waits for the source. Errors: kNotFound, kInvalid: an argument is missing,
// of the wrong type or out of its range; kUnavailable: the source is not connected; kTimeout: no answer, it may have
// been carried out; kConflict: the source refused.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "asset/model.hpp"
#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::asset {

// Of the arguments' types: kFloat64 and kFloat32 are doubles.
using CommandValue = std::variant<double, std::int64_t, bool, std::string>;
std::string to_string(const CommandValue& value);

const Command* find_command(const Machine& machine, std::string_view name);
// In the arguments' order; whole numbers do as real ones.
core::Result<std::vector<CommandValue>> check_arguments(const Command& command, std::span<const CommandValue> values);

struct CommandRequest {
  const Machine& machine;
  const Command& command;
  std::vector<CommandValue> values;
  std::string by;     // who gives it; never empty
  std::string route;  // "rest", "opcua"
};

// What becomes of every command that somebody tried to give, also of those that were refused.
struct CommandAudit {
  std::string machine;
  std::string command;
  std::string values;  // "speed=1200"
  std::string by;
  std::string route;
  bool good = false;
  std::string result;  // what the source said, or why not
};

class Commands {
 public:
  virtual ~Commands() = default;
  // What the source answered, "" where it says nothing. Audits, whatever comes of it.
  virtual core::Result<std::string> give(const CommandRequest& request, core::DurationNs timeout) = 0;
  // For what is refused before give(): no right, no such argument.
  virtual void refuse(const CommandRequest& request, const std::string& why) = 0;
};

// Sends a checked command to where it is carried out.
using SendCommand = std::function<core::Result<std::string>(
    const Command& command, std::span<const CommandValue> values, core::DurationNs timeout)>;
using AuditCommand = std::function<void(const CommandAudit& audit)>;

// Checks, sends to the connector that the command names, and audits.
class CommandDesk final : public Commands {
 public:
  CommandDesk(std::map<std::string, SendCommand, std::less<>> connectors, AuditCommand audit)
      : connectors_(std::move(connectors)), audit_(std::move(audit)) {}
  core::Result<std::string> give(const CommandRequest& request, core::DurationNs timeout) override;
  void refuse(const CommandRequest& request, const std::string& why) override;

 private:
  core::Result<std::string> send(const CommandRequest& request, core::DurationNs timeout) const;
  void audit(const CommandRequest& request, const core::Result<std::string>& result) const;

  const std::map<std::string, SendCommand, std::less<>> connectors_;
  const AuditCommand audit_;
};

}  // namespace millwright::asset
