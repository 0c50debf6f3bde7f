#include "core/time.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "core/text.hpp"

namespace millwright::core {
namespace {

struct Unit {
  std::string_view name;
  DurationNs length;
};
constexpr std::array<Unit, 7> kUnits{{{"ns", 1},
                                      {"us", kMicrosecond},
                                      {"ms", kMillisecond},
                                      {"s", kSecond},
                                      {"min", kMinute},
                                      {"h", kHour},
                                      {"d", 24 * kHour}}};

Unexpected bad_time(std::string_view text) {
  return unexpected(ErrorCode::kInvalid,
                    fmt::format("'{}' is not a time; write it like 2026-11-21T08:15:30.250Z", text));
}

// Reads exactly `digits` digits from the front, or fails.
bool take_digits(std::string_view& text, std::size_t digits, int& out) {
  if (text.size() < digits) return false;
  out = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    out = out * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return true;
}

bool take_char(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

bool take_fraction(std::string_view& text, DurationNs& out) {
  out = 0;
  if (!take_char(text, '.') && !take_char(text, ',')) return true;
  DurationNs weight = kSecond / 10;
  std::size_t digits = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    out += (text.front() - '0') * weight;
    weight /= 10;
    text.remove_prefix(1);
    ++digits;
  }
  return digits >= 1 && digits <= 9;
}

bool take_offset(std::string_view& text, DurationNs& out) {
  out = 0;
  if (text.empty() || take_char(text, 'Z') || take_char(text, 'z')) return true;
  const bool minus = text.front() == '-';
  if (!take_char(text, '+') && !take_char(text, '-')) return false;
  int hours = 0;
  int minutes = 0;
  if (!take_digits(text, 2, hours)) return false;
  take_char(text, ':');
  if (!text.empty() && !take_digits(text, 2, minutes)) return false;
  if (hours > 18 || minutes > 59) return false;
  out = (minus ? -1 : 1) * (hours * kHour + minutes * kMinute);
  return true;
}

}  // namespace

std::string format_time(TimeNs time) {
  using namespace std::chrono;
  const TimeNs second = floor_to(time, kSecond);
  const auto fraction = time - second;
  const TimeNs day = floor_to(second, 24 * kHour);
  const year_month_day date{sys_days{days{day / (24 * kHour)}}};
  const auto of_day = (second - day) / kSecond;
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), of_day / 3600,
                                 of_day / 60 % 60, of_day % 60);
  if (fraction % kMillisecond == 0) {
    if (fraction != 0) text += fmt::format(".{:03}", fraction / kMillisecond);
  } else if (fraction % kMicrosecond == 0) {
    text += fmt::format(".{:06}", fraction / kMicrosecond);
  } else {
    text += fmt::format(".{:09}", fraction);
  }
  return text + "Z";
}

Result<TimeNs> parse_time(std::string_view whole) {
  using namespace std::chrono;
  std::string_view text = trim(whole);
  int y = 0;
  int mo = 0;
  int d = 0;
  int h = 0;
  int mi = 0;
  int s = 0;
  DurationNs fraction = 0;
  DurationNs offset = 0;
  if (!take_digits(text, 4, y) || !take_char(text, '-') || !take_digits(text, 2, mo) || !take_char(text, '-') ||
      !take_digits(text, 2, d)) {
    return bad_time(whole);
  }
  if (!text.empty()) {
    if (!take_char(text, 'T') && !take_char(text, 't') && !take_char(text, ' ')) return bad_time(whole);
    if (!take_digits(text, 2, h) || !take_char(text, ':') || !take_digits(text, 2, mi)) return bad_time(whole);
    if (take_char(text, ':') && (!take_digits(text, 2, s) || !take_fraction(text, fraction))) return bad_time(whole);
    if (!take_offset(text, offset) || !text.empty()) return bad_time(whole);
  }
  const year_month_day date{year{y}, month{static_cast<unsigned>(mo)}, day{static_cast<unsigned>(d)}};
  if (!date.ok() || h > 23 || mi > 59 || s > 60 || y < 1678 || y > 2261) return bad_time(whole);
  const std::int64_t day_count = sys_days{date}.time_since_epoch().count();
  return day_count * 24 * kHour + h * kHour + mi * kMinute + s * kSecond + fraction - offset;
}

Result<DurationNs> parse_duration(std::string_view text) {
  const std::string_view trimmed = trim(text);
  const auto unit_at = trimmed.find_first_not_of("+-.0123456789");
  const std::string_view number = trim(trimmed.substr(0, unit_at));
  const std::string_view unit = unit_at == std::string_view::npos ? "" : trim(trimmed.substr(unit_at));
  const auto value = parse_double(number);
  for (const Unit& known : kUnits) {
    if (known.name != unit || !value) continue;
    const double length = *value * static_cast<double>(known.length);
    if (std::abs(length) >= 9.2e18) break;
    return static_cast<DurationNs>(std::llround(length));
  }
  return unexpected(ErrorCode::kInvalid,
                    fmt::format("'{}' is not a duration; write a number and one of ns, us, ms, s, min, h, d", text));
}

std::string format_duration(DurationNs duration) {
  for (auto unit = kUnits.rbegin(); unit != kUnits.rend(); ++unit) {
    if (duration != 0 && duration % unit->length == 0) return fmt::format("{}{}", duration / unit->length, unit->name);
  }
  return fmt::format("{}s", duration / kSecond);
}

}  // namespace millwright::core
