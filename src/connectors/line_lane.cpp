#include "connectors/line_lane.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include <fmt/format.h>

#include "connectors/line_values.hpp"

namespace millwright::connectors {
namespace {

using core::Block;
using core::BlockBatch;
using core::TimeNs;
using protocol::Line;
using protocol::LineField;
using protocol::LineReader;

constexpr std::size_t kShownBytes = 40;        // of a value in a message
constexpr std::size_t kFieldsKnownMax = 1024;  // of a series; what more there are is looked up each time
constexpr std::size_t kKnownBytes = 256;       // a series' and a field's own, without their texts
constexpr std::size_t kCacheBytesPerSensor = 1024;
// Arithmetic on source times must not overflow anywhere (years 1684 to 2255).
constexpr TimeNs kTimeMax = 9'000'000'000'000'000'000;

// The time in ns; false where it is outside of what can be.
bool to_ns(std::int64_t time, core::DurationNs unit, TimeNs& out) {
  return !__builtin_mul_overflow(time, unit, &out) && out >= -kTimeMax && out <= kTimeMax;
}

template <typename T>
void reorder(std::byte* values, const std::vector<std::uint32_t>& order) {
  std::vector<T> sorted(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) std::memcpy(&sorted[i], values + order[i] * sizeof(T), sizeof(T));
  std::memcpy(values, sorted.data(), sorted.size() * sizeof(T));
}

// The distance of rising times where it is always the same, else 0.
core::DurationNs period_of(const TimeNs* times, std::uint32_t count) {
  core::DurationNs period = 0;
  if (count < 2 || __builtin_sub_overflow(times[1], times[0], &period)) return 0;
  for (std::uint32_t i = 2; i < count; ++i) {
    if (times[i - 1] > kTimeMax - period || times[i] != times[i - 1] + period) return 0;
  }
  return period;
}

}  // namespace

struct LineLane::Field {
  std::string key;                              // as it stands
  std::span<const std::uint32_t> targets = {};  // empty: nothing wants it
  std::string problem;                          // why not
  bool hinted = false;
};

struct LineLane::Known {
  std::string text;
  core::Result<protocol::Series> series;
  std::vector<Field> fields;
  std::size_t cursor = 0;  // the field after the one that was looked up last
  Known* next = nullptr;   // that came after it the last time
};

LineLane::LineLane(const LineTargets& targets, const ConnectorContext& context, Intake& intake,
                   const std::string& source)
    : targets_(targets),
      texts_(context.texts),
      intake_(intake),
      inlet_(context.pipeline, context.sources.add(source)),
      epoch_(new_epoch(context, context.sources.add(source))),
      spare_field_(std::make_unique<Field>()),
      columns_(targets.size()) {
  for (std::uint32_t i = 0; i < columns_.size(); ++i) columns_[i].type = targets.sensor(i).type;
}

LineLane::~LineLane() = default;

// ---- lines ----------------------------------------------------------------------------------------------------------

LineLane::Outcome LineLane::take(std::string_view text, core::DurationNs unit, TimeNs received,
                                 const std::shared_ptr<JointReceipt>& receipt, std::uint64_t first_line) {
  Outcome outcome;
  LineReader reader(text, first_line);
  for (;;) {
    const bool guess = last_ != nullptr && last_->next != nullptr;
    reader.expect(guess ? std::string_view(last_->next->text) : std::string_view());
    const LineReader::Next next = reader.next(line_);
    if (next == LineReader::Next::kEnd) break;
    if (next == LineReader::Next::kLine) {
      take_line(line_, unit, received, outcome);
      if (entries_.size() >= kBatchReadings) submit(received, receipt, outcome);
    } else {
      const protocol::LineProblem& problem = reader.problem();
      intake_.refuse(Refusal::kMalformed);
      tell(outcome, problem.line, fmt::format("column {}: {}", problem.column, problem.message));
    }
    if (!outcome.open) return outcome;
  }
  if (!entries_.empty()) submit(received, receipt, outcome);
  outcome.next_line = reader.line();
  return outcome;
}

void LineLane::take_line(const Line& line, core::DurationNs unit, TimeNs received, Outcome& outcome) {
  Known& series = known(line);
  if (!series.series) {
    intake_.refuse(Refusal::kMalformed);
    return tell(outcome, line.number, series.series.error().message);
  }
  TimeNs time = received;
  if (line.has_time && !to_ns(line.time, unit, time)) {
    intake_.refuse(Refusal::kMalformed);
    return tell(outcome, line.number,
                fmt::format("the time {} is not between 1684 and 2255; see that the request's "
                            "precision is the lines' own",
                            line.time));
  }
  bool whole = true;
  for (const LineField& value : line.fields) {
    whole &= take_field(value, field_of(series, value.key), time, outcome, line);
  }
  if (!whole) ++outcome.lines_dropped;
}

// False where some of it could not be used.
bool LineLane::take_field(const LineField& value, Field& field, TimeNs time, Outcome& outcome, const Line& line) {
  const auto say = [&](const std::string& what) {
    if (outcome.problems.size() < kProblemsTold) {
      outcome.problems.push_back(fmt::format("line {}: {}", line.number, what));
    }
  };
  if (field.targets.empty()) {
    intake_.refuse(Refusal::kUnknownAddress);
    if (outcome.problems.empty() && !std::exchange(field.hinted, true)) {
      field.problem += targets_.hint(*last_->series, protocol::unescape_name(field.key));
    }
    say(field.problem);
    return false;
  }
  bool fits = true;
  for (const std::uint32_t target : field.targets) {
    Column& column = columns_[target];
    std::uint64_t bits = 0;
    if (!to_reading(value, column.type, targets_.sensor(target), texts_, bits)) {
      const asset::Sensor& sensor = targets_.sensor(target);
      intake_.refuse(Refusal::kWrongType);
      say(fmt::format("{0} does not fit into the {1} of {2} unchanged; send {1}, or give the sensor another type",
                      value.text.substr(0, kShownBytes), to_string(sensor.type), sensor.path));
      fits = false;
      continue;
    }
    if (column.count++ == 0) touched_.push_back(target);
    entries_.push_back({time, bits, target});
    ++outcome.readings;
  }
  return fits;
}

void LineLane::tell(Outcome& outcome, std::uint64_t line, const std::string& what) {
  ++outcome.lines_dropped;
  if (outcome.problems.size() < kProblemsTold) outcome.problems.push_back(fmt::format("line {}: {}", line, what));
}

// ---- what lines mean ------------------------------------------------------------------------------------------------

LineLane::Known& LineLane::known(const Line& line) {
  if (line.expected) {
    last_ = last_->next;
    return *last_;
  }
  auto found = known_.find(line.series);
  if (found == known_.end()) {
    make_room(2 * line.series.size() + kKnownBytes);
    auto added = std::make_unique<Known>(
        Known{.text = std::string(line.series), .series = protocol::split_series(line.series), .fields = {}});
    const std::string_view text = added->text;
    found = known_.emplace(text, std::move(added)).first;
  }
  Known* now = found->second.get();
  if (last_ != nullptr) last_->next = now;
  last_ = now;
  return *now;
}

// Fields mostly come in the same order, be it in a line or from line to line.
LineLane::Field& LineLane::field_of(Known& series, std::string_view key) {
  const std::size_t size = series.fields.size();
  for (std::size_t i = 0, at = series.cursor; i < size; ++i, ++at) {
    if (at >= size) at = 0;
    if (series.fields[at].key != key) continue;
    series.cursor = at + 1;
    return series.fields[at];
  }
  return add_field(series, key);
}

LineLane::Field& LineLane::add_field(Known& series, std::string_view key) {
  const std::string name = protocol::unescape_name(key);
  Field field{.key = std::string(key), .targets = targets_.find(*series.series, name), .problem = {}, .hinted = false};
  if (field.targets.empty()) field.problem = targets_.problem(*series.series, name);
  if (series.fields.size() >= kFieldsKnownMax) return *spare_field_ = std::move(field);
  cache_bytes_ += field.key.size() + field.problem.size() + kKnownBytes;
  return series.fields.emplace_back(std::move(field));
}

// Forgets all where there is too much: a sender that makes up ever new series must not fill the memory.
void LineLane::make_room(std::size_t bytes) {
  if (cache_bytes_ + bytes > kCacheBytesMax + targets_.size() * kCacheBytesPerSensor) {
    last_ = nullptr;
    known_.clear();
    cache_bytes_ = 0;
  }
  cache_bytes_ += bytes;
}

// ---- blocks ---------------------------------------------------------------------------------------------------------

void LineLane::submit(TimeNs received, const std::shared_ptr<JointReceipt>& receipt, Outcome& outcome) {
  scatter();
  for (const std::uint32_t target : touched_) put_blocks(target, received);
  entries_.clear();
  touched_.clear();
  receipt->join();
  outcome.open = inlet_.submit(epoch_, ++sequence_, receipt);
}

// From the order of the lines to that of the sensors; in memory of the batch that a sensor's shard will get.
void LineLane::scatter() {
  for (const std::uint32_t target : touched_) {
    Column& column = columns_[target];
    const asset::Sensor& sensor = targets_.sensor(target);
    BlockBatch& batch = inlet_.batch_for(sensor.id);
    column.times = batch.allocate_array<TimeNs>(column.count);
    column.values = batch.allocate(column.count * core::width(sensor.type));
    column.filled = 0;
  }
  for (const Entry& entry : entries_) {
    Column& column = columns_[entry.target];
    const std::size_t width = core::width(column.type);
    column.times[column.filled] = entry.time;
    std::memcpy(column.values + column.filled * width, &entry.bits, width);
    ++column.filled;
  }
}

void LineLane::put_blocks(std::uint32_t target, TimeNs received) {
  Column& column = columns_[target];
  const asset::Sensor& sensor = targets_.sensor(target);
  const std::size_t width = core::width(sensor.type);
  ASSERT(column.filled == column.count, "a column was counted wrong");
  if (!std::is_sorted(column.times, column.times + column.count)) sort_by_time(column, width);
  BlockBatch& batch = inlet_.batch_for(sensor.id);
  for (std::uint32_t from = 0; from < column.count; from += core::kMaxBlockReadings) {
    const std::uint32_t count = std::min(column.count - from, core::kMaxBlockReadings);
    Block block{.sensor = sensor.id, .type = sensor.type, .count = count, .start = column.times[from]};
    block.received = received;
    block.period = period_of(column.times + from, count);
    if (block.period == 0 && count > 1) block.times = column.times + from;
    block.values = column.values + from * width;
    block.quality = batch.allocate_array<core::QualityRun>(1);
    block.quality[0] = {count, core::kGood};
    block.quality_runs = 1;
    intake_.inspect(batch, batch.blocks.emplace_back(block));
  }
  column.count = 0;
}

void LineLane::sort_by_time(Column& column, std::size_t width) {
  order_.resize(column.count);
  std::iota(order_.begin(), order_.end(), 0U);
  std::stable_sort(order_.begin(), order_.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return column.times[a] < column.times[b]; });
  std::sort(column.times, column.times + column.count);
  if (width == 8) {
    reorder<std::uint64_t>(column.values, order_);
  } else if (width == 4) {
    reorder<std::uint32_t>(column.values, order_);
  } else {
    reorder<std::uint8_t>(column.values, order_);
  }
}

}  // namespace millwright::connectors
