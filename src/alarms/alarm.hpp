// Alarms under ISA-18.2 / IEC 62682: what an alarm is, and its state machine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/ids.hpp"
#include "core/time.hpp"

namespace millwright::alarms {

// ISA-18.2 names, and the OPC UA severities (OPC 10000-5, 6.4.2) that they stand for.
enum class Priority : std::uint8_t { kLow, kMedium, kHigh, kCritical };  // 200, 400, 600, 800
std::string_view to_string(Priority priority);
std::uint16_t severity(Priority priority);

enum class State : std::uint8_t {
  kNormal = 0,                  // A: no alarm
  kUnacknowledged = 1,          // B: active, nobody has seen it
  kAcknowledged = 2,            // C: active, seen
  kReturnedUnacknowledged = 3,  // D: gone again, nobody has seen it
  kLatchedUnacknowledged = 4,   // E: gone again, and stays until it is acknowledged and reset
  kLatchedAcknowledged = 5,     // F: gone again, seen, and stays until it is reset
};
std::string_view to_string(State state);
constexpr bool active(State state) {
  return state == State::kUnacknowledged || state == State::kAcknowledged;
}
constexpr bool needs_acknowledgement(State state) {
  return state == State::kUnacknowledged || state == State::kReturnedUnacknowledged ||
         state == State::kLatchedUnacknowledged;
}

// Why operators are not bothered with an alarm. It goes through its states all the same, unseen.
enum class Suppression : std::uint8_t {
  kNone = 0,
  kShelved = 1,       // G: by an operator, for a time
  kByDesign = 2,      // H: by the plant's logic, such as a machine that stands
  kOutOfService = 3,  // I: for maintenance, until it is put back
};
std::string_view to_string(Suppression suppression);

// What is wrong: the machine, or the device that measures it. A device's conditions end in "#health-…".
enum class Category : std::uint8_t { kProcess, kDevice };
std::string_view to_string(Category category);
Category category(std::string_view condition);

// A detector's word about one condition: now in alarm, or back to normal.
struct Signal {
  std::string condition;  // what makes it one and the same alarm: "<sensor path>#xbar"
  bool in_alarm = false;
  core::SensorId sensor;  // may be none: an alarm of a machine or of the platform itself
  core::MachineId machine;
  std::string component;
  Priority priority = Priority::kMedium;
  std::string message;           // for a person: what, where, how far out
  double value = 0;              // what was judged
  double limit = 0;              // what it was judged against
  core::TimeNs source_time = 0;  // of the reading that decided
  core::TimeNs received = 0;     // when the platform got that reading
};

struct Alarm {
  std::uint64_t id = 0;  // of this occurrence; stable across restarts
  std::string condition;
  State state = State::kNormal;
  Priority priority = Priority::kMedium;
  std::string machine;  // name, "" for the platform
  std::string component;
  std::string sensor;  // path, "" where none
  std::string message;
  double value = 0;
  double limit = 0;
  core::TimeNs raised = 0;        // source time of the deciding reading
  core::TimeNs published = 0;     // when the platform said so
  core::TimeNs cleared = 0;       // 0: still active
  core::TimeNs acknowledged = 0;  // 0: not yet
  std::string acknowledged_by;
  std::string comment;
  Suppression suppression = Suppression::kNone;
  core::TimeNs suppressed_until = 0;  // 0: until somebody ends it
  bool first_out = false;             // the first of its group on its machine
  std::uint64_t consequence_of = 0;   // the machine's alarm that came shortly before; 0: none
  std::uint32_t raises = 1;           // how often this occurrence became active
  std::uint64_t version = 0;          // goes up with each change of any alarm: the id of the event
};

// Active, and operators are to see it.
inline bool annunciated(const Alarm& alarm) {
  return active(alarm.state) && alarm.suppression == Suppression::kNone;
}

}  // namespace millwright::alarms
