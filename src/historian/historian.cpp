#include "historian/historian.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "core/text.hpp"
#include "historian/catalogue.hpp"
#include "historian/follower.hpp"
#include "historian/query.hpp"
#include "historian/recorder.hpp"
#include "historian/shelf.hpp"
#include "historian/upkeep.hpp"

namespace millwright::historian {
namespace {

using core::ErrorCode;
using core::Status;
using pipeline::LanePosition;

constexpr std::uint64_t kBytesPerSensor = 5 * 1024;
constexpr std::uint64_t kSegmentMin = 2ULL << 20;
constexpr std::uint64_t kSegmentMax = 64ULL << 20;
constexpr std::size_t kLimitMax = 10'000'000;
// Of the time that passed while no process ran, only what the wall clock says up to this part of the retention counts
// as age: a clock that is set wrong must not cost history.
constexpr core::DurationNs kDownTimePart = 4;

bool earlier(const LanePosition& a, const LanePosition& b) {
  return a.epoch != b.epoch ? a.epoch < b.epoch : a.sequence < b.sequence;
}

class HistorianImpl final : public Historian {
 public:
  HistorianImpl(const asset::Model& model, pipeline::Sources& sources, HistorianOptions options, std::size_t shards,
                core::Metrics& metrics)
      : model_(model),
        sources_(sources),
        options_(std::move(options)),
        shards_(shards),
        readings_total_(metrics.counter("millwright_history_readings_total", "Readings recorded")),
        bytes_total_(metrics.counter("millwright_history_bytes_total", "Bytes appended for recorded readings")),
        lost_total_(metrics.counter("millwright_history_lost_readings_total",
                                    "Readings that could not be recorded, since the journal had stopped")),
        disk_bytes_(metrics.gauge("millwright_history_disk_bytes", "Bytes that the history takes on disk")) {}

  Status open(io::FileSystem& files, const io::Clock& clock);
  void restore(pipeline::LiveTable& live) const;

  [[nodiscard]] core::Texts& texts() const override { return *catalogue_; }
  std::unique_ptr<pipeline::Stage> recorder(std::size_t shard) override {
    ASSERT(shard < shards_, "a recorder for a shard that there is not");
    return std::make_unique<Recorder>(*context_, *shelves_[shard].log);
  }
  void join(journal::GroupCommit& commit) override;
  void stop_waiting() override { context_->give_up.store(true, std::memory_order_release); }
  [[nodiscard]] LanePosition recovered(core::SourceId source, std::size_t shard) const override;
  [[nodiscard]] LanePosition durable(core::SourceId source) const override;
  core::Result<std::vector<Reading>> raw(core::SensorId sensor, Range range, std::size_t limit,
                                         std::optional<core::TimeNs>* next) const override;
  core::Result<std::vector<Aggregate>> aggregates(core::SensorId sensor, Range range, const Intervals& intervals,
                                                  std::size_t limit, std::optional<core::TimeNs>* next) const override;
  core::Result<std::optional<Reading>> before(core::SensorId sensor, core::TimeNs time) const override;
  [[nodiscard]] std::unique_ptr<Follower> follow() const override {
    return std::make_unique<Follower>(shelves_, *catalogue_, *age_);
  }
  void start() override { upkeep_->start(); }
  Status tidy() override;
  [[nodiscard]] Stats stats() const override;

 private:
  Status open_logs(io::FileSystem& files, const io::Clock& clock);
  void start_age(const io::Clock& clock);
  Status spread_lanes();
  void set_up_upkeep(io::FileSystem& files);
  [[nodiscard]] std::uint64_t segment_bytes() const;
  [[nodiscard]] std::uint64_t disk_bytes() const;
  [[nodiscard]] std::int64_t room(io::FileSystem& files) const;
  [[nodiscard]] Status check(core::SensorId sensor, std::size_t limit, std::optional<core::TimeNs>* next) const;

  const asset::Model& model_;
  pipeline::Sources& sources_;
  const HistorianOptions options_;
  const std::size_t shards_;
  core::Counter& readings_total_;
  core::Counter& bytes_total_;
  core::Counter& lost_total_;
  core::Gauge& disk_bytes_;

