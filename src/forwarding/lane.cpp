#include "forwarding/lane.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

namespace millwright::forwarding {
namespace {

using core::MutexLock;

constexpr std::size_t kBatch = 256;
constexpr core::DurationNs kIdle = 5 * core::kSecond;  // between looks at a connection that has nothing to do

}  // namespace

std::string_view to_string(LaneState state) {
  switch (state) {
    case LaneState::kConnecting:
      return "connecting";
    case LaneState::kConnected:
      return "connected";
    case LaneState::kBackingOff:
      return "backing-off";
    case LaneState::kStopped:
      break;
  }
  return "stopped";
}

core::Result<std::unique_ptr<Lane>> Lane::open(LaneOptions options, std::string directory, const EventSource& source,
                                               std::unique_ptr<Transport> transport, io::FileSystem& files,
                                               const io::Clock& clock, core::Metrics& metrics) {
  if (auto made = files.make_directories(directory); !made) return core::unexpected(made.error());
  std::unique_ptr<Lane> lane(
      new Lane(std::move(options), std::move(directory), source, std::move(transport), files, clock, metrics));
  if (auto found = lane->find_place(); !found) return core::unexpected(found.error());
  return lane;
}

Lane::Lane(LaneOptions options, std::string directory, const EventSource& source, std::unique_ptr<Transport> transport,
           io::FileSystem& files, const io::Clock& clock, core::Metrics& metrics)
    : options_(std::move(options)),
      directory_(std::move(directory)),
      source_(source),
      transport_(std::move(transport)),
      files_(files),
      clock_(clock),
      log_(core::logger("outputs")),
      delivered_total_(metrics.counter("millwright_output_delivered_total", "Events that the receiver has confirmed",
                                       {{"output", options_.name}})),
      dead_total_(metrics.counter("millwright_output_dead_total", "Events that the receiver refused for good",
                                  {{"output", options_.name}})),
      lost_total_(metrics.counter("millwright_output_lost_total", "Events gone from the journal before their delivery",
                                  {{"output", options_.name}})),
      failures_total_(metrics.counter("millwright_output_failures_total", "Attempts that failed and are made again",
                                      {{"output", options_.name}})),
      backlog_gauge_(metrics.gauge("millwright_output_backlog", "Events that wait", {{"output", options_.name}})),
      connected_gauge_(metrics.gauge("millwright_output_connected", "1 while the receiver is there, else 0",
                                     {{"output", options_.name}})),
      dead_letters_(files, directory_, options_.dead_letters_bytes),
      random_(options_.seed != 0 ? options_.seed : io::entropy()) {
  status_.name = options_.name;
  status_.kind = options_.kind;
  status_.since = clock_.now();
}

Lane::~Lane() {
  stop();
}

// Where the run before stopped; at the end, where there was none; at the beginning, where nobody knows any more.
core::Status Lane::find_place() {
  const Position newest = source_.newest();
  const auto now_ms = static_cast<std::uint64_t>(clock_.now() / core::kMillisecond);
  const auto known = load_cursor(files_, directory_ + "/cursor.json");
  if (known && *known && (*known)->position.sequence <= newest.sequence && (*known)->position.id <= newest.id) {
    cursor_ = **known;
  } else if (known && *known) {
    log_->warn("{}: the journal is not the one that was followed before; beginning with what comes from now on",
               options_.name);
    cursor_ = {.epoch = std::max(now_ms, (*known)->epoch + 1), .position = newest};
  } else if (known) {
    cursor_ = {.epoch = now_ms, .position = newest};
  } else if (known.error().code == core::ErrorCode::kCorrupt) {
    log_->error("{}: {}; all that the journal has is sent again", options_.name, known.error().message);
    cursor_ = {.epoch = now_ms, .position = {}};
  } else {
    return core::unexpected(known.error());
  }
  {
    MutexLock lock(mutex_);
    told_id_ = cursor_.position.id;
  }
  return save_cursor(files_, directory_ + "/cursor.json", cursor_);
}

void Lane::start() {
  set_state(LaneState::kConnecting, transport_->peer());
  thread_ = std::thread([this] { run(); });
}

void Lane::begin_stop() {
  MutexLock lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

void Lane::stop() {
  begin_stop();
  if (!thread_.joinable()) return;
  thread_.join();
  transport_.reset();  // takes its leave
  set_state(LaneState::kStopped, "");
}

void Lane::wake() {
  MutexLock lock(mutex_);
  woken_ = true;
  changed_.notify_all();
}

bool Lane::stopping() const {
  MutexLock lock(mutex_);
  return stopping_;
}

void Lane::run() {
  while (!stopping()) {
    {
      MutexLock lock(mutex_);
      woken_ = false;
    }
    const core::TimeNs until = clock_.monotonic() + turn();
    MutexLock lock(mutex_);
    for (core::DurationNs left = until - clock_.monotonic(); left > 0 && !woken_ && !stopping_;
         left = until - clock_.monotonic()) {
      changed_.wait_for(mutex_, std::chrono::nanoseconds(left));
    }
  }
}

core::DurationNs Lane::turn() {
  if (const core::DurationNs left = retry_at_ - clock_.monotonic(); pause_ != 0 && left > 0) return left;
  const Stopping asked = [this] { return stopping(); };
  if (auto up = transport_->connect(asked); !up) return back_off(up.error().message);
  const auto batch = source_.read(cursor_.position, kBatch);
  if (!batch) return back_off(batch.error().message);
  if (!batch->events.empty()) return deliver(*batch);
  cursor_.position = batch->end;
  pause_ = 0;
  set_state(LaneState::kConnected, transport_->peer());
  if (!place_kept_) keep_place();
  return kIdle;
}

core::DurationNs Lane::deliver(const EventSource::Batch& batch) {
  const Stopping asked = [this] { return stopping(); };
  std::span<const Event> left(batch.events);
  while (!left.empty()) {
    const Delivery done = transport_->deliver(cursor_.epoch, left, asked);
    ASSERT(done.failure ? done.delivered < left.size() : done.delivered == left.size(),
           "a delivery that does not add up");
    for (const Event& event : left.first(done.delivered)) pass(event);
    delivered_total_.Increment(static_cast<double>(done.delivered));
    {
      MutexLock lock(mutex_);
      status_.delivered += done.delivered;
    }
    if (done.delivered != 0) pause_ = 0;
    left = left.subspan(done.delivered);
    if (!done.failure) break;
    if (done.failure->fate == Delivery::Fate::kRetry) {
      keep_place();
      return back_off(done.failure->reason);
    }
    bury(left.front(), done.failure->reason);
    left = left.subspan(1);
  }
  cursor_.position = batch.end;
  keep_place();
  pause_ = 0;
  set_state(LaneState::kConnected, transport_->peer());
  return 0;
}

// It is dealt with: the next one is the first again.
void Lane::pass(const Event& event) {
  cursor_.position = {event.sequence, event.id};
  if (event.lost_before != 0) {
    log_->error("{}: {} events before {} are gone from the journal and were never delivered", options_.name,
                event.lost_before, key_of(cursor_.epoch, event));
    lost_total_.Increment(static_cast<double>(event.lost_before));
  }
  MutexLock lock(mutex_);
  told_id_ = event.id;
  status_.lost += event.lost_before;
}

void Lane::bury(const Event& event, const std::string& reason) {
  const std::string key = key_of(cursor_.epoch, event);
  log_->error("{}: event {} was refused and is now a dead letter: {}", options_.name, key, reason);
  const auto kept = dead_letters_.add({clock_.now(), key, reason, event.body});
  if (!kept) log_->error("{}: the dead letter {} is not kept: {}", options_.name, key, kept.error().message);
  dead_total_.Increment();
  pass(event);
  MutexLock lock(mutex_);
  ++status_.dead;
  status_.last_error = reason;
  status_.last_error_time = clock_.now();
}

core::DurationNs Lane::back_off(const std::string& reason) {
  if (stopping()) return 0;
  failures_total_.Increment();
  const bool first = pause_ == 0;
  pause_ = first ? options_.retry_min : std::min(pause_ * 2, options_.retry_max);
  // Spread by a quarter either way, so that many plants do not come back in step.
  const auto spread = static_cast<core::DurationNs>(static_cast<double>(pause_) * (0.75 + 0.5 * random_.uniform()));
  const core::DurationNs wait = std::clamp(spread, options_.retry_min, options_.retry_max);
  retry_at_ = clock_.monotonic() + wait;
  if (first) log_->warn("{}: {}; trying again, {} events wait", options_.name, reason, status().backlog);
  set_state(LaneState::kBackingOff, reason);
  MutexLock lock(mutex_);
  status_.last_error = reason;
  status_.last_error_time = clock_.now();
  return wait;
}

void Lane::set_state(LaneState state, std::string detail) {
  connected_gauge_.Set(state == LaneState::kConnected ? 1 : 0);
  backlog_gauge_.Set(static_cast<double>(status().backlog));
  MutexLock lock(mutex_);
  if (state == LaneState::kConnected && status_.state == LaneState::kBackingOff) {
    log_->info("{}: {} is there again", options_.name, detail);
  }
  if (state != status_.state) status_.since = clock_.now();
  status_.state = state;
  status_.detail = std::move(detail);
}

// A place that cannot be kept costs repeats after a crash, and nothing now.
void Lane::keep_place() {
  const auto kept = save_cursor(files_, directory_ + "/cursor.json", cursor_);
  if (!kept && place_kept_)
    log_->error("{}: {}; a crash now would send events again", options_.name, kept.error().message);
  place_kept_ = kept.has_value();
}

LaneStatus Lane::status() const {
  const std::uint64_t newest = source_.newest().id;
  MutexLock lock(mutex_);
  LaneStatus now = status_;
  now.backlog = newest > told_id_ ? newest - told_id_ : 0;
  return now;
}

}  // namespace millwright::forwarding
