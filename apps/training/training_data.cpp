#include "training/training_data.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <queue>

#include <fmt/format.h>

#include "core/text.hpp"
#include "training/table_source.hpp"

namespace millwright::training {
namespace {

using backtest::Table;
using core::ErrorCode;
using core::TimeNs;
using core::unexpected;
using detection::RowAligner;

constexpr std::int32_t kRunning = 1;
// In the past there is nothing to wait for, but sensors may be apart.
constexpr std::int64_t kWaitRows = 60;

// Which rows are kept, by what the machine was doing. Given times in order.
class StateFilter {
 public:
  explicit StateFilter(const Choice& choice) : choice_(choice) {}

  void note(TimeNs time, std::int32_t code) {
    if (changes_.empty() || changes_.back().second != code) changes_.emplace_back(time, code);
  }
  // The state in which the machine is at `time`; nothing where that is not learnt from.
  std::optional<std::int32_t> at(TimeNs time) {
    while (next_ < changes_.size() && changes_[next_].first <= time) ++next_;
    const std::int32_t code = next_ == 0 ? kRunning : changes_[next_ - 1].second;
    const auto& wanted = choice_.states;
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), code) == wanted.end()) return std::nullopt;
    if (next_ > 1 && time < changes_[next_ - 1].first + choice_.settle) return std::nullopt;
    return code;
  }

 private:
  const Choice& choice_;
  std::vector<std::pair<TimeNs, std::int32_t>> changes_;
  std::size_t next_ = 0;
};

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::string> sensors_of(const Table& table, const Choice& choice) {
  if (!choice.sensors.empty()) return choice.sensors;
  std::vector<std::string> out;
  for (const std::string& column : table.columns) {
    if (column != choice.labels && column != choice.state && !has(choice.ignore, column)) out.push_back(column);
  }
  return out;
}

// The step between most rows.
core::DurationNs step_of(const std::vector<TimeNs>& times) {
  std::vector<core::DurationNs> steps;
  for (std::size_t i = 1; i < times.size(); ++i) steps.push_back(times[i] - times[i - 1]);
  if (steps.empty()) return core::kSecond;
  std::nth_element(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2), steps.end());
  return std::max(steps[steps.size() / 2], core::kMillisecond);
}

core::Result<std::vector<double>> column_of(const Table& table, const std::string& name, const std::string& file) {
  const auto matrix = table.select(std::vector{name}, file);
  if (!matrix) return unexpected(matrix.error());
  std::vector<double> out;
  for (std::size_t i = 0; i < matrix->rows(); ++i) out.push_back((*matrix)(i, 0));
  return out;
}

void append(TrainingData& data, std::span<const double> row, TimeNs time, std::int32_t state) {
  data.rows.append(row);
  data.times.push_back(time);
  data.states.push_back(state);
}

// Rows that aligners emit, into the data. Rows from before each sensor's first value are left out.
RowAligner::Emit into(TrainingData& data, StateFilter& filter) {
  return [&data, &filter](TimeNs first, std::size_t rows, std::span<const double* const> columns) {
    std::vector<double> row(columns.size());
    for (std::size_t i = 0; i < rows; ++i) {
      const TimeNs time = first + static_cast<core::DurationNs>(i) * data.grid.period;
      const auto state = filter.at(time);
      for (std::size_t j = 0; j < row.size(); ++j) row[j] = columns[j][i];
      const bool whole = std::none_of(row.begin(), row.end(), [](double v) { return std::isnan(v); });
      if (state && whole) append(data, row, time, *state);
    }
  };
}

core::Status add_file(const Table& table, const std::string& file, const Choice& choice, TrainingData& data) {
  const auto values = table.select(data.sensors, file);
  if (!values) return unexpected(values.error());
  StateFilter filter(choice);
  if (!choice.state.empty()) {
    const auto codes = column_of(table, choice.state, file);
    if (!codes) return unexpected(codes.error());
    for (std::size_t i = 0; i < codes->size(); ++i) {
      if (std::abs((*codes)[i]) < 1e9) filter.note(table.times[i], static_cast<std::int32_t>((*codes)[i]));
    }
  }
  if (choice.period) {
    RowAligner aligner(data.sensors.size(), data.grid, into(data, filter));
    for (std::size_t i = 0; i < values->rows(); ++i) {
      for (std::size_t j = 0; j < data.sensors.size(); ++j) aligner.add(j, table.times[i], (*values)(i, j));
    }
    if (aligner.waiting()) aligner.expire(aligner.newest());
    return {};
  }
  std::vector<double> labels;
  if (!choice.labels.empty()) {
    auto column = column_of(table, choice.labels, file);
    if (!column) return unexpected(column.error());
    labels = std::move(*column);
  }
  for (std::size_t i = 0; i < values->rows(); ++i) {
    const auto state = filter.at(table.times[i]);
    if (!state) continue;
    append(data, values->row(i), table.times[i], *state);
    if (!labels.empty()) data.labels.push_back(labels[i]);
  }
  return {};
}

// One sensor's readings, page by page.
struct Reader {
  std::unique_ptr<history::Pages<historian::Reading>> pages;
  std::vector<historian::Reading> rows;
  std::size_t at = 0;
  core::ValueType type = core::ValueType::kFloat64;

