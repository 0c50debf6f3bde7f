#include "historian/query.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/log.hpp"
#include "historian/reading_order.hpp"

namespace millwright::historian {
namespace {

using core::ErrorCode;
using core::Status;
using core::TimeNs;

constexpr std::size_t kReadAtOnce = 256 * 1024;  // readings held at a time
constexpr std::size_t kRowsAtOnce = 64 * 1024;   // intervals of a tier
constexpr std::size_t kTrimMin = 64 * 1024;
constexpr int kTries = 10;

TimeNs round_up(TimeNs time, core::DurationNs width) {
  const TimeNs down = Intervals(width).start_of(time);
  if (down == time) return time;
  return down > INT64_MAX - width ? INT64_MAX : down + width;
}

// Of readings in order.
std::span<const Reading> within(std::span<const Reading> readings, TimeNs from, TimeNs to) {
  const auto before = [](const Reading& one, TimeNs time) { return one.time < time; };
  const auto first = std::lower_bound(readings.begin(), readings.end(), from, before);
  return {first, std::lower_bound(first, readings.end(), to, before)};
}

TimeNs later(TimeNs time, core::DurationNs by) {
  return time > INT64_MAX - by ? INT64_MAX : time + by;
}

}  // namespace

Query::Query(const std::vector<Shelf>& shelves, SeriesKey key, core::ValueType type, core::DurationNs time_limit)
    : shelves_(shelves),
      key_(key),
      type_(type),
      time_limit_(time_limit),
      end_(std::chrono::steady_clock::now() + std::chrono::nanoseconds(time_limit)) {
  look();
}

Status Query::in_time() const {
  if (std::chrono::steady_clock::now() <= end_) return {};
  return core::unexpected(ErrorCode::kTimeout,
                          fmt::format("the query takes more than {} (historian.query_time_limit); ask for a shorter "
                                      "time, or for intervals of whole seconds, minutes or hours",
                                      core::format_duration(time_limit_)));
}

// ---- a steady view -------------------------------------------------------------------------------------------------

void Query::look() {
  sets_.clear();
  for (const Shelf& shelf : shelves_) sets_.push_back(shelf.store->set());
}

bool Query::moved() const {
  for (std::size_t i = 0; i < shelves_.size(); ++i) {
    if (shelves_[i].store->set()->sealed != sets_[i]->sealed) return true;
  }
  return false;
}

// What is sealed while a query reads leaves the journal: then the query begins again with the files that have it.
template <typename Step>
auto Query::steadily(Step&& step) {
  for (int left = kTries;; --left) {
    auto done = step();
    if (left == 0 || !moved()) return done;
    look();
  }
}

// ---- readings ------------------------------------------------------------------------------------------------------

core::Result<std::vector<Query::Place>> Query::places(From from_where, TimeNs from, TimeNs to) {
  std::vector<Place> all;
  for (std::size_t i = 0; i < shelves_.size(); ++i) {
    if ((from_where & kJournal) != 0) {
      std::vector<TimeIndex::Run> runs;
      ShardLog* log = shelves_[i].log.get();
      if (auto found = log->index().find(key_, from, to, sets_[i]->sealed, runs); !found) {
        return core::unexpected(found.error());
      }
      for (const auto& run : runs) all.push_back({.times = run.times, .log = log, .run = run, .block = {}});
    }
    std::vector<ColumnReader::Place> blocks;
    for (const auto& [where, tier] : {std::pair(kRaw, Tier::kRaw), std::pair(kSlow, Tier::kSlow)}) {
      if ((from_where & where) == 0) continue;
      for (const ColumnSet::File& file : sets_[i]->of(tier)) {
        if (auto found = reader_.find(file, key_, from, to, blocks); !found) return core::unexpected(found.error());
      }
    }
    for (auto& block : blocks) {
      const Extent times = block.block.times;
      all.push_back({.times = times, .log = nullptr, .run = {}, .block = std::move(block)});
    }
  }
  // Column files hold what is older than the journal: of readings of one time theirs come first.
  std::stable_sort(all.begin(), all.end(), [](const Place& a, const Place& b) {
    return a.times.low != b.times.low ? a.times.low < b.times.low : (a.log == nullptr) > (b.log == nullptr);
  });
  return all;
}

core::Result<Query::Part> Query::collect(TimeNs from, TimeNs to, std::size_t enough) {
  return steadily([&] { return read(kAll, from, to, enough); });
}

core::Result<Query::Part> Query::read(From from_where, TimeNs from, TimeNs to, std::size_t enough) {
  const auto found = places(from_where, from, to);
  if (!found) return core::unexpected(found.error());
  Part part{.readings = {}, .end = to};
  std::size_t expected = 0;
  for (const Place& place : *found) expected += place.block.block.count;
  part.readings.reserve(std::min(expected, enough + kTrimMin));
  // Beyond `enough` readings nothing later than those counts: the end moves down, and what is after needs no reading.
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
  TimeNs high = INT64_MIN;
  for (const Place& place : *found) {
    if (part.readings.size() > enough && place.times.low > high) trim();
    if (place.times.low >= part.end) break;
    high = std::max(high, place.times.high);
    if (auto more = in_time(); !more) return core::unexpected(more.error());
    const Status read = place.log == nullptr ? reader_.read(place.block, from, part.end, part.readings)
                                             : read_run(place, from, part.end, part.readings);
    if (!read) return core::unexpected(read.error());
    if (part.readings.size() < trim_at) continue;
    trim();
    trim_at = std::max(enough, part.readings.size()) + slack;
  }
  trim();
  return part;
}

Status Query::read_run(const Place& place, TimeNs from, TimeNs to, std::vector<Reading>& readings) {
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
          take_readings(block_, from, to, readings);
        }
        return true;
      });
  // Sealed or dropped by retention meanwhile, or damaged as a whole, which the journal has reported.
  if (!read && (read.error().code == ErrorCode::kNotFound || read.error().code == ErrorCode::kCorrupt)) return {};
  return read;
}

