#include "forwarding/sensor_lines.hpp"

#include <algorithm>
#include <cmath>

namespace millwright::forwarding {
namespace {

using core::ValueType;

constexpr std::uint32_t kGoodByte = 192;

// The finaliser of splitmix64 (S. Vigna), after which every bit of the input has its say.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0;
  for (const char c : text) hash = mix(hash ^ static_cast<unsigned char>(c));
  return hash;
}

}  // namespace

std::string to_ulid(std::uint64_t ms, std::uint16_t high, std::uint64_t low) {
  constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  std::string out(26, '0');
  for (std::size_t i = 0; i < 10; ++i, ms >>= 5) out[9 - i] = kDigits[ms & 31];
  for (std::size_t i = 0; i < 16; ++i) {
    out[25 - i] = kDigits[low & 31];
    low = (low >> 5) | (static_cast<std::uint64_t>(high & 31) << 59);
    high = static_cast<std::uint16_t>(high >> 5);
  }
  return out;
}

void append_point(const Point& point, core::TimeWriter& times, std::string& out) {
  out += "\"v\":";
  if (point.type == ValueType::kText) {
    core::append_json_text(point.text, out);
  } else if (core::is_real(point.type) && !std::isfinite(core::as_double(point.type, point.bits))) {
    out += "null";
  } else {
    core::append_value(point.type, point.bits, out);
  }
  out += ",\"q\":";
  core::append_number(point.quality == core::kGood ? kGoodByte : point.quality.code, out);
  out += ",\"t\":\"";
  times.append(point.time, out);
  out += '"';
}

void UnsRows::append(const ReadingRows& rows, std::string& out) const {
  const std::uint64_t record = mix(mix(hash_of(rows.stream) ^ rows.epoch) ^ rows.sequence);
  QualityWalk quality(rows.readings);
  core::TimeWriter times;
  for (const std::uint32_t i : rows.picked) {
    const core::TimeNs time = rows.readings.time(i);
    const std::uint64_t bits = rows.readings.bits(i);
    const std::uint64_t place = (static_cast<std::uint64_t>(rows.block) << 32) | i;
    const std::uint64_t low = mix(record ^ place);
    const auto ms = static_cast<std::uint64_t>(std::max<core::TimeNs>(0, time) / core::kMillisecond);
    out += rows.series.sensor;
    out += "\t{\"id\":\"";
    out += to_ulid(ms, static_cast<std::uint16_t>(mix(low ^ record)), low);
    out += "\",";
    const bool text = rows.readings.type == ValueType::kText;
    append_point({.type = rows.readings.type,
                  .bits = bits,
                  .text = text ? rows.text(core::from_bits<std::int32_t>(bits)) : std::string_view(),
                  .quality = quality.at(i),
                  .time = time},
                 times, out);
    out += "}\n";
  }
}

}  // namespace millwright::forwarding
