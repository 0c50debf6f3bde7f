#include "alarms/alarm.hpp"

#include "core/assert.hpp"

namespace millwright::alarms {

std::string_view to_string(Priority priority) {
  switch (priority) {
    case Priority::kLow:
      return "low";
    case Priority::kMedium:
      return "medium";
    case Priority::kHigh:
      return "high";
    case Priority::kCritical:
      return "critical";
  }
  ASSERT(false, "a priority that does not exist");
}

std::uint16_t severity(Priority priority) {
  switch (priority) {
    case Priority::kLow:
      return 200;
    case Priority::kMedium:
      return 400;
    case Priority::kHigh:
      return 600;
    case Priority::kCritical:
      return 800;
  }
  ASSERT(false, "a priority that does not exist");
}

std::string_view to_string(State state) {
  switch (state) {
    case State::kNormal:
      return "normal";
    case State::kUnacknowledged:
      return "unacknowledged";
    case State::kAcknowledged:
      return "acknowledged";
    case State::kReturnedUnacknowledged:
      return "returned-unacknowledged";
    case State::kLatchedUnacknowledged:
      return "latched-unacknowledged";
    case State::kLatchedAcknowledged:
      return "latched-acknowledged";
  }
  ASSERT(false, "a state that does not exist");
}

std::string_view to_string(Suppression suppression) {
  switch (suppression) {
    case Suppression::kNone:
      return "none";
    case Suppression::kShelved:
      return "shelved";
    case Suppression::kByDesign:
      return "suppressed-by-design";
    case Suppression::kOutOfService:
      return "out-of-service";
  }
  ASSERT(false, "a suppression that does not exist");
}

std::string_view to_string(Category category) {
  return category == Category::kDevice ? "device" : "process";
}

Category category(std::string_view condition) {
  const auto mark = condition.rfind('#');
  const bool device = mark != std::string_view::npos && condition.substr(mark).starts_with("#health-");
  return device ? Category::kDevice : Category::kProcess;
}

}  // namespace millwright::alarms
