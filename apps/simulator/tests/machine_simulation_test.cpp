#include "simulator/machine_simulation.hpp"

#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include <gmock/gmock.h>

#include "support.hpp"

namespace millwright::simulator {
namespace {

constexpr core::TimeNs kStart = 1'800'000'000 * core::kSecond;

struct Readings {
  std::vector<double> values;
  std::vector<core::TimeNs> times;
};
using Recording = std::map<std::string, Readings>;  // by "machine/component/sensor"

// Everything that a machine said up to `end` after the start, asked for every `step`.
Recording record(const asset::Model& model, const std::string& machine, std::uint64_t seed, core::DurationNs end,
                 const std::vector<std::string>& faults = {}, core::DurationNs step = 100 * core::kMillisecond,
                 const MachineSimulationOptions& options = {}) {
  MachineSimulation simulation(model, model.find_machine(machine)->id, seed, kStart, options);
  for (const std::string& fault : faults) simulation.add_fault(*parse_fault(fault));
  Recording recording;
  core::BlockBatch batch;
  for (core::DurationNs at = 0; at <= end; at += step) {
    batch.clear();
    simulation.step(kStart + at, batch);
    for (const core::Block& block : batch.blocks) {
      const asset::Sensor& sensor = model.sensor(block.sensor);
      Readings& readings = recording[sensor.component + "/" + sensor.name];
      EXPECT_TRUE(block.all_good());
      EXPECT_EQ(block.type, sensor.type);
      for (std::uint32_t i = 0; i < block.count; ++i) {
        readings.values.push_back(block.as_double(i));
        readings.times.push_back(block.time(i));
      }
    }
  }
  return recording;
}

// The values between two times after the start.
std::vector<double> between(const Readings& readings, double from_s, double to_s) {
  std::vector<double> values;
  for (std::size_t i = 0; i < readings.values.size(); ++i) {
    const double at = static_cast<double>(readings.times[i] - kStart) * 1e-9;
    if (at >= from_s && at < to_s) values.push_back(readings.values[i]);
  }
  return values;
}
double mean(const std::vector<double>& v) {
  return std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
}
double deviation(const std::vector<double>& v) {
  const double m = mean(v);
  double square = 0;
  for (const double x : v) square += (x - m) * (x - m);
  return std::sqrt(square / static_cast<double>(v.size()));
}
// Amplitude of the part of a 1 kHz signal that has this frequency.
double amplitude_at(const std::vector<double>& v, double hz) {
  double x = 0;
  double y = 0;
  for (std::size_t i = 0; i < v.size(); ++i) {
    const double angle = 2 * M_PI * hz * static_cast<double>(i) / 1000;
    x += v[i] * std::cos(angle);
    y += v[i] * std::sin(angle);
  }
  return 2 * std::hypot(x, y) / static_cast<double>(v.size());
}

TEST(MachineSimulation, RepeatsFromItsSeedHoweverItIsStepped) {
  const asset::Model model = testing::small_plant();
  const std::vector<std::string> faults = {"bearing-wear:pump-1:start=5s:ramp=2s:duration=10s"};
  const Recording a = record(model, "pump-1", 3, 20 * core::kSecond, faults);
  const Recording b = record(model, "pump-1", 3, 20 * core::kSecond, faults, core::kSecond);
  const Recording other = record(model, "pump-1", 4, 20 * core::kSecond, faults);
  ASSERT_EQ(a.size(), 9U);
  for (const auto& [name, readings] : a) {
    EXPECT_EQ(readings.values, b.at(name).values) << name;
    EXPECT_EQ(readings.times, b.at(name).times) << name;
    if (name != "/state") {
      EXPECT_NE(readings.values, other.at(name).values) << name;
    }
  }
}

TEST(MachineSimulation, ReadingsLieOnTheSensorsGrid) {
  const asset::Model model = testing::small_plant();
  const Recording recording = record(model, "pump-1", 1, 10 * core::kSecond, {}, 30 * core::kMillisecond);
  const auto check = [&](const std::string& name, core::DurationNs period, std::size_t count) {
    const Readings& readings = recording.at(name);
    ASSERT_EQ(readings.times.size(), count) << name;
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(readings.times[i], kStart + static_cast<core::DurationNs>(i) * period) << name;
    }
  };
  check("/state", core::kSecond, 10);
  check("motor/current", 100 * core::kMillisecond, 100);
  check("pump/vibration-de", core::kMillisecond, 9900);  // whole tenths of a second
}

TEST(MachineSimulation, ValuesLookLikeConverterOutputInsideTheRange) {
  const asset::Model model = testing::small_plant();
  const Recording recording = record(model, "pump-1", 1, 30 * core::kSecond);
  for (const auto& [name, readings] : recording) {
    std::set<double> distinct(readings.values.begin(), readings.values.end());
    if (name != "/state") {
      EXPECT_GT(distinct.size(), 10U) << name;
    }
    for (const double value : distinct) {
      const double thousandths = value * 1000;
      ASSERT_NEAR(thousandths, std::round(thousandths), 0.01) << name << " " << value;
    }
  }
  const auto within = [&](const std::string& name, double low, double high) {
    const double average = mean(recording.at(name).values);
    EXPECT_GT(average, low) << name;
    EXPECT_LT(average, high) << name;
  };
  within("motor/speed", 1430, 1490);
  within("pump/flow", 130, 170);
  within("pump/discharge-pressure", 8, 12);
  within("pump/bearing-temperature-de", 40, 65);
  within("pump/vibration-velocity-de", 1, 3);
}

TEST(MachineSimulation, LoadCouplesWhatHangsTogether) {
  const asset::Model model = testing::small_plant();
  const Recording recording = record(model, "pump-1", 5, 60 * core::kSecond);
  const auto correlation = [&](const std::string& a, const std::string& b) {
    const auto& x = recording.at(a).values;
    const auto& y = recording.at(b).values;
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += (x[i] - mean(x)) * (y[i] - mean(y));
    return sum / static_cast<double>(x.size()) / deviation(x) / deviation(y);
  };
  EXPECT_GT(correlation("motor/current", "motor/power"), 0.95);
  EXPECT_GT(correlation("pump/flow", "motor/current"), 0.9);
  EXPECT_LT(correlation("pump/flow", "pump/discharge-pressure"), -0.9);  // along the pump's curve
  EXPECT_LT(correlation("motor/speed", "motor/current"), -0.8);          // slip
}

// What a chart learns in the first 20 s has to hold while the machine is sound.
TEST(MachineSimulation, NothingCreepsWhileSound) {
  const asset::Model model = testing::small_plant();
  for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
    const Recording recording = record(model, "pump-2", seed, 170 * core::kSecond);
    for (const auto& [name, readings] : recording) {
      if (name == "/state") continue;
      const auto learnt = between(readings, 0, 20);
      const auto later = between(readings, 20, 170);
      EXPECT_LT(std::abs(mean(later) - mean(learnt)), 0.8 * deviation(learnt)) << name << " seed " << seed;
      EXPECT_LT(deviation(later), 1.5 * deviation(learnt)) << name << " seed " << seed;
    }
  }
}

