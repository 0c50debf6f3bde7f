// Processed history: one calculated value an interval, with a quality that says what it was made of. The vocabulary of
// OPC UA's aggregates (OPC 10000-13), and what plants ask besides: percentiles, time in a state, counters that reset.
//
// Real numbers are taken as sloped (a straight line from one reading to the next), all else as stepped (a value holds
// until the next one): OPC UA's `Stepped`. A reading that is uncertain counts as good (TreatUncertainAsBad = false).
// A bad one counts not at all, and the time from it to the next reading that is not bad is known to nobody.
// Quality: good where all of the interval is; UncertainDataSubNormal where a part of it; BadNoData where nothing.
// Units: the sensor's; seconds for DurationInState. Threads: any.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "asset/model.hpp"
#include "core/quality.hpp"
#include "core/result.hpp"
#include "historian/historian.hpp"

namespace millwright::historian {

enum class Function : std::uint8_t {
  // Of the readings in the interval; from the roll-ups, so quick over any range.
  kAverage,
  kMinimum,
  kMaximum,
  kCount,
  kSum,
  kStandardDeviation,  // of the sample
  kStart,              // the first
  kEnd,                // the last
  kDelta,              // the last less the first
  // Of time and of readings around the interval's ends; from the readings themselves.
  kInterpolative,    // the value at the interval's start
  kTimeAverage,      // the area below the curve by the time that it covers
  kDurationInState,  // seconds at the value `argument`
  kIncrease,         // of a counter; where it falls it began again at 0
  kPercentile,       // `argument` 0 to 100, between readings in a straight line
};

struct Calculation {
  Function function = Function::kAverage;
  double argument = 0;
};
// "Average", "Percentile(95)", "DurationInState(2)"; small letters do.
core::Result<Calculation> parse_calculation(std::string_view text);
std::string to_string(const Calculation& calculation);
// All that there are, as they are written.
std::vector<std::string> calculation_names();

// The width of intervals as users write it: "1s", "1m" (a minute), "1h", any other duration; "raw" is 0.
core::Result<core::DurationNs> parse_resolution(std::string_view text);

struct Processed {
  core::TimeNs start = 0;  // of the interval
  double value = 0;        // NaN where the quality is bad
  core::Quality quality;
};

// Between two steps of a long calculation: an error ends it.
using Check = std::function<core::Status()>;

struct ProcessedRequest {
  core::SensorId sensor;
  Range range;                 // intervals are counted from range.from; the last one may be shorter
  core::DurationNs width = 0;  // of an interval
  Calculation calculation{};
  core::TimeNs now = INT64_MAX;  // the last value of a sensor holds until then, and no longer
  std::size_t limit = 10'000;    // intervals
  Check check{};
};

// One row for each interval, without gaps. `next` is where the interval after the last begins, if there is one.
// kInvalid: an interval has more readings than a percentile can be made of (50 million).
core::Result<std::vector<Processed>> processed(const Historian& historian, const asset::Model& model,
                                               const ProcessedRequest& request, std::optional<core::TimeNs>* next);

}  // namespace millwright::historian
