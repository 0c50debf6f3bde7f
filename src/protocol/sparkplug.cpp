#include "protocol/sparkplug.hpp"

#include <array>
#include <bit>
#include <limits>
#include <span>

#include "core/bytes.hpp"
#include "core/text.hpp"

namespace millwright::protocol::sparkplug {
namespace {

using core::ByteReader;
using core::ErrorCode;
using core::TimeNs;

constexpr std::string_view kNamespace = "spBv1.0";
constexpr std::array<std::string_view, 8> kMessages{"NBIRTH", "NDEATH", "DBIRTH", "DDEATH",
                                                    "NDATA",  "DDATA",  "NCMD",   "DCMD"};
constexpr std::uint64_t kMillisecondsMax = std::numeric_limits<std::int64_t>::max() / core::kMillisecond;

enum class Wire : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Field {
  std::uint64_t number = 0;
  Wire wire = Wire::kVarint;
  std::uint64_t integer = 0;  // of all but kBytes
  std::string_view bytes;
};

// The next field; false at the end, and where the bytes are none (`in` has then failed).
bool next(ByteReader& in, Field& field) {
  if (in.remaining() == 0) return false;
  const std::uint64_t key = in.varint();
  field.number = key >> 3;
  field.wire = static_cast<Wire>(key & 7);
  switch (field.wire) {
    case Wire::kVarint:
      field.integer = in.varint();
      break;
    case Wire::kFixed64:
      field.integer = in.get<std::uint64_t>();
      break;
    case Wire::kFixed32:
      field.integer = in.get<std::uint32_t>();
      break;
    case Wire::kBytes: {
      const std::uint64_t size = in.varint();
      if (size > in.remaining()) in.fail();
      field.bytes = in.text(static_cast<std::size_t>(size));
      break;
    }
    default:
      in.fail();
  }
  if (field.number == 0) in.fail();
  return in.ok();
}

ByteReader reader(std::string_view bytes) {
  return ByteReader(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

std::optional<TimeNs> to_time(std::uint64_t milliseconds) {
  if (milliseconds > kMillisecondsMax) return std::nullopt;
  return static_cast<TimeNs>(milliseconds) * core::kMillisecond;
}

void read_value(const Field& field, Metric& metric) {
  switch (field.number) {
    case 10:  // int_value
    case 11:  // long_value
      if (field.wire == Wire::kVarint) metric.value = field.integer;
      break;
    case 12:
      if (field.wire == Wire::kFixed32) metric.value = std::bit_cast<float>(static_cast<std::uint32_t>(field.integer));
      break;
    case 13:
      if (field.wire == Wire::kFixed64) metric.value = std::bit_cast<double>(field.integer);
      break;
    case 14:
      if (field.wire == Wire::kVarint) metric.value = field.integer != 0;
      break;
    case 15:
      if (field.wire == Wire::kBytes) metric.value = field.bytes;
      break;
    default:
      break;  // bytes, data sets, templates, properties, and what later versions add
  }
}

bool read_metric(std::string_view bytes, Metric& metric) {
  ByteReader in = reader(bytes);
  Field field;
  while (next(in, field)) {
    const bool varint = field.wire == Wire::kVarint;
    if (field.number == 1 && field.wire == Wire::kBytes) metric.name = field.bytes;
    if (field.number == 2 && varint) metric.alias = field.integer;
    if (field.number == 3 && varint) metric.time = to_time(field.integer);
    if (field.number == 4 && varint) metric.type = static_cast<DataType>(static_cast<std::uint32_t>(field.integer));
    if (field.number == 5 && varint) metric.historical = field.integer != 0;
    if (field.number == 6 && varint) metric.transient = field.integer != 0;
    if (field.number == 7 && varint) metric.null = field.integer != 0;
    if (field.number >= 10) read_value(field, metric);
  }
  return in.ok();
}

template <typename Signed>
std::int64_t as_signed(std::uint64_t wire) {
  return static_cast<Signed>(wire);
}

void put_key(core::ByteWriter& out, std::uint64_t number, Wire wire) {
  out.varint(number << 3 | static_cast<std::uint64_t>(wire));
}

}  // namespace

core::Result<Payload> decode(std::string_view bytes) {
  Payload payload;
  ByteReader in = reader(bytes);
  Field field;
  while (next(in, field)) {
    if (field.number == 1 && field.wire == Wire::kVarint) payload.time = to_time(field.integer);
    if (field.number == 3 && field.wire == Wire::kVarint) payload.sequence = field.integer;
    if (field.number != 2 || field.wire != Wire::kBytes) continue;
    if (payload.metrics.size() >= kSparkplugMetricsMax) return core::unexpected(ErrorCode::kFull, "too many metrics");
    if (!read_metric(field.bytes, payload.metrics.emplace_back())) in.fail();
  }
  if (!in.ok()) return core::unexpected(ErrorCode::kCorrupt, "no Sparkplug B payload");
  return payload;
}

Value interpret(const Value& wire, DataType type) {
  const auto* integer = std::get_if<std::uint64_t>(&wire);
  if (integer == nullptr) return wire;
  switch (type) {
    case DataType::kInt8:
      return as_signed<std::int8_t>(*integer);
    case DataType::kInt16:
      return as_signed<std::int16_t>(*integer);
    case DataType::kInt32:
      return as_signed<std::int32_t>(*integer);
    case DataType::kInt64:
    case DataType::kDateTime:
      return as_signed<std::int64_t>(*integer);
    case DataType::kBoolean:
      return *integer != 0;
    default:
      return wire;
  }
}

bool is_scalar(DataType type) {
  return type >= DataType::kInt8 && type <= DataType::kUuid;
}

std::optional<Topic> parse_topic(std::string_view topic) {
  const auto levels = core::split(topic, '/');
  if ((levels.size() != 4 && levels.size() != 5) || levels[0] != kNamespace) return std::nullopt;
  for (std::size_t i = 0; i < kMessages.size(); ++i) {
    if (kMessages[i] != levels[2]) continue;
    const bool of_device = kMessages[i].starts_with('D');
    if (of_device != (levels.size() == 5)) return std::nullopt;
    return Topic{levels[1], static_cast<MessageType>(i), levels[3], of_device ? levels[4] : std::string_view()};
  }
  return std::nullopt;
}

std::string encode_rebirth(TimeNs now) {
  constexpr std::string_view kName = "Node Control/Rebirth";
  const auto milliseconds = static_cast<std::uint64_t>(now / core::kMillisecond);
  std::vector<std::byte> metric;
  core::ByteWriter one(metric);
  put_key(one, 1, Wire::kBytes);
  one.varint(kName.size());
  one.text(kName);
  put_key(one, 3, Wire::kVarint);
  one.varint(milliseconds);
  put_key(one, 4, Wire::kVarint);
  one.varint(static_cast<std::uint64_t>(DataType::kBoolean));
  put_key(one, 14, Wire::kVarint);
  one.varint(1);
  std::vector<std::byte> payload;
  core::ByteWriter out(payload);
  put_key(out, 1, Wire::kVarint);
  out.varint(milliseconds);
  put_key(out, 2, Wire::kBytes);
  out.varint(metric.size());
  out.span(metric);
  return {reinterpret_cast<const char*>(payload.data()), payload.size()};
}

}  // namespace millwright::protocol::sparkplug
