#include "historian/shard_log.hpp"

#include <cstring>

#include "core/log.hpp"

namespace millwright::historian {
namespace {

// Series in one part of a checkpoint: at most some 40 bytes each.
constexpr std::size_t kSeriesPerPart = 100'000;

}  // namespace

core::Result<std::unique_ptr<ShardLog>> ShardLog::open(io::FileSystem& files, const io::Clock& clock,
                                                       const std::string& directory, std::uint64_t stream,
                                                       const journal::Options& options) {
  auto journal = journal::Journal::open(files, clock, directory, stream, options);
  if (!journal) return core::unexpected(journal.error());
  std::unique_ptr<ShardLog> log(new ShardLog(std::move(*journal)));
  if (auto recovered = log->recover(); !recovered) {
    return core::unexpected(recovered.error().within("reading history " + directory));
  }
  return log;
}

core::Status ShardLog::recover() {
  const auto segments = journal_->segments();
  if (segments.empty()) return {};
  const journal::Sequence from = recover_checkpoint();
  // The next segment's start tells of the one before it; one that a crash left without a record is not that one.
  std::uint64_t newest_segment = 0;
  for (const journal::SegmentInfo& segment : segments) {
    if (segment.last != 0) newest_segment = segment.first;
  }
  const auto read = journal_->read(from, [&](const journal::Record& record) {
    if (const auto start = decode_segment_start(record); start && start->written.age >= newest_.age) {
      newest_ = start->written;
    }
    if (record.type == kDataRecord) recover_data(record, newest_segment);
    return true;
  });
  recovered_lanes_ = lanes_;
  series_.store(last_.size(), std::memory_order_relaxed);
  return read;
}

// Looks for the newest segment that begins with a whole checkpoint; gives the sequence to read on from.
journal::Sequence ShardLog::recover_checkpoint() {
  const auto segments = journal_->segments();
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    std::uint32_t parts = 0;
    bool whole = false;
    lanes_.clear();
    last_.clear();
    const auto read = journal_->read_segment(segment->first, 0, [&](const journal::Record& record) {
      if (record.type == kDataRecord) return false;
      const auto part = decode_checkpoint(record);
      if (!part) return true;
      if (part->part != parts++) return false;
      for (const Lane& lane : part->lanes) lanes_[lane.source] = lane.position;
      for (const auto& [key, last] : part->series) last_[key] = last;
      whole = part->final;
      return !whole;
    });
    if (read && whole) {
      core::MutexLock lock(mutex_);
      checkpoints_.push_back({.first = segment->first, .last = segment->last});
      return segment->first;
    }
  }
  lanes_.clear();
  last_.clear();
  return 1;
}

void ShardLog::recover_data(const journal::Record& record, std::uint64_t newest_segment) {
  DataReader reader(record.payload);
  if (!reader.ok()) return;
  if (reader.header().written.age >= newest_.age) newest_ = reader.header().written;
  reader.lanes([&](const Lane& lane) { lanes_[lane.source] = lane.position; });
  if (record.segment == newest_segment) {
    if (current_.first == 0) current_.first = record.sequence;
    current_.last = record.sequence;
    current_.times.add(reader.header().times);
  }
  while (const auto block = reader.next_block()) {
    if (!decoder_.decode(block->bytes, reader.header().written.wall, decoded_)) continue;
    note_last(decoded_.view(), last_[block->key]);
  }
}

core::Status ShardLog::reset_lanes(const Lanes& lanes, const AgeClock& age) {
  start(age);
  recovered_lanes_ = lanes;
  lanes_.clear();
  std::vector<Lane> list;
  for (const auto& [source, position] : lanes) list.push_back({source, position});
  std::vector<std::byte> payload;
  put_data_head({.written = age.written(), .times = {}, .keys = {}}, list, 0, payload);
  if (auto appended = append(payload, list, {}); !appended) return core::unexpected(appended.error());
  return journal_->commit();
}

void ShardLog::start(const AgeClock& age) {
  age_ = &age;
  journal_->on_new_segment([this] { begin_segment(); });
}

core::Result<journal::Sequence> ShardLog::append(std::span<const std::byte> payload, std::span<const Lane> lanes,
                                                 const Extent& times) {
  const auto sequence = journal_->append(kDataRecord, payload);
  if (!sequence) return sequence;
  for (const Lane& lane : lanes) lanes_[lane.source] = lane.position;
  if (current_.first == 0) current_.first = *sequence;
  current_.last = *sequence;
  current_.times.add(times);
  return sequence;
}

void ShardLog::begin_segment() {
  SegmentStart before = current_;
  before.written = age_->written();
  current_ = {};
  const journal::Sequence first = journal_->appended() + 1;
  bool whole = append_or_log(kSegmentStartRecord, encode_segment_start(before));
  CheckpointPart part;
  for (const auto& [source, position] : lanes_) part.lanes.push_back({source, position});
  for (const auto& [key, last] : last_) {
    if (!last.known) continue;
    part.series.emplace_back(key, last);
    if (part.series.size() < kSeriesPerPart) continue;
    whole = append_or_log(kCheckpointRecord, encode_checkpoint(part)) && whole;
    part = {.part = part.part + 1, .final = false, .lanes = {}, .series = {}};
  }
  part.final = true;
  if (!append_or_log(kCheckpointRecord, encode_checkpoint(part)) || !whole) return;
  core::MutexLock lock(mutex_);
  checkpoints_.push_back({.first = first, .last = journal_->appended()});
}

// A segment without its checkpoint still reads: opening then begins at the one before.
bool ShardLog::append_or_log(journal::RecordType type, std::span<const std::byte> payload) {
  const auto appended = journal_->append(type, payload);
  if (!appended) core::logger("historian")->warn("checkpoint not written: {}", appended.error().message);
  return appended.has_value();
}

bool ShardLog::may_drop_oldest() {
  const auto segments = journal_->segments();
  core::MutexLock lock(mutex_);
  while (!checkpoints_.empty() && checkpoints_.front().last <= journal_->durable()) {
    durable_checkpoint_ = checkpoints_.front();
    checkpoints_.pop_front();
  }
  return !segments.empty() && segments.front().last < durable_checkpoint_.first;
}

void ShardLog::hold(const void* who, journal::Sequence from) {
  core::MutexLock lock(mutex_);
  holds_.insert_or_assign(who, from);
}

void ShardLog::let_go(const void* who) {
  core::MutexLock lock(mutex_);
  holds_.erase(who);
}

journal::Sequence ShardLog::held_from() const {
  core::MutexLock lock(mutex_);
  journal::Sequence least = UINT64_MAX;
  for (const auto& [who, from] : holds_) least = std::min(least, from);
  return least;
}

void note_last(const core::Block& block, LastReading& last) {
  std::uint32_t newest = block.count - 1;
  if (block.times != nullptr) {
    for (std::uint32_t i = 0; i < block.count; ++i) {
      if (block.times[i] > block.times[newest]) newest = i;
    }
  } else if (block.period < 0) {
    newest = 0;
  }
  const core::TimeNs time = block.time(newest);
  if (last.known && time < last.time) return;
  std::uint32_t left = newest;
  const core::QualityRun* run = block.quality;
  for (; left >= run->count; ++run) left -= run->count;
  if (run->quality == core::kBadInvalidTimestamp) return;
  const std::size_t width = core::width(block.type);
  last = {
      .time = time, .received = block.received, .bits = 0, .quality = run->quality, .type = block.type, .known = true};
  std::memcpy(&last.bits, block.values + newest * width, width);
}

}  // namespace millwright::historian
