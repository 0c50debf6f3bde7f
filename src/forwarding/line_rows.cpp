#include "forwarding/line_rows.hpp"

#include <array>
#include <cmath>

#include "core/text.hpp"
#include "core/value_text.hpp"

namespace millwright::forwarding {
namespace {

using core::ValueType;

constexpr std::array<std::string_view, 6> kLevels{"enterprise", "site", "area", "line", "cell", "machine"};

void append_name(std::string_view name, std::string_view escaped, std::string& out) {
  for (const char c : name) {
    if (escaped.find(c) != std::string_view::npos) out += '\\';
    out += c == '\n' ? ' ' : c;
  }
}

void append_tag(std::string_view key, std::string_view value, std::string& out) {
  if (value.empty()) return;  // the protocol has no empty tags
  out += ',';
  out += key;
  out += '=';
  append_name(value, ", =", out);
}

// Quoted; no receiver agrees with another on line ends in it, so they become spaces.
void append_text(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' || c == '\r' ? ' ' : c;
  }
  out += '"';
}

// A field a kind of value, so that no sensor can spoil another's type. False: there is no value.
bool append_value(const ReadingRows& rows, std::uint32_t i, std::string& out) {
  const ValueType type = rows.readings.type;
  const std::uint64_t bits = rows.readings.bits(i);
  if (type == ValueType::kText) {
    out += "text=";
    append_text(rows.text(core::from_bits<std::int32_t>(bits)), out);
    return true;
  }
  if (core::is_real(type)) {
    if (!std::isfinite(core::as_double(type, bits))) return false;
    out += "value=";
    core::append_value(type, bits, out);
    return true;
  }
  out += "whole=";
  if (type == ValueType::kBool) {
    out += bits != 0 ? '1' : '0';
  } else {
    core::append_value(type, bits, out);
  }
  out += 'i';
  return true;
}

}  // namespace

void LineRows::append(const ReadingRows& rows, std::string& out) const {
  std::string head;
  append_name(measurement_, ", ", head);
  const auto names = core::split(rows.series.machine, '/');
  for (std::size_t i = 0; i < std::min(names.size(), kLevels.size()); ++i) append_tag(kLevels[i], names[i], head);
  const std::string_view sensor = rows.series.sensor;
  const std::size_t slash = sensor.find('/');
  if (slash != std::string_view::npos) append_tag("component", sensor.substr(0, slash), head);
  append_tag("sensor", slash == std::string_view::npos ? sensor : sensor.substr(slash + 1), head);
  head += ' ';
  QualityWalk quality(rows.readings);
  for (const std::uint32_t i : rows.picked) {
    const core::Quality now = quality.at(i);
    out += head;
    const bool valued = append_value(rows, i, out);
    if (!valued || now != core::kGood) {
      out += valued ? ",quality=" : "quality=";
      core::append_number(now.code, out);
      out += 'i';
    }
    out += ' ';
    core::append_value(ValueType::kInt64, core::to_bits(rows.readings.time(i)), out);
    out += '\n';
  }
}

}  // namespace millwright::forwarding
