#include "training/gathered.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millwright::training {
namespace {

using core::ErrorCode;
using core::unexpected;
using detection::Matrix;
using detection::Moments;
using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;
constexpr std::array<std::string_view, 2> kResamples{"last", "mean"};  // by the enumeration's order
constexpr std::array<std::string_view, 11> kMembers{"format",  "sensors", "period_ns", "resample", "lags",   "states",
                                                    "sources", "from",    "to",        "rows",     "moments"};

core::Unexpected invalid(std::string_view what) {
  return unexpected(ErrorCode::kInvalid, fmt::format("moments: {}", what));
}

core::Status check_members(const Json& json) {
  if (!json.is_object()) return invalid("the file is no JSON object; `millwright model gather` writes one");
  for (const auto& [name, value] : json.items()) {
    if (std::find(kMembers.begin(), kMembers.end(), name) == kMembers.end()) {
      return invalid(fmt::format("'{}' is no member of the format", name));
    }
  }
  for (const std::string_view name : kMembers) {
    if (!json.contains(name)) return invalid(fmt::format("'{}' is missing", name));
  }
  if (json["format"] != kFormat) return invalid(fmt::format("its format is not {}", kFormat));
  return {};
}

core::Result<Moments> read_moments(const Json& json, std::uint64_t count, std::size_t width) {
  auto mean = json.at("mean").get<std::vector<double>>();
  const auto rows = json.at("products").get<std::vector<std::vector<double>>>();
  if (mean.size() != width || rows.size() != width) {
    return invalid(fmt::format("mean and products must have {} entries, one a sensor and lag", width));
  }
  Matrix products(width, width);
  for (std::size_t i = 0; i < width; ++i) {
    if (rows[i].size() != i + 1) return invalid(fmt::format("row {} of the products must have {} entries", i, i + 1));
    std::copy(rows[i].begin(), rows[i].end(), products.row(i).begin());
    const bool finite = std::isfinite(mean[i]) &&
                        std::all_of(rows[i].begin(), rows[i].end(), [](double v) { return std::isfinite(v); });
    if (!finite || rows[i][i] < 0) return invalid(fmt::format("entry {} is no moment", i));
  }
  return Moments(count, std::move(mean), std::move(products));
}

core::Result<Gathered> from_json(const Json& json) {
  if (auto members = check_members(json); !members) return unexpected(members.error());
  const auto resample = std::find(kResamples.begin(), kResamples.end(), json["resample"].get<std::string>());
  if (resample == kResamples.end()) return invalid("resample is neither 'last' nor 'mean'");
  const auto period = json["period_ns"].get<core::DurationNs>();
  if (period < core::kMillisecond || period > 24 * core::kHour) return invalid("period_ns is not from 1 ms to 24 h");
  const auto from = core::parse_time(json["from"].get<std::string>());
  const auto to = core::parse_time(json["to"].get<std::string>());
  if (!from || !to) return invalid("from or to is no time (RFC 3339)");
  auto sensors = json["sensors"].get<std::vector<std::string>>();
  const auto lags = json["lags"].get<std::size_t>();
  const auto rows = json["rows"].get<std::uint64_t>();
  if (sensors.empty() || sensors.size() > kWidthMax || lags >= kWidthMax || sensors.size() * (lags + 1) > kWidthMax) {
    return invalid(fmt::format("sensors and lags make no rows of 1 to {} columns", kWidthMax));
  }
  if (rows < 2 || rows > (std::uint64_t{1} << 53)) return invalid("rows: two at least");
  auto moments = read_moments(json["moments"], rows, sensors.size() * (lags + 1));
  if (!moments) return unexpected(moments.error());
  return Gathered{
      .sources = json["sources"].get<std::vector<std::string>>(),
      .sensors = std::move(sensors),
      .grid = {.period = period, .resample = static_cast<detection::Resample>(resample - kResamples.begin())},
      .lags = lags,
      .states = json["states"].get<std::vector<std::int32_t>>(),
      .from = *from,
      .to = *to,
      .moments = std::move(*moments)};
}

}  // namespace

