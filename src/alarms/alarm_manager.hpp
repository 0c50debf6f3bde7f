// AlarmManager: all alarms of the node, kept through restarts in a journal of their own.
//
// Threads: all of it from any thread; a control path, so it locks. Listeners are called in the thread that made the
// change, before its call returns, outside of the lock, in order of version; they must not block and must not make
// changes. Errors: a journal that takes no records (disk full, stopped) never holds up an alarm: the change counts, is
// told, and is written, in order, as soon as the journal takes it; millwright_alarms_unsaved counts those that wait.
// Limits: kClosedMax closed occurrences are kept; the oldest go first. The journal: AlarmOptions::retention. Format:
// docs/format/alarms.md.
#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alarms/alarm.hpp"
#include "alarms/control.hpp"
#include "alarms/handling.hpp"
#include "alarms/performance.hpp"
#include "asset/model.hpp"
#include "core/metrics.hpp"
#include "core/result.hpp"
#include "io/clock.hpp"
#include "journal/journal.hpp"

namespace millwright::alarms {

struct Filter {
  std::optional<bool> active;
  std::optional<bool> suppressed;  // shelved, suppressed by design or out of service
  std::string machine;             // "" = all
  std::uint64_t before_id = 0;     // only older occurrences than this one; 0 = from the newest
  std::size_t limit = 100;
};

// All that operators are to see now, of one machine or of all.
inline Filter annunciated_alarms(std::string machine = {}) {
  Filter filter;
  filter.active = true;
  filter.suppressed = false;
  filter.machine = std::move(machine);
  filter.limit = std::numeric_limits<std::size_t>::max();
  return filter;
}

inline constexpr std::size_t kClosedMax = 10'000;
inline constexpr std::size_t kLatencyWindow = 10'000;

// From receiving the deciding reading to publishing the alarm, over the last kLatencyWindow raised ones.
struct Latency {
  double p50_ms = std::numeric_limits<double>::quiet_NaN();  // NaN: none yet
  double p99_ms = std::numeric_limits<double>::quiet_NaN();
  std::uint64_t count = 0;
};

// What detectors see of the alarms.
class SignalSink {
 public:
  virtual ~SignalSink() = default;
  // A repeated signal changes nothing. An alarm that comes back before anybody acknowledged it is the same occurrence,
  // unacknowledged again. Gives the alarm where something changed: not yet, where the alarm has a delay.
  virtual std::optional<Alarm> signal(const Signal& signal) = 0;
};

class AlarmManager : public SignalSink {
 public:
  using Listener = std::function<void(const Alarm&)>;

  // Recovers from `journal`, which must outlive it and is committed by the owner's GroupCommit.
  static core::Result<std::unique_ptr<AlarmManager>> open(const asset::Model& model, journal::Journal& journal,
                                                          const io::Clock& clock, AlarmOptions options,
                                                          core::Metrics& metrics);
  virtual void add_listener(Listener listener) = 0;
  // What time brings: delays that are over, shelving that ends; the journal's retention. Every 100 ms or so.
  virtual void tick() = 0;
  // kNotFound, or kConflict where there is nothing to acknowledge.
  virtual core::Result<Alarm> acknowledge(std::uint64_t id, const std::string& by, const std::string& comment) = 0;
  // Ends a latched alarm that was acknowledged. kConflict where it is not that.
  virtual core::Result<Alarm> reset(std::uint64_t id, const std::string& by, const std::string& comment) = 0;
  // Says something about it, whatever its state. kNotFound.
  virtual core::Result<Alarm> comment(std::uint64_t id, const std::string& by, const std::string& comment) = 0;

  // Takes conditions out of sight; `id`, `since` and `released` of the control given are filled in here. An alarm that
  // is active when its last control ends is unacknowledged again. kInvalid: shelving without an end, or for too long.
  virtual core::Result<Control> suppress(Control control) = 0;
  virtual core::Result<Control> release(std::uint64_t control, const std::string& by, const std::string& comment) = 0;
  [[nodiscard]] virtual std::vector<Control> controls() const = 0;
  [[nodiscard]] virtual core::DurationNs shelve_max() const = 0;

  // kNotFound where it is not known, or no longer.
  [[nodiscard]] virtual core::Result<Alarm> find(std::uint64_t id) const = 0;
  // Newest first.
  [[nodiscard]] virtual std::vector<Alarm> list(const Filter& filter) const = 0;
  [[nodiscard]] virtual std::size_t active_count() const = 0;  // without suppressed ones
  // Of the last change.
  [[nodiscard]] virtual std::uint64_t version() const = 0;
  [[nodiscard]] virtual Performance performance(core::DurationNs period) const = 0;
  [[nodiscard]] virtual Latency latency() const = 0;
};

}  // namespace millwright::alarms
