#include "engine/model_scorer.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "core/text.hpp"

namespace millwright::engine {
namespace {

using core::Block;
using detection::Verdict;

constexpr std::uint16_t kNoColumn = UINT16_MAX;
constexpr std::size_t kChangesKept = 256;
// After rows have been missing for so long, what a model remembers of the past says nothing of now.
constexpr std::int64_t kGapRows = 10;
constexpr std::size_t kNamed = 3;  // contributors in a message

std::string name_of(const asset::Sensor& sensor) {
  return sensor.component.empty() ? sensor.name : sensor.component + " " + sensor.name;
}

// Runs of readings that count, as add(first, count); the others, which only say that time has come, as pass(i).
template <typename Add, typename Pass>
void by_quality(const Block& block, Add add, Pass pass) {
  std::uint32_t at = 0;
  for (const core::QualityRun& run : block.qualities()) {
    if (run.quality.is_bad()) {
      for (std::uint32_t i = at; i < at + run.count; ++i) pass(i);
    } else {
      add(at, run.count);
    }
    at += run.count;
  }
}

}  // namespace

core::Result<std::unique_ptr<ModelScorer>> ModelScorer::make(const asset::Model& assets, const asset::Machine& machine,
                                                             std::shared_ptr<const models::LoadedModel> model,
                                                             alarms::Priority priority, core::DurationNs row_wait) {
  const models::Bundle& bundle = model->bundle();
  if (bundle.machine_type != machine.type) {
    return core::unexpected(core::ErrorCode::kInvalid,
                            fmt::format("{} is for machines of type '{}'; {} is a '{}'", bundle.id(),
                                        bundle.machine_type, machine.name, machine.type));
  }
  std::vector<core::SensorId> sensors;
  std::string missing;
  for (const std::string& name : bundle.sensors) {
    const asset::Sensor* sensor = assets.find_sensor(machine, name);
    if (sensor != nullptr) {
      sensors.push_back(sensor->id);
    } else {
      missing += (missing.empty() ? "'" : ", '") + name + "'";
    }
  }
  if (!missing.empty()) {
    return core::unexpected(core::ErrorCode::kInvalid,
                            fmt::format("{} needs sensors that {} lacks: {}", bundle.id(), machine.name, missing));
  }
  std::vector<core::SensorId> sorted = sensors;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    return core::unexpected(core::ErrorCode::kInvalid,
                            fmt::format("{} names a sensor of {} twice", bundle.id(), machine.name));
  }
  return std::unique_ptr<ModelScorer>(
      new ModelScorer(assets, machine, std::move(model), std::move(sensors), priority, row_wait));
}

ModelScorer::ModelScorer(const asset::Model& assets, const asset::Machine& machine,
                         std::shared_ptr<const models::LoadedModel> model, std::vector<core::SensorId> sensors,
                         alarms::Priority priority, core::DurationNs row_wait)
    : assets_(assets),
      machine_(machine),
      model_(std::move(model)),
      sensors_(std::move(sensors)),
      priority_(priority),
      row_wait_(row_wait),
      condition_(fmt::format("{}#model-{}", machine.path, model_->bundle().name)),
      detector_(model_->detector()),
      aligner_(sensors_.size(), model_->bundle().grid,
               [this](core::TimeNs first, std::size_t rows, std::span<const double* const> columns) {
                 on_rows(first, rows, columns);
               }) {
  const auto [low, high] = std::minmax_element(sensors_.begin(), sensors_.end());
  first_sensor_ = low->value;
  column_of_.assign(high->value - low->value + 1, kNoColumn);
  for (std::size_t j = 0; j < sensors_.size(); ++j) {
    column_of_[sensors_[j].value - first_sensor_] = static_cast<std::uint16_t>(j);
  }
}

