#include "historian/query.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "core/log.hpp"

namespace millwright::historian {
namespace {

using core::TimeNs;

constexpr std::size_t kAggregateStep = 256 * 1024;  // readings held at a time
constexpr std::size_t kTrimMin = 64 * 1024;

bool same(const Reading& a, const Reading& b) {
  return a.time == b.time && a.bits == b.bits && a.quality == b.quality;
}

// In order of time; what came at one time stays in the order in which it was recorded, each different reading once.
void sort_and_thin(std::vector<Reading>& readings) {
  constexpr std::ptrdiff_t kFew = 16;
  const auto earlier = [](const Reading& a, const Reading& b) { return a.time < b.time; };
  if (!std::is_sorted(readings.begin(), readings.end(), earlier)) {
    std::stable_sort(readings.begin(), readings.end(), earlier);
  }
  auto kept = readings.begin();
  std::set<std::pair<std::uint64_t, std::uint32_t>> seen;
  for (auto one = readings.begin(); one != readings.end();) {
    const auto first = kept;  // kept of this time
    const TimeNs time = one->time;
    seen.clear();
    for (; one != readings.end() && one->time == time; ++one) {
      // Rarely more than one or two; where somebody's clock stands still, a set of them.
      if (kept - first == kFew && seen.empty()) {
        for (auto other = first; other != kept; ++other) seen.emplace(other->bits, other->quality.code);
      }
      const bool known = kept - first < kFew
                             ? std::any_of(first, kept, [&](const Reading& other) { return same(other, *one); })
                             : !seen.emplace(one->bits, one->quality.code).second;
      if (!known) *kept++ = *one;
    }
  }
  readings.erase(kept, readings.end());
}

double as_double(std::uint64_t bits, core::ValueType type) {
  pipeline::LiveValue value;
  value.type = type;
  value.bits = bits;
  return value.as_double();
}

// The start of the interval that holds `time`, also at the far end of time.
TimeNs interval_of(TimeNs time, core::DurationNs width) {
  return time < INT64_MIN + width ? INT64_MIN : core::floor_to(time, width);
}

void add(Aggregate& interval, const Reading& reading, core::ValueType type) {
  const double value = as_double(reading.bits, type);
  if (reading.quality.is_bad() || std::isnan(value)) {
    ++interval.bad_count;
    return;
  }
  if (interval.count == 0) {
    interval.min = interval.max = interval.first = value;
  }
  interval.min = std::min(interval.min, value);
  interval.max = std::max(interval.max, value);
  interval.sum += value;
  interval.last = value;
  ++interval.count;
}

}  // namespace

Query::Query(const std::vector<std::unique_ptr<ShardLog>>& logs, SeriesKey key, core::ValueType type)
    : logs_(logs), key_(key), type_(type) {}

core::Result<Query::Part> Query::collect(TimeNs from, TimeNs to, std::size_t enough) {
  std::vector<Place> places;
  for (const auto& log : logs_) {
    std::vector<TimeIndex::Run> runs;
    if (auto found = log->index().find(key_, from, to, runs); !found) return core::unexpected(found.error());
    for (const auto& run : runs) places.push_back({log.get(), run});
  }
  std::stable_sort(places.begin(), places.end(),
                   [](const Place& a, const Place& b) { return a.run.times.low < b.run.times.low; });
  Part part{.readings = {}, .end = to};
  // Beyond `enough` readings nothing later than those counts: the end moves down, and runs after it need no reading.
  const auto trim = [&] {
    auto& readings = part.readings;
    sort_and_thin(readings);
    if (readings.size() <= enough) return;
    const TimeNs last = readings[enough].time;
    part.end = last == readings.front().time ? last + 1 : last;
    std::erase_if(readings, [&](const Reading& one) { return one.time >= part.end; });
  };
  const std::size_t slack = std::max(enough / 4, kTrimMin);
  std::size_t trim_at = enough + slack;
  for (const Place& place : places) {
    if (place.run.times.low >= part.end) break;
    if (auto read = read_run(place, from, part.end, part.readings); !read) return core::unexpected(read.error());
    if (part.readings.size() < trim_at) continue;
    trim();
    trim_at = std::max(enough, part.readings.size()) + slack;
  }
  trim();
  return part;
}

core::Status Query::read_run(const Place& place, TimeNs from, TimeNs to, std::vector<Reading>& readings) {
  const auto read =
      place.log->journal().read_segment(place.run.segment, place.run.offset, [&](const journal::Record& record) {
        if (record.sequence > place.run.last) return false;
        if (record.type != kDataRecord) return true;
        DataReader reader(record.payload);
        if (!reader.ok() || !reader.header().times.overlaps(from, to) || !reader.header().keys.holds(key_)) return true;
        reader.lanes([](const Lane&) {});
        while (const auto block = reader.next_block()) {
          if (block->key != key_) continue;
          if (auto decoded = decoder_.decode(block->bytes, reader.header().written.wall, block_); !decoded) {
            core::logger("historian")
                ->error("record {} of segment {}: {}; its block is left out", record.sequence, record.segment,
                        decoded.error().message);
            continue;
          }
          take(from, to, readings);
        }
        return true;
      });
  // Dropped by retention meanwhile, or damaged as a whole, which the journal has reported.
  if (!read && (read.error().code == core::ErrorCode::kNotFound || read.error().code == core::ErrorCode::kCorrupt)) {
    return {};
  }
  return read;
}

void Query::take(TimeNs from, TimeNs to, std::vector<Reading>& readings) const {
  std::uint32_t i = 0;
  for (const core::QualityRun& run : block_.quality) {
    for (const std::uint32_t end = i + run.count; i < end; ++i) {
      const TimeNs time = block_.time(i);
      if (time >= from && time < to) readings.push_back({.time = time, .bits = block_.bits(i), .quality = run.quality});
    }
  }
}

core::Result<std::vector<Aggregate>> Query::aggregates(Range range, core::DurationNs width, std::size_t limit,
                                                       std::optional<TimeNs>* next) {
  std::vector<Aggregate> intervals;
  for (TimeNs from = range.from; from < range.to;) {
    auto part = collect(from, range.to, kAggregateStep);
    if (!part) return core::unexpected(part.error());
    for (const Reading& reading : part->readings) {
      const TimeNs start = interval_of(reading.time, width);
      if (intervals.empty() || intervals.back().start != start) {
        if (intervals.size() == limit) {
          if (next != nullptr) *next = start;
          return intervals;
        }
        intervals.push_back({.start = start});
      }
      add(intervals.back(), reading, type_);
    }
    from = part->end;
  }
  return intervals;
}

}  // namespace millwright::historian
