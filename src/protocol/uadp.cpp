#include "protocol/uadp.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "core/bytes.hpp"

namespace millwright::protocol::uadp {
namespace {

using core::ByteReader;
using core::ErrorCode;
using core::TimeNs;
using core::unexpected;

constexpr unsigned kVersion = 1;

// Of the first byte, beside the version in its lower half.
constexpr unsigned kHasPublisher = 0x10;
constexpr unsigned kHasGroup = 0x20;
constexpr unsigned kHasPayloadHeader = 0x40;
constexpr unsigned kHasExtended1 = 0x80;
// ExtendedFlags1, beside the publisher id's type in its lowest three bits.
constexpr unsigned kHasClassId = 0x08;
constexpr unsigned kHasSecurity = 0x10;
constexpr unsigned kHasTime = 0x20;
constexpr unsigned kHasPicoseconds = 0x40;
constexpr unsigned kHasExtended2 = 0x80;
// ExtendedFlags2, beside the message's type in bits 2 to 4.
constexpr unsigned kIsChunk = 0x01;
constexpr unsigned kHasPromoted = 0x02;
constexpr unsigned kDataSets = 0;
constexpr unsigned kAnnouncement = 2;
constexpr unsigned kAnnouncesMetaData = 2;
// GroupFlags
constexpr unsigned kGroupId = 0x01;
constexpr unsigned kGroupVersion = 0x02;
constexpr unsigned kGroupNumber = 0x04;
constexpr unsigned kGroupSequence = 0x08;
// DataSetFlags1
constexpr unsigned kIsValid = 0x01;
constexpr unsigned kSetSequence = 0x08;
constexpr unsigned kSetStatus = 0x10;
constexpr unsigned kSetMajor = 0x20;
constexpr unsigned kSetMinor = 0x40;
constexpr unsigned kSetFlags2 = 0x80;
// DataSetFlags2, beside the frame's type in its lower half
constexpr unsigned kSetTime = 0x10;
constexpr unsigned kSetPicoseconds = 0x20;

// SecurityFlags
constexpr unsigned kSigned = 0x01;
constexpr unsigned kEncrypted = 0x02;
constexpr unsigned kHasFooter = 0x04;

constexpr std::size_t kGuidBytes = 16;
constexpr std::int64_t kTicksTo1970 = 116'444'736'000'000'000;  // of 100 ns, from 1601
constexpr std::int64_t kNsOfTick = 100;
constexpr std::uint8_t kArray = 0x80;
constexpr std::uint8_t kDimensions = 0x40;
constexpr std::size_t kMetaFieldsMax = 10'000;

constexpr std::array<std::pair<std::string_view, Type>, 14> kTypes{{{"boolean", Type::kBoolean},
                                                                    {"sbyte", Type::kSByte},
                                                                    {"byte", Type::kByte},
                                                                    {"int16", Type::kInt16},
                                                                    {"uint16", Type::kUInt16},
                                                                    {"int32", Type::kInt32},
                                                                    {"uint32", Type::kUInt32},
                                                                    {"int64", Type::kInt64},
                                                                    {"uint64", Type::kUInt64},
                                                                    {"float", Type::kFloat},
                                                                    {"double", Type::kDouble},
                                                                    {"string", Type::kString},
                                                                    {"datetime", Type::kDateTime},
                                                                    {"statuscode", Type::kStatusCode}}};

core::Unexpected corrupt(std::string what) {
  return unexpected(ErrorCode::kCorrupt, std::move(what));
}

// 0 and the ends of the scale mean that nobody knows.
std::optional<TimeNs> time_of(std::int64_t ticks) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / kNsOfTick;
  if (ticks <= 0 || ticks - kTicksTo1970 > kMost) return std::nullopt;
  const std::int64_t since = ticks - kTicksTo1970;
  if (since < -kMost) return std::nullopt;
  return since * kNsOfTick;
}

// A length of -1 is no text.
std::string_view string(ByteReader& in) {
  const auto length = in.get<std::int32_t>();
  if (length <= 0) return {};
  return in.text(static_cast<std::size_t>(length));
}

void skip_node_id(ByteReader& in) {
  const auto encoding = in.get<std::uint8_t>();
  switch (encoding & 0x3FU) {
    case 0:
      in.get<std::uint8_t>();
      break;
    case 1:
      in.take_span(3);
      break;
    case 2:
      in.take_span(6);
      break;
    case 3:
    case 5:
      in.get<std::uint16_t>();
      string(in);
      break;
    case 4:
      in.take_span(2 + kGuidBytes);
      break;
    default:
      in.fail();
  }
  if ((encoding & 0x80U) != 0) string(in);
  if ((encoding & 0x40U) != 0) in.get<std::uint32_t>();
}

void skip_localized_text(ByteReader& in) {
  const auto mask = in.get<std::uint8_t>();
  if ((mask & 1U) != 0) string(in);
  if ((mask & 2U) != 0) string(in);
}

// A value of a type that a sensor can have; fails the reader on others.
Value simple_value(ByteReader& in, std::uint8_t type) {
  switch (static_cast<Type>(type)) {
    case Type::kBoolean:
      return in.get<std::uint8_t>() != 0;
    case Type::kSByte:
      return std::int64_t{in.get<std::int8_t>()};
    case Type::kByte:
      return std::uint64_t{in.get<std::uint8_t>()};
    case Type::kInt16:
      return std::int64_t{in.get<std::int16_t>()};
    case Type::kUInt16:
      return std::uint64_t{in.get<std::uint16_t>()};
    case Type::kInt32:
      return std::int64_t{in.get<std::int32_t>()};
    case Type::kUInt32:
    case Type::kStatusCode:
      return std::uint64_t{in.get<std::uint32_t>()};
    case Type::kInt64:
      return in.get<std::int64_t>();
    case Type::kUInt64:
      return in.get<std::uint64_t>();
    case Type::kFloat:
      return in.get<float>();
    case Type::kDouble:
      return in.get<double>();
    case Type::kString:
      return string(in);
    case Type::kDateTime: {
      const auto time = time_of(in.get<std::int64_t>());
      return time ? Value(*time) : Value();
    }
  }
  in.fail();
  return {};
}

// Steps over a value of any built-in type; those that hold others again are not spoken.
void skip_value(ByteReader& in, std::uint8_t type) {
  constexpr std::uint8_t kGuid = 14;
  constexpr std::uint8_t kByteString = 15;
  constexpr std::uint8_t kXml = 16;
  constexpr std::uint8_t kNodeId = 17;
  constexpr std::uint8_t kExpandedNodeId = 18;
  constexpr std::uint8_t kQualifiedName = 20;
  constexpr std::uint8_t kLocalizedText = 21;
  constexpr std::uint8_t kExtensionObject = 22;
  switch (type) {
    case kGuid:
      in.take_span(kGuidBytes);
      return;
    case kByteString:
    case kXml:
      string(in);
      return;
    case kNodeId:
    case kExpandedNodeId:
      skip_node_id(in);
      return;
    case kQualifiedName:
      in.get<std::uint16_t>();
      string(in);
      return;
    case kLocalizedText:
      skip_localized_text(in);
      return;
    case kExtensionObject:
      skip_node_id(in);
      if (in.get<std::uint8_t>() != 0) string(in);
      return;
    default:
      simple_value(in, type);
  }
}

bool is_simple(std::uint8_t type) {
  return std::any_of(kTypes.begin(), kTypes.end(),
                     [type](const auto& known) { return static_cast<std::uint8_t>(known.second) == type; });
}

void read_variant(ByteReader& in, Field& field) {
  const auto encoding = in.get<std::uint8_t>();
  const std::uint8_t type = encoding & 0x3FU;
  if (encoding == 0) return;  // null
  if ((encoding & kArray) == 0 && is_simple(type)) {
    field.value = simple_value(in, type);
    return;
  }
  field.is_single = false;
  if ((encoding & kArray) == 0) return skip_value(in, type);
  // Every element has a byte at least, so that a length is never believed beyond the datagram.
  for (auto left = in.get<std::int32_t>(); left > 0 && in.ok(); --left) skip_value(in, type);
  if ((encoding & kDimensions) == 0) return;
  for (auto left = in.get<std::int32_t>(); left > 0 && in.ok(); --left) in.get<std::int32_t>();
}

void read_data_value(ByteReader& in, Field& field) {
  const auto mask = in.get<std::uint8_t>();
  if ((mask & 0x01U) != 0) read_variant(in, field);
  if ((mask & 0x02U) != 0) field.quality = core::Quality{in.get<std::uint32_t>()};
  if ((mask & 0x04U) != 0) field.time = time_of(in.get<std::int64_t>());
  if ((mask & 0x10U) != 0) in.get<std::uint16_t>();
  if ((mask & 0x08U) != 0) {
    const auto server = time_of(in.get<std::int64_t>());
    if (!field.time) field.time = server;
  }
  if ((mask & 0x20U) != 0) in.get<std::uint16_t>();
}

PublisherId read_publisher(ByteReader& in, unsigned type) {
  switch (type) {
    case 0:
      return std::uint64_t{in.get<std::uint8_t>()};
    case 1:
      return std::uint64_t{in.get<std::uint16_t>()};
    case 2:
      return std::uint64_t{in.get<std::uint32_t>()};
    case 3:
      return in.get<std::uint64_t>();
    case 4:
      return string(in);
    default:
      in.fail();
      return {};
  }
}

void read_group(ByteReader& in, Message& message) {
  const unsigned flags = in.get<std::uint8_t>();
  if ((flags & kGroupId) != 0) message.group = in.get<std::uint16_t>();
  if ((flags & kGroupVersion) != 0) in.get<std::uint32_t>();
  if ((flags & kGroupNumber) != 0) in.get<std::uint16_t>();
  if ((flags & kGroupSequence) != 0) message.sequence = in.get<std::uint16_t>();
}

core::Result<DataSet> read_set(std::span<const std::byte> bytes) {
  ByteReader in(bytes);
  DataSet set;
  const unsigned flags = in.get<std::uint8_t>();
  const unsigned flags2 = (flags & kSetFlags2) != 0 ? in.get<std::uint8_t>() : 0U;
  set.is_valid = (flags & kIsValid) != 0;
  const unsigned encoding = (flags >> 1U) & 3U;
  const unsigned type = flags2 & 0x0FU;
  if (encoding > 2 || type > 3) return corrupt("a DataSetMessage of an encoding or type that does not exist");
  set.encoding = static_cast<FieldEncoding>(encoding);
  set.type = static_cast<FrameType>(type);
  if ((flags & kSetSequence) != 0) set.sequence = in.get<std::uint16_t>();
  if ((flags2 & kSetTime) != 0) set.time = time_of(in.get<std::int64_t>());
  if ((flags2 & kSetPicoseconds) != 0) in.get<std::uint16_t>();
  if ((flags & kSetStatus) != 0) set.status = core::Quality{std::uint32_t{in.get<std::uint16_t>()} << 16U};
  if ((flags & kSetMajor) != 0) in.get<std::uint32_t>();
  if ((flags & kSetMinor) != 0) in.get<std::uint32_t>();
  if (!in.ok()) return corrupt("a DataSetMessage that is cut off in its header");
  set.fields = bytes.subspan(in.position());
  return set;
}

core::Status read_sets(ByteReader& in, const std::vector<std::uint16_t>& writers, Message& message) {
  std::vector<std::size_t> sizes;
  if (writers.size() > 1) {
    for (std::size_t i = 0; i < writers.size(); ++i) sizes.push_back(in.get<std::uint16_t>());
  } else {
    sizes.push_back(in.remaining());
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto bytes = in.take_span(sizes[i]);
    if (!in.ok()) return corrupt("a NetworkMessage that is cut off");
    auto set = read_set(bytes);
    if (!set) return unexpected(set.error());
    if (!writers.empty()) set->writer = writers[i];
    message.sets.push_back(*set);
  }
  return {};
}

// A DataSetMetaData announcement: what we need of it lies before what we cannot read.
core::Status read_announcement(ByteReader& in, Message& message) {
  const auto kind = in.get<std::uint8_t>();
  if (!in.ok()) return corrupt("an announcement that is cut off");
  if (kind != kAnnouncesMetaData) return {};
  in.get<std::uint16_t>();  // its sequence
  Message::MetaData meta;
  meta.writer = in.get<std::uint16_t>();
  for (auto left = in.get<std::int32_t>(); left > 0 && in.ok(); --left) string(in);  // namespaces
  for (int descriptions = 0; descriptions < 3; ++descriptions) {
    if (in.get<std::int32_t>() > 0) {
      return unexpected(ErrorCode::kUnsupported, "metadata with data types of its own are not read");
    }
  }
  string(in);  // the DataSet's name
  skip_localized_text(in);
  const auto count = in.get<std::int32_t>();
  if (count > static_cast<std::int32_t>(kMetaFieldsMax)) return corrupt("metadata of too many fields");
  for (auto left = count; left > 0 && in.ok(); --left) {
    Message::MetaData::FieldInfo field;
    field.name = string(in);
    skip_localized_text(in);
    in.get<std::uint16_t>();  // flags
    field.type = in.get<std::uint8_t>();
    skip_node_id(in);
    field.is_single = in.get<std::int32_t>() < 0;
    for (auto dimension = in.get<std::int32_t>(); dimension > 0 && in.ok(); --dimension) in.get<std::uint32_t>();
    in.get<std::uint32_t>();  // longest text
    in.take_span(kGuidBytes);
    for (auto property = in.get<std::int32_t>(); property > 0 && in.ok(); --property) {
      in.get<std::uint16_t>();
      string(in);
      Field ignored;
      read_variant(in, ignored);
    }
    meta.fields.push_back(field);
  }
  if (!in.ok()) return corrupt("metadata that are cut off");
  message.meta = std::move(meta);
  return {};
}

SecurityHeader read_security(ByteReader& in) {
  SecurityHeader header;
  const unsigned flags = in.get<std::uint8_t>();
  header.is_signed = (flags & kSigned) != 0;
  header.is_encrypted = (flags & kEncrypted) != 0;
  header.token = in.get<std::uint32_t>();
  header.nonce = in.take_span(in.get<std::uint8_t>());
  if ((flags & kHasFooter) != 0) header.footer_bytes = in.get<std::uint16_t>();
  return header;
}

core::Status read_chunk(ByteReader& in, std::uint16_t writer, Message& message) {
  Message::Chunk chunk;
  chunk.writer = writer;
  chunk.sequence = in.get<std::uint16_t>();
  chunk.offset = in.get<std::uint32_t>();
  chunk.total = in.get<std::uint32_t>();
  // A ByteString by the standard; there are publishers that leave its length out.
  ByteReader counted = in;
  const auto length = counted.get<std::int32_t>();
  if (counted.ok() && length >= 0 && counted.remaining() == static_cast<std::size_t>(length)) in = counted;
  chunk.bytes = in.take_span(in.remaining());
  if (!in.ok() || chunk.bytes.empty() || chunk.offset + chunk.bytes.size() > chunk.total) {
    return corrupt("a chunk that is cut off, or not within its message");
  }
  message.chunk = chunk;
  return {};
}

core::Status read_payload(ByteReader& in, unsigned type, bool is_chunk, const std::vector<std::uint16_t>& writers,
                          Message& message) {
  if (is_chunk) return read_chunk(in, writers.front(), message);
  if (type == kDataSets) return read_sets(in, writers, message);
  if (type == kAnnouncement) return read_announcement(in, message);
  return {};  // a probe, which asks others
}

// Whose DataSetMessages follow; of a chunk's message there is one, without a count.
core::Result<std::vector<std::uint16_t>> read_payload_header(ByteReader& in, bool is_chunk) {
  std::vector<std::uint16_t> writers(is_chunk ? 1 : in.get<std::uint8_t>());
  for (std::uint16_t& writer : writers) writer = in.get<std::uint16_t>();
  if (writers.empty()) return corrupt("a payload header without writers");
  return writers;
}

}  // namespace

