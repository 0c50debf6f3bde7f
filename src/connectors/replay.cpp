#include "connectors/replay.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <optional>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "connectors/replay_file.hpp"
#include "core/log.hpp"
#include "core/mutex.hpp"
#include "core/text.hpp"

namespace millwright::connectors {
namespace {

using core::DurationNs;
using core::kMillisecond;
using core::kSecond;
using core::MutexLock;
using core::TimeNs;
using core::ValueType;
using protocol::CsvCell;
using protocol::CsvReader;
using protocol::CsvRow;

constexpr std::size_t kRowsPerBatch = 1024;
constexpr DurationNs kWaitMin = 10 * kMillisecond;  // rows that are due within this go together
constexpr std::uint64_t kToldMax = 10;              // bad rows and cells in the log, each with its line

// The readings of one sensor that wait to be submitted.
struct Track {
  core::SensorId sensor;
  ValueType type = ValueType::kFloat64;
  std::size_t column = 0;
  std::vector<TimeNs> times;
  std::vector<std::byte> values;

  template <typename T>
  void push(TimeNs time, T value) {
    static_assert(sizeof(T) <= 8);
    times.push_back(time);
    const std::size_t at = values.size();
    values.resize(at + sizeof(T));
    std::memcpy(values.data() + at, &value, sizeof(T));
  }
};

// The cell as a whole number, where it is one.
std::optional<std::int64_t> whole(const CsvCell& cell) {
  if (cell.whole()) return cell.integer;
  constexpr double kEnd = 9223372036854775808.0;
  if (!(cell.real >= -kEnd && cell.real < kEnd) || cell.real != std::floor(cell.real)) return std::nullopt;
  return static_cast<std::int64_t>(cell.real);
}

// False where the cell is no value of the sensor's type. Decimal text has no width of its own, so a float32 rounds.
bool push_cell(const CsvCell& cell, TimeNs time, core::Texts& texts, Track& track) {
  if (cell.kind == CsvCell::Kind::kText) {
    if (track.type != ValueType::kText) return false;
    const auto number = texts.number(cell.text);
    if (!number) return false;
    track.push(time, *number);
    return true;
  }
  if (track.type == ValueType::kFloat64) {
    track.push(time, cell.real);
    return true;
  }
  if (track.type == ValueType::kFloat32) {
    track.push(time, static_cast<float>(cell.real));
    return true;
  }
  const auto number = whole(cell);
  if (!number || track.type == ValueType::kText) return false;
  if (track.type == ValueType::kInt64) {
    track.push(time, *number);
  } else if (track.type == ValueType::kBool) {
    if (*number != 0 && *number != 1) return false;
    track.push(time, static_cast<std::uint8_t>(*number));
  } else {
    if (*number < std::numeric_limits<std::int32_t>::min() || *number > std::numeric_limits<std::int32_t>::max()) {
      return false;
    }
    track.push(time, static_cast<std::int32_t>(*number));
  }
  return true;
}

// The distance of equally spaced times, or nothing.
std::optional<DurationNs> period_of(const std::vector<TimeNs>& times) {
  if (times.size() < 2) return 0;
  const DurationNs period = times[1] - times[0];
  for (std::size_t i = 2; i < times.size(); ++i) {
    if (times[i] - times[i - 1] != period) return std::nullopt;
  }
  return period >= 0 ? std::optional(period) : std::nullopt;
}

class Replay final : public Connector {
 public:
  Replay(std::string name, ReplayOptions options, const ConnectorContext& context)
      : name_(std::move(name)),
        options_(std::move(options)),
        context_(context),
        intake_(context, name_, options_.future_limit),
        log_(core::logger("replay")),
        since_(context.clock.now()) {}
  ~Replay() override { Replay::stop(); }

  core::Status start() override;
  void stop() override;
  [[nodiscard]] ConnectorStatus status() const override;

