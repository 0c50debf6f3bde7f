// The signals that `millwright bench ingest` plays: what a plant has, made before the clock starts. Each sensor reads
// AR(1) noise of about 5 steps of 0.01 on a load cycle, at its own phase, as float32.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "asset/model.hpp"

namespace millwright::app {

class BenchSignal {
 public:
  explicit BenchSignal(std::uint64_t seed);
  // `count` consecutive values of a sensor from its reading number `from` on; valid until the next call.
  std::span<const float> values(std::uint32_t sensor, std::uint64_t from, std::uint32_t count) const;

  static constexpr std::uint32_t kBlockMax = 1024;

 private:
  std::vector<float> table_;
};

// 50 float32 sensors a machine, ten machines a cell, fed by connector "bench" at addresses "bench,machine=m0 s0", ….
asset::Model bench_model(std::uint32_t sensors, double rate_hz);

}  // namespace millwright::app