  std::unique_ptr<Catalogue> catalogue_;
  std::vector<SeriesKey> keys_;  // by sensor
  std::unique_ptr<AgeClock> age_;
  // Every folder there is; the first shards_ are written to.
  std::vector<Shelf> shelves_;
  std::unordered_map<SeriesKey, std::uint64_t> class_of_;  // where a rule of retention matches
  std::unique_ptr<RecorderContext> context_;
  std::unique_ptr<Upkeep> upkeep_;
};

// ---- opening --------------------------------------------------------------------------------------------------------

Status HistorianImpl::open(io::FileSystem& files, const io::Clock& clock) {
  auto catalogue = Catalogue::open(files, clock, options_.directory + "/catalogue");
  if (!catalogue) return core::unexpected(catalogue.error());
  catalogue_ = std::move(*catalogue);
  if (auto opened = open_logs(files, clock); !opened) return opened;
  start_age(clock);
  if (auto spread = spread_lanes(); !spread) return spread;
  std::vector<Catalogue::Series> series;
  for (const asset::Sensor& sensor : model_.sensors()) series.emplace_back(sensor.path, sensor.type);
  auto keys = catalogue_->series(series);
  if (!keys) return core::unexpected(keys.error());
  keys_ = std::move(*keys);
  context_.reset(new RecorderContext{.model = model_,
                                     .sources = sources_,
                                     .catalogue = *catalogue_,
                                     .keys = keys_,
                                     .age = *age_,
                                     .readings_total = readings_total_,
                                     .bytes_total = bytes_total_,
                                     .lost_total = lost_total_});
  set_up_upkeep(files);
  return {};
}

// Sensors of one rule share files, so that those can go as a whole.
void HistorianImpl::set_up_upkeep(io::FileSystem& files) {
  for (const asset::Sensor& sensor : model_.sensors()) {
    for (std::size_t i = options_.rules.size(); i > 0; --i) {
      if (!core::glob_match(options_.rules[i - 1].match, sensor.path)) continue;
      class_of_.emplace(keys_[sensor.id.value], i);
      break;
    }
  }
  const auto class_of = [this](SeriesKey key) {
    const auto found = class_of_.find(key);
    return found != class_of_.end() ? found->second : 0;
  };
  upkeep_ = std::make_unique<Upkeep>(
      shelves_, *age_, options_, class_of,
      Upkeep::Space{.used = [this] { return disk_bytes(); }, .room = [this, &files] { return room(files); }});
}

Status HistorianImpl::tidy() {
  const Status done = upkeep_->run(Sealer::Need::kAll);
  disk_bytes_.Set(static_cast<double>(disk_bytes()));
  return done;
}

// A query reads what is not sealed from the journal as it came: the fewer sensors, the less of that there should be.
std::uint64_t HistorianImpl::segment_bytes() const {
  if (options_.journal.segment_bytes != 0) return options_.journal.segment_bytes;
  return std::clamp<std::uint64_t>(model_.sensors().size() * kBytesPerSensor, kSegmentMin, kSegmentMax);
}

Status HistorianImpl::open_logs(io::FileSystem& files, const io::Clock& clock) {
  journal::Options log_options = options_.journal;
  log_options.segment_bytes = segment_bytes();
  const auto shards = static_cast<std::uint32_t>(shards_);
  // The folders are on record before they exist, so that none is ever forgotten.
  if (catalogue_->folders() < shards) {
    if (auto set = catalogue_->set_folders(shards); !set) return set;
  }
  for (std::uint32_t i = 0; i < catalogue_->folders(); ++i) {
    const std::string folder = options_.directory + "/" + shard_folder(i);
    auto log = ShardLog::open(files, clock, folder, shard_stream(i), log_options);
    if (!log) return core::unexpected(log.error());
    auto store = ColumnStore::open(files, folder + "/columns", shard_stream(i));
    if (!store) return core::unexpected(store.error());
    shelves_.push_back({std::move(*log), std::move(*store)});
  }
  return {};
}

void HistorianImpl::start_age(const io::Clock& clock) {
  Written newest;
  for (const Shelf& shelf : shelves_) {
    if (shelf.log->newest().age >= newest.age) newest = shelf.log->newest();
  }
  core::DurationNs away = 0;
  if (newest.wall != 0 && clock.now() > newest.wall) {
    away = std::min(clock.now() - newest.wall, options_.retention.raw / kDownTimePart);
  }
  age_ = std::make_unique<AgeClock>(clock, newest.age + away);
  for (std::size_t i = 0; i < shards_; ++i) shelves_[i].log->start(*age_);
}

// Lane positions are per shard. With another number of shards the machines have moved between them, so each begins
// where the source stood furthest back: what comes again is recorded twice and answered once, and nothing is missed.
Status HistorianImpl::spread_lanes() {
  const auto shards = static_cast<std::uint32_t>(shards_);
  const std::uint32_t before = catalogue_->shards();
  if (before == shards) return {};
  ShardLog::Lanes least;
  for (std::size_t i = 0; i < std::min<std::size_t>(before, shelves_.size()); ++i) {
    for (const auto& [source, position] : shelves_[i].log->recovered_lanes()) {
      const auto [at, added] = least.emplace(source, position);
      if (!added && earlier(position, at->second)) at->second = position;
    }
  }
  if (before != 0) {
    for (std::size_t i = 0; i < shards_; ++i) {
      if (auto reset = shelves_[i].log->reset_lanes(least, *age_); !reset) return reset;
    }
  }
  return catalogue_->set_shards(shards);
}

void HistorianImpl::restore(pipeline::LiveTable& live) const {
  for (const asset::Sensor& sensor : model_.sensors()) {
    LastReading newest;
    for (const Shelf& shelf : shelves_) {
      const auto& last = shelf.log->last_readings();
      const auto found = last.find(keys_[sensor.id.value]);
      if (found == last.end() || !found->second.known) continue;
      if (!newest.known || found->second.time > newest.time) newest = found->second;
    }
    if (!newest.known) continue;
    live.write(sensor.id, {.type = newest.type,
                           .quality = newest.quality,
                           .source_time = newest.time,
                           .received = newest.received,
                           .bits = newest.bits});
  }
}

void HistorianImpl::join(journal::GroupCommit& commit) {
  for (std::size_t i = 0; i < shards_; ++i) {
    ShardLog* log = shelves_[i].log.get();
    commit.add(log->journal(), [this, log](journal::Sequence durable) {
      log->settler().on_durable(durable);
      disk_bytes_.Set(static_cast<double>(disk_bytes()));
    });
  }
}

// ---- where sources stand --------------------------------------------------------------------------------------------

LanePosition HistorianImpl::recovered(core::SourceId source, std::size_t shard) const {
  const auto key = catalogue_->find_source(sources_.name(source));
  if (!key) return {};
  const auto& lanes = shelves_.at(shard).log->recovered_lanes();
  const auto found = lanes.find(*key);
  return found != lanes.end() ? found->second : LanePosition{};
}

// A batch may have parts in several shards, and counts only when all are durable: the source stands where the shard
// stands that is furthest back. A shard that the source never reached has nothing to say; one that it reached in an
// earlier run stands where it stood, for a part may be on its way there right now.
LanePosition HistorianImpl::durable(core::SourceId source) const {
  const auto key = catalogue_->find_source(sources_.name(source));
  if (!key) return {};
  std::optional<LanePosition> least;
  for (std::size_t i = 0; i < shards_; ++i) {
    std::optional<LanePosition> position = shelves_[i].log->settler().position(*key);
    if (!position) {
      const auto& lanes = shelves_[i].log->recovered_lanes();
      if (const auto found = lanes.find(*key); found != lanes.end()) position = found->second;
    }
    if (position && (!least || earlier(*position, *least))) least = position;
  }
  return least.value_or(LanePosition{});
}

// ---- queries --------------------------------------------------------------------------------------------------------

Status HistorianImpl::check(core::SensorId sensor, std::size_t limit, std::optional<core::TimeNs>* next) const {
  if (next != nullptr) next->reset();
  if (sensor.value >= keys_.size()) return core::unexpected(ErrorCode::kNotFound, "no such sensor");
  if (limit < 1 || limit > kLimitMax) {
    return core::unexpected(ErrorCode::kInvalid, fmt::format("limit must be 1 to {}, not {}", kLimitMax, limit));
  }
  return {};
}

core::Result<std::vector<Reading>> HistorianImpl::raw(core::SensorId sensor, Range range, std::size_t limit,
                                                      std::optional<core::TimeNs>* next) const {
  if (auto good = check(sensor, limit, next); !good) return core::unexpected(good.error());
  if (range.from >= range.to) return std::vector<Reading>{};
  Query query(shelves_, keys_[sensor.value], model_.sensor(sensor).type, options_.query_time_limit);
  auto part = query.collect(range.from, range.to, limit);
  if (!part) return core::unexpected(part.error());
  if (next != nullptr && part->end < range.to) *next = part->end;
  return std::move(part->readings);
}

core::Result<std::vector<Aggregate>> HistorianImpl::aggregates(core::SensorId sensor, Range range,
                                                               const Intervals& intervals, std::size_t limit,
                                                               std::optional<core::TimeNs>* next) const {
  if (auto good = check(sensor, limit, next); !good) return core::unexpected(good.error());
  if (intervals.width <= 0)
    return core::unexpected(ErrorCode::kInvalid, "the width of an interval must be more than nothing");
  Query query(shelves_, keys_[sensor.value], model_.sensor(sensor).type, options_.query_time_limit);
  return query.aggregates(range, intervals, limit, next);
}

core::Result<std::optional<Reading>> HistorianImpl::before(core::SensorId sensor, core::TimeNs time) const {
  if (auto good = check(sensor, 1, nullptr); !good) return core::unexpected(good.error());
  Query query(shelves_, keys_[sensor.value], model_.sensor(sensor).type, options_.query_time_limit);
  return query.before(time);
}

std::uint64_t HistorianImpl::disk_bytes() const {
  std::uint64_t sum = catalogue_->bytes();
  for (const Shelf& shelf : shelves_) sum += shelf.log->journal().bytes() + shelf.store->set()->bytes();
  return sum;
}

// What is free beyond the reserve, a segment that each shard writes while upkeep is at work, and the journals, which
// are written once more when they are sealed.
std::int64_t HistorianImpl::room(io::FileSystem& files) const {
  constexpr auto kUnknown = INT64_MAX;
  const auto free = files.free_bytes(options_.directory);
  if (!free || *free > static_cast<std::uint64_t>(kUnknown)) return kUnknown;
  std::uint64_t needed = options_.journal.reserve_bytes + shards_ * segment_bytes();
  for (const Shelf& shelf : shelves_) needed += shelf.log->journal().bytes() - sealed_bytes(shelf);
  return static_cast<std::int64_t>(*free) - static_cast<std::int64_t>(needed);
}

Historian::Stats HistorianImpl::stats() const {
  Stats stats;
  stats.readings = context_->readings.load(std::memory_order_relaxed);
  stats.bytes = context_->bytes.load(std::memory_order_relaxed);
  stats.disk_bytes = disk_bytes();
  for (const Shelf& shelf : shelves_) {
    stats.unsealed_bytes += shelf.log->journal().bytes() - sealed_bytes(shelf);
    stats.disk_full = stats.disk_full || shelf.log->journal().disk_full();
  }
  return stats;
}

}  // namespace

core::Result<std::unique_ptr<Historian>> Historian::open(const asset::Model& model, const pipeline::Pipeline& pipeline,
                                                         pipeline::Sources& sources, pipeline::LiveTable& live,
                                                         io::FileSystem& files, const io::Clock& clock,
                                                         HistorianOptions options, core::Metrics& metrics) {
  auto historian = std::make_unique<HistorianImpl>(model, sources, std::move(options), pipeline.shards(), metrics);
  if (auto opened = historian->open(files, clock); !opened) {
    return core::unexpected(opened.error().within("opening the history"));
  }
  historian->restore(live);
  return std::unique_ptr<Historian>(std::move(historian));
}

namespace {

Retention read_retention(config::Section& section, const Retention& base) {
  return {.raw = section.duration("raw_retention", {.fallback = base.raw}),
          .seconds = section.duration("second_retention", {.fallback = base.seconds}),
          .minutes = section.duration("minute_retention", {.fallback = base.minutes}),
          .hours = section.duration("hour_retention", {.fallback = base.hours})};
}

}  // namespace

HistorianOptions read_options(config::Section section) {
  static constexpr std::array<std::string_view, 2> kWhenFull{"push-back", "drop-oldest"};
  HistorianOptions options;
  options.retention = read_retention(section, options.retention);
  for (config::Section& row : section.sections("sensors")) {
    const std::string match = row.text("match");
    const Retention keep = read_retention(row, options.retention);
    options.rules.push_back({match, keep, row.number("compression_deviation", {.fallback = 0, .low = 0})});
    row.finish();
  }
  options.disk_quota_bytes = section.bytes("disk_quota", {.fallback = options.disk_quota_bytes});
  options.unsent_quota_bytes = section.bytes("unsent_quota", {.fallback = options.unsent_quota_bytes});
  options.query_time_limit =
      section.duration("query_time_limit", {.fallback = options.query_time_limit, .low = core::kSecond});
  journal::Options& log = options.journal;
  // 0: as the number of sensors asks for.
  const std::uint64_t segment_bytes = section.bytes("segment_size", {.fallback = 0, .high = 4ULL << 30});
  if (segment_bytes != 0 && segment_bytes < 64 << 10) {
    section.problem("segment_size", "at least 64KiB, or 0B to let the number of sensors decide");
  }
  log.segment_bytes = segment_bytes;
  log.buffer_bytes = section.bytes("buffer_size", {.fallback = log.buffer_bytes, .low = 2 << 20, .high = 4ULL << 30});
  log.reserve_bytes = section.bytes("disk_reserve", {.fallback = log.reserve_bytes});
  log.when_full = static_cast<journal::FullPolicy>(section.choice("when_full", kWhenFull, 0));
  section.finish();
  return options;
}

}  // namespace millwright::historian
