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
  std::erase_if(sent_, [&](const auto& sent) { return sent.second == job; });
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
  for (const auto& [ticket, job] : sent_) {
    job->result = unexpected(ErrorCode::kTimeout, closed_ + " before the answer came: it may have been carried out");
  }
  sent_.clear();
  changed_.notify_all();
}

bool CommandQueue::waits() const {
  core::MutexLock lock(mutex_);
  return !jobs_.empty();
}

std::shared_ptr<CommandQueue::Job> CommandQueue::take() {
  core::MutexLock lock(mutex_);
  if (jobs_.empty()) return nullptr;
  auto job = jobs_.front();
  jobs_.pop_front();
  job->taken = true;
  return job;
}

void CommandQueue::serve(const Execute& execute) {
  while (const auto job = take()) {
    auto result = execute(*job->command, job->values);
    core::MutexLock lock(mutex_);
    job->result = std::move(result);
    changed_.notify_all();
  }
}

void CommandQueue::send(const Send& send) {
  while (const auto job = take()) {
    std::uint64_t ticket = 0;
    {
      core::MutexLock lock(mutex_);
      ticket = ++tickets_;
      sent_.emplace(ticket, job);
    }
    if (auto sent = send(ticket, *job->command, job->values); !sent) settle(ticket, unexpected(sent.error()));
  }
}

bool CommandQueue::settle(std::uint64_t ticket, core::Result<std::string> result) {
  core::MutexLock lock(mutex_);
  const auto sent = sent_.find(ticket);
  if (sent == sent_.end()) return false;
  sent->second->result = std::move(result);
  sent_.erase(sent);
  changed_.notify_all();
  return true;
}

bool CommandQueue::awaits(std::uint64_t ticket) const {
  core::MutexLock lock(mutex_);
  return sent_.count(ticket) != 0;
}

}  // namespace millwright::connectors
