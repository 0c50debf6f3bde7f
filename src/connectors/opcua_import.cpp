#include "connectors/opcua_import.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>

#include "core/text.hpp"
#include "core/value_text.hpp"

namespace millwright::connectors {
namespace {

using core::ValueType;

constexpr std::size_t kNameMax = 63;
constexpr std::size_t kStateTextMax = 200;

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

// Names that are taken, and the next that is not.
class Names {
 public:
  std::string unique(std::string_view from) {
    const std::string name = asset_name_of(from);
    if (taken_.insert(name).second) return name;
    for (int i = 2;; ++i) {
      const std::string end = fmt::format("-{}", i);
      const std::string next = name.substr(0, kNameMax - end.size()) + end;
      if (taken_.insert(next).second) return next;
    }
  }

 private:
  std::set<std::string, std::less<>> taken_;
};

std::string quoted(std::string_view text) {
  std::string out;
  core::append_json_text(text, out);  // a JSON string is one of YAML
  return out;
}

struct Component {
  std::string name;  // "": the machine itself
  std::string part_of;
  std::vector<std::pair<std::string, const OpcUaNode*>> sensors;
};

class Importer {
 public:
  explicit Importer(OpcUaImport& out) : out_(out) {}

  void tell_unseen(const OpcUaNode& node) {
    if (!node.unseen.empty()) note(node, "the server does not show all that is below it: " + node.unseen);
    for (const auto& child : node.children) tell_unseen(*child);
  }

  // The machines at and below a node.
  void collect(const OpcUaNode& node, bool is_root) {
    if (node.is_again) return;
    if (node.is_cut) note(node, "there is more below it than was looked at (--depth, --nodes)");
    const bool has_variables = std::any_of(node.children.begin(), node.children.end(), [&](const auto& child) {
      return child->is_variable && why_not(*child).empty();
    });
    if (!has_variables && (is_root || node.is_folder)) {
      for (const auto& child : node.children) {
        child->is_variable ? note(*child, why_not(*child)) : collect(*child, false);
      }
      return;
    }
    add_machine(node);
  }

 private:
  void note(const OpcUaNode& node, std::string why) {
    out_.notes.emplace_back(fmt::format("{} ({})", node.id, node.name), std::move(why));
  }

  // Why a variable can be no sensor; "" if it can.
  static std::string why_not(const OpcUaNode& node) {
    if (node.is_again) return "it stands elsewhere as well";
    if (node.type || !node.parts.empty()) return {};
    if (node.data_type.empty()) return "neither its value nor its data type can be read: " + node.status;
    return fmt::format("no sensor takes a {}", node.data_type);
  }

  void add_machine(const OpcUaNode& node) {
    std::vector<Component> parts(1);
    Names names;
    fill(node, 0, parts, names);
    const bool has_sensors =
        std::any_of(parts.begin(), parts.end(), [](const Component& part) { return !part.sensors.empty(); });
    if (!has_sensors) return note(node, "there is no variable below it that could be a sensor");
    ++out_.machines;
    std::string& yaml = out_.assets;
    constexpr std::string_view kIn = "                    ";
    yaml += fmt::format("{}- name: {}\n", kIn.substr(2), machines_.unique(node.name));
    yaml += fmt::format("{}description: {}\n", kIn, quoted(node.description.empty() ? node.name : node.description));
    if (!parts[0].sensors.empty()) add_sensors(parts[0], kIn);
    const auto is_used = [&](const Component& part) {
      return !part.sensors.empty() || std::any_of(parts.begin(), parts.end(),
                                                  [&](const Component& other) { return other.part_of == part.name; });
    };
    bool begun = false;
    for (std::size_t i = 1; i < parts.size(); ++i) {
      if (!is_used(parts[i])) continue;
      if (!begun) yaml += fmt::format("{}components:\n", kIn);
      begun = true;
      yaml += fmt::format("{}  - name: {}\n", kIn, parts[i].name);
      if (!parts[i].part_of.empty()) yaml += fmt::format("{}    part_of: {}\n", kIn, parts[i].part_of);
      if (!parts[i].sensors.empty()) add_sensors(parts[i], std::string(kIn) + "    ");
    }
  }

  // What is below a node, into its component and those of the objects below.
  void fill(const OpcUaNode& node, std::size_t part, std::vector<Component>& parts, Names& components) {
    Names sensors;
    fill_sensors(node, "", sensors, parts[part]);
    for (const auto& child : node.children) {
      if (child->is_variable || child->is_again || !has_sensors(*child)) continue;
      Component& next = parts.emplace_back();
      next.name = components.unique(child->name);
      next.part_of = parts[part].name;
      fill(*child, parts.size() - 1, parts, components);
    }
  }

