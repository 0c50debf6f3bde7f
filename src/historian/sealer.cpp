#include "historian/sealer.hpp"

#include <algorithm>

#include "core/log.hpp"
#include "historian/reading_order.hpp"

namespace millwright::historian {

using core::Status;
using core::TimeNs;

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
  for (auto& [retention, drafts] : drafts_) {
    for (ColumnStore::Draft& draft : drafts) change.add.push_back(std::move(draft));
  }
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

// Where each series stands, from the tier that is kept longest.
Status Sealer::load_latest() {
  if (latest_loaded_) return {};
  latest_.clear();
  for (const Shelf& shelf : shelves_) {
    const auto set = shelf.store->set();
    for (const ColumnSet::File& file : set->of(Tier::kHour)) {
      for (std::size_t at = 0;;) {
        const auto entries = file->entries(at);
        if (!entries) return core::unexpected(entries.error());
        if (entries->empty()) break;
        for (const ChunkEntry& entry : *entries) {
          const auto [known, added] = latest_.emplace(entry.key, entry.times.high);
          if (!added) known->second = std::max(known->second, entry.times.high);
        }
        at += entries->size();
      }
    }
  }
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

core::Result<Sealer::Drafts*> Sealer::drafts_for(SeriesKey key) {
  const std::uint64_t retention = options_.retention_class ? options_.retention_class(key) : 0;
  const auto known = drafts_.find(retention);
  if (known != drafts_.end()) return &known->second;
  Drafts made;
  for (std::size_t tier = 0; tier < kTiers; ++tier) {
    auto draft = store_.draft(static_cast<Tier>(tier), 0, retention);
    if (!draft) return core::unexpected(draft.error());
    made[tier] = std::move(*draft);
  }
  return &drafts_.emplace(retention, std::move(made)).first->second;
}

Status Sealer::write_series(std::span<const BlockRef> blocks) {
  const SeriesKey key = blocks.front().key;
  run_.clear();
  for (const BlockRef& ref : blocks) {
    const auto bytes = std::span<const std::byte>(arena_).subspan(ref.at, ref.bytes);
    if (auto decoded = decoder_.decode(bytes, ref.base, block_); !decoded) {
      core::logger("historian")->error("sealing series {}: {}; its block is left out", key, decoded.error().message);
      continue;
    }
    run_.append(block_);
  }
  if (run_.empty()) return {};
  run_.put_in_order();
  if (auto summed = sum_up(key); !summed) return summed;
  const auto drafts = drafts_for(key);
  if (!drafts) return core::unexpected(drafts.error());
  const double deviation = options_.deviation ? options_.deviation(key) : 0;
  if (deviation > 0 && core::is_real(run_.type())) run_.thin(deviation);
  builder_.add(run_, *(**drafts)[0].writer);
  if (auto ended = (**drafts)[0].writer->end_chunk(key, run_.statistics()); !ended) return ended;
  for (std::size_t tier = 1; tier < kTiers; ++tier) {
    const Status written = builder_.write(key, rows_[tier], kTierWidths[tier], *(**drafts)[tier].writer);
    if (!written) return written;
  }
  TimeNs& latest = latest_.emplace(key, INT64_MIN).first->second;
  latest = std::max(latest, run_.latest());
  return {};
}

Status Sealer::sum_up(SeriesKey key) {
  for (auto& rows : rows_) rows.clear();
  std::size_t done = 0;
  const auto sealed = latest_.find(key);
  if (sealed != latest_.end() && run_.times().front() <= sealed->second) {
    if (auto late = sum_up_late(key, sealed->second, done); !late) return late;
  }
  std::array<std::vector<RollupRow>, kTiers> rest;
  run_.sum_up(done, run_.size(), core::kSecond, rest[1]);
  historian::sum_up(rest[1], core::kMinute, rest[2]);
  historian::sum_up(rest[2], core::kHour, rest[3]);
  for (std::size_t tier = 1; tier < kTiers; ++tier)
    rows_[tier].insert(rows_[tier].end(), rest[tier].begin(), rest[tier].end());
  return {};
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

Status Sealer::redo_hour(SeriesKey key, TimeNs hour, std::size_t from, std::size_t to) {
  const TimeNs end = hour > INT64_MAX - core::kHour ? INT64_MAX : hour + core::kHour;
  readings_.clear();
  known_.clear();
  for (const Shelf& shelf : shelves_) {
    const auto set = shelf.store->set();
    std::vector<ColumnReader::Place> places;
    for (const ColumnSet::File& file : set->of(Tier::kRaw)) {
      if (auto found = reader_.find(file, key, hour, end, places); !found) return found;
    }
    for (const auto& place : places) {
      if (auto read = reader_.read(place, hour, end, readings_); !read) return read;
    }
    if (auto read = reader_.rows(*set, Tier::kHour, key, hour, end, known_); !read) return read;
  }
  sort_and_thin(readings_);
  const Aggregate known = total(known_);
  const bool all_there = readings_.size() >= known.count + known.bad_count;
  hour_run_.clear();
  if (all_there) {
    for (std::size_t i = from; i < to; ++i) readings_.push_back(run_.reading(i));
    hour_run_.append(run_.type(), readings_);
    hour_run_.put_in_order();
  }
  // Only intervals that something came for are written again.
  SeriesRun& source = all_there ? hour_run_ : run_;
  std::array<std::vector<RollupRow>, kTiers> made;
  source.sum_up(all_there ? 0 : from, all_there ? hour_run_.size() : to, core::kSecond, made[1]);
  historian::sum_up(made[1], core::kMinute, made[2]);
  historian::sum_up(made[2], core::kHour, made[3]);
  for (std::size_t tier = 1; tier < kTiers; ++tier) {
    std::size_t i = from;
    for (RollupRow& row : made[tier]) {
      while (i < to && run_.times()[i] < row.of.start) ++i;
      if (i == to || run_.times()[i] - row.of.start >= kTierWidths[tier]) continue;
      row.whole = all_there;
      rows_[tier].push_back(row);
    }
  }
  return {};
}

}  // namespace millwright::historian