core::Result<std::optional<Reading>> Query::before(TimeNs time) {
  const auto have = extent();
  if (!have) return core::unexpected(have.error());
  // Back in steps that grow, for the reading is mostly near.
  TimeNs to = time;
  for (core::DurationNs step = core::kMinute; to > have->low && !have->empty();) {
    const TimeNs from = to < have->low + step ? have->low : to - step;
    const auto part = collect(from, to, SIZE_MAX / 2);
    if (!part) return core::unexpected(part.error());
    for (auto one = part->readings.rbegin(); one != part->readings.rend(); ++one) {
      if (!one->quality.is_bad()) return std::optional(*one);
    }
    to = from;
    step = step > INT64_MAX / 8 ? INT64_MAX : step * 8;
  }
  return std::optional<Reading>();
}

// ---- aggregates ----------------------------------------------------------------------------------------------------

// From the earliest to the latest time that anything may be of.
core::Result<Extent> Query::extent() {
  Extent whole;
  for (std::size_t i = 0; i < shelves_.size(); ++i) {
    std::vector<TimeIndex::Run> runs;
    if (auto found = shelves_[i].log->index().find(key_, INT64_MIN, INT64_MAX, sets_[i]->sealed, runs); !found) {
      return core::unexpected(found.error());
    }
    for (const auto& run : runs) whole.add(run.times);
    for (const auto& files : sets_[i]->tiers) {
      for (const ColumnSet::File& file : files) {
        const auto chunk = file->find(key_);
        if (!chunk) return core::unexpected(chunk.error());
        if (*chunk) whole.add((*chunk)->times);
      }
    }
  }
  return whole;
}

// The earliest time in [from, to) from which on the tier, or the journal, may have something; `to`: nowhere.
core::Result<TimeNs> Query::next_time(Tier tier, TimeNs from, TimeNs to) {
  TimeNs next = to;
  const auto note = [&](const Extent& times) { next = std::min(next, std::max(from, times.low)); };
  for (std::size_t i = 0; i < shelves_.size(); ++i) {
    std::vector<TimeIndex::Run> runs;
    if (auto found = shelves_[i].log->index().find(key_, from, to, sets_[i]->sealed, runs); !found) {
      return core::unexpected(found.error());
    }
    for (const auto& run : runs) note(run.times);
    std::vector<ColumnReader::Place> blocks;
    for (const Tier one : {tier, Tier::kSlow}) {
      // Which say of seconds and less what minutes and hours have rows of.
      if (one == Tier::kSlow && width_of(tier) > core::kSecond) continue;
      for (const ColumnSet::File& file : sets_[i]->of(one)) {
        if (auto found = reader_.find(file, key_, from, to, blocks); !found) return core::unexpected(found.error());
      }
    }
    for (const auto& block : blocks) note(block.block.times);
  }
  return next;
}

