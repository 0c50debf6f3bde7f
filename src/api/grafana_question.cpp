#include "api/grafana_question.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/text.hpp"

namespace millwright::api {
namespace {

using core::ErrorCode;
using core::unexpected;
using PlainJson = nlohmann::json;

constexpr std::size_t kTargetsMax = 100;

core::Result<PlainJson> parse_object(std::string_view body) {
  auto json = PlainJson::parse(body, nullptr, false);
  if (json.is_object()) return json;
  return unexpected(ErrorCode::kInvalid, "body: must be a JSON object, as Grafana's JSON data sources send it");
}

std::string text_of(const PlainJson& json, const char* name) {
  const auto at = json.find(name);
  return at != json.end() && at->is_string() ? at->get<std::string>() : std::string();
}

PlainJson object_of(const PlainJson& json, const char* name) {
  const auto at = json.find(name);
  return at != json.end() && at->is_object() ? *at : PlainJson::object();
}

core::Result<historian::Range> range_of(const PlainJson& json) {
  const PlainJson range = object_of(json, "range");
  const auto from = core::parse_time(text_of(range, "from"));
  const auto to = core::parse_time(text_of(range, "to"));
  if (from && to && *from < *to) return historian::Range{*from, *to};
  return unexpected(ErrorCode::kInvalid,
                    "body: range must be two times in order, like {\"from\": \"2026-11-21T06:00:00Z\", \"to\": "
                    "\"2026-11-21T07:00:00Z\"}");
}

core::Status known_key(std::string_view key) {
  if (std::find(std::begin(kGrafanaKeys), std::end(kGrafanaKeys), key) != std::end(kGrafanaKeys)) return {};
  return unexpected(ErrorCode::kInvalid, fmt::format("filter '{}': is none of {}{}", key, fmt::join(kGrafanaKeys, ", "),
                                                     core::did_you_mean(key, kGrafanaKeys)));
}

core::Result<GrafanaFilter> filter_of(const PlainJson& json) {
  const std::string sign = json.is_object() ? text_of(json, "operator") : "";
  if (sign != "=" && sign != "!=") {
    return unexpected(ErrorCode::kInvalid, fmt::format("filter: the operator '{}' is neither = nor !=", sign));
  }
  GrafanaFilter filter{.key = text_of(json, "key"), .value = text_of(json, "value"), .equal = sign == "="};
  if (auto known = known_key(filter.key); !known) return unexpected(known.error());
  return filter;
}

core::Result<GrafanaTarget> target_of(const PlainJson& json) {
  GrafanaTarget target{.name = text_of(json, "target"), .table = text_of(json, "type") == "table"};
  // "JSON" says payload, its versions before 0.3 data.
  const std::string value = text_of(object_of(json, json.contains("payload") ? "payload" : "data"), "value");
  if (value.empty()) return target;
  const auto at = std::find(std::begin(kGrafanaValues), std::end(kGrafanaValues), value);
  if (at == std::end(kGrafanaValues)) {
    return unexpected(ErrorCode::kInvalid,
                      fmt::format("payload: value: '{}' is none of {}{}", value, fmt::join(kGrafanaValues, ", "),
                                  core::did_you_mean(value, kGrafanaValues)));
  }
  target.as_stated = true;
  target.value = static_cast<GrafanaValue>(at - std::begin(kGrafanaValues));
  return target;
}

// Whole and within its limits; else the fallback, for Grafana leaves it out or sends null.
std::int64_t number_of(const PlainJson& json, const char* name, std::int64_t fallback, std::int64_t low,
                       std::int64_t high) {
  const auto at = json.find(name);
  if (at == json.end() || !at->is_number()) return fallback;
  const double number = at->get<double>();
  if (!(number >= static_cast<double>(low))) return low;
  return number >= static_cast<double>(high) ? high : static_cast<std::int64_t>(number);
}

}  // namespace

core::Result<GrafanaQuestion> parse_grafana_question(std::string_view body, std::size_t points_max) {
  const auto json = parse_object(body);
  if (!json) return unexpected(json.error());
  const auto range = range_of(*json);
  if (!range) return unexpected(range.error());
  GrafanaQuestion question{.range = *range};
  const auto most = static_cast<std::int64_t>(points_max);
  question.points =
      static_cast<std::size_t>(number_of(*json, "maxDataPoints", std::min<std::int64_t>(1000, most), 3, most));
  question.interval = number_of(*json, "intervalMs", 0, 0, 366LL * 24 * 3600 * 1000) * core::kMillisecond;
  for (const PlainJson& one : json->value("targets", PlainJson::array())) {
    if (!one.is_object() || one.value("hide", PlainJson(false)) == true || text_of(one, "target").empty()) continue;
    auto target = target_of(one);
    if (!target) return unexpected(target.error());
    question.targets.push_back(std::move(*target));
  }
  for (const PlainJson& one : json->value("adhocFilters", PlainJson::array())) {
    auto filter = filter_of(one);
    if (!filter) return unexpected(filter.error());
    question.filters.push_back(std::move(*filter));
  }
  if (question.targets.size() <= kTargetsMax) return question;
  return unexpected(ErrorCode::kInvalid,
                    fmt::format("body: {} targets; a panel takes {}", question.targets.size(), kTargetsMax));
}

core::Result<GrafanaAnnotations> parse_grafana_annotations(std::string_view body) {
  const auto json = parse_object(body);
  if (!json) return unexpected(json.error());
  const auto range = range_of(*json);
  if (!range) return unexpected(range.error());
  const PlainJson annotation = object_of(*json, "annotation");
  GrafanaAnnotations asked{.range = *range,
                           .annotation = annotation.dump(-1, ' ', false, PlainJson::error_handler_t::replace)};
  bool named = false;
  const std::string query = text_of(annotation, "query");
  for (const std::string_view word : core::split(query, ' ')) {
    if (word.empty()) continue;
    const auto equals = word.find('=');
    if (word == "alarms" || word == "downtime") {
      if (!std::exchange(named, true)) asked.alarms = asked.downtime = false;
      (word == "alarms" ? asked.alarms : asked.downtime) = true;
    } else if (equals == std::string_view::npos) {
      return unexpected(
          ErrorCode::kInvalid,
          fmt::format("annotation: query: '{}' is neither alarms, downtime, nor like machine=pump-1", word));
    } else {
      GrafanaFilter filter{.key = std::string(word.substr(0, equals)), .value = std::string(word.substr(equals + 1))};
      if (auto known = known_key(filter.key); !known) return unexpected(known.error());
      asked.filters.push_back(std::move(filter));
    }
  }
  return asked;
}

core::Result<std::string> grafana_text(std::string_view body, std::string_view member) {
  auto json = parse_object(body);
  if (!json) return unexpected(json.error());
  const auto dot = member.find('.');
  if (dot == std::string_view::npos) return text_of(*json, std::string(member).c_str());
  const PlainJson inner = object_of(*json, std::string(member.substr(0, dot)).c_str());
  return text_of(inner, std::string(member.substr(dot + 1)).c_str());
}

std::string_view grafana_tag(const asset::Machine& machine, std::string_view key) {
  if (key == "machine") return machine.name;
  if (key == "type") return machine.type;
  static constexpr std::string_view kLevels[] = {"enterprise", "site", "area", "line", "cell"};
  const auto at = std::find(std::begin(kLevels), std::end(kLevels), key);
  return at == std::end(kLevels) ? "" : std::string_view(machine.hierarchy[static_cast<std::size_t>(at - kLevels)]);
}

bool fits(const std::vector<GrafanaFilter>& filters, const asset::Machine& machine) {
  return std::all_of(filters.begin(), filters.end(), [&](const GrafanaFilter& filter) {
    return filter.key == "priority" || (grafana_tag(machine, filter.key) == filter.value) == filter.equal;
  });
}

bool fits(const std::vector<GrafanaFilter>& filters, const asset::Model& model, const alarms::Alarm& alarm) {
  const asset::Machine* machine = model.find_machine(alarm.machine);
  return std::all_of(filters.begin(), filters.end(), [&](const GrafanaFilter& filter) {
    const std::string_view has = filter.key == "priority" ? alarms::to_string(alarm.priority)
                                 : machine == nullptr     ? std::string_view()
                                                          : grafana_tag(*machine, filter.key);
    return (has == filter.value) == filter.equal;
  });
}

}  // namespace millwright::api
