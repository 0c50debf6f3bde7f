#include "protocol/sparkplug.hpp"

#include <array>
#include <bit>
#include <limits>
#include <type_traits>

#include <fmt/format.h>

#include "core/bytes.hpp"
#include "core/text.hpp"
#include "protocol/inflate.hpp"
#include "protocol/protobuf.hpp"

namespace millwright::protocol::sparkplug {
namespace {

using core::ByteReader;
using core::ErrorCode;
using core::TimeNs;
using protobuf::Field;
using protobuf::reader;
using protobuf::Wire;

constexpr std::string_view kNamespace = "spBv1.0";
constexpr std::string_view kCompressed = "SPBV1.0_COMPRESSED";
constexpr std::string_view kQuality = "Quality";
constexpr std::array<std::string_view, 8> kMessages{"NBIRTH", "NDEATH", "DBIRTH", "DDEATH",
                                                    "NDATA",  "DDATA",  "NCMD",   "DCMD"};
constexpr std::uint64_t kMillisecondsMax = std::numeric_limits<std::int64_t>::max() / core::kMillisecond;

std::optional<TimeNs> to_time(std::uint64_t milliseconds) {
  if (milliseconds > kMillisecondsMax) return std::nullopt;
  return static_cast<TimeNs>(milliseconds) * core::kMillisecond;
}

void read_content(const Field& field, Metric::Content content, Metric& metric) {
  if (field.wire != Wire::kBytes) return;
  metric.content = content;
  metric.bytes = field.bytes;
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
    case 16:
      read_content(field, Metric::Content::kBytes, metric);
      break;
    case 17:
      read_content(field, Metric::Content::kDataSet, metric);
      break;
    case 18:
      read_content(field, Metric::Content::kTemplate, metric);
      break;
    default:
      break;  // what later versions add
  }
}

// A PropertySet: all keys, then their values. Of the values the whole number of the one that is called Quality.
std::optional<std::uint64_t> read_quality(std::string_view bytes) {
  ByteReader in = reader(bytes);
  Field field;
  std::size_t keys = 0;
  std::size_t values = 0;
  std::optional<std::size_t> wanted;
  std::string_view value;
  while (next(in, field)) {
    if (field.wire != Wire::kBytes) continue;
    if (field.number == 1 && field.bytes == kQuality) wanted = keys;
    if (field.number == 1) ++keys;
    if (field.number == 2 && wanted == values) value = field.bytes;
    if (field.number == 2) ++values;
  }
  if (!in.ok() || !wanted) return std::nullopt;
  ByteReader inner = reader(value);
  std::optional<std::uint64_t> quality;
  while (next(inner, field)) {
    if ((field.number == 3 || field.number == 4) && field.wire == Wire::kVarint) quality = field.integer;
  }
  return quality;
}

template <typename Signed>
std::int64_t as_signed(std::uint64_t wire) {
  return static_cast<Signed>(wire);
}

// A protobuf message that is being written.
class Writer {
 public:
  void integer(std::uint64_t number, std::uint64_t value) {
    key(number, Wire::kVarint);
    out_.varint(value);
  }
  template <typename T>
  void fixed(std::uint64_t number, T value) {
    key(number, sizeof(T) == sizeof(std::uint64_t) ? Wire::kFixed64 : Wire::kFixed32);
    out_.put(value);
  }
  void bytes(std::uint64_t number, std::string_view value) {
    key(number, Wire::kBytes);
    out_.varint(value.size());
    out_.text(value);
  }
  [[nodiscard]] std::string_view text() const { return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()}; }
  void clear() { bytes_.clear(); }

 private:
  void key(std::uint64_t number, Wire wire) { out_.varint(number << 3 | static_cast<std::uint64_t>(wire)); }
  std::vector<std::byte> bytes_;
  core::ByteWriter out_{bytes_};
};

std::uint64_t to_milliseconds(TimeNs time) {
  return static_cast<std::uint64_t>(core::floor_to(time, core::kMillisecond) / core::kMillisecond);
}

bool is_long(DataType type) {
  return type == DataType::kInt64 || type == DataType::kUInt64 || type == DataType::kDateTime;
}

void write_value(Writer& out, const Metric& metric) {
  const auto whole = [&](std::uint64_t value) {
    if (is_long(metric.type)) return out.integer(11, value);
    out.integer(10, static_cast<std::uint32_t>(value));  // two's complement
  };
  std::visit(
      [&](const auto& value) {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, bool>) {
          out.integer(14, value ? 1 : 0);
        } else if constexpr (std::is_integral_v<T>) {
          whole(static_cast<std::uint64_t>(value));
        } else if constexpr (std::is_same_v<T, float>) {
          out.fixed(12, value);
        } else if constexpr (std::is_same_v<T, double>) {
          out.fixed(13, value);
        } else if constexpr (std::is_same_v<T, std::string_view>) {
          out.bytes(15, value);
        } else {
          out.integer(7, 1);  // is_null
        }
      },
      metric.value);
}