 private:
  [[nodiscard]] core::Result<ReplayFile> open_file() const;
  void map_columns(const std::vector<std::string>& columns);
  void run();
  bool play_pass(ReplayFile& file);
  bool play_row(const CsvRow& row);
  void take_row(const CsvRow& row);
  bool flush();
  bool wait_until_due(TimeNs file_time);
  [[nodiscard]] TimeNs mapped(TimeNs file_time) const;
  [[nodiscard]] DurationNs scaled(DurationNs length) const;
  void find_shift_of_all();
  void tell_bad(const std::string& message);
  void set_state(ConnectorState state, const std::string& detail) EXCLUDES(mutex_);
  [[nodiscard]] std::string progress() const;
  [[nodiscard]] bool stopping() const EXCLUDES(mutex_);

  const std::string name_;
  const ReplayOptions options_;
  const ConnectorContext context_;
  Intake intake_;
  std::shared_ptr<spdlog::logger> log_;
  std::optional<ReplayFile> file_;
  std::thread thread_;

  // Of the playing thread.
  std::unique_ptr<pipeline::Inlet> inlet_;
  std::vector<Track> tracks_;
  std::vector<bool> unknown_;  // by column
  std::uint64_t epoch_ = 0;
  std::uint64_t sequence_ = 0;
  std::size_t pending_rows_ = 0;
  std::uint64_t rows_ = 0;
  std::uint64_t bad_ = 0;
  std::optional<TimeNs> first_time_;  // of the pass
  TimeNs last_time_ = 0;
  std::uint64_t pass_rows_ = 0;
  TimeNs pass_began_ = 0;  // on the monotonic clock
  DurationNs shift_ = 0;   // from file time to source time, where the speed does not matter
  TimeNs base_ = 0;        // source time of the pass's first row, where it does

  mutable core::Mutex mutex_;
  core::Condition changed_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  ConnectorState state_ GUARDED_BY(mutex_) = ConnectorState::kStopped;
  std::string detail_ GUARDED_BY(mutex_);
  TimeNs since_ GUARDED_BY(mutex_);
};

core::Status Replay::start() {
  ASSERT(!thread_.joinable(), "a replay starts once");
  auto file = open_file();
  if (!file) return core::unexpected(file.error().within("connector " + name_));
  file_ = std::move(*file);
  map_columns(file_->columns());
  const core::SourceId source = context_.sources.add(name_ + "/replay");
  epoch_ = new_epoch(context_, source);
  inlet_ = std::make_unique<pipeline::Inlet>(context_.pipeline, source);
  set_state(ConnectorState::kConnected, "playing " + options_.file);
  thread_ = std::thread([this] { run(); });
  return {};
}

void Replay::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (!thread_.joinable()) return;
  thread_.join();
  set_state(ConnectorState::kStopped, "stopped after " + progress());
}

core::Result<ReplayFile> Replay::open_file() const {
  std::unordered_set<std::string> texts;
  for (const core::SensorId id : context_.model.sensors_of(name_)) {
    const asset::Sensor& sensor = context_.model.sensor(id);
    if (sensor.type == ValueType::kText) texts.insert(sensor.source.address);
  }
  return ReplayFile::open(options_.file,
                          [texts = std::move(texts)](const std::string& column) { return texts.contains(column); });
}

void Replay::map_columns(const std::vector<std::string>& columns) {
  std::unordered_map<std::string_view, std::vector<core::SensorId>> sensors;
  std::vector<std::string_view> addresses;
  for (const core::SensorId id : context_.model.sensors_of(name_)) {
    auto& with_address = sensors[context_.model.sensor(id).source.address];
    if (with_address.empty()) addresses.push_back(context_.model.sensor(id).source.address);
    with_address.push_back(id);
  }
  unknown_.assign(columns.size(), false);
  std::uint64_t unknown = 0;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto found = sensors.find(columns[i]);
    if (found != sensors.end()) {
      for (const core::SensorId id : found->second) {
        tracks_.push_back({id, context_.model.sensor(id).type, i, {}, {}});
      }
      continue;
    }
    unknown_[i] = true;
    // Looking for the nearest name is slow among many.
    const std::string hint = ++unknown <= kToldMax ? core::did_you_mean(columns[i], addresses) : std::string();
    log_->warn("{}: {}: no sensor has the column '{}' as its address; it is skipped{}", name_, options_.file,
               columns[i], hint);
  }
}

