#include "bench_signal.hpp"

#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include "io/random.hpp"

namespace millwright::app {
namespace {

constexpr std::uint32_t kTable = 1 << 20;
constexpr std::uint32_t kSensorsPerMachine = 50;
constexpr double kStep = 0.01;

}  // namespace

BenchSignal::BenchSignal(std::uint64_t seed) : table_(kTable + kBlockMax) {
  io::Random random(seed);
  double noise = 0;
  for (std::uint32_t i = 0; i < kTable; ++i) {
    noise = 0.9 * noise + 5 * kStep * std::sqrt(1 - 0.81) * random.normal();
    // 1,024 readings a cycle, so that the table closes on itself.
    const double load = 50 + 2 * std::sin(2 * std::numbers::pi * (i % 1024) / 1024.0);
    table_[i] = static_cast<float>(std::round((load + noise) / kStep) * kStep);
  }
  std::copy_n(table_.begin(), kBlockMax, table_.begin() + kTable);
}

std::span<const float> BenchSignal::values(std::uint32_t sensor, std::uint64_t from, std::uint32_t count) const {
  return std::span(table_).subspan((from + sensor * std::uint64_t{7919}) % kTable, count);
}

asset::Model bench_model(std::uint32_t sensors, double rate_hz) {
  std::vector<asset::Machine> machines;
  std::vector<asset::Sensor> all;
  for (std::uint32_t i = 0; i < sensors; ++i) {
    if (i % kSensorsPerMachine == 0) {
      asset::Machine machine;
      machine.id = core::MachineId(machines.size());
      machine.name = fmt::format("m{}", machines.size());
      machine.hierarchy = {"bench", "site", "area", "line", fmt::format("cell-{}", machines.size() / 10)};
      machine.path = fmt::format("bench/site/area/line/{}/{}", machine.hierarchy[4], machine.name);
      machines.push_back(std::move(machine));
    }
    asset::Machine& machine = machines.back();
    asset::Sensor sensor;
    sensor.id = core::SensorId(i);
    sensor.machine = machine.id;
    sensor.name = fmt::format("s{}", i);
    sensor.path = machine.path + "/" + sensor.name;
    sensor.type = core::ValueType::kFloat32;
    sensor.range = {0, 1000};
    sensor.rate_hz = rate_hz;
    sensor.source = {"bench", fmt::format("bench,machine={} {}", machine.name, sensor.name)};
    machine.sensors.push_back(sensor.id);
    all.push_back(std::move(sensor));
  }
  return {std::move(machines), std::move(all)};
}

}  // namespace millwright::app
