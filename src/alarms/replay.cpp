#include "alarms/replay.hpp"

#include <algorithm>
#include <optional>

#include "alarms/record.hpp"
#include "core/log.hpp"

namespace millwright::alarms {
namespace {

using core::ErrorCode;

// True where all of the checkpoint that begins the segment can be read.
bool whole_checkpoint(const journal::Journal& journal, journal::Sequence segment) {
  std::uint64_t alarms = 0;
  bool whole = false;
  const auto read = journal.read_segment(segment, 0, [&](const journal::Record& record) {
    if (record.type == kCheckpointRecord) ++alarms;
    if (record.type == kCheckpointEndRecord) {
      const auto end = decode_checkpoint_end(record.payload);
      whole = end && end->alarms == alarms;
    }
    return record.type == kCheckpointRecord || record.type == kControlRecord || record.type == 0;
  });
  return read && whole;
}

core::Status take(const journal::Record& record, Replayed& replayed) {
  if (record.type == kChangeRecord || record.type == kCheckpointRecord) {
    auto alarm = decode_alarm(record.payload);
    if (!alarm) return core::unexpected(alarm.error());
    replayed.next_id = std::max(replayed.next_id, alarm->id + 1);
    replayed.version = std::max(replayed.version, alarm->version);
    replayed.book.put(*alarm);
  } else if (record.type == kControlRecord) {
    const auto control = decode_control(record.payload);
    if (!control) return core::unexpected(control.error());
    replayed.next_id = std::max(replayed.next_id, control->id + 1);
    replayed.controls.put(*control);
  } else if (record.type == kCheckpointEndRecord) {
    const auto end = decode_checkpoint_end(record.payload);
    if (!end) return core::unexpected(end.error());
    replayed.next_id = std::max(replayed.next_id, end->next_id);
    replayed.version = std::max(replayed.version, end->version);
  }
  return {};
}

}  // namespace

journal::Sequence checkpoint_of(const journal::Journal& journal) {
  const auto segments = journal.segments();
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    if (whole_checkpoint(journal, segment->first)) return segment->first;
  }
  return 1;
}

core::Result<Replayed> replay(const journal::Journal& journal) {
  Replayed replayed;
  std::optional<core::Error> refused;
  const auto log = core::logger("alarms");
  const auto read = journal.read(
      checkpoint_of(journal),
      [&](const journal::Record& record) {
        const auto taken = take(record, replayed);
        if (taken) return true;
        if (taken.error().code != ErrorCode::kUnsupported) {
          log->error("alarm record {} is left out: {}", record.sequence, taken.error().message);
          return true;
        }
        refused = taken.error();
        return false;
      },
      [&](const journal::Damage& damage) {
        log->error("changes of alarms are lost: {}: {}", damage.where, damage.reason);
      });
  if (!read) return core::unexpected(read.error());
  if (refused) return core::unexpected(*refused);
  return replayed;
}

}  // namespace millwright::alarms
