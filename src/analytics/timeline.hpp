// A machine's time: what its state said, the downtime events that come of it, what people changed in them, and what
// each moment counts as. Pure functions over intervals.
//
// An event is the longest run of one stop's activity. A person's edit gives one a reason or other bounds; history stays
// what the machine said, so an edit never turns running into stopped: an event's time is where the machine stood within
// its bounds. Bounds that nobody set follow the stop when late readings move it.
// Threads: values. Units: ns UTC.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analytics/intervals.hpp"
#include "asset/oee.hpp"

namespace millwright::analytics {

using asset::Activity;

inline constexpr core::TimeNs kOpen = INT64_MAX;  // the end of what lasts

// In order, without gaps; nothing: not known.
struct Span {
  Interval time{};
  std::optional<Activity> activity{};
};

struct Stop {
  Interval time{};
  Activity activity = Activity::kIdle;
};

// Puts neighbours of one activity together.
void append(std::vector<Span>& spans, const Span& next);
std::vector<Stop> stops_of(const std::vector<Span>& spans);

// What a person made of an event. Those of a machine do not overlap.
struct Edit {
  std::string id{};
  Interval time{};  // kOpen: as long as the stop lasts
  bool start_set = false;
  bool end_set = false;
  std::optional<Activity> counts_as{};  // as the reason says; nothing: as the machine says
};

struct Event {
  std::string id{};
  Interval time{};
  core::DurationNs stopped = 0;         // of its time, all but a merged one; 0: late readings left none
  Activity activity = Activity::kIdle;  // what the machine said most of its time
  Activity counts_as = Activity::kIdle;
  bool explained = false;             // by a reason, so that its length does not matter
  std::optional<std::size_t> edit{};  // index of it
  std::vector<Stop> parts{};          // in which the machine stood
};

// All events, in order of time. Ids of those that nobody edited come of `machine` and their start.
std::vector<Event> events_of(const std::string& machine, const std::vector<Stop>& stops,
                             const std::vector<Edit>& edits);
std::string event_id(const std::string& machine, core::TimeNs start);

// What a moment counts as.
enum class Label : std::uint8_t {
  kUnknown,  // the machine had not said what it does
  kProducing,
  kSmallStop,  // idle or down, not longer than the machine's `small_stop`
  kBreakdown,  // down for longer
  kWaiting,    // idle for longer
  kSetup,
  kPlannedStop,
};
inline constexpr std::size_t kLabelCount = 7;

struct Segment {
  Interval time{};
  Label label = Label::kUnknown;
};

Label label_of(const Event& event, Activity part, core::DurationNs small_stop);
// Spans and their events as one list of segments in order, without gaps where the spans have none.
std::vector<Segment> segments_of(const std::vector<Span>& spans, const std::vector<Event>& events,
                                 core::DurationNs small_stop);

}  // namespace millwright::analytics
