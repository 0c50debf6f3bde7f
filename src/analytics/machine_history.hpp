// MachineHistory: what history tells of a machine's effectiveness: its states, its pieces and its products.
//
// A state holds until the next one. A counter that falls began again at 0. What is bad, or a code that the machine's
// `oee` does not know, is not known. The first value that a counter ever had is where counting begins.
// Threads: any. Errors: those of reading. Limits: a stop is followed for kWholeStop beyond either end of a period.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "analytics/oee.hpp"
#include "asset/model.hpp"
#include "core/texts.hpp"
#include "historian/historian.hpp"

namespace millwright::analytics {

inline constexpr core::DurationNs kWholeStop = 32 * 24 * core::kHour;

struct ProductChange {
  core::TimeNs time = 0;
  std::string product{};
};
// The one made at `time`; "": not known.
const std::string& product_at(const std::vector<ProductChange>& changes, core::TimeNs time);

class MachineHistory {
 public:
  MachineHistory(const asset::Model& model, const historian::Historian& historian)
      : model_(model), historian_(historian) {}

  // Each moves `reach` back to the first moment that the answer depends on: that of the reading which held.

  // All of `period` up to `now`, and the stops at its ends whole. The machine has an `oee`.
  core::Result<std::vector<Span>> states(const asset::Machine& machine, const Interval& period, core::TimeNs now,
                                         core::TimeNs& reach) const;
  // What counters tell in (from, to], each change at its best cycle; in order of time.
  core::Result<std::vector<Count>> counts(const asset::Machine& machine, const Interval& period,
                                          const std::vector<ProductChange>& products, core::TimeNs& reach) const;
  // What the product's sensor tells, from the value that held at `period.from` on.
  core::Result<std::vector<ProductChange>> products(const asset::Machine& machine, const Interval& period,
                                                    core::TimeNs& reach) const;

 private:
  using Take = std::function<void(const historian::Reading&)>;
  // The last reading before `from` that is not bad and, where there is one, the bad one after it; then all up to `to`.
  core::Status read(core::SensorId sensor, const Interval& range, core::TimeNs& reach, const Take& take) const;
  core::Result<std::vector<Span>> spans(const asset::Machine& machine, const Interval& range,
                                        core::TimeNs& reach) const;

  const asset::Model& model_;
  const historian::Historian& historian_;
};

}  // namespace millwright::analytics