TEST(MachineSimulation, BearingWearShakesAndHeats) {
  const asset::Model model = testing::small_plant();
  const std::vector<std::string> fault = {"bearing-wear:pump-1:start=30s:ramp=5s:duration=60s"};
  const Recording recording = record(model, "pump-1", 1, 120 * core::kSecond, fault);
  const Recording sound = record(model, "pump-1", 1, 120 * core::kSecond);
  const auto& vibration = recording.at("pump/vibration-de");
  EXPECT_GT(deviation(between(vibration, 36, 80)), 4 * deviation(between(vibration, 0, 30)));
  EXPECT_GT(deviation(between(vibration, 32, 35)), 1.5 * deviation(between(vibration, 0, 30)));  // within 5 s
  const auto& velocity = recording.at("pump/vibration-velocity-de");
  EXPECT_GT(mean(between(velocity, 36, 80)), 1.8 * mean(between(velocity, 0, 30)));
  const auto& bearing = recording.at("pump/bearing-temperature-de");
  EXPECT_GT(mean(between(bearing, 70, 90)), 15 + mean(between(bearing, 0, 30)));
  // Another seed stream must not move: before the fault all is the same, after it the signal is as if nothing had been.
  EXPECT_EQ(between(vibration, 0, 30), between(sound.at("pump/vibration-de"), 0, 30));
  EXPECT_EQ(between(vibration, 91, 120), between(sound.at("pump/vibration-de"), 91, 120));
  // A machine that the fault does not name stays sound.
  EXPECT_EQ(record(model, "pump-2", 1, 60 * core::kSecond, fault).at("pump/vibration-de").values,
            record(model, "pump-2", 1, 60 * core::kSecond).at("pump/vibration-de").values);
}

