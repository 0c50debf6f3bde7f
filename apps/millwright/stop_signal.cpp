#include "stop_signal.hpp"

#include <csignal>
#include <ctime>

#include <unistd.h>

namespace millwright::app {
namespace {

sigset_t signals(Hangup hangup) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  if (hangup == Hangup::kReloads) sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

StopSignal::StopSignal(Hangup hangup) : hangup_(hangup) {
  const sigset_t set = signals(hangup_);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

bool StopSignal::wait(core::DurationNs timeout) {
  if (stopped_) return true;
  const sigset_t set = signals(hangup_);
  const timespec limit{static_cast<time_t>(timeout / core::kSecond), static_cast<long>(timeout % core::kSecond)};
  const int signal = sigtimedwait(&set, nullptr, &limit);
  if (signal == SIGHUP) reload_ = true;
  if (signal == SIGINT || signal == SIGTERM) stopped_ = true;
  return stopped_;
}

void ask_to_reload() {
  ::kill(::getpid(), SIGHUP);
}

}  // namespace millwright::app
