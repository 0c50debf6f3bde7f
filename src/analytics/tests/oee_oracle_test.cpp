// A year of generated shifts, states, pieces and edits, against an oracle that goes minute by minute and shares no code
// with what it checks, not even the rules of summer time.

#include <algorithm>
#include <array>
#include <random>

#include <gtest/gtest.h>

#include "analytics/calendar.hpp"
#include "analytics/oee.hpp"

namespace millwright::analytics {
namespace {

constexpr int kYearMinutes = 366 * 24 * 60;
constexpr int kDayMinutes = 24 * 60;
constexpr int kLead = 3 * kDayMinutes;  // before the year, for shifts that reach in

struct Generated {
  CalendarRules rules;
  std::vector<std::optional<Activity>> states;  // a minute each
  std::vector<Edit> edits;
  std::vector<Count> counts;
  core::DurationNs small_stop = 0;
  core::DurationNs start_up = 0;
};

// 2026-01-01 00:00 UTC.
constexpr core::TimeNs kStart = 20454LL * 24 * core::kHour;
core::TimeNs minute(int i) {
  return kStart + i * core::kMinute;
}

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  Generated make() {
    Generated year;
    calendar(year.rules);
    year.small_stop = below(10) * core::kMinute;
    year.start_up = below(30) * core::kMinute;
    states(year);
    edits(year);
    counts(year);
    return year;
  }

 private:
  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }

  ShiftRule shift(int start, int length) {
    ShiftRule rule{.name = "shift", .span = {start * core::kMinute, (start + length) % kDayMinutes * core::kMinute}};
    const int at = (start + 30 + below(length / 2)) % kDayMinutes;
    rule.breaks = {{at * core::kMinute, (at + 15) % kDayMinutes * core::kMinute}};
    return rule;
  }

  void calendar(CalendarRules& rules) {
    rules.zone = TimeZone::find("Europe/Paris").value();
    const int start = below(kDayMinutes);
    for (const int offset : {0, 480, 960}) {
      ShiftRule rule = shift((start + offset) % kDayMinutes, 480);
      for (int day = 0; day < 5; ++day) rule.days[static_cast<std::size_t>(day)] = below(10) != 0;
      rules.week.push_back(rule);
    }
    for (int i = 0; i < 12; ++i) {
      const DayNumber day = 20454 + below(365);
      rules.holidays.push_back({day, day + below(3), "holiday"});
    }
    for (int i = 0; i < 30; ++i) {  // these overlap others as they will
      ShiftRule rule = shift(below(kDayMinutes), 60 + below(600));
      rule.day = 20454 + below(365);
      rules.extra.push_back(rule);
    }
    // One each over the changes of the clocks.
    for (const DayNumber day : {20454 + 31 + 28 + 28 - 1, 20454 + 304 - 6 - 1}) {
      ShiftRule rule = shift(23 * 60, 270);
      rule.day = day;
      rules.extra.push_back(rule);
    }
    for (int i = 0; i < 20; ++i) {
      const LocalNs from = (20454LL * kDayMinutes + below(kYearMinutes)) * core::kMinute;
      rules.planned_stops.push_back({from, from + (1 + below(600)) * core::kMinute, "stop"});
    }
  }

  void states(Generated& year) {
    year.states.resize(kYearMinutes);
    for (int i = 0; i < kYearMinutes;) {
      std::optional<Activity> activity = Activity::kRunning;
      const int what = below(20);
      if (what < 9) activity = static_cast<Activity>(what % 5);
      if (what == 9) activity.reset();
      const int length = activity == Activity::kRunning ? 1 + below(240) : 1 + below(25);
      for (int k = 0; k < length && i < kYearMinutes; ++k) year.states[static_cast<std::size_t>(i++)] = activity;
    }
  }

  void edits(Generated& year) {
    for (int at = below(500); at + 200 < kYearMinutes; at += 200 + below(3000)) {
      Edit edit{.id = "edit", .time = {minute(at), minute(at + 1 + below(100))}, .start_set = true, .end_set = true};
      if (below(4) != 0) edit.counts_as = static_cast<Activity>(1 + below(4));
      year.edits.push_back(edit);
    }
  }

