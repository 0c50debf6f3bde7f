#include "historian/follower.hpp"

#include <algorithm>

namespace millwright::historian {

Follower::~Follower() {
  for (const Shelf& shelf : shelves_) shelf.log->let_go(this);
}

journal::Sequence Follower::first(std::size_t log) const {
  const auto segments = shelves_[log].log->journal().segments();
  return segments.empty() ? end(log) : segments.front().first;
}

journal::Sequence Follower::end(std::size_t log) const {
  return shelves_[log].log->journal().durable() + 1;
}

std::uint64_t Follower::bytes(std::size_t log, journal::Sequence from, journal::Sequence to) const {
  double sum = 0;
  for (const journal::SegmentInfo& segment : shelves_[log].log->journal().segments()) {
    const journal::Sequence low = std::max(from, segment.first);
    const journal::Sequence high = std::min(to, segment.last + 1);
    if (low >= high) continue;
    sum += static_cast<double>(segment.bytes) * static_cast<double>(high - low) /
           static_cast<double>(segment.last + 1 - segment.first);
  }
  return static_cast<std::uint64_t>(sum);
}

core::Status Follower::read(std::size_t log, Place& place, journal::Sequence to, const Visitor& visitor) const {
  const journal::Journal& journal = shelves_[log].log->journal();
  to = std::min(to, end(log));
  bool more = place.next < to;
  const auto visit = [&](const journal::Record& record) {
    if (record.sequence < place.next) return true;
    if (record.sequence >= to) return false;
    place = {.next = record.sequence + 1,
             .lost = place.lost + record.sequence - place.next,
             .segment = record.segment,
             .offset = record.offset};
    if (record.type != kDataRecord) return true;
    const DataReader reader(record.payload);
    const core::DurationNs age = age_.now() - reader.header().written.age;
    more = visitor({.sequence = record.sequence, .age = age, .payload = record.payload});
    return more;
  };
  if (more && place.offset != 0) {
    const auto read = journal.read_segment(place.segment, place.offset, visit);
    // That its segment has gone meanwhile is no error: what follows it is elsewhere.
    if (!read && read.error().code != core::ErrorCode::kNotFound) return read;
    more = more && place.next < to;
  }
  if (!more) return {};
  if (auto read = journal.read(place.next, visit); !read) return read;
  if (more && place.next < to) {  // all that there is was visited
    place.lost += to - place.next;
    place.next = to;
  }
  return {};
}

const Catalogue::Series* Follower::series(SeriesKey key) {
  auto found = names_.find(key);
  if (found == names_.end()) {
    names_ = catalogue_.named();
    found = names_.find(key);
  }
  return found == names_.end() ? nullptr : &found->second;
}

}  // namespace millwright::historian
