// A machine's windows: from the cache where nothing they were made of has changed, else from history, a month of them
// at a time.
#include <algorithm>

#include "analytics/service_impl.hpp"

namespace millwright::analytics {
namespace {

using core::ErrorCode;
using core::unexpected;

constexpr core::DurationNs kRunLongest = 31 * kDay;
constexpr core::DurationNs kGapLongest = 3 * kDay;  // between windows that are made together

}  // namespace

core::Result<Service::Impl::Timeline> Service::Impl::timeline(const asset::Machine& machine, const Interval& period) {
  const asset::Oee& oee = *machine.oee;
  // As far back as what happened before can still tell something of what is in the period.
  auto look = book.look(machine, {period.from - oee.start_up - 1, period.to});
  if (!look) return unexpected(look.error());
  OeeInput input;
  input.small_stop = oee.small_stop;
  input.start_up = oee.start_up;
  input.counted = oee.counts() || oee.ideal_cycle > 0;
  input.segments = segments_of(look->spans, look->events, oee.small_stop);
  Interval wide = period;
  Intervals whole;
  core::TimeNs reach = std::min(period.from - oee.start_up - 1, look->reach);
  if (!look->spans.empty()) {
    wide = {std::min(wide.from, look->spans.front().time.from), std::max(wide.to, look->spans.back().time.to)};
  }
  for (const Stop& stop : stops_of(look->spans)) whole.push_back(stop.time);
  for (const Event& event : look->events) {
    if (event.edit) whole.push_back(event.time);
  }
  input.events = std::move(look->events);
  const Calendar& calendar = calendars.of(machine.id);
  input.scheduled = calendar.scheduled(wide);
  input.planned_stops = calendar.planned_stops(wide);
  const auto products =
      oee.product.valid() ? history.products(machine, period, reach) : orders.products(machine.path, period);
  if (!products) return unexpected(products.error());
  auto counts = oee.counts() ? history.counts(machine, period, *products, reach) : orders.counts(machine.path, period);
  if (!counts) return unexpected(counts.error());
  input.counts = std::move(*counts);
  if (!oee.counts()) {
    for (Count& count : input.counts) count.cycle = oee.cycle_of(product_at(*products, count.time - 1));
  }
  return Timeline{OeeTimeline(input), united(std::move(whole)), std::max<core::TimeNs>(reach, 0)};
}

core::Status Service::Impl::sum(const asset::Machine& machine, std::vector<Piece>& pieces,
                                const std::function<bool()>& ended) {
  if (pieces.empty()) return {};
  const Interval all{pieces.front().time.from, pieces.back().time.to};
  const core::TimeNs from = std::min(all.from - kWholeStop - kDay, cache.reach(machine.id));
  const auto marks =
      HistoryMarks::read(parts.historian, *machine.oee, {std::max<core::TimeNs>(from, 0), all.to + kWholeStop});
  if (!marks) return unexpected(marks.error());
  for (Piece& piece : pieces) {
    if (piece.kept) piece.totals = cache.find(machine.id, piece.time, *marks);
    (piece.totals ? cached_windows : made_windows).Increment();
  }
  for (std::size_t first = 0; first < pieces.size();) {
    if (pieces[first].totals) {
      ++first;
      continue;
    }
    std::size_t last = first;
    for (std::size_t next = first + 1; next < pieces.size(); ++next) {
      if (pieces[next].totals) continue;
      const bool near = pieces[next].time.from - pieces[last].time.to <= kGapLongest;
      if (!near || pieces[next].time.to - pieces[first].time.from > kRunLongest) break;
      last = next;
    }
    if (ended && ended()) return unexpected(ErrorCode::kUnavailable, "the server stops");
    if (auto summed = sum_run(machine, std::span(pieces).subspan(first, last - first + 1), *marks); !summed)
      return summed;
    first = last + 1;
  }
  return {};
}

core::Status Service::Impl::sum_run(const asset::Machine& machine, std::span<Piece> run, const HistoryMarks& marks) {
  const core::TimeNs now = parts.clock.now();
  const std::uint64_t begun = cache.begin(machine.id);
  const auto made = timeline(machine, {run.front().time.from, run.back().time.to});
  if (!made) return unexpected(made.error());
  for (Piece& piece : run) {
    if (piece.totals) continue;
    piece.totals = made->line.totals(piece.time);
    // A piece that is told at its end is still of it.
    Interval made_of{made->reach, piece.time.to + 1};
    const auto stop = std::partition_point(made->whole.begin(), made->whole.end(),
                                           [&](const Interval& one) { return one.to < piece.time.to; });
    if (stop != made->whole.end() && stop->from <= piece.time.to) made_of.to = std::max(made_of.to, stop->to);
    if (!piece.kept || made_of.to >= now) continue;  // it may still become another
    if (marks.covers(made_of)) {
      cache.keep(machine.id, piece.time, {*piece.totals, made_of, marks.of(made_of)}, begun);
    } else {
      cache.reach_back(machine.id, made_of.from);  // next time
    }
  }
  return {};
}

void Service::Impl::forget(const DowntimeRecord& record) {
  if (const asset::Machine* machine = parts.model.find_machine(record.machine); machine != nullptr) {
    cache.forget(machine->id, record.time);
  }
}

}  // namespace millwright::analytics