core::Status Gathered::merge(const Gathered& other) {
  const auto differs = [&](const char* what) {
    return unexpected(ErrorCode::kConflict, fmt::format("{} and {} differ in {}; they do not add up", sources.front(),
                                                        other.sources.front(), what));
  };
  if (sensors != other.sensors) return differs("their sensors, or in the order of these");
  if (grid.period != other.grid.period || grid.resample != other.grid.resample) return differs("period or resampling");
  if (lags != other.lags) return differs("their lags");
  if (states != other.states) return differs("the states that they were gathered in");
  sources.insert(sources.end(), other.sources.begin(), other.sources.end());
  from = std::min(from, other.from);
  to = std::max(to, other.to);
  moments.merge(other.moments);
  return {};
}

core::Result<Gathered> gather(const TrainingData& data, const std::vector<std::int32_t>& states, std::size_t lags) {
  const std::size_t sensors = data.sensors.size();
  if (sensors * (lags + 1) > kWidthMax) {
    return unexpected(ErrorCode::kInvalid, fmt::format("{} sensors with {} lags make {} columns; at most {} are taken",
                                                       sensors, lags, sensors * (lags + 1), kWidthMax));
  }
  Gathered out{.sources = data.sources,
               .sensors = data.sensors,
               .grid = data.grid,
               .lags = lags,
               .states = states,
               .from = 0,
               .to = 0,
               .moments = Moments(sensors * (lags + 1))};
  std::vector<double> wide(sensors * (lags + 1));
  for (std::size_t i = lags; i < data.rows.rows(); ++i) {
    const auto span = static_cast<core::DurationNs>(lags) * data.grid.period;
    if (data.times[i] - data.times[i - lags] != span) continue;  // a gap
    for (std::size_t lag = 0; lag <= lags; ++lag) {
      const auto row = data.rows.row(i - lag);
      std::copy(row.begin(), row.end(), wide.begin() + static_cast<std::ptrdiff_t>(lag * sensors));
    }
    const bool whole = std::all_of(wide.begin(), wide.end(), [](double v) { return std::abs(v) < 1e100; });
    if (whole) out.moments.add(wide);
  }
  if (out.moments.count() < 2) {
    return unexpected(ErrorCode::kInvalid,
                      fmt::format("of {} rows, {} are whole and have {} rows right before them; two are needed",
                                  data.rows.rows(), out.moments.count(), lags));
  }
  out.from = *std::min_element(data.times.begin(), data.times.end());
  out.to = *std::max_element(data.times.begin(), data.times.end());
  return out;
}

std::string to_text(const Gathered& gathered) {
  Json products = Json::array();
  const Matrix& all = gathered.moments.products();
  for (std::size_t i = 0; i < all.rows(); ++i) {
    const auto row = all.row(i).first(i + 1);
    products.push_back(std::vector<double>(row.begin(), row.end()));
  }
  return Json{{"format", kFormat},
              {"sensors", gathered.sensors},
              {"period_ns", gathered.grid.period},
              {"resample", kResamples[static_cast<std::size_t>(gathered.grid.resample)]},
              {"lags", gathered.lags},
              {"states", gathered.states},
              {"sources", gathered.sources},
              {"from", core::format_time(gathered.from)},
              {"to", core::format_time(gathered.to)},
              {"rows", gathered.moments.count()},
              {"moments", {{"mean", gathered.moments.mean()}, {"products", std::move(products)}}}}
             .dump() +
         "\n";
}

core::Result<Gathered> parse_gathered(std::string_view text) {
  try {
    return from_json(Json::parse(text));
  } catch (const nlohmann::json::exception& error) {
    return invalid(error.what());
  }
}

}  // namespace millwright::training
