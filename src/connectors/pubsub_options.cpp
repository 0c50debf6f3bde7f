// A PubSub connector's part of the plant's file.
#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include <fmt/format.h>

#include "connectors/pubsub_client.hpp"

namespace millwright::connectors {
namespace {

namespace uadp = protocol::uadp;
using config::Section;

constexpr std::int64_t kIdMax = 65'535;
constexpr std::int64_t kTokenMax = 0xFFFF'FFFF;

std::vector<PubSubField> read_fields(Section& section) {
  std::vector<PubSubField> fields;
  std::set<std::string> names;
  const auto types = uadp::type_names();
  for (Section& one : section.sections("fields")) {
    PubSubField field;
    field.name = one.text("name", {.fallback = std::nullopt, .length_max = 200});
    if (!names.insert(field.name).second) one.problem("name", fmt::format("there is a field '{}' already", field.name));
    if (one.has("type")) field.type = uadp::parse_type(types[one.choice("type", types, 0)]);
    one.finish();
    fields.push_back(std::move(field));
  }
  return fields;
}

PubSubWriter read_writer(Section& section) {
  PubSubWriter writer;
  writer.id = static_cast<std::uint16_t>(section.integer("id", {.fallback = std::nullopt, .low = 1, .high = kIdMax}));
  writer.name = section.text("name", {.fallback = std::to_string(writer.id), .length_max = 200});
  if (writer.name.empty() || writer.name.find('/') != std::string::npos) {
    section.problem("name", "may not be empty or hold a '/': addresses are split there");
  }
  writer.fields = read_fields(section);
  section.finish();
  return writer;
}

// A number, or a text.
std::variant<std::monostate, std::uint64_t, std::string> read_publisher(Section& section) {
  if (!section.has("publisher")) return {};
  std::string text = section.text("publisher", {.fallback = "", .length_max = 1024});
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number;
  return text;
}

void read_security(Section& section, const std::string& directory, PubSubOptions& options) {
  constexpr std::array<std::string_view, 3> kModes{"none", "sign", "encrypt"};
  options.security = static_cast<uadp::Security>(section.choice("security", kModes, 0));
  std::set<std::uint32_t> tokens;
  for (Section& one : section.sections("keys")) {
    PubSubOptions::Key key;
    key.token =
        static_cast<std::uint32_t>(one.integer("token", {.fallback = std::nullopt, .low = 0, .high = kTokenMax}));
    if (!tokens.insert(key.token).second) one.problem("token", fmt::format("there is a key of {} already", key.token));
    key.key = read_secret(one, "key", directory);
    if (!key.key.given()) one.problem("key_file", "name the file that holds the key, in hexadecimal");
    one.finish();
    options.keys.push_back(std::move(key));
  }
  if (options.security != uadp::Security::kNone && options.keys.empty()) {
    section.problem("security", "secured messages need keys: list them in `keys`, each with its token and key_file");
  }
}

}  // namespace

PubSubOptions read_pubsub_options(Section& section, const std::string& directory) {
  PubSubOptions options;
  options.address = section.text("address");
  options.port =
      static_cast<std::uint16_t>(section.integer("port", {.fallback = options.port, .low = 1, .high = 65535}));
  options.interface = section.text("interface", {.fallback = ""});
  options.publisher = read_publisher(section);
  if (section.has("group")) {
    options.group = static_cast<std::uint16_t>(section.integer("group", {.fallback = 1, .low = 0, .high = kIdMax}));
  }
  read_security(section, directory, options);
  options.timeout = section.duration(
      "timeout", {.fallback = options.timeout, .low = 10 * core::kMillisecond, .high = 24 * core::kHour});
  options.future_limit =
      section.duration("future_limit", {.fallback = options.future_limit, .low = 0, .high = 365 * 24 * core::kHour});
  std::set<std::string> names;
  std::set<std::uint16_t> ids;
  for (Section& one : section.sections("writers")) {
    options.writers.push_back(read_writer(one));
    const PubSubWriter& writer = options.writers.back();
    if (!ids.insert(writer.id).second) one.problem("id", fmt::format("there is a writer {} already", writer.id));
    if (!names.insert(writer.name).second) {
      one.problem("name", fmt::format("there is a writer '{}' already", writer.name));
    }
  }
  if (options.writers.empty())
    section.problem("writers", "no writers; list them by the ids that the publisher gives them");
  return options;
}

}  // namespace millwright::connectors
