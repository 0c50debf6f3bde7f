#include "analytics/downtime_book.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace millwright::analytics {
namespace {

using core::ErrorCode;
using core::MutexLock;
using core::unexpected;

constexpr std::size_t kCommentBytesMax = 2000;

Edit edit_of(const DowntimeRecord& record) {
  Edit edit{.id = record.id, .time = record.time, .start_set = record.start_set, .end_set = record.end_set};
  if (!record.reason.empty()) edit.counts_as = record.counts_as;
  return edit;
}

// What a look may change in a kept record; the length of what lasts changes all the time.
bool same(const DowntimeRecord& a, const DowntimeRecord& b) {
  return a.time == b.time && (a.stopped == b.stopped || a.time.to == kOpen) && a.activity == b.activity &&
         a.counts_as == b.counts_as;
}

bool knows(const std::vector<Span>& spans, const Interval& time) {
  return std::any_of(spans.begin(), spans.end(),
                     [&](const Span& span) { return span.activity && span.time.overlaps(time); });
}

std::string written(const Interval& time) {
  return fmt::format("{} to {}", core::format_time(time.from), time.to == kOpen ? "now" : core::format_time(time.to));
}

}  // namespace

DowntimeRecord DowntimeBook::record_of(const asset::Machine& machine, const Event& event,
                                       const std::vector<DowntimeRecord>& edited, bool lasts) const {
  DowntimeRecord record;
  record.id = event.id;
  record.machine = machine.path;
  if (event.edit) record = edited[*event.edit];
  record.time = event.time;
  if (lasts && !record.end_set) record.time.to = kOpen;
  record.stopped = event.stopped;
  record.activity = event.activity;
  record.counts_as = event.counts_as;
  return record;
}

core::Result<DowntimeBook::Look> DowntimeBook::look(const asset::Machine& machine, const Interval& period) {
  MutexLock lock(mutex_);
  return look_now(machine, period);
}

core::Result<DowntimeBook::Look> DowntimeBook::look_now(const asset::Machine& machine, const Interval& period) {
  const core::TimeNs now = clock_.now();
  Interval wide = period;
  Look look;
  std::vector<DowntimeRecord> stored;
  // An edited event that reaches out of the period counts as a whole.
  for (bool whole = false; !whole;) {
    auto spans = history_.states(machine, wide, now, look.reach);
    if (!spans) return unexpected(spans.error());
    look.spans = std::move(*spans);
    if (look.spans.empty()) return look;
    wide = {look.spans.front().time.from, look.spans.back().time.to};
    auto found = store_.list(machine.path, wide);
    if (!found) return unexpected(found.error());
    stored = std::move(*found);
    whole = true;
    for (const DowntimeRecord& record : stored) {
      const Interval time{record.time.from, std::min(record.time.to, now)};
      if (!record.edited || (time.from >= wide.from && time.to <= wide.to)) continue;
      wide = {std::min(wide.from, time.from), std::max(wide.to, time.to)};
      whole = false;
    }
  }
  std::vector<DowntimeRecord> edited;
  std::vector<Edit> edits;
  for (const DowntimeRecord& record : stored) {
    if (!record.edited) continue;
    edited.push_back(record);
    edits.push_back(edit_of(record));
  }
  look.events = events_of(machine.name, stops_of(look.spans), edits);
  for (const Event& event : look.events) {
    const bool lasts = wide.to == now && event.time.to >= now;
    look.records.push_back(record_of(machine, event, edited, lasts));
  }
  // What was found while history still told of it.
  for (const DowntimeRecord& record : stored) {
    if (!record.edited && !knows(look.spans, record.time)) look.records.push_back(record);
  }
  if (auto kept = keep(stored, look); !kept) return unexpected(kept.error());
  return look;
}

core::Status DowntimeBook::keep(const std::vector<DowntimeRecord>& stored, const Look& look) {
  std::map<std::string, const DowntimeRecord*> now;
  for (const DowntimeRecord& record : look.records) now[record.id] = &record;
  std::vector<std::string> removed;
  for (const DowntimeRecord& record : stored) {
    const auto found = now.find(record.id);
    if (found != now.end()) {
      if (same(record, *found->second)) now.erase(found);
    } else if (knows(look.spans, record.time)) {
      removed.push_back(record.id);
    }
  }
  std::vector<DowntimeRecord> put;
  for (const auto& [id, record] : now) put.push_back(*record);
  return store_.sync(removed, put);
}

core::Result<DowntimeRecord> DowntimeBook::current(const std::string& id) {
  const auto kept = store_.find(id);
  if (!kept) return kept;
  const asset::Machine* machine = model_.find_machine(kept->machine);
  if (machine == nullptr || !machine->oee) return kept;
  const auto now = look_now(*machine, {kept->time.from, std::min(kept->time.to, clock_.now())});
  if (!now) return unexpected(now.error());
  const auto found = std::find_if(now->records.begin(), now->records.end(),
                                  [&](const DowntimeRecord& record) { return record.id == id; });
  // What is not in the look is what history no longer tells, or what late readings took away.
  return found != now->records.end() ? core::Result<DowntimeRecord>(*found) : store_.find(id);
}