core::Result<DataSet> parse_set(std::span<const std::byte> bytes, std::uint16_t writer) {
  auto set = read_set(bytes);
  if (set) set->writer = writer;
  return set;
}

core::Result<Message> parse(std::span<const std::byte> datagram, Keys* keys) {
  ByteReader in(datagram);
  Message message;
  const unsigned flags = in.get<std::uint8_t>();
  if ((flags & 0x0FU) != kVersion) return corrupt("not a UADP message of version 1");
  const unsigned flags1 = (flags & kHasExtended1) != 0 ? in.get<std::uint8_t>() : 0U;
  const unsigned flags2 = (flags1 & kHasExtended2) != 0 ? in.get<std::uint8_t>() : 0U;
  const unsigned type = (flags2 >> 2U) & 7U;
  if ((flags & kHasPublisher) != 0) message.publisher = read_publisher(in, flags1 & 7U);
  if ((flags1 & kHasClassId) != 0) in.take_span(kGuidBytes);
  if ((flags & kHasGroup) != 0) read_group(in, message);
  const bool is_chunk = (flags2 & kIsChunk) != 0;
  if (is_chunk && ((flags & kHasPayloadHeader) == 0 || type != kDataSets)) {
    return unexpected(ErrorCode::kUnsupported, "chunked, and no DataSetMessage of a writer that is named");
  }
  std::vector<std::uint16_t> writers;
  if ((flags & kHasPayloadHeader) != 0 && type == kDataSets) {
    auto named = read_payload_header(in, is_chunk);
    if (!named) return unexpected(named.error());
    writers = std::move(*named);
  }
  if ((flags1 & kHasTime) != 0) message.time = time_of(in.get<std::int64_t>());
  if ((flags1 & kHasPicoseconds) != 0) in.get<std::uint16_t>();
  if ((flags2 & kHasPromoted) != 0) in.take_span(in.get<std::uint16_t>());
  const bool is_secured = (flags1 & kHasSecurity) != 0;
  const SecurityHeader security = is_secured ? read_security(in) : SecurityHeader{};
  if (!in.ok()) return corrupt("a NetworkMessage that is cut off in its header");
  auto payload = datagram.subspan(in.position());
  if (is_secured) {
    if (keys == nullptr) return unexpected(ErrorCode::kUnsupported, "secured: the connector has no keys");
    auto opened = keys->open(datagram, in.position(), security);
    if (!opened) return unexpected(opened.error());
    payload = *opened;
  } else if (keys != nullptr) {
    if (auto allowed = keys->check_plain(); !allowed) return unexpected(allowed.error());
  }
  ByteReader inside(payload);
  if (auto read = read_payload(inside, type, is_chunk, writers, message); !read) return unexpected(read.error());
  return message;
}