void ModelScorer::take(const Block& block) {
  const std::uint32_t place = block.sensor.value - first_sensor_;  // wraps where it is less
  if (place >= column_of_.size() || column_of_[place] == kNoColumn) return;
  const std::size_t column = column_of_[place];
  received_ = std::max(received_, block.received);
  const auto add_values = [&]<typename T>(std::span<const T> values) {
    by_quality(
        block,
        [&](std::uint32_t first, std::uint32_t count) {
          if (block.times == nullptr) {
            aligner_.add_run(column, block.time(first), block.period, values.subspan(first, count));
            return;
          }
          for (std::uint32_t i = first; i < first + count; ++i) {
            aligner_.add(column, block.time(i), static_cast<double>(values[i]));
          }
        },
        [&](std::uint32_t i) { aligner_.pass(column, block.time(i)); });
  };
  switch (block.type) {
    case core::ValueType::kFloat32:
      return add_values(std::span<const float>(block.as<float>()));
    case core::ValueType::kFloat64:
      return add_values(std::span<const double>(block.as<double>()));
    default:
      for (std::uint32_t i = 0; i < block.count; ++i) aligner_.add(column, block.time(i), block.as_double(i));
  }
}

std::uint64_t ModelScorer::judge(const MachineStates& states, alarms::SignalSink* alarms, const ModelScorer* rival) {
  run_ = {.states = &states, .alarms = alarms, .rival = rival, .judged = 0};
  aligner_.flush();
  if (aligner_.waiting()) aligner_.expire(aligner_.newest() - row_wait_);
  activity_->late.store(aligner_.late(), std::memory_order_relaxed);
  return run_.judged;
}

std::uint64_t ModelScorer::judge_overdue(core::TimeNs now, const MachineStates& states, alarms::SignalSink* alarms,
                                         const ModelScorer* rival) {
  if (!aligner_.waiting() || now - received_ < row_wait_) return 0;
  run_ = {.states = &states, .alarms = alarms, .rival = rival, .judged = 0};
  aligner_.expire(aligner_.newest());
  return run_.judged;
}

bool ModelScorer::judges_in(std::int32_t state) const {
  const auto& states = model_->bundle().states;
  return states.empty() || std::find(states.begin(), states.end(), state) != states.end();
}

// Splits the rows by operating state. Rows in a state that the model does not know are left out, and it starts anew
// after them.
void ModelScorer::on_rows(core::TimeNs first, std::size_t rows, std::span<const double* const> columns) {
  const core::DurationNs period = model_->bundle().grid.period;
  if (first - last_row_ > kGapRows * period) started_ = false;
  std::vector<const double*> part(columns.begin(), columns.end());
  for (std::size_t begin = 0; begin < rows;) {
    const auto time = [&](std::size_t i) { return first + static_cast<core::DurationNs>(i) * period; };
    const auto state = run_.states->settled(machine_.id, time(begin));
    std::size_t end = begin + 1;
    while (end < rows && run_.states->settled(machine_.id, time(end)) == state) ++end;
    if (state && judges_in(*state)) {
      for (std::size_t j = 0; j < columns.size(); ++j) part[j] = columns[j] + begin;
      judge_rows(*state, time(begin), end - begin, part);
    } else {
      started_ = false;
    }
    begin = end;
  }
  last_row_ = first + static_cast<core::DurationNs>(rows - 1) * period;
}

void ModelScorer::judge_rows(std::int32_t state, core::TimeNs first, std::size_t rows,
                             std::span<const double* const> columns) {
  const models::Bundle& bundle = model_->bundle();
  std::vector<const double*> scaled(columns.begin(), columns.end());
  if (const auto regime = bundle.regimes.find(state); regime != bundle.regimes.end()) {
    scaled_.resize(columns.size());
    for (std::size_t j = 0; j < columns.size(); ++j) {
      scaled_[j].assign(columns[j], columns[j] + rows);
      for (double& v : scaled_[j]) v = (v - regime->second.centre[j]) / regime->second.spread[j];
      scaled[j] = scaled_[j].data();
    }
  }
  if (!started_) detector_->start();
  started_ = true;
  detector_->score_columns(scaled, rows, [&](std::size_t row, const Verdict& verdict) {
    on_verdict(first + static_cast<core::DurationNs>(row) * bundle.grid.period, verdict);
  });
  run_.judged += rows;
}

