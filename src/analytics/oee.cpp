#include "analytics/oee.hpp"

#include <algorithm>
#include <array>

namespace millwright::analytics {
namespace {

constexpr core::DurationNs kIdealMax = INT64_MAX / 8;

// A counter that tells nonsense must not overflow a sum.
core::DurationNs times(core::DurationNs cycle, std::int64_t count) {
  core::DurationNs product = 0;
  return __builtin_mul_overflow(cycle, count, &product) ? kIdealMax : std::min(product, kIdealMax);
}

void add(core::DurationNs& sum, core::DurationNs more) {
  sum = more > kIdealMax - sum ? kIdealMax : sum + more;
}

std::optional<double> ratio(std::int64_t part, std::int64_t whole) {
  if (whole <= 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

// The first of a sorted list that ends after `time`.
template <typename List>
auto first_after(const List& list, core::TimeNs time) {
  return std::partition_point(list.begin(), list.end(), [&](const auto& entry) { return entry.time.to <= time; });
}

bool is_planned(Label label) {
  return label != Label::kUnknown && label != Label::kPlannedStop;
}

}  // namespace

Totals& Totals::operator+=(const Totals& other) {
  calendar += other.calendar;
  scheduled += other.scheduled;
  planned_stop += other.planned_stop;
  unknown += other.unknown;
  planned += other.planned;
  breakdown += other.breakdown;
  waiting += other.waiting;
  setup += other.setup;
  production += other.production;
  small_stop += other.small_stop;
  good += other.good;
  reject += other.reject;
  start_up_reject += other.start_up_reject;
  outside += other.outside;
  add(ideal_good, other.ideal_good);
  add(ideal_reject, other.ideal_reject);
  add(ideal_start_up_reject, other.ideal_start_up_reject);
  counted_production += other.counted_production;
  counted = counted || other.counted;
  failures += other.failures;
  return *this;
}

core::DurationNs Totals::reduced_speed() const {
  return counted ? counted_production - small_stop - ideal() : 0;
}

Figures figures_of(const Totals& totals) {
  Figures figures;
  figures.availability = ratio(totals.production, totals.planned);
  figures.performance = ratio(totals.ideal(), totals.counted_production);
  figures.quality = ratio(totals.good, totals.produced());
  if (totals.counted && figures.availability) {
    const bool made = figures.performance && figures.quality;  // else it did not run, or made nothing
    figures.oee = made ? *figures.availability * *figures.performance * *figures.quality : 0;
    figures.teep = *figures.oee * static_cast<double>(totals.planned) / static_cast<double>(totals.calendar);
  }
  if (totals.failures > 0) {
    const double failures = static_cast<double>(totals.failures) * 1e9;
    figures.mttf_s = static_cast<double>(totals.production) / failures;
    figures.mttr_s = static_cast<double>(totals.breakdown) / failures;
    figures.mtbf_s = *figures.mttf_s + *figures.mttr_s;
  }
  return figures;
}

OeeTimeline::OeeTimeline(const OeeInput& input) : counted_(input.counted) {
  add_schedule(input);
  add_failures(input);
  add_counts(input);
}

void OeeTimeline::add_schedule(const OeeInput& input) {
  const Intervals stops = intersection(input.scheduled, input.planned_stops);
  for (const Interval& time : stops) scheduled_.push_back({time, Label::kPlannedStop});
  auto segment = input.segments.begin();
  for (const Interval& open : difference(input.scheduled, stops)) {
    core::TimeNs at = open.from;
    segment = std::partition_point(segment, input.segments.end(),
                                   [&](const Segment& entry) { return entry.time.to <= open.from; });
    for (auto next = segment; next != input.segments.end() && next->time.from < open.to; ++next) {
      const Interval part = intersection(next->time, open);
      if (at < part.from) scheduled_.push_back({{at, part.from}, Label::kUnknown});
      scheduled_.push_back({part, next->label});
      at = part.to;
    }
    if (at < open.to) scheduled_.push_back({{at, open.to}, Label::kUnknown});
  }
  std::sort(scheduled_.begin(), scheduled_.end(),
            [](const Segment& a, const Segment& b) { return a.time.from < b.time.from; });
}

// A failure is of the first moment of its breakdown that was planned for production.
void OeeTimeline::add_failures(const OeeInput& input) {
  for (const Event& event : input.events) {
    for (const Stop& part : event.parts) {
      if (label_of(event, part.activity, input.small_stop) != Label::kBreakdown) continue;
      auto segment = first_after(scheduled_, part.time.from);
      while (segment != scheduled_.end() && segment->time.from < part.time.to && segment->label != Label::kBreakdown) {
        ++segment;
      }
      if (segment == scheduled_.end() || segment->time.from >= part.time.to) continue;
      failures_.push_back(std::max(segment->time.from, part.time.from));
      break;
    }
  }
  std::sort(failures_.begin(), failures_.end());
}

void OeeTimeline::add_counts(const OeeInput& input) {
  auto segment = input.segments.begin();
  core::TimeNs restart = INT64_MIN;
  for (const Count& count : input.counts) {
    const core::TimeNs made = count.time - 1;
    for (; segment != input.segments.end() && segment->time.from <= made; ++segment) {
      const bool stood = segment->label > Label::kSmallStop;
      if (stood) restart = std::min(segment->time.to, made);
      if (segment->time.to > made) break;
    }
    Piece piece{.count = count};
    const auto in = first_after(scheduled_, made);
    piece.planned = in != scheduled_.end() && in->time.holds(made) && is_planned(in->label);
    piece.start_up = restart != INT64_MIN && made - restart < input.start_up;
    pieces_.push_back(piece);
  }
}

Totals OeeTimeline::totals(const Interval& window) const {
  Totals totals;
  totals.calendar = window.length();
  std::array<core::DurationNs, kLabelCount> by_label{};
  for (auto segment = first_after(scheduled_, window.from);
       segment != scheduled_.end() && segment->time.from < window.to; ++segment) {
    by_label[static_cast<std::size_t>(segment->label)] += intersection(segment->time, window).length();
  }
  const auto of = [&](Label label) { return by_label[static_cast<std::size_t>(label)]; };
  for (const core::DurationNs time : by_label) totals.scheduled += time;
  totals.planned_stop = of(Label::kPlannedStop);
  totals.unknown = of(Label::kUnknown);
  totals.planned = totals.scheduled - totals.planned_stop - totals.unknown;
  totals.breakdown = of(Label::kBreakdown);
  totals.waiting = of(Label::kWaiting);
  totals.setup = of(Label::kSetup);
  totals.small_stop = of(Label::kSmallStop);
  totals.production = totals.small_stop + of(Label::kProducing);
  totals.counted = counted_;
  totals.counted_production = counted_ ? totals.production : 0;

  const auto from = std::partition_point(pieces_.begin(), pieces_.end(),
                                         [&](const Piece& piece) { return piece.count.time <= window.from; });
  for (auto piece = from; piece != pieces_.end() && piece->count.time <= window.to; ++piece) {
    const Count& count = piece->count;
    if (!piece->planned) {
      totals.outside += count.good + count.reject;
      continue;
    }
    totals.good += count.good;
    add(totals.ideal_good, times(count.cycle, count.good));
    (piece->start_up ? totals.start_up_reject : totals.reject) += count.reject;
    add(piece->start_up ? totals.ideal_start_up_reject : totals.ideal_reject, times(count.cycle, count.reject));
  }
  totals.failures = std::lower_bound(failures_.begin(), failures_.end(), window.to) -
                    std::lower_bound(failures_.begin(), failures_.end(), window.from);
  return totals;
}

}  // namespace millwright::analytics
