#include "analytics/timeline.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace millwright::analytics {
namespace {

// Where the edits stand now: a bound that nobody set follows the first or last stop that reaches into the edit, as far
// as the neighbouring edits leave room.
std::vector<Interval> settled(const std::vector<Stop>& stops, const std::vector<Edit>& edits) {
  std::vector<Interval> times;
  auto stop = stops.begin();
  for (std::size_t i = 0; i < edits.size(); ++i) {
    const Edit& edit = edits[i];
    Interval time = edit.time;
    stop = std::partition_point(stop, stops.end(), [&](const Stop& s) { return s.time.to <= edit.time.from; });
    const auto end = std::partition_point(stop, stops.end(), [&](const Stop& s) { return s.time.from < edit.time.to; });
    if (stop != end) {
      const core::TimeNs low = i == 0 ? INT64_MIN : times.back().to;
      const core::TimeNs high = i + 1 == edits.size() ? INT64_MAX : edits[i + 1].time.from;
      if (!edit.start_set) time.from = std::max(stop->time.from, low);
      // What lasts is of one stop, and ends with it.
      const Stop& last = edit.time.to == kOpen ? *stop : *std::prev(end);
      if (!edit.end_set) time.to = std::min(last.time.to, high);
    }
    times.push_back(time);
  }
  return times;
}

void measure(Event& event) {
  std::array<core::DurationNs, asset::kActivityNames.size()> by_activity{};
  for (const Stop& part : event.parts) {
    event.stopped += part.time.length();
    by_activity[static_cast<std::size_t>(part.activity)] += part.time.length();
  }
  event.activity =
      static_cast<Activity>(std::max_element(by_activity.begin(), by_activity.end()) - by_activity.begin());
  if (event.stopped == 0) event.activity = Activity::kIdle;
  if (!event.explained) event.counts_as = event.activity;
}

}  // namespace

void append(std::vector<Span>& spans, const Span& next) {
  if (next.time.empty()) return;
  if (!spans.empty() && spans.back().activity == next.activity && spans.back().time.to == next.time.from) {
    spans.back().time.to = next.time.to;
  } else {
    spans.push_back(next);
  }
}

std::vector<Stop> stops_of(const std::vector<Span>& spans) {
  std::vector<Stop> stops;
  for (const Span& span : spans) {
    if (span.activity && *span.activity != Activity::kRunning) stops.push_back({span.time, *span.activity});
  }
  return stops;
}

std::string event_id(const std::string& machine, core::TimeNs start) {
  return fmt::format("{}-{:x}", machine, static_cast<std::uint64_t>(start));
}

std::vector<Event> events_of(const std::string& machine, const std::vector<Stop>& stops,
                             const std::vector<Edit>& edits) {
  const std::vector<Interval> times = settled(stops, edits);
  std::vector<Event> events;
  for (std::size_t i = 0; i < edits.size(); ++i) {
    Event& event = events.emplace_back();
    event.id = edits[i].id;
    event.time = times[i];
    event.edit = i;
    event.explained = edits[i].counts_as.has_value();
    if (event.explained) event.counts_as = *edits[i].counts_as;
  }
  // Edits are few beside stops: each stop is cut by those that reach into it.
  std::size_t first = 0;
  for (const Stop& stop : stops) {
    while (first < times.size() && times[first].to <= stop.time.from) ++first;
    Intervals taken;
    for (std::size_t i = first; i < times.size() && times[i].from < stop.time.to; ++i) {
      const Interval part = intersection(stop.time, times[i]);
      if (part.empty()) continue;
      events[i].parts.push_back({part, stop.activity});
      taken.push_back(part);
    }
    for (const Interval& rest : difference({stop.time}, taken)) {
      Event event{.id = event_id(machine, rest.from), .time = rest, .edit = {}, .parts = {{rest, stop.activity}}};
      events.push_back(std::move(event));
    }
  }
  for (Event& event : events) measure(event);
  std::sort(events.begin(), events.end(), [](const Event& a, const Event& b) { return a.time.from < b.time.from; });
  return events;
}

Label label_of(const Event& event, Activity part, core::DurationNs small_stop) {
  const Activity activity = event.explained ? event.counts_as : part;
  const bool small = !event.explained && event.stopped <= small_stop;
  switch (activity) {
    case Activity::kRunning:
      return Label::kProducing;
    case Activity::kIdle:
      return small ? Label::kSmallStop : Label::kWaiting;
    case Activity::kDown:
      return small ? Label::kSmallStop : Label::kBreakdown;
    case Activity::kSetup:
      return Label::kSetup;
    case Activity::kPlannedStop:
      return Label::kPlannedStop;
  }
  return Label::kUnknown;
}

std::vector<Segment> segments_of(const std::vector<Span>& spans, const std::vector<Event>& events,
                                 core::DurationNs small_stop) {
  std::vector<Segment> segments;
  for (const Span& span : spans) {
    if (!span.activity) segments.push_back({span.time, Label::kUnknown});
    if (span.activity == Activity::kRunning) segments.push_back({span.time, Label::kProducing});
  }
  for (const Event& event : events) {
    for (const Stop& part : event.parts) {
      segments.push_back({part.time, label_of(event, part.activity, small_stop)});
    }
  }
  std::sort(segments.begin(), segments.end(),
            [](const Segment& a, const Segment& b) { return a.time.from < b.time.from; });
  return segments;
}

}  // namespace millwright::analytics
