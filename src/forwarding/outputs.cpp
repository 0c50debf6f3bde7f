#include "forwarding/outputs.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/text.hpp"
#include "forwarding/copy_rows.hpp"
#include "forwarding/event_feed.hpp"
#include "historian/follower.hpp"

namespace millwright::forwarding {
namespace {

constexpr core::DurationNs kRetryOfReadings = core::kSecond;  // what is live shall be fresh soon after an outage
constexpr std::size_t kNameLongest = 63;

void check_name(config::Section& section, const std::string& name, std::map<std::string, std::string>& seen) {
  if (name.empty()) return;  // told already: the key is required
  if (!core::is_asset_name(name)) {
    section.problem("name", fmt::format("'{}' is not a name: lower-case letters, digits and single hyphens inside, "
                                        "at most {}",
                                        name, kNameLongest));
    return;
  }
  const auto [first, added] = seen.try_emplace(name, to_string(section.place("name")));
  if (!added) {
    section.problem("name", fmt::format("another output has the name '{}' already ({})", name, first->second));
  }
}

void read_lane(config::Section& section, LaneOptions& lane) {
  lane.retry_min =
      section.duration("retry_min", {.fallback = lane.retry_min, .low = 10 * core::kMillisecond, .high = core::kHour});
  lane.retry_max =
      section.duration("retry_max", {.fallback = lane.retry_max, .low = 10 * core::kMillisecond, .high = core::kHour});
  if (lane.retry_max < lane.retry_min) {
    section.problem("retry_max", "must not be shorter than retry_min");
    lane.retry_max = lane.retry_min;
  }
  lane.dead_letters_bytes = section.bytes("dead_letters", {.fallback = lane.dead_letters_bytes, .low = 1024});
}

// What a kind of output is made of: one line for each.
struct Reading {
  config::Section& section;
  const std::string directory;  // of the plant's file
  const std::string& node;
  const std::string& name;
};
using To = decltype(OutputOptions::to);
struct Kind {
  std::string_view name;
  bool readings;  // else changes of alarms
  To (*read)(const Reading&);
};
constexpr std::array kKinds{
    Kind{"mqtt", false,
         [](const Reading& r) -> To { return read_mqtt_options(r.section, r.directory, r.node, r.name); }},
    Kind{"redis", false, [](const Reading& r) -> To { return read_redis_options(r.section, r.directory); }},
    Kind{"webhook", false, [](const Reading& r) -> To { return read_webhook_options(r.section, r.directory); }},
    Kind{"kafka", true,
         [](const Reading& r) -> To {
           return read_kafka_options(r.section, r.directory, fmt::format("millwright-{}-{}", r.node, r.name));
         }},
    Kind{"postgres", true, [](const Reading& r) -> To { return read_postgres_options(r.section, r.directory); }},
};

const Kind* find_kind(config::Section& section, const std::string& name) {
  std::array<std::string_view, kKinds.size()> names;
  std::transform(kKinds.begin(), kKinds.end(), names.begin(), [](const Kind& kind) { return kind.name; });
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return &kKinds[static_cast<std::size_t>(found - names.begin())];
  if (!name.empty()) {
    section.problem("kind", fmt::format("there is no output '{}'{}; there are {}", name,
                                        core::did_you_mean(name, names), fmt::join(names, ", ")));
  }
  return nullptr;
}

std::unique_ptr<Transport> make(const MqttOptions& to, const OutputContext& context) {
  return make_mqtt_transport(to, context.model);
}
std::unique_ptr<Transport> make(const RedisOptions& to, const OutputContext& context) {
  return make_redis_transport(to, context.clock);
}
std::unique_ptr<Transport> make(const WebhookOptions& to, const OutputContext&) {
  return make_webhook_transport(to);
}
std::unique_ptr<Transport> make(const KafkaOptions& to, const OutputContext&) {
  return make_kafka_transport(to);
}
std::unique_ptr<Transport> make(const PostgresOptions& to, const OutputContext&) {
  return make_postgres_transport(to);
}

std::unique_ptr<RowFormat> make_rows(const To& to) {
  if (std::holds_alternative<PostgresOptions>(to)) return std::make_unique<CopyRows>();
  return std::make_unique<JsonRows>();
}

}  // namespace

std::vector<OutputOptions> read_options(config::Document& document, config::Section root, const std::string& node) {
  std::vector<OutputOptions> all;
  std::map<std::string, std::string> names;
  for (config::Section& section : root.sections("outputs")) {
    OutputOptions options;
    options.lane.name = section.text("name", {.fallback = std::nullopt, .length_max = kNameLongest});
    check_name(section, options.lane.name, names);
    options.lane.kind = section.text("kind");
    const Kind* kind = find_kind(section, options.lane.kind);
    if (kind == nullptr) continue;  // what its keys mean nobody knows, so finish() would only add noise
    options.to = kind->read({section, document.directory(), node, options.lane.name});
    if (kind->readings) {
      options.readings = read_readings_options(section);
      options.lane.retry_max = kRetryOfReadings;
    }
    read_lane(section, options.lane);
    section.finish();
    all.push_back(std::move(options));
  }
  return all;
}

core::Result<std::unique_ptr<Feed>> Outputs::open_feed(const OutputOptions& options, const std::string& directory,
                                                       const OutputContext& context) {
  const std::string& name = options.lane.name;
  if (!options.readings) return EventFeed::open(source_, context.files, context.clock, directory, name);
  return ReadingsFeed::open(
      *options.readings, context.history.follow(), make_rows(options.to),
      {.files = context.files, .clock = context.clock, .directory = directory, .name = name, .stream = context.node});
}

core::Result<std::unique_ptr<Outputs>> Outputs::open(const std::vector<OutputOptions>& options,
                                                     const std::string& directory, const OutputContext& context) {
  std::unique_ptr<Outputs> outputs(new Outputs(context));
  for (const OutputOptions& one : options) {
    const std::string folder = directory + "/" + one.lane.name;
    auto feed = outputs->open_feed(one, folder, context);
    if (!feed) return core::unexpected(feed.error().within("output " + one.lane.name));
    auto transport = std::visit([&](const auto& to) { return make(to, context); }, one.to);
    outputs->lanes_.push_back(std::make_unique<Lane>(one.lane, folder, std::move(*feed), std::move(transport),
                                                     context.files, context.clock, context.metrics));
  }
  return outputs;
}

void Outputs::start() {
  for (const auto& lane : lanes_) lane->start();
}

void Outputs::stop() {
  for (const auto& lane : lanes_) lane->begin_stop();
  for (const auto& lane : lanes_) lane->stop();
}

void Outputs::wake() {
  for (const auto& lane : lanes_) lane->wake();
}

std::vector<LaneStatus> Outputs::status() const {
  std::vector<LaneStatus> all;
  for (const auto& lane : lanes_) all.push_back(lane->status());
  return all;
}

}  // namespace millwright::forwarding
