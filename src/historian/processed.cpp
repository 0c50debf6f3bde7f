#include "historian/processed.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/text.hpp"
#include "historian/calculator.hpp"

namespace millwright::historian {
namespace {

using core::ErrorCode;
using core::Status;
using core::TimeNs;

constexpr std::size_t kReadingsAtOnce = 1'000'000;
constexpr std::size_t kNextAtOnce = 64;

enum class Argument { kNone, kPercent, kState };
struct Named {
  Function function;
  std::string_view name;
  Argument argument = Argument::kNone;
};
constexpr std::array<Named, 14> kFunctions{{
    {Function::kAverage, "Average"},
    {Function::kMinimum, "Minimum"},
    {Function::kMaximum, "Maximum"},
    {Function::kCount, "Count"},
    {Function::kSum, "Sum"},
    {Function::kStandardDeviation, "StandardDeviation"},
    {Function::kStart, "Start"},
    {Function::kEnd, "End"},
    {Function::kDelta, "Delta"},
    {Function::kInterpolative, "Interpolative"},
    {Function::kTimeAverage, "TimeAverage"},
    {Function::kDurationInState, "DurationInState", Argument::kState},
    {Function::kIncrease, "Increase"},
    {Function::kPercentile, "Percentile", Argument::kPercent},
}};

const Named& named(Function function) {
  return *std::find_if(kFunctions.begin(), kFunctions.end(),
                       [&](const Named& one) { return one.function == function; });
}

bool is_of_rollups(Function function) {
  return function <= Function::kDelta;
}

// ---- from roll-ups --------------------------------------------------------------------------------------------------

double value_of(Function function, const Aggregate& row) {
  switch (function) {
    case Function::kAverage:
      return row.mean();
    case Function::kMinimum:
      return row.min;
    case Function::kMaximum:
      return row.max;
    case Function::kSum:
      return row.sum;
    case Function::kStandardDeviation:
      return row.stddev();
    case Function::kStart:
      return row.first;
    case Function::kEnd:
      return row.last;
    case Function::kDelta:
      return row.last - row.first;
    default:
      return static_cast<double>(row.count);
  }
}

Status from_rollups(const Historian& historian, const ProcessedRequest& request, const Grid& grid,
                    std::vector<Processed>& rows) {
  const auto found =
      historian.aggregates(request.sensor, {grid.from, grid.to}, {grid.width, grid.from}, grid.size(), nullptr);
  if (!found) return core::unexpected(found.error());
  const Function function = request.calculation.function;
  const bool counts = function == Function::kCount;
  for (std::size_t i = 0; i < grid.size(); ++i) {
    rows.push_back(counts ? Processed{grid.start(i), 0, core::kGood} : no_data(grid.start(i)));
  }
  for (const Aggregate& row : *found) {
    Processed& made = rows[grid.index(row.start)];
    if (row.count == 0 && !counts) continue;
    made.value = value_of(function, row);
    made.quality = part_quality(row.bad_count == 0);
  }
  return {};
}

// ---- from readings --------------------------------------------------------------------------------------------------

// Brings a calculator what it wants to have, from before the grid to after it.
class Walk {
 public:
  Walk(const Historian& historian, const ProcessedRequest& request, core::ValueType type, Calculator& calculator)
      : historian_(historian), request_(request), type_(type), calculator_(calculator) {}

  Status run(const Grid& grid) {
    if (auto done = before(grid.from); !done) return done;
    if (auto done = within({grid.from, grid.to}); !done) return done;
    return calculator_.wants_next() ? after(grid.to) : Status{};
  }

 private:
  Status take(const Reading& reading) {
    // Nobody knows when that was.
    if (reading.quality == core::kBadInvalidTimestamp) return {};
    const double value = core::as_double(type_, reading.bits);
    return calculator_.take({reading.time, value, is_bad(reading)});
  }
  [[nodiscard]] bool is_bad(const Reading& reading) const {
    return reading.quality.is_bad() || std::isnan(core::as_double(type_, reading.bits));
  }

  Status before(TimeNs from) {
    const auto good = historian_.before(request_.sensor, from);
    if (!good) return core::unexpected(good.error());
    if (!*good) return {};
    if (auto taken = take(**good); !taken) return taken;
    // Whatever came after it is bad.
    std::optional<TimeNs> next;
    const auto bad = historian_.raw(request_.sensor, {(*good)->time + 1, from}, 1, &next);
    if (!bad) return core::unexpected(bad.error());
    return bad->empty() ? Status{} : take(bad->front());
  }

  Status within(Range range) {
    while (range.from < range.to) {
      if (request_.check) {
        if (auto go_on = request_.check(); !go_on) return go_on;
      }
      std::optional<TimeNs> next;
      const auto readings = historian_.raw(request_.sensor, range, kReadingsAtOnce, &next);
      if (!readings) return core::unexpected(readings.error());
      for (const Reading& reading : *readings) {
        if (auto taken = take(reading); !taken) return taken;
      }
      range.from = next.value_or(range.to);
    }
    return {};
  }

