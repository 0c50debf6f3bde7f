#include "twin/mirror.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "core/log.hpp"
#include "core/text.hpp"
#include "core/value_text.hpp"

namespace millwright::twin {
namespace {

using core::MutexLock;

constexpr core::DurationNs kPauseMost = 30 * core::kSecond;

std::string number(double value) {
  return std::isfinite(value) ? fmt::format("{:.6g}", value) : std::string();
}

void add_component(const ComponentView& one, Fields& out) {
  const std::string prefix = "component:" + (one.name.empty() ? std::string("machine") : one.name) + ":";
  out[prefix + "health"] = fmt::format("{:.1f}", one.health.value);
  out[prefix + "failure_probability"] = fmt::format("{:.4f}", one.failure_probability);
  out[prefix + "life_method"] = to_string(one.life.method);
  out[prefix + "life_days"] = number(one.life.days);
  out[prefix + "life_low"] = number(one.life.low);
  out[prefix + "life_high"] = number(one.life.high);
}

void add_sensor(const Context& context, const asset::Sensor& sensor, Fields& out) {
  const pipeline::LiveValue value = context.live.read(sensor.id);
  const std::string key = sensor_key(sensor);
  out["quality:" + key] = core::quality_name(value.quality);
  if (value.source_time == 0) return;
  std::string text;
  if (value.type == core::ValueType::kText) {
    text = context.history.texts().text(core::from_bits<std::int32_t>(value.bits)).value_or("");
  } else {
    core::append_value(value.type, value.bits, text);
  }
  out["value:" + key] = std::move(text);
  out["time:" + key] = core::format_time(value.source_time);
}

std::optional<RedisMirrorOptions> read_redis(config::Section section, const std::string& directory) {
  if (!section.present()) return std::nullopt;
  RedisMirrorOptions options;
  options.server = redis::read_server(section, directory);
  options.prefix = section.text("prefix", {.fallback = "millwright:twin:"});
  section.finish();
  return options;
}

}  // namespace

MirrorOptions read_mirror_options(config::Section section, const std::string& directory) {
  MirrorOptions options;
  options.redis = read_redis(section.section("redis"), directory);
  config::Section postgresql = section.section("postgresql");
  if (postgresql.present()) options.postgresql = database::read_options(postgresql, directory, "");
  options.period =
      section.duration("period", {.fallback = options.period, .low = 100 * core::kMillisecond, .high = core::kHour});
  section.finish();
  return options;
}

Fields fields_of(const Context& context, const Twins& twins, const asset::Machine& machine) {
  const auto view = twins.view(machine.id);
  Fields out;
  out["machine"] = machine.name;
  out["health"] = fmt::format("{:.1f}", view->health);
  out["version"] = std::to_string(view->version);
  for (const ComponentView& one : view->components) add_component(one, out);
  for (const auto& [key, deviation] : view->desired) out["desired:" + key] = to_string(deviation.state);
  for (const core::SensorId id : machine.sensors) add_sensor(context, context.model.sensor(id), out);
  return out;
}

Mirror::Mirror(const MirrorOptions& options, const Twins& twins, Context context)
    : period_(options.period), twins_(twins), context_(context) {
  const auto add = [&](std::unique_ptr<MirrorTarget> target, const std::string& kind) {
    auto lane = std::make_unique<Lane>();
    lane->target = std::move(target);
    lane->connected = &context_.metrics.gauge("millwright_twin_mirror_connected",
                                              "1 while the mirror's receiver takes what it is sent", {{"kind", kind}});
    lanes_.push_back(std::move(lane));
  };
  if (options.redis) add(make_redis_target(*options.redis), "redis");
  if (!options.postgresql.postgresql.empty()) add(make_postgresql_target(options.postgresql), "postgresql");
}

Mirror::~Mirror() {
  stop();
}

void Mirror::start() {
  for (auto& lane : lanes_) {
    lane->thread = std::thread([this, one = lane.get()] { run(*one); });
  }
}

void Mirror::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  for (auto& lane : lanes_) {
    if (lane->thread.joinable()) lane->thread.join();
  }
}

bool Mirror::stopping() {
  MutexLock lock(mutex_);
  return stopping_;
}

bool Mirror::wait(core::DurationNs period) {
  const core::TimeNs until = context_.clock.monotonic() + period;
  MutexLock lock(mutex_);
  while (!stopping_) {
    const core::DurationNs left = until - context_.clock.monotonic();
    if (left <= 0) break;
    wake_.wait_for(mutex_, std::chrono::nanoseconds(left));
  }
  return !stopping_;
}

void Mirror::run(Lane& lane) {
  do {
    if (auto sent = turn(lane); sent) {
      if (lane.told) core::logger("twin")->info("mirror to {}: back", lane.target->name());
      lane.up = true;
      lane.told = false;
      lane.pause = 0;
    } else {
      if (!lane.told) core::logger("twin")->warn("mirror to {}: {}", lane.target->name(), sent.error().message);
      lane.up = false;
      lane.told = true;
      lane.sent.clear();
      lane.pause = std::clamp(2 * lane.pause, core::kSecond, kPauseMost);
    }
    lane.connected->Set(lane.up ? 1 : 0);
  } while (wait(std::max(period_, lane.pause)));
}

core::Status Mirror::turn(Lane& lane) {
  if (!lane.up) {
    if (auto up = lane.target->connect(); !up) return up;
  }
  bool told = false;
  for (const asset::Machine& machine : context_.model.machines()) {
    if (stopping()) return {};
    Fields now = fields_of(context_, twins_, machine);
    Fields& before = lane.sent[machine.path];
    Fields changed;
    for (const auto& [field, value] : now) {
      const auto at = before.find(field);
      if (at == before.end() || at->second != value) changed.emplace(field, value);
    }
    std::vector<std::string> gone;
    for (const auto& [field, value] : before) {
      if (!now.contains(field)) gone.push_back(field);
    }
    if (changed.empty() && gone.empty()) continue;
    if (auto put = lane.target->put(machine.path, changed, gone, context_.clock.now()); !put) return put;
    before = std::move(now);
    told = true;
  }
  // One that came back empty while nothing changed must be told everything.
  return told ? core::Status() : lane.target->ask();
}

}  // namespace millwright::twin
