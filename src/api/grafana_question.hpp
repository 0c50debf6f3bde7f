// What Grafana asks in the body of a POST. Members that are not known are passed over: each version of Grafana sends
// more of them.
//
// Threads: values. Errors: kInvalid with what is wrong and what would be right.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "alarms/alarm.hpp"
#include "asset/model.hpp"
#include "core/result.hpp"
#include "core/time.hpp"
#include "historian/historian.hpp"

namespace millwright::api {

// What an interval's readings are shown as.
enum class GrafanaValue { kMean, kMin, kMax, kFirst, kLast, kCount };
inline constexpr std::string_view kGrafanaValues[] = {"mean", "min", "max", "first", "last", "count"};

// An ad hoc filter, or a word of an annotation's query: "machine=pump-1".
struct GrafanaFilter {
  std::string key;
  std::string value;
  bool equal = true;
};
inline constexpr std::string_view kGrafanaKeys[] = {"machine", "type", "site", "area", "line", "cell", "priority"};

struct GrafanaTarget {
  std::string name;  // "machine/sensor", "alarms", "downtime"
  bool table = false;
  bool as_stated = false;  // then `value` counts, else what suits the sensor
  GrafanaValue value = GrafanaValue::kMean;
};

struct GrafanaQuestion {
  historian::Range range;
  std::size_t points = 1000;
  core::DurationNs interval = 0;  // the least width of a point
  std::vector<GrafanaTarget> targets{};
  std::vector<GrafanaFilter> filters{};
};

// Of /query.
core::Result<GrafanaQuestion> parse_grafana_question(std::string_view body, std::size_t points_max);

struct GrafanaAnnotations {
  historian::Range range;
  std::string annotation;  // JSON, given back as it came
  bool alarms = true;
  bool downtime = false;
  std::vector<GrafanaFilter> filters{};
};
// Of /annotations, whose query is words: "alarms", "downtime", "priority=high", "machine=pump-1".
core::Result<GrafanaAnnotations> parse_grafana_annotations(std::string_view body);

// One text of a body that is an object: of "payload.target" the member `target` of `payload`. Absent: "".
core::Result<std::string> grafana_text(std::string_view body, std::string_view member);

// What a machine has under a filter's key; "": that is not of machines.
std::string_view grafana_tag(const asset::Machine& machine, std::string_view key);
bool fits(const std::vector<GrafanaFilter>& filters, const asset::Machine& machine);
bool fits(const std::vector<GrafanaFilter>& filters, const asset::Model& model, const alarms::Alarm& alarm);

}  // namespace millwright::api
