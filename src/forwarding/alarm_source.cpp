#include "forwarding/alarm_source.hpp"

#include "alarms/alarm_json.hpp"
#include "alarms/record.hpp"
#include "core/log.hpp"

namespace millwright::forwarding {
namespace {

Event event_of(const alarms::Alarm& alarm, journal::Sequence sequence) {
  return Event{.sequence = sequence,
               .id = alarm.version,
               .lost_before = 0,
               .kind = "alarm",
               .machine = alarm.machine,
               .component = alarm.component,
               .sensor = alarm.sensor.substr(alarm.sensor.rfind('/') + 1),
               .body = alarms::alarm_text(alarm)};
}

}  // namespace

core::Result<EventSource::Batch> AlarmSource::read(const Position& after, std::size_t count_max) const {
  Batch batch{.events = {}, .end = after};
  const journal::Sequence durable = journal_.durable();
  journal::Sequence expected = after.sequence + 1;
  bool gap = false;  // records are missing, and what they were shows at the next change
  const auto take = [&](const alarms::Alarm& alarm, journal::Sequence sequence) {
    if (alarm.version <= batch.end.id) return;
    batch.events.push_back(event_of(alarm, sequence));
    if (gap) batch.events.back().lost_before = alarm.version - batch.end.id - 1;
    gap = false;
    batch.end.id = alarm.version;
  };
  const auto read = journal_.read(expected, [&](const journal::Record& record) {
    if (record.sequence > durable) return false;
    gap = gap || record.sequence != expected;
    expected = record.sequence + 1;
    if (record.type == alarms::kChangeRecord) {
      if (const auto alarm = alarms::decode_alarm(record.payload)) {
        take(*alarm, record.sequence);
      } else {
        core::logger("outputs")->error("alarm record {} cannot be told: {}", record.sequence, alarm.error().message);
        gap = true;
      }
    }
    if (!gap) batch.end.sequence = record.sequence;  // else it is read again, until it shows what is missing
    return batch.events.size() < count_max;
  });
  if (!read) return core::unexpected(read.error());
  return batch;
}

Position AlarmSource::newest() const {
  return {journal_.appended(), alarms_.version()};
}

}  // namespace millwright::forwarding
