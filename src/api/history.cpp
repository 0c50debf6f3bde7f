// GET …/history: a sensor's readings or their statistics, by page, as JSON or CSV.
#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/cursor.hpp"
#include "api/handlers.hpp"
#include "api/views.hpp"
#include "core/quality.hpp"
#include "core/text.hpp"

namespace millwright::api {
namespace {

using core::ErrorCode;
using core::unexpected;

constexpr std::size_t kRowsDefault = 10'000;
// Rows asked of the historian at once, so that a server that stops need not wait for all of them.
constexpr std::size_t kRowsAtOnce = 10'000;
constexpr core::DurationNs kSpanDefault = 15 * core::kMinute;

constexpr std::array<std::string_view, 4> kResolutions = {"raw", "1s", "1m", "1h"};
constexpr std::array<core::DurationNs, 4> kWidths = {0, core::kSecond, core::kMinute, core::kHour};
constexpr std::array<std::string_view, 2> kFormats = {"json", "csv"};

struct HistoryQuery {
  const asset::Machine* machine = nullptr;
  const asset::Sensor* sensor = nullptr;
  historian::Range range;     // of the whole answer
  core::TimeNs position = 0;  // where this page begins
  std::size_t resolution = 0;
  std::size_t limit = 0;
  bool csv = false;
  std::uint32_t hash = 0;
};

// One row of raw readings or of aggregates, as JSON or CSV.
std::string json_row(const asset::Sensor& sensor, const historian::Reading& reading) {
  Json row = {{"time", core::format_time(reading.time)}, {"value", value_json(sensor.type, reading.bits)}};
  if (sensor.type == core::ValueType::kState) {
    const std::string* name = state_name(sensor, reading.bits);
    row["state_name"] = name == nullptr ? Json() : Json(*name);
  }
  row["quality"] = core::quality_name(reading.quality);
  row["quality_code"] = reading.quality.code;
  return to_text(row);
}

std::string json_row(const asset::Sensor& sensor, const historian::Aggregate& a) {
  const bool any = a.count != 0;
  const auto one_of_them = [&](double value) { return any ? statistic_json(sensor.type, value) : Json(); };
  return to_text({{"time", core::format_time(a.start)},
                  {"count", a.count},
                  {"bad_count", a.bad_count},
                  {"min", one_of_them(a.min)},
                  {"max", one_of_them(a.max)},
                  {"mean", any ? Json(a.sum / static_cast<double>(a.count)) : Json()},
                  {"first", one_of_them(a.first)},
                  {"last", one_of_them(a.last)},
                  {"sum", any ? Json(a.sum) : Json()}});
}

// RFC 4180: quoted where it must be.
std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) out.append(c == '"' ? 2 : 1, c);
  return out + "\"";
}

// What JSON cannot say (NaN, Infinity) CSV can.
std::string csv_number(const Json& json, double value) {
  return json.is_number() && std::isfinite(value) ? json.dump() : core::format_double(value);
}

std::string csv_value(core::ValueType type, std::uint64_t bits) {
  const Json json = value_json(type, bits);
  if (!json.is_number_float()) return json.dump();
  return core::format_double(json.get<double>());
}

std::string csv_row(const asset::Sensor& sensor, const historian::Reading& reading) {
  std::string row = core::format_time(reading.time) + "," + csv_value(sensor.type, reading.bits);
  if (sensor.type == core::ValueType::kState) {
    const std::string* name = state_name(sensor, reading.bits);
    row += "," + (name == nullptr ? std::string() : csv_field(*name));
  }
  return row + fmt::format(",{},{}\n", core::quality_name(reading.quality), reading.quality.code);
}

std::string csv_row(const asset::Sensor& sensor, const historian::Aggregate& a) {
  if (a.count == 0) return fmt::format("{},0,{},,,,,,\n", core::format_time(a.start), a.bad_count);
  const auto number = [&](double value) { return csv_number(statistic_json(sensor.type, value), value); };
  return fmt::format("{},{},{},{},{},{},{},{},{}\n", core::format_time(a.start), a.count, a.bad_count, number(a.min),
                     number(a.max), core::format_double(a.sum / static_cast<double>(a.count)), number(a.first),
                     number(a.last), core::format_double(a.sum));
}

