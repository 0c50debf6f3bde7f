// AlarmManager: all alarms of the node, kept through restarts in a journal of their own.
//
// Threads: all of it from any thread; a control path, so it locks. Listeners are called in the caller's thread, outside
// of the lock, in order of version; they must not block and must not call back.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alarms/alarm.hpp"
#include "asset/model.hpp"
#include "core/metrics.hpp"
#include "core/result.hpp"
#include "io/clock.hpp"
#include "journal/journal.hpp"

namespace millwright::alarms {

struct Filter {
  std::optional<bool> active;
  std::string machine;            // "" = all
  std::uint64_t before_id = 0;    // only older occurrences than this one; 0 = from the newest
  std::size_t limit = 100;
};

class AlarmManager {
 public:
  using Listener = std::function<void(const Alarm&)>;

  // Recovers from `journal`, which must outlive it and is committed by the owner's GroupCommit.
  static core::Result<std::unique_ptr<AlarmManager>> open(const asset::Model& model, journal::Journal& journal,
                                                          const io::Clock& clock, core::Metrics& metrics);
  virtual ~AlarmManager() = default;

  virtual void add_listener(Listener listener) = 0;
  // A repeated signal changes nothing. Gives the alarm where something changed.
  virtual std::optional<Alarm> signal(const Signal& signal) = 0;
  // kNotFound, or kConflict where there is nothing to acknowledge.
  virtual core::Result<Alarm> acknowledge(std::uint64_t id, const std::string& by, const std::string& comment) = 0;

  // Newest first.
  [[nodiscard]] virtual std::vector<Alarm> list(const Filter& filter) const = 0;
  [[nodiscard]] virtual std::size_t active_count() const = 0;
};

}  // namespace millwright::alarms