core::Result<std::vector<Aggregate>> Query::aggregates(Range range, const Intervals& intervals, std::size_t limit,
                                                       std::optional<TimeNs>* next) {
  const auto have = extent();
  if (!have) return core::unexpected(have.error());
  auto tier = Tier::kRaw;
  for (const Tier coarser : {Tier::kSecond, Tier::kMinute, Tier::kHour}) {
    if (intervals.width % width_of(coarser) == 0 && intervals.shift % width_of(coarser) == 0) tier = coarser;
  }
  // As far as there is something, in whole intervals of the tier: of the finer ones there may be nothing any more.
  const core::DurationNs width = std::max(width_of(tier), core::DurationNs{1});
  range.from = std::max(range.from, Intervals(width).start_of(have->low));
  range.to = std::min(range.to, round_up(later(have->high, 1), width));
  spacing_ = intervals;
  intervals_.clear();
  // Step by step, so that memory stays small whatever the range.
  while (range.from < range.to && intervals_.size() <= limit) {
    const std::vector<Aggregate> before(intervals_.end() - (intervals_.empty() ? 0 : 1), intervals_.end());
    const std::size_t whole = intervals_.size() - before.size();
    const auto end = steadily([&]() -> core::Result<TimeNs> {
      intervals_.resize(whole);
      intervals_.insert(intervals_.end(), before.begin(), before.end());
      return add_step(tier, range);
    });
    if (!end) return core::unexpected(end.error());
    range.from = *end;
  }
  if (intervals_.size() > limit) {
    if (next != nullptr) *next = intervals_[limit].start;
    intervals_.resize(limit);
  }
  return std::move(intervals_);
}

// Adds the next part of the range; gives where it ends.
core::Result<TimeNs> Query::add_step(Tier tier, Range range) {
  const auto begin = next_time(tier, range.from, range.to);
  if (!begin || *begin == range.to) return begin;
  if (tier == Tier::kRaw) {
    const auto part = read(kAll, *begin, range.to, kReadAtOnce);
    if (!part) return core::unexpected(part.error());
    add_readings(part->readings);
    return part->end;
  }
  const TimeNs start = spacing_.start_of(*begin);
  const TimeNs first = std::max(range.from, start);
  const core::DurationNs rows = width_of(tier) * static_cast<core::DurationNs>(kRowsAtOnce);
  const TimeNs end =
      std::min(range.to, later(start, std::max(rows / spacing_.width, core::DurationNs{1}) * spacing_.width));
  const auto known = read_fresh(tier, first, end);
  if (!known) return known;
  if (auto added = add_tier(tier, first, *known); !added) return core::unexpected(added.error());
  return *known;
}

// What is not sealed yet of [from, to), or of so many intervals of the tier from there on as have not too much of it;
// gives where they end.
core::Result<TimeNs> Query::read_fresh(Tier tier, TimeNs from, TimeNs to) {
  auto part = read(kJournal, from, to, kReadAtOnce);
  if (!part) return core::unexpected(part.error());
  TimeNs end = part->end;
  if (end < to) {
    end = Intervals(width_of(tier)).start_of(end);
    if (end <= from) {
      end = std::min(to, round_up(later(from, 1), width_of(tier)));
      part = read(kJournal, from, end, SIZE_MAX / 2);
      if (!part) return core::unexpected(part.error());
    }
    std::erase_if(part->readings, [&](const Reading& one) { return one.time >= end; });
  }
  fresh_ = std::move(part->readings);
  return end;
}

void Query::add(const Aggregate& part) {
  const TimeNs start = spacing_.start_of(part.start);
  if (!intervals_.empty() && intervals_.back().start == start) return combine(intervals_.back(), part);
  intervals_.push_back(part);
  intervals_.back().start = start;
}

