#include "stop_signal.hpp"

#include <csignal>
#include <ctime>

namespace millwright::app {
namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

StopSignal::StopSignal() {
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

bool StopSignal::wait(core::DurationNs timeout) {
  if (stopped_) return true;
  const sigset_t set = stop_signals();
  const timespec limit{static_cast<time_t>(timeout / core::kSecond), static_cast<long>(timeout % core::kSecond)};
  if (sigtimedwait(&set, nullptr, &limit) > 0) stopped_ = true;
  return stopped_;
}

}  // namespace millwright::app
