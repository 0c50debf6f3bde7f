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

}  // namespace

MqttClientOptions read_mqtt_client_options(config::Section& section, const std::string& directory,
                                           const std::string& name) {
  MqttClientOptions options;
  options.broker = mqtt::read_options(section, directory, "millwright-" + name);
  read_topics(section, options.topics);
  options.share = section.text("share", {.fallback = "", .length_max = 200});
  if (options.share.find_first_of("/+#") != std::string::npos) {
    section.problem("share", fmt::format("'{}' is no name of a group: no /, + or #", options.share));
  }
  options.status_topic = section.text("status_topic", {.fallback = ""});
  if (!options.status_topic.empty()) mqtt::check_topic(section, "status_topic", options.status_topic);
  options.time_unit = static_cast<protocol::UnsTime>(section.choice("time_unit", kTimeUnits, 0));
  options.session_expiry = section.duration(
      "session_expiry", {.fallback = options.session_expiry, .low = 0, .high = 365 * 24 * core::kHour});
  options.future_limit =
      section.duration("future_limit", {.fallback = options.future_limit, .low = 0, .high = 365 * 24 * core::kHour});
  options.payload_bytes_max = static_cast<std::uint32_t>(section.bytes(
      "payload_bytes_max", {.fallback = options.payload_bytes_max, .low = 1024, .high = std::size_t{64} << 20}));
  options.retry_min = section.duration(
      "retry_min", {.fallback = options.retry_min, .low = 10 * core::kMillisecond, .high = core::kHour});
  options.retry_max =
      section.duration("retry_max", {.fallback = options.retry_max, .low = options.retry_min, .high = core::kHour});
  return options;
}

}  // namespace millwright::connectors
