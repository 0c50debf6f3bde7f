#include "historian/upkeep.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/log.hpp"

namespace millwright::historian {
namespace {

using core::DurationNs;
using core::MutexLock;
using core::Status;

constexpr auto kPause = std::chrono::milliseconds(250);
// Journal that waits longer than this is sealed though there be little of it.
constexpr DurationNs kWaitMax = 15 * core::kMinute;
// A file spans no more than this part of the time that it is kept, since it is deleted as a whole.
constexpr DurationNs kSpanPart = 8;

const Retention& retention_of(const HistorianOptions& options, std::uint64_t retention_class) {
  return retention_class == 0 || retention_class > options.rules.size() ? options.retention
                                                                        : options.rules[retention_class - 1].keep;
}

// Readings of slow sensors are readings and their own seconds.
std::array<DurationNs, kTiers> by_tier(const Retention& keep) {
  const bool for_ever = keep.raw == 0 || keep.seconds == 0;
  return {keep.raw, keep.seconds, keep.minutes, keep.hours, for_ever ? 0 : std::max(keep.raw, keep.seconds)};
}

// What is given up first where there is too much: readings, then the finest roll-ups.
using Tiers = std::span<const Tier>;
constexpr std::array kReadings{Tier::kRaw};
constexpr std::array kSeconds{Tier::kSecond, Tier::kSlow};
constexpr std::array kMinutes{Tier::kMinute};
constexpr std::array kHours{Tier::kHour};
constexpr std::array<Tiers, 4> kGivenUp{kReadings, kSeconds, kMinutes, kHours};

// The readings' way goes first: this thread takes what processor time is left.
void step_back() {
  constexpr int kBehind = 5;
  const auto thread = static_cast<id_t>(syscall(SYS_gettid));
  static_cast<void>(setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + kBehind));
}

}  // namespace

Upkeep::Upkeep(const std::vector<Shelf>& shelves, const AgeClock& age, const HistorianOptions& options,
               std::function<std::uint64_t(SeriesKey)> class_of, Space space)
    : shelves_(shelves), age_(age), options_(options), space_(std::move(space)) {
  Merger::Options merging;
  auto shortest = by_tier(options.retention);
  for (const KeepingRule& rule : options.rules) {
    const auto tiers = by_tier(rule.keep);
    for (std::size_t tier = 0; tier < kTiers; ++tier) {
      if (tiers[tier] != 0 && (shortest[tier] == 0 || tiers[tier] < shortest[tier])) shortest[tier] = tiers[tier];
    }
  }
  for (std::size_t tier = 0; tier < kTiers; ++tier) merging.span_max[tier] = shortest[tier] / kSpanPart;
  merging.room = space_.room;
  const auto deviation = [class_of, &rules = options.rules](SeriesKey key) {
    const std::uint64_t rule = class_of(key);
    return rule == 0 ? 0.0 : rules[rule - 1].compression_deviation;
  };
  for (std::size_t shard = 0; shard < shelves.size(); ++shard) {
    sealers_.push_back(
        std::make_unique<Sealer>(shelves, shard, Sealer::Options{.retention_class = class_of, .deviation = deviation}));
    mergers_.push_back(std::make_unique<Merger>(*shelves[shard].store, merging));
  }
}

Upkeep::~Upkeep() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Upkeep::start() {
  thread_ = std::thread([this] { loop(); });
}

bool Upkeep::wait() {
  MutexLock lock(mutex_);
  if (!stopping_) wake_.wait_for(mutex_, kPause);
  return !stopping_;
}

void Upkeep::loop() {
  step_back();
  while (wait()) {
    const Status done = run(Sealer::Need::kEnough);
    const std::string error = done ? "" : done.error().message;
    if (!error.empty() && error != error_) {
      core::logger("historian")->error("sealing history: {}; it stays in the journal and is tried again", error);
    }
    error_ = error;
  }
}

Status Upkeep::run(Sealer::Need need) {
  MutexLock lock(work_);
  // First of all room is made, for sealing needs some.
  if (auto done = make_room(); !done) return done;
  if (auto done = seal(need); !done) return done;
  if (auto done = make_room(); !done) return done;
  if (auto done = merge(); !done) return done;
  return make_room();
}

Status Upkeep::seal(Sealer::Need need) {
  for (std::size_t shard = 0; shard < shelves_.size(); ++shard) {
    const Shelf& shelf = shelves_[shard];
    const auto closed = shelf.log->index().oldest_closed_age(shelf.store->set()->sealed);
    const bool waits = closed && age_.now() - *closed > kWaitMax;
    for (;;) {
      const auto sealed = sealers_[shard]->seal(waits ? Sealer::Need::kAll : need);
      if (!sealed) return core::unexpected(sealed.error());
      if (!*sealed) break;
    }
  }
  return {};
}

Status Upkeep::merge() {
  for (const auto& merger : mergers_) {
    for (;;) {
      const auto merged = merger->merge();
      if (!merged) return core::unexpected(merged.error());
      if (!*merged) break;
    }
  }
  return {};
}

DurationNs Upkeep::kept(const ColumnFile& file) const {
  return by_tier(retention_of(options_, file.header().retention))[index_of(file.header().tier)];
}

Status Upkeep::delete_expired() {
  for (const Shelf& shelf : shelves_) {
    ColumnStore::Change change;
    const auto set = shelf.store->set();
    for (const auto& files : set->tiers) {
      for (const ColumnSet::File& file : files) {
        const DurationNs keep = kept(*file);
        if (keep != 0 && file->summary().written.age <= age_.now() - keep) change.remove.push_back(file);
      }
    }
    if (change.remove.empty()) continue;
    if (auto applied = shelf.store->apply(std::move(change)); !applied) return applied;
  }
  return {};
}

