#include "asset/oee_spec.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace millwright::asset {
namespace {

using config::Section;

constexpr core::DurationNs kCycleMax = 24 * core::kHour;
constexpr core::DurationNs kMarginMax = 24 * core::kHour;

std::optional<Activity> activity_named(std::string_view name) {
  const auto* found = std::find(kActivityNames.begin(), kActivityNames.end(), name);
  if (found == kActivityNames.end()) return std::nullopt;
  return static_cast<Activity>(found - kActivityNames.begin());
}

void read_states(Section section, OeeSpec& spec) {
  for (const std::string& name : section.keys()) {
    spec.states[name] = static_cast<Activity>(section.choice(name, kActivityNames, std::nullopt));
  }
  section.finish();
}

void read_products(Section section, OeeSpec& spec) {
  for (const std::string& name : section.keys()) {
    spec.products[name] = section.duration(name, {.fallback = {}, .low = 1, .high = kCycleMax});
  }
  section.finish();
}

class Maker {
 public:
  Maker(config::Document& document, const OeeSpec& spec, const FindSensor& find)
      : document_(document), spec_(spec), find_(find) {}

  std::shared_ptr<const Oee> make() {
    Oee oee;
    if (const Sensor* state = sensor("state", spec_.state, core::ValueType::kState)) {
      oee.state = state->id;
      activities(*state, oee);
    }
    counter("good", spec_.good, oee.good);
    counter("reject", spec_.reject, oee.reject);
    counter("total", spec_.total, oee.total);
    if (const Sensor* product = sensor("product", spec_.product, core::ValueType::kText)) oee.product = product->id;
    const int counters = oee.good.valid() + oee.reject.valid() + oee.total.valid();
    if (right_ && counters == 1) problem("good", "one counter is not enough; give two of good, reject and total");
    if (right_ && counters == 3) problem("total", "two of good, reject and total are enough; leave one out");
    if (right_ && counters == 2 && spec_.ideal_cycle == 0) {
      problem("ideal_cycle_time", "is missing; how long does a piece take at best, such as 2.5s?");
    }
    oee.ideal_cycle = spec_.ideal_cycle;
    oee.products = spec_.products;
    oee.small_stop = spec_.small_stop;
    oee.start_up = spec_.start_up;
    return right_ ? std::make_shared<const Oee>(std::move(oee)) : nullptr;
  }

 private:
  void problem(std::string_view key, std::string message) {
    right_ = false;
    document_.problem({spec_.place, fmt::format("{}.{}", spec_.key, key), std::move(message)});
  }

  const Sensor* sensor(std::string_view key, const std::string& name, std::optional<core::ValueType> type) {
    if (name.empty()) return nullptr;
    const Sensor* found = find_(name);
    if (found == nullptr) {
      problem(key, fmt::format("the machine has no sensor '{}'; write <sensor> or <component>/<sensor>", name));
    } else if (type && found->type != *type) {
      problem(key, fmt::format("'{}' is of type {}; it takes one of type {}", name, core::to_string(found->type),
                               core::to_string(*type)));
      return nullptr;
    }
    return found;
  }

  void counter(std::string_view key, const std::string& name, core::SensorId& id) {
    const Sensor* found = sensor(key, name, std::nullopt);
    if (found == nullptr) return;
    const bool number = found->type == core::ValueType::kInt64 || found->type == core::ValueType::kFloat64;
    if (number) {
      id = found->id;
    } else {
      problem(key,
              fmt::format("'{}' is of type {}; a counter is int64 or float64", name, core::to_string(found->type)));
    }
  }

  void activities(const Sensor& state, Oee& oee) {
    for (const auto& [name, activity] : spec_.states) {
      const bool known = std::any_of(state.states.begin(), state.states.end(),
                                     [&, &wanted = name](const auto& entry) { return entry.second == wanted; });
      if (!known) problem("states", fmt::format("'{}' is no state of {}", name, state.name));
    }
    for (const auto& [code, name] : state.states) {
      const auto given = spec_.states.find(name);
      const auto activity = given != spec_.states.end() ? std::optional(given->second) : activity_named(name);
      if (activity) {
        oee.activities[code] = *activity;
      } else {
        problem("states", fmt::format("what does '{0}' mean? Write states: {{{0}: idle}}, or running, down, setup, "
                                      "planned-stop",
                                      name));
      }
    }
    if (state.states.empty()) problem("state", fmt::format("'{}' does not name its states", state.name));
  }

  config::Document& document_;
  const OeeSpec& spec_;
  const FindSensor& find_;
  bool right_ = true;
};

}  // namespace

void read_oee(Section section, OeeSpec& spec) {
  spec.place = section.place();
  spec.key = section.path();
  spec.state = section.text("state", {.fallback = spec.state});
  if (section.has("states")) read_states(section.section("states"), spec);
  spec.good = section.text("good", {.fallback = spec.good});
  spec.reject = section.text("reject", {.fallback = spec.reject});
  spec.total = section.text("total", {.fallback = spec.total});
  spec.product = section.text("product", {.fallback = spec.product});
  spec.ideal_cycle = section.duration("ideal_cycle_time", {.fallback = spec.ideal_cycle, .low = 0, .high = kCycleMax});
  if (section.has("products")) read_products(section.section("products"), spec);
  spec.small_stop = section.duration("small_stop", {.fallback = spec.small_stop, .low = 0, .high = kMarginMax});
  spec.start_up = section.duration("start_up", {.fallback = spec.start_up, .low = 0, .high = kMarginMax});
  section.finish();
}

std::shared_ptr<const Oee> make_oee(config::Document& document, const OeeSpec& spec, const FindSensor& sensor) {
  return Maker(document, spec, sensor).make();
}

}  // namespace millwright::asset
