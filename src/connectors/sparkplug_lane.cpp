#include "connectors/sparkplug_lane.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "connectors/sparkplug_command.hpp"
#include "core/texts.hpp"
#include "protocol/sparkplug_state.hpp"
#include "protocol/sparkplug_structure.hpp"

namespace millwright::connectors {
namespace {

namespace spb = protocol::sparkplug;

using core::BatchPurpose;
using core::TimeNs;

constexpr core::DurationNs kTickEvery = 50 * core::kMillisecond;
constexpr std::size_t kMissingTold = 5;
constexpr std::uint64_t kQualityGood = 192;
constexpr std::uint64_t kQualityStale = 500;

// Of the property "Quality"; Sparkplug knows three.
core::Quality to_quality(const spb::Metric& metric) {
  if (!metric.quality || *metric.quality == kQualityGood) return core::kGood;
  return *metric.quality == kQualityStale ? core::kUncertainLastUsable : core::kBad;
}

std::string place_of(std::string_view node, std::string_view device) {
  return device.empty() ? std::string(node) : fmt::format("{}/{}", node, device);
}

}  // namespace

// ---- one node -------------------------------------------------------------------------------------------------------

class SparkplugLane::Node final : public spb::SessionEvents {
 public:
  Node(SparkplugLane& host, std::string name)
      : host_(host),
        name_(std::move(name)),
        session_({.reorder = host.options_.reorder_timeout,
                  .rebirth_every = host.options_.rebirth_interval,
                  .unpacked_bytes_max = host.options_.link.payload_bytes_max},
                 *this) {}

  core::Status take(const spb::Topic& topic, std::string_view payload) {
    received_ = host_.context_.clock.now();
    auto taken = session_.take(topic, payload, host_.context_.clock.monotonic(), received_);
    count();
    return taken;
  }
  void tick(TimeNs now) {
    session_.tick(now);
    count();
  }
  void forget(TimeNs now) { session_.forget(now); }
  void ask(TimeNs now) {
    if (!session_.alive()) session_.want_rebirth(now);
  }
  [[nodiscard]] std::optional<spb::DataType> type_of(std::string_view device, const std::string& metric) const {
    return session_.type_of(device, metric);
  }

 private:
  using Sensors = std::vector<const asset::Sensor*>;
  struct Target {
    Sensors sensors;
    std::unordered_map<std::string, Sensors> parts;  // of a metric that has some: by "metric/member"
    bool parts_known = false;
    bool told = false;  // that it is a structure and nobody's
  };
  using Known = std::unordered_map<std::string, Target>;  // by metric
  // Of an update, or of one of its parts.
  struct Value {
    std::string_view name;
    LaneValue value;
    core::Quality quality;
    TimeNs time = 0;
    bool late = false;  // not of now, so for history alone
  };

  void update(const spb::Update& update) override;
  void born(std::string_view device, const spb::Payload& payload) override;
  void dead(std::string_view device) override;
  void ask_rebirth() override { host_.asked_.push_back(name_); }

  Target& target_of(std::string_view device, std::string_view metric);
  void know_parts(Target& target, std::string_view device, std::string_view metric);
  void put_structure(const spb::Update& update, Target& target);
  void put_part(const spb::Update& update, const spb::Part& part, const Sensors& sensors);
  // What a metric or a part says, as text where it is no single value.
  std::optional<LaneValue> value_of(const spb::Update& update, const spb::Part& part);
  void put(const spb::Update& update, const Value& value, const asset::Sensor& sensor);
  void refuse(const spb::Update& update, Refusal why, const std::string& what);
  void say_dead(const Known& known);
  void count();

