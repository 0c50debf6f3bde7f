#include "twin/life_models.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "config/secret.hpp"
#include "core/text.hpp"
#include "models/seal.hpp"
#include "twin/document.hpp"

namespace millwright::twin {
namespace {

using core::ErrorCode;
using core::unexpected;

constexpr std::size_t kWindowsAtOnce = 5'000;
constexpr double kDay = 24.0 * static_cast<double>(core::kHour);

}  // namespace

LifeModelRule read_life_model_rule(config::Section section, const std::string& directory) {
  LifeModelRule rule;
  rule.file = config::read_path(section, "model", directory);
  if (rule.file.empty()) section.problem("model", "is missing: a file that `millwright rul train` has written");
  rule.machine_type = section.text("machine_type", {.fallback = ""});
  rule.match = section.text("match", {.fallback = "**"});
  rule.component = section.text("component");
  rule.cycle =
      section.duration("cycle", {.fallback = std::nullopt, .low = core::kSecond, .high = 366 * 24 * core::kHour});
  config::Section columns = section.section("columns");
  for (const std::string& name : columns.keys()) rule.columns[name] = columns.text(name);
  columns.finish();
  section.finish();
  return rule;
}

bool applies(const LifeModelRule& rule, const asset::Machine& machine) {
  return (rule.machine_type.empty() || rule.machine_type == machine.type) &&
         core::glob_match(rule.match, machine.path) &&
         std::any_of(machine.components.begin(), machine.components.end(),
                     [&](const asset::Component& one) { return one.name == rule.component; });
}

core::Result<std::shared_ptr<const prognostics::RulModel>> load_life_model(io::FileSystem& files,
                                                                           const std::string& path) {
  const auto bytes = io::read_file(files, path);
  if (!bytes) return unexpected(bytes.error());
  const std::string text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  const auto sealed = models::open_seal(text);
  if (!sealed) return unexpected(sealed.error().within(path));
  auto model = prognostics::RulModel::read(sealed->payload);
  if (!model) return unexpected(model.error().within(path));
  return std::make_shared<const prognostics::RulModel>(std::move(*model));
}

core::Result<Follower> Follower::make(const asset::Model& assets, const asset::Machine& machine,
                                      const LifeModelRule& rule, std::shared_ptr<const prognostics::RulModel> model) {
  Follower out(rule, std::move(model));
  const prognostics::RunColumns& columns = out.model_->columns();
  for (const auto* names : {&columns.settings, &columns.sensors}) {
    for (const std::string& column : *names) {
      const auto given = rule.columns.find(column);
      const std::string& name = given == rule.columns.end() ? column : given->second;
      const asset::Sensor* sensor = assets.find_sensor(machine, name);
      if (sensor == nullptr) {
        return unexpected(ErrorCode::kNotFound,
                          fmt::format("machine '{}' has no sensor '{}' for the model's column '{}': name it in "
                                      "'columns' of the life model",
                                      machine.name, name, column));
      }
      out.sensors_.push_back(sensor->id);
    }
  }
  return out;
}

core::Result<std::optional<Life>> Follower::update(const historian::Historian& history, core::TimeNs since,
                                                   core::TimeNs now) {
  if (since != since_ || next_ == 0) {
    run_ = {};
    drift_ = {};
    settings_.clear();
    count_ = 0;
    first_ = 0;
    since_ = since;
    next_ = since == 0 ? 0 : core::floor_to(since + cycle_ - 1, cycle_);
  }
  if (auto read = read_cycles(history, now); !read) return unexpected(read.error());
  if (run_.cycles.empty()) return std::optional<Life>();
  watch();
  const auto lives = model_->predict(run_);
  if (!lives) return unexpected(lives.error());
  // Cycles go on as often as they came; that none came of late (it stands, or the history ends) wears nothing.
  const double days_per_cycle = std::max(static_cast<double>(last_ - first_) / count_, 1.0) / kDay;
  const prognostics::Rul& last = lives->back();
  return std::optional(Life{.method = Method::kModel,
                            .days = last.cycles * days_per_cycle,
                            .low = last.low * days_per_cycle,
                            .high = last.high * days_per_cycle,
                            .share = model_->share(),
                            .confidence = drift_.drifted() ? 0.5 : 1});
}

core::Status Follower::read_cycles(const historian::Historian& history, core::TimeNs now) {
  const core::TimeNs end = core::floor_to(now, cycle_);
  // From the end of the last cycle on, each time: what comes late, of a source that was away, counts too.
  core::TimeNs from = next_;
  while (from < end) {
    // All sensors over the same windows: up to where the one with most of them is cut off.
    std::map<core::TimeNs, std::vector<double>> rows;
    core::TimeNs to = end;
    for (std::size_t j = 0; j < sensors_.size(); ++j) {
      std::optional<core::TimeNs> next;
      const auto windows = history.aggregates(sensors_[j], {from, to}, {cycle_}, kWindowsAtOnce, &next);
      if (!windows) return unexpected(windows.error());
      if (next) to = std::min(to, core::floor_to(*next, cycle_));
      for (const historian::Aggregate& window : *windows) {
        if (window.count == 0) continue;
        auto& row = rows[window.start];
        row.resize(sensors_.size(), kNotKnown);
        row[j] = window.mean();
      }
    }
    for (const auto& [start, row] : rows) {
      if (start < to) add_cycle(start, row);
    }
    from = to;
  }
  if (count_ > 0) next_ = last_;
  return {};
}

void Follower::add_cycle(core::TimeNs start, const std::vector<double>& row) {
  const std::size_t settings = model_->columns().settings.size();
  const auto known = std::count_if(row.begin(), row.end(), [](double v) { return std::isfinite(v); });
  if (2 * static_cast<std::size_t>(known) < row.size()) return;
  std::vector<double> operation(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(settings));
  for (std::size_t j = 0; j < settings; ++j) {
    if (std::isfinite(operation[j])) continue;
    if (settings_.empty()) return;  // nobody knows how it was operated
    operation[j] = settings_[j];
  }
  settings_ = operation;
  if (count_ == 0) first_ = start;
  last_ = start + cycle_;
  count_ += 1;
  if (run_.cycles.size() >= kCyclesMax) {
    run_.cycles.erase(run_.cycles.begin(), run_.cycles.begin() + kCyclesMax / 2);
    run_.settings = run_.settings.slice(kCyclesMax / 2, kCyclesMax);
    run_.sensors = run_.sensors.slice(kCyclesMax / 2, kCyclesMax);
  }
  run_.cycles.push_back(count_);
  run_.settings.append(operation);
  run_.sensors.append(std::span(row).subspan(settings));
}

void Follower::watch() {
  drift_ = {};
  const auto& inputs = model_->inputs();
  if (inputs.empty()) return;
  const std::size_t rows = run_.cycles.size();
  drift_.cycles = std::min(rows, Drift::kCycles);
  const std::size_t settings = model_->columns().settings.size();
  for (std::size_t j = 0; j < inputs.size(); ++j) {
    double out = 0;
    double seen = 0;
    for (std::size_t i = rows - drift_.cycles; i < rows; ++i) {
      const double value = j < settings ? run_.settings(i, j) : run_.sensors(i, j - settings);
      if (!std::isfinite(value)) continue;
      ++seen;
      if (value < inputs[j].low || value > inputs[j].high) ++out;
    }
    if (seen == 0 || out / seen <= drift_.share) continue;
    drift_.share = out / seen;
    drift_.column = j < settings ? model_->columns().settings[j] : model_->columns().sensors[j - settings];
  }
}

}  // namespace millwright::twin
