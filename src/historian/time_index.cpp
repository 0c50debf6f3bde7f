#include "historian/time_index.hpp"

namespace millwright::historian {
namespace {

constexpr std::uint64_t kRunBytes = 64 * 1024;

void take(const journal::Record& record, std::vector<TimeIndex::Run>& runs) {
  if (record.type != kDataRecord) return;
  const DataReader reader(record.payload);
  if (!reader.ok() || reader.header().times.empty()) return;
  if (runs.empty() || runs.back().bytes >= kRunBytes) {
    runs.push_back({.segment = record.segment,
                    .offset = record.offset,
                    .first = record.sequence,
                    .last = record.sequence,
                    .bytes = 0,
                    .times = {},
                    .keys = {}});
  }
  TimeIndex::Run& run = runs.back();
  run.last = record.sequence;
  run.bytes += record.payload.size();
  run.times.add(reader.header().times);
  run.keys.add(reader.header().keys);
}

}  // namespace

void TimeIndex::forget_dropped(const std::vector<journal::SegmentInfo>& infos) {
  if (infos.empty()) {
    segments_.clear();
  } else {
    segments_.erase(segments_.begin(), segments_.lower_bound(infos.front().first));
  }
}

// Read once, when the segment has committed records.
const std::optional<SegmentStart>& TimeIndex::start_of(const journal::SegmentInfo& info) {
  Segment& segment = segments_[info.first];
  if (segment.start_read) return segment.start;
  bool any = false;
  const auto read = journal_.read_segment(info.first, 0, [&](const journal::Record& record) {
    any = true;
    segment.start = decode_segment_start(record);
    return record.type == 0;
  });
  segment.start_read = read && any;
  return segment.start;
}

core::Status TimeIndex::read_on(const journal::SegmentInfo& info, Segment& segment) {
  if (info.last == 0 || segment.read_to >= info.last) return {};
  return journal_.read_segment(info.first, segment.read_offset, [&](const journal::Record& record) {
    if (record.sequence <= segment.read_to) return true;
    take(record, segment.runs);
    segment.read_to = record.sequence;
    segment.read_offset = record.offset;
    return true;
  });
}

core::Status TimeIndex::find(SeriesKey key, core::TimeNs from, core::TimeNs to, journal::Sequence after,
                             std::vector<Run>& found) {
  core::MutexLock lock(mutex_);
  const auto infos = journal_.segments();
  forget_dropped(infos);
  for (std::size_t i = 0; i < infos.size(); ++i) {
    if (infos[i].closed && infos[i].last <= after) continue;
    if (i + 1 < infos.size()) {
      const auto& next = start_of(infos[i + 1]);
      const bool told = next && (next->first == 0 || (next->first >= infos[i].first && next->last <= infos[i].last));
      if (told && (next->first == 0 || !next->times.overlaps(from, to))) continue;
    }
    Segment& segment = segments_[infos[i].first];
    const auto read = read_on(infos[i], segment);
    // Dropped meanwhile, or damaged as a whole, which the journal has reported.
    if (!read && read.error().code != core::ErrorCode::kNotFound && read.error().code != core::ErrorCode::kCorrupt) {
      return read;
    }
    for (const Run& run : segment.runs) {
      if (run.times.overlaps(from, to) && run.keys.holds(key)) found.push_back(run);
    }
  }
  return {};
}

std::optional<core::DurationNs> TimeIndex::oldest_closed_age(journal::Sequence after) {
  core::MutexLock lock(mutex_);
  const auto infos = journal_.segments();
  forget_dropped(infos);
  std::size_t oldest = 0;
  while (oldest < infos.size() && infos[oldest].closed && infos[oldest].last <= after) ++oldest;
  if (oldest + 1 >= infos.size() || !infos[oldest].closed) return std::nullopt;
  // A segment whose start is damaged counts with the next one that tells.
  for (std::size_t i = oldest + 1; i < infos.size(); ++i) {
    if (const auto& start = start_of(infos[i])) return start->written.age;
  }
  return std::nullopt;
}

}  // namespace millwright::historian
