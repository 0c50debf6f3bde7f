#include "models/bundle.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/text.hpp"
#include "detection/multivariate_detector.hpp"
#include "models/onnx_detector.hpp"
#include "models/xgboost_detector.hpp"

namespace millwright::models {
namespace {

using core::ErrorCode;
using core::unexpected;
using detection::LearntModel;
using detection::LearntStatistic;
using detection::Matrix;
using detection::Statistic;
using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;
constexpr std::array<std::string_view, 7> kKinds{"pca", "covariance", "cva", "largest", "mixed", kXgboost, kOnnx};
constexpr std::array<std::string_view, 2> kResamples{"last", "mean"};  // by the enumeration's order
constexpr std::array kStatistics{Statistic::kT2,    Statistic::kSpe,      Statistic::kDistance,
                                 Statistic::kState, Statistic::kResidual, Statistic::kLargest};
constexpr std::size_t kTextMax = 200;
constexpr std::int64_t kWhole = std::int64_t{1} << 53;

bool is_learnt(std::string_view kind) {
  return kind != kXgboost && kind != kOnnx;
}

Json matrix_json(const Matrix& matrix) {
  Json out = Json::array();
  for (std::size_t i = 0; i < matrix.rows(); ++i) {
    const auto row = matrix.row(i);
    out.push_back(std::vector<double>(row.begin(), row.end()));
  }
  return out;
}

Json learnt_json(const detection::LearntDetector& learnt) {
  Json models = Json::array();
  for (const LearntModel& model : learnt.models) {
    Json statistics = Json::array();
    for (const LearntStatistic& one : model.statistics) {
      statistics.push_back({{"kind", detection::to_string(one.kind)},
                            {"limit", one.limit},
                            {"smoothing", one.smoothing},
                            {"usual", one.usual},
                            {"form", matrix_json(one.form)}});
    }
    models.push_back({{"components", model.components},
                      {"lags", model.deviations.lags},
                      {"smoothing", model.deviations.smoothing},
                      {"centre", model.deviations.centre},
                      {"spread", model.deviations.spread},
                      {"follow", model.deviations.follow},
                      {"statistics", std::move(statistics)}});
  }
  return {{"alarm", {{"raise", learnt.alarm.raise}, {"of", learnt.alarm.of}, {"hold", learnt.alarm.hold}}},
          {"models", std::move(models)}};
}

// An object of the payload, under a closed list of members. Throws std::runtime_error, which parse_payload catches.
class Object {
 public:
  Object(const Json& json, std::string path) : json_(json), path_(std::move(path)) {
    if (!json.is_object()) wrong("must be an object");
  }

