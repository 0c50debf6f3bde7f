#include "api/analytics_json.hpp"

#include <cmath>
#include <utility>

#include "core/value_text.hpp"

namespace millwright::api {
namespace {

using analytics::DowntimeRecord;
using analytics::Figures;
using analytics::Interval;
using analytics::OeeRow;
using analytics::Totals;

// In the order of the CSV's columns.
using Members = std::vector<std::pair<const char*, Json>>;

double seconds(core::DurationNs time) {
  return static_cast<double>(time) / 1e9;
}

Json figure(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? Json(*value) : Json();
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

Json end_or_null(core::TimeNs time) {
  return time == analytics::kOpen ? Json() : Json(core::format_time(time));
}

Members oee_members(const OeeRow& row) {
  const Totals& t = row.totals;
  const Figures f = analytics::figures_of(t);
  return {{"path", row.path},
          {"from", core::format_time(row.window.from)},
          {"to", core::format_time(row.window.to)},
          {"day", text_or_null(row.day)},
          {"shift", text_or_null(row.shift)},
          {"machines", row.machines},
          {"oee", figure(f.oee)},
          {"availability", figure(f.availability)},
          {"performance", figure(f.performance)},
          {"quality", figure(f.quality)},
          {"teep", figure(f.teep)},
          {"calendar_s", seconds(t.calendar)},
          {"scheduled_s", seconds(t.scheduled)},
          {"planned_stop_s", seconds(t.planned_stop)},
          {"unknown_s", seconds(t.unknown)},
          {"planned_busy_s", seconds(t.planned)},
          {"production_s", seconds(t.production)},
          {"breakdowns_s", seconds(t.breakdown)},
          {"waiting_s", seconds(t.waiting)},
          {"setup_s", seconds(t.setup)},
          {"small_stops_s", seconds(t.small_stop)},
          {"reduced_speed_s", seconds(t.reduced_speed())},
          {"start_up_rejects_s", seconds(t.ideal_start_up_reject)},
          {"production_rejects_s", seconds(t.ideal_reject)},
          {"good", t.good},
          {"reject", t.reject},
          {"start_up_reject", t.start_up_reject},
          {"produced", t.produced()},
          {"outside_planned", t.outside},
          {"failures", t.failures},
          {"mtbf_s", figure(f.mtbf_s)},
          {"mttr_s", figure(f.mttr_s)},
          {"mttf_s", figure(f.mttf_s)}};
}

std::string name_of(const asset::Model& model, const std::string& path) {
  const asset::Machine* machine = model.find_machine(path);
  return machine == nullptr ? path : machine->name;
}

Members downtime_members(const asset::Model& model, const DowntimeRecord& record) {
  return {{"id", record.id},
          {"machine", name_of(model, record.machine)},
          {"path", record.machine},
          {"from", core::format_time(record.time.from)},
          {"to", end_or_null(record.time.to)},
          {"stopped_s", seconds(record.stopped)},
          {"activity", asset::to_string(record.activity)},
          {"counts_as", asset::to_string(record.counts_as)},
          {"reason", text_or_null(record.reason)},
          {"comment", record.comment},
          {"edited", record.edited},
          {"version", record.version},
          {"changed", time_or_null(record.changed)},
          {"changed_by", text_or_null(record.changed_by)},
          {"action", text_or_null(record.action)}};
}

Json object(const Members& members) {
  Json json = Json::object();
  for (const auto& [name, value] : members) json[name] = value;
  return json;
}

void append_row(const Members& members, std::string& csv) {
  bool first = true;
  for (const auto& [name, value] : members) {
    if (!std::exchange(first, false)) csv += ',';
    if (value.is_string()) {
      core::append_csv_field(value.get_ref<const std::string&>(), csv);
    } else if (!value.is_null()) {
      csv += value.dump();
    }
  }
  csv += '\n';
}

// A header as the columns are named, where there is a row to name them.
template <typename Rows, typename MembersOf>
std::string csv_of(const Rows& rows, const Members& columns, MembersOf members_of) {
  std::string csv;
  for (const auto& [name, value] : columns) csv += (csv.empty() ? "" : ",") + std::string(name);
  csv += '\n';
  for (const auto& row : rows) append_row(members_of(row), csv);
  return csv;
}

Json interval_json(const Interval& time) {
  return {{"from", core::format_time(time.from)}, {"to", core::format_time(time.to)}};
}

}  // namespace

Json oee_json(const analytics::OeeAnswer& answer) {
  Json items = Json::array();
  for (const OeeRow& row : answer.rows) items.push_back(object(oee_members(row)));
  return {{"from", core::format_time(answer.period.from)},
          {"to", core::format_time(answer.period.to)},
          {"time_zone", answer.time_zone},
          {"items", std::move(items)}};
}

std::string oee_csv(const analytics::OeeAnswer& answer) {
  return csv_of(answer.rows, oee_members({}), oee_members);
}

Json downtime_json(const asset::Model& model, const DowntimeRecord& record) {
  return object(downtime_members(model, record));
}

std::string downtime_csv(const asset::Model& model, const std::vector<DowntimeRecord>& records) {
  return csv_of(records, downtime_members(model, {}),
                [&](const DowntimeRecord& record) { return downtime_members(model, record); });
}

Json reasons_json(const analytics::Reasons& reasons) {
  Json items = Json::array();
  for (const analytics::Reason& reason : reasons.all()) {
    items.push_back({{"code", reason.code},
                     {"name", reason.name},
                     {"parent", text_or_null(reason.parent)},
                     {"counts_as", asset::to_string(reason.counts_as)}});
  }
  return {{"items", std::move(items)}};
}

Json calendar_json(const analytics::Calendar& calendar, const Interval& period,
                   const std::vector<std::string>& machines) {
  Json shifts = Json::array();
  for (const analytics::Shift& shift : calendar.shifts(period)) {
    Json breaks = Json::array();
    for (const Interval& pause : shift.breaks) breaks.push_back(interval_json(pause));
    shifts.push_back({{"name", shift.name},
                      {"day", analytics::format_day(shift.day)},
                      {"from", core::format_time(shift.time.from)},
                      {"to", core::format_time(shift.time.to)},
                      {"breaks", std::move(breaks)}});
  }
  Json stops = Json::array();
  for (const Interval& stop : calendar.planned_stops(period)) stops.push_back(interval_json(stop));
  return {{"name", calendar.rules().name},
          {"time_zone", calendar.zone().name()},
          {"machines", machines},
          {"shifts", std::move(shifts)},
          {"planned_stops", std::move(stops)}};
}

Json order_json(const asset::Model& model, const analytics::ProductionOrder& order) {
  return {{"id", order.id},
          {"segment", text_or_null(order.segment)},
          {"equipment", name_of(model, order.equipment)},
          {"path", order.equipment},
          {"material_definition", order.material_definition},
          {"quantity", order.quantity},
          {"state", order.state()},
          {"good", order.good},
          {"reject", order.reject},
          {"created", time_or_null(order.created)},
          {"started", time_or_null(order.started)},
          {"finished", time_or_null(order.finished)},
          {"changed_by", text_or_null(order.changed_by)}};
}

}  // namespace millwright::api