TEST(MachineSimulation, CavitationIsBroadbandAndTakesPressure) {
  const asset::Model model = testing::small_plant();
  const Recording recording =
      record(model, "pump-1", 2, 60 * core::kSecond, {"cavitation:pump-1:start=30s:ramp=0s:duration=30s"});
  const auto& vibration = recording.at("pump/vibration-de");
  EXPECT_GT(deviation(between(vibration, 30, 60)), 3 * deviation(between(vibration, 0, 30)));
  for (const char* name : {"pump/discharge-pressure", "pump/flow"}) {
    const auto& readings = recording.at(name);
    EXPECT_LT(mean(between(readings, 30, 60)), 0.92 * mean(between(readings, 0, 30))) << name;
  }
  // Flutter: the change from one reading to the next.
  const auto flutter = [&](double from, double to) {
    auto values = between(recording.at("pump/discharge-pressure"), from, to);
    std::adjacent_difference(values.begin(), values.end(), values.begin());
    values.erase(values.begin());
    return deviation(values);
  };
  EXPECT_GT(flutter(31, 60), 3 * flutter(0, 30));
}

TEST(MachineSimulation, MisalignmentIsTwiceTheShaftsFrequency) {
  const asset::Model model = testing::small_plant();
  const Recording recording =
      record(model, "pump-1", 2, 60 * core::kSecond, {"misalignment:pump-1:start=30s:ramp=0s:duration=30s"});
  const double shaft_hz = mean(recording.at("motor/speed").values) / 60;
  const auto strongest = [&](double from, double hz) {  // the speed moves a little: look around, a second at a time
    double best = 0;
    for (double at = hz - 0.5; at <= hz + 0.5; at += 0.1) {
      best = std::max(best, amplitude_at(between(recording.at("pump/vibration-de"), from, from + 1), at));
    }
    return best;
  };
  EXPECT_GT(strongest(40, 2 * shaft_hz), 5 * strongest(10, 2 * shaft_hz));
  EXPECT_LT(strongest(40, shaft_hz), 2 * strongest(10, shaft_hz));
}

TEST(MachineSimulation, AWornBearingIsHeardAtItsOwnFrequency) {
  const asset::Model plain = testing::small_plant();
  std::vector<asset::Machine> machines(plain.machines().begin(), plain.machines().end());
  for (asset::Component& component : machines[0].components) {
    if (component.name == "pump") component.bearing = asset::Bearing{9, 7.94, 39.04, 0};  // 6205
  }
  const asset::Model model(std::move(machines), {plain.sensors().begin(), plain.sensors().end()});
  const Recording recording =
      record(model, "pump-1", 2, 40 * core::kSecond, {"bearing-wear:pump-1:start=0s:ramp=0s:duration=40s"});
  const double shaft_hz = mean(recording.at("motor/speed").values) / 60;
  const auto near = [&](double hz) {
    double best = 0;
    for (double at = hz - 1.5; at <= hz + 1.5; at += 0.25) {
      best = std::max(best, amplitude_at(between(recording.at("pump/vibration-de"), 30, 31), at));
    }
    return best;
  };
  EXPECT_GT(near(3.585 * shaft_hz), 2);
  EXPECT_GT(near(3.585 * shaft_hz), 5 * near(3.0475 * shaft_hz));  // of the 6310, where the model says nothing
}

TEST(MachineSimulation, AFeatureIsNotSimulated) {
  const asset::Model plain = testing::small_plant();
  std::vector<asset::Sensor> sensors(plain.sensors().begin(), plain.sensors().end());
  sensors[2].feature = asset::Feature{.of = sensors[8].id};
  const asset::Model model({plain.machines().begin(), plain.machines().end()}, std::move(sensors));
  const Recording recording = record(model, "pump-1", 2, core::kSecond);
  EXPECT_TRUE(recording.contains("pump/vibration-de"));
  EXPECT_FALSE(recording.contains("motor/current"));
  const auto fault = parse_fault("stuck:pump-1/motor/current");
  ASSERT_TRUE(fault);
  EXPECT_FALSE(check_fault(*fault, model));
}

TEST(MachineSimulation, AStuckSensorRepeatsItsLastValue) {
  const asset::Model model = testing::small_plant();
  const Recording recording =
      record(model, "pump-1", 2, 60 * core::kSecond, {"stuck:pump-1/pump/flow:start=20s:duration=20s"});
  const auto& flow = recording.at("pump/flow");
  const auto stuck = between(flow, 20, 40);
  ASSERT_EQ(stuck.size(), 200U);
  EXPECT_EQ(std::set<double>(stuck.begin(), stuck.end()).size(), 1U);
  EXPECT_EQ(stuck[0], between(flow, 0, 20).back());
  EXPECT_GT(deviation(between(flow, 40, 60)), 1);
  EXPECT_GT(deviation(between(recording.at("pump/discharge-pressure"), 20, 40)), 0.05);
}

