// ReadingsCursor: how far an output of readings has come in each log of the history, in a file of its own.
// Format: docs/format/kafka-readings.md.
//
//   What is live is sent from `live` on; each outage leaves a range behind, sent after it, the oldest first.
//
// Threads: values. Errors: kCorrupt where the file makes no sense. Limits: kRangesMax ranges a log; beyond, two that
// are near each other become one, and what is between them is sent again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "io/file_system.hpp"
#include "journal/journal.hpp"

namespace millwright::forwarding {

inline constexpr std::size_t kRangesMax = 32;

struct ReadingsCursor {
  struct Range {  // of records: [from, to)
    journal::Sequence from = 0;
    journal::Sequence to = 0;
    bool operator==(const Range&) const = default;
  };
  struct Log {
    journal::Sequence live = 1;  // the next record
    std::vector<Range> backlog;  // in order
    // The first record that is not dealt with.
    [[nodiscard]] journal::Sequence oldest() const { return backlog.empty() ? live : backlog.front().from; }
    // What is live goes on at `to`; what is before it waits.
    void defer(journal::Sequence to);
    bool operator==(const Log&) const = default;
  };
  std::uint64_t epoch = 0;  // ms since 1970 when this output began on this history: part of readings' identity
  std::vector<Log> logs;
  bool operator==(const ReadingsCursor&) const = default;
};

core::Result<ReadingsCursor> parse_readings_cursor(std::string_view text);
std::string to_string(const ReadingsCursor& cursor);
// Nothing where there is no file yet.
core::Result<std::optional<ReadingsCursor>> load_readings_cursor(io::FileSystem& files, const std::string& path);

}  // namespace millwright::forwarding
