#include "alarms/record.hpp"

#include <string>
#include <string_view>

#include <fmt/format.h>

#include "core/bytes.hpp"

namespace millwright::alarms {
namespace {

using core::ByteReader;
using core::ByteWriter;
using core::ErrorCode;

constexpr std::uint8_t kVersion = 2;
constexpr std::uint8_t kVersionOfStatesAlone = 1;  // before suppression, latching, groups

void put_text(ByteWriter& out, std::string_view text) {
  out.varint(text.size());
  out.text(text);
}

std::string get_text(ByteReader& in) {
  const std::uint64_t n = in.varint();
  if (n > in.remaining()) in.fail();
  return in.ok() ? std::string(in.text(n)) : std::string();
}

core::Result<std::uint8_t> get_version(ByteReader& in) {
  const auto version = in.get<std::uint8_t>();
  if (!in.ok()) return core::unexpected(ErrorCode::kCorrupt, "an empty alarm record");
  if (version == kVersion || version == kVersionOfStatesAlone) return version;
  return core::unexpected(ErrorCode::kUnsupported,
                          fmt::format("an alarm record of version {}; this program reads {}", version, kVersion));
}

}  // namespace

std::vector<std::byte> encode(const Alarm& alarm) {
  std::vector<std::byte> bytes;
  ByteWriter out(bytes);
  out.put(kVersion);
  out.put(static_cast<std::uint8_t>(alarm.state));
  out.put(static_cast<std::uint8_t>(alarm.priority));
  out.put(alarm.id);
  out.put(alarm.version);
  for (const core::TimeNs time : {alarm.raised, alarm.published, alarm.cleared, alarm.acknowledged}) out.put(time);
  out.put(alarm.value);
  out.put(alarm.limit);
  for (const std::string* text : {&alarm.condition, &alarm.machine, &alarm.component, &alarm.sensor, &alarm.message,
                                  &alarm.acknowledged_by, &alarm.comment}) {
    put_text(out, *text);
  }
  out.put(static_cast<std::uint8_t>(alarm.suppression));
  out.put(static_cast<std::uint8_t>(alarm.first_out));
  out.put(alarm.suppressed_until);
  out.put(alarm.consequence_of);
  out.put(alarm.raises);
  return bytes;
}

std::vector<std::byte> encode(const Control& control) {
  std::vector<std::byte> bytes;
  ByteWriter out(bytes);
  out.put(kVersion);
  out.put(static_cast<std::uint8_t>(control.kind));
  out.put(static_cast<std::uint8_t>(control.released));
  out.put(control.id);
  out.put(control.since);
  out.put(control.until);
  for (const std::string* text : {&control.match, &control.by, &control.comment}) put_text(out, *text);
  return bytes;
}

core::Result<Control> decode_control(std::span<const std::byte> bytes) {
  ByteReader in(bytes);
  if (auto known = get_version(in); !known) return core::unexpected(known.error());
  Control control;
  const auto kind = in.get<std::uint8_t>();
  control.released = in.get<std::uint8_t>() != 0;
  control.id = in.get<std::uint64_t>();
  control.since = in.get<core::TimeNs>();
  control.until = in.get<core::TimeNs>();
  for (std::string* text : {&control.match, &control.by, &control.comment}) *text = get_text(in);
  if (!in.ok() || in.remaining() != 0 || kind == 0 || kind > static_cast<std::uint8_t>(Suppression::kOutOfService)) {
    return core::unexpected(ErrorCode::kCorrupt, "a control of alarms that makes no sense");
  }
  control.kind = static_cast<Suppression>(kind);
  return control;
}

std::vector<std::byte> encode(const CheckpointEnd& end) {
  std::vector<std::byte> bytes;
  ByteWriter out(bytes);
  out.put(kVersion);
  out.put(end.alarms);
  out.put(end.next_id);
  out.put(end.version);
  return bytes;
}

core::Result<Alarm> decode_alarm(std::span<const std::byte> bytes) {
  ByteReader in(bytes);
  const auto version = get_version(in);
  if (!version) return core::unexpected(version.error());
  Alarm alarm;
  const auto state = in.get<std::uint8_t>();
  const auto priority = in.get<std::uint8_t>();
  alarm.id = in.get<std::uint64_t>();
  alarm.version = in.get<std::uint64_t>();
  for (core::TimeNs* time : {&alarm.raised, &alarm.published, &alarm.cleared, &alarm.acknowledged}) {
    *time = in.get<core::TimeNs>();
  }
  alarm.value = in.get<double>();
  alarm.limit = in.get<double>();
  for (std::string* text : {&alarm.condition, &alarm.machine, &alarm.component, &alarm.sensor, &alarm.message,
                            &alarm.acknowledged_by, &alarm.comment}) {
    *text = get_text(in);
  }
  std::uint8_t suppression = 0;
  if (*version != kVersionOfStatesAlone) {
    suppression = in.get<std::uint8_t>();
    alarm.first_out = in.get<std::uint8_t>() != 0;
    alarm.suppressed_until = in.get<core::TimeNs>();
    alarm.consequence_of = in.get<std::uint64_t>();
    alarm.raises = in.get<std::uint32_t>();
  }
  if (!in.ok() || in.remaining() != 0 || state > static_cast<std::uint8_t>(State::kLatchedAcknowledged) ||
      suppression > static_cast<std::uint8_t>(Suppression::kOutOfService) ||
      priority > static_cast<std::uint8_t>(Priority::kCritical) || alarm.id == 0) {
    return core::unexpected(ErrorCode::kCorrupt, "an alarm record that makes no sense");
  }
  alarm.state = static_cast<State>(state);
  alarm.priority = static_cast<Priority>(priority);
  alarm.suppression = static_cast<Suppression>(suppression);
  return alarm;
}

core::Result<CheckpointEnd> decode_checkpoint_end(std::span<const std::byte> bytes) {
  ByteReader in(bytes);
  if (auto known = get_version(in); !known) return core::unexpected(known.error());
  CheckpointEnd end;
  end.alarms = in.get<std::uint64_t>();
  end.next_id = in.get<std::uint64_t>();
  end.version = in.get<std::uint64_t>();
  if (!in.ok() || in.remaining() != 0) {
    return core::unexpected(ErrorCode::kCorrupt, "the end of an alarm checkpoint that makes no sense");
  }
  return end;
}

}  // namespace millwright::alarms
