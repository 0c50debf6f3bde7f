#include "journal/group_commit.hpp"

#include <algorithm>
#include <chrono>

#include "core/log.hpp"

namespace millwright::journal {

using core::MutexLock;

GroupCommit::GroupCommit(core::DurationNs interval, core::Metrics& metrics)
    : interval_(std::max<core::DurationNs>(interval, core::kMicrosecond)),
      commit_seconds_(metrics.histogram("millwright_journal_commit_seconds",
                                        "Time to write and sync what all journals had to commit",
                                        {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5})),
      failures_(metrics.counter("millwright_journal_commit_failures_total",
                                "Commits of a journal that failed: disk full, or the journal has stopped")) {}

GroupCommit::~GroupCommit() {
  stop();
}

void GroupCommit::add(Journal& journal, std::function<void(Sequence durable)> on_durable) {
  ASSERT(!thread_.joinable(), "GroupCommit::add() after start()");
  members_.push_back(
      Member{.journal = &journal, .on_durable = std::move(on_durable), .told = journal.durable(), .error = {}});
}

void GroupCommit::start() {
  ASSERT(!thread_.joinable(), "GroupCommit::start() twice");
  thread_ = std::thread([this] { run(); });
}

void GroupCommit::stop() {
  {
    MutexLock lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  commit_all();  // here, so that what was appended up to this call is in it
}

void GroupCommit::run() {
  const std::chrono::nanoseconds interval(interval_);
  auto next = std::chrono::steady_clock::now() + interval;
  for (;;) {
    {
      MutexLock lock(mutex_);
      while (!stopping_) {
        const auto left = next - std::chrono::steady_clock::now();
        if (left <= std::chrono::nanoseconds(0)) break;
        wake_.wait_for(mutex_, left);
      }
      if (stopping_) return;
    }
    commit_all();
    // After a commit that took longer than the interval the next one follows at once, and times do not pile up.
    next = std::max(next + interval, std::chrono::steady_clock::now());
  }
}

void GroupCommit::commit_all() {
  const auto before = std::chrono::steady_clock::now();
  for (Member& member : members_) {
    const core::Status done = member.journal->commit();
    if (!done) failures_.Increment();
    const std::string error = done ? std::string() : std::string(core::to_string(done.error().code));
    if (error != member.error) {
      if (done) {
        core::logger("journal")->info("committing again, up to record {}", member.journal->durable());
      } else {
        core::logger("journal")->error("cannot commit: {}", done.error().message);
      }
      member.error = error;
    }
    const Sequence durable = member.journal->durable();
    if (durable == member.told) continue;
    member.told = durable;
    if (member.on_durable) member.on_durable(durable);
  }
  commit_seconds_.Observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count());
}

}  // namespace millwright::journal
