#include "alarms/alarm_json.hpp"

#include <string_view>

#include <nlohmann/json.hpp>

namespace millwright::alarms {
namespace {

using Json = nlohmann::ordered_json;

Json time_or_null(core::TimeNs time) {
  return time == 0 ? Json() : Json(core::format_time(time));
}

Json text_or_null(std::string_view text) {
  return text.empty() ? Json() : Json(text);
}

}  // namespace

Json alarm_json(const Alarm& alarm) {
  return {{"id", alarm.id},
          {"condition", alarm.condition},
          {"category", to_string(category(alarm.condition))},
          {"state", to_string(alarm.state)},
          {"priority", to_string(alarm.priority)},
          {"severity", severity(alarm.priority)},
          {"machine", text_or_null(alarm.machine)},
          {"component", text_or_null(alarm.component)},
          {"sensor", text_or_null(alarm.sensor)},
          {"message", alarm.message},
          {"value", alarm.value},
          {"limit", alarm.limit},
          {"raised", time_or_null(alarm.raised)},
          {"published", time_or_null(alarm.published)},
          {"cleared", time_or_null(alarm.cleared)},
          {"acknowledged", time_or_null(alarm.acknowledged)},
          {"acknowledged_by", alarm.acknowledged_by},
          {"comment", alarm.comment},
          {"suppression", to_string(alarm.suppression)},
          {"suppressed_until", time_or_null(alarm.suppressed_until)},
          {"first_out", alarm.first_out},
          {"consequence_of", alarm.consequence_of == 0 ? Json() : Json(alarm.consequence_of)},
          {"raises", alarm.raises},
          {"version", alarm.version}};
}

std::string alarm_text(const Alarm& alarm) {
  return alarm_json(alarm).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace millwright::alarms