  Status after(TimeNs from) {
    std::optional<TimeNs> next = from;
    while (next) {
      const auto readings = historian_.raw(request_.sensor, {*next, INT64_MAX}, kNextAtOnce, &next);
      if (!readings) return core::unexpected(readings.error());
      for (const Reading& reading : *readings) {
        if (auto taken = take(reading); !taken || !is_bad(reading)) return taken;
      }
    }
    return {};
  }

  const Historian& historian_;
  const ProcessedRequest& request_;
  const core::ValueType type_;
  Calculator& calculator_;
};

Status from_readings(const Historian& historian, const ProcessedRequest& request, core::ValueType type,
                     const Grid& grid, std::vector<Processed>& rows) {
  const auto calculator = make_calculator(request.calculation, grid, !core::is_real(type));
  if (auto walked = Walk(historian, request, type, *calculator).run(grid); !walked) return walked;
  calculator->finish(std::min(grid.to, request.now), rows);
  return {};
}

}  // namespace

core::Result<std::vector<Processed>> processed(const Historian& historian, const asset::Model& model,
                                               const ProcessedRequest& request, std::optional<TimeNs>* next) {
  next->reset();
  const auto& [from, to] = request.range;
  if (request.width <= 0 || request.limit == 0) {
    return core::unexpected(ErrorCode::kInvalid, "an interval must be longer than nothing, and one be asked for");
  }
  const asset::Sensor& sensor = model.sensor(request.sensor);
  if (sensor.type == core::ValueType::kText && request.calculation.function != Function::kCount) {
    return core::unexpected(ErrorCode::kInvalid,
                            fmt::format("{} holds texts, which can only be counted: ask for Count, or for resolution "
                                        "raw without an aggregate",
                                        sensor.path));
  }
  std::vector<Processed> rows;
  if (from >= to) return rows;
  Grid grid{.from = from, .to = to, .width = request.width};
  // As many intervals as fit; by division, for the far ends of time are further apart than a number holds.
  const auto span = static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from);
  const auto width = static_cast<std::uint64_t>(request.width);
  if (span / width >= request.limit && span > width * request.limit) {
    grid.to = from + static_cast<core::DurationNs>(width * request.limit);
    *next = grid.to;
  } else if (span > INT64_MAX) {
    return core::unexpected(ErrorCode::kInvalid, "the range is longer than 292 years; ask for less");
  }
  const Status done = is_of_rollups(request.calculation.function)
                          ? from_rollups(historian, request, grid, rows)
                          : from_readings(historian, request, sensor.type, grid, rows);
  if (!done) return core::unexpected(done.error());
  return rows;
}

core::Result<Calculation> parse_calculation(std::string_view text) {
  const auto open = text.find('(');
  const bool has_argument = open != std::string_view::npos && text.ends_with(')');
  const std::string_view name = text.substr(0, has_argument ? open : text.size());
  const auto known = std::find_if(kFunctions.begin(), kFunctions.end(),
                                  [&](const Named& one) { return core::lower(name) == core::lower(one.name); });
  const auto names = calculation_names();
  if (known == kFunctions.end()) {
    const std::vector<std::string_view> views(names.begin(), names.end());
    return core::unexpected(ErrorCode::kInvalid, fmt::format("'{}' is no calculation{}; there are {}", text,
                                                             core::did_you_mean(text, views), fmt::join(names, ", ")));
  }
  Calculation made{.function = known->function};
  const auto argument =
      has_argument ? core::parse_double(text.substr(open + 1, text.size() - open - 2)) : std::optional<double>();
  if (known->argument == Argument::kNone) {
    if (has_argument)
      return core::unexpected(ErrorCode::kInvalid, fmt::format("'{}': {} takes no argument", text, known->name));
    return made;
  }
  const bool percent = known->argument == Argument::kPercent;
  if (!argument || !std::isfinite(*argument) || (percent && (*argument < 0 || *argument > 100))) {
    return core::unexpected(ErrorCode::kInvalid, fmt::format("'{}': write {}", text,
                                                             percent ? "Percentile(95), with a number from 0 to 100"
                                                                     : "DurationInState(2), with the state's code"));
  }
  made.argument = *argument;
  return made;
}

std::string to_string(const Calculation& calculation) {
  const Named& known = named(calculation.function);
  if (known.argument == Argument::kNone) return std::string(known.name);
  return fmt::format("{}({})", known.name, core::format_double(calculation.argument));
}

std::vector<std::string> calculation_names() {
  std::vector<std::string> names;
  for (const Named& known : kFunctions) {
    names.push_back(to_string({known.function, known.argument == Argument::kPercent ? 95.0 : 2.0}));
  }
  return names;
}

core::Result<core::DurationNs> parse_resolution(std::string_view text) {
  if (text == "raw") return core::DurationNs{0};
  if (text == "1m") return core::kMinute;
  const auto width = core::parse_duration(text);
  if (width && *width > 0) return *width;
  return core::unexpected(
      ErrorCode::kInvalid,
      fmt::format("'{}' is no resolution; write raw, 1s, 1m, 1h, or a duration such as 15min", text));
}

}  // namespace millwright::historian
