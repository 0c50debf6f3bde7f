#include "forwarding/lane.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

namespace millwright::forwarding {
namespace {

using core::MutexLock;

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

Lane::Lane(LaneOptions options, const std::string& directory, std::unique_ptr<Feed> feed,
           std::unique_ptr<Transport> transport, io::FileSystem& files, const io::Clock& clock, core::Metrics& metrics)
    : options_(std::move(options)),
      feed_(std::move(feed)),
      transport_(std::move(transport)),
      clock_(clock),
      log_(core::logger("outputs")),
      delivered_total_(metrics.counter("millwright_output_delivered_total",
                                       "Changes or readings that the receiver has confirmed",
                                       {{"output", options_.name}})),
      dead_total_(metrics.counter("millwright_output_dead_total", "Events that the receiver refused for good",
                                  {{"output", options_.name}})),
      lost_total_(metrics.counter("millwright_output_lost_total", "Events gone from the journal before their delivery",
                                  {{"output", options_.name}})),
      failures_total_(metrics.counter("millwright_output_failures_total", "Attempts that failed and are made again",
                                      {{"output", options_.name}})),
      backlog_gauge_(metrics.gauge("millwright_output_backlog", "Changes, or records of readings, that wait",
                                   {{"output", options_.name}})),
      backlog_bytes_(
          metrics.gauge("millwright_output_backlog_bytes", "Readings that wait, as kept", {{"output", options_.name}})),
      backlog_age_(metrics.gauge("millwright_output_backlog_age_seconds", "How long the oldest readings have waited",
                                 {{"output", options_.name}})),
      connected_gauge_(metrics.gauge("millwright_output_connected", "1 while the receiver is there, else 0",
                                     {{"output", options_.name}})),
      dead_letters_(files, directory, options_.dead_letters_bytes),
      random_(options_.seed != 0 ? options_.seed : io::entropy()) {
  transport_->when_waiting([this](const std::string& trouble) { while_waiting(trouble); });
  status_.name = options_.name;
  status_.kind = options_.kind;
  status_.since = clock_.now();
}

Lane::~Lane() {
  stop();
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
  keep_place(Feed::When::kNow);
}

core::DurationNs Lane::turn() {
  if (const core::DurationNs left = retry_at_ - clock_.monotonic(); pause_ != 0 && left > 0) return left;
  const Stopping asked = [this] { return stopping(); };
  if (auto up = transport_->connect(asked); !up) return back_off(up.error().message);
  const auto batch = feed_->next();
  if (!batch) return back_off(batch.error().message);
  return deliver(*batch);
}

core::DurationNs Lane::deliver(const Feed::Batch& batch) {
  const Stopping asked = [this] { return stopping(); };
  std::span<const Event> left(batch.events);
  while (!left.empty()) {
    const Delivery done = transport_->deliver(left, asked);
    ASSERT(done.failure ? done.delivered < left.size() : done.delivered == left.size(),
           "a delivery that does not add up");
    std::uint64_t count = 0;
    for (const auto& part : done.refused_parts) {
      ASSERT(part.event < done.delivered, "a part of an event that comes again");
      bury(left[part.event], part);
    }
    for (const Event& event : left.first(done.delivered)) {
      pass(event);
      count += event.count;
    }
    for (const auto& part : done.refused_parts) count -= std::min(part.count, count);
    delivered_total_.Increment(static_cast<double>(count));
    {
      MutexLock lock(mutex_);
      status_.delivered += count;
    }
    if (done.delivered != 0) pause_ = 0;
    left = left.subspan(done.delivered);
    if (!done.failure) break;
    if (done.failure->fate == Delivery::Fate::kRetry) {
      keep_place(Feed::When::kNow);
      return back_off(done.failure->reason);
    }
    bury(left.front(), done.failure->reason);
    left = left.subspan(1);
  }
  lose(batch.lost);
  if (!batch.problem.empty()) tell(batch.problem);
  feed_->done();
  keep_place(Feed::When::kSoon);
  pause_ = 0;
  set_state(LaneState::kConnected, transport_->peer());
  return batch.wait;
}

// It is dealt with: the next one is the first again.
void Lane::pass(const Event& event) {
  feed_->pass(event);
  lose(event.lost_before);
}

void Lane::lose(std::uint64_t count) {
  if (count == 0) return;
  log_->error("{}: {} {} are gone from the journal, or unreadable, and were never delivered", options_.name, count,
              feed_->unit());
  lost_total_.Increment(static_cast<double>(count));
  MutexLock lock(mutex_);
  status_.lost += count;
}

void Lane::bury(const Event& event, const std::string& reason) {
  bury({clock_.now(), event.key, reason, event.body}, event.count);
  pass(event);
}

void Lane::bury(const Event& event, const Delivery::RefusedPart& part) {
  bury({clock_.now(), event.key, part.reason, part.body}, part.count);
}

void Lane::bury(const DeadLetter& letter, std::uint64_t count) {
  log_->error("{}: event {} was refused and is now a dead letter: {}", options_.name, letter.key, letter.reason);
  const auto kept = dead_letters_.add(letter);
  if (!kept) log_->error("{}: the dead letter {} is not kept: {}", options_.name, letter.key, kept.error().message);
  dead_total_.Increment(static_cast<double>(count));
  tell(letter.reason);
  MutexLock lock(mutex_);
  status_.dead += count;
}

void Lane::tell(const std::string& error) {
  MutexLock lock(mutex_);
  status_.last_error = error;
  status_.last_error_time = clock_.now();
}

core::DurationNs Lane::back_off(const std::string& reason) {
  if (stopping()) return 0;
  failures_total_.Increment();
  feed_->receiver_lost();
  const bool first = pause_ == 0;
  pause_ = first ? options_.retry_min : std::min(pause_ * 2, options_.retry_max);
  // Spread by a quarter either way, so that many plants do not come back in step.
  const auto spread = static_cast<core::DurationNs>(static_cast<double>(pause_) * (0.75 + 0.5 * random_.uniform()));
  const core::DurationNs wait = std::clamp(spread, options_.retry_min, options_.retry_max);
  retry_at_ = clock_.monotonic() + wait;
  if (first)
    log_->warn("{}: {}; trying again, {} {} wait", options_.name, reason, feed_->backlog().count, feed_->unit());
  set_state(LaneState::kBackingOff, reason);
  tell(reason);
  return wait;
}

// A delivery is under way and its answer keeps away.
void Lane::while_waiting(const std::string& trouble) {
  if (trouble.empty()) return show_backlog();
  {
    MutexLock lock(mutex_);
    if (status_.state == LaneState::kConnected) log_->warn("{}: {}; waiting for it", options_.name, trouble);
    status_.last_error = trouble;
    status_.last_error_time = clock_.now();
  }
  set_state(LaneState::kBackingOff, trouble);
}

void Lane::set_state(LaneState state, std::string detail) {
  connected_gauge_.Set(state == LaneState::kConnected ? 1 : 0);
  show_backlog();
  MutexLock lock(mutex_);
  if (state == LaneState::kConnected && status_.state == LaneState::kBackingOff) {
    log_->info("{}: {} is there again", options_.name, detail);
  }
  if (state != status_.state) status_.since = clock_.now();
  status_.state = state;
  status_.detail = std::move(detail);
}

void Lane::show_backlog() {
  const Backlog backlog = feed_->backlog();
  backlog_gauge_.Set(static_cast<double>(backlog.count));
  backlog_bytes_.Set(static_cast<double>(backlog.bytes));
  backlog_age_.Set(static_cast<double>(backlog.age) * 1e-9);
}

// A place that cannot be kept costs repeats after a crash, and nothing now.
void Lane::keep_place(Feed::When when) {
  const auto kept = feed_->keep(when);
  if (!kept && place_kept_)
    log_->error("{}: {}; a crash now would send events again", options_.name, kept.error().message);
  place_kept_ = kept.has_value();
}

LaneStatus Lane::status() const {
  LaneStatus now;
  {
    MutexLock lock(mutex_);
    now = status_;
  }
  now.backlog = feed_->backlog();
  return now;
}

}  // namespace millwright::forwarding
