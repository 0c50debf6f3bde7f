// Overall equipment effectiveness after ISO 22400-2: times and counts of a machine in any window, and the figures that
// come of their sums. docs/oee.md has the formulas.
//
//   OeeInput input{…};                      // one machine over a period
//   const OeeTimeline timeline(input);
//   Totals line = timeline.totals(window);  line += other.totals(window);
//   const Figures figures = figures_of(line);
//
// Threads: values; const from any. Units: ns, exact; figures are shares of one. Limits: sums of time stay below 2^63
// ns, 292 years of machines; the caller sees to that.
#pragma once

#include <optional>
#include <vector>

#include "analytics/intervals.hpp"
#include "analytics/timeline.hpp"

namespace millwright::analytics {

// Pieces told at a moment, so made before it: a window has those of (from, to].
struct Count {
  core::TimeNs time = 0;
  std::int64_t good = 0;
  std::int64_t reject = 0;
  core::DurationNs cycle = 0;  // at best, of one of them
};

struct Totals {
  core::DurationNs calendar = 0;      // the window
  core::DurationNs scheduled = 0;     // shifts without breaks
  core::DurationNs planned_stop = 0;  // of those: in the calendar, or told by the machine or a reason
  core::DurationNs unknown = 0;       // of those: the machine had not said what it does
  core::DurationNs planned = 0;       // what is left: planned busy time (PBT)
  core::DurationNs breakdown = 0;
  core::DurationNs waiting = 0;
  core::DurationNs setup = 0;       // actual setup time (AUST)
  core::DurationNs production = 0;  // what is left of PBT: actual production time (APT)
  core::DurationNs small_stop = 0;  // of APT

  std::int64_t good = 0;    // GQ
  std::int64_t reject = 0;  // scrap (SQ), without those of starting up
  std::int64_t start_up_reject = 0;
  std::int64_t outside = 0;         // pieces made outside of planned time: in no figure
  core::DurationNs ideal_good = 0;  // so long they take at best: PRI times quantity
  core::DurationNs ideal_reject = 0;
  core::DurationNs ideal_start_up_reject = 0;
  core::DurationNs counted_production = 0;  // of APT: machines whose pieces are counted
  bool counted = false;                     // any of them
  std::int64_t failures = 0;

  Totals& operator+=(const Totals& other);
  [[nodiscard]] std::int64_t produced() const { return good + reject + start_up_reject; }  // PQ
  [[nodiscard]] core::DurationNs ideal() const { return ideal_good + ideal_reject + ideal_start_up_reject; }
  // Time lost by running slower than at best; below 0 where the ideal cycle is too long.
  [[nodiscard]] core::DurationNs reduced_speed() const;
  bool operator==(const Totals&) const = default;
};

// Nothing where there is no time, or nobody counts.
struct Figures {
  std::optional<double> availability{};
  std::optional<double> performance{};
  std::optional<double> quality{};
  std::optional<double> oee{};
  std::optional<double> teep{};
  std::optional<double> mttf_s{};  // producing, a failure
  std::optional<double> mttr_s{};  // broken down, a failure
  std::optional<double> mtbf_s{};  // their sum
};
Figures figures_of(const Totals& totals);

struct OeeInput {
  std::vector<Segment> segments{};  // in order; what has none is unknown
  std::vector<Event> events{};
  std::vector<Count> counts{};  // in order of time
  Intervals scheduled{};
  Intervals planned_stops{};
  core::DurationNs small_stop = 0;
  core::DurationNs start_up = 0;
  bool counted = false;
};

class OeeTimeline {
 public:
  explicit OeeTimeline(const OeeInput& input);

  [[nodiscard]] Totals totals(const Interval& window) const;

 private:
  struct Piece {
    Count count;
    bool planned = false;
    bool start_up = false;
  };
  void add_schedule(const OeeInput& input);
  void add_failures(const OeeInput& input);
  void add_counts(const OeeInput& input);

  std::vector<Segment> scheduled_;  // what each moment in a shift counts as
  std::vector<Piece> pieces_;
  std::vector<core::TimeNs> failures_;
  bool counted_;
};

}  // namespace millwright::analytics