core::Result<std::vector<Field>> read_fields(const DataSet& set, std::span<const Type> raw) {
  std::vector<Field> fields;
  if (set.type != FrameType::kKeyFrame && set.type != FrameType::kDeltaFrame) return fields;
  ByteReader in(set.fields);
  const bool is_delta = set.type == FrameType::kDeltaFrame;
  const bool is_raw = set.encoding == FieldEncoding::kRawData;
  if (is_raw && raw.empty()) {
    return unexpected(ErrorCode::kUnsupported, "raw data: list the writer's fields with their types, in order");
  }
  const std::size_t count = is_raw && !is_delta ? raw.size() : in.get<std::uint16_t>();
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    Field field;
    field.index = is_delta ? in.get<std::uint16_t>() : static_cast<std::uint16_t>(i);
    if (!is_raw) {
      set.encoding == FieldEncoding::kVariant ? read_variant(in, field) : read_data_value(in, field);
    } else if (field.index < raw.size()) {
      field.value = simple_value(in, static_cast<std::uint8_t>(raw[field.index]));
    } else {
      return corrupt(fmt::format("raw data of field {}, of which no type is given", field.index));
    }
    fields.push_back(field);
  }
  if (!in.ok()) return corrupt("a DataSetMessage that is cut off, or of types that are not read");
  return fields;
}

std::optional<Type> parse_type(std::string_view name) {
  const auto* found = std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& type) { return type.first == name; });
  return found != kTypes.end() ? std::optional(found->second) : std::nullopt;
}

std::span<const std::string_view> type_names() {
  static const auto names = [] {
    std::array<std::string_view, kTypes.size()> all;
    std::transform(kTypes.begin(), kTypes.end(), all.begin(), [](const auto& type) { return type.first; });
    return all;
  }();
  return names;
}

}  // namespace millwright::protocol::uadp