void write_metric(Writer& out, const Metric& metric) {
  if (!metric.name.empty()) out.bytes(1, metric.name);
  if (metric.alias) out.integer(2, *metric.alias);
  if (metric.time) out.integer(3, to_milliseconds(*metric.time));
  if (metric.type != DataType::kUnknown) out.integer(4, static_cast<std::uint64_t>(metric.type));
  if (metric.historical) out.integer(5, 1);
  if (metric.transient) out.integer(6, 1);
  switch (metric.content) {
    case Metric::Content::kNone:
      return write_value(out, metric);
    case Metric::Content::kBytes:
      return out.bytes(16, metric.bytes);
    case Metric::Content::kDataSet:
      return out.bytes(17, metric.bytes);
    case Metric::Content::kTemplate:
      return out.bytes(18, metric.bytes);
  }
}

struct Read {
  Payload payload;
  bool compressed = false;
  std::string_view body;
};

core::Result<Read> read_payload(std::string_view bytes) {
  Read read;
  Payload& payload = read.payload;
  ByteReader in = reader(bytes);
  Field field;
  while (next(in, field)) {
    if (field.is(1, Wire::kVarint)) payload.time = to_time(field.integer);
    if (field.is(3, Wire::kVarint)) payload.sequence = field.integer;
    if (field.is(4, Wire::kBytes)) read.compressed = field.bytes == kCompressed;
    if (field.is(5, Wire::kBytes)) read.body = field.bytes;
    if (!field.is(2, Wire::kBytes)) continue;
    if (payload.metrics.size() >= kMetricsMax) return core::unexpected(ErrorCode::kFull, "too many metrics");
    if (!decode_metric(field.bytes, payload.metrics.emplace_back())) in.fail();
  }
  if (!in.ok()) return core::unexpected(ErrorCode::kCorrupt, "no Sparkplug B payload");
  return read;
}

}  // namespace

bool decode_metric(std::string_view bytes, Metric& metric) {
  ByteReader in = reader(bytes);
  Field field;
  while (next(in, field)) {
    const bool varint = field.wire == Wire::kVarint;
    const bool block = field.wire == Wire::kBytes;
    if (field.number == 1 && block) metric.name = field.bytes;
    if (field.number == 2 && varint) metric.alias = field.integer;
    if (field.number == 3 && varint) metric.time = to_time(field.integer);
    if (field.number == 4 && varint) metric.type = static_cast<DataType>(static_cast<std::uint32_t>(field.integer));
    if (field.number == 5 && varint) metric.historical = field.integer != 0;
    if (field.number == 6 && varint) metric.transient = field.integer != 0;
    if (field.number == 7 && varint) metric.null = field.integer != 0;
    if (field.number == 9 && block) metric.quality = read_quality(field.bytes);
    if (field.number >= 10) read_value(field, metric);
  }
  if (metric.null) {
    metric.value = {};
    metric.content = Metric::Content::kNone;
    metric.bytes = {};
  }
  return in.ok();
}

Envelope envelope_of(std::string_view bytes) {
  ByteReader in = reader(bytes);
  Envelope envelope;
  for (Field field; next(in, field);) {
    if (field.is(3, Wire::kVarint)) envelope.sequence = field.integer;
    if (field.is(4, Wire::kBytes)) envelope.compressed = field.bytes == kCompressed;
  }
  if (!in.ok()) return {};
  return envelope;
}

core::Result<Payload> decode(std::string_view bytes, std::size_t unpacked_bytes_max) {
  auto outer = read_payload(bytes);
  if (!outer || !outer->compressed)
    return outer ? core::Result<Payload>(std::move(outer->payload)) : core::unexpected(outer.error());
  auto unpacked = inflate(outer->body, unpacked_bytes_max);
  if (!unpacked) return core::unexpected(unpacked.error().within("a compressed payload"));
  auto text = std::make_shared<const std::string>(std::move(*unpacked));
  auto inner = read_payload(*text);
  if (!inner) return core::unexpected(inner.error().within("a compressed payload"));
  if (inner->compressed) return core::unexpected(ErrorCode::kCorrupt, "a compressed payload in a compressed payload");
  Payload payload = std::move(inner->payload);
  if (!payload.sequence) payload.sequence = outer->payload.sequence;
  if (!payload.time) payload.time = outer->payload.time;
  payload.unpacked = std::move(text);
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

std::string to_string(const Topic& topic) {
  std::string text =
      fmt::format("{}/{}/{}/{}", kNamespace, topic.group, kMessages[static_cast<std::size_t>(topic.type)], topic.node);
  if (!topic.device.empty()) text.append("/").append(topic.device);
  return text;
}

std::optional<std::uint64_t> birth_sequence(const Payload& payload) {
  for (const Metric& metric : payload.metrics) {
    if (metric.name != kBirthSequence) continue;
    if (const auto* number = std::get_if<std::uint64_t>(&metric.value)) return *number;
  }
  return std::nullopt;
}

std::string encode(const Payload& payload) {
  Writer out;
  Writer one;
  if (payload.time) out.integer(1, to_milliseconds(*payload.time));
  for (const Metric& metric : payload.metrics) {
    one.clear();
    write_metric(one, metric);
    out.bytes(2, one.text());
  }
  if (payload.sequence) out.integer(3, *payload.sequence);
  return std::string(out.text());
}

std::string encode_rebirth(TimeNs now) {
  Payload command;
  command.time = now;
  command.metrics.push_back({.name = kRebirth, .time = now, .type = DataType::kBoolean, .value = true});
  return encode(command);
}

}  // namespace millwright::protocol::sparkplug