core::Result<DowntimeRecord> DowntimeBook::find(const std::string& id) {
  MutexLock lock(mutex_);
  return current(id);
}

core::Result<std::vector<DowntimeRecord>> DowntimeBook::versions(const std::string& id) {
  MutexLock lock(mutex_);
  return store_.versions(id);
}

core::Result<DowntimeRecord> DowntimeBook::next_version(const std::string& id, const ChangedBy& by,
                                                        const std::string& action) {
  auto record = current(id);
  if (!record) return record;
  if (by.version && *by.version != record->version) {
    return unexpected(ErrorCode::kConflict, fmt::format("downtime '{}' is version {} by now, not {}; read it again", id,
                                                        record->version, *by.version));
  }
  record->edited = true;
  ++record->version;
  record->changed = clock_.now();
  record->changed_by = by.who;
  record->action = action;
  return record;
}

core::Result<DowntimeRecord> DowntimeBook::explain(const std::string& id, const std::optional<std::string>& reason,
                                                   const std::optional<std::string>& comment, const ChangedBy& by) {
  MutexLock lock(mutex_);
  auto next = next_version(id, by, reason ? "reason" : "comment");
  if (!next) return next;
  if (reason) {
    next->reason = *reason;
    next->counts_as = next->activity;
    if (!reason->empty()) {
      const auto known = reasons_.find(*reason);
      if (!known) return unexpected(known.error().within("reason"));
      next->counts_as = known->counts_as;
    }
  }
  if (comment && comment->size() > kCommentBytesMax) {
    return unexpected(ErrorCode::kInvalid, fmt::format("comment: longer than {} bytes", kCommentBytesMax));
  }
  if (comment) next->comment = *comment;
  if (auto done = store_.change({*next}, {}); !done) return unexpected(done.error());
  return current(id);
}

core::Result<std::vector<DowntimeRecord>> DowntimeBook::split(const std::string& id, const std::string& at,
                                                              const TimeZone& zone, const ChangedBy& by) {
  MutexLock lock(mutex_);
  auto first = next_version(id, by, "split");
  if (!first) return unexpected(first.error());
  const auto time = zone.parse(at);
  if (!time) return unexpected(time.error().within("at"));
  if (*time <= first->time.from || *time >= std::min(first->time.to, clock_.now())) {
    return unexpected(ErrorCode::kInvalid, fmt::format("at: {} is not within the event, which is from {}",
                                                       core::format_time(*time), written(first->time)));
  }
  const asset::Machine* machine = model_.find_machine(first->machine);
  DowntimeRecord second = *first;
  second.id = event_id(machine == nullptr ? first->machine : machine->name, *time);
  second.version = 1;
  second.time.from = *time;
  second.start_set = true;
  first->time.to = *time;
  first->end_set = true;
  if (auto done = store_.change({*first, second}, {}); !done) return unexpected(done.error());
  std::vector<DowntimeRecord> both;
  for (const std::string& part : {first->id, second.id}) {
    auto now = current(part);
    if (!now) return unexpected(now.error());
    both.push_back(std::move(*now));
  }
  return both;
}

core::Result<DowntimeRecord> DowntimeBook::merge(const std::string& id, const std::string& with, const ChangedBy& by) {
  MutexLock lock(mutex_);
  auto kept = next_version(id, by, "merge");
  if (!kept) return kept;
  auto other = next_version(with, {by.who, std::nullopt}, "merged into " + id);
  if (!other) return unexpected(other.error().within("with"));
  if (id == with || kept->machine != other->machine) {
    return unexpected(ErrorCode::kInvalid, fmt::format("with: '{}' is {}; merge two events of one machine", with,
                                                       id == with ? "the event itself" : "of " + other->machine));
  }
  const bool first = kept->time.from < other->time.from;
  const DowntimeRecord& early = first ? *kept : *other;
  const DowntimeRecord& late = first ? *other : *kept;
  if (early.time.to == kOpen || late.time.to == kOpen) {
    return unexpected(ErrorCode::kConflict, "one of the two events still lasts; merge them when it has ended");
  }
  const auto between = store_.list(kept->machine, {early.time.from, late.time.from});
  if (!between) return unexpected(between.error());
  for (const DowntimeRecord& record : *between) {
    if (record.id == id || record.id == with) continue;
    return unexpected(ErrorCode::kInvalid, fmt::format("with: '{}' lies between the two; merge that first", record.id));
  }
  DowntimeRecord merged = *kept;
  merged.time = {early.time.from, late.time.to};
  merged.start_set = early.start_set;
  merged.end_set = late.end_set;
  if (merged.reason.empty() && !other->reason.empty()) {
    merged.reason = other->reason;
    merged.counts_as = other->counts_as;
  }
  if (!other->comment.empty()) merged.comment += (merged.comment.empty() ? "" : "; ") + other->comment;
  if (auto done = store_.change({merged}, {*other}); !done) return unexpected(done.error());
  return current(id);
}

}  // namespace millwright::analytics
