#include "forwarding/copy_rows.hpp"

#include <cmath>

#include "core/value_text.hpp"

namespace millwright::forwarding {
namespace {

using core::ValueType;

constexpr std::string_view kNull = "\\N";
constexpr std::int64_t kDoubleExact = std::int64_t{1} << 53;

// Escaped as COPY asks; a NUL, which no text of PostgreSQL can hold, becomes U+FFFD.
void append_field(std::string_view text, std::string& out) {
  for (const char c : text) {
    switch (c) {
      case '\\':
        out += "\\\\";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\0':
        out += "\xEF\xBF\xBD";
        break;
      default:
        out += c;
    }
  }
}

void append_integer(std::int64_t value, std::string& out) {
  core::append_value(ValueType::kInt64, core::to_bits(value), out);
}

// The columns value, whole, text.
void append_value(const ReadingRows& rows, std::uint32_t i, std::string& out) {
  const ValueType type = rows.readings.type;
  const std::uint64_t bits = rows.readings.bits(i);
  if (type == ValueType::kText) {
    out += "\\N\t\\N\t";
    return append_field(rows.text(core::from_bits<std::int32_t>(bits)), out);
  }
  std::string_view whole = kNull;
  std::string exact;
  if (type == ValueType::kBool) {
    out += bits != 0 ? '1' : '0';
  } else if (core::is_real(type) && std::isnan(core::as_double(type, bits))) {
    out += "NaN";
  } else {
    core::append_value(type, bits, out);
    const auto number = core::from_bits<std::int64_t>(bits);
    if (type == ValueType::kInt64 && (number > kDoubleExact || number < -kDoubleExact)) {
      append_integer(number, exact);
      whole = exact;
    }
  }
  out += '\t';
  out += whole;
  out += '\t';
  out += kNull;
}

}  // namespace

void CopyRows::append(const ReadingRows& rows, std::string& out) const {
  std::string head;
  append_field(rows.series.machine, head);
  head += '\t';
  append_field(rows.series.sensor, head);
  head += '\t';
  QualityWalk quality(rows.readings);
  for (const std::uint32_t i : rows.picked) {
    const core::TimeNs time = rows.readings.time(i);
    const core::TimeNs micro = core::floor_to(time, core::kMicrosecond);
    out += head;
    append_integer(micro / core::kMicrosecond, out);
    out += '\t';
    append_integer(time - micro, out);
    out += '\t';
    append_value(rows, i, out);
    out += '\t';
    core::append_number(quality.at(i).code, out);
    out += '\n';
  }
}

}  // namespace millwright::forwarding