void ModelScorer::on_verdict(core::TimeNs time, const Verdict& verdict) {
  ModelActivity& activity = *activity_;
  const auto count = [](std::atomic<std::uint64_t>& counter) {  // one writer
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  };
  count(activity.rows);
  if (verdict.alarm) count(activity.alarm_rows);
  activity.score.store(verdict.score, std::memory_order_relaxed);
  activity.last_row.store(time, std::memory_order_relaxed);
  if (changes_.empty() || changes_.back().second != verdict.alarm) {
    changes_.emplace_back(time, verdict.alarm);
    if (changes_.size() > kChangesKept) changes_.pop_front();
    activity.in_alarm.store(verdict.alarm, std::memory_order_relaxed);
  }
  if (run_.rival != nullptr) {
    if (const auto other = run_.rival->alarm_at(time)) {
      count(activity.compared);
      if (*other != verdict.alarm) {
        count(activity.different);
        activity.last_different.store(time, std::memory_order_relaxed);
      }
    }
  }
  if (run_.alarms != nullptr && told_ != verdict.alarm) signal(time, verdict);
}

std::optional<bool> ModelScorer::alarm_at(core::TimeNs time) const {
  if (time > last_row_) return std::nullopt;
  const auto after =
      std::find_if(changes_.rbegin(), changes_.rend(), [&](const auto& one) { return one.first <= time; });
  if (after == changes_.rend()) return std::nullopt;
  return after->second;
}

alarms::Signal ModelScorer::quiet_signal(core::TimeNs time) const {
  const models::Bundle& bundle = model_->bundle();
  return {.condition = condition_,
          .in_alarm = false,
          .sensor = {},
          .machine = machine_.id,
          .component = {},
          .priority = priority_,
          .message = fmt::format("model {}: {} is back within its limits", bundle.id(), machine_.name),
          .value = 0,
          .limit = 0,
          .source_time = time,
          .received = received_};
}

void ModelScorer::signal(core::TimeNs time, const Verdict& verdict) {
  alarms::Signal out = quiet_signal(time);
  const detection::StatisticInfo& worst = detector_->statistics()[verdict.worst];
  out.in_alarm = verdict.alarm;
  out.value = verdict.statistics[verdict.worst];
  out.limit = worst.limit;
  if (verdict.alarm) {
    const std::vector<double> parts = detector_->contributions();
    const double all = std::accumulate(parts.begin(), parts.end(), 0.0);
    std::vector<std::size_t> order(parts.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const std::size_t named = std::min(kNamed, order.size());
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(named), order.end(),
                      [&](std::size_t a, std::size_t b) { return parts[a] > parts[b]; });
    std::string names;
    for (std::size_t i = 0; i < named; ++i) {
      names += fmt::format("{}{} {:.0f} %", i == 0 ? "" : ", ", name_of(assets_.sensor(sensors_[order[i]])),
                           all > 0 ? 100 * parts[order[i]] / all : 0);
    }
    const asset::Sensor& top = assets_.sensor(sensors_[order[0]]);
    out.sensor = top.id;
    out.component = top.component;
    out.message = fmt::format("model {}: {} {:.4g} is above its limit {:.4g}; most of it from {}",
                              model_->bundle().id(), worst.name, out.value, out.limit, names);
  }
  told_ = verdict.alarm;
  run_.alarms->signal(out);
}

void ModelScorer::withdraw(alarms::SignalSink& alarms) {
  if (told_ == std::optional(true)) {
    alarms::Signal out = quiet_signal(last_row_);
    out.message = fmt::format("model {} no longer judges {}", model_->bundle().id(), machine_.name);
    alarms.signal(out);
  }
  told_.reset();
}

}  // namespace millwright::engine
