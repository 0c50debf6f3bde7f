#include "connectors/command_queue.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace millwright::connectors {

using core::ErrorCode;
using core::unexpected;

core::Result<std::string> CommandQueue::ask(const asset::Command& command, std::span<const asset::CommandValue> values,
                                            core::DurationNs timeout) {
  const auto job = std::make_shared<Job>(Job{.command = &command, .values = {values.begin(), values.end()}});
  {
    core::MutexLock lock(mutex_);
    if (!closed_.empty()) return unexpected(ErrorCode::kUnavailable, "the command was not sent: " + closed_);
    if (jobs_.size() >= kCommandsMax) return unexpected(ErrorCode::kUnavailable, "too many commands wait already");
    jobs_.push_back(job);
  }
  wake_();
  const auto end = std::chrono::steady_clock::now() + std::chrono::nanoseconds(timeout);
  core::MutexLock lock(mutex_);
  while (!job->result) {
    const auto left = end - std::chrono::steady_clock::now();
    if (left <= std::chrono::nanoseconds(0)) break;
    changed_.wait_for(mutex_, std::chrono::duration_cast<std::chrono::nanoseconds>(left));
  }
  if (job->result) return std::move(*job->result);
  if (job->taken) return unexpected(ErrorCode::kTimeout, "no answer in time: it may have been carried out");
  std::erase(jobs_, job);
  return unexpected(ErrorCode::kTimeout, "the command was not sent: the connector is busy");
}

void CommandQueue::open() {
  core::MutexLock lock(mutex_);
  closed_.clear();
}

void CommandQueue::close(const std::string& why) {
  core::MutexLock lock(mutex_);
  closed_ = why.empty() ? "it is not connected" : why;
  for (const auto& job : jobs_) {
    job->result = unexpected(ErrorCode::kUnavailable, "the command was not sent: " + closed_);
  }
  jobs_.clear();
  changed_.notify_all();
}

bool CommandQueue::waits() const {
  core::MutexLock lock(mutex_);
  return !jobs_.empty();
}

void CommandQueue::serve(const Execute& execute) {
  for (;;) {
    std::shared_ptr<Job> job;
    {
      core::MutexLock lock(mutex_);
      if (jobs_.empty()) return;
      job = jobs_.front();
      jobs_.pop_front();
      job->taken = true;
    }
    auto result = execute(*job->command, job->values);
    core::MutexLock lock(mutex_);
    job->result = std::move(result);
    changed_.notify_all();
  }
}

}  // namespace millwright::connectors
