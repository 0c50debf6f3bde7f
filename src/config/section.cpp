#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "config/document.hpp"
#include "config/state.hpp"
#include "core/assert.hpp"
#include "core/text.hpp"

namespace millwright::config {

using detail::Nameable;
using detail::Node;
using detail::NodeKind;

namespace {

constexpr std::size_t kShownMax = 60;  // bytes of a wrong value in a message

// A value as a message shows it: short, on one line, quoted.
std::string shown(std::string_view text) {
  std::size_t length = std::min(text.size(), kShownMax);
  while (length < text.size() && length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) --length;
  std::string out(text.substr(0, length));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return "'" + out + (length < text.size() ? "…'" : "'");
}

std::string found(const Node& node) {
  switch (node.kind) {
    case NodeKind::kNull:
      return "no value";
    case NodeKind::kList:
      return "a list";
    case NodeKind::kMap:
      return "a mapping";
    case NodeKind::kScalar:
      break;
  }
  if (node.quoted) return "the quoted text " + shown(node.text);
  if (core::parse_double(node.text)) return "the number " + node.text;
  if (node.text == "true" || node.text == "false") return node.text;
  return "the text " + shown(node.text);
}

std::string found(const std::string& text, bool quoted) {
  Node node;
  node.kind = NodeKind::kScalar;
  node.text = text;
  node.quoted = quoted;
  return found(node);
}

std::string range_text(const std::string& low, const std::string& high) {
  if (low.empty() && high.empty()) return "";
  if (low.empty()) return " of at most " + high;
  if (high.empty()) return " of at least " + low;
  return " from " + low + " to " + high;
}

// 100000 rather than 1e+05.
std::string plain(double value) {
  const bool whole = value == std::floor(value) && std::abs(value) < 1e15;
  return whole ? fmt::to_string(static_cast<std::int64_t>(value)) : core::format_double(value);
}

std::string range_text(const IntegerRule& rule) {
  return range_text(rule.low == INT64_MIN ? "" : fmt::to_string(rule.low),
                    rule.high == INT64_MAX ? "" : fmt::to_string(rule.high));
}
std::string range_text(const NumberRule& rule) {
  return range_text(rule.low <= -1.7e308 ? "" : plain(rule.low), rule.high >= 1.7e308 ? "" : plain(rule.high));
}
std::string range_text(const DurationRule& rule) {
  return range_text(rule.low == INT64_MIN ? "" : core::format_duration(rule.low),
                    rule.high == INT64_MAX ? "" : core::format_duration(rule.high));
}

struct SizeUnit {
  std::string_view name;
  std::uint64_t bytes;
};
constexpr std::array<SizeUnit, 10> kSizeUnits{{{"", 1},
                                               {"B", 1},
                                               {"kB", 1000},
                                               {"MB", 1000'000},
                                               {"GB", 1000'000'000},
                                               {"TB", 1000'000'000'000},
                                               {"KiB", 1ULL << 10},
                                               {"MiB", 1ULL << 20},
                                               {"GiB", 1ULL << 30},
                                               {"TiB", 1ULL << 40}}};

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto unit_at = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view unit = core::trim(text.substr(unit_at));
  const auto number = core::parse_double(core::trim(text.substr(0, unit_at)));
  const auto known = std::find_if(kSizeUnits.begin(), kSizeUnits.end(), [&](const auto& u) { return u.name == unit; });
  if (!number || known == kSizeUnits.end()) return std::nullopt;
  const double bytes = *number * static_cast<double>(known->bytes);
  if (bytes >= 9.2e18 || bytes != std::floor(bytes)) return std::nullopt;
  return static_cast<std::uint64_t>(bytes);
}

std::string format_size(std::uint64_t bytes) {
  for (auto unit = kSizeUnits.rbegin(); unit != kSizeUnits.rend(); ++unit) {
    const bool binary = unit->name.size() == 3;
    if (binary && bytes != 0 && bytes % unit->bytes == 0) return fmt::format("{}{}", bytes / unit->bytes, unit->name);
  }
  return fmt::format("{}B", bytes);
}

std::string range_text(const SizeRule& rule) {
  return range_text(rule.low == 0 ? "" : format_size(rule.low), rule.high == UINT64_MAX ? "" : format_size(rule.high));
}

std::string joined(std::span<const std::string_view> names) {
  std::string text;
  for (const std::string_view name : names) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

using Json = nlohmann::ordered_json;

Json scalar_json(const Node& node) {
  if (node.quoted) return node.text;
  if (node.text == "true" || node.text == "false") return node.text == "true";
  if (const auto whole = core::parse_int(node.text)) return *whole;
  if (const auto number = core::parse_double(node.text); number && std::isfinite(*number)) return *number;
  return node.text;
}

Json to_json(const Node& node) {
  switch (node.kind) {
    case NodeKind::kNull:
      return nullptr;
    case NodeKind::kScalar:
      return scalar_json(node);
    case NodeKind::kList: {
      Json list = Json::array();
      for (const Node* item : node.items) list.push_back(to_json(*item));
      return list;
    }
    case NodeKind::kMap:
      break;
  }
  Json map = Json::object();
  for (const detail::Entry& entry : node.entries) map[entry.key] = to_json(*entry.value);
  return map;
}

}  // namespace

// ---- Impl

std::shared_ptr<Section::Impl> Section::Impl::make(std::shared_ptr<detail::State> shared, const detail::Tree* of,
                                                   const Node* mapping) {
  auto impl = std::make_shared<Impl>();
  impl->state = std::move(shared);
  impl->tree = of;
  impl->node = mapping;
  if (mapping != nullptr) {
    impl->origin = impl->place_of(*mapping);
    impl->asked.resize(mapping->entries.size(), false);
  }
  return impl;
}

const Node* Section::Impl::peek(std::string_view key) const {
  if (node == nullptr) return nullptr;
  const std::size_t at = node->find(key);
  return at == node->entries.size() ? nullptr : node->entries[at].value;
}

const Node* Section::Impl::ask(std::string_view key, Nameable nameable) {
  if (std::find(names_asked.begin(), names_asked.end(), key) == names_asked.end()) names_asked.emplace_back(key);
  if (variable) {
    const auto [asked_for, added] = state->asked_variables.emplace(variable_name(key), nameable);
    if (nameable == Nameable::kValue) asked_for->second = Nameable::kValue;
  }
  if (node == nullptr) return nullptr;
  const std::size_t at = node->find(key);
  if (at == node->entries.size()) return nullptr;
  asked[at] = true;
  return node->entries[at].value;
}

std::optional<Section::Impl::Scalar> Section::Impl::scalar(std::string_view key, bool required,
                                                           std::string_view expected) {
  const Node* value = ask(key, Nameable::kValue);
  if (variable) {
    const std::string name = variable_name(key);
    const auto set = state->environment.find(name);
    if (set != state->environment.end()) return Scalar{set->second, false, {"environment variable " + name}};
  }
  if (value == nullptr) {
    if (required && !broken) complain(origin, key, fmt::format("is missing; give {}", expected));
    return std::nullopt;
  }
  if (value->kind != NodeKind::kScalar) {
    wrong_type(*value, key, expected);
    return std::nullopt;
  }
  return Scalar{value->text, value->quoted, place_of(*value)};
}

std::string Section::Impl::full_key(std::string_view key) const {
  if (key.empty()) return key_path;
  return key_path.empty() ? std::string(key) : fmt::format("{}.{}", key_path, key);
}

std::string Section::Impl::variable_name(std::string_view key) const {
  std::string name = variable->empty() ? std::string(detail::kVariablePrefix) : *variable + "__";
  for (const char c : key) {
    name += c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

Place Section::Impl::place_of(const Node& value) const {
  return {tree->file, value.line, value.column};
}

void Section::Impl::complain(Place place, std::string_view key, std::string message) {
  state->add({std::move(place), full_key(key), std::move(message)});
}

void Section::Impl::wrong_type(const Node& value, std::string_view key, std::string_view expected) {
  complain(place_of(value), key, fmt::format("expected {}, found {}", expected, found(value)));
}

// ---- Section

Section::Section(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

bool Section::has(std::string_view key) {
  if (impl_->ask(key, Nameable::kOther) != nullptr) return true;
  return impl_->variable && impl_->state->environment.count(impl_->variable_name(key)) > 0;
}

bool Section::present() const {
  return impl_->node != nullptr;
}

std::vector<std::string> Section::keys() const {
  std::vector<std::string> keys;
  if (impl_->node == nullptr) return keys;
  for (const detail::Entry& entry : impl_->node->entries) keys.push_back(entry.key);
  return keys;
}

bool Section::is_section(std::string_view key) const {
  const Node* value = impl_->peek(key);
  return value != nullptr && value->kind == NodeKind::kMap;
}

std::string Section::text(std::string_view key, const TextRule& rule) {
  const auto scalar = impl_->scalar(key, !rule.fallback, "a text");
  if (!scalar) return rule.fallback.value_or("");
  if (scalar->text.size() > rule.length_max) {
    impl_->complain(scalar->place, key,
                    fmt::format("is {} bytes long; at most {} are allowed", scalar->text.size(), rule.length_max));
    return rule.fallback.value_or("");
  }
  return scalar->text;
}

std::int64_t Section::integer(std::string_view key, const IntegerRule& rule) {
  const std::string expected = "a whole number" + range_text(rule);
  const std::int64_t fallback = rule.fallback.value_or(0);
  const auto scalar = impl_->scalar(key, !rule.fallback, expected);
  if (!scalar) return fallback;
  const auto value = scalar->quoted ? std::nullopt : core::parse_int(scalar->text);
  if (value && *value >= rule.low && *value <= rule.high) return *value;
  impl_->complain(scalar->place, key,
                  value ? fmt::format("{} is out of range; give {}", *value, expected)
                        : fmt::format("expected {}, found {}", expected, found(scalar->text, scalar->quoted)));
  return fallback;
}

double Section::number(std::string_view key, const NumberRule& rule) {
  const std::string expected = "a number" + range_text(rule);
  const double fallback = rule.fallback.value_or(0);
  const auto scalar = impl_->scalar(key, !rule.fallback, expected);
  if (!scalar) return fallback;
  const auto value = scalar->quoted ? std::nullopt : core::parse_double(scalar->text);
  if (value && *value >= rule.low && *value <= rule.high) return *value;
  impl_->complain(scalar->place, key,
                  value && std::isfinite(*value)
                      ? fmt::format("{} is out of range; give {}", plain(*value), expected)
                      : fmt::format("expected {}, found {}", expected, found(scalar->text, scalar->quoted)));
  return fallback;
}

bool Section::boolean(std::string_view key, std::optional<bool> fallback) {
  const auto scalar = impl_->scalar(key, !fallback, "true or false");
  if (!scalar) return fallback.value_or(false);
  if (!scalar->quoted && (scalar->text == "true" || scalar->text == "false")) return scalar->text == "true";
  impl_->complain(scalar->place, key,
                  fmt::format("expected true or false, found {}", found(scalar->text, scalar->quoted)));
  return fallback.value_or(false);
}

core::DurationNs Section::duration(std::string_view key, const DurationRule& rule) {
  const std::string expected = "a duration" + range_text(rule);
  const core::DurationNs fallback = rule.fallback.value_or(0);
  const auto scalar = impl_->scalar(key, !rule.fallback, expected + ", such as 100ms");
  if (!scalar) return fallback;
  if (core::parse_double(scalar->text)) {
    impl_->complain(scalar->place, key,
                    fmt::format("'{0}' has no unit; write a unit such as {0}ms or {0}s", scalar->text));
    return fallback;
  }
  const auto value = core::parse_duration(scalar->text);
  if (value && *value >= rule.low && *value <= rule.high) return *value;
  impl_->complain(scalar->place, key,
                  value ? fmt::format("{} is out of range; give {}", core::trim(scalar->text), expected)
                        : fmt::format("expected {}, found {}; write a number and one of ns, us, ms, s, min, h, d",
                                      expected, found(scalar->text, scalar->quoted)));
  return fallback;
}

std::uint64_t Section::bytes(std::string_view key, const SizeRule& rule) {
  const std::string expected = "a size" + range_text(rule);
  const std::uint64_t fallback = rule.fallback.value_or(0);
  const auto scalar = impl_->scalar(key, !rule.fallback, expected + ", such as 64MiB");
  if (!scalar) return fallback;
  const auto value = parse_size(scalar->text);
  if (value && *value >= rule.low && *value <= rule.high) return *value;
  impl_->complain(scalar->place, key,
                  value ? fmt::format("{} is out of range; give {}", core::trim(scalar->text), expected)
                        : fmt::format("expected {}, found {}; write bytes, or a number and one of kB, MB, GB, TB, "
                                      "KiB, MiB, GiB, TiB",
                                      expected, found(scalar->text, scalar->quoted)));
  return fallback;
}

std::size_t Section::choice(std::string_view key, std::span<const std::string_view> names,
                            std::optional<std::size_t> fallback) {
  const auto scalar = impl_->scalar(key, !fallback, "one of " + joined(names));
  if (!scalar) return fallback.value_or(0);
  const auto name = std::find(names.begin(), names.end(), scalar->text);
  if (name != names.end()) return static_cast<std::size_t>(name - names.begin());
  impl_->complain(scalar->place, key,
                  fmt::format("expected one of {}; found {}{}", joined(names), shown(scalar->text),
                              core::did_you_mean(scalar->text, names)));
  return fallback.value_or(0);
}

std::vector<double> Section::numbers(std::string_view key) {
  std::vector<double> numbers;
  const Node* list = impl_->ask(key, Nameable::kOther);
  if (list == nullptr) return numbers;
  if (list->kind != NodeKind::kList) {
    impl_->wrong_type(*list, key, "a list of numbers such as [0, 100]");
    return numbers;
  }
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    const Node& item = *list->items[i];
    const auto value =
        item.kind == NodeKind::kScalar && !item.quoted ? core::parse_double(item.text) : std::optional<double>();
    if (value && std::isfinite(*value)) {
      numbers.push_back(*value);
    } else {
      impl_->wrong_type(item, fmt::format("{}[{}]", key, i), "a number");
    }
  }
  return numbers;
}

std::vector<std::string> Section::texts(std::string_view key) {
  std::vector<std::string> texts;
  const Node* list = impl_->ask(key, Nameable::kOther);
  if (list == nullptr) return texts;
  if (list->kind != NodeKind::kList) {
    impl_->wrong_type(*list, key, "a list of texts such as [a, b]");
    return texts;
  }
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    const Node& item = *list->items[i];
    if (item.kind == NodeKind::kScalar) {
      texts.push_back(item.text);
    } else {
      impl_->wrong_type(item, fmt::format("{}[{}]", key, i), "a text");
    }
  }
  return texts;
}

std::map<std::int64_t, std::string> Section::names_by_number(std::string_view key) {
  std::map<std::int64_t, std::string> names;
  const Node* map = impl_->ask(key, Nameable::kOther);
  if (map == nullptr) return names;
  if (map->kind != NodeKind::kMap) {
    impl_->wrong_type(*map, key, "names by number such as {0: idle, 1: running}");
    return names;
  }
  for (const detail::Entry& entry : map->entries) {
    const std::string path = fmt::format("{}.{}", key, entry.key);
    const auto number = core::parse_int(entry.key);
    if (!number) {
      impl_->complain({impl_->tree->file, entry.line, entry.column}, path, "the key must be a whole number");
    } else if (entry.value->kind != NodeKind::kScalar) {
      impl_->wrong_type(*entry.value, path, "a text");
    } else if (!names.emplace(*number, entry.value->text).second) {
      impl_->complain({impl_->tree->file, entry.line, entry.column}, path,
                      fmt::format("the number {} has a name already", *number));
    }
  }
  return names;
}

Section Section::section(std::string_view key) {
  const Node* value = impl_->ask(key, Nameable::kOther);
  const bool mapping = value != nullptr && value->kind == NodeKind::kMap;
  auto child = Impl::make(impl_->state, impl_->tree, mapping ? value : nullptr);
  if (!mapping) child->origin = value != nullptr ? impl_->place_of(*value) : impl_->origin;
  if (value != nullptr && !mapping && value->kind != NodeKind::kNull) {
    child->broken = true;
    impl_->wrong_type(*value, key, "a mapping ('key: value' lines below it)");
  }
  child->broken = child->broken || impl_->broken;
  child->key_path = impl_->full_key(key);
  if (impl_->variable) child->variable = impl_->variable_name(key);
  return Section(std::move(child));
}

std::vector<Section> Section::sections(std::string_view key) {
  std::vector<Section> sections;
  const Node* list = impl_->ask(key, Nameable::kOther);
  if (list == nullptr || list->kind == NodeKind::kNull) return sections;
  if (list->kind != NodeKind::kList) {
    impl_->wrong_type(*list, key, "a list (each item begins with '- ')");
    return sections;
  }
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    const Node& item = *list->items[i];
    if (item.kind != NodeKind::kMap) {
      impl_->wrong_type(item, fmt::format("{}[{}]", key, i), "a mapping ('key: value' lines)");
      continue;
    }
    auto child = Impl::make(impl_->state, impl_->tree, &item);
    child->key_path = fmt::format("{}[{}]", impl_->full_key(key), i);
    sections.push_back(Section(std::move(child)));
  }
  return sections;
}

void Section::problem(std::string_view key, std::string message) {
  impl_->complain(place(key), key, std::move(message));
}

Place Section::place(std::string_view key) const {
  if (!key.empty() && impl_->variable && impl_->state->environment.count(impl_->variable_name(key)) > 0) {
    return {"environment variable " + impl_->variable_name(key)};
  }
  const Node* value = key.empty() ? nullptr : impl_->peek(key);
  return value == nullptr ? impl_->origin : impl_->place_of(*value);
}

std::string Section::json() const {
  return impl_->node == nullptr ? "{}" : to_json(*impl_->node).dump();
}

std::string Section::path() const {
  return impl_->key_path;
}

void Section::finish() {
  if (impl_->node != nullptr) {
    std::vector<std::string_view> known(impl_->names_asked.begin(), impl_->names_asked.end());
    for (std::size_t i = 0; i < impl_->asked.size(); ++i) {
      if (impl_->asked[i]) continue;
      const detail::Entry& entry = impl_->node->entries[i];
      std::string hint = core::did_you_mean(entry.key, known);
      if (entry.key == "<<") {
        hint = "; merge keys are not read: repeat the keys here";
      } else if (hint.empty()) {
        hint = known.empty() ? "; there are none here" : "; there are: " + joined(known);
      }
      impl_->complain({impl_->tree->file, entry.line, entry.column}, entry.key, "unknown key" + hint);
    }
  }
  if (impl_->is_root) impl_->state->check_environment();
}

}  // namespace millwright::config
