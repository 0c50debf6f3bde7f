// LatestFeed: the latest reading of each sensor, where it is another than the receiver has: never a backlog. After a
// receiver was away all of them go again.
//
// Threads: as a Feed. Memory: some bytes a sensor.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "asset/model.hpp"
#include "core/texts.hpp"
#include "core/value_text.hpp"
#include "forwarding/feed.hpp"
#include "forwarding/reading_rules.hpp"
#include "pipeline/live_table.hpp"

namespace millwright::forwarding {

struct LatestOptions {
  std::vector<SensorRule> rules;  // whether a sensor is sent
  core::DurationNs every = 200 * core::kMillisecond;
};
// Reads `sensors` and `every`.
LatestOptions read_latest_options(config::Section& section);

class LatestFeed final : public Feed {
 public:
  // All of it outlives the feed.
  LatestFeed(const LatestOptions& options, const asset::Model& model, const pipeline::LiveTable& live,
             const core::Texts& texts);

  core::Result<Batch> next() override;
  void pass(const Event&) override {}
  void done() override;
  void receiver_lost() override;
  core::Status keep(When) override { return {}; }
  [[nodiscard]] Backlog backlog() const override { return {}; }
  [[nodiscard]] std::string_view unit() const override { return "machines"; }

 private:
  struct Told {
    core::TimeNs time = 0;
    std::uint64_t bits = 0;
    core::Quality quality;
    bool any = false;
    bool operator==(const Told&) const = default;
  };

  const LatestOptions options_;
  const asset::Model& model_;
  const pipeline::LiveTable& live_;
  const core::Texts& texts_;
  std::vector<bool> sent_;   // by sensor: whether it is
  std::vector<Told> told_;   // by sensor: what the receiver has
  std::vector<Told> being_;  // and what it has after this batch
  core::TimeWriter times_;
};

}  // namespace millwright::forwarding
