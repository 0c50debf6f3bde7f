#include "asset/command_spec.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "asset/machine_type.hpp"

namespace millwright::asset {
namespace {

using config::Section;
using core::ValueType;

constexpr std::array<std::string_view, 5> kTypeNames{"float64", "float32", "int64", "bool", "text"};
constexpr std::array<ValueType, 5> kTypes{ValueType::kFloat64, ValueType::kFloat32, ValueType::kInt64, ValueType::kBool,
                                          ValueType::kText};

CommandArgument read_argument(Section& section, std::set<std::string>& names) {
  CommandArgument argument;
  argument.name = section.text("name");
  if (check_name(section, "name", argument.name) && !names.insert(argument.name).second) {
    section.problem("name", fmt::format("argument '{}' is given twice; remove or rename one", argument.name));
  }
  argument.description = section.text("description", {.fallback = ""});
  argument.type = kTypes[section.choice("type", kTypeNames, 0)];
  const bool is_number = argument.type != ValueType::kBool && argument.type != ValueType::kText;
  if (section.has("unit")) argument.unit = read_unit(section);
  if (section.has("range")) argument.range = read_range(section);
  if (!is_number && (argument.unit != nullptr || argument.range)) {
    section.problem("type", "only numbers have a unit and a range");
  }
  section.finish();
  return argument;
}

AddressTemplate read_template(Section& section, std::string_view key, bool is_final) {
  const std::string text = section.text(key, {.fallback = "", .length_max = 1024});
  if (is_final) return AddressTemplate::literal(text);
  if (auto address = AddressTemplate::parse(text); address)
    return std::move(*address);
  else
    section.problem(key, address.error().message);
  return {};
}

void read_target(Section& section, bool is_final, CommandSpec& spec) {
  Command& command = spec.command;
  const bool calls = section.has("call");
  if (calls == section.has("write")) {
    section.problem("", "give either 'write', the address that the value goes to, or 'call', the method");
  }
  command.kind = calls ? CommandKind::kCall : CommandKind::kWrite;
  spec.address = read_template(section, calls ? "call" : "write", is_final);
  if (calls) {
    if (!section.has("object")) section.problem("object", "is missing: the object that has the method");
    spec.object = read_template(section, "object", is_final);
    return;
  }
  if (section.has("value")) command.value = section.number("value");
  if (command.arguments.size() + (command.value ? 1 : 0) != 1) {
    section.problem("", "a 'write' takes one argument, or a 'value' that is always written");
  }
}

CommandSpec read_command(Section& section, bool is_final) {
  CommandSpec spec;
  spec.place = section.place();
  spec.command.name = section.text("name");
  check_name(section, "name", spec.command.name);
  spec.command.description = section.text("description", {.fallback = ""});
  spec.command.right = static_cast<CommandRight>(section.choice("right", kCommandRights, 0));
  std::set<std::string> names;
  for (Section& entry : section.sections("arguments")) {
    spec.command.arguments.push_back(read_argument(entry, names));
  }
  if (spec.command.arguments.size() > kCommandArgumentsMax) {
    section.problem("arguments", fmt::format("at most {} arguments", kCommandArgumentsMax));
  }
  read_target(section, is_final, spec);
  spec.stream = section.text("stream", {.fallback = spec.stream});
  section.finish();
  return spec;
}

}  // namespace

void read_commands(Section& section, bool final_addresses, std::vector<CommandSpec>& commands) {
  std::set<std::string> given;
  for (Section& entry : section.sections("commands")) {
    CommandSpec spec = read_command(entry, final_addresses);
    const std::string& name = spec.command.name;
    if (!given.insert(name).second) {
      entry.problem("name", fmt::format("command '{}' is given twice; remove or rename one", name));
    }
    const auto same = std::find_if(commands.begin(), commands.end(),
                                   [&](const CommandSpec& known) { return known.command.name == name; });
    if (same != commands.end()) {
      *same = std::move(spec);
    } else {
      commands.push_back(std::move(spec));
    }
  }
}

}  // namespace millwright::asset
