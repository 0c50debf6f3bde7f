// A time zone with its daylight saving, from the system's tzdata by Howard Hinnant's date library, which stays inside.
//
// Local times are nanoseconds since 1970-01-01 00:00 on the zone's own clock, without any offset.
// One that comes twice (clocks set back) is the first of the two; one that never comes (clocks set forward) is the
// moment of the change. So an earlier local time is never a later moment, and what begins when another ends touches it.
// Threads: values; any. Errors: kInvalid for a zone that is not known.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"
#include "core/time.hpp"

namespace date {
class time_zone;
}

namespace millwright::analytics {

using LocalNs = std::int64_t;
using DayNumber = std::int64_t;  // days since 1970-01-01; a Thursday

inline constexpr core::DurationNs kDay = 24 * core::kHour;

class TimeZone {
 public:
  // UTC.
  TimeZone();
  static core::Result<TimeZone> find(const std::string& name);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] core::TimeNs to_utc(LocalNs local) const;
  [[nodiscard]] LocalNs to_local(core::TimeNs time) const;
  [[nodiscard]] DayNumber day_of(core::TimeNs time) const { return core::floor_to(to_local(time), kDay) / kDay; }
  [[nodiscard]] core::TimeNs start_of(DayNumber day) const { return to_utc(day * kDay); }
  // RFC 3339 with an offset or "Z": that moment. Without: a date or a date-time on the zone's clock.
  [[nodiscard]] core::Result<core::TimeNs> parse(std::string_view text) const;
  // "2026-11-21T09:15:30+01:00"
  [[nodiscard]] std::string format(core::TimeNs time) const;

 private:
  std::string name_;
  const date::time_zone* zone_;  // of the library's own table, for ever
};

// "2026-11-21"
core::Result<DayNumber> parse_day(std::string_view text);
std::string format_day(DayNumber day);
// 0: Monday … 6: Sunday
int weekday_of(DayNumber day);
// "06:30" or "06:30:15", up to "24:00": since midnight.
core::Result<core::DurationNs> parse_clock(std::string_view text);
// "2026-11-21" or "2026-11-21T06:30".
core::Result<LocalNs> parse_local(std::string_view text);

}  // namespace millwright::analytics
