#include "backtest/evaluation.hpp"

namespace millwright::backtest {

void Evaluation::add(bool labelled, bool alarm, core::TimeNs time) {
  ++(labelled ? (alarm ? hits_ : misses_) : (alarm ? false_alarms_ : quiet_));
  if (labelled && !in_event_) {
    ++events_;
    seen_ = false;
    event_rows_ = 0;
    event_start_ = time;
  }
  in_event_ = labelled;
  if (!labelled) return;
  if (alarm && !seen_) {
    seen_ = true;
    ++detected_;
    delay_rows_ += event_rows_;
    delay_seconds_ += static_cast<double>(time - event_start_) / static_cast<double>(core::kSecond);
  }
  ++event_rows_;
}

double Evaluation::delay_seconds() const {
  return detected_ == 0 ? 0 : delay_seconds_ / static_cast<double>(detected_);
}

}  // namespace millwright::backtest
