#include "core/quality.hpp"

namespace millwright::core {

std::string_view quality_name(Quality quality) {
  switch (quality.code & 0xFFFF0000u) {
    case kGood.code:
      return "Good";
    case kUncertain.code:
      return "Uncertain";
    case kUncertainLastUsable.code:
      return "UncertainLastUsableValue";
    case kUncertainEuExceeded.code:
      return "UncertainEngineeringUnitsExceeded";
    case kBad.code:
      return "Bad";
    case kBadWaitingForInitialData.code:
      return "BadWaitingForInitialData";
    case kBadNotConnected.code:
      return "BadNotConnected";
    case kBadNoCommunication.code:
      return "BadNoCommunication";
    case kBadSensorFailure.code:
      return "BadSensorFailure";
    case kBadInvalidTimestamp.code:
      return "BadInvalidTimestamp";
    case kBadTypeMismatch.code:
      return "BadTypeMismatch";
    case kBadNodeIdUnknown.code:
      return "BadNodeIdUnknown";
    default:
      return quality.is_good() ? "Good" : quality.is_uncertain() ? "Uncertain" : "Bad";
  }
}

}  // namespace millwright::core
