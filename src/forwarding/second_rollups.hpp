// SecondRollups: of the sensors that were recorded anew, their seconds, as rows of JSON: count, smallest, largest,
// average, first, last, quality. Each is asked of the history whole, so that what comes late corrects it: the same key
// again, with more in it. Format: docs/format/kafka-rollups.md.
//
// Threads: one owner. Errors: those of the history's queries. Memory: the seconds touched, and the last few told of
// each sensor, so that none is told twice without need.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "asset/model.hpp"
#include "forwarding/reading_rows.hpp"
#include "historian/historian.hpp"

namespace millwright::forwarding {

class SecondRollups {
 public:
  struct Sensor {
    ReadingSeries series;
    const asset::Sensor* known = nullptr;  // nullptr: not in the model any more, or of no number
    std::vector<core::TimeNs> touched;     // seconds
    struct Told {
      core::TimeNs start = INT64_MIN;
      std::size_t hash = 0;
    };
    std::array<Told, 4> told{};
    std::size_t next_told = 0;
  };

  SecondRollups(const historian::Historian& history, const asset::Model& model) : history_(history), model_(model) {}

  [[nodiscard]] Sensor sensor(const ReadingSeries& series) const;
  static void touch(Sensor& sensor, const historian::DecodedBlock& block);
  // A line for each second that was touched and says something new; `row` is called for each.
  core::Status tell(Sensor& sensor, const std::function<void(std::string_view)>& row) const;

 private:
  core::Status tell(Sensor& sensor, core::TimeNs from, core::TimeNs to,
                    const std::function<void(std::string_view)>& row) const;
  const historian::Historian& history_;
  const asset::Model& model_;
};

}  // namespace millwright::forwarding
