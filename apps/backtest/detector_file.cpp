#include "backtest/detector_file.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config/document.hpp"

namespace millwright::backtest {
namespace {

using config::Section;
using detection::Centre;
using detection::LimitSource;
using detection::ModelKind;
using detection::ModelOptions;
using detection::Spread;
using detection::Statistic;

// By the enumerations' order.
constexpr std::array<std::string_view, 4> kKinds{"pca", "covariance", "cva", "largest"};
constexpr std::array<std::string_view, 2> kCentres{"mean", "median"};
constexpr std::array<std::string_view, 3> kSpreads{"deviation", "median", "steps"};
constexpr std::array<std::string_view, 2> kSources{"training", "theory"};

constexpr std::int64_t kRowsMax = 1'000'000;

std::size_t count(Section& section, std::string_view key, std::int64_t fallback, std::int64_t low,
                  std::int64_t high = kRowsMax) {
  return static_cast<std::size_t>(section.integer(key, {.fallback = fallback, .low = low, .high = high}));
}

double weight(Section& section, std::string_view key) {
  return section.number(key, {.fallback = 1, .low = 1e-6, .high = 1});
}

std::vector<Statistic> read_statistics(Section& section, ModelKind kind) {
  const std::vector<Statistic> known = detection::statistics_of(kind);
  std::vector<Statistic> chosen;
  for (const std::string& name : section.texts("statistics")) {
    const auto at =
        std::find_if(known.begin(), known.end(), [&](Statistic one) { return detection::to_string(one) == name; });
    if (at == known.end()) {
      std::vector<std::string> names;
      for (const Statistic one : known) names.push_back(detection::to_string(one));
      section.problem("statistics", fmt::format("'{}' is no statistic of {}; it has {}", name,
                                                kKinds[static_cast<std::size_t>(kind)], fmt::join(names, ", ")));
    } else {
      chosen.push_back(*at);
    }
  }
  return chosen;
}

void read_components(Section& section, ModelOptions& model) {
  if (model.kind == ModelKind::kCva) {
    model.components = count(section, "states", 20, 1, 10'000);
  } else if (model.kind == ModelKind::kPca) {
    model.components = count(section, "components", 0, 0, 10'000);
    model.explained = section.number("explained", {.fallback = 0.9, .low = 0, .high = 1});
    if (section.boolean("cross_validate", false)) {
      if (model.components > 0) section.problem("cross_validate", "'components' says already how many");
      model.explained = 0;
    } else if (model.explained <= 0) {
      section.problem("explained", "must be above 0");
      model.explained = 0.9;
    }
  }
}

ModelOptions read_model(Section section) {
  ModelOptions model;
  model.kind = static_cast<ModelKind>(section.choice("kind", kKinds, std::nullopt));
  model.centre = static_cast<Centre>(section.choice("centre", kCentres, 0));
  model.spread = static_cast<Spread>(section.choice("spread", kSpreads, 0));
  model.smoothing = weight(section, "smoothing");
  Section drift = section.section("drift");
  if (drift.present()) {
    model.drift.columns = drift.texts("columns");
    model.drift.ratio = drift.number("ratio", {.fallback = 0, .low = 0, .high = 1e6});
    model.drift.memory = drift.number("memory", {.fallback = 200, .low = 1, .high = 1e6});
    model.drift.block = count(drift, "block", 50, 2);
  }
  drift.finish();
  if (model.kind != ModelKind::kLargest) {
    model.lags = count(section, "lags", model.kind == ModelKind::kCva ? 2 : 0, 0, 1000);
    model.shrinkage = section.number("shrinkage", {.fallback = 0, .low = 0, .high = 1});
  }
  read_components(section, model);
  model.statistics = read_statistics(section, model.kind);
  model.statistic_smoothing = weight(section, "statistic_smoothing");
  section.finish();
  return model;
}

core::Result<DetectorFile> read(config::Document document) {
  DetectorFile out;
  Section root = document.root();
  out.ignore_columns = root.texts("ignore_columns");
  for (Section& one : root.sections("models")) out.options.models.push_back(read_model(one));
  if (out.options.models.empty()) root.problem("models", "needs at least one model");

  Section limit = root.section("limit");
  out.options.limit.source = static_cast<LimitSource>(limit.choice("source", kSources, 0));
  out.options.limit.false_alarms = limit.number("false_alarms", {.fallback = 0.01, .low = 1e-9, .high = 0.5});
  out.options.limit.factor = limit.number("factor", {.fallback = 1, .low = 1e-6, .high = 1e6});
  limit.finish();

  Section alarm = root.section("alarm");
  out.options.alarm.of = count(alarm, "of", 1, 1, 10'000);
  out.options.alarm.raise = count(alarm, "raise", 1, 1, 10'000);
  out.options.alarm.hold = count(alarm, "hold", 0, 0, 10'000);
  if (out.options.alarm.raise > out.options.alarm.of) {
    alarm.problem("raise",
                  fmt::format("{} of the last {} rows cannot be", out.options.alarm.raise, out.options.alarm.of));
  }
  alarm.finish();
  root.finish();
  if (auto status = document.check(); !status) return core::unexpected(status.error());
  return out;
}

}  // namespace

core::Result<DetectorFile> load_detector_file(const std::string& path) {
  auto document = config::Document::load(path);
  if (!document) return core::unexpected(document.error());
  return read(std::move(*document));
}

core::Result<DetectorFile> parse_detector_file(std::string_view yaml, const std::string& name) {
  auto document = config::Document::parse(yaml, name);
  if (!document) return core::unexpected(document.error());
  return read(std::move(*document));
}

}  // namespace millwright::backtest
