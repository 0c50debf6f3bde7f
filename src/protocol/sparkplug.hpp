// Sparkplug B payloads (Eclipse Sparkplug 3.0, the protobuf message Payload) and topics, read and written. By hand: the
// few fields that are wanted are quicker read than generated code, and nothing of a payload is copied.
//
// Threads: pure functions; a payload points into the bytes that it was read from. Errors: kCorrupt where the bytes are
// no protobuf of this form, kFull beyond the limits. Limits: kMetricsMax metrics a payload; what is compressed (by
// DEFLATE or GZIP, uuid SPBV1.0_COMPRESSED) unpacks to so many bytes as decode() is told, and is then the payload's
// own. Unknown fields are passed over, as protobuf asks; templates, data sets, arrays, bytes and files keep their
// bytes, for sparkplug_structure.hpp. Format: docs/format/sparkplug.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::protocol::sparkplug {

inline constexpr std::size_t kMetricsMax = 100'000;
inline constexpr std::string_view kBirthSequence = "bdSeq";
inline constexpr std::string_view kRebirth = "Node Control/Rebirth";

// The specification's numbers.
enum class DataType : std::uint32_t {
  kUnknown = 0,
  kInt8 = 1,
  kInt16 = 2,
  kInt32 = 3,
  kInt64 = 4,
  kUInt8 = 5,
  kUInt16 = 6,
  kUInt32 = 7,
  kUInt64 = 8,
  kFloat = 9,
  kDouble = 10,
  kBoolean = 11,
  kString = 12,
  kDateTime = 13,
  kText = 14,
  kUuid = 15,
  kDataSet = 16,
  kBytes = 17,
  kFile = 18,
  kTemplate = 19,
  kPropertySet = 20,
  kPropertySetList = 21,
  kInt8Array = 22,
  kInt16Array = 23,
  kInt32Array = 24,
  kInt64Array = 25,
  kUInt8Array = 26,
  kUInt16Array = 27,
  kUInt32Array = 28,
  kUInt64Array = 29,
  kFloatArray = 30,
  kDoubleArray = 31,
  kBooleanArray = 32,
  kStringArray = 33,
  kDateTimeArray = 34,
};

// monostate: null, or of a type that has no single value. Signed numbers are what their type says once interpret() has
// been given it.
using Value = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, float, double, std::string_view>;

struct Metric {
  enum class Content : std::uint8_t { kNone, kBytes, kDataSet, kTemplate };
  std::string_view name = {};  // "": only an alias
  std::optional<std::uint64_t> alias = {};
  std::optional<core::TimeNs> time = {};
  DataType type = DataType::kUnknown;  // births say it, data need not
  bool historical = false;
  bool transient = false;
  bool null = false;
  std::optional<std::uint64_t> quality = {};  // the property "Quality": 192 good, 0 bad, 500 stale
  Value value = {};                           // as on the wire: integers unsigned; encode() takes both
  Content content = Content::kNone;           // what `bytes` are; encode() writes them as they are
  std::string_view bytes = {};
};

struct Payload {
  std::optional<core::TimeNs> time;
  std::optional<std::uint64_t> sequence;  // 0 to 255
  std::vector<Metric> metrics;
  std::shared_ptr<const std::string> unpacked = {};  // what the metrics point into where it came compressed
};

inline constexpr std::size_t kUnpackedBytesMax = std::size_t{4} << 20;
core::Result<Payload> decode(std::string_view bytes, std::size_t unpacked_bytes_max = kUnpackedBytesMax);
// A Metric by itself, as templates hold them; false: the bytes are none.
bool decode_metric(std::string_view bytes, Metric& metric);
// Whether a payload is compressed, and its number where that can be read without unpacking it.
struct Envelope {
  bool compressed = false;
  std::optional<std::uint64_t> sequence;
};
Envelope envelope_of(std::string_view bytes);
// Integers of 8 to 32 bits go out as int_value, those of 64 bits and times as long_value. Qualities are not written.
std::string encode(const Payload& payload);

// What a metric's value is, given its type: two's complement for signed integers, times of kDateTime in ms.
Value interpret(const Value& wire, DataType type);
// Whether a single value can be had of it.
bool is_scalar(DataType type);
// The number of the birth or death that a payload is of.
std::optional<std::uint64_t> birth_sequence(const Payload& payload);

// spBv1.0/<group>/<message>/<node>[/<device>]
enum class MessageType : std::uint8_t { kNBirth, kNDeath, kDBirth, kDDeath, kNData, kDData, kNCmd, kDCmd };
struct Topic {
  std::string_view group;
  MessageType type = MessageType::kNData;
  std::string_view node;
  std::string_view device = {};  // "": the node itself
};
std::optional<Topic> parse_topic(std::string_view topic);
std::string to_string(const Topic& topic);

// NCMD with Node Control/Rebirth = true.
std::string encode_rebirth(core::TimeNs now);

}  // namespace millwright::protocol::sparkplug