  SparkplugLane& host_;
  const std::string name_;  // "group/node"
  spb::Session session_;
  TimeNs received_ = 0;
  std::string text_;                                 // what the value that is being put points into
  std::map<std::string, Known, std::less<>> known_;  // by device
  std::uint64_t told_unknown_ = 0;                   // of the session's counts: what has been counted
  std::uint64_t told_repeated_ = 0;
  std::uint64_t told_missing_ = 0;
};

void SparkplugLane::Node::update(const spb::Update& update) {
  if (!host_.awaited_.empty() && !update.unborn) host_.settle(name_, update);
  Target& target = target_of(update.device, update.name);
  if (!spb::is_scalar(update.type)) return put_structure(update, target);
  if (target.sensors.empty()) return host_.counters_.unmapped.Increment();
  const Value value{.name = update.name,
                    .value = spb::interpret(update.metric.value, update.type),
                    .quality = to_quality(update.metric),
                    .time = update.time,
                    .late = update.metric.historical};
  for (const asset::Sensor* sensor : target.sensors) put(update, value, *sensor);
}

void SparkplugLane::Node::put_structure(const spb::Update& update, Target& target) {
  know_parts(target, update.device, update.name);
  if (target.sensors.empty() && target.parts.empty()) {
    host_.counters_.passed_over.Increment();
    if (std::exchange(target.told, true) || spb::is_definition(update.metric, update.type)) return;
    return host_.lane_.tell(place_of(name_, update.device),
                            fmt::format("the metric '{}' is {}, and no sensor's address names it or a part of it",
                                        update.name, spb::name_of(update.type)));
  }
  const spb::Part whole{update.name, update.type, update.metric};
  if (!target.sensors.empty()) put_part(update, whole, target.sensors);
  if (target.parts.empty()) return;
  if (update.metric.null) {
    for (const auto& [name, sensors] : target.parts) put_part(update, {name, update.type, update.metric}, sensors);
    return;
  }
  const auto done = spb::for_each_part(update.name, update.metric, update.type, [&](const spb::Part& part) {
    const auto wanted = target.parts.find(std::string(part.name));
    if (wanted != target.parts.end()) put_part(update, part, wanted->second);
  });
  if (!done) refuse(update, Refusal::kMalformed, fmt::format("the metric '{}': {}", update.name, done.error().message));
}

void SparkplugLane::Node::put_part(const spb::Update& update, const spb::Part& part, const Sensors& sensors) {
  const auto value = value_of(update, part);
  if (!value) return;
  const Value put_value{.name = part.name,
                        .value = *value,
                        .quality = to_quality(update.metric).worse(to_quality(part.metric)),
                        .time = part.metric.time.value_or(update.time),
                        .late = update.metric.historical || part.metric.historical};
  for (const asset::Sensor* sensor : sensors) put(update, put_value, *sensor);
}

std::optional<LaneValue> SparkplugLane::Node::value_of(const spb::Update& update, const spb::Part& part) {
  if (part.metric.null) return LaneValue{};
  if (part.metric.content != spb::Metric::Content::kNone) {
    auto text = spb::to_text(part.metric, part.type);
    if (!text) {
      refuse(update, Refusal::kMalformed, fmt::format("the metric '{}': {}", part.name, text.error().message));
      return std::nullopt;
    }
    text_ = std::move(*text);
    return LaneValue(std::string_view(text_));
  }
  const bool says = part.type != spb::DataType::kUnknown;
  const auto type = says ? part.type : session_.type_of_part(update.device, std::string(part.name));
  if (type == spb::DataType::kUnknown && std::holds_alternative<std::uint64_t>(part.metric.value)) {
    refuse(update, Refusal::kUnknownAddress, fmt::format("neither '{}' nor its birth says what type it is", part.name));
    return std::nullopt;
  }
  return spb::interpret(part.metric.value, type);
}

// What a node that is not born says is not known to be true now: it is kept, and makes nothing good.
void SparkplugLane::Node::put(const spb::Update& update, const Value& value, const asset::Sensor& sensor) {
  const bool late = value.late || update.unborn;
  TimeNs& last = host_.last_[sensor.id.value];
  if (value.late) host_.counters_.historical.Increment();
  if ((late || update.birth) && value.time == last) {
    // History has it; that it is true now may be news.
    if (!late) host_.confirmed_[value.quality.code].push_back(&sensor);
    return;
  }
  const bool doubted = update.unborn && !value.late;
  const bool fits = host_.lane_.put(sensor, {.value = value.value,
                                             .quality = doubted ? value.quality.worse(core::kUncertain) : value.quality,
                                             .time = value.time,
                                             .received = received_,
                                             .purpose = late ? BatchPurpose::kBackfill : BatchPurpose::kReadings});
  if (!fits) {
    const auto* text = std::get_if<std::string_view>(&value.value);
    const bool longer = text != nullptr && text->size() > core::kTextBytesMax && sensor.type == core::ValueType::kText;
    const std::string why = longer ? fmt::format(": its {} bytes are more than {}", text->size(), core::kTextBytesMax)
                                   : fmt::format(", which is {}", core::to_string(sensor.type));
    return refuse(update, Refusal::kWrongType,
                  fmt::format("the metric '{}' does not fit into {}{}", value.name, sensor.path, why));
  }
  if (!late) last = value.time;
}

void SparkplugLane::Node::refuse(const spb::Update& update, Refusal why, const std::string& what) {
  host_.lane_.refuse(why, place_of(name_, update.device), what);
}

// Tells which sensors will stay without readings, for their metrics are not there.
void SparkplugLane::Node::born(std::string_view device, const spb::Payload& payload) {
  std::unordered_set<std::string> there;
  for (const spb::Metric& metric : payload.metrics) {
    there.insert(std::string(metric.name));
    if (metric.name.empty() || metric.content == spb::Metric::Content::kNone) continue;
    Target& target = target_of(device, metric.name);
    know_parts(target, device, metric.name);
    if (target.parts.empty()) continue;
    static_cast<void>(spb::for_each_part(metric.name, metric, metric.type,
                                         [&](const spb::Part& part) { there.insert(std::string(part.name)); }));
  }
  std::vector<std::string_view> missing;
  for (const std::string& metric : host_.targets_.metrics_of(name_, device)) {
    if (there.count(metric) == 0) missing.push_back(metric);
  }
  if (missing.empty()) return;
  const std::size_t count = missing.size();
  missing.resize(std::min(count, kMissingTold));
  host_.lane_.tell(place_of(name_, device), fmt::format("its birth has no metric '{}'{}", fmt::join(missing, "', '"),
                                                        count > kMissingTold ? " and others" : ""));
}

void SparkplugLane::Node::dead(std::string_view device) {
  if (device.empty()) {
    for (const auto& [name, known] : known_) say_dead(known);
  } else if (const auto known = known_.find(device); known != known_.end()) {
    say_dead(known->second);
  }
}

void SparkplugLane::Node::say_dead(const Known& known) {
  Sensors all;
  for (const auto& [metric, target] : known) {
    all.insert(all.end(), target.sensors.begin(), target.sensors.end());
    for (const auto& [part, sensors] : target.parts) all.insert(all.end(), sensors.begin(), sensors.end());
  }
  if (!all.empty()) host_.lane_.say(all, core::kBadNoCommunication);
}

SparkplugLane::Node::Target& SparkplugLane::Node::target_of(std::string_view device, std::string_view metric) {
  auto of_device = known_.find(device);
  if (of_device == known_.end()) of_device = known_.try_emplace(std::string(device)).first;
  Known& known = of_device->second;
  const std::string name(metric);
  if (const auto found = known.find(name); found != known.end()) return found->second;
  if (known.size() >= kMetricsKnownMax) known.clear();
  Target& target = known[name];
  target.sensors = host_.targets_.find(name_, device, metric);
  return target;
}

void SparkplugLane::Node::know_parts(Target& target, std::string_view device, std::string_view metric) {
  if (std::exchange(target.parts_known, true)) return;
  for (auto& part : host_.targets_.parts_of(name_, device, std::string(metric))) {
    auto& sensors = target.parts[part.name];
    sensors.insert(sensors.end(), part.sensors.begin(), part.sensors.end());
  }
}

void SparkplugLane::Node::count() {
  const auto counted = [](core::Counter& counter, std::uint64_t now, std::uint64_t& told) {
    if (now != told) counter.Increment(static_cast<double>(now - std::exchange(told, now)));
  };
  const std::uint64_t unknown = session_.dropped() - told_unknown_;
  if (unknown != 0) {
    host_.lane_.refuse(Refusal::kUnknownAddress, name_, "data by an alias that no birth has told", unknown);
  }
  told_unknown_ += unknown;
  counted(host_.counters_.repeated, session_.repeated(), told_repeated_);
  counted(host_.counters_.missing, session_.missing(), told_missing_);
}

// ---- all of them ----------------------------------------------------------------------------------------------------

SparkplugLane::SparkplugLane(const SparkplugOptions& options, const ConnectorContext& context,
                             const std::string& source)
    : options_(options),
      old_state_link_([&] {
        mqtt::Options link = options.link.broker;
        link.client_id += "-state";
        return link;
      }()),
      context_(context),
      targets_(context.model, source),
      lane_(context, source, options.link.future_limit, "sparkplug"),
      counters_([&] {
        const auto counter = [&](const char* name, const char* help) -> core::Counter& {
          return context.metrics.counter(name, help, {{"connector", source}});
        };
        return Counters{
            counter("millwright_sparkplug_unmapped_total", "Values of metrics that no sensor has"),
            counter("millwright_sparkplug_passed_over_total",
                    "Values of data sets, templates, arrays, bytes and files that no sensor's address names"),
            counter("millwright_sparkplug_repeated_total", "Messages that came again and were left out"),
            counter("millwright_sparkplug_historical_total", "Values sent after the fact"),
            counter("millwright_sparkplug_missing_total", "Messages that never came, by the nodes' sequence numbers"),
            counter("millwright_sparkplug_rebirths_total", "Rebirths that nodes were asked for")};
      }()),
      last_(context.model.sensors().size()) {
  for (const asset::Sensor* sensor : targets_.sensors()) {
    last_[sensor->id.value] = context.live.read(sensor->id).source_time;
  }
  for (const asset::Sensor* sensor : targets_.misaddressed()) {
    lane_.tell(sensor->path, fmt::format("'{}' is no address: group/node/device#metric, or group/node#metric",
                                         sensor->source.address));
  }
}

SparkplugLane::~SparkplugLane() = default;

std::vector<std::string> SparkplugLane::filters() const {
  if (options_.groups.empty()) return {"spBv1.0/+/#"};  // its own state too; filters that overlap bring messages twice
  std::vector<std::string> filters{spb::state_topic(options_.host_id)};
  for (const std::string& group : options_.groups) filters.push_back(fmt::format("spBv1.0/{}/#", group));
  return filters;
}

mqtt::Presence SparkplugLane::presence() {
  // What was restored from history is not known to be true; until a node has said how things stand, nothing is.
  if (nodes_.empty()) lane_.say(targets_.sensors(), core::kBadNoCommunication);
  const TimeNs now = context_.clock.now();
  return {.topic = spb::state_topic(options_.host_id),
          .online = spb::state_payload(true, now),
          .offline = spb::state_payload(false, now)};
}

void SparkplugLane::take(const mqtt::Received& message) {
  const auto topic = spb::parse_topic(message.topic);
  if (!topic) return take_state(message);
  if (message.retained) return;  // nothing of a node may be retained: nobody knows how old it is
  Node* node = node_of(*topic);
  if (node == nullptr) return;
  const auto taken = node->take(*topic, message.payload);
  for (const auto& [code, sensors] : confirmed_) lane_.say(sensors, core::Quality{code});
  confirmed_.clear();
  if (!taken) lane_.refuse(Refusal::kMalformed, message.topic, taken.error().message);
}

// The will of a connection that ended, told late, must not stand.
void SparkplugLane::take_state(const mqtt::Received& message) {
  if (message.retained || message.topic != spb::state_topic(options_.host_id)) return;
  const auto state = nlohmann::json::parse(message.payload, nullptr, false);
  if (state.is_object() && state.value("online", nlohmann::json()) == false) denied_ = true;
}

SparkplugLane::Node* SparkplugLane::node_of(const spb::Topic& topic) {
  const std::string name = fmt::format("{}/{}", topic.group, topic.node);
  if (const auto found = nodes_.find(name); found != nodes_.end()) return found->second.get();
  if (!targets_.wants(name)) return nullptr;
  if (nodes_.size() >= kNodesMax) {
    lane_.tell(name, fmt::format("more than {} nodes; name the groups that are meant", kNodesMax));
    return nullptr;
  }
  return nodes_.emplace(name, std::make_unique<Node>(*this, name)).first->second.get();
}

void SparkplugLane::connected() {
  connected_at_ = context_.clock.monotonic();
}

// Hosts of 2.2 have a topic of their own, and a connection has one will: so there is a second one, for that alone.
void SparkplugLane::keep_old_state(TimeNs now) {
  if (!options_.old_state || (old_state_ && old_state_->fault().empty())) return;
  if (old_state_tried_ != 0 && now - old_state_tried_ < options_.link.retry_max) return;
  old_state_tried_ = now;
  old_state_.reset();
  auto opened = mqtt::Publisher::open(old_state_link_,
                                      {.topic = spb::old_state_topic(options_.host_id),
                                       .online = std::string(spb::kOldOnline),
                                       .offline = std::string(spb::kOldOffline)},
                                      [] { return false; });
  if (!opened) {
    return lane_.tell(spb::old_state_topic(options_.host_id),
                      fmt::format("nodes of Sparkplug 2.2 do not see this host: {}", opened.error().message));
  }
  old_state_ = std::move(*opened);
}

std::vector<std::string> SparkplugLane::due(TimeNs now) {
  for (const auto& [name, node] : nodes_) node->tick(now);
  // Nodes that wait for no host are silent until something changes: so they are asked, once.
  if (connected_at_ && now - *connected_at_ >= options_.reorder_timeout) {
    connected_at_.reset();
    for (const std::string& name : targets_.nodes()) {
      auto& node = nodes_[name];
      if (!node) node = std::make_unique<Node>(*this, name);
    }
    for (const auto& [name, node] : nodes_) node->ask(now);
  }
  return std::exchange(asked_, {});
}

// ---- commands -------------------------------------------------------------------------------------------------------

core::Result<spb::EdgeMessage> SparkplugLane::command(std::uint64_t ticket, const asset::Command& command,
                                                      std::span<const asset::CommandValue> values) {
  if (command.kind != asset::CommandKind::kWrite) {
    return core::unexpected(core::ErrorCode::kUnsupported, "Sparkplug has no methods: write a metric");
  }
  const std::string& address = command.target.address;
  const auto place = parse_sparkplug_address(address);
  if (!place) {
    return core::unexpected(core::ErrorCode::kInvalid,
                            fmt::format("'{}' is no address: group/node/device#metric, or group/node#metric", address));
  }
  const auto node = nodes_.find(place->node);
  const auto type = node != nodes_.end() ? node->second->type_of(place->device, place->metric) : std::nullopt;
  if (!type) {
    return core::unexpected(
        core::ErrorCode::kUnavailable,
        fmt::format("'{}': its node or device is not there, or its birth has no such metric", address));
  }
  const auto value =
      metric_value(values.empty() ? asset::CommandValue(command.value.value_or(0)) : values.front(), *type);
  if (!value) {
    return core::unexpected(
        core::ErrorCode::kInvalid,
        fmt::format("the value does not fit '{}', whose birth says type {}", address, static_cast<unsigned>(*type)));
  }
  awaited_.push_back({ticket, place->node, place->device, place->metric, *value});
  const TimeNs now = context_.clock.now();
  spb::Metric metric{.name = awaited_.back().metric, .time = now, .type = *type};
  metric.value = std::visit([](const auto& one) -> spb::Value { return one; }, awaited_.back().value);
  const spb::Topic topic{.group = std::string_view(place->node).substr(0, place->node.find('/')),
                         .type = place->device.empty() ? spb::MessageType::kNCmd : spb::MessageType::kDCmd,
                         .node = std::string_view(place->node).substr(place->node.find('/') + 1),
                         .device = place->device};
  return spb::EdgeMessage{spb::to_string(topic), spb::encode({.time = now, .sequence = {}, .metrics = {metric}})};
}

// What a node reports is the answer: Sparkplug has no other.
void SparkplugLane::settle(const std::string& node, const spb::Update& update) {
  if (update.metric.historical) return;
  std::erase_if(awaited_, [&](const Awaited& one) {
    if (one.node != node || one.device != update.device || one.metric != update.name) return false;
    if (!is_reported(one.value, spb::interpret(update.metric.value, update.type))) return false;
    commands().settle(one.ticket, std::string("reported by the node"));
    return true;
  });
}

void SparkplugLane::turn(mqtt::Subscriber& broker) {
  commands().send([&](std::uint64_t ticket, const asset::Command& told, auto values) -> core::Status {
    const auto message = command(ticket, told, values);
    if (!message) return core::unexpected(message.error());
    return broker.publish(message->topic, message->payload);
  });
  std::erase_if(awaited_, [this](const Awaited& one) { return !commands().awaits(one.ticket); });
  const TimeNs now = context_.clock.monotonic();
  if (std::exchange(denied_, false)) static_cast<void>(broker.announce());  // a fault shows with the next receive()
  if (now - ticked_ < kTickEvery) return;
  ticked_ = now;
  if (broker.subscribed()) keep_old_state(now);
  for (const std::string& name : due(now)) {
    const std::size_t slash = name.find('/');
    const std::string_view text = name;
    const spb::Topic topic{
        .group = text.substr(0, slash), .type = spb::MessageType::kNCmd, .node = text.substr(slash + 1)};
    static_cast<void>(broker.publish(spb::to_string(topic), spb::encode_rebirth(context_.clock.now())));
    counters_.rebirths.Increment();
  }
}

void SparkplugLane::lost() {
  old_state_.reset();  // says that it goes, where it can
  old_state_tried_ = 0;
  for (const auto& [name, node] : nodes_) node->forget(context_.clock.monotonic());
  asked_.clear();
  awaited_.clear();
  connected_at_.reset();
  denied_ = false;
  lane_.say(targets_.sensors(), core::kBadNoCommunication);
}

}  // namespace millwright::connectors