Status Upkeep::make_room() {
  if (auto done = delete_expired(); !done) return done;
  if (auto done = bound_unsent(); !done) return done;
  if (auto done = keep_quota(); !done) return done;
  return free_disk();
}

// Sealed journal stays only for outputs that are behind: beyond their quota the oldest of it goes, and they are told by
// the gap that they find.
Status Upkeep::bound_unsent() {
  for (;;) {
    std::uint64_t held = 0;
    const Shelf* oldest = nullptr;
    DurationNs oldest_age = 0;
    for (const Shelf& shelf : shelves_) {
      const std::uint64_t bytes = sealed_bytes(shelf);
      held += bytes;
      if (bytes == 0 || !shelf.log->may_drop_oldest()) continue;
      const auto age = shelf.log->index().oldest_closed_age();
      if (!age || (oldest != nullptr && *age >= oldest_age)) continue;
      oldest = &shelf;
      oldest_age = *age;
    }
    if (held <= options_.unsent_quota_bytes || oldest == nullptr) return {};
    const journal::SegmentInfo segment = oldest->log->journal().segments().front();
    core::logger("historian")
        ->warn("outputs are behind by more than historian.unsent_quota ({} bytes): records {} to {} of {} go unsent",
               options_.unsent_quota_bytes, segment.first, segment.last, oldest->store->directory());
    if (auto dropped = oldest->log->journal().drop_oldest(); !dropped) return dropped;
  }
}

Status Upkeep::keep_quota() {
  if (options_.disk_quota_bytes == 0) return {};
  for (auto tiers = kGivenUp.begin(); tiers != kGivenUp.end() && space_.used() > options_.disk_quota_bytes;) {
    const auto deleted = delete_oldest(*tiers);
    if (!deleted) return core::unexpected(deleted.error());
    if (!*deleted) ++tiers;
  }
  return {};
}

// In the same order, where the disk may cost the oldest; but the hours stay, which would make little room. Segments of
// a journal go last, and the journal drops them itself when it cannot write, with a record of it.
Status Upkeep::free_disk() {
  if (options_.journal.when_full != journal::FullPolicy::kDropOldest) return {};
  for (const Tiers tiers : std::span(kGivenUp).first<3>()) {
    while (space_.room() < -bytes_going()) {
      const Oldest oldest = oldest_file(tiers);
      if (oldest.shelf == nullptr) break;
      ColumnStore::Change change;
      change.remove.push_back(oldest.file);
      if (auto applied = oldest.shelf->store->apply(std::move(change)); !applied) return applied;
      const ColumnSummary& held = oldest.file->summary();
      core::logger("historian")
          ->warn("the disk is full: {} is given up: {} {} from {} to {}", oldest.file->path(), held.readings,
                 holds_readings(oldest.file->header().tier) ? "readings" : "rows of roll-ups",
                 core::format_time(held.times.low), core::format_time(held.times.high));
      going_.push_back(oldest.file);
    }
  }
  return {};
}

// Their room comes when the queries that read them end.
std::int64_t Upkeep::bytes_going() {
  std::erase_if(going_, [](const auto& file) { return file.expired(); });
  std::int64_t sum = 0;
  for (const auto& one : going_) {
    if (const auto file = one.lock()) sum += static_cast<std::int64_t>(file->bytes());
  }
  return sum;
}

Upkeep::Oldest Upkeep::oldest_file(Tiers tiers) const {
  Oldest oldest;
  for (const Shelf& shelf : shelves_) {
    const auto set = shelf.store->set();
    for (const Tier tier : tiers) {
      for (const ColumnSet::File& file : set->of(tier)) {
        const DurationNs age = file->summary().written.age;
        if (oldest.shelf == nullptr || age < oldest.age) oldest = {.shelf = &shelf, .file = file, .age = age};
      }
    }
  }
  return oldest;
}

// The oldest file of the tiers in all shards. Where readings go, also those of slow sensors, that may be a segment of a
// journal, but one that outputs have yet to read only where nothing else is left.
core::Result<bool> Upkeep::delete_oldest(Tiers tiers) {
  Oldest oldest = oldest_file(tiers);
  const Tier first = tiers.front();
  const bool has_journal = first == Tier::kSecond || (first == Tier::kRaw && oldest.shelf != nullptr);
  for (const Shelf& shelf : shelves_) {
    const bool may_drop = has_journal && shelf.log->may_drop_oldest();
    const auto closed = may_drop ? shelf.log->index().oldest_closed_age() : std::nullopt;
    if (!closed) continue;
    const bool held = shelf.log->journal().segments().front().last >= shelf.log->held_from();
    if (oldest.shelf != nullptr && (held || *closed >= oldest.age)) continue;
    oldest = {.shelf = &shelf, .file = nullptr, .age = *closed};
  }
  if (oldest.shelf == nullptr) return false;
  if (oldest.file == nullptr) {
    if (auto dropped = oldest.shelf->log->journal().drop_oldest(); !dropped) return core::unexpected(dropped.error());
    return true;
  }
  ColumnStore::Change change;
  change.remove.push_back(std::move(oldest.file));
  if (auto applied = oldest.shelf->store->apply(std::move(change)); !applied) return core::unexpected(applied.error());
  return true;
}

}  // namespace millwright::historian