  void counts(Generated& year) {
    for (int i = 1; i < kYearMinutes; i += 1 + below(6)) {
      year.counts.push_back({minute(i), below(30), below(4), (1 + below(5)) * core::kSecond + below(999'999'999)});
    }
  }

  std::mt19937 random_;
};

// What the year comes to, minute by minute.
class Oracle {
 public:
  explicit Oracle(const Generated& year) : year_(year) {
    shifts();
    planned_stops();
    events();
    counts();
  }

  // Windows are whole minutes.
  [[nodiscard]] Totals totals(int from, int to) const {
    Totals sum;
    for (int i = from; i < to; ++i) {
      sum.calendar += core::kMinute;
      if (shift_[at(i)] == 0) continue;
      sum.scheduled += core::kMinute;
      const Label label = planned_stop_[at(i)] ? Label::kPlannedStop : label_[at(i)];
      switch (label) {
        case Label::kUnknown:
          sum.unknown += core::kMinute;
          continue;
        case Label::kPlannedStop:
          sum.planned_stop += core::kMinute;
          continue;
        case Label::kBreakdown:
          sum.breakdown += core::kMinute;
          break;
        case Label::kWaiting:
          sum.waiting += core::kMinute;
          break;
        case Label::kSetup:
          sum.setup += core::kMinute;
          break;
        case Label::kSmallStop:
          sum.small_stop += core::kMinute;
          [[fallthrough]];
        case Label::kProducing:
          sum.production += core::kMinute;
          break;
      }
      sum.planned += core::kMinute;
    }
    for (const Made& made : made_) {
      if (made.minute < from || made.minute >= to) continue;
      if (!made.planned) {
        sum.outside += made.good + made.reject;
        continue;
      }
      sum.good += made.good;
      sum.ideal_good += made.good * made.cycle;
      (made.start_up ? sum.start_up_reject : sum.reject) += made.reject;
      (made.start_up ? sum.ideal_start_up_reject : sum.ideal_reject) += made.reject * made.cycle;
    }
    for (const int failure : failures_) sum.failures += failure >= from && failure < to;
    sum.counted = true;
    sum.counted_production = sum.production;
    return sum;
  }

 private:
  struct Made {
    int minute = 0;  // in which they were made
    std::int64_t good = 0;
    std::int64_t reject = 0;
    core::DurationNs cycle = 0;
    bool planned = false;
    bool start_up = false;
  };

  static std::size_t at(int i) { return static_cast<std::size_t>(i); }

  // Summer time in 2026: from 29 March to 25 October, at 01:00 UTC.
  static int offset(int i) {
    const int first = (31 + 28 + 28) * kDayMinutes + 60;
    const int last = (31 + 28 + 31 + 30 + 31 + 30 + 31 + 31 + 30 + 24) * kDayMinutes + 60;
    return i >= first && i < last ? 120 : 60;
  }

  // The first minute at which the clock on the wall shows `local` or later.
  static int when(std::int64_t local) {
    auto i = static_cast<int>(local - 180);
    while (i + offset(i) < local) ++i;
    return i;
  }

  void place(const ShiftRule& rule, std::int64_t day) {
    const std::int64_t midnight = (day - 20454) * kDayMinutes;
    const auto clock = [](core::DurationNs time) { return time / core::kMinute; };
    const std::int64_t start = clock(rule.span.start);
    std::int64_t end = clock(rule.span.end);
    if (end <= start) end += kDayMinutes;
    Placed placed{when(midnight + start), when(midnight + end), {}};
    for (const ClockSpan& pause : rule.breaks) {
      std::int64_t from = clock(pause.start);
      std::int64_t to = clock(pause.end);
      if (to <= from) to += kDayMinutes;
      if (clock(pause.start) < start) from += kDayMinutes, to += kDayMinutes;
      placed.breaks.emplace_back(when(midnight + from), when(midnight + to));
    }
    placed_.push_back(placed);
  }