std::string csv_header(const HistoryQuery& query) {
  if (query.resolution != 0) return "time,count,bad_count,min,max,mean,first,last,sum\n";
  return query.sensor->type == core::ValueType::kState ? "time,value,state_name,quality,quality_code\n"
                                                       : "time,value,quality,quality_code\n";
}

// Fetches the page step by step and writes its rows; gives where the next page begins, if there is one. `Fetch` is
// (range, limit, next) → Result of a vector of rows.
template <typename Fetch>
core::Result<std::optional<core::TimeNs>> write_rows(const HistoryQuery& query, const Fetch& fetch,
                                                     const std::function<bool()>& stopping, std::string& out) {
  historian::Range range = {query.position, query.range.to};
  std::size_t left = query.limit;
  bool first = true;
  while (range.from < range.to) {
    if (stopping()) return unexpected(ErrorCode::kUnavailable, "the server stops; ask again when it is back");
    if (left == 0) return std::optional(range.from);
    std::optional<core::TimeNs> next;
    const auto rows = fetch(range, std::min(left, kRowsAtOnce), &next);
    if (!rows) return unexpected(rows.error());
    for (const auto& row : *rows) {
      if (!query.csv && !first) out += ',';
      first = false;
      out += query.csv ? csv_row(*query.sensor, row) : json_row(*query.sensor, row);
    }
    if (!next || *next <= range.from) return std::optional<core::TimeNs>();
    left -= std::min(left, rows->size());  // an answer may be longer than asked for, to end between two times
    range.from = *next;
  }
  return std::optional<core::TimeNs>();
}

std::string next_link(const HistoryQuery& query, std::string_view cursor) {
  return fmt::format("</v1/machines/{}/history?sensor={}&resolution={}&limit={}&format=csv&cursor={}>; rel=\"next\"",
                     percent_encode(query.machine->name), percent_encode(query.sensor->path),
                     kResolutions[query.resolution], query.limit, cursor);
}

Response csv_response(const HistoryQuery& query, std::string rows, const std::optional<std::string>& cursor) {
  Response response;
  response.content_type = "text/csv; charset=utf-8; header=present";
  response.body = csv_header(query) + rows;
  response.fields.emplace_back("Content-Disposition",
                               fmt::format("attachment; filename=\"{}-{}-{}.csv\"", query.machine->name,
                                           query.sensor->name, kResolutions[query.resolution]));
  if (cursor) response.fields.emplace_back("Link", next_link(query, *cursor));
  return response;
}

Response json_page(const HistoryQuery& query, const std::string& rows, const std::optional<std::string>& cursor) {
  const asset::Sensor& sensor = *query.sensor;
  const std::string head = to_text({{"machine", query.machine->name},
                                    {"sensor", sensor.path},
                                    {"unit", sensor.unit == nullptr ? Json() : Json(sensor.unit->symbol)},
                                    {"resolution", kResolutions[query.resolution]},
                                    {"from", core::format_time(query.range.from)},
                                    {"to", core::format_time(query.range.to)}});
  Response response;
  response.content_type = "application/json";
  response.body =
      fmt::format(R"({},"items":[{}],"next_cursor":{}}})", std::string_view(head).substr(0, head.size() - 1), rows,
                  to_text(cursor ? Json(*cursor) : Json()));
  return response;
}

bool accepts_csv(std::string_view accept) {
  for (const std::string_view range : core::split(accept, ',')) {
    const std::string_view type = core::trim(core::split(range, ';').front());
    if (type == "text/csv") return true;
    if (type == "application/json") return false;
  }
  return false;
}

core::Status read_range(const Parameters& parameters, core::TimeNs now, HistoryQuery& query) {
  const auto to = parameters.moment("to", now, now);
  if (!to) return unexpected(to.error());
  const auto from = parameters.moment("from", now, *to - kSpanDefault);
  if (!from) return unexpected(from.error());
  if (*from > *to) {
    return unexpected(ErrorCode::kInvalid, fmt::format("from={} is after to={}; swap them", core::format_time(*from),
                                                       core::format_time(*to)));
  }
  query.range = {*from, *to};
  query.position = *from;
  return {};
}