  const Json& at(const char* name) {
    const auto found = json_.find(name);
    if (found == json_.end()) wrong(fmt::format("lacks '{}'", name));
    asked_.emplace_back(name);
    return *found;
  }
  bool has(const char* name) const { return json_.contains(name); }
  Object object(const char* name) { return {at(name), path_of(name)}; }
  std::string text(const char* name, std::size_t bytes_max = kTextMax) {
    const Json& json = at(name);
    if (!json.is_string()) wrong(fmt::format("'{}' must be a text", name));
    auto out = json.get<std::string>();
    if (out.size() > bytes_max) wrong(fmt::format("'{}' has more than {} bytes", name, bytes_max));
    return out;
  }
  std::int64_t integer(const char* name, std::int64_t low, std::int64_t high) {
    return integer(at(name), name, low, high);
  }
  std::size_t count(const char* name) { return static_cast<std::size_t>(integer(name, 0, kWhole)); }
  double number(const char* name) { return number(at(name), name); }
  std::size_t choice(const char* name, std::span<const std::string_view> names) {
    const std::string given = text(name);
    const auto at = std::find(names.begin(), names.end(), given);
    if (at == names.end()) wrong(fmt::format("'{}' is '{}', which this version does not know", name, given));
    return static_cast<std::size_t>(at - names.begin());
  }
  std::vector<double> numbers(const char* name) { return numbers(array(name), name); }
  std::vector<std::string> texts(const char* name) {
    std::vector<std::string> out;
    for (const Json& one : array(name)) {
      if (!one.is_string() || one.get_ref<const std::string&>().size() > 1000)
        wrong(fmt::format("'{}' must hold texts", name));
      out.push_back(one.get<std::string>());
    }
    return out;
  }
  std::vector<std::int32_t> integers(const char* name) {
    std::vector<std::int32_t> out;
    for (const Json& one : array(name))
      out.push_back(static_cast<std::int32_t>(integer(one, name, INT32_MIN, INT32_MAX)));
    return out;
  }
  // Rows of `columns` numbers; null is no value.
  Matrix matrix(const char* name, std::size_t columns) {
    Matrix out;
    for (const Json& row : array(name)) {
      if (!row.is_array() || row.size() != columns)
        wrong(fmt::format("'{}' must hold rows of {} numbers", name, columns));
      out.append(numbers(row, name));
    }
    return out;
  }
  std::vector<Object> objects(const char* name) {
    std::vector<Object> out;
    for (const Json& one : array(name)) out.emplace_back(one, path_of(name));
    return out;
  }
  void finish() const {
    for (const auto& [name, value] : json_.items()) {
      if (std::find(asked_.begin(), asked_.end(), name) == asked_.end()) {
        wrong(fmt::format("has '{}', which this version does not know", name));
      }
    }
  }
  [[noreturn]] void wrong(const std::string& what) const {
    throw std::runtime_error(path_.empty() ? "the bundle " + what : path_ + ": " + what);
  }

 private:
  std::string path_of(const char* name) const { return path_.empty() ? name : path_ + "." + name; }
  const Json& array(const char* name) {
    const Json& json = at(name);
    if (!json.is_array()) wrong(fmt::format("'{}' must be a list", name));
    return json;
  }
  std::int64_t integer(const Json& json, const char* name, std::int64_t low, std::int64_t high) const {
    const bool fits = json.is_number_integer() &&
                      !(json.is_number_unsigned() && json.get<std::uint64_t>() > std::uint64_t{INT64_MAX});
    const std::int64_t value = fits ? json.get<std::int64_t>() : 0;
    if (!fits || value < low || value > high) {
      wrong(fmt::format("'{}' must hold whole numbers from {} to {}", name, low, high));
    }
    return value;
  }
  double number(const Json& json, const char* name) const {
    if (json.is_null()) return std::numeric_limits<double>::quiet_NaN();
    if (!json.is_number()) wrong(fmt::format("'{}' must hold numbers", name));
    return json.get<double>();
  }
  std::vector<double> numbers(const Json& json, const char* name) const {
    std::vector<double> out;
    out.reserve(json.size());
    for (const Json& one : json) out.push_back(number(one, name));
    return out;
  }

