// UADP: the binary messages that OPC UA PubSub publishers send by UDP (OPC 10000-14, 7.2.4). A NetworkMessage holds
// DataSetMessages, one a DataSetWriter: key frames with all fields, delta frames with those that changed, keep-alives.
//
//   const auto message = parse_uadp(datagram);
//   for (const uadp::DataSet& set : message->sets) const auto fields = uadp::read_fields(set, raw_types);
//
// Threads: pure functions. What they give points into the bytes that they were given. Times: ns UTC.
// Errors: kUnsupported for what is right and not spoken here, kCorrupt for what cannot be read, and those of Keys.
// Limits: a datagram; kFieldsMax fields a DataSetMessage. Arrays and structures are stepped over: a field without
// value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/quality.hpp"
#include "core/result.hpp"
#include "core/time.hpp"
#include "protocol/uadp_security.hpp"

namespace millwright::protocol::uadp {

inline constexpr std::size_t kFieldsMax = 65'535;

// Built-in types of OPC 10000-6, 5.1.2, by their numbers; those that a field of raw data may have.
enum class Type : std::uint8_t {
  kBoolean = 1,
  kSByte,
  kByte,
  kInt16,
  kUInt16,
  kInt32,
  kUInt32,
  kInt64,
  kUInt64,
  kFloat,
  kDouble,
  kString,
  kDateTime,
  kStatusCode = 19,
};

// Numbers keep their width's family; a DateTime is ns since 1970, a StatusCode its number.
// monostate: there is none, or it is an array or structure.
using Value = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, float, double, std::string_view>;

struct Field {
  std::uint16_t index = 0;
  Value value;
  bool is_single = true;  // false: an array or a structure
  core::Quality quality = core::kGood;
  std::optional<core::TimeNs> time;  // the source's, else the server's
};

enum class FrameType : std::uint8_t { kKeyFrame = 0, kDeltaFrame = 1, kEvent = 2, kKeepAlive = 3 };
enum class FieldEncoding : std::uint8_t { kVariant = 0, kRawData = 1, kDataValue = 2 };

struct DataSet {
  std::optional<std::uint16_t> writer;  // none: the message has no payload header
  bool is_valid = true;
  FrameType type = FrameType::kKeyFrame;
  FieldEncoding encoding = FieldEncoding::kVariant;
  std::optional<std::uint16_t> sequence;
  std::optional<core::TimeNs> time;
  core::Quality status = core::kGood;
  std::span<const std::byte> fields;  // not read yet
};

// A number or a text.
using PublisherId = std::variant<std::monostate, std::uint64_t, std::string_view>;

struct Message {
  PublisherId publisher;
  std::optional<std::uint16_t> group;
  std::optional<std::uint16_t> sequence;  // of the group's NetworkMessages
  std::optional<core::TimeNs> time;
  std::vector<DataSet> sets;
  // Of an announcement: what a writer's fields are called.
  struct MetaData {
    std::uint16_t writer = 0;
    struct FieldInfo {
      std::string_view name;
      std::uint8_t type = 0;  // a built-in one's number
      bool is_single = true;
    };
    std::vector<FieldInfo> fields;
  };
  std::optional<MetaData> meta;
  // A part of a DataSetMessage that is too long for a datagram; then there are no sets.
  struct Chunk {
    std::uint16_t writer = 0;
    std::uint16_t sequence = 0;  // the same of all parts
    std::size_t offset = 0;
    std::size_t total = 0;
    std::span<const std::byte> bytes;
  };
  std::optional<Chunk> chunk;
};

// With `keys` secured messages as well; what it gives points into them then, and is valid until the next one.
core::Result<Message> parse(std::span<const std::byte> datagram, Keys* keys = nullptr);
// A DataSetMessage whose parts have been put together.
core::Result<DataSet> parse_set(std::span<const std::byte> bytes, std::uint16_t writer);
// The fields of a key or delta frame; `raw` are their types in order, which raw data does not tell.
core::Result<std::vector<Field>> read_fields(const DataSet& set, std::span<const Type> raw);

// "boolean", "sbyte", …; nothing for another text.
std::optional<Type> parse_type(std::string_view name);
std::span<const std::string_view> type_names();

}  // namespace millwright::protocol::uadp
