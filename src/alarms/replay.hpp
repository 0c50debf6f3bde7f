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

// The segment with the newest whole checkpoint, from which reading begins; 1: there is none.
journal::Sequence checkpoint_of(const journal::Journal& journal);
core::Result<Replayed> replay(const journal::Journal& journal);

}  // namespace millwright::alarms
