#include "journal/recovery.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "journal/scanner.hpp"
#include "journal/segment_writer.hpp"

namespace millwright::journal {
namespace {

using core::ErrorCode;

struct Found {
  Segment segment;
  std::string path;
  std::unique_ptr<io::File> file;  // of the newest only
  std::uint64_t size = 0;
};

core::Result<Found> look_at(io::FileSystem& files, const std::string& path, Sequence first, std::uint64_t stream) {
  Found found;
  found.path = path;
  auto file = files.open(path, io::OpenMode::kRead);
  if (!file) return core::unexpected(file.error());
  const auto size = (*file)->size();
  if (!size) return core::unexpected(size.error());
  found.size = *size;
  found.segment.bytes = *size;
  found.segment.closed = true;
  const auto header = read_header(**file);
  if (!header && header.error().code != ErrorCode::kCorrupt) return core::unexpected(header.error().within(path));
  if (header && header->stream != stream) {
    return core::unexpected(
        ErrorCode::kConflict,
        fmt::format(
            "{} belongs to stream {:x}, not to {:x}: another journal's files lie in this folder; move them away", path,
            header->stream, stream));
  }
  found.segment.readable = header && header->first == first;
  found.segment.header = found.segment.readable ? *header : SegmentHeader{.stream = stream, .first = first};
  found.file = std::move(*file);
  return found;
}

// Where neither copy of the newest header can be read, no frame can be checked. Every record takes a frame header at
// least, so these are all the sequences that the file can hold; none of them is given out again.
void give_up_newest(Found& newest, Recovered& recovered) {
  recovered.next = newest.segment.header.first + newest.size / kFrameHeaderBytes + 1;
  newest.segment.last = recovered.next - 1;
}

core::Result<std::optional<Settled>> settled_mark(io::FileSystem& files, const std::string& directory) {
  const std::string path = directory + "/" + std::string(kSettledName);
  if (!files.exists(path)) return std::optional<Settled>{};
  const auto bytes = io::read_file(files, path);
  if (!bytes) return core::unexpected(bytes.error());
  return decode_settled(*bytes);
}

bool marks(const std::optional<Settled>& mark, const Found& newest) {
  return mark && mark->segment.id == newest.segment.header.id && mark->segment.first == newest.segment.header.first &&
         mark->bytes == newest.size;
}

core::Status read_newest(io::FileSystem& files, const std::string& directory, Found& newest, Recovered& recovered,
                         RecoveryReport& report) {
  Segment& segment = newest.segment;
  SegmentScanner scanner(*newest.file, segment.header, newest.path, newest.size);
  const auto outcome = scanner.scan(
      0, segment.header.first, [](const Record&) { return true; },
      [&](const Damage& damage) { report.damage.push_back(damage); });
  if (!outcome) return core::unexpected(outcome.error());
  report.records = outcome->records;
  const auto mark = settled_mark(files, directory);
  if (!mark) return core::unexpected(mark.error());
  recovered.next = outcome->next;
  if (marks(*mark, newest)) {
    recovered.next = std::max(recovered.next, (*mark)->next);
    if (outcome->next < recovered.next) {
      report.damage.push_back(
          Damage{.where = fmt::format("{}, bytes {} to {}", newest.path, outcome->tail, newest.size),
                 .first_lost = outcome->next,
                 .last_lost = recovered.next - 1,
                 .reason = "the bytes fail their check"});
    }
  } else {
    recovered.unsettled = Settled{.segment = segment.header, .bytes = outcome->tail, .next = recovered.next};
    // A tail of nothing but the end of a file header that did not arrive is none.
    if (newest.size > outcome->tail) report.truncated_bytes = newest.size - outcome->tail;
    segment.bytes = outcome->tail;
  }
  segment.last = recovered.next > segment.header.first ? recovered.next - 1 : 0;
  return {};
}

// `newer_first` is the first sequence of the segment after it.
void check_closed(Found& found, Sequence newer_first, RecoveryReport& report) {
  found.segment.last = newer_first > found.segment.header.first ? newer_first - 1 : 0;
  if (found.segment.readable) return;
  report.damage.push_back(Damage{.where = fmt::format("{}, bytes 0 to {}", found.path, found.size),
                                 .first_lost = found.segment.last == 0 ? 0 : found.segment.header.first,
                                 .last_lost = found.segment.last,
                                 .reason = "both copies of the segment header fail their check"});
}

}  // namespace

core::Result<Recovered> recover(io::FileSystem& files, const std::string& directory, std::uint64_t stream,
                                RecoveryReport& report) {
  report = {};
  const auto names = files.list(directory);
  if (!names) return core::unexpected(names.error());
  std::vector<Found> all;
  for (const std::string& name : *names) {
    const std::string path = directory + "/" + name;
    if (name.ends_with(kTemporarySuffix)) {
      if (auto removed = files.remove(path); !removed) return core::unexpected(removed.error());
      continue;
    }
    const auto first = parse_segment_name(name);
    if (!first) continue;
    if (!all.empty()) all.back().file.reset();
    auto found = look_at(files, path, *first, stream);
    if (!found) return core::unexpected(found.error());
    all.push_back(std::move(*found));
  }
  Recovered recovered;
  report.segments = all.size();
  if (all.empty()) return recovered;
  Found& newest = all.back();
  if (newest.segment.readable) {
    if (auto read = read_newest(files, directory, newest, recovered, report); !read) {
      return core::unexpected(read.error());
    }
  } else {
    give_up_newest(newest, recovered);
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i + 1 < all.size()) {
      check_closed(all[i], all[i + 1].segment.header.first, report);
    } else if (!newest.segment.readable) {
      check_closed(newest, recovered.next, report);
    }
    recovered.segments.push_back(std::move(all[i].segment));
  }
  return recovered;
}

}  // namespace millwright::journal