void Replay::run() {
  if (options_.times == ReplayTimes::kShiftToNow && options_.speed == 0) find_shift_of_all();
  for (;;) {
    const bool whole_pass = play_pass(*file_);
    if (!flush() || stopping()) return;
    if (!whole_pass || !options_.loop || pass_rows_ == 0) break;
    const DurationNs length = last_time_ - *first_time_;
    const auto steps = static_cast<DurationNs>(pass_rows_ - 1);
    const DurationNs step = std::max<DurationNs>(steps > 0 ? length / steps : kSecond, 1);
    if (!wait_until_due(last_time_ + step)) return;
    if (options_.times == ReplayTimes::kKeep) shift_ += length + step;
    auto again = open_file();
    if (!again) {
      tell_bad(again.error().message);
      break;
    }
    file_ = std::move(*again);
  }
  set_state(ConnectorState::kFinished, progress());
  log_->info("{}: {}", name_, progress());
}

// The last row becomes now; this takes reading the file once before.
void Replay::find_shift_of_all() {
  auto file = open_file();
  if (!file) return;
  std::optional<TimeNs> last;
  CsvRow row;
  for (auto next = file->next(row); next == CsvReader::Next::kRow || next == CsvReader::Next::kBadRow;
       next = file->next(row)) {
    if (next == CsvReader::Next::kRow) last = last ? std::max(*last, row.time) : row.time;
  }
  if (last) shift_ = context_.clock.now() - *last;
}

// False where the file could not be read to its end, or it is time to stop.
bool Replay::play_pass(ReplayFile& file) {
  first_time_.reset();
  pass_rows_ = 0;
  CsvRow row;
  for (;;) {
    switch (file.next(row)) {
      case CsvReader::Next::kRow:
        if (!play_row(row)) return false;
        break;
      case CsvReader::Next::kBadRow:
        tell_bad(file.problem().message);
        break;
      case CsvReader::Next::kEnd:
        return true;
      case CsvReader::Next::kFailed:
      case CsvReader::Next::kMore:
        tell_bad(file.problem().message);
        return false;
    }
  }
}

bool Replay::play_row(const CsvRow& row) {
  if (!first_time_) {
    first_time_ = last_time_ = row.time;
    pass_began_ = context_.clock.monotonic();
    base_ = context_.clock.now();
  }
  last_time_ = std::max(last_time_, row.time);
  ++pass_rows_;
  if (!wait_until_due(row.time)) return false;
  take_row(row);
  return pending_rows_ < kRowsPerBatch || flush();
}

DurationNs Replay::scaled(DurationNs length) const {
  if (options_.speed == 1) return length;
  return static_cast<DurationNs>(std::clamp(static_cast<double>(length) / options_.speed, -4e18, 4e18));
}

TimeNs Replay::mapped(TimeNs file_time) const {
  if (options_.times == ReplayTimes::kShiftToNow && options_.speed > 0) return base_ + scaled(file_time - *first_time_);
  return file_time + shift_;
}

// Submits what is due, and waits for the rest. False: stop.
bool Replay::wait_until_due(TimeNs file_time) {
  if (options_.speed == 0) return !stopping();
  const DurationNs due = scaled(file_time - *first_time_);
  while (context_.clock.monotonic() - pass_began_ < due) {
    if (!flush()) return false;
    const DurationNs left = due - (context_.clock.monotonic() - pass_began_);
    MutexLock lock(mutex_);
    if (stopping_) return false;
    // In slices, for the clock may be one that moves by hand.
    changed_.wait_for(mutex_, std::chrono::nanoseconds(std::clamp(left, kWaitMin, 2 * kWaitMin)));
  }
  return !stopping();
}

