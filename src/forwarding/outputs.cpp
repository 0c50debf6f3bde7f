#include "forwarding/outputs.hpp"

#include <array>
#include <map>
#include <type_traits>

#include <fmt/format.h>

#include "core/text.hpp"
#include "forwarding/event_feed.hpp"
#include "historian/follower.hpp"

namespace millwright::forwarding {
namespace {

constexpr std::array<std::string_view, 4> kKinds{"mqtt", "redis", "webhook", "kafka"};
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

std::unique_ptr<Transport> make_transport(const OutputOptions& options, const OutputContext& context) {
  return std::visit(
      [&](const auto& to) -> std::unique_ptr<Transport> {
        using Options = std::decay_t<decltype(to)>;
        if constexpr (std::is_same_v<Options, MqttOptions>) {
          return make_mqtt_transport(to, context.model);
        } else if constexpr (std::is_same_v<Options, RedisOptions>) {
          return make_redis_transport(to, context.clock);
        } else if constexpr (std::is_same_v<Options, KafkaOptions>) {
          return make_kafka_transport(to);
        } else {
          return make_webhook_transport(to);
        }
      },
      options.to);
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
    if (options.lane.kind == kKinds[0]) {
      options.to = read_mqtt_options(section, document.directory(), node, options.lane.name);
    } else if (options.lane.kind == kKinds[1]) {
      options.to = read_redis_options(section, document.directory());
    } else if (options.lane.kind == kKinds[2]) {
      options.to = read_webhook_options(section, document.directory());
    } else if (options.lane.kind == kKinds[3]) {
      options.to =
          read_kafka_options(section, document.directory(), fmt::format("millwright-{}-{}", node, options.lane.name));
      options.readings = read_readings_options(section);
    } else {
      if (!options.lane.kind.empty()) {
        section.problem("kind", fmt::format("there is no output '{}'{}; there are {}", options.lane.kind,
                                            core::did_you_mean(options.lane.kind, kKinds), fmt::join(kKinds, ", ")));
      }
      continue;  // what its keys mean nobody knows, so finish() would only add noise
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
      *options.readings, context.history.follow(), std::make_unique<JsonRows>(),
      {.files = context.files, .clock = context.clock, .directory = directory, .name = name, .stream = context.node});
}

core::Result<std::unique_ptr<Outputs>> Outputs::open(const std::vector<OutputOptions>& options,
                                                     const std::string& directory, const OutputContext& context) {
  std::unique_ptr<Outputs> outputs(new Outputs(context));
  for (const OutputOptions& one : options) {
    const std::string folder = directory + "/" + one.lane.name;
    auto feed = outputs->open_feed(one, folder, context);
    if (!feed) return core::unexpected(feed.error().within("output " + one.lane.name));
    outputs->lanes_.push_back(std::make_unique<Lane>(one.lane, folder, std::move(*feed), make_transport(one, context),
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