  const Json& json_;
  std::string path_;
  std::vector<std::string> asked_;
};

LearntStatistic read_statistic(Object json, std::size_t columns) {
  LearntStatistic out;
  const std::string kind = json.text("kind");
  const auto at = std::find_if(kStatistics.begin(), kStatistics.end(),
                               [&](Statistic s) { return detection::to_string(s) == kind; });
  if (at == kStatistics.end()) json.wrong(fmt::format("'{}' is no statistic that this version knows", kind));
  out.kind = *at;
  out.limit = json.number("limit");
  out.smoothing = json.number("smoothing");
  out.usual = json.number("usual");
  out.form = json.matrix("form", columns);
  json.finish();
  return out;
}

detection::LearntDetector read_learnt(Object json, const std::vector<std::string>& sensors) {
  detection::LearntDetector out;
  out.sensors = sensors;
  Object alarm = json.object("alarm");
  out.alarm = {.raise = alarm.count("raise"), .of = alarm.count("of"), .hold = alarm.count("hold")};
  alarm.finish();
  for (Object& one : json.objects("models")) {
    LearntModel model;
    model.components = one.count("components");
    model.deviations = {.centre = one.numbers("centre"),
                        .spread = one.numbers("spread"),
                        .follow = one.numbers("follow"),
                        .smoothing = one.number("smoothing"),
                        .lags = static_cast<std::size_t>(one.integer("lags", 0, 1000))};
    for (Object& statistic : one.objects("statistics")) {
      model.statistics.push_back(read_statistic(statistic, sensors.size() * (model.deviations.lags + 1)));
    }
    one.finish();
    out.models.push_back(std::move(model));
  }
  json.finish();
  if (auto status = detection::check(out); !status) json.wrong(status.error().message);
  return out;
}

std::map<std::int32_t, Regime> read_regimes(Object& root, std::size_t sensors) {
  std::map<std::int32_t, Regime> out;
  for (Object& one : root.objects("regimes")) {
    Regime regime{.centre = one.numbers("centre"), .spread = one.numbers("spread")};
    const bool fits =
        regime.centre.size() == sensors && regime.spread.size() == sensors &&
        std::all_of(regime.centre.begin(), regime.centre.end(), [](double v) { return std::isfinite(v); }) &&
        std::all_of(regime.spread.begin(), regime.spread.end(), [](double v) { return std::isfinite(v) && v > 0; });
    if (!fits) one.wrong(fmt::format("needs a centre and a spread above 0 for each of {} sensors", sensors));
    out[static_cast<std::int32_t>(one.integer("state", INT32_MIN, INT32_MAX))] = std::move(regime);
    one.finish();
  }
  return out;
}

Training read_training(Object json) {
  Training out{.sources = json.texts("sources"), .rows = json.count("rows")};
  for (const auto& [name, into] : {std::pair{"from", &out.from}, {"to", &out.to}}) {
    const auto time = core::parse_time(json.text(name));
    if (!time) json.wrong(time.error().message);
    *into = *time;
  }
  out.false_alarms = json.number("false_alarms");
  json.finish();
  return out;
}

TestVector read_test(Object json, const Bundle& bundle) {
  TestVector out{.rows = json.matrix("rows", bundle.sensors.size()),
                 .states = json.integers("states"),
                 .scores = json.numbers("scores")};
  if (out.rows.empty() || out.states.size() != out.rows.rows() || out.scores.size() != out.rows.rows()) {
    json.wrong("needs rows, and a state and a score for each");
  }
  for (const std::int32_t state : out.states) {
    if (!bundle.regimes.empty() && !bundle.regimes.contains(state)) json.wrong("has a state without a regime");
  }
  json.finish();
  return out;
}

void read_sensors(Object& root, Bundle& bundle) {
  bundle.sensors = root.texts("sensors");
  auto sorted = bundle.sensors;
  std::sort(sorted.begin(), sorted.end());
  if (sorted.empty() || sorted.size() > kSensorsMax) root.wrong(fmt::format("needs 1 to {} sensors", kSensorsMax));
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) root.wrong("names a sensor twice");
}

Bundle read_bundle(Object root) {
  Bundle out;
  root.integer("format", kFormat, kFormat);
  out.name = root.text("name");
  out.version = root.text("version");
  if (!core::is_asset_name(out.name)) root.wrong("'name' must be lower-case letters, digits and single hyphens");
  if (!is_version(out.version)) root.wrong("'version' must be letters, digits, '.', '-', '_', at most 40");
  out.kind = kKinds[root.choice("kind", kKinds)];
  out.machine_type = root.text("machine_type");
  read_sensors(root, out);
  out.grid.period = root.integer("period_ns", core::kMillisecond, 24 * core::kHour);
  out.grid.resample = static_cast<detection::Resample>(root.choice("resample", kResamples));
  out.states = root.integers("states");
  out.regimes = read_regimes(root, out.sensors.size());
  for (const std::int32_t state : out.states) {
    if (!out.regimes.empty() && !out.regimes.contains(state)) root.wrong("judges in a state that has no regime");
  }
  if (out.states.empty() && !out.regimes.empty()) root.wrong("has regimes, and so must say its states");
  out.training = read_training(root.object("training"));
  out.test = read_test(root.object("test"), out);
  if (is_learnt(out.kind)) {
    out.learnt = read_learnt(root.object("detector"), out.sensors);
  } else {
    Object detector = root.object("detector");
    out.blob = detector.text("model", kBundleBytesMax);
    out.limit = detector.number("limit");
    if (!std::isfinite(out.limit) || !(out.limit > 0)) detector.wrong("'limit' must be above 0");
    detector.finish();
  }
  root.finish();
  return out;
}

}  // namespace

