// Upkeep: what happens to history behind the readings: closed journal segments are sealed into column files, small
// files are merged, and what retention, quota or a full disk no longer allow is deleted, whole files at a time.
//
// Threads: start() runs a thread of its own; run() may be called from any other too, one at a time.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "core/mutex.hpp"
#include "historian/historian.hpp"
#include "historian/merger.hpp"
#include "historian/sealer.hpp"
#include "historian/shelf.hpp"

namespace millwright::historian {

class Upkeep {
 public:
  struct Space {
    std::function<std::uint64_t()> used;  // bytes that the history takes
    std::function<std::int64_t()> room;   // bytes free beyond what recording needs next; less than none: short of it
  };
  // `class_of` says which of options.rules (counted from 1; 0: none) a series is kept by.
  Upkeep(const std::vector<Shelf>& shelves, const AgeClock& age, const HistorianOptions& options,
         std::function<std::uint64_t(SeriesKey)> class_of, Space space);
  ~Upkeep();

  void start();
  // Seals (all that is closed, or only what is worth it), merges, deletes; until there is nothing left to do.
  core::Status run(Sealer::Need need);

 private:
  void loop();
  core::Status seal(Sealer::Need need) REQUIRES(work_);
  core::Status merge() REQUIRES(work_);
  core::Status delete_expired() REQUIRES(work_);
  core::Status make_room() REQUIRES(work_);
  core::Status bound_unsent() REQUIRES(work_);
  core::Status keep_quota() REQUIRES(work_);
  core::Status free_disk() REQUIRES(work_);
  core::Result<bool> delete_oldest(std::span<const Tier> tiers) REQUIRES(work_);
  struct Oldest {
    const Shelf* shelf = nullptr;
    ColumnSet::File file;
    core::DurationNs age = 0;
  };
  [[nodiscard]] Oldest oldest_file(std::span<const Tier> tiers) const;
  std::int64_t bytes_going() REQUIRES(work_);
  [[nodiscard]] core::DurationNs kept(const ColumnFile& file) const;
  bool wait();

  const std::vector<Shelf>& shelves_;
  const AgeClock& age_;
  const HistorianOptions& options_;
  const Space space_;
  std::vector<std::unique_ptr<Sealer>> sealers_;
  std::vector<std::unique_ptr<Merger>> mergers_;
  core::Mutex work_;
  std::vector<std::weak_ptr<const ColumnFile>> going_ GUARDED_BY(work_);  // deleted, and maybe still read by a query
  std::string error_;                                                     // as last logged; the loop's own

  core::Mutex mutex_;
  core::Condition wake_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace millwright::historian