  void shifts() {
    const auto& rules = year_.rules;
    for (std::int64_t day = 20454 - 3; day < 20454 + 368; ++day) {
      bool holiday = false;
      for (const Holiday& free : rules.holidays) holiday = holiday || (day >= free.first && day <= free.last);
      if (holiday) continue;
      for (const ShiftRule& rule : rules.week) {
        if (rule.days[at(static_cast<int>((day - 4) % 7))]) place(rule, day);  // 1970-01-05 was a Monday
      }
    }
    for (const ShiftRule& rule : rules.extra) place(rule, rule.day);
    // Each minute is its earliest shift's; of two that begin together the first placed.
    shift_.assign(kYearMinutes, 0);
    std::vector<int> owner(kYearMinutes, -1);
    for (int k = 0; k < static_cast<int>(placed_.size()); ++k) {
      for (int i = std::max(0, placed_[at(k)].from); i < std::min(kYearMinutes, placed_[at(k)].to); ++i) {
        if (owner[at(i)] < 0 || placed_[at(k)].from < placed_[at(owner[at(i)])].from) owner[at(i)] = k;
      }
    }
    for (int i = 0; i < kYearMinutes; ++i) {
      if (owner[at(i)] < 0) continue;
      const auto& breaks = placed_[at(owner[at(i)])].breaks;
      shift_[at(i)] = std::none_of(breaks.begin(), breaks.end(),
                                   [&](const auto& pause) { return i >= pause.first && i < pause.second; });
    }
  }

  void planned_stops() {
    planned_stop_.assign(kYearMinutes, false);
    for (const PlannedStop& stop : year_.rules.planned_stops) {
      const std::int64_t base = 20454LL * kDayMinutes;
      for (int i = std::max(0, when(stop.from / core::kMinute - base)); i < kYearMinutes; ++i) {
        if (i >= when(stop.to / core::kMinute - base)) break;
        planned_stop_[at(i)] = true;
      }
    }
  }

  void events() {
    // Which event a stopped minute is of: an edit's, or that of the stop it lies in.
    std::vector<int> event(kYearMinutes, -1);
    std::vector<int> edit(kYearMinutes, -1);
    int next = static_cast<int>(year_.edits.size());
    std::vector<int> length(at(next), 0);
    std::size_t candidate = 0;
    for (int i = 0; i < kYearMinutes; ++i) {
      const auto& state = year_.states[at(i)];
      while (candidate < year_.edits.size() && year_.edits[candidate].time.to <= minute(i)) ++candidate;
      const bool in = candidate < year_.edits.size() && year_.edits[candidate].time.from <= minute(i);
      if (!state || *state == Activity::kRunning) continue;
      edit[at(i)] = in ? static_cast<int>(candidate) : -1;
      if (edit[at(i)] >= 0) {
        event[at(i)] = edit[at(i)];
      } else if (i > 0 && year_.states[at(i - 1)] == state && event[at(i - 1)] >= 0 && edit[at(i - 1)] < 0) {
        event[at(i)] = event[at(i - 1)];
      } else {
        event[at(i)] = next++;
        length.push_back(0);
      }
      ++length[at(event[at(i)])];
    }
    label_.assign(kYearMinutes, Label::kUnknown);
    std::vector<bool> failed(length.size(), false);
    for (int i = 0; i < kYearMinutes; ++i) {
      const auto& state = year_.states[at(i)];
      if (!state) continue;
      label_[at(i)] = Label::kProducing;
      if (*state == Activity::kRunning) continue;
      const auto reason = edit[at(i)] >= 0 ? year_.edits[at(edit[at(i)])].counts_as : std::nullopt;
      const Activity activity = reason.value_or(*state);
      const bool small = !reason && length[at(event[at(i)])] * core::kMinute <= year_.small_stop;
      if (activity == Activity::kSetup) label_[at(i)] = Label::kSetup;
      if (activity == Activity::kPlannedStop) label_[at(i)] = Label::kPlannedStop;
      if (activity == Activity::kIdle) label_[at(i)] = small ? Label::kSmallStop : Label::kWaiting;
      if (activity == Activity::kDown) label_[at(i)] = small ? Label::kSmallStop : Label::kBreakdown;
      const bool fails = label_[at(i)] == Label::kBreakdown && shift_[at(i)] != 0 && !planned_stop_[at(i)];
      if (fails && !failed[at(event[at(i)])]) failures_.push_back(i);
      if (fails) failed[at(event[at(i)])] = true;
    }
  }

