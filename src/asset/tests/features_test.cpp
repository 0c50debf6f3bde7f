#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "asset/load.hpp"

namespace millwright::asset {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Loaded {
  std::vector<std::string> problems;
  Model model{{}, {}};
};

Loaded load_text(const std::string& yaml, std::size_t sensors_max = kSensorsMax) {
  auto document = config::Document::parse(yaml, "plant.yaml");
  EXPECT_TRUE(document) << document.error().message;
  config::Section root = document->root();
  Loaded loaded;
  loaded.model =
      load(*document, root.section("assets"), {"plc"}, {MILLWRIGHT_SOURCE_DIR "/share/machine-types"}, sensors_max);
  for (const config::Problem& problem : document->problems()) loaded.problems.push_back(to_string(problem));
  return loaded;
}

// One machine with this more of its mapping.
std::string plant(const std::string& machine) {
  return "assets:\n  enterprise: acme\n  streams: {default: plc, high-rate: plc}\n"
         "  sites: [{name: s, areas: [{name: a, lines: [{name: l, cells: [{name: c, machines: [{name: m1, " +
         machine + "}]}]}]}]}]\n";
}

// A gearbox with a waveform that has these features, and its bearing.
Loaded gearbox(const std::string& features, const std::string& sensor = "type: float32, unit: m/s2, rate_hz: 1000",
               const std::string& bearing = "{balls: 9, ball_diameter: 7.94, pitch_diameter: 39.04}") {
  return load_text(
      plant("sensors: [{name: speed, unit: rpm}, {name: state, type: state}], components: [{name: gearbox" +
            (bearing.empty() ? std::string() : ", bearing: " + bearing) +
            ", sensors: [{name: vib, range: [-100, 50], " + sensor + ", features: " + features + "}]}]"));
}

std::vector<std::string> names(const Model& model) {
  std::vector<std::string> all;
  for (const Sensor& sensor : model.sensors()) all.push_back(sensor.name);
  return all;
}

TEST(Features, AreSensorsOfTheSameComponent) {
  const Loaded loaded = gearbox(
      "{compute: [rms, kurtosis, velocity-rms], bands: [{low: 10, high: 100}], orders: [1, 2.5], bearing: [bpfo, ftf], "
      "zone: {group: 2, foundation: flexible, delay: 3s}, window: 2s, overlap: 0.5, speed: speed}");
  EXPECT_THAT(loaded.problems, ElementsAre());
  EXPECT_THAT(names(loaded.model),
              ElementsAre("speed", "state", "vib", "vib-rms", "vib-kurtosis", "vib-velocity-rms", "vib-band-10-100",
                          "vib-order-1", "vib-order-2-5", "vib-bpfo", "vib-ftf", "vib-iso20816-zone"));
  const Machine& machine = loaded.model.machines()[0];
  EXPECT_EQ(machine.sensors.size(), 12U);
  EXPECT_EQ(machine.components[0].sensors.size(), 10U);
  EXPECT_EQ(machine.components[0].bearing->balls, 9);

  const Sensor& vib = *loaded.model.find_sensor(machine, "vib");
  ASSERT_NE(vib.analysis, nullptr);
  EXPECT_FALSE(vib.feature);
  EXPECT_EQ(vib.analysis->window, 2 * core::kSecond);
  EXPECT_EQ(loaded.model.sensor(vib.analysis->speed).name, "speed");
  EXPECT_EQ(vib.analysis->zone->group, 2);
  EXPECT_EQ(vib.analysis->zone->delay, 3 * core::kSecond);
  EXPECT_EQ(vib.analysis->features.size(), 9U);
  EXPECT_EQ(loaded.model.component_of(vib), &machine.components[0]);

  const Sensor& rms = *loaded.model.find_sensor(machine.path + "/gearbox/vib-rms");
  EXPECT_EQ(rms.feature->of, vib.id);
  EXPECT_EQ(rms.component, "gearbox");
  EXPECT_EQ(rms.type, core::ValueType::kFloat32);
  EXPECT_EQ(rms.unit, vib.unit);
  EXPECT_EQ(rms.range->low, 0);
  EXPECT_EQ(rms.range->high, 100);
  EXPECT_EQ(rms.rate_hz, 1);
  EXPECT_TRUE(rms.monitored);
  EXPECT_EQ(rms.source.connector + rms.source.address, "");

  const Sensor& kurtosis = *loaded.model.find_sensor(machine, "vib-kurtosis");
  EXPECT_EQ(kurtosis.unit, nullptr);
  EXPECT_FALSE(kurtosis.monitored);
  const Sensor& velocity = *loaded.model.find_sensor(machine, "vib-velocity-rms");
  EXPECT_EQ(velocity.unit->symbol, "mm/s");
  EXPECT_EQ(velocity.feature->low, 10);
  EXPECT_EQ(velocity.feature->high, 450);  // as far as 1 kHz goes
  EXPECT_THAT(velocity.description, HasSubstr("10 Hz to 450 Hz"));
  EXPECT_EQ(loaded.model.find_sensor(machine, "vib-order-2-5")->feature->order, 2.5);
  const Sensor& zone = *loaded.model.find_sensor(machine, "vib-iso20816-zone");
  EXPECT_EQ(zone.type, core::ValueType::kState);
  EXPECT_EQ(zone.states.at(2), "C");
  EXPECT_EQ(loaded.model.sensors_of("plc").size(), 3U);  // features come from no connector
  EXPECT_EQ(loaded.model.sensors_of("").size(), 0U);
}

TEST(Features, AMachineChangesWhatItsTypeComputes) {
  const Loaded loaded = load_text(
      plant("type: centrifugal-pump, components: [{name: pump, bearing: {balls: 7, ball_diameter: 20, pitch_diameter: "
            "77}}], sensors: [{name: vibration-de, features: {orders: [], bands: [], monitored: [bpfo]}}, {name: "
            "vibration-nde, features: {enabled: false}}]"));
  EXPECT_THAT(loaded.problems, ElementsAre());
  const Machine& machine = loaded.model.machines()[0];
  EXPECT_EQ(machine.sensors.size(), 14U + 9);
  const Sensor& de = *loaded.model.find_sensor(machine, "vibration-de");
  EXPECT_EQ(loaded.model.component_of(de)->bearing->balls, 7);
  EXPECT_EQ(loaded.model.sensor(de.analysis->speed).path, machine.path + "/motor/speed");
  EXPECT_TRUE(loaded.model.find_sensor(machine, "vibration-de-bpfo")->monitored);
  EXPECT_FALSE(loaded.model.find_sensor(machine, "vibration-de-rms")->monitored);
  EXPECT_EQ(loaded.model.find_sensor(machine, "vibration-nde")->analysis, nullptr);
}

TEST(Features, TakeANominalSpeed) {
  const Loaded loaded = gearbox("{orders: [1], speed: 1480, speed_ratio: 0.25}");
  EXPECT_THAT(loaded.problems, ElementsAre());
  const Sensor& vib = loaded.model.sensors()[2];
  EXPECT_FALSE(vib.analysis->speed.valid());
  EXPECT_EQ(vib.analysis->nominal_rpm, 1480);
  EXPECT_EQ(vib.analysis->speed_ratio, 0.25);
}

TEST(Features, TellWhatIsWrong) {
  const auto problem = [](const Loaded& loaded) {
    EXPECT_EQ(loaded.problems.size(), 1U) << testing::PrintToString(loaded.problems);
    return loaded.problems.empty() ? "" : loaded.problems[0];
  };
  EXPECT_THAT(problem(gearbox("{compute: [rsm, rms]}")), HasSubstr("unknown feature 'rsm' (did you mean 'rms'?)"));
  EXPECT_THAT(problem(gearbox("{compute: [rms], windows: 1s}")), HasSubstr("did you mean 'window'"));
  EXPECT_THAT(problem(gearbox("{}")), HasSubstr("nothing is to be computed"));
  EXPECT_THAT(problem(gearbox("{compute: [rms, rms]}")), HasSubstr("two sensors 'vib-rms'"));
  EXPECT_THAT(problem(gearbox("{compute: [rms], window: 50ms}")), HasSubstr("50 samples at 1000 Hz"));
  EXPECT_THAT(problem(gearbox("{bands: [{low: 100, high: 501}]}")), HasSubstr("above half the sensor's rate"));
  EXPECT_THAT(problem(gearbox("{bands: [{low: 100, high: 50}]}")), HasSubstr("must be above 'low'"));
  EXPECT_THAT(problem(gearbox("{compute: [rms], envelope: [100, 700]}")), HasSubstr("envelope"));
  EXPECT_THAT(problem(gearbox("{compute: [velocity-rms], velocity_band: [460, 1000]}")), HasSubstr("nothing is left"));
  EXPECT_THAT(problem(gearbox("{orders: [1]}")), HasSubstr("need the shaft's speed"));
  EXPECT_THAT(problem(gearbox("{orders: [0], speed: 100}")), HasSubstr("above 0"));
  EXPECT_THAT(problem(gearbox("{orders: [1], speed: sped}")), HasSubstr("'sped' is no sensor of this machine"));
  EXPECT_THAT(problem(gearbox("{orders: [1], speed: state}")), HasSubstr("no float64 or float32 in rpm"));
  EXPECT_THAT(problem(gearbox("{orders: [1], speed: -5}")), HasSubstr("above 0"));
  EXPECT_THAT(problem(gearbox("{bearing: [bpfo], speed: 1480}", "unit: m/s2, rate_hz: 1000", "")),
              HasSubstr("has no 'bearing'"));
  EXPECT_THAT(problem(gearbox("{compute: [velocity-rms]}", "unit: V, rate_hz: 1000")), HasSubstr("m/s²"));
  EXPECT_THAT(problem(gearbox("{zone: {group: 5, foundation: rigid}}")), HasSubstr("group"));
  EXPECT_THAT(problem(gearbox("{zone: {foundation: rigid}}")), HasSubstr("group"));
  EXPECT_THAT(problem(gearbox("{compute: [rms], monitored: [peak]}")), HasSubstr("'peak' is none of"));
  EXPECT_THAT(
      problem(gearbox("{compute: [rms]}", "rate_hz: 1000", "{balls: 9, ball_diameter: 40, pitch_diameter: 39}")),
      HasSubstr("below the pitch diameter"));
}

TEST(Features, CountAsSensors) {
  const std::string yaml = plant("sensors: [{name: vib, rate_hz: 1000, features: {compute: [rms, peak, kurtosis]}}]");
  EXPECT_THAT(load_text(yaml, 4).problems, ElementsAre());
  EXPECT_THAT(load_text(yaml, 3).problems, ElementsAre(HasSubstr("more than 3 sensors")));
}

TEST(Features, OfAnIntegerAreRefused) {
  const Loaded loaded =
      load_text(plant("sensors: [{name: n, type: int64, rate_hz: 1000, features: {compute: [rms]}}]"));
  EXPECT_THAT(loaded.problems, ElementsAre(HasSubstr("this sensor is int64")));
}

TEST(Features, MayNotTakeASensorsName) {
  const Loaded loaded =
      load_text(plant("sensors: [{name: vib, rate_hz: 1000, features: {compute: [rms]}}, {name: vib-rms}]"));
  EXPECT_THAT(loaded.problems, ElementsAre(HasSubstr("two sensors 'vib-rms'")));
}

}  // namespace
}  // namespace millwright::asset
