// Follower: reads what the history records, for whoever brings it elsewhere: shard by shard, in order of recording,
// each record once it is on disk. What it has yet to read stays in the journals, sealed or not, as far as
// HistorianOptions::unsent_quota_bytes allows.
//
// Threads: one owner, but logs(), first(), end() and bytes(), which are for any; the recording never waits for it.
// Errors: those of reading; what is gone (dropped beyond the quota, or damaged) is counted as lost in the place.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/result.hpp"
#include "historian/catalogue.hpp"
#include "historian/record.hpp"
#include "historian/shelf.hpp"

namespace millwright::historian {

class Follower {
 public:
  // A place in a log: the next record to be read, and, to get there quickly, where the one before it is.
  struct Place {
    journal::Sequence next = 1;
    std::uint64_t lost = 0;  // records passed that the journal no longer has; for the owner to count and to reset
    std::uint64_t segment = 0;
    std::uint64_t offset = 0;
  };
  struct Record {
    journal::Sequence sequence = 0;
    core::DurationNs age = 0;            // since it was recorded, by time that was seen to pass
    std::span<const std::byte> payload;  // for a DataReader
  };
  // False: enough, after this one.
  using Visitor = std::function<bool(const Record&)>;

  Follower(const std::vector<Shelf>& shelves, const Catalogue& catalogue, const AgeClock& age)
      : shelves_(shelves), catalogue_(catalogue), age_(age) {}
  ~Follower();  // lets go of all
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // One for each shard that the history ever had.
  [[nodiscard]] std::size_t logs() const { return shelves_.size(); }
  // The first record that there still is, and the one after the last that is on disk.
  [[nodiscard]] journal::Sequence first(std::size_t log) const;
  [[nodiscard]] journal::Sequence end(std::size_t log) const;
  // Roughly the bytes of the records [from, to) that there still are.
  [[nodiscard]] std::uint64_t bytes(std::size_t log, journal::Sequence from, journal::Sequence to) const;

  // Data records of [place.next, to), in order; `place` moves over what was visited, is no data, or is lost.
  core::Status read(std::size_t log, Place& place, journal::Sequence to, const Visitor& visitor) const;
  // All before `from` may go.
  void hold(std::size_t log, journal::Sequence from) { shelves_[log].log->hold(this, from); }

  // What a key stands for; nullptr: it stands for none. Good until the next call.
  const Catalogue::Series* series(SeriesKey key);
  [[nodiscard]] std::string_view text(std::int32_t number) const {
    return catalogue_.text(number).value_or(std::string_view());
  }

 private:
  const std::vector<Shelf>& shelves_;
  const Catalogue& catalogue_;
  const AgeClock& age_;
  std::unordered_map<SeriesKey, Catalogue::Series> names_;
};

}  // namespace millwright::historian
