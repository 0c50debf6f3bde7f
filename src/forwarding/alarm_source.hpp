// AlarmSource: the changes of alarms as events, read from their journal (docs/format/alarms.md).
//
// Threads: from any.
#pragma once

#include "alarms/alarm_manager.hpp"
#include "forwarding/event.hpp"
#include "journal/journal.hpp"

namespace millwright::forwarding {

class AlarmSource final : public EventSource {
 public:
  // Both outlive it.
  AlarmSource(const journal::Journal& journal, const alarms::AlarmManager& alarms)
      : journal_(journal), alarms_(alarms) {}

  [[nodiscard]] core::Result<Batch> read(const Position& after, std::size_t count_max) const override;
  [[nodiscard]] Position newest() const override;

 private:
  const journal::Journal& journal_;
  const alarms::AlarmManager& alarms_;
};

}  // namespace millwright::forwarding
