#include "historian/sealer.hpp"

#include <algorithm>

#include "core/log.hpp"
#include "historian/reading_order.hpp"

namespace millwright::historian {

using core::Status;
using core::TimeNs;

namespace {

// A series is slow where its seconds have no more readings than this, on the whole: a row of several readings takes as
// much as some eight of them.
constexpr std::size_t kSlowReadings = 2;
constexpr Intervals kSeconds(core::kSecond);

// In order, each once.
std::vector<TimeNs> seconds_of(std::span<const Reading> readings) {
  std::vector<TimeNs> seconds;
  for (const Reading& one : readings) {
    const TimeNs second = kSeconds.start_of(one.time);
    if (seconds.empty() || seconds.back() != second) seconds.push_back(second);
  }
  std::sort(seconds.begin(), seconds.end());
  seconds.erase(std::unique(seconds.begin(), seconds.end()), seconds.end());
  return seconds;
}

}  // namespace

Sealer::Sealer(const std::vector<Shelf>& shelves, std::size_t shard, Options options)
    : log_(*shelves[shard].log), store_(*shelves[shard].store), shelves_(shelves), options_(std::move(options)) {}

core::Result<bool> Sealer::seal(Need need) {
  if (auto dropped = drop_sealed(); !dropped) return core::unexpected(dropped.error());
  const auto span = next_span(need);
  if (!span) return false;
  if (auto loaded = load_latest(); !loaded) return core::unexpected(loaded.error());
  drafts_.clear();
  written_ = {};
  Status done = survey(*span);
  for (const Pass& pass : passes()) {
    if (done) done = gather(*span, pass);
    for (auto from = refs_.begin(); done && from != refs_.end();) {
      const auto to = std::find_if(from, refs_.end(), [&](const BlockRef& one) { return one.key != from->key; });
      done = write_series({from, to});
      from = to;
    }
  }
  ColumnStore::Change change{.add = {}, .remove = {}, .sealed = span->last, .written = written_};
  for (auto& [which, draft] : drafts_) change.add.push_back(std::move(draft));
  drafts_.clear();
  if (done) done = store_.apply(std::move(change));
  if (!done) {
    latest_loaded_ = false;  // it may speak of what was not kept
    return core::unexpected(done.error());
  }
  arena_.clear();
  arena_.shrink_to_fit();
  refs_.clear();
  refs_.shrink_to_fit();
  if (auto dropped = drop_sealed(); !dropped) return core::unexpected(dropped.error());
  return true;
}

// ---- what ----------------------------------------------------------------------------------------------------------

std::optional<Sealer::Span> Sealer::next_span(Need need) const {
  const auto segments = log_.journal().segments();
  const journal::Sequence sealed = store_.set()->sealed;
  const std::uint64_t enough =
      std::min(options_.bytes_max, std::max<std::uint64_t>(1, log_.series() * options_.bytes_per_series));
  Span span;
  for (const journal::SegmentInfo& segment : segments) {
    if (!segment.closed || span.bytes >= enough) break;
    if (segment.last <= sealed) continue;
    if (span.segments == 0) span.first = segment.first;
    span.last = segment.last;
    span.bytes += segment.bytes;
    ++span.segments;
  }
  if (span.segments == 0 || (need == Need::kEnough && span.bytes < enough)) return std::nullopt;
  return span;
}

Status Sealer::drop_sealed() {
  const journal::Sequence sealed = store_.set()->sealed;
  for (const journal::SegmentInfo& segment : log_.journal().segments()) {
    if (!segment.closed || segment.last > sealed || segment.last >= log_.held_from() || !log_.may_drop_oldest()) break;
    const Status dropped = log_.journal().drop_oldest();
    if (!dropped && dropped.error().code == core::ErrorCode::kNotFound) break;  // the newest of all stays
    if (!dropped) return dropped;
  }
  return {};
}

template <typename Visitor>
Status Sealer::each_chunk(Tier tier, Visitor&& visit) const {
  for (const Shelf& shelf : shelves_) {
    const auto set = shelf.store->set();
    for (const ColumnSet::File& file : set->of(tier)) {
      for (std::size_t at = 0;;) {
        const auto entries = file->entries(at);
        if (!entries) return core::unexpected(entries.error());
        if (entries->empty()) break;
        for (const ChunkEntry& entry : *entries) visit(entry);
        at += entries->size();
      }
    }
  }
  return {};
}

// Where each series stands, from the tier that is kept longest, and of which kind its latest second is.
Status Sealer::load_latest() {
  if (latest_loaded_) return {};
  latest_.clear();
  const Status hours = each_chunk(Tier::kHour, [&](const ChunkEntry& entry) {
    Latest& latest = latest_[entry.key];
    latest.time = std::max(latest.time, entry.times.high);
  });
  if (!hours) return hours;
  const Status slow = each_chunk(Tier::kSlow, [&](const ChunkEntry& entry) {
    const auto latest = latest_.find(entry.key);
    if (latest == latest_.end()) return;
    latest->second.slow |= kSeconds.start_of(entry.times.high) == kSeconds.start_of(latest->second.time);
  });
  if (!slow) return slow;
  latest_loaded_ = true;
  return {};
}

// ---- gathering blocks by series ------------------------------------------------------------------------------------

// How many bytes of each series there are, so that passes fit the arena.
Status Sealer::survey(const Span& span) {
  std::fill(bytes_of_.begin(), bytes_of_.end(), 0);
  return log_.journal().read(
      span.first,
      [&](const journal::Record& record) {
        if (record.sequence > span.last) return false;
        if (record.type != kDataRecord) return true;
        DataReader reader(record.payload);
        if (reader.header().written.age >= written_.age) written_ = reader.header().written;
        reader.lanes([](const Lane&) {});
        while (const auto block = reader.next_block()) {
          if (block->key >= bytes_of_.size()) bytes_of_.resize(block->key + 1024);
          bytes_of_[block->key] += block->bytes.size();
        }
        return true;
      },
      [&](const journal::Damage& damage) {
        core::logger("historian")
            ->error("sealing {}: {}; records {} to {} are lost", damage.where, damage.reason, damage.first_lost,
                    damage.last_lost);
      });
}

std::vector<Sealer::Pass> Sealer::passes() const {
  std::vector<Pass> all;
  std::uint64_t sum = 0;
  SeriesKey low = 0;
  for (std::size_t key = 0; key < bytes_of_.size(); ++key) {
    if (sum > 0 && sum + bytes_of_[key] > options_.arena_bytes) {
      all.push_back({low, static_cast<SeriesKey>(key - 1)});
      low = static_cast<SeriesKey>(key);
      sum = 0;
    }
    sum += bytes_of_[key];
  }
  if (sum > 0) all.push_back({low, UINT32_MAX});
  return all;
}

Status Sealer::gather(const Span& span, const Pass& pass) {
  arena_.clear();
  refs_.clear();
  const Status read = log_.journal().read(span.first, [&](const journal::Record& record) {
    if (record.sequence > span.last) return false;
    if (record.type != kDataRecord) return true;
    DataReader reader(record.payload);
    const KeyExtent& keys = reader.header().keys;
    if (!reader.ok() || keys.high < pass.low || keys.low > pass.high) return true;
    reader.lanes([](const Lane&) {});
    while (const auto block = reader.next_block()) {
      if (block->key < pass.low || block->key > pass.high) continue;
      refs_.push_back({.key = block->key,
                       .bytes = static_cast<std::uint32_t>(block->bytes.size()),
                       .at = arena_.size(),
                       .base = reader.header().written.wall});
      arena_.insert(arena_.end(), block->bytes.begin(), block->bytes.end());
    }
    return true;
  });
  // By series, and within it as it came.
  std::sort(refs_.begin(), refs_.end(),
            [](const BlockRef& a, const BlockRef& b) { return a.key != b.key ? a.key < b.key : a.at < b.at; });
  return read;
}

// ---- one series ----------------------------------------------------------------------------------------------------

core::Result<ColumnWriter*> Sealer::writer_for(SeriesKey key, Tier tier) {
  const std::uint64_t retention = options_.retention_class ? options_.retention_class(key) : 0;
  const std::pair which(retention, tier);
  auto known = drafts_.find(which);
  if (known == drafts_.end()) {
    auto draft = store_.draft(tier, 0, retention);
    if (!draft) return core::unexpected(draft.error());
    known = drafts_.emplace(which, std::move(*draft)).first;
  }
  return known->second.writer.get();
}

Status Sealer::write_series(std::span<const BlockRef> blocks) {
  const SeriesKey key = blocks.front().key;
  read_blocks(blocks);
  if (run_.empty()) return {};
  if (auto summed = sum_up(key); !summed) return summed;
  note_latest(key);
  if (auto written = write_readings(key); !written) return written;
  for (const Tier tier : kRollups) {
    const auto& rows = rows_[index_of(tier)];
    if (rows.empty()) continue;
    const auto writer = writer_for(key, tier);
    if (!writer) return core::unexpected(writer.error());
    if (auto written = builder_.write(key, rows, width_of(tier), **writer); !written) return written;
  }
  return {};
}

void Sealer::read_blocks(std::span<const BlockRef> blocks) {
  run_.clear();
  for (const BlockRef& ref : blocks) {
    const auto bytes = std::span<const std::byte>(arena_).subspan(ref.at, ref.bytes);
    if (auto decoded = decoder_.decode(bytes, ref.base, block_); !decoded) {
      core::logger("historian")
          ->error("sealing series {}: {}; its block is left out", ref.key, decoded.error().message);
      continue;
    }
    run_.append(block_);
  }
  run_.put_in_order();
}

void Sealer::note_latest(SeriesKey key) {
  const TimeNs time = run_.latest();
  Latest& latest = latest_[key];
  if (time < latest.time || time == INT64_MIN) return;
  const auto after = std::upper_bound(run_.times().begin(), run_.times().end(), time);
  latest = {.time = time, .slow = kept_[static_cast<std::size_t>(after - run_.times().begin()) - 1] != 0};
}

double Sealer::deviation_of(SeriesKey key) const {
  return options_.deviation && core::is_real(run_.type()) ? options_.deviation(key) : 0;
}

// Mostly all are of one kind.
Status Sealer::write_readings(SeriesKey key) {
  const auto slow = static_cast<std::size_t>(std::count(kept_.begin(), kept_.end(), 1));
  if (slow == 0) return write_run(key, Tier::kRaw, run_);
  if (slow == kept_.size()) return write_run(key, Tier::kSlow, run_);
  for (const Tier tier : {Tier::kRaw, Tier::kSlow}) {
    const std::uint8_t kind = tier == Tier::kSlow ? 1 : 0;
    part_run_.clear();
    for (std::size_t from = 0; from < kept_.size();) {
      std::size_t to = from;
      while (to < kept_.size() && kept_[to] == kept_[from]) ++to;
      if (kept_[from] == kind) part_run_.append(run_, from, to);
      from = to;
    }
    if (auto written = write_run(key, tier, part_run_); !written) return written;
  }
  return {};
}

Status Sealer::write_run(SeriesKey key, Tier tier, SeriesRun& run) {
  const auto writer = writer_for(key, tier);
  if (!writer) return core::unexpected(writer.error());
  // What stands for its seconds is kept whole.
  if (const double deviation = deviation_of(key); tier == Tier::kRaw && deviation > 0) run.thin(deviation);
  builder_.add(run, **writer);
  return (*writer)->end_chunk(key, run.statistics());
}

// ---- roll-ups ------------------------------------------------------------------------------------------------------

// Says of each reading how it is kept, and makes the rows that are to be kept beside.
Status Sealer::sum_up(SeriesKey key) {
  for (auto& rows : rows_) rows.clear();
  slow_ = deviation_of(key) == 0 && run_.is_slow(kSlowReadings);
  kept_.assign(run_.size(), 0);
  const auto times = run_.times();
  std::size_t done = 0;
  Rows rest;
  if (const auto known = latest_.find(key); known != latest_.end()) {
    const Latest sealed = known->second;
    if (times.front() <= sealed.time) {
      if (auto late = sum_up_late(key, sealed.time, done); !late) return late;
    }
    const TimeNs second = kSeconds.start_of(sealed.time);
    std::size_t end = done;
    while (end < times.size() && kSeconds.start_of(times[end]) == second) ++end;
    sum_up_new(done, end, sealed.slow, rest);
    done = end;
  }
  sum_up_new(done, times.size(), slow_, rest);
  historian::sum_up(rest[index_of(Tier::kMinute)], core::kHour, rest[index_of(Tier::kHour)]);
  for (const Tier tier : kRollups) {
    const auto& made = rest[index_of(tier)];
    rows_[index_of(tier)].insert(rows_[index_of(tier)].end(), made.begin(), made.end());
  }
  return {};
}

// Readings [from, to), after all that is sealed: seconds and minutes.
void Sealer::sum_up_new(std::size_t from, std::size_t to, bool slow, Rows& rows) {
  std::fill(kept_.begin() + static_cast<std::ptrdiff_t>(from), kept_.begin() + static_cast<std::ptrdiff_t>(to),
            slow ? 1 : 0);
  if (slow) return run_.sum_up(from, to, core::kMinute, rows[index_of(Tier::kMinute)]);
  auto& seconds = rows[index_of(Tier::kSecond)];
  run_.sum_up(from, to, core::kSecond, seconds);
  historian::sum_up(seconds, core::kMinute, rows[index_of(Tier::kMinute)]);
}

// Hour by hour, as far as readings are not after what is sealed; `done` is where the others begin.
Status Sealer::sum_up_late(SeriesKey key, TimeNs sealed, std::size_t& done) {
  const auto times = run_.times();
  const Intervals hours(core::kHour);
  while (done < times.size() && times[done] <= sealed) {
    const TimeNs hour = hours.start_of(times[done]);
    std::size_t end = done;
    while (end < times.size() && hours.start_of(times[end]) == hour) ++end;
    if (auto redone = redo_hour(key, hour, done, end); !redone) return redone;
    done = end;
  }
  return {};
}

// Appends to readings_.
Status Sealer::read_sealed(SeriesKey key, Tier tier, TimeNs from, TimeNs to) {
  std::vector<ColumnReader::Place> places;
  for (const Shelf& shelf : shelves_) {
    const auto set = shelf.store->set();
    for (const ColumnSet::File& file : set->of(tier)) {
      if (auto found = reader_.find(file, key, from, to, places); !found) return found;
    }
  }
  for (const auto& place : places) {
    if (auto read = reader_.read(place, from, to, readings_); !read) return read;
  }
  return {};
}

Status Sealer::redo_hour(SeriesKey key, TimeNs hour, std::size_t from, std::size_t to) {
  const TimeNs end = hour > INT64_MAX - core::kHour ? INT64_MAX : hour + core::kHour;
  readings_.clear();
  if (auto read = read_sealed(key, Tier::kSlow, hour, end); !read) return read;
  const std::size_t slow = readings_.size();
  if (auto read = read_sealed(key, Tier::kRaw, hour, end); !read) return read;
  const auto sealed = std::span<const Reading>(readings_);
  const auto slow_seconds = seconds_of(sealed.first(slow));
  const auto quick_seconds = seconds_of(sealed.subspan(slow));
  const auto is_among = [](const std::vector<TimeNs>& seconds, TimeNs second) {
    return std::binary_search(seconds.begin(), seconds.end(), second);
  };
  for (std::size_t i = from; i < to; ++i) {
    const TimeNs second = kSeconds.start_of(run_.times()[i]);
    kept_[i] = is_among(slow_seconds, second) || (slow_ && !is_among(quick_seconds, second)) ? 1 : 0;
  }
  sort_and_thin(readings_);

  known_.clear();
  for (const Shelf& shelf : shelves_) {
    if (auto read = reader_.rows(*shelf.store->set(), Tier::kHour, key, hour, end, known_); !read) return read;
  }
  const Aggregate known = total(known_);
  const bool all_there = readings_.size() >= known.count + known.bad_count;
  hour_run_.clear();
  if (all_there) hour_run_.append(run_.type(), readings_);
  hour_run_.append(run_, from, to);
  hour_run_.put_in_order();
  write_again(from, to, all_there);
  return {};
}

// Of what hour_run_ holds, only intervals that readings [from, to) came for.
void Sealer::write_again(std::size_t from, std::size_t to, bool whole) {
  Rows made;
  hour_run_.sum_up(0, hour_run_.size(), core::kSecond, made[index_of(Tier::kSecond)]);
  historian::sum_up(made[index_of(Tier::kSecond)], core::kMinute, made[index_of(Tier::kMinute)]);
  historian::sum_up(made[index_of(Tier::kMinute)], core::kHour, made[index_of(Tier::kHour)]);
  for (const Tier tier : kRollups) {
    std::size_t i = from;
    for (RollupRow& row : made[index_of(tier)]) {
      while (i < to && run_.times()[i] < row.of.start) ++i;
      if (i == to || run_.times()[i] - row.of.start >= width_of(tier)) continue;
      if (tier == Tier::kSecond && kept_[i] != 0) continue;
      row.whole = whole;
      rows_[index_of(tier)].push_back(row);
    }
  }
}

}  // namespace millwright::historian