  core::Result<bool> more() {
    if (at < rows.size()) return true;
    at = 0;
    return pages->next(rows);
  }
};

core::Result<std::vector<const asset::Sensor*>> sensors_of(const asset::Model& model, const asset::Machine& machine,
                                                           const Choice& choice) {
  std::vector<const asset::Sensor*> out;
  if (choice.sensors.empty()) {
    for (const core::SensorId id : machine.sensors) {
      const asset::Sensor& sensor = model.sensor(id);
      const std::string name = sensor.component.empty() ? sensor.name : sensor.component + "/" + sensor.name;
      if (core::is_real(sensor.type) && sensor.monitored && !has(choice.ignore, name)) out.push_back(&sensor);
    }
  }
  for (const std::string& name : choice.sensors) {
    const asset::Sensor* sensor = model.find_sensor(machine, name);
    if (sensor == nullptr) {
      return unexpected(ErrorCode::kNotFound, fmt::format("{} has no sensor '{}'", machine.name, name));
    }
    out.push_back(sensor);
  }
  if (out.empty()) return unexpected(ErrorCode::kInvalid, machine.name + " has no sensor to learn from");
  return out;
}

core::Status read_states(history::Source& source, const asset::Machine& machine, const history::Selection& selection,
                         StateFilter& filter) {
  for (const core::SensorId id : machine.sensors) {
    const asset::Sensor& sensor = source.model().sensor(id);
    if (sensor.name != "state" || !sensor.component.empty() || sensor.type != core::ValueType::kState) continue;
    history::Pages<historian::Reading> pages(source, selection, id);
    std::vector<historian::Reading> rows;
    for (;;) {
      const auto more = pages.next(rows);
      if (!more) return unexpected(more.error());
      if (!*more) break;
      for (const auto& one : rows) filter.note(one.time, static_cast<std::int32_t>(one.bits));
    }
  }
  return {};
}

}  // namespace

core::Result<TrainingData> read_csv(const std::vector<std::string>& files, const Choice& choice) {
  TrainingData data;
  data.sources = files;
  if (choice.period && !choice.labels.empty()) {
    return unexpected(ErrorCode::kInvalid, "labels belong to the file's own rows: leave --period out");
  }
  for (const std::string& file : files) {
    std::vector<std::string> ignore = choice.ignore;
    std::erase(ignore, choice.labels);
    const auto table = read_table(file, ignore);
    if (!table) return unexpected(table.error());
    if (data.sensors.empty()) {
      data.sensors = sensors_of(*table, choice);
      data.grid = {.period = choice.period.value_or(step_of(table->times)),
                   .resample = choice.resample.value_or(detection::Resample::kLast)};
    }
    if (data.sensors.empty()) return unexpected(ErrorCode::kInvalid, file + ": no column is left to learn from");
    if (auto added = add_file(*table, file, choice, data); !added) return unexpected(added.error());
  }
  return data;
}

core::Result<TrainingData> read_history(history::Source& source, const std::string& name, historian::Range range,
                                        const Choice& choice) {
  const asset::Machine* machine = source.model().find_machine(name);
  if (machine == nullptr) return unexpected(ErrorCode::kNotFound, "machine '" + name + "' does not exist");
  const auto sensors = sensors_of(source.model(), *machine, choice);
  if (!sensors) return unexpected(sensors.error());
  TrainingData data;
  data.sources = {machine->path};
  data.grid = {.period = choice.period.value_or(core::kSecond),
               .resample = choice.resample.value_or(detection::Resample::kMean)};
  history::Selection selection;
  selection.range = range;
  StateFilter filter(choice);
  if (auto read = read_states(source, *machine, selection, filter); !read) return unexpected(read.error());

  std::vector<Reader> readers;
  using Next = std::pair<TimeNs, std::size_t>;
  std::priority_queue<Next, std::vector<Next>, std::greater<>> queue;
  for (const asset::Sensor* sensor : *sensors) {
    data.sensors.push_back(sensor->component.empty() ? sensor->name : sensor->component + "/" + sensor->name);
    readers.push_back({.pages = std::make_unique<history::Pages<historian::Reading>>(source, selection, sensor->id),
                       .rows = {},
                       .at = 0,
                       .type = sensor->type});
    const auto more = readers.back().more();
    if (!more) return unexpected(more.error());
    if (!*more) {
      return unexpected(ErrorCode::kInvalid,
                        fmt::format("{} has no readings in that time; leave it out, or take another "
                                    "time",
                                    sensor->path));
    }
    queue.emplace(readers.back().rows.front().time, readers.size() - 1);
  }
  RowAligner aligner(data.sensors.size(), data.grid, into(data, filter));
  while (!queue.empty()) {
    const auto [time, which] = queue.top();
    queue.pop();
    Reader& reader = readers[which];
    const historian::Reading& one = reader.rows[reader.at++];
    if (one.quality.is_bad()) {
      aligner.pass(which, time);
    } else {
      aligner.add(which, time, core::as_double(reader.type, one.bits));
    }
    aligner.expire(time - kWaitRows * data.grid.period);
    const auto more = reader.more();
    if (!more) return unexpected(more.error());
    if (*more) queue.emplace(reader.rows[reader.at].time, which);
  }
  if (aligner.waiting()) aligner.expire(aligner.newest());
  return data;
}

}  // namespace millwright::training
