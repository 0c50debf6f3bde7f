#include <algorithm>
#include <cmath>
#include <cstring>

#include <open62541/server.h>

#include "opcua/conditions.hpp"

namespace millwright::opcua {
namespace {

core::TimeNs now_ns() {
  return (UA_DateTime_now() - UA_DATETIME_UNIX_EPOCH) * 100;
}

// A comment without text and language says: leave what is there (OPC 10000-9, 5.5.6).
std::string comment_of(const UA_Variant& argument) {
  return std::string(view(static_cast<const UA_LocalizedText*>(argument.data)->text));
}

}  // namespace

UA_StatusCode Conditions::dispatch(void* session, void* object, const Call& act, const UA_Variant* input) {
  if (object == nullptr) return UA_STATUSCODE_BADNODEIDINVALID;
  Condition& condition = *static_cast<Condition*>(object);
  Conditions& self = *condition.owner;
  const std::string user = session_user(session);
  const std::string& machine = condition.view.alarm.machine;
  if (self.alarms_ == nullptr || user.empty() || !self.may_act_(user, asset::CommandRight::kOperate, machine)) {
    return UA_STATUSCODE_BADUSERACCESSDENIED;
  }
  return (self.*act)(condition, user, input);
}

// The alarm that an event was about; nothing where the event is not of this condition, or too old.
std::optional<std::uint64_t> Conditions::alarm_of(const Condition& condition, const UA_Variant& event) {
  const std::string_view id = view(*static_cast<const UA_ByteString*>(event.data));
  const auto known =
      std::find_if(condition.events.begin(), condition.events.end(), [&](const Event& each) { return each.id == id; });
  return known == condition.events.end() ? std::nullopt : std::optional(known->alarm);
}

UA_StatusCode Conditions::acknowledge(Condition& condition, const std::string& user, const UA_Variant* arguments) {
  const auto alarm = alarm_of(condition, arguments[0]);
  if (!alarm) return UA_STATUSCODE_BADEVENTIDUNKNOWN;
  const auto done = alarms_->acknowledge(*alarm, user, comment_of(arguments[1]));
  if (!done) {
    return done.error().code == core::ErrorCode::kConflict ? UA_STATUSCODE_BADCONDITIONBRANCHALREADYACKED
                                                           : UA_STATUSCODE_BADEVENTIDUNKNOWN;
  }
  note_user(condition, user);
  return UA_STATUSCODE_GOOD;
}

UA_StatusCode Conditions::confirm(Condition& condition, const std::string& user, const UA_Variant* arguments) {
  const auto alarm = alarm_of(condition, arguments[0]);
  if (!alarm) return UA_STATUSCODE_BADEVENTIDUNKNOWN;
  if (condition.view.alarm.state == alarms::State::kLatchedUnacknowledged) return UA_STATUSCODE_BADINVALIDSTATE;
  const auto done = alarms_->reset(*alarm, user, comment_of(arguments[1]));
  if (!done) {
    return done.error().code == core::ErrorCode::kConflict ? UA_STATUSCODE_BADCONDITIONBRANCHALREADYCONFIRMED
                                                           : UA_STATUSCODE_BADEVENTIDUNKNOWN;
  }
  note_user(condition, user);
  return UA_STATUSCODE_GOOD;
}

UA_StatusCode Conditions::add_comment(Condition& condition, const std::string& user, const UA_Variant* arguments) {
  const auto alarm = alarm_of(condition, arguments[0]);
  if (!alarm) return UA_STATUSCODE_BADEVENTIDUNKNOWN;
  if (!alarms_->comment(*alarm, user, comment_of(arguments[1]))) return UA_STATUSCODE_BADEVENTIDUNKNOWN;
  note_user(condition, user);
  return UA_STATUSCODE_GOOD;
}

void Conditions::note_user(Condition& condition, const std::string& user) {
  condition.view.client_user = user;
  condition.view.commented = now_ns();
}

// ---- shelving ----

// The one that stands on this very condition; one on many is not this client's to end.
const alarms::Control* Conditions::shelving_control(const std::string& condition) {
  controls_ = alarms_->controls();
  const auto at = std::find_if(controls_.begin(), controls_.end(), [&](const alarms::Control& control) {
    return control.kind == alarms::Suppression::kShelved && control.match == condition;
  });
  return at == controls_.end() ? nullptr : &*at;
}

UA_StatusCode Conditions::shelve(Condition& condition, const std::string& user, core::DurationNs time, bool one_shot) {
  if (condition.view.alarm.suppression == alarms::Suppression::kShelved ||
      shelving_control(condition.view.alarm.condition) != nullptr) {
    return UA_STATUSCODE_BADCONDITIONALREADYSHELVED;
  }
  alarms::Control control{.kind = alarms::Suppression::kShelved, .match = condition.view.alarm.condition};
  control.until = now_ns() + time;
  control.by = user;
  control.comment = one_shot ? kOneShot : kTimedShelve;
  const auto done = alarms_->suppress(std::move(control));
  if (done) return UA_STATUSCODE_GOOD;
  log_->warn("{} could not be shelved: {}", condition.view.alarm.condition, done.error().message);
  return done.error().code == core::ErrorCode::kInvalid ? UA_STATUSCODE_BADSHELVINGTIMEOUTOFRANGE
                                                        : UA_STATUSCODE_BADINTERNALERROR;
}

UA_StatusCode Conditions::timed_shelve(Condition& condition, const std::string& user, const UA_Variant* arguments) {
  double ms = 0;
  std::memcpy(&ms, arguments[0].data, sizeof ms);
  const double max_ms = static_cast<double>(alarms_->shelve_max()) / core::kMillisecond;
  if (!(ms > 0) || ms > max_ms) return UA_STATUSCODE_BADSHELVINGTIMEOUTOFRANGE;
  return shelve(condition, user, static_cast<core::DurationNs>(ms * core::kMillisecond), false);
}

UA_StatusCode Conditions::one_shot_shelve(Condition& condition, const std::string& user, const UA_Variant*) {
  return shelve(condition, user, alarms_->shelve_max() - core::kSecond, true);
}

UA_StatusCode Conditions::unshelve(Condition& condition, const std::string& user, const UA_Variant*) {
  const alarms::Control* control = shelving_control(condition.view.alarm.condition);
  if (control == nullptr) return UA_STATUSCODE_BADCONDITIONNOTSHELVED;
  return alarms_->release(control->id, user, "") ? UA_STATUSCODE_GOOD : UA_STATUSCODE_BADCONDITIONNOTSHELVED;
}

// A one-shot lasts until the alarm is back to normal.
void Conditions::end_one_shot(const alarms::Alarm& alarm) {
  if (alarms_ == nullptr || alarm.state != alarms::State::kNormal ||
      alarm.suppression != alarms::Suppression::kShelved) {
    return;
  }
  const alarms::Control* control = shelving_control(alarm.condition);
  if (control == nullptr || control->comment != kOneShot) return;
  if (auto done = alarms_->release(control->id, control->by, "it returned to normal"); !done) {
    log_->warn("{} is still shelved: {}", alarm.condition, done.error().message);
  }
}

UA_StatusCode Conditions::enable(Condition&, const std::string&, const UA_Variant*) {
  return UA_STATUSCODE_BADCONDITIONALREADYENABLED;
}

// That would take an alarm away without a trace: it is put out of service instead, through the plant's API.
UA_StatusCode Conditions::disable(Condition&, const std::string&, const UA_Variant*) {
  return UA_STATUSCODE_BADNOTSUPPORTED;
}

}  // namespace millwright::opcua