// [from, to): whole intervals of the tier from its rows, the ends from the next finer one.
Status Query::add_tier(Tier tier, TimeNs from, TimeNs to) {
  if (tier == Tier::kRaw) {
    const auto readings = with_fresh(kColumns, from, to);
    if (!readings) return core::unexpected(readings.error());
    add_readings(*readings);
    return {};
  }
  const auto finer = static_cast<Tier>(static_cast<int>(tier) - 1);
  const core::DurationNs width = width_of(tier);
  const TimeNs first = round_up(from, width);
  const TimeNs last = Intervals(width).start_of(to);
  if (first >= last) return add_tier(finer, from, to);
  if (from < first) {
    if (auto added = add_tier(finer, from, first); !added) return added;
  }
  if (auto added = add_rows(tier, first, last); !added) return added;
  return last < to ? add_tier(finer, last, to) : Status{};
}

Status Query::add_rows(Tier tier, TimeNs from, TimeNs to) {
  std::vector<RollupRow> rows;
  for (const auto& set : sets_) {
    if (auto read = reader_.rows(*set, tier, key_, from, to, rows); !read) return read;
  }
  if (tier == Tier::kSecond) {
    const auto beside = with_fresh(kSlow, from, to);
    if (!beside) return core::unexpected(beside.error());
    if (auto joined = join(*beside, tier, rows); !joined) return joined;
  } else if (auto joined = join(within(fresh_, from, to), tier, rows); !joined) {
    return joined;
  }
  for (const RollupRow& row : rows) add(row.of);
  return {};
}

core::Result<std::vector<Reading>> Query::with_fresh(From from_where, TimeNs from, TimeNs to) {
  auto part = read(from_where, from, to, SIZE_MAX / 2);
  if (!part) return core::unexpected(part.error());
  const auto added = within(fresh_, from, to);
  if (added.empty()) return std::move(part->readings);
  part->readings.insert(part->readings.end(), added.begin(), added.end());
  sort_and_thin(part->readings);
  return std::move(part->readings);
}

// Adds readings that no row of the tier is made of.
Status Query::join(std::span<const Reading> readings, Tier tier, std::vector<RollupRow>& rows) {
  if (readings.empty()) return {};
  run_.clear();
  run_.append(type_, readings);
  std::vector<RollupRow> added;
  run_.sum_up(0, run_.size(), width_of(tier), added);
  const std::size_t had = rows.size();
  for (const RollupRow& row : added) {
    const auto end = rows.begin() + static_cast<std::ptrdiff_t>(had);
    const auto known = std::lower_bound(rows.begin(), end, row.of.start,
                                        [](const RollupRow& a, TimeNs start) { return a.of.start < start; });
    if (known == end || known->of.start != row.of.start) {
      rows.push_back(row);
      continue;
    }
    if (known->of.count == 0 || row.of.count == 0 || known->of.last_time >= row.of.first_time) {
      const auto made = make_anew(readings, tier, *known);
      if (!made) return core::unexpected(made.error());
      if (*made) continue;
    }
    combine(known->of, row.of);
  }
  fold_rows(rows);
  return {};
}

// Where readings are not all later than those that a row is made of, it is made anew of both, unless the latter are
// gone.
core::Result<bool> Query::make_anew(std::span<const Reading> readings, Tier tier, RollupRow& row) {
  const TimeNs from = row.of.start;
  const TimeNs to = later(from, width_of(tier));
  auto sealed = read(tier == Tier::kSecond ? kRaw : kColumns, from, to, SIZE_MAX / 2);
  if (!sealed) return core::unexpected(sealed.error());
  std::vector<Reading>& all = sealed->readings;
  if (all.size() < row.of.count + row.of.bad_count) return false;
  const auto added = within(readings, from, to);
  all.insert(all.end(), added.begin(), added.end());
  sort_and_thin(all);
  run_.clear();
  run_.append(type_, all);
  std::vector<RollupRow> anew;
  run_.sum_up(0, run_.size(), width_of(tier), anew);
  if (!anew.empty()) row = anew.front();
  return true;
}

void Query::add_readings(std::span<const Reading> readings) {
  if (readings.empty()) return;
  run_.clear();
  run_.append(type_, readings);
  std::vector<RollupRow> rows;
  run_.sum_up(0, run_.size(), spacing_, rows);
  for (const RollupRow& row : rows) add(row.of);
}

}  // namespace millwright::historian