void Replay::take_row(const CsvRow& row) {
  const TimeNs time = mapped(row.time);
  for (Track& track : tracks_) {
    const CsvCell& cell = row.cells[track.column];
    if (cell.missing() || push_cell(cell, time, context_.texts, track)) continue;
    intake_.refuse(Refusal::kWrongType);
    if (++bad_ <= kToldMax) {
      const std::string value =
          cell.kind == CsvCell::Kind::kText ? std::string(cell.text.substr(0, 40)) : core::format_double(cell.real);
      log_->warn("{}: {}:{}: column {}: {} is no {}", name_, options_.file, row.line, track.column + 2, value,
                 to_string(track.type));
    }
  }
  std::uint64_t unknown = 0;
  for (std::size_t i = 0; i < unknown_.size(); ++i) unknown += unknown_[i] && !row.cells[i].missing() ? 1 : 0;
  if (unknown != 0) intake_.refuse(Refusal::kUnknownAddress, unknown);
  ++rows_;
  ++pending_rows_;
}

// Hands over what was gathered. False: the pipeline has stopped.
bool Replay::flush() {
  if (pending_rows_ == 0) return true;
  pending_rows_ = 0;
  const TimeNs received = context_.clock.now();
  for (Track& track : tracks_) {
    if (track.times.empty()) continue;
    const auto count = static_cast<std::uint32_t>(track.times.size());
    const auto period = period_of(track.times);
    core::BlockBatch& batch = inlet_->batch_for(track.sensor);
    core::Block& block = batch.add(track.sensor, track.type, count, track.times.front(), period.value_or(0), received);
    std::memcpy(block.values, track.values.data(), track.values.size());
    if (!period) {
      auto* times = batch.allocate_array<TimeNs>(count);
      std::copy(track.times.begin(), track.times.end(), times);
      block.times = times;
    }
    intake_.inspect(batch, block);
    track.times.clear();
    track.values.clear();
  }
  set_state(ConnectorState::kConnected, progress());
  return inlet_->submit(epoch_, ++sequence_);
}

void Replay::tell_bad(const std::string& message) {
  intake_.refuse(Refusal::kMalformed);
  ++bad_;
  if (bad_ <= kToldMax) log_->warn("{}: {}", name_, message);
  if (bad_ == kToldMax) log_->warn("{}: {}: further bad rows are counted, not told", name_, options_.file);
}

std::string Replay::progress() const {
  return fmt::format("{}: {} rows{}", options_.file, rows_, bad_ != 0 ? fmt::format(", {} bad", bad_) : std::string());
}

void Replay::set_state(ConnectorState state, const std::string& detail) {
  MutexLock lock(mutex_);
  if (state != state_) since_ = context_.clock.now();
  state_ = state;
  detail_ = detail;
}

bool Replay::stopping() const {
  MutexLock lock(mutex_);
  return stopping_;
}

ConnectorStatus Replay::status() const {
  ConnectorStatus status;
  status.name = name_;
  status.kind = "replay";
  status.readings = intake_.readings();
  status.refused = intake_.refused();
  MutexLock lock(mutex_);
  status.state = state_;
  status.detail = detail_;
  status.since = since_;
  return status;
}

}  // namespace

ReplayOptions read_replay_options(config::Section& section, const std::string& directory) {
  constexpr std::array<std::string_view, 2> kTimes{"keep", "shift-to-now"};
  ReplayOptions options;
  options.file = section.text("file");
  if (!options.file.empty() && !directory.empty()) {
    options.file = (std::filesystem::path(directory) / options.file).string();
  }
  options.speed = section.number("speed", {.fallback = options.speed, .low = 0, .high = 1e6});
  options.loop = section.boolean("loop", options.loop);
  options.times = static_cast<ReplayTimes>(section.choice("times", kTimes, 0));
  options.future_limit =
      section.duration("future_limit", {.fallback = options.future_limit, .low = 0, .high = 365 * 24 * core::kHour});
  if (options.loop && options.speed == 0) {
    section.problem("loop", "a loop needs a speed above 0, or it would fill the disk as fast as it can");
  }
  return options;
}

std::unique_ptr<Connector> make_replay(std::string name, const ReplayOptions& options,
                                       const ConnectorContext& context) {
  return std::make_unique<Replay>(std::move(name), options, context);
}

}  // namespace millwright::connectors
