// Retention of the alarm journal: segments that are too old, or too many, are removed, the oldest first. What a start
// needs, the newest whole checkpoint and all after it, always stays.
//
// Threads: any, one at a time. Errors: the disk's; what could not be removed is tried again by the next call.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/result.hpp"
#include "core/time.hpp"
#include "journal/journal.hpp"

namespace millwright::alarms {

struct Retention {
  // Measured against the newest segment, not the clock: a clock that jumps must not cost the past.
  core::DurationNs age = 400 * 24 * core::kHour;
  std::uint64_t bytes = 4ULL << 30;
};
inline constexpr std::size_t kSegmentsKept = 4;  // whatever their age

// Gives how many segments went.
core::Result<std::size_t> trim(journal::Journal& journal, const Retention& retention);

}  // namespace millwright::alarms
