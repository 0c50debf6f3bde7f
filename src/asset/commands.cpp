#include "asset/commands.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "core/text.hpp"

namespace millwright::asset {
namespace {

using core::ErrorCode;
using core::unexpected;
using core::ValueType;

constexpr std::size_t kTextMax = 1000;

// As the argument's type; nothing where it is of another.
std::optional<CommandValue> as_type(const CommandValue& value, ValueType type) {
  switch (type) {
    case ValueType::kFloat64:
    case ValueType::kFloat32:
      if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
      if (std::holds_alternative<double>(value)) return value;
      return std::nullopt;
    case ValueType::kInt64:
      if (std::holds_alternative<std::int64_t>(value)) return value;
      return std::nullopt;
    case ValueType::kBool:
      if (std::holds_alternative<bool>(value)) return value;
      return std::nullopt;
    default:
      if (std::holds_alternative<std::string>(value)) return value;
      return std::nullopt;
  }
}

std::optional<double> number_of(const CommandValue& value) {
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  return std::nullopt;
}

core::Result<CommandValue> check_argument(const CommandArgument& argument, const CommandValue& given) {
  const auto value = as_type(given, argument.type);
  if (!value) {
    return unexpected(ErrorCode::kInvalid, fmt::format("{}: '{}' is no {}", argument.name, to_string(given),
                                                       core::to_string(argument.type)));
  }
  const auto number = number_of(*value);
  if (number && !std::isfinite(*number)) {
    return unexpected(ErrorCode::kInvalid, fmt::format("{}: give a number", argument.name));
  }
  if (number && argument.range && (*number < argument.range->low || *number > argument.range->high)) {
    return unexpected(
        ErrorCode::kInvalid,
        fmt::format("{}: {} is out of its range, {} to {}{}{}", argument.name, to_string(*value),
                    core::format_double(argument.range->low), core::format_double(argument.range->high),
                    argument.unit != nullptr ? " " : "", argument.unit != nullptr ? argument.unit->symbol : ""));
  }
  const auto* text = std::get_if<std::string>(&*value);
  if (text != nullptr && text->size() > kTextMax) {
    return unexpected(ErrorCode::kInvalid, fmt::format("{}: more than {} bytes", argument.name, kTextMax));
  }
  return *value;
}

}  // namespace

std::string to_string(const CommandValue& value) {
  if (const auto* real = std::get_if<double>(&value)) return core::format_double(*real);
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return std::to_string(*whole);
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  return std::get<std::string>(value);
}

const Command* find_command(const Machine& machine, std::string_view name) {
  const auto at = std::find_if(machine.commands.begin(), machine.commands.end(),
                               [&](const Command& command) { return command.name == name; });
  return at == machine.commands.end() ? nullptr : &*at;
}

core::Result<std::vector<CommandValue>> check_arguments(const Command& command, std::span<const CommandValue> values) {
  if (values.size() != command.arguments.size()) {
    return unexpected(ErrorCode::kInvalid, fmt::format("{} takes {} arguments, not {}", command.name,
                                                       command.arguments.size(), values.size()));
  }
  std::vector<CommandValue> checked;
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto value = check_argument(command.arguments[i], values[i]);
    if (!value) return unexpected(value.error().within(command.name));
    checked.push_back(std::move(*value));
  }
  return checked;
}

core::Result<std::string> CommandDesk::send(const CommandRequest& request, core::DurationNs timeout) const {
  const auto values = check_arguments(request.command, request.values);
  if (!values) return unexpected(values.error());
  const auto connector = connectors_.find(request.command.target.connector);
  if (connector == connectors_.end()) {
    return unexpected(ErrorCode::kUnavailable,
                      fmt::format("there is no connector '{}'", request.command.target.connector));
  }
  return connector->second(request.command, *values, timeout);
}

core::Result<std::string> CommandDesk::give(const CommandRequest& request, core::DurationNs timeout) {
  ASSERT(!request.by.empty(), "a command that nobody gave");
  auto result = send(request, timeout);
  audit(request, result);
  return result;
}

void CommandDesk::refuse(const CommandRequest& request, const std::string& why) {
  audit(request, unexpected(ErrorCode::kInvalid, why));
}

void CommandDesk::audit(const CommandRequest& request, const core::Result<std::string>& result) const {
  if (!audit_) return;
  CommandAudit entry{.machine = request.machine.name,
                     .command = request.command.name,
                     .values = {},
                     .by = request.by,
                     .route = request.route,
                     .good = result.has_value(),
                     .result = result ? *result : result.error().message};
  for (std::size_t i = 0; i < request.values.size(); ++i) {
    if (i != 0) entry.values += ", ";
    if (i < request.command.arguments.size()) entry.values += request.command.arguments[i].name + "=";
    entry.values += to_string(request.values[i]);
  }
  audit_(entry);
}

}  // namespace millwright::asset
