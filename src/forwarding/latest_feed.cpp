#include "forwarding/latest_feed.hpp"

#include <algorithm>
#include <limits>

#include "forwarding/sensor_lines.hpp"

namespace millwright::forwarding {

LatestOptions read_latest_options(config::Section& section) {
  LatestOptions options{.rules = read_sensor_rules(section)};
  options.every =
      section.duration("every", {.fallback = options.every, .low = 10 * core::kMillisecond, .high = core::kHour});
  return options;
}

LatestFeed::LatestFeed(const LatestOptions& options, const asset::Model& model, const pipeline::LiveTable& live,
                       const core::Texts& texts)
    : options_(options),
      model_(model),
      live_(live),
      texts_(texts),
      told_(model.sensors().size()),
      being_(model.sensors().size()) {
  for (const asset::Sensor& sensor : model.sensors()) sent_.push_back(rule_of(options.rules, sensor.path).send);
}

core::Result<Feed::Batch> LatestFeed::next() {
  Batch batch{.events = {}, .lost = 0, .wait = options_.every};
  being_ = told_;
  for (const asset::Machine& machine : model_.machines()) {
    Event event{.kind = "latest", .machine = machine.path, .component = {}, .sensor = {}, .body = {}};
    event.count = 0;
    for (const core::SensorId id : machine.sensors) {
      if (!sent_[id.value]) continue;
      const pipeline::LiveValue now = live_.read(id);
      const Told told{.time = now.source_time, .bits = now.bits, .quality = now.quality, .any = true};
      if (told == told_[id.value]) continue;
      being_[id.value] = told;
      const std::string& path = model_.sensor(id).path;
      event.body.append(path, machine.path.size() + 1);
      event.body += "\t{";
      const bool text = now.type == core::ValueType::kText && now.source_time != 0;
      append_point({.type = now.source_time == 0 ? core::ValueType::kFloat64 : now.type,
                    .bits = now.source_time == 0 ? core::to_bits(std::numeric_limits<double>::quiet_NaN()) : now.bits,
                    .text = text ? texts_.of(now.bits) : std::string_view(),
                    .quality = now.quality,
                    .time = now.source_time},
                   times_, event.body);
      event.body += "}\n";
      ++event.count;
    }
    if (event.count == 0) continue;
    event.key = machine.path;
    batch.events.push_back(std::move(event));
  }
  return batch;
}

void LatestFeed::done() {
  told_ = being_;
}

void LatestFeed::receiver_lost() {
  std::fill(told_.begin(), told_.end(), Told{});
}

}  // namespace millwright::forwarding
