#include "forwarding/readings_feed.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/log.hpp"
#include "core/text.hpp"

namespace millwright::forwarding {
namespace {

using core::DurationNs;
using core::MutexLock;
using core::Status;
using historian::Follower;

constexpr std::uint64_t kBatchBytes = 4 << 20;  // of rows, and of records read for them
constexpr std::size_t kEventBytes = 256 * 1024;
constexpr DurationNs kIdle = 50 * core::kMillisecond;  // between looks for what is new
constexpr DurationNs kKeepEvery = 250 * core::kMillisecond;
constexpr DurationNs kRateOver = core::kSecond;
constexpr DurationNs kWhole = 1500 * core::kMillisecond;  // after which a second counts as whole
constexpr std::size_t kMachineParts = 6;                  // enterprise, site, area, line, cell, machine

ReadingSeries series_of(const historian::Catalogue::Series& named) {
  std::size_t end = 0;
  for (std::size_t i = 0; i < kMachineParts && end != std::string::npos; ++i) {
    end = named.first.find('/', end == 0 ? 0 : end + 1);
  }
  if (end == std::string::npos) return {.machine = named.first, .sensor = "", .type = named.second};
  return {.machine = named.first.substr(0, end), .sensor = named.first.substr(end + 1), .type = named.second};
}

}  // namespace

ReadingsOptions read_readings_options(config::Section& section) {
  ReadingsOptions options;
  options.rules = read_sensor_rules(section);
  options.live_age =
      section.duration("live_age", {.fallback = options.live_age, .low = core::kSecond, .high = core::kHour});
  options.backlog_rate =
      static_cast<std::uint64_t>(section.integer("backlog_rate", {.fallback = 0, .low = 0, .high = 1'000'000'000}));
  return options;
}

// ---- where it stands ------------------------------------------------------------------------------------------------

core::Result<std::unique_ptr<Feed>> ReadingsFeed::open(ReadingsOptions options, std::unique_ptr<Follower> follower,
                                                       std::unique_ptr<RowFormat> format, const Context& context) {
  if (auto made = context.files.make_directories(context.directory); !made) return core::unexpected(made.error());
  std::unique_ptr<ReadingsFeed> feed(
      new ReadingsFeed(std::move(options), std::move(follower), std::move(format), context));
  if (auto found = feed->find_place(); !found) return core::unexpected(found.error());
  return std::unique_ptr<Feed>(std::move(feed));
}

ReadingsFeed::ReadingsFeed(ReadingsOptions options, std::unique_ptr<Follower> follower,
                           std::unique_ptr<RowFormat> format, const Context& context)
    : options_(std::move(options)),
      follower_(std::move(follower)),
      format_(std::move(format)),
      context_(context),
      path_(context.directory + "/cursor.json"),
      text_([this](std::int32_t number) { return follower_->text(number); }),
      caught_up_(context.clock.monotonic()) {}

// As an output of events finds it: on from the cursor, at the end without one, at the beginning where it is damaged.
Status ReadingsFeed::find_place() {
  const auto known = load_readings_cursor(context_.files, path_);
  const auto now_ms = static_cast<std::uint64_t>(context_.clock.now() / core::kMillisecond);
  if (!known && known.error().code != core::ErrorCode::kCorrupt) return core::unexpected(known.error());
  if (known && *known) {
    cursor_ = **known;
    bool same = cursor_.logs.size() <= follower_->logs();
    for (std::size_t i = 0; same && i < cursor_.logs.size(); ++i) same = cursor_.logs[i].live <= follower_->end(i);
    // Logs that are new since: from their first record on.
    if (same) cursor_.logs.resize(follower_->logs());
    if (!same) {
      core::logger("outputs")->warn(
          "{}: the history is not the one that was followed before; beginning with what comes from now on",
          context_.name);
      begin_at_end(std::max(now_ms, cursor_.epoch + 1));
    }
  } else {
    begin_at_end(now_ms);
    if (!known) {
      core::logger("outputs")->error("{}: {}; all that the journals still have is sent again", context_.name,
                                     known.error().message);
      for (std::size_t i = 0; i < cursor_.logs.size(); ++i) cursor_.logs[i].live = follower_->first(i);
    }
  }
  for (std::size_t i = 0; i < cursor_.logs.size(); ++i) {
    logs_.push_back({.live = {.next = cursor_.logs[i].live},
                     .backlog = {.next = 0},
                     .stream = fmt::format("{}/{}", context_.stream, i)});
  }
  return keep(When::kNow);
}

void ReadingsFeed::begin_at_end(std::uint64_t epoch) {
  cursor_ = {.epoch = epoch, .logs = {}};
  for (std::size_t i = 0; i < follower_->logs(); ++i)
    cursor_.logs.push_back({.live = follower_->end(i), .backlog = {}});
}

void ReadingsFeed::done() {
  std::uint64_t drained = 0;
  for (const Move& move : moves_) {
    ReadingsCursor::Log& log = cursor_.logs[move.log];
    if (move.kind == Kind::kLive) {
      logs_[move.log].live = move.place;
      log.live = move.place.next;
      continue;
    }
    ReadingsCursor::Range& range = log.backlog.front();
    drained += follower_->bytes(move.log, range.from, move.place.next);
    logs_[move.log].backlog = move.place;
    range.from = move.place.next;
    if (range.from >= range.to) log.backlog.erase(log.backlog.begin());
  }
  const core::TimeNs now = context_.clock.monotonic();
  drained_ += drained;
  MutexLock lock(mutex_);
  if (drained != 0) oldest_since_ = now - oldest_age_;
  if (const DurationNs passed = now - drained_at_; passed >= kRateOver) {
    bytes_per_s_ = static_cast<double>(drained_) * 1e9 / static_cast<double>(passed);
    drained_ = 0;
    drained_at_ = now;
  }
  told_ = cursor_;
  moves_.clear();
}

Status ReadingsFeed::keep(When when) {
  const core::TimeNs now = context_.clock.monotonic();
  if (kept_ == cursor_ || (when == When::kSoon && now - kept_at_ < kKeepEvery)) return {};
  if (auto saved = io::write_file_atomically(context_.files, path_, to_string(cursor_)); !saved) return saved;
  kept_ = cursor_;
  kept_at_ = now;
  // Only what the disk says was dealt with may go.
  for (std::size_t i = 0; i < kept_.logs.size(); ++i) follower_->hold(i, kept_.logs[i].oldest());
  MutexLock lock(mutex_);
  told_ = cursor_;
  return {};
}

Backlog ReadingsFeed::backlog() const {
  MutexLock lock(mutex_);
  Backlog backlog;
  for (std::size_t i = 0; i < told_.logs.size(); ++i) {
    const auto add = [&](journal::Sequence from, journal::Sequence to) {
      if (to <= from) return;
      backlog.count += to - from;
      backlog.bytes += follower_->bytes(i, from, to);
    };
    for (const auto& range : told_.logs[i].backlog) add(range.from, range.to);
    add(told_.logs[i].live, follower_->end(i));
  }
  const core::TimeNs since = behind() ? oldest_since_ : caught_up_;
  if (backlog.count != 0) backlog.age = std::max<DurationNs>(0, context_.clock.monotonic() - since);
  backlog.bytes_per_s = behind() ? bytes_per_s_ : 0;
  return backlog;
}

// ---- reading --------------------------------------------------------------------------------------------------------

core::Result<Feed::Batch> ReadingsFeed::next() {
  events_.clear();
  moves_.clear();
  std::fill(open_events_.begin(), open_events_.end(), kNone);
  for (Channel* channel : touched_) channel->seconds->touched.clear();
  touched_.clear();
  lost_ = rows_bytes_ = read_bytes_ = readings_ = 0;
  problem_.clear();
  oldest_age_ = 0;
  if (auto read = read_live(); !read) return core::unexpected(read.error());
  if (moves_.empty()) {
    if (auto read = read_backlog(); !read) return core::unexpected(read.error());
  }
  if (options_.tier == Tier::kSecond && !moves_.empty()) {
    if (auto added = add_seconds(moves_.front().kind); !added) return core::unexpected(added.error());
  }
  if (moves_.empty()) {
    MutexLock lock(mutex_);
    caught_up_ = context_.clock.monotonic();
  }
  turn_ = (turn_ + 1) % std::max<std::size_t>(1, logs_.size());
  Batch batch{.events = std::move(events_), .lost = lost_, .wait = moves_.empty() ? kIdle : 0, .problem = problem_};
  events_ = {};
  return batch;
}

Status ReadingsFeed::read_live() {
  for (std::size_t i = 0; i < logs_.size() && !full(Kind::kLive); ++i) {
    const std::size_t log = (turn_ + i) % logs_.size();
    const journal::Sequence end = live_end(log);
    if (logs_[log].live.next >= end) continue;
    if (auto done = read(log, Kind::kLive, logs_[log].live, end); !done) return done;
  }
  return {};
}

// Up to where what is live is read. Seconds are left to become whole, and are told once a second.
journal::Sequence ReadingsFeed::live_end(std::size_t log) {
  const journal::Sequence end = follower_->end(log);
  if (options_.tier == Tier::kRaw) return end;
  const core::TimeNs now = context_.clock.monotonic();
  std::deque<Log::End>& ends = logs_[log].ends;
  if (ends.empty() || now - ends.back().time >= core::kSecond) ends.push_back({now, end});
  while (ends.size() > 1 && now - ends[1].time >= kWhole) ends.pop_front();
  return now - ends.front().time >= kWhole ? ends.front().end : 0;
}

Status ReadingsFeed::read_backlog() {
  const core::TimeNs now = context_.clock.monotonic();
  if (options_.backlog_rate != 0) {
    const auto rate = static_cast<double>(options_.backlog_rate);
    allowance_ = std::min(rate, allowance_ + rate * static_cast<double>(now - allowed_at_) * 1e-9);
    allowed_at_ = now;
    if (allowance_ <= 0) return {};
  }
  for (std::size_t i = 0; i < logs_.size() && moves_.empty(); ++i) {
    const std::size_t log = (turn_ + i) % logs_.size();
    if (cursor_.logs[log].backlog.empty()) continue;
    const auto range = cursor_.logs[log].backlog.front();
    const Place& known = logs_[log].backlog;
    const Place place = known.next == range.from ? known : Place{.next = range.from};
    if (auto done = read(log, Kind::kBacklog, place, range.to); !done) return done;
  }
  allowance_ -= static_cast<double>(readings_);
  return {};
}

bool ReadingsFeed::full(Kind kind) const {
  if (rows_bytes_ >= kBatchBytes || read_bytes_ >= kBatchBytes) return true;
  return kind == Kind::kBacklog && options_.backlog_rate != 0 && static_cast<double>(readings_) >= allowance_;
}

Status ReadingsFeed::read(std::size_t log, Kind kind, Place place, journal::Sequence to) {
  bool first = true;
  bool late = false;
  DurationNs age = 0;
  const DurationNs live_age = options_.live_age + (options_.tier == Tier::kSecond ? kWhole + core::kSecond : 0);
  const auto read = follower_->read(log, place, to, [&](const Follower::Record& record) {
    if (first) age = record.age;
    late = first && kind == Kind::kLive && age > live_age;
    if (late) return false;
    first = false;
    read_bytes_ += record.payload.size();
    add(log, kind, record);
    return !full(kind);
  });
  if (!read) return read;
  if (late) {
    defer(log, age);
    return {};
  }
  if (kind == Kind::kBacklog) oldest_age_ = age;
  lost_ += place.lost;
  place.lost = 0;
  moves_.push_back({.log = log, .kind = kind, .place = place});
  return {};
}

// What is live in this log has waited too long: it goes on at its end.
void ReadingsFeed::defer(std::size_t log, DurationNs age) {
  const journal::Sequence end = follower_->end(log);
  MutexLock lock(mutex_);
  if (!behind()) oldest_since_ = context_.clock.monotonic() - age;
  cursor_.logs[log].defer(end);
  logs_[log].live = {.next = end};
  told_ = cursor_;
}

bool ReadingsFeed::behind() const {
  return std::any_of(told_.logs.begin(), told_.logs.end(), [](const auto& log) { return !log.backlog.empty(); });
}

void ReadingsFeed::add(std::size_t log, Kind kind, const Follower::Record& record) {
  historian::DataReader reader(record.payload);
  reader.lanes([](const historian::Lane&) {});
  std::uint32_t block = 0;
  for (auto encoded = reader.next_block(); encoded; encoded = reader.next_block(), ++block) {
    Channel* channel = channel_of(encoded->key);
    if (channel == nullptr) continue;
    if (auto decoded = decoder_.decode(encoded->bytes, reader.header().written.wall, decoded_); !decoded) {
      ++lost_;
      problem_ = fmt::format("record {} of {}, block {}: {}; it is left out", record.sequence, logs_[log].stream, block,
                             decoded.error().message);
      core::logger("outputs")->error("{}: {}", context_.name, problem_);
      continue;
    }
    if (channel->seconds) {
      if (channel->seconds->touched.empty()) touched_.push_back(channel);
      SecondRollups::touch(*channel->seconds, decoded_);
      readings_ += decoded_.count;
      continue;
    }
    picked_.clear();
    channel->filter[static_cast<std::size_t>(kind)].pick(channel->rule, decoded_, picked_);
    if (picked_.empty()) continue;
    Event& event = event_of(*channel, kind);
    if (event.key.empty()) {
      event.key = fmt::format("{}-{}-{}-{}-{}", logs_[log].stream, cursor_.epoch, record.sequence, block, picked_[0]);
    }
    const std::size_t before = event.body.size();
    format_->append({.series = channel->series,
                     .stream = logs_[log].stream,
                     .epoch = cursor_.epoch,
                     .sequence = record.sequence,
                     .block = block,
                     .readings = decoded_,
                     .picked = picked_,
                     .text = text_},
                    event.body);
    rows_bytes_ += event.body.size() - before;
    event.count += picked_.size();
    readings_ += picked_.size();
  }
}

Status ReadingsFeed::add_seconds(Kind kind) {
  for (Channel* channel : touched_) {
    const auto told = context_.seconds->tell(*channel->seconds, [&](std::string_view row) {
      Event& event = event_of(*channel, kind);
      event.body += row;
      ++event.count;
    });
    if (!told) return told;
  }
  for (std::size_t i = 0; i < events_.size(); ++i) {
    const Move& move = moves_.front();
    events_[i].key = fmt::format("{}-{}-1s-{}-{}", logs_[move.log].stream, cursor_.epoch, move.place.next, i);
  }
  return {};
}

ReadingsFeed::Channel* ReadingsFeed::channel_of(historian::SeriesKey key) {
  const auto found = channels_.find(key);
  if (found != channels_.end()) return found->second.get();
  std::unique_ptr<Channel>& channel = channels_[key];
  const auto* named = follower_->series(key);
  if (named == nullptr) return nullptr;
  SensorRule rule = rule_of(options_.rules, named->first);
  if (!rule.send) return nullptr;
  channel = std::make_unique<Channel>();
  channel->series = series_of(*named);
  if (options_.tier == Tier::kSecond) {
    channel->seconds = context_.seconds->sensor(channel->series);
    if (channel->seconds->known == nullptr) {
      channel.reset();
      return nullptr;
    }
  }
  channel->rule = std::move(rule);
  channel->machine = machine_numbers_.try_emplace(channel->series.machine, machine_numbers_.size()).first->second;
  open_events_.resize(machine_numbers_.size(), kNone);
  return channel.get();
}

// Rows of one machine go together, as long as they are not too many.
Event& ReadingsFeed::event_of(Channel& channel, Kind kind) {
  std::size_t& open = open_events_[channel.machine];
  if (open != kNone && events_[open].body.size() < kEventBytes) return events_[open];
  open = events_.size();
  Event& event = events_.emplace_back();
  event.kind = "readings";
  event.machine = channel.series.machine;
  event.count = 0;
  event.historical = kind == Kind::kBacklog;
  return event;
}

}  // namespace millwright::forwarding
