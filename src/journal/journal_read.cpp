// Reading beside the writer, the list of segments, and dropping the oldest.
#include <algorithm>

#include <fmt/format.h>

#include "journal/journal_impl.hpp"

namespace millwright::journal {

using core::ErrorCode;
using core::MutexLock;
using core::Status;

std::vector<JournalImpl::View> JournalImpl::views(Sequence from) const {
  MutexLock lock(list_mutex_);
  std::vector<View> views;
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const Segment& segment = segments_[i];
    const Sequence end =
        i + 1 < segments_.size() ? segments_[i + 1].header.first : std::max(segment.last + 1, segment.header.first);
    if (end <= from) continue;
    View view{.header = segment.header,
              .readable = segment.readable,
              .limit = segment.bytes,
              .from_sequence = segment.header.first,
              .from_offset = 0,
              .end = end};
    for (const auto& place : segment.places) {
      if (place.sequence > from) break;
      view.from_sequence = place.sequence;
      view.from_offset = place.offset;
    }
    views.push_back(view);
  }
  return views;
}

bool JournalImpl::listed(Sequence first) const {
  MutexLock lock(list_mutex_);
  return std::any_of(segments_.begin(), segments_.end(),
                     [&](const Segment& segment) { return segment.header.first == first; });
}

Status JournalImpl::read(Sequence from, const Visitor& visitor,
                         const std::function<void(const Damage&)>& damaged) const {
  for (const View& view : views(from)) {
    const auto more = read_view(view, from, visitor, damaged);
    if (!more) return core::unexpected(more.error());
    if (!*more) return {};
  }
  return {};
}

core::Result<bool> JournalImpl::read_view(const View& view, Sequence from, const Visitor& visitor,
                                          const std::function<void(const Damage&)>& damaged) const {
  const std::string path = directory_ + "/" + segment_name(view.header.first);
  const auto tell = [&](const Damage& damage) {
    if (damaged && (damage.last_lost == 0 || damage.last_lost >= from)) damaged(damage);
  };
  if (!view.readable) {
    tell(Damage{.where = fmt::format("{}, bytes 0 to {}", path, view.limit),
                .first_lost = view.header.first,
                .last_lost = view.end - 1,
                .reason = "both copies of the segment header fail their check"});
    return true;
  }
  const auto file = files_.open(path, io::OpenMode::kRead);
  if (!file) {
    // Dropped since the list was taken: no longer part of the journal.
    if (file.error().code == ErrorCode::kNotFound && !listed(view.header.first)) return true;
    if (file.error().code != ErrorCode::kNotFound) return core::unexpected(file.error());
    tell(Damage{.where = path,
                .first_lost = view.header.first,
                .last_lost = view.end - 1,
                .reason = "the segment file is gone"});
    return true;
  }
  SegmentScanner scanner(**file, view.header, path, view.limit);
  const auto outcome = scanner.scan(
      view.from_offset, view.from_sequence,
      [&](const Record& record) { return record.sequence < from || visitor(record); }, tell);
  if (!outcome) return core::unexpected(outcome.error());
  if (outcome->stopped) return false;
  if (outcome->next < view.end) {
    tell(Damage{.where = fmt::format("{}, bytes {} to {}", path, outcome->tail, view.limit),
                .first_lost = outcome->next,
                .last_lost = view.end - 1,
                .reason = "the bytes fail their check"});
  }
  return true;
}

Status JournalImpl::read_segment(std::uint64_t segment, std::uint64_t offset, const Visitor& visitor) const {
  SegmentHeader header;
  std::uint64_t limit = 0;
  {
    MutexLock lock(list_mutex_);
    const auto found = std::find_if(segments_.begin(), segments_.end(),
                                    [&](const Segment& one) { return one.header.first == segment; });
    if (found == segments_.end()) {
      return core::unexpected(ErrorCode::kNotFound, fmt::format("journal {} has no segment {}", directory_, segment));
    }
    if (!found->readable) {
      return core::unexpected(
          ErrorCode::kCorrupt,
          fmt::format("{}/{}: both copies of the segment header fail their check", directory_, segment_name(segment)));
    }
    header = found->header;
    limit = found->bytes;
  }
  const std::string path = directory_ + "/" + segment_name(segment);
  const auto file = files_.open(path, io::OpenMode::kRead);
  if (!file) return core::unexpected(file.error());
  SegmentScanner scanner(**file, header, path, limit);
  const auto outcome = scanner.scan(offset, offset == 0 ? segment : 0, visitor, {});
  if (!outcome) return core::unexpected(outcome.error());
  return {};
}

std::vector<SegmentInfo> JournalImpl::segments() const {
  MutexLock lock(list_mutex_);
  std::vector<SegmentInfo> infos;
  infos.reserve(segments_.size());
  for (const Segment& segment : segments_) {
    infos.push_back(SegmentInfo{.first = segment.header.first,
                                .last = segment.last,
                                .bytes = segment.bytes,
                                .created = segment.header.created,
                                .closed = segment.closed});
  }
  return infos;
}

std::uint64_t JournalImpl::bytes() const {
  MutexLock lock(list_mutex_);
  std::uint64_t sum = 0;
  for (const Segment& segment : segments_) sum += segment.bytes;
  return sum;
}

Status JournalImpl::drop_oldest() {
  MutexLock lock(commit_mutex_);
  return drop_oldest_locked(nullptr);
}

Status JournalImpl::drop_oldest_locked(Gap* dropped) {
  Sequence first = 0;
  {
    MutexLock lock(list_mutex_);
    if (segments_.size() < 2 || !segments_.front().closed) {
      return core::unexpected(ErrorCode::kNotFound,
                              fmt::format("journal {} has no closed segment before its newest", directory_));
    }
    const Segment& oldest = segments_.front();
    first = oldest.header.first;
    if (dropped != nullptr) *dropped = Gap{.first = first, .last = oldest.last, .dropped = clock_.now()};
    segments_.erase(segments_.begin());  // first the list, so that no reader misses the file
  }
  const std::string path = writer_.path_of(first);
  if (auto removed = files_.remove(path); !removed && removed.error().code != ErrorCode::kNotFound) return removed;
  const std::string tail = path + std::string(kTailSuffix);
  if (files_.exists(tail)) static_cast<void>(files_.remove(tail));
  return files_.sync_directory(directory_);
}

}  // namespace millwright::journal
