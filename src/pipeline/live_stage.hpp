// LiveStage: keeps the live table's latest readings and makes the 1 s roll-ups as readings pass.
#pragma once

#include <vector>

#include "pipeline/live_table.hpp"
#include "pipeline/stage.hpp"

namespace millwright::pipeline {

class LiveStage final : public Stage {
 public:
  // Sensors seen by another shard's LiveStage must not come here: one writer a sensor.
  explicit LiveStage(LiveTable& live);
  void on_batch(core::BlockBatch& batch) override;
  // Seconds that are over are published though their sensor has fallen silent.
  void on_tick(core::TimeNs now) override;

 private:
  void take(const core::Block& block);
  void take_status(const core::Block& block);
  void add_to_rollup(const core::Block& block);
  void close_second(std::uint32_t sensor);

  LiveTable& live_;
  std::vector<Rollup> open_;            // by sensor: the second being filled
  std::vector<std::uint32_t> touched_;  // sensors with an open second
};

}  // namespace millwright::pipeline