  void counts() {
    int restart = -1;  // the first minute after the last long stop
    int i = 0;
    for (const Count& count : year_.counts) {
      Made made{static_cast<int>((count.time - 1 - kStart) / core::kMinute), count.good, count.reject, count.cycle};
      for (; i <= made.minute; ++i) {
        if (label_[at(i)] > Label::kSmallStop) restart = i + 1;
      }
      const Label label = label_[at(made.minute)];
      made.planned = shift_[at(made.minute)] != 0 && !planned_stop_[at(made.minute)] && label != Label::kUnknown &&
                     label != Label::kPlannedStop;
      const core::TimeNs since = count.time - 1 - minute(restart);
      made.start_up = restart >= 0 && since < year_.start_up && year_.start_up > 0;
      made_.push_back(made);
    }
  }

  struct Placed {
    int from = 0;
    int to = 0;
    std::vector<std::pair<int, int>> breaks;
  };
  const Generated& year_;
  std::vector<Placed> placed_;
  std::vector<char> shift_;
  std::vector<bool> planned_stop_;
  std::vector<Label> label_;
  std::vector<Made> made_;
  std::vector<int> failures_;
};

OeeTimeline timeline_of(const Generated& year) {
  std::vector<Span> spans;
  for (int i = 0; i < kYearMinutes; ++i) {
    append(spans, {{minute(i), minute(i + 1)}, year.states[static_cast<std::size_t>(i)]});
  }
  OeeInput input;
  const Calendar calendar(year.rules);
  const Interval all{minute(0), minute(kYearMinutes)};
  input.events = events_of("machine", stops_of(spans), year.edits);
  input.segments = segments_of(spans, input.events, year.small_stop);
  input.counts = year.counts;
  input.scheduled = calendar.scheduled(all);
  input.planned_stops = calendar.planned_stops(all);
  input.small_stop = year.small_stop;
  input.start_up = year.start_up;
  input.counted = true;
  return OeeTimeline(input);
}

class OeeOracle : public testing::TestWithParam<unsigned> {};

TEST_P(OeeOracle, AYearIsTheSameMinuteByMinute) {
  const Generated year = Generator(GetParam()).make();
  const OeeTimeline timeline = timeline_of(year);
  const Oracle oracle(year);
  const auto compare = [&](int from, int to) {
    const Totals ours = timeline.totals({minute(from), minute(to)});
    const Totals theirs = oracle.totals(from, to);
    ASSERT_EQ(ours, theirs) << "from minute " << from << " to " << to;
    const Figures figures = figures_of(ours);
    if (!figures.oee || theirs.production == 0 || theirs.produced() == 0) return;
    const double planned = static_cast<double>(theirs.planned);
    const double oee = static_cast<double>(theirs.production) / planned * static_cast<double>(theirs.ideal()) /
                       static_cast<double>(theirs.production) * static_cast<double>(theirs.good) /
                       static_cast<double>(theirs.produced());
    ASSERT_NEAR(*figures.oee, oee, 1e-9);
    ASSERT_EQ(theirs.planned,
              ours.breakdown + ours.waiting + ours.setup + ours.small_stop + ours.reduced_speed() + ours.ideal());
  };
  compare(0, kYearMinutes);
  EXPECT_GT(timeline.totals({minute(0), minute(kYearMinutes)}).failures, 100);
  for (int day = 0; day < 365; day += 7) compare(day * kDayMinutes, (day + 1) * kDayMinutes);
  for (int i = 1; i < 200; ++i) compare(i * 2500, i * 2500 + 37 * i);
}

INSTANTIATE_TEST_SUITE_P(Seeds, OeeOracle, testing::Range(1U, 9U));

}  // namespace
}  // namespace millwright::analytics