TEST(MachineSimulation, ADriftingSensorWalksAwayByATenthOfItsRange) {
  const asset::Model model = testing::small_plant();
  const Recording sound = record(model, "pump-1", 2, 60 * core::kSecond);
  const Recording recording = record(model, "pump-1", 2, 60 * core::kSecond,
                                     {"drift:pump-1/pump/discharge-pressure:start=20s:ramp=20s:duration=40s"});
  const auto difference = [&](double from, double to) {
    return mean(between(recording.at("pump/discharge-pressure"), from, to)) -
           mean(between(sound.at("pump/discharge-pressure"), from, to));
  };
  EXPECT_EQ(difference(0, 20), 0);
  EXPECT_NEAR(difference(29, 31), 1.25, 0.1);
  EXPECT_NEAR(difference(41, 59), 2.5, 0.02);
}

TEST(MachineSimulation, RunsForThreeMinutesThenIdlesAtTimes) {
  const asset::Model model = testing::small_plant();
  const Recording recording = record(model, "pump-1", 9, 30 * core::kMinute, {}, core::kSecond);
  const auto& state = recording.at("/state");
  const auto first = between(state, 0, 180);
  EXPECT_EQ(std::count(first.begin(), first.end(), 1), 180);
  const auto idle = std::count(state.values.begin(), state.values.end(), 0);
  EXPECT_GT(idle, 14);
  EXPECT_LT(idle, 400);
  // Standing still, it neither turns nor pumps.
  const auto& speed = recording.at("motor/speed");
  EXPECT_LT(*std::min_element(speed.values.begin(), speed.values.end()), 1);
  const auto& vibration = recording.at("pump/vibration-velocity-de");
  EXPECT_LT(*std::min_element(vibration.values.begin(), vibration.values.end()), 0.2);

  const Recording busy = record(model, "pump-1", 9, 30 * core::kMinute, {}, core::kSecond, {.idles = false});
  EXPECT_EQ(std::set<double>(busy.at("/state").values.begin(), busy.at("/state").values.end()), std::set<double>{1});
}

TEST(MachineSimulation, CountsOnlyGrowAndOnlyWhileRunning) {
  const asset::Model model = testing::small_plant();
  const Recording recording = record(model, "press-1", 1, 60 * core::kMinute, {}, core::kSecond);
  const auto& good = recording.at("/good-count").values;
  const auto& scrap = recording.at("/scrap-count").values;
  EXPECT_TRUE(std::is_sorted(good.begin(), good.end()));
  EXPECT_TRUE(std::is_sorted(scrap.begin(), scrap.end()));
  const double made = good.back() - good.front();
  const double scrapped = scrap.back() - scrap.front();
  EXPECT_GT(made, 200);
  EXPECT_LT(made, 600);
  EXPECT_GT(scrapped, 0);
  EXPECT_LT(scrapped, 0.1 * made);
}

TEST(MachineSimulation, AnUnknownSensorStaysInsideItsRange) {
  const asset::Model model = testing::small_plant();
  const Recording recording = record(model, "press-1", 1, 10 * core::kMinute, {}, core::kSecond);
  const auto& values = recording.at("die/opacity").values;
  ASSERT_EQ(values.size(), 3001U);
  EXPECT_GE(*std::min_element(values.begin(), values.end()), 10);
  EXPECT_LE(*std::max_element(values.begin(), values.end()), 20);
  EXPECT_GT(deviation(values), 0.1);
}

TEST(MachineSimulation, SendsWhatTheCalibrationExpects) {
  const asset::Model plain = testing::small_plant();
  std::vector<asset::Sensor> sensors(plain.sensors().begin(), plain.sensors().end());
  for (asset::Sensor& sensor : sensors) {
    if (sensor.name == "flow") sensor.calibration.coefficients = {-5, 0.01};
  }
  const asset::Model raw({plain.machines().begin(), plain.machines().end()}, sensors);
  const auto expected = record(plain, "pump-1", 1, 10 * core::kSecond).at("pump/flow").values;
  const auto sent = record(raw, "pump-1", 1, 10 * core::kSecond).at("pump/flow").values;
  ASSERT_EQ(sent.size(), expected.size());
  for (std::size_t i = 0; i < sent.size(); ++i) EXPECT_NEAR(-5 + 0.01 * sent[i], expected[i], 1e-6);
}

}  // namespace
}  // namespace millwright::simulator
