// GET …/history: a sensor's readings or their statistics, by page, as JSON or CSV.
#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/cursor.hpp"
#include "api/handlers.hpp"
#include "api/history_rows.hpp"
#include "api/lookup.hpp"
#include "api/views.hpp"
#include "core/text.hpp"
#include "historian/processed.hpp"

namespace millwright::api {

struct HistoryQuery {
  const asset::Machine* machine = nullptr;
  const asset::Sensor* sensor = nullptr;
  historian::Range range;     // of the whole answer
  core::TimeNs position = 0;  // where this page begins
  std::string_view resolution = "raw";
  core::DurationNs width = 0;  // of intervals; 0: the readings themselves
  std::optional<historian::Calculation> calculation;
  std::size_t limit = 0;
  bool csv = false;
  std::uint32_t hash = 0;
};

namespace {

using core::ErrorCode;
using core::unexpected;

constexpr std::size_t kRowsDefault = 10'000;
// Rows asked of the historian at once, so that a server that stops need not wait for all of them.
constexpr std::size_t kRowsAtOnce = 64 * 1024;
constexpr core::DurationNs kSpanDefault = 15 * core::kMinute;

constexpr std::array<std::string_view, 2> kFormats = {"json", "csv"};

// Fetches the page step by step and writes its rows; gives where the next page begins, if there is one. `Fetch` is
// (range, limit, next) → Result of a vector of rows.
template <typename Fetch>
core::Result<std::optional<core::TimeNs>> write_rows(const HistoryQuery& query, const core::Texts& texts,
                                                     const Fetch& fetch, const historian::Check& check,
                                                     std::string& out) {
  historian::Range range = {query.position, query.range.to};
  std::size_t left = query.limit;
  HistoryRows writer(*query.sensor, texts, query.csv);
  while (range.from < range.to) {
    if (auto go_on = check(); !go_on) return unexpected(go_on.error());
    if (left == 0) return std::optional(range.from);
    std::optional<core::TimeNs> next;
    const auto rows = fetch(range, std::min(left, kRowsAtOnce), &next);
    if (!rows) return unexpected(rows.error());
    for (const auto& row : *rows) writer.append(row, out);
    if (!next || *next <= range.from) return std::optional<core::TimeNs>();
    left -= std::min(left, rows->size());  // an answer may be longer than asked for, to end between two times
    range.from = *next;
  }
  return std::optional<core::TimeNs>();
}

// What the query says besides place and time: of the next page's link, and of the cursor's check.
std::string shape_of(const HistoryQuery& query) {
  std::string shape = fmt::format("resolution={}", percent_encode(query.resolution));
  if (query.calculation) shape += "&aggregate=" + percent_encode(historian::to_string(*query.calculation));
  return shape;
}

std::string next_link(const HistoryQuery& query, std::string_view cursor) {
  return fmt::format("</v1/machines/{}/history?sensor={}&{}&limit={}&format=csv&cursor={}>; rel=\"next\"",
                     percent_encode(query.machine->name), percent_encode(query.sensor->path), shape_of(query),
                     query.limit, cursor);
}

std::string csv_header(const HistoryQuery& query) {
  if (query.calculation) return std::string(csv_header_of_processed());
  return std::string(query.width != 0 ? csv_header_of_aggregates() : csv_header_of_readings(*query.sensor));
}

Response csv_response(const HistoryQuery& query, std::string rows, const std::optional<std::string>& cursor) {
  Response response;
  response.content_type = "text/csv; charset=utf-8; header=present";
  response.body = std::move(rows);
  response.fields.emplace_back(
      "Content-Disposition",
      fmt::format("attachment; filename=\"{}-{}-{}.csv\"", query.machine->name, query.sensor->name, query.resolution));
  if (cursor) response.fields.emplace_back("Link", next_link(query, *cursor));
  return response;
}

Response json_page(const HistoryQuery& query, const std::string& rows, const std::optional<std::string>& cursor) {
  const asset::Sensor& sensor = *query.sensor;
  const Json calculation = query.calculation ? Json(historian::to_string(*query.calculation)) : Json();
  const std::string head = to_text({{"machine", query.machine->name},
                                    {"sensor", sensor.path},
                                    {"unit", sensor.unit == nullptr ? Json() : Json(sensor.unit->symbol)},
                                    {"resolution", query.resolution},
                                    {"aggregate", calculation},
                                    {"from", core::format_time(query.range.from)},
                                    {"to", core::format_time(query.range.to)}});
  Response response;
  response.content_type = "application/json";
  response.body =
      fmt::format(R"({},"items":[{}],"next_cursor":{}}})", std::string_view(head).substr(0, head.size() - 1), rows,
                  to_text(cursor ? Json(*cursor) : Json()));
  return response;
}

core::Status read_intervals(const Parameters& parameters, HistoryQuery& query) {
  query.resolution = parameters.text("resolution").value_or("raw");
  const auto width = historian::parse_resolution(query.resolution);
  if (!width) return unexpected(width.error().within("resolution"));
  query.width = *width;
  const auto aggregate = parameters.text("aggregate");
  if (!aggregate) return {};
  const auto calculation = historian::parse_calculation(*aggregate);
  if (!calculation) return unexpected(calculation.error().within("aggregate"));
  query.calculation = *calculation;
  if (*width != 0) return {};
  return unexpected(
      ErrorCode::kInvalid,
      fmt::format("aggregate={}: say the length of an interval with resolution=, such as 15min", *aggregate));
}

// A cursor carries the range, so that "now" stays where it was when the first page was asked for.
core::Status read_cursor(const Parameters& parameters, HistoryQuery& query) {
  query.hash = query_hash(fmt::format("history {} {}", query.sensor->path, shape_of(query)));
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
  const auto range = parameters.range(now, kSpanDefault);
  if (!range) return unexpected(range.error());
  query.range = {range->first, range->second};
  query.position = range->first;
  if (auto intervals = read_intervals(parameters, query); !intervals) return intervals;
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

core::Result<std::optional<core::TimeNs>> Handlers::write_page(const HistoryQuery& query, const historian::Check& check,
                                                               std::string& rows) const {
  const historian::Historian& history = services_.historian;
  const core::SensorId sensor = query.sensor->id;
  using Next = std::optional<core::TimeNs>*;
  if (query.width == 0) {
    const auto fetch = [&](historian::Range range, std::size_t limit, Next next) {
      return history.raw(sensor, range, limit, next);
    };
    return write_rows(query, history.texts(), fetch, check, rows);
  }
  if (!query.calculation) {
    const auto fetch = [&](historian::Range range, std::size_t limit, Next next) {
      return history.aggregates(sensor, range, query.width, limit, next);
    };
    return write_rows(query, history.texts(), fetch, check, rows);
  }
  const auto fetch = [&](historian::Range range, std::size_t limit, Next next) {
    const historian::ProcessedRequest request{.sensor = sensor,
                                              .range = range,
                                              .width = query.width,
                                              .calculation = *query.calculation,
                                              .now = services_.clock.now(),
                                              .limit = limit,
                                              .check = check};
    return historian::processed(history, services_.model, request, next);
  };
  return write_rows(query, history.texts(), fetch, check, rows);
}

historian::Check Handlers::check(const std::function<bool()>& stopping) const {
  const core::TimeNs end = services_.clock.monotonic() + options_.history_time_limit;
  return [this, &stopping, end]() -> core::Status {
    if (stopping()) return unexpected(ErrorCode::kUnavailable, "the server stops; ask again when it is back");
    if (services_.clock.monotonic() <= end) return {};
    return unexpected(ErrorCode::kTimeout,
                      fmt::format("the answer takes more than {} (api.history_time_limit); ask for a shorter time, "
                                  "fewer sensors, or a coarser resolution",
                                  core::format_duration(options_.history_time_limit)));
  };
}

core::Result<Response> Handlers::history(std::string_view machine_name, const Parameters& parameters,
                                         std::string_view accept, const Identity& who,
                                         const std::function<bool()>& stopping) const {
  HistoryQuery query;
  const auto machine = find_machine(services_.model, machine_name, who);
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

  std::string rows = query.csv ? csv_header(query) : "";
  const auto next = write_page(query, check(stopping), rows);
  if (!next) return unexpected(next.error());
  std::optional<std::string> cursor;
  if (*next) cursor = encode_cursor({query.hash, **next, query.range.to});
  return query.csv ? csv_response(query, std::move(rows), cursor) : json_page(query, rows, cursor);
}

}  // namespace millwright::api
