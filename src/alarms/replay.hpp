// Builds the alarms again from their journal, beginning at the newest whole checkpoint.
#pragma once

#include <cstdint>

#include "alarms/alarm_book.hpp"
#include "alarms/control.hpp"
#include "core/result.hpp"
#include "journal/journal.hpp"

namespace millwright::alarms {

struct Replayed {
  AlarmBook book;
  ControlBook controls;
  std::uint64_t next_id = 1;
  std::uint64_t version = 0;  // of the last change
};

core::Result<Replayed> replay(const journal::Journal& journal);

}  // namespace millwright::alarms
