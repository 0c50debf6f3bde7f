// The alarm journal's records. Format: docs/format/alarms.md; both change together, with the version byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "alarms/alarm.hpp"
#include "alarms/control.hpp"
#include "core/result.hpp"
#include "journal/journal.hpp"

namespace millwright::alarms {

inline constexpr journal::RecordType kChangeRecord = 1;         // an alarm as it is after a change
inline constexpr journal::RecordType kCheckpointRecord = 2;     // an alarm as it was when the segment began
inline constexpr journal::RecordType kCheckpointEndRecord = 3;  // the checkpoint is whole
inline constexpr journal::RecordType kControlRecord = 4;  // a control as it is after a change; also in checkpoints

struct CheckpointEnd {
  std::uint64_t alarms = 0;  // checkpoint records before it
  std::uint64_t next_id = 1;
  std::uint64_t version = 0;  // of the last change
};

std::vector<std::byte> encode(const Alarm& alarm);
std::vector<std::byte> encode(const CheckpointEnd& end);
std::vector<std::byte> encode(const Control& control);
core::Result<Control> decode_control(std::span<const std::byte> bytes);
// kCorrupt, or kUnsupported where a later version wrote it.
core::Result<Alarm> decode_alarm(std::span<const std::byte> bytes);
core::Result<CheckpointEnd> decode_checkpoint_end(std::span<const std::byte> bytes);

}  // namespace millwright::alarms
