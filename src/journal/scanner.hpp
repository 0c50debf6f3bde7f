// SegmentScanner: reads the records of one segment file, skips what is damaged and says exactly what that lost.
// Reading, recovery and settling all see a segment through it.
//
// Threads: one owner; the file may be written beside it beyond `limit`. Limits: holds 1 MiB of the file and one record.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "io/file_system.hpp"
#include "journal/format.hpp"
#include "journal/journal.hpp"

namespace millwright::journal {

// The header, or its copy at the end of the first block where the first is damaged.
core::Result<SegmentHeader> read_header(const io::File& file);

class SegmentScanner {
 public:
  struct Outcome {
    std::uint64_t records = 0;
    // From here to the limit there is no record and nothing that proves one: an unfinished write, or damage at the end.
    std::uint64_t tail = 0;
    Sequence next = 0;  // one more than the last sequence that the segment proves, read or lost
    bool stopped = false;
  };
  using DamageVisitor = std::function<void(const Damage&)>;

  // `path` is for messages. Nothing at or beyond `limit` is read.
  SegmentScanner(const io::File& file, const SegmentHeader& header, std::string path, std::uint64_t limit);

  // Reads from `offset` on. `expected` is the sequence that should come first there; 0 where that is unknown.
  core::Result<Outcome> scan(std::uint64_t offset, Sequence expected, const Visitor& visitor,
                             const DamageVisitor& damaged);

 private:
  struct Assembly {  // of a record that came in parts
    bool open = false;
    RecordType type = 0;
    Sequence sequence = 0;
    std::uint64_t offset = 0;
    std::vector<std::byte> payload;
  };

  core::Result<std::span<const std::byte>> load(std::uint64_t from, std::uint64_t to);
  void take(const Frame& frame, std::uint64_t at, std::uint64_t end);
  void begin(const Frame& frame, std::uint64_t at, std::uint64_t end);
  void proceed(const Frame& frame, std::uint64_t at, std::uint64_t end);
  void deliver(RecordType type, Sequence sequence, std::span<const std::byte> payload, std::uint64_t at,
               std::uint64_t end);
  void bad(std::uint64_t at);
  void report(std::uint64_t until, Sequence last_lost);

  const io::File& file_;
  SegmentHeader header_;
  std::string path_;
  std::uint64_t limit_;
  std::uint32_t seed_;
  std::vector<std::byte> chunk_;
  std::uint64_t chunk_from_ = 0;
  std::uint64_t chunk_to_ = 0;

  const Visitor* visitor_ = nullptr;
  const DamageVisitor* damaged_ = nullptr;
  Sequence expected_ = 0;
  Sequence known_ = 0;                     // the highest sequence that a valid frame proves to have been written
  std::optional<std::uint64_t> bad_from_;  // where the damage that is not reported yet begins
  Assembly assembly_;
  Outcome outcome_;
};

}  // namespace millwright::journal
