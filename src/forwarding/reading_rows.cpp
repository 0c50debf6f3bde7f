#include "forwarding/reading_rows.hpp"

#include <charconv>
#include <cmath>

#include "core/value_text.hpp"

namespace millwright::forwarding {
namespace {

using core::ValueType;

void append_integer(std::int64_t value, std::string& out) {
  char buffer[24];
  out.append(buffer, std::to_chars(std::begin(buffer), std::end(buffer), value).ptr);
}

bool is_number(ValueType type, std::uint64_t bits) {
  return !core::is_real(type) || std::isfinite(core::as_double(type, bits));
}

void append_json_value(const ReadingRows& rows, std::uint32_t i, std::string& out) {
  const ValueType type = rows.readings.type;
  const std::uint64_t bits = rows.readings.bits(i);
  if (type == ValueType::kText) return core::append_json_text(rows.text(core::from_bits<std::int32_t>(bits)), out);
  if (type == ValueType::kBool) {
    out += bits != 0 ? '1' : '0';
  } else if (is_number(type, bits)) {
    core::append_value(type, bits, out);
  } else {
    out += "null";
  }
}

void append_head(const ReadingRows& rows, std::uint32_t first, std::string& out) {
  const auto text = [&](std::string_view name, std::string_view value) {
    out += name;
    core::append_json_text(value, out);
  };
  const auto number = [&](std::string_view name, std::uint64_t value) {
    out += name;
    core::append_number(value, out);
  };
  text("{\"machine\":", rows.series.machine);
  text(",\"sensor\":", rows.series.sensor);
  text(",\"type\":", to_string(rows.series.type));
  text(",\"stream\":", rows.stream);
  number(",\"epoch\":", rows.epoch);
  number(",\"sequence\":", rows.sequence);
  number(",\"block\":", rows.block);
  number(",\"index\":", first);
}

template <typename Append>
void append_array(std::string_view name, std::span<const std::uint32_t> picked, std::string& out, Append&& append) {
  out += name;
  char before = '[';
  for (const std::uint32_t i : picked) {
    out += before;
    append(i);
    before = ',';
  }
  out += ']';
}

}  // namespace

void JsonRows::append(const ReadingRows& rows, std::string& out) const {
  const bool texts = rows.readings.type == ValueType::kText;
  QualityWalk quality(rows.readings);
  for (auto left = rows.picked; !left.empty();) {
    const auto row = left.first(std::min(left.size(), texts ? kRowTexts : kRowReadings));
    left = left.subspan(row.size());
    append_head(rows, row.front(), out);
    append_array(",\"t\":", row, out, [&](std::uint32_t i) { append_integer(rows.readings.time(i), out); });
    append_array(texts ? ",\"s\":" : ",\"v\":", row, out, [&](std::uint32_t i) { append_json_value(rows, i, out); });
    append_array(",\"q\":", row, out, [&](std::uint32_t i) { core::append_number(quality.at(i).code, out); });
    out += "}\n";
  }
}

}  // namespace millwright::forwarding
