#include "alarms/trim.hpp"

#include <optional>

#include "alarms/replay.hpp"

namespace millwright::alarms {
namespace {

bool has_to_go(const std::vector<journal::SegmentInfo>& segments, std::uint64_t bytes, const Retention& retention) {
  if (segments.size() < 2 || !segments.front().closed) return false;
  // All that the oldest has is older than the one after it.
  const bool old = segments.size() > kSegmentsKept && segments[1].created < segments.back().created - retention.age;
  return old || bytes > retention.bytes;
}

}  // namespace

core::Result<std::size_t> trim(journal::Journal& journal, const Retention& retention) {
  std::optional<journal::Sequence> needed;
  for (std::size_t removed = 0;; ++removed) {
    const auto segments = journal.segments();
    if (!has_to_go(segments, journal.bytes(), retention)) return removed;
    if (!needed) needed = checkpoint_of(journal);
    if (segments.front().first >= *needed) return removed;
    if (auto dropped = journal.drop_oldest(); !dropped) return core::unexpected(dropped.error());
  }
}

}  // namespace millwright::alarms
