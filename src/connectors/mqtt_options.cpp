#include "connectors/mqtt_options.hpp"

#include <array>

#include <fmt/format.h>

namespace millwright::connectors {
namespace {

// In the order of protocol::UnsTime.
constexpr std::array<std::string_view, 5> kTimeUnits{"auto", "s", "ms", "us", "ns"};

void read_topics(config::Section& section, std::vector<protocol::TopicPattern>& topics) {
  for (const std::string& text : section.texts("topics")) {
    auto pattern = protocol::TopicPattern::parse(text);
    if (pattern) {
      topics.push_back(std::move(*pattern));
    } else {
      section.problem("topics", pattern.error().message);
    }
  }
  if (topics.empty()) {
    section.problem("topics", "no topics; list them, such as \"{enterprise}/{site}/{area}/{line}/{cell}/{machine}/#\"");
  }
}

// `link` holds what counts where nothing is said.
void read_link(config::Section& section, const std::string& directory, const std::string& name, MqttLinkOptions& link) {
  link.broker = mqtt::read_options(section, directory, "millwright-" + name);
  link.session_expiry =
      section.duration("session_expiry", {.fallback = link.session_expiry, .low = 0, .high = 365 * 24 * core::kHour});
  link.future_limit =
      section.duration("future_limit", {.fallback = link.future_limit, .low = 0, .high = 365 * 24 * core::kHour});
  link.payload_bytes_max = static_cast<std::uint32_t>(section.bytes(
      "payload_bytes_max", {.fallback = link.payload_bytes_max, .low = 1024, .high = std::size_t{64} << 20}));
  link.retry_min =
      section.duration("retry_min", {.fallback = link.retry_min, .low = 10 * core::kMillisecond, .high = core::kHour});
  link.retry_max =
      section.duration("retry_max", {.fallback = link.retry_max, .low = link.retry_min, .high = core::kHour});
}

// One level of a topic, and no wildcard.
void check_level(config::Section& section, const char* key, const std::string& level) {
  if (!level.empty() && level.find_first_of("/+#") == std::string::npos) return;
  section.problem(key, fmt::format("'{}' is no name in Sparkplug: not empty, no /, + or #", level));
}

}  // namespace

MqttClientOptions read_mqtt_client_options(config::Section& section, const std::string& directory,
                                           const std::string& name) {
  MqttClientOptions options;
  read_link(section, directory, name, options.link);
  read_topics(section, options.topics);
  options.share = section.text("share", {.fallback = "", .length_max = 200});
  if (options.share.find_first_of("/+#") != std::string::npos) {
    section.problem("share", fmt::format("'{}' is no name of a group: no /, + or #", options.share));
  }
  options.status_topic = section.text("status_topic", {.fallback = ""});
  if (!options.status_topic.empty()) mqtt::check_topic(section, "status_topic", options.status_topic);
  options.time_unit = static_cast<protocol::UnsTime>(section.choice("time_unit", kTimeUnits, 0));
  return options;
}

SparkplugOptions read_sparkplug_options(config::Section& section, const std::string& directory,
                                        const std::string& name) {
  SparkplugOptions options;
  options.link.session_expiry = 0;  // the specification asks for a clean session
  options.link.payload_bytes_max = 4 << 20;
  read_link(section, directory, name, options.link);
  options.host_id = section.text("host_id", {.fallback = "millwright", .length_max = 200});
  check_level(section, "host_id", options.host_id);
  if (section.has("groups")) options.groups = section.texts("groups");
  for (const std::string& group : options.groups) check_level(section, "groups", group);
  options.old_state = section.boolean("state_2_2", options.old_state);
  options.reorder_timeout = section.duration(
      "reorder_timeout", {.fallback = options.reorder_timeout, .low = 10 * core::kMillisecond, .high = core::kMinute});
  options.rebirth_interval = section.duration(
      "rebirth_interval", {.fallback = options.rebirth_interval, .low = 100 * core::kMillisecond, .high = core::kHour});
  return options;
}

}  // namespace millwright::connectors
