#include "analytics/machine_history.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace millwright::analytics {
namespace {

constexpr std::size_t kReadingsAtOnce = 1'000'000;
constexpr core::DurationNs kFirstLook = 10 * core::kMinute;

bool is_stop(const Span& span) {
  return span.activity && *span.activity != Activity::kRunning;
}

std::int64_t count_of(core::ValueType type, std::uint64_t bits) {
  if (type == core::ValueType::kInt64) return core::from_bits<std::int64_t>(bits);
  const double value = core::as_double(type, bits);
  return std::abs(value) < 9e15 ? std::llround(value) : 0;
}

// What a counter has moved since its last value.
class Counter {
 public:
  std::int64_t increase(std::int64_t value) {
    const bool first = !last_.has_value();
    const std::int64_t before = last_.value_or(value);
    last_ = value;
    return first || value == before ? 0 : value > before ? value - before : std::max<std::int64_t>(value, 0);
  }

 private:
  std::optional<std::int64_t> last_;
};

}  // namespace

const std::string& product_at(const std::vector<ProductChange>& changes, core::TimeNs time) {
  static const std::string kNone;
  const auto after = std::partition_point(changes.begin(), changes.end(),
                                          [&](const ProductChange& change) { return change.time <= time; });
  return after == changes.begin() ? kNone : std::prev(after)->product;
}

core::Status MachineHistory::read(core::SensorId sensor, const Interval& range, core::TimeNs& reach,
                                  const Take& take) const {
  const auto held = historian_.before(sensor, range.from);
  if (!held) return core::unexpected(held.error());
  reach = std::min(reach, *held ? (*held)->time : INT64_MIN);
  if (*held) {
    take(**held);
    std::optional<core::TimeNs> next;
    const auto bad = historian_.raw(sensor, {(*held)->time + 1, range.from}, 1, &next);
    if (!bad) return core::unexpected(bad.error());
    if (!bad->empty()) take(bad->front());
  }
  std::optional<core::TimeNs> next = range.from;
  while (next && *next < range.to) {
    const core::TimeNs from = *next;
    const auto readings = historian_.raw(sensor, {from, range.to}, kReadingsAtOnce, &next);
    if (!readings) return core::unexpected(readings.error());
    for (const historian::Reading& reading : *readings) {
      if (reading.quality != core::kBadInvalidTimestamp) take(reading);
    }
  }
  return {};
}

core::Result<std::vector<Span>> MachineHistory::spans(const asset::Machine& machine, const Interval& range,
                                                      core::TimeNs& reach) const {
  std::vector<Span> spans;
  Span open{{range.from, range.from}, std::nullopt};
  const auto close = [&](core::TimeNs time) {
    open.time.to = std::max(time, range.from);
    append(spans, open);
    open.time.from = open.time.to;
  };
  const auto done = read(machine.oee->state, range, reach, [&](const historian::Reading& reading) {
    close(reading.time);
    const auto activity = machine.oee->activities.find(core::from_bits<std::int32_t>(reading.bits));
    open.activity.reset();
    if (!reading.quality.is_bad() && activity != machine.oee->activities.end()) open.activity = activity->second;
  });
  if (!done) return core::unexpected(done.error());
  close(range.to);
  return spans;
}

core::Result<std::vector<Span>> MachineHistory::states(const asset::Machine& machine, const Interval& period,
                                                       core::TimeNs now, core::TimeNs& reach) const {
  const Interval within{period.from, std::min(period.to, now)};
  if (within.empty()) return std::vector<Span>();
  auto all = spans(machine, within, reach);
  core::TimeNs low = within.from;
  for (core::DurationNs look = kFirstLook; all && is_stop(all->front()) && within.from - low < kWholeStop; look *= 8) {
    const core::TimeNs earlier = within.from - std::min(look, kWholeStop);
    auto before = spans(machine, {earlier, low}, reach);
    if (!before) return before;
    for (const Span& span : *all) append(*before, span);
    all = std::move(before);
    low = earlier;
  }
  core::TimeNs high = within.to;
  for (core::DurationNs look = kFirstLook; all && is_stop(all->back()) && high < now && high - within.to < kWholeStop;
       look *= 8) {
    const core::TimeNs later = std::min(within.to + std::min(look, kWholeStop), now);
    const auto after = spans(machine, {high, later}, reach);
    if (!after) return after;
    for (const Span& span : *after) append(*all, span);
    high = later;
  }
  return all;
}

core::Result<std::vector<Count>> MachineHistory::counts(const asset::Machine& machine, const Interval& period,
                                                        const std::vector<ProductChange>& products,
                                                        core::TimeNs& reach) const {
  const asset::Oee& oee = *machine.oee;
  std::vector<Count> counts;
  // What a piece more of one counter is in good pieces and in rejects.
  const auto add = [&](core::SensorId sensor, int good, int reject) -> core::Status {
    if (!sensor.valid()) return {};
    const core::ValueType type = model_.sensor(sensor).type;
    Counter counter;
    return read(sensor, {period.from + 1, period.to + 1}, reach, [&](const historian::Reading& reading) {
      if (reading.quality.is_bad() || !std::isfinite(core::as_double(type, reading.bits))) return;
      const std::int64_t more = counter.increase(count_of(type, reading.bits));
      if (more == 0 || reading.time <= period.from) return;
      const core::DurationNs cycle = oee.cycle_of(product_at(products, reading.time - 1));
      counts.push_back({reading.time, more * good, more * reject, cycle});
    });
  };
  const bool by_total = oee.total.valid();
  core::Status done = add(oee.total, oee.good.valid() ? 0 : 1, oee.good.valid() ? 1 : 0);
  if (done) done = add(oee.good, 1, by_total ? -1 : 0);
  if (done) done = add(oee.reject, by_total ? -1 : 0, 1);
  if (!done) return core::unexpected(done.error());
  std::stable_sort(counts.begin(), counts.end(), [](const Count& a, const Count& b) { return a.time < b.time; });
  return counts;
}

core::Result<std::vector<ProductChange>> MachineHistory::products(const asset::Machine& machine, const Interval& period,
                                                                  core::TimeNs& reach) const {
  std::vector<ProductChange> changes;
  const auto done = read(machine.oee->product, period, reach, [&](const historian::Reading& reading) {
    if (reading.quality.is_bad()) return;
    std::string product(historian_.texts().of(reading.bits));
    if (changes.empty() || changes.back().product != product) changes.push_back({reading.time, std::move(product)});
  });
  if (!done) return core::unexpected(done.error());
  return changes;
}

}  // namespace millwright::analytics