  // Variables, and those of which a variable is made.
  void fill_sensors(const OpcUaNode& node, const std::string& before, Names& names, Component& part) {
    for (const auto& child : node.children) {
      if (!child->is_variable) continue;
      const std::string why = why_not(*child);
      const std::string name = before + child->name;
      if (!why.empty()) {
        note(*child, why);
      } else if (child->type) {
        part.sensors.emplace_back(names.unique(name), child.get());
      }
      for (const auto& each : child->parts)
        part.sensors.emplace_back(names.unique(name + "-" + each->name), each.get());
      if (child->has_more_parts) note(*child, "it has more elements or fields; the first ones are taken");
      if (!child->is_again) fill_sensors(*child, name + "-", names, part);
    }
  }

  // Says what is left out of an object that becomes no component.
  bool has_sensors(const OpcUaNode& node) {
    bool any = false;
    for (const auto& child : node.children) {
      if (child->is_again) continue;
      any = any || (child->is_variable && why_not(*child).empty()) || has_sensors(*child);
    }
    return any;
  }

  void add_sensors(const Component& part, std::string_view in) {
    std::string& yaml = out_.assets;
    yaml += fmt::format("{}sensors:\n", in);
    for (const auto& [name, node] : part.sensors) {
      ++out_.sensors;
      const ValueType type = *node->type;
      const bool is_number = core::is_real(type) || type == ValueType::kInt64;
      yaml += fmt::format("{}  - name: {}\n{}    address: {}\n", in, name, in, quoted(node->id));
      if (type != ValueType::kFloat64) yaml += fmt::format("{}    type: {}\n", in, core::to_string(type));
      if (!node->description.empty()) yaml += fmt::format("{}    description: {}\n", in, quoted(node->description));
      if (is_number && node->known_unit != nullptr) {
        yaml += fmt::format("{}    unit: {}\n", in, quoted(node->known_unit->symbol));
      } else if (is_number && !node->unit.empty()) {
        note(*node, fmt::format("its unit '{}' is not known and was left out", node->unit));
      }
      if (is_number && node->range) add_range(*node, in);
      if (type == ValueType::kState) add_states(*node, in);
    }
  }

  void add_range(const OpcUaNode& node, std::string_view in) {
    const auto [low, high] = *node.range;
    if (!std::isfinite(low) || !std::isfinite(high) || low >= high) {
      return note(node, fmt::format("its range {} to {} is none and was left out", low, high));
    }
    out_.assets += fmt::format("{}    range: [{}, {}]\n", in, core::format_double(low), core::format_double(high));
  }

  void add_states(const OpcUaNode& node, std::string_view in) {
    out_.assets += fmt::format("{}    states:\n", in);
    for (const auto& [code, text] : node.states) {
      const std::string name = text.empty() ? fmt::format("state {}", code) : text.substr(0, kStateTextMax);
      out_.assets += fmt::format("{}      {}: {}\n", in, code, quoted(name));
    }
  }

  OpcUaImport& out_;
  Names machines_;
};

}  // namespace

std::string asset_name_of(std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = is_upper(name[i]) ? static_cast<char>(name[i] - 'A' + 'a') : name[i];
    if (!is_word(c)) {
      if (!out.empty() && out.back() != '-') out += '-';
      continue;
    }
    // A word begins: "motorCurrent", or the last letter of a run before a small one, "PLCState".
    const bool after_small = i > 0 && is_word(name[i - 1]) && is_upper(name[i]);
    const bool before_small = i > 0 && i + 1 < name.size() && is_upper(name[i - 1]) && is_upper(name[i]) &&
                              name[i + 1] >= 'a' && name[i + 1] <= 'z';
    if ((after_small || before_small) && !out.empty() && out.back() != '-') out += '-';
    out += c;
  }
  out.resize(std::min(out.size(), kNameMax));
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out.empty() ? "unnamed" : out;
}

OpcUaImport import_opcua(const OpcUaNode& root, const std::array<std::string, 5>& place, std::string_view connector) {
  OpcUaImport out;
  out.assets = fmt::format(
      "assets:\n  enterprise: {}\n  streams:\n    default: {}\n  sites:\n    - name: {}\n      areas:\n"
      "        - name: {}\n          lines:\n            - name: {}\n              cells:\n"
      "                - name: {}\n                  machines:\n",
      place[0], connector, place[1], place[2], place[3], place[4]);
  Importer importer(out);
  importer.tell_unseen(root);
  importer.collect(root, true);
  return out;
}

}  // namespace millwright::connectors
