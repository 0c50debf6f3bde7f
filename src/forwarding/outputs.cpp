#include "forwarding/outputs.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config/unique_name.hpp"
#include "core/text.hpp"
#include "forwarding/copy_rows.hpp"
#include "forwarding/event_feed.hpp"
#include "forwarding/line_rows.hpp"
#include "forwarding/sensor_lines.hpp"
#include "historian/follower.hpp"
#include "mqtt/publisher.hpp"

namespace millwright::forwarding {
namespace {

constexpr core::DurationNs kRetryOfReadings = core::kSecond;  // what is live shall be fresh soon after an outage

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

// What a kind of output is made of: one line for each, and for each thing it may carry. The first of a kind is what it
// carries where nothing is said.
struct Reading {
  config::Section& section;
  const std::string directory;  // of the plant's file
  const std::string& node;
  const std::string& name;
};
using To = decltype(OutputOptions::to);
struct Kind {
  std::string_view name;
  std::string_view content;
  To (*read)(const Reading&);
};
constexpr std::string_view kAlarms = "alarms";
constexpr std::string_view kReadings = "readings";
constexpr std::string_view kLatest = "latest";
constexpr std::array kKinds{
    Kind{"mqtt", kAlarms,
         [](const Reading& r) -> To { return read_mqtt_options(r.section, r.directory, r.node, r.name); }},
    Kind{"mqtt", kReadings,
         [](const Reading& r) -> To { return read_uns_options(r.section, r.directory, r.node, r.name); }},
    Kind{"redis", kAlarms, [](const Reading& r) -> To { return read_redis_options(r.section, r.directory); }},
    Kind{"redis", kLatest, [](const Reading& r) -> To { return read_redis_latest_options(r.section, r.directory); }},
    Kind{"webhook", kAlarms, [](const Reading& r) -> To { return read_webhook_options(r.section, r.directory); }},
    Kind{"kafka", kReadings,
         [](const Reading& r) -> To {
           return read_kafka_options(r.section, r.directory, fmt::format("millwright-{}-{}", r.node, r.name));
         }},
    Kind{"postgres", kReadings, [](const Reading& r) -> To { return read_postgres_options(r.section, r.directory); }},
    Kind{"influx", kReadings, [](const Reading& r) -> To { return read_line_options(r.section, r.directory); }},
    Kind{"sparkplug", kReadings,
         [](const Reading& r) -> To { return read_sparkplug_edge_options(r.section, r.directory, r.node, r.name); }},
};

const Kind* find_kind(config::Section& section, const std::string& name) {
  std::vector<std::string_view> names;
  std::vector<const Kind*> found;
  for (const Kind& kind : kKinds) {
    if (names.empty() || names.back() != kind.name) names.push_back(kind.name);
    if (kind.name == name) found.push_back(&kind);
  }
  if (!found.empty()) {
    std::vector<std::string_view> contents;
    for (const Kind* kind : found) contents.push_back(kind->content);
    return found[section.choice("content", contents, 0)];
  }
  if (!name.empty()) {
    section.problem("kind", fmt::format("there is no output '{}'{}; there are {}", name,
                                        core::did_you_mean(name, names), fmt::join(names, ", ")));
  }
  return nullptr;
}

void read_content(config::Section& section, std::string_view content, OutputOptions& options) {
  static constexpr std::array<std::string_view, 2> kTiers{"raw", "1s"};
  if (content == kLatest) options.content = read_latest_options(section);
  if (content != kAlarms) options.lane.retry_max = kRetryOfReadings;
  if (content != kReadings) return;
  ReadingsOptions readings = read_readings_options(section);
  if (std::holds_alternative<KafkaOptions>(options.to)) {
    readings.tier = static_cast<Tier>(section.choice("tier", kTiers, 0));
  }
  options.content = std::move(readings);
}

// ---- what each kind sends with --------------------------------------------------------------------------------------

struct Making {
  const OutputOptions& options;
  const OutputContext& context;
  const std::string& directory;  // the output's own
};

std::unique_ptr<Transport> make(const MqttOptions& to, const Making& m) {
  return make_mqtt_transport(to, m.context.model);
}
std::unique_ptr<Transport> make(const UnsOptions& to, const Making& m) {
  return make_uns_transport(to, m.context.model);
}
std::unique_ptr<Transport> make(const RedisOptions& to, const Making&) {
  return make_redis_transport(to);
}
std::unique_ptr<Transport> make(const RedisLatestOptions& to, const Making&) {
  return make_redis_latest_transport(to);
}
std::unique_ptr<Transport> make(const WebhookOptions& to, const Making&) {
  return make_webhook_transport(to);
}
std::unique_ptr<Transport> make(const KafkaOptions& to, const Making&) {
  return make_kafka_transport(to);
}
std::unique_ptr<Transport> make(const PostgresOptions& to, const Making&) {
  return make_postgres_transport(to);
}
std::unique_ptr<Transport> make(const LineOptions& to, const Making&) {
  return make_line_transport(to);
}
std::unique_ptr<Transport> make(const SparkplugEdgeOptions& to, const Making& m) {
  return make_sparkplug_transport(to, {.model = m.context.model,
                                       .live = m.context.live,
                                       .rules = std::get<ReadingsOptions>(m.options.content).rules,
                                       .files = m.context.files,
                                       .clock = m.context.clock,
                                       .directory = m.directory});
}

std::unique_ptr<RowFormat> make_rows(const To& to) {
  if (std::holds_alternative<PostgresOptions>(to)) return std::make_unique<CopyRows>();
  if (std::holds_alternative<UnsOptions>(to)) return std::make_unique<UnsRows>();
  if (const auto* line = std::get_if<LineOptions>(&to)) return std::make_unique<LineRows>(line->measurement);
  return std::make_unique<JsonRows>();
}

// ---- whether it is there --------------------------------------------------------------------------------------------

bool never() {
  return false;
}

// Under a name of its own, so that the plant's session stays as it is.
core::Result<std::string> probe(mqtt::Options broker) {
  broker.client_id += "-doctor";
  const auto publisher = mqtt::Publisher::open(broker, {}, never);
  if (!publisher) return core::unexpected(publisher.error());
  return mqtt::to_string(broker) + " takes the connection; whether we may publish shows only when we do";
}
core::Result<std::string> probe(const MqttOptions& to) {
  return probe(to.broker);
}
core::Result<std::string> probe(const UnsOptions& to) {
  return probe(to.link.broker);
}
core::Result<std::string> probe(const SparkplugEdgeOptions& to) {
  return probe(to.broker);
}
core::Result<std::string> probe(Transport& transport) {
  if (auto up = transport.connect(never); !up) return core::unexpected(up.error());
  return transport.peer() + " answers";
}
core::Result<std::string> probe(const RedisOptions& to) {
  return probe(*make_redis_transport(to));
}
core::Result<std::string> probe(const RedisLatestOptions& to) {
  return probe(*make_redis_latest_transport(to));
}
core::Result<std::string> probe(const KafkaOptions& to) {
  return probe(*make_kafka_transport(to));
}
core::Result<std::string> probe(const LineOptions& to) {
  return probe(*make_line_transport(to));
}
core::Result<std::string> probe(const PostgresOptions& to) {
  return probe_postgres(to);
}
core::Result<std::string> probe(const WebhookOptions& to) {
  return probe_webhook(to);
}

}  // namespace

std::vector<OutputOptions> read_options(config::Document& document, config::Section root, const std::string& node) {
  std::vector<OutputOptions> all;
  config::UniqueNames names("output");
  for (config::Section& section : root.sections("outputs")) {
    OutputOptions options;
    options.lane.name = names.read(section);
    options.lane.kind = section.text("kind");
    const Kind* kind = find_kind(section, options.lane.kind);
    if (kind == nullptr) continue;  // what its keys mean nobody knows, so finish() would only add noise
    options.to = kind->read({section, document.directory(), node, options.lane.name});
    read_content(section, kind->content, options);
    read_lane(section, options.lane);
    section.finish();
    all.push_back(std::move(options));
  }
  return all;
}

core::Result<std::string> probe(const OutputOptions& options) {
  return std::visit([](const auto& to) { return probe(to); }, options.to);
}

core::Result<std::unique_ptr<Feed>> Outputs::open_feed(const OutputOptions& options, const std::string& directory,
                                                       const OutputContext& context) {
  const std::string& name = options.lane.name;
  if (const auto* latest = std::get_if<LatestOptions>(&options.content)) {
    if (auto made = context.files.make_directories(directory); !made) return core::unexpected(made.error());
    return std::unique_ptr<Feed>(
        std::make_unique<LatestFeed>(*latest, context.model, context.live, context.history.texts()));
  }
  const auto* readings = std::get_if<ReadingsOptions>(&options.content);
  if (readings == nullptr) return EventFeed::open(source_, context.files, context.clock, directory, name);
  return ReadingsFeed::open(*readings, context.history.follow(), make_rows(options.to),
                            {.files = context.files,
                             .clock = context.clock,
                             .directory = directory,
                             .name = name,
                             .stream = context.node,
                             .seconds = &seconds_});
}

core::Result<std::unique_ptr<Outputs>> Outputs::open(const std::vector<OutputOptions>& options,
                                                     const std::string& directory, const OutputContext& context) {
  std::unique_ptr<Outputs> outputs(new Outputs(context));
  for (const OutputOptions& one : options) {
    const std::string folder = directory + "/" + one.lane.name;
    auto feed = outputs->open_feed(one, folder, context);
    if (!feed) return core::unexpected(feed.error().within("output " + one.lane.name));
    auto transport = std::visit([&](const auto& to) { return make(to, {one, context, folder}); }, one.to);
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