bool is_version(std::string_view version) {
  return !version.empty() && version.size() <= 40 && version.front() != '.' &&
         std::all_of(version.begin(), version.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' ||
                  c == '_';
         });
}

std::string to_payload(const Bundle& bundle) {
  Json regimes = Json::array();
  for (const auto& [state, regime] : bundle.regimes) {
    regimes.push_back({{"state", state}, {"centre", regime.centre}, {"spread", regime.spread}});
  }
  const Training& training = bundle.training;
  const Json json = {
      {"format", kFormat},
      {"name", bundle.name},
      {"version", bundle.version},
      {"kind", bundle.kind},
      {"machine_type", bundle.machine_type},
      {"sensors", bundle.sensors},
      {"period_ns", bundle.grid.period},
      {"resample", kResamples[static_cast<std::size_t>(bundle.grid.resample)]},
      {"states", bundle.states},
      {"regimes", std::move(regimes)},
      {"training",
       {{"sources", training.sources},
        {"rows", training.rows},
        {"from", core::format_time(training.from)},
        {"to", core::format_time(training.to)},
        {"false_alarms", training.false_alarms}}},
      {"detector",
       is_learnt(bundle.kind) ? learnt_json(bundle.learnt) : Json{{"limit", bundle.limit}, {"model", bundle.blob}}},
      {"test",
       {{"rows", matrix_json(bundle.test.rows)}, {"states", bundle.test.states}, {"scores", bundle.test.scores}}}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

core::Result<Bundle> parse_payload(std::string_view payload) {
  try {
    return read_bundle(Object(Json::parse(payload), ""));
  } catch (const std::exception& error) {
    return unexpected(ErrorCode::kInvalid, fmt::format("the bundle cannot be read: {}", error.what()));
  }
}

void scale(const Bundle& bundle, std::int32_t state, std::span<double> row) {
  const auto regime = bundle.regimes.find(state);
  if (regime == bundle.regimes.end()) return;
  for (std::size_t j = 0; j < row.size(); ++j) {
    row[j] = (row[j] - regime->second.centre[j]) / regime->second.spread[j];
  }
}

core::Result<std::unique_ptr<detection::Detector>> make_detector(const Bundle& bundle) {
  if (bundle.kind == kXgboost) return make_xgboost_detector(bundle.sensors, bundle.blob, bundle.limit);
  if (bundle.kind == kOnnx) return make_onnx_detector(bundle.sensors, bundle.blob, bundle.limit);
  auto detector = detection::MultivariateDetector::from(bundle.learnt);
  if (!detector) return unexpected(detector.error());
  return std::unique_ptr<detection::Detector>(std::make_unique<detection::MultivariateDetector>(std::move(*detector)));
}

std::vector<double> score_test_rows(const Bundle& bundle, detection::Detector& detector) {
  detector.start();
  std::vector<double> scores;
  for (std::size_t i = 0; i < bundle.test.rows.rows(); ++i) {
    const auto from = bundle.test.rows.row(i);
    std::vector<double> row(from.begin(), from.end());
    scale(bundle, bundle.test.states[i], row);
    scores.push_back(detector.score(row).score);
  }
  detector.start();
  return scores;
}

}  // namespace millwright::models