// A cursor carries the range, so that "now" stays where it was when the first page was asked for.
core::Status read_cursor(const Parameters& parameters, HistoryQuery& query) {
  query.hash = query_hash(fmt::format("history {} {}", query.sensor->path, kResolutions[query.resolution]));
  const auto text = parameters.text("cursor");
  if (!text) return {};
  const auto cursor = decode_cursor(*text, query.hash);
  if (!cursor) return unexpected(cursor.error());
  query.position = cursor->position;
  query.range.from = std::min(query.range.from, query.position);
  query.range.to = cursor->bound;
  return {};
}

core::Status read_query(const Parameters& parameters, std::string_view accept, core::TimeNs now, std::size_t rows_max,
                        HistoryQuery& query) {
  if (auto range = read_range(parameters, now, query); !range) return range;
  const auto resolution = parameters.choice("resolution", kResolutions, 0);
  if (!resolution) return unexpected(resolution.error());
  query.resolution = *resolution;
  const auto limit = parameters.limit(kRowsDefault, rows_max);
  if (!limit) return unexpected(limit.error());
  query.limit = *limit;
  const auto format = parameters.choice("format", kFormats, accepts_csv(accept) ? 1 : 0);
  if (!format) return unexpected(format.error());
  query.csv = *format == 1;
  return read_cursor(parameters, query);
}

}  // namespace

core::Result<const asset::Sensor*> Handlers::find_sensor(const asset::Machine& machine, std::string_view name) const {
  const asset::Sensor* sensor = services_.model.find_sensor(machine, name);
  if (sensor == nullptr) sensor = services_.model.find_sensor(name);
  if (sensor != nullptr && sensor->machine == machine.id) return sensor;
  std::vector<std::string> qualified;
  std::vector<std::string_view> names;
  std::string several;
  for (const core::SensorId id : machine.sensors) {
    const asset::Sensor& candidate = services_.model.sensor(id);
    qualified.push_back(candidate.component.empty() ? candidate.name : candidate.component + "/" + candidate.name);
    if (candidate.name == name) several += (several.empty() ? "" : " or ") + qualified.back();
    names.push_back(candidate.name);
  }
  if (!several.empty()) {
    return unexpected(ErrorCode::kInvalid, fmt::format("sensor={}: machine '{}' has several of that name; say {}", name,
                                                       machine.name, several));
  }
  names.insert(names.end(), qualified.begin(), qualified.end());
  return unexpected(
      ErrorCode::kNotFound,
      fmt::format("sensor={}: machine '{}' has no such sensor{}; GET /v1/machines/{}/twin lists its sensors", name,
                  machine.name, core::did_you_mean(name, names), machine.name));
}

core::Result<Response> Handlers::history(std::string_view machine_name, const Parameters& parameters,
                                         std::string_view accept, const std::function<bool()>& stopping) const {
  HistoryQuery query;
  const auto machine = find_machine(machine_name);
  if (!machine) return unexpected(machine.error());
  query.machine = *machine;
  const auto name = parameters.text("sensor");
  if (!name) {
    return unexpected(ErrorCode::kInvalid, fmt::format("sensor: is missing; GET /v1/machines/{}/twin lists the sensors",
                                                       query.machine->name));
  }
  const auto sensor = find_sensor(*query.machine, *name);
  if (!sensor) return unexpected(sensor.error());
  query.sensor = *sensor;
  if (auto read = read_query(parameters, accept, services_.clock.now(), options_.history_rows_max, query); !read) {
    return unexpected(read.error());
  }

  std::string rows;
  const auto fetch_raw = [&](historian::Range range, std::size_t limit, std::optional<core::TimeNs>* next) {
    return services_.historian.raw(query.sensor->id, range, limit, next);
  };
  const auto fetch_aggregates = [&](historian::Range range, std::size_t limit, std::optional<core::TimeNs>* next) {
    return services_.historian.aggregates(query.sensor->id, range, kWidths[query.resolution], limit, next);
  };
  const auto next = query.resolution == 0 ? write_rows(query, fetch_raw, stopping, rows)
                                          : write_rows(query, fetch_aggregates, stopping, rows);
  if (!next) return unexpected(next.error());
  std::optional<std::string> cursor;
  if (*next) cursor = encode_cursor({query.hash, **next, query.range.to});
  return query.csv ? csv_response(query, std::move(rows), cursor) : json_page(query, rows, cursor);
}

}  // namespace millwright::api
