#include "analytics/calendar.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analytics/calendar_file.hpp"

namespace millwright::analytics {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

core::TimeNs at(std::string_view text) {
  return core::parse_time(text).value();
}

TimeZone paris() {
  return TimeZone::find("Europe/Paris").value();
}

CalendarRules nights() {
  CalendarRules rules{.name = "nights", .zone = paris()};
  rules.week.push_back(
      {.name = "night", .span = {22 * core::kHour, 6 * core::kHour}, .breaks = {{core::kHour, 2 * core::kHour}}});
  rules.week.back().days.fill(true);
  return rules;
}

TEST(Intervals, SetOperations) {
  const Intervals a = united({{5, 9}, {0, 2}, {2, 3}, {8, 12}, {20, 20}});
  EXPECT_THAT(a, ElementsAre(Interval{0, 3}, Interval{5, 12}));
  EXPECT_THAT(intersection(a, {{1, 6}, {11, 40}}), ElementsAre(Interval{1, 3}, Interval{5, 6}, Interval{11, 12}));
  EXPECT_THAT(difference(a, {{1, 2}, {6, 7}, {11, 40}}),
              ElementsAre(Interval{0, 1}, Interval{2, 3}, Interval{5, 6}, Interval{7, 11}));
  EXPECT_EQ(total(a), 10);
}

TEST(TimeZone, TimeThatComesTwiceOrNever) {
  const TimeZone zone = paris();
  const auto utc = [&](std::string_view local) { return core::format_time(zone.to_utc(parse_local(local).value())); };
  EXPECT_EQ(utc("2026-03-29T01:59"), "2026-03-29T00:59:00Z");
  EXPECT_EQ(utc("2026-03-29T02:30"), "2026-03-29T01:00:00Z");  // never comes
  EXPECT_EQ(utc("2026-03-29T03:00"), "2026-03-29T01:00:00Z");
  EXPECT_EQ(utc("2026-10-25T02:30"), "2026-10-25T00:30:00Z");  // the first of the two
  EXPECT_EQ(utc("2026-10-25T03:00"), "2026-10-25T02:00:00Z");
  EXPECT_EQ(zone.format(at("2026-10-25T01:30:00Z")), "2026-10-25T02:30:00+01:00");
  EXPECT_EQ(zone.parse("2026-07-01").value(), at("2026-06-30T22:00:00Z"));
  EXPECT_EQ(zone.parse("2026-07-01T00:00:00Z").value(), at("2026-07-01T00:00:00Z"));
  EXPECT_EQ(zone.parse("2026-07-01T00:00:00-05:00").value(), at("2026-07-01T05:00:00Z"));
  EXPECT_EQ(weekday_of(parse_day("2026-11-21").value()), 5);
  EXPECT_EQ(weekday_of(parse_day("1969-12-31").value()), 2);
  EXPECT_FALSE(TimeZone::find("Europe/Lyon"));
}

TEST(Calendar, ShiftOverMidnightAndSummerTime) {
  const Calendar calendar(nights());
  const auto hours = [&](std::string_view day) {
    const core::TimeNs noon = at(std::string(day) + "T11:00:00Z");
    const auto shifts = calendar.shifts({noon, noon + kDay});
    return shifts.size() == 1 ? shifts[0].time.length() / core::kHour : -1;
  };
  EXPECT_EQ(hours("2026-03-27"), 8);
  EXPECT_EQ(hours("2026-03-28"), 7);  // clocks go forward
  EXPECT_EQ(hours("2026-10-24"), 9);  // and back
  const Interval year{at("2026-01-01T11:00:00Z"), at("2027-01-01T11:00:00Z")};
  EXPECT_EQ(total(calendar.scheduled(year)), 365 * 7 * core::kHour);  // an hour's break; one hour lost, one won
}

TEST(Calendar, HolidaysAndExtraShifts) {
  CalendarRules rules = nights();
  rules.holidays.push_back({parse_day("2026-05-01").value(), parse_day("2026-05-02").value(), "May"});
  rules.extra.push_back({.name = "extra",
                         .span = {4 * core::kHour, 8 * core::kHour},
                         .breaks = {},
                         .days = {},
                         .day = parse_day("2026-05-01").value()});
  const Calendar calendar(rules);
  const auto shifts = calendar.shifts({paris().parse("2026-04-30").value(), paris().parse("2026-05-03").value()});
  ASSERT_EQ(shifts.size(), 3U);
  // The night before runs into the holiday, and the extra shift begins when it ends.
  EXPECT_EQ(shifts[1].name, "night");
  EXPECT_EQ(shifts[1].day, parse_day("2026-04-30").value());
  EXPECT_EQ(shifts[2].name, "extra");
  EXPECT_EQ(shifts[2].time.length(), 2 * core::kHour);
}

std::string problems_of(std::string_view yaml) {
  auto document = config::Document::parse(yaml, "plant.yaml");
  config::Section root = document->root();
  read_calendars(root);
  root.finish();
  const auto status = document->check();
  return status ? "" : status.error().message;
}

TEST(CalendarFile, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(problems_of(R"(
calendars:
  - name: two
    time_zone: Europe/Paris
    shifts:
      - {name: early, days: [mon-fri], start: "06:00", end: "14:00", breaks: [{start: "10:00", end: "10:30"}]}
      - {name: late, days: [mon-fri], start: "14:00", end: "22:00"}
    holidays: [{date: 2026-12-25, name: Christmas}, {from: 2026-08-03, to: 2026-08-21}]
    extra_shifts: [{date: 2026-12-19, name: saturday, start: "06:00", end: "12:00"}]
    planned_stops: [{from: "2026-05-04T06:00", to: "2026-05-04T10:00", name: audit}]
calendar_of: [{match: "acme/**", calendar: two}]
)"),
            "");
  const std::string told = problems_of(R"(
calendars:
  - name: two
    time_zone: Europe/Lyon
    shifts:
      - {name: early, days: [mon-fri], start: "06:00", end: "14:00", breaks: [{start: "13:50", end: "14:30"}]}
      - {name: night, days: [sun], start: "22:00", end: "06:30"}
      - {name: odd, days: [funday], start: 6am, end: "24:00"}
    holidays: [{from: 2026-08-21, to: 2026-08-03}]
    planned_stops: [{from: "2026-05-04T06:00Z", to: "2026-05-04T10:00"}]
calendar_of: [{match: "acme/**", calendar: tow}]
)");
  for (const char* part :
       {"plant.yaml:4:16: calendars[0].time_zone: 'Europe/Lyon' is no time zone", "breaks[0]: is not within its shift",
        "calendars[0].shifts[1]: 'night' and 'early' overlap (mon)", "'funday' is no day", "'6am' is no time of day",
        "is before 'from'", "has an offset", "no calendar 'tow' (did you mean 'two'?)"}) {
    EXPECT_THAT(told, HasSubstr(part));
  }
}

}  // namespace
}  // namespace millwright::analytics
