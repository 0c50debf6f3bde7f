// The alarms' routes: lists, what operators do to alarms (ISA-18.2), and how well the alarm system does.
#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "alarms/alarm_json.hpp"
#include "api/body.hpp"
#include "api/cursor.hpp"
#include "api/handlers.hpp"
#include "api/lookup.hpp"
#include "api/views.hpp"
#include "core/text.hpp"

namespace millwright::api {
namespace {

using core::ErrorCode;
using core::unexpected;

constexpr std::size_t kCommentBytesMax = 2000;
constexpr std::size_t kAlarmsAtOnce = 10'000;
constexpr std::size_t kMatchBytesMax = 1000;
constexpr core::DurationNs kPeriodDefault = 24 * core::kHour;

struct Person {
  std::string by;
  std::string comment;
};

// With accounts it is who is signed in, whatever the body says.
core::Result<Person> read_person(const Body& body, const Identity& who) {
  auto by = who.principal ? core::Result<std::string>(who.name) : body.required("by", kNameBytesMax, "who does it");
  if (!by) return unexpected(by.error());
  auto comment = body.text("comment", kCommentBytesMax);
  if (!comment) return unexpected(comment.error());
  return Person{std::move(*by), std::move(*comment)};
}

core::Result<Person> parse_person(std::string_view text, const Identity& who) {
  static constexpr std::array<std::string_view, 2> kMembers = {"by", "comment"};
  const auto body = Body::parse(text, kMembers);
  if (!body) return unexpected(body.error());
  return read_person(*body, who);
}

core::Result<std::uint64_t> parse_id(std::string_view text, const char* what) {
  const auto number = core::parse_int(text);
  if (number && *number >= 1) return static_cast<std::uint64_t>(*number);
  return unexpected(ErrorCode::kNotFound,
                    fmt::format("{} '{}' does not exist: its id is a whole number; GET /v1/{}s lists them",
                                what == std::string_view("alarm") ? "alarm" : "control", text, what));
}

core::Result<Response> alarm_response(const core::Result<alarms::Alarm>& alarm) {
  if (!alarm) return unexpected(alarm.error());
  return json_response(alarms::alarm_text(*alarm));
}
core::Result<Response> control_response(const core::Result<alarms::Control>& control) {
  if (!control) return unexpected(control.error());
  return json_response(to_text(control_json(*control)));
}

core::Result<alarms::Suppression> parse_kind(std::string_view text) {
  static constexpr std::array kKinds = {alarms::Suppression::kShelved, alarms::Suppression::kByDesign,
                                        alarms::Suppression::kOutOfService};
  std::vector<std::string_view> names;
  for (const alarms::Suppression kind : kKinds) {
    names.push_back(alarms::to_string(kind));
    if (text == names.back()) return kind;
  }
  return unexpected(ErrorCode::kInvalid, fmt::format("body: kind: '{}' is none of {}{}", text, fmt::join(names, ", "),
                                                     core::did_you_mean(text, names)));
}

// The place of what a control matches: a condition's path, or what stands before a glob's first wildcard.
std::string_view place_of(std::string_view match) {
  const std::string_view literal = match.substr(0, match.find_first_of("*#"));
  const bool cut = literal.size() < match.size() && match[literal.size()] == '*';
  if (!cut) return literal;
  const auto slash = literal.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : literal.substr(0, slash);
}

core::Unexpected no_such_control(std::uint64_t id) {
  return unexpected(ErrorCode::kNotFound, fmt::format("there is no control {}, or no longer", id));
}

std::string_view flag_text(const std::optional<bool>& flag) {
  return !flag ? "any" : *flag ? "yes" : "no";
}

}  // namespace

core::Result<alarms::Alarm> Handlers::find_alarm(std::string_view id, const Identity& who) const {
  const auto number = parse_id(id, "alarm");
  if (!number) return unexpected(number.error());
  auto alarm = services_.alarms.find(*number);
  if (alarm && sees(who, services_.model, *alarm)) return alarm;
  // In the same words for one that is not and one that is not seen.
  if (alarm || alarm.error().code == ErrorCode::kNotFound) {
    return unexpected(ErrorCode::kNotFound, fmt::format("there is no alarm {}, or no longer", *number));
  }
  return alarm;
}

std::vector<alarms::Alarm> Handlers::list_alarms(alarms::Filter filter, const Identity& who) const {
  if (who.sees_all()) return services_.alarms.list(filter);
  std::vector<alarms::Alarm> seen;
  const std::size_t wanted = filter.limit;
  filter.limit = kAlarmsAtOnce;
  while (seen.size() < wanted) {
    const auto found = services_.alarms.list(filter);
    for (const alarms::Alarm& alarm : found) {
      if (seen.size() < wanted && sees(who, services_.model, alarm)) seen.push_back(alarm);
    }
    if (found.size() < filter.limit) break;
    filter.before_id = found.back().id;
  }
  return seen;
}

core::Result<Response> Handlers::alarms(const Parameters& parameters, const Identity& who) const {
  alarms::Filter filter;
  const auto active = parameters.boolean("active");
  if (!active) return unexpected(active.error());
  filter.active = *active;
  const auto suppressed = parameters.boolean("suppressed");
  if (!suppressed) return unexpected(suppressed.error());
  filter.suppressed = *suppressed;
  if (const auto name = parameters.text("machine")) {
    const auto machine = find_machine(services_.model, *name, who);
    if (!machine) return unexpected(machine.error());
    filter.machine = (*machine)->name;
  }
  const auto limit = parameters.limit(kPageDefault, kPageMax);
  if (!limit) return unexpected(limit.error());
  const std::string which =
      fmt::format("alarms {} {} {}", flag_text(filter.active), flag_text(filter.suppressed), filter.machine);
  const std::uint32_t query = query_hash(which);
  if (const auto text = parameters.text("cursor")) {
    const auto cursor = decode_cursor(*text, query);
    if (!cursor) return unexpected(cursor.error());
    filter.before_id = static_cast<std::uint64_t>(cursor->position);
  }
  const bool shared = who.sees_all();
  const std::string request = shared ? fmt::format("{} {} {}", which, *limit, filter.before_id) : std::string();
  const std::uint64_t version = services_.alarms.version();
  if (shared) {
    if (auto known = alarm_lists_.find(version, request)) return json_response(std::move(*known));
  }
  filter.limit = *limit + 1;  // one more says whether there is a next page
  auto found = list_alarms(filter, who);
  const bool more = found.size() > *limit;
  if (more) found.resize(*limit);
  std::string body = R"({"items":[)";
  for (const alarms::Alarm& alarm : found) {
    if (&alarm != &found.front()) body += ',';
    body += alarms::alarm_text(alarm);
  }
  const Json next = more ? Json(encode_cursor({query, static_cast<std::int64_t>(found.back().id), 0})) : Json();
  body = fmt::format(R"({}],"next_cursor":{}}})", body, to_text(next));
  if (shared) alarm_lists_.keep(version, request, body);
  return json_response(std::move(body));
}

core::Result<Response> Handlers::acknowledge(std::string_view id, std::string_view body, const Identity& who) const {
  const auto alarm = find_alarm(id, who);
  if (!alarm) return unexpected(alarm.error());
  const auto person = parse_person(body, who);
  if (!person) return unexpected(person.error());
  return alarm_response(services_.alarms.acknowledge(alarm->id, person->by, person->comment));
}

core::Result<Response> Handlers::reset(std::string_view id, std::string_view body, const Identity& who) const {
  const auto alarm = find_alarm(id, who);
  if (!alarm) return unexpected(alarm.error());
  const auto person = parse_person(body, who);
  if (!person) return unexpected(person.error());
  return alarm_response(services_.alarms.reset(alarm->id, person->by, person->comment));
}

core::Result<Response> Handlers::shelve(std::string_view id, std::string_view text, const Identity& who) const {
  static constexpr std::array<std::string_view, 3> kMembers = {"by", "comment", "duration"};
  const auto alarm = find_alarm(id, who);
  if (!alarm) return unexpected(alarm.error());
  const auto body = Body::parse(text, kMembers);
  if (!body) return unexpected(body.error());
  const auto person = read_person(*body, who);
  if (!person) return unexpected(person.error());
  const auto duration = body->duration("duration");
  if (!duration) return unexpected(duration.error());
  if (*duration == 0) return unexpected(ErrorCode::kInvalid, "body: duration is missing; say for how long, like 30min");
  alarms::Control control;
  control.kind = alarms::Suppression::kShelved;
  control.match = alarm->condition;
  control.until = services_.clock.now() + *duration;
  control.by = person->by;
  control.comment = person->comment;
  return control_response(services_.alarms.suppress(std::move(control)));
}

Response Handlers::alarm_controls(const Identity& who) const {
  Json items = Json::array();
  for (const alarms::Control& control : services_.alarms.controls()) {
    if (who.sees(place_of(control.match))) items.push_back(control_json(control));
  }
  const double shelve_max_s = static_cast<double>(services_.alarms.shelve_max()) * 1e-9;
  return json_response(to_text({{"items", std::move(items)}, {"shelve_max_s", shelve_max_s}}));
}

core::Result<Response> Handlers::suppress(std::string_view text, const Identity& who) const {
  static constexpr std::array<std::string_view, 5> kMembers = {"kind", "match", "duration", "by", "comment"};
  const auto body = Body::parse(text, kMembers);
  if (!body) return unexpected(body.error());
  const auto person = read_person(*body, who);
  if (!person) return unexpected(person.error());
  const auto kind_text = body->required("kind", kNameBytesMax, "shelved, suppressed-by-design or out-of-service");
  if (!kind_text) return unexpected(kind_text.error());
  const auto kind = parse_kind(*kind_text);
  if (!kind) return unexpected(kind.error());
  const auto match = body->required("match", kMatchBytesMax, "which alarms: a condition, or a glob over conditions");
  if (!match) return unexpected(match.error());
  if (!who.sees(place_of(*match))) {
    return unexpected(
        ErrorCode::kInvalid,
        fmt::format("body: match: '{}' reaches beyond the places that you see; begin it with one of them", *match));
  }
  const auto duration = body->duration("duration");
  if (!duration) return unexpected(duration.error());
  alarms::Control control;
  control.kind = *kind;
  control.match = *match;
  control.until = *duration == 0 ? 0 : services_.clock.now() + *duration;
  control.by = person->by;
  control.comment = person->comment;
  return control_response(services_.alarms.suppress(std::move(control)));
}

core::Result<Response> Handlers::release(std::string_view id, std::string_view body, const Identity& who) const {
  const auto number = parse_id(id, "alarm-control");
  if (!number) return unexpected(number.error());
  if (!who.sees_all()) {
    const auto controls = services_.alarms.controls();
    const bool seen = std::any_of(controls.begin(), controls.end(), [&](const alarms::Control& control) {
      return control.id == *number && who.sees(place_of(control.match));
    });
    if (!seen) return no_such_control(*number);
  }
  const auto person = parse_person(body, who);
  if (!person) return unexpected(person.error());
  return control_response(services_.alarms.release(*number, person->by, person->comment));
}

core::Result<Response> Handlers::alarm_performance(const Parameters& parameters) const {
  core::DurationNs period = kPeriodDefault;
  if (const auto text = parameters.text("period")) {
    const auto given = core::parse_duration(*text);
    if (!given || *given < alarms::kFloodWindow || *given > alarms::kPeriodMax) {
      return unexpected(ErrorCode::kInvalid, fmt::format("period={}: must be a duration from {} to {}, such as 24h",
                                                         *text, core::format_duration(alarms::kFloodWindow),
                                                         core::format_duration(alarms::kPeriodMax)));
    }
    period = *given;
  }
  return json_response(to_text(performance_json(services_.alarms.performance(period))));
}

}  // namespace millwright::api
