// DowntimeBook: brings what history tells of a machine's stops and what people made of them together, and keeps the
// result in the database. Late readings change the events that nobody edited; edits stay.
//
// Threads: any; one look or edit at a time. Errors: those of history and the store; kInvalid and kConflict say what.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analytics/downtime_store.hpp"
#include "analytics/machine_history.hpp"
#include "analytics/reasons.hpp"
#include "analytics/time_zone.hpp"
#include "asset/model.hpp"
#include "core/mutex.hpp"
#include "io/clock.hpp"

namespace millwright::analytics {

struct ChangedBy {
  std::string who;
  std::optional<std::int64_t> version{};  // as the caller knows it; another is a conflict
};

class DowntimeBook {
 public:
  DowntimeBook(const asset::Model& model, const MachineHistory& history, const Reasons& reasons, const io::Clock& clock,
               DowntimeStore store)
      : model_(model), history_(history), reasons_(reasons), clock_(clock), store_(store) {}

  struct Look {
    std::vector<Span> spans;  // of the period, with the stops at its ends whole
    std::vector<Event> events;
    std::vector<DowntimeRecord> records;  // as kept; also those that history no longer tells
    core::TimeNs reach = INT64_MAX;       // from when on history told it
  };
  core::Result<Look> look(const asset::Machine& machine, const Interval& period) EXCLUDES(mutex_);

  core::Result<DowntimeRecord> find(const std::string& id) EXCLUDES(mutex_);
  core::Result<std::vector<DowntimeRecord>> versions(const std::string& id) EXCLUDES(mutex_);
  core::Result<DowntimeRecord> explain(const std::string& id, const std::optional<std::string>& reason,
                                       const std::optional<std::string>& comment, const ChangedBy& by) EXCLUDES(mutex_);
  // `at` is a moment on `zone`'s clock where it has no offset.
  core::Result<std::vector<DowntimeRecord>> split(const std::string& id, const std::string& at, const TimeZone& zone,
                                                  const ChangedBy& by) EXCLUDES(mutex_);
  core::Result<DowntimeRecord> merge(const std::string& id, const std::string& with, const ChangedBy& by)
      EXCLUDES(mutex_);

 private:
  core::Result<Look> look_now(const asset::Machine& machine, const Interval& period) REQUIRES(mutex_);
  core::Status keep(const std::vector<DowntimeRecord>& stored, const Look& look) REQUIRES(mutex_);
  core::Result<DowntimeRecord> current(const std::string& id) REQUIRES(mutex_);
  // The record as the next version of it, by whom; kConflict where the caller knew another.
  core::Result<DowntimeRecord> next_version(const std::string& id, const ChangedBy& by, const std::string& action)
      REQUIRES(mutex_);
  [[nodiscard]] DowntimeRecord record_of(const asset::Machine& machine, const Event& event,
                                         const std::vector<DowntimeRecord>& edited, bool lasts) const;

  const asset::Model& model_;
  const MachineHistory& history_;
  const Reasons& reasons_;
  const io::Clock& clock_;
  core::Mutex mutex_;
  DowntimeStore store_ GUARDED_BY(mutex_);
};

}  // namespace millwright::analytics
