// Commands of machines: what there are, and giving one.
#include "asset/commands.hpp"

#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/command_routes.hpp"
#include "api/lookup.hpp"
#include "api/problem.hpp"
#include "api/views.hpp"
#include "core/block.hpp"

namespace millwright::api {
namespace {

using core::ErrorCode;
using core::unexpected;

constexpr core::DurationNs kTimeout = 10 * core::kSecond;
constexpr std::array<Right, 3> kRights{Right::kOperate, Right::kMaintain, Right::kEngineer};

Right right_of(const asset::Command& command) {
  return kRights[static_cast<std::size_t>(command.right)];
}

Json argument_json(const asset::CommandArgument& argument) {
  Json json = {{"name", argument.name},
               {"description", argument.description},
               {"type", core::to_string(argument.type)},
               {"unit", argument.unit != nullptr ? Json(argument.unit->symbol) : Json()},
               {"range", Json()}};
  if (argument.range) json["range"] = {{"low", argument.range->low}, {"high", argument.range->high}};
  return json;
}

Json command_json(const asset::Command& command, const Identity& who) {
  Json arguments = Json::array();
  for (const asset::CommandArgument& argument : command.arguments) arguments.push_back(argument_json(argument));
  return {{"name", command.name},
          {"description", command.description},
          {"right", asset::kCommandRights[static_cast<std::size_t>(command.right)]},
          {"allowed", who.may(right_of(command))},
          {"arguments", std::move(arguments)}};
}

core::Result<Response> list(const Services& services, const Call& call) {
  const auto machine = find_machine(services.model, call.captured[0], call.who);
  if (!machine) return unexpected(machine.error());
  Json items = Json::array();
  if (services.commands != nullptr) {
    for (const asset::Command& command : (*machine)->commands) items.push_back(command_json(command, call.who));
  }
  return json_response(to_text({{"items", std::move(items)}}));
}

core::Result<asset::CommandValue> value_of(const Json& json, const std::string& name) {
  if (json.is_boolean()) return asset::CommandValue(json.get<bool>());
  if (json.is_number_unsigned() && json.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) {
    return asset::CommandValue(json.get<double>());
  }
  if (json.is_number_integer()) return asset::CommandValue(json.get<std::int64_t>());
  if (json.is_number()) return asset::CommandValue(json.get<double>());
  if (json.is_string()) return asset::CommandValue(json.get<std::string>());
  return unexpected(ErrorCode::kInvalid,
                    fmt::format("body: arguments: {}: give a number, a text, true or false", name));
}

// In the order of the command's arguments: {"arguments": {"speed": 1200}}.
core::Result<std::vector<asset::CommandValue>> parse_arguments(const asset::Command& command, std::string_view text) {
  const Json body = text.empty() ? Json::object() : Json::parse(text, nullptr, false);
  if (!body.is_object())
    return unexpected(ErrorCode::kInvalid, "body: must be a JSON object with the member arguments");
  Json given = Json::object();
  for (const auto& [key, value] : body.items()) {
    if (key != "arguments" || !value.is_object()) {
      return unexpected(ErrorCode::kInvalid, fmt::format("body: {}: only the object 'arguments' is known", key));
    }
    given = value;
  }
  std::vector<asset::CommandValue> values;
  for (const asset::CommandArgument& argument : command.arguments) {
    const auto at = given.find(argument.name);
    if (at == given.end()) {
      return unexpected(ErrorCode::kInvalid, fmt::format("body: arguments: {} is missing", argument.name));
    }
    auto value = value_of(*at, argument.name);
    if (!value) return unexpected(value.error());
    values.push_back(std::move(*value));
    given.erase(at);
  }
  if (given.empty()) return values;
  return unexpected(ErrorCode::kInvalid,
                    fmt::format("body: arguments: {}: {} has no such argument", given.begin().key(), command.name));
}

core::Result<Response> give(const Services& services, const Call& call) {
  const auto machine = find_machine(services.model, call.captured[0], call.who);
  if (!machine) return unexpected(machine.error());
  const asset::Command* command =
      services.commands == nullptr ? nullptr : asset::find_command(**machine, call.captured[1]);
  if (command == nullptr) {
    return unexpected(ErrorCode::kNotFound,
                      fmt::format("{} has no command '{}'; GET /v1/machines/{}/commands lists them", (*machine)->name,
                                  call.captured[1], (*machine)->name));
  }
  asset::CommandRequest request{**machine, *command, {}, call.who.name, "rest"};
  auto values = parse_arguments(*command, call.request.body);
  if (!values) {
    services.commands->refuse(request, values.error().message);
    return unexpected(values.error());
  }
  request.values = std::move(*values);
  if (!call.who.may(right_of(*command))) {
    const std::string why = fmt::format("{} takes the right to {}", command->name,
                                        asset::kCommandRights[static_cast<std::size_t>(command->right)]);
    services.commands->refuse(request, why);
    return problem(403, why, call.request.path);
  }
  const auto result = services.commands->give(request, kTimeout);
  if (!result) return unexpected(result.error());
  return json_response(to_text({{"command", command->name}, {"machine", (*machine)->name}, {"result", *result}}));
}

}  // namespace

void add_command_routes(Router& router, const Services& services) {
  router.add({.path = "/v1/machines/{id}/commands",
              .handler = [&services](const Call& call) { return list(services, call); }});
  router.add({.method = Method::kPost,
              .path = "/v1/machines/{id}/commands/{name}",
              .pace = Pace::kSlow,
              .right = Right::kOperate,
              .handler = [&services](const Call& call) { return give(services, call); }});
}

}  // namespace millwright::api
