#include "connectors/opcua_address.hpp"

#include <array>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/text.hpp"

namespace millwright::connectors {

core::Result<DeadBand> parse_dead_band(std::string_view text) {
  DeadBand band;
  std::string_view number = core::trim(text);
  band.is_percent = number.ends_with('%');
  if (band.is_percent) number = core::trim(number.substr(0, number.size() - 1));
  const auto value = core::parse_double(number);
  const double most = band.is_percent ? 100 : std::numeric_limits<double>::max();
  if (!value || !(*value >= 0 && *value <= most)) {
    return core::unexpected(core::ErrorCode::kInvalid,
                            fmt::format("'{}' is no dead-band: write a number, as in 0.5, or a part of the node's "
                                        "EURange, as in 2%",
                                        text));
  }
  band.value = *value;
  return band;
}

namespace opcua_detail {
namespace {

using core::ErrorCode;
using core::unexpected;

constexpr std::array<std::string_view, 5> kKeys{"field", "index", "sampling_interval", "queue_size", "dead_band"};
constexpr std::size_t kDimensionsMax = 8;
constexpr std::int64_t kQueueMax = 1'000'000;

// A namespace URI in a NodeId has ';' and '%' escaped (OPC 10000-6, 5.1.12).
std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 3) == "%3B" || text.substr(i, 3) == "%3b") {
      out += ';';
      i += 2;
    } else if (text.substr(i, 3) == "%25") {
      out += '%';
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool begins_identifier(std::string_view text) {
  return text.size() >= 2 && text[1] == '=' && std::string_view("isgb").find(text[0]) != std::string_view::npos;
}

// Meant as one, well formed or not: no name below Objects begins like that.
bool is_meant_as_node_id(std::string_view text) {
  return begins_identifier(text) || text.starts_with("ns=") || text.starts_with("nsu=") || text.starts_with("svr=");
}

auto no_node_id(std::string_view whole) {
  return unexpected(
      ErrorCode::kInvalid,
      fmt::format("'{}' is no OPC UA NodeId: write nsu=<uri>;s=<name>, ns=2;s=<name> or ns=2;i=<number>", whole));
}

core::Result<NodeId> parse_identifier(std::string_view text, std::string_view whole) {
  NodeId id;
  if (text.substr(0, 2) == "s=") {
    // By hand: what follows is the identifier to its last character, whatever it holds.
    id->identifierType = UA_NODEIDTYPE_STRING;
    id->identifier.string = copy(text.substr(2));
    if (id->identifier.string.length != 0) return id;
  } else if (text.starts_with("i=")) {
    // The library takes no digits for 0, and too many for their lower bits.
    const auto number = core::parse_int(text.substr(2));
    id->identifierType = UA_NODEIDTYPE_NUMERIC;
    id->identifier.numeric = static_cast<UA_UInt32>(number.value_or(0));
    if (number && *number >= 0 && *number <= UINT32_MAX) return id;
  } else if (UA_NodeId_parse(&*id, borrow(text)) == UA_STATUSCODE_GOOD) {
    return id;
  }
  return no_node_id(whole);
}

core::Status parse_node(std::string_view text, Address& address) {
  std::string_view rest = text;
  std::int64_t index = 0;
  bool node_id = begins_identifier(rest);
  const std::size_t end = rest.find(';');
  if (end != std::string_view::npos && begins_identifier(rest.substr(end + 1))) {
    if (rest.substr(0, 4) == "nsu=") {
      address.namespace_uri = unescape(rest.substr(4, end - 4));
      node_id = !address.namespace_uri.empty();
    } else if (rest.substr(0, 3) == "ns=") {
      index = core::parse_int(rest.substr(3, end - 3)).value_or(-1);
      node_id = true;
    }
    if (node_id && !begins_identifier(rest)) rest = rest.substr(end + 1);
  }
  if (node_id) {
    auto id = parse_identifier(rest, text);
    if (!id) return unexpected(id.error());
    if (index < 0 || index > UINT16_MAX) {
      return unexpected(ErrorCode::kInvalid, fmt::format("'{}': a namespace index is a number from 0 to 65535", text));
    }
    address.node = std::move(*id);
    address.node->namespaceIndex = static_cast<UA_UInt16>(index);
    return {};
  }
  if (is_meant_as_node_id(text)) return no_node_id(text);
  for (const std::string_view name : core::split(text, '/')) {
    if (!name.empty()) address.path.emplace_back(name);
  }
  if (!address.path.empty() && address.path.front() == "Objects") address.path.erase(address.path.begin());
  if (address.path.empty()) {
    return unexpected(ErrorCode::kInvalid,
                      fmt::format("'{}' is neither an OPC UA NodeId nor a path of names below Objects", text));
  }
  return {};
}

// "1" or "1,3"; ranges are not one value.
core::Result<Step> parse_index(std::string_view text) {
  Step step;
  for (const std::string_view each : core::split(text, ',')) {
    const auto number = core::parse_int(core::trim(each));
    if (!number || *number < 0 || *number > UINT32_MAX || step.index.size() == kDimensionsMax) {
      return unexpected(ErrorCode::kInvalid,
                        fmt::format("the index '{}' names no element: write a number from 0, or one "
                                    "for each dimension, as in 1,3",
                                    text));
    }
    step.index.push_back(static_cast<std::uint32_t>(*number));
  }
  return step;
}

// Where brackets with keys begin; npos: nowhere. What a PLC calls "Tag[3]" or "a [b]" stays a name.
std::size_t find_brackets(std::string_view text) {
  if (!text.ends_with(']')) return std::string_view::npos;
  for (std::size_t at = text.rfind(" ["); at != std::string_view::npos && at > 0; at = text.rfind(" [", at - 1)) {
    const std::string_view inside = text.substr(at + 2);
    const std::size_t key = inside.find_first_not_of("abcdefghijklmnopqrstuvwxyz_");
    if (key != 0 && key != std::string_view::npos && inside[key] == '=') return at;
  }
  return std::string_view::npos;
}

// "key=value", "key=value"; a piece that begins no key goes on with the value before it.
std::vector<std::string> split_keys(std::string_view inside) {
  std::vector<std::string> all;
  for (const std::string_view piece : core::split(inside, ',')) {
    const std::string_view text = core::trim(piece);
    const std::size_t equals = text.find('=');
    const bool is_key = equals != std::string_view::npos && text.find('[') > equals;
    if (is_key || all.empty()) {
      all.emplace_back(text);
    } else {
      all.back() += "," + std::string(text);
    }
  }
  return all;
}

core::Status take_key(std::string_view key, std::string_view value, Address& address) {
  if (key == "field") {
    auto path = parse_value_path(value);
    if (!path) return unexpected(path.error());
    address.part.insert(address.part.end(), path->begin(), path->end());
  } else if (key == "index") {
    auto step = parse_index(value);
    if (!step) return unexpected(step.error());
    address.part.insert(address.part.begin(), std::move(*step));  // of the value itself, so before any field
  } else if (key == "sampling_interval") {
    const auto interval = core::parse_duration(value);
    if (!interval) return unexpected(interval.error().within("sampling_interval"));
    if (*interval < 0 || *interval > core::kHour) {
      return unexpected(ErrorCode::kInvalid, "sampling_interval is from 0s to 1h");
    }
    address.watch.sampling_interval = *interval;
  } else if (key == "queue_size") {
    const auto size = core::parse_int(value);
    if (!size || *size < 1 || *size > kQueueMax) {
      return unexpected(ErrorCode::kInvalid, fmt::format("queue_size is a number from 1 to {}", kQueueMax));
    }
    address.watch.queue_size = static_cast<std::uint32_t>(*size);
  } else if (key == "dead_band") {
    const auto band = parse_dead_band(value);
    if (!band) return unexpected(band.error());
    address.watch.dead_band = *band;
  } else {
    return unexpected(ErrorCode::kInvalid, fmt::format("there is no '{}' in an address{}; there are {}", key,
                                                       core::did_you_mean(key, kKeys), fmt::join(kKeys, ", ")));
  }
  return {};
}

}  // namespace

core::Result<ValuePath> parse_value_path(std::string_view text) {
  const auto wrong = [&] {
    return unexpected(
        ErrorCode::kInvalid,
        fmt::format("the field '{}' cannot be read: write names with points between them, and elements in "
                    "brackets, as in Axes[2].Speed",
                    text));
  };
  ValuePath path;
  for (std::string_view name : core::split(text, '.')) {
    const std::size_t bracket = name.find('[');
    std::string_view elements = bracket == std::string_view::npos ? "" : name.substr(bracket);
    name = core::trim(name.substr(0, bracket));
    if (name.empty() && (elements.empty() || !path.empty())) return wrong();
    if (!name.empty()) path.push_back({.field = std::string(name), .index = {}});
    while (!elements.empty()) {
      const std::size_t end = elements.find(']');
      if (elements.front() != '[' || end == std::string_view::npos) return wrong();
      auto step = parse_index(elements.substr(1, end - 1));
      if (!step) return unexpected(step.error());
      path.push_back(std::move(*step));
      elements.remove_prefix(end + 1);
    }
  }
  if (path.size() > kStepsMax) return wrong();
  return path;
}

core::Result<Address> parse_address(std::string_view text) {
  Address address;
  const std::size_t brackets = find_brackets(text);
  address.node_text = core::trim(text.substr(0, brackets));
  if (auto node = parse_node(address.node_text, address); !node) return unexpected(node.error());
  if (brackets == std::string_view::npos) return address;
  std::vector<std::string> seen;
  for (const std::string& each : split_keys(text.substr(brackets + 2, text.size() - brackets - 3))) {
    const std::size_t equals = each.find('=');
    const std::string key(core::trim(std::string_view(each).substr(0, equals)));
    const std::string value(equals == std::string::npos ? "" : core::trim(std::string_view(each).substr(equals + 1)));
    for (const std::string& before : seen) {
      if (before == key) return unexpected(ErrorCode::kInvalid, fmt::format("'{}': '{}' is given twice", text, key));
    }
    if (auto taken = take_key(key, value, address); !taken) {
      return unexpected(taken.error().within(fmt::format("'{}'", text)));
    }
    seen.push_back(key);
  }
  if (address.part.size() > kStepsMax) {
    return unexpected(ErrorCode::kInvalid, fmt::format("'{}': at most {} steps into a value", text, kStepsMax));
  }
  return address;
}

std::string to_string(const ValuePath& part) {
  std::string text;
  for (const Step& step : part) {
    if (!step.field.empty()) {
      text += (text.empty() ? "" : ".") + step.field;
    } else {
      text += fmt::format("[{}]", fmt::join(step.index, ","));
    }
  }
  return text;
}

std::string part_address(std::string_view node_text, const ValuePath& part) {
  if (part.empty()) return std::string(node_text);
  if (!part.front().field.empty()) return fmt::format("{} [field={}]", node_text, to_string(part));
  std::string inside = fmt::format("index={}", fmt::join(part.front().index, ","));
  if (part.size() > 1) inside += ", field=" + to_string(ValuePath(part.begin() + 1, part.end()));
  return fmt::format("{} [{}]", node_text, inside);
}

}  // namespace opcua_detail
}  // namespace millwright::connectors
