#include "protocol/burst.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "core/crc32c.hpp"

namespace millwright::protocol::burst {
namespace {

using core::ByteReader;
using core::ByteWriter;
using core::ErrorCode;
using core::TimeNs;
using core::unexpected;
using core::ValueType;

// Texts are numbers of a node's own dictionary, which mean nothing to another.
bool on_the_wire(unsigned type) {
  return type < core::kValueTypeCount && static_cast<ValueType>(type) != ValueType::kText;
}

constexpr std::size_t kTypeAt = 5;
constexpr std::size_t kSequenceAt = 8;
constexpr std::size_t kLengthAt = 16;
constexpr std::size_t kCrcAt = 20;
constexpr std::size_t kFirstRead = 64 * 1024;

constexpr std::uint8_t kExplicitTimes = 1;
constexpr std::uint8_t kHasQuality = 2;
constexpr std::size_t kBlockHeaderBytes = 8;
constexpr std::size_t kRegularTimeBytes = 16;

template <typename T>
T load(const std::byte* at) {
  T value{};
  std::memcpy(&value, at, sizeof(T));
  return value;
}

std::uint32_t checksum(const std::byte* header, std::span<const std::byte> payload) {
  return core::crc32c(payload, core::crc32c({header, kCrcAt}));
}

core::Unexpected malformed(std::string message) {
  return unexpected(ErrorCode::kInvalid, std::move(message));
}

// The header's own fields, before anything in it is used.
core::Status check_header(const std::byte* header, std::size_t payload_bytes_max) {
  if (load<std::uint32_t>(header) != kMagic) return malformed("no burst frame here: the magic 'MWB1' is missing");
  const auto version = load<std::uint8_t>(header + 4);
  if (version != kVersion) {
    return unexpected(ErrorCode::kUnsupported, fmt::format("burst version {}; this side speaks {}", version, kVersion));
  }
  const auto type = load<std::uint8_t>(header + kTypeAt);
  if (type < 1 || type > static_cast<std::uint8_t>(MessageType::kPong)) {
    return malformed(fmt::format("unknown message type {}", type));
  }
  if (load<std::uint16_t>(header + 6) != 0) return malformed("reserved bytes of the frame header are not zero");
  const auto length = load<std::uint32_t>(header + kLengthAt);
  if (length > payload_bytes_max) {
    return malformed(fmt::format("a payload of {} bytes; at most {} are taken", length, payload_bytes_max));
  }
  const bool data = type == static_cast<std::uint8_t>(MessageType::kData);
  const auto sequence = load<std::uint64_t>(header + kSequenceAt);
  if (data != (sequence != 0)) return malformed("only data frames have a sequence, and it counts from 1");
  return {};
}

}  // namespace

FrameReader::FrameReader(std::size_t payload_bytes_max)
    : payload_bytes_max_(std::min(payload_bytes_max, kPayloadBytesMax)) {}

std::span<std::byte> FrameReader::space() {
  const std::size_t held = end_ - begin_;
  // Doubles with what really came, whatever a length claims.
  const std::size_t want = std::max(kFirstRead, held * 2);
  if (capacity_ < want) {
    auto larger = std::unique_ptr<std::byte[]>(new std::byte[want]);
    if (held != 0) std::memcpy(larger.get(), buffer_.get() + begin_, held);
    buffer_ = std::move(larger);
    capacity_ = want;
  } else if (begin_ != 0 && held != 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, held);
  }
  begin_ = 0;
  end_ = held;
  return {buffer_.get() + end_, capacity_ - end_};
}

void FrameReader::filled(std::size_t bytes) {
  ASSERT(bytes <= capacity_ - end_, "more bytes than there was room for");
  end_ += bytes;
}

core::Result<std::optional<Frame>> FrameReader::next() {
  if (broken_) return unexpected(*broken_);
  if (end_ - begin_ < kHeaderBytes) return std::optional<Frame>();
  const std::byte* header = buffer_.get() + begin_;
  if (auto checked = check_header(header, payload_bytes_max_); !checked) {
    broken_ = checked.error();
    return unexpected(*broken_);
  }
  const std::size_t length = load<std::uint32_t>(header + kLengthAt);
  if (end_ - begin_ - kHeaderBytes < length) return std::optional<Frame>();
  const std::span payload(header + kHeaderBytes, length);
  if (load<std::uint32_t>(header + kCrcAt) != checksum(header, payload)) {
    broken_ = core::Error{ErrorCode::kCorrupt, fmt::format("a frame of {} bytes fails its checksum", length)};
    return unexpected(*broken_);
  }
  begin_ += kHeaderBytes + length;
  return std::optional<Frame>(Frame{static_cast<MessageType>(load<std::uint8_t>(header + kTypeAt)),
                                    load<std::uint64_t>(header + kSequenceAt), payload});
}

// ---- decoding

namespace {

// A byte that would break a line of a log.
bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

// A u16 length and that many bytes.
std::string_view take_text(ByteReader& in, std::size_t bytes_max) {
  const auto size = in.get<std::uint16_t>();
  const std::string_view text = size <= bytes_max ? in.text(size) : std::string_view();
  if (size > bytes_max || std::any_of(text.begin(), text.end(), is_control)) {
    in.fail();
    return {};
  }
  return text;
}

// Whole means: nothing missing, nothing left over.
core::Status whole(const ByteReader& in, std::string_view what) {
  if (in.ok() && in.remaining() == 0) return {};
  return malformed(fmt::format("the {} message does not have the form it should", what));
}

bool time_in_range(TimeNs time) {
  return time >= -kTimeMax && time <= kTimeMax;
}

core::Status bad_block(std::size_t index, std::string_view why) {
  return malformed(fmt::format("data block {}: {}", index, why));
}

core::Status check_regular_times(const DataBlock& block, std::size_t index) {
  if (block.period < 0) return bad_block(index, "the period is negative");
  TimeNs span = 0;
  TimeNs last = 0;
  if (!time_in_range(block.start) || __builtin_mul_overflow(block.period, TimeNs{block.count} - 1, &span) ||
      __builtin_add_overflow(block.start, span, &last) || !time_in_range(last)) {
    return bad_block(index, "times outside the years 1684 to 2255");
  }
  return {};
}

core::Status check_explicit_times(const DataBlock& block, std::size_t index) {
  bool good = true;
  for (std::size_t i = 0; i < block.count; ++i) good &= time_in_range(load<TimeNs>(block.times.data() + i * 8));
  return good ? core::Status() : bad_block(index, "times outside the years 1684 to 2255");
}

core::Status check_runs(const DataBlock& block, std::size_t index) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < block.run_count(); ++i) {
    const std::uint32_t count = block.run(i).count;
    if (count == 0) return bad_block(index, "a quality run of no readings");
    sum += count;
  }
  return sum == block.count ? core::Status() : bad_block(index, "the quality runs do not cover the readings");
}

core::Status decode_block(ByteReader& in, std::size_t index, DataBlock& block) {
  block.channel = in.get<std::uint32_t>();
  const auto type = in.get<std::uint8_t>();
  const auto flags = in.get<std::uint8_t>();
  block.count = in.get<std::uint16_t>();
  if (!in.ok()) return bad_block(index, "cut short");
  if (block.channel >= kChannelsMax) return bad_block(index, "the channel number is too large");
  if (!on_the_wire(type)) return bad_block(index, "unknown value type");
  if ((flags & ~(kExplicitTimes | kHasQuality)) != 0) return bad_block(index, "unknown flags");
  if (block.count == 0 || block.count > core::kMaxBlockReadings) return bad_block(index, "not 1 to 8192 readings");
  block.type = static_cast<ValueType>(type);
  block.start = block.period = 0;
  block.times = block.runs = {};
  if ((flags & kExplicitTimes) != 0) {
    block.times = in.take_span(std::size_t{block.count} * sizeof(TimeNs));
  } else {
    block.start = in.get<TimeNs>();
    block.period = in.get<core::DurationNs>();
  }
  if ((flags & kHasQuality) != 0) block.runs = in.take_span(in.get<std::uint16_t>() * DataBlock::kRunBytes);
  block.values = in.take_span(block.count * core::width(block.type));
  if (!in.ok()) return bad_block(index, "cut short");
  auto times = block.times.empty() ? check_regular_times(block, index) : check_explicit_times(block, index);
  if (!times || (flags & kHasQuality) == 0) return times;
  return check_runs(block, index);
}

}  // namespace

core::QualityRun DataBlock::run(std::size_t i) const {
  const std::byte* at = runs.data() + i * kRunBytes;
  return {load<std::uint16_t>(at), {load<std::uint32_t>(at + 2)}};
}

core::Result<Hello> decode_hello(const Frame& frame) {
  ByteReader in(frame.payload);
  Hello hello;
  hello.epoch = in.get<std::uint64_t>();
  hello.oldest = in.get<std::uint64_t>();
  hello.dropped_readings = in.get<std::uint64_t>();
  hello.source = take_text(in, kNameBytesMax);
  hello.client = take_text(in, kTextBytesMax);
  if (auto checked = whole(in, "hello"); !checked) return unexpected(checked.error());
  if (hello.source.empty()) return malformed("the hello names no source");
  if (hello.epoch == 0 || hello.oldest == 0) return malformed("epoch and oldest sequence of a hello count from 1");
  return hello;
}

core::Result<Welcome> decode_welcome(const Frame& frame) {
  ByteReader in(frame.payload);
  Welcome welcome;
  welcome.epoch = in.get<std::uint64_t>();
  welcome.sequence = in.get<std::uint64_t>();
  welcome.frame_bytes_max = in.get<std::uint32_t>();
  welcome.idle_timeout_ms = in.get<std::uint32_t>();
  welcome.server = take_text(in, kTextBytesMax);
  if (auto checked = whole(in, "welcome"); !checked) return unexpected(checked.error());
  return welcome;
}

core::Status decode_declare(const Frame& frame, std::vector<Declaration>& out) {
  out.clear();
  ByteReader in(frame.payload);
  const auto count = in.get<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    Declaration declaration;
    declaration.channel = in.get<std::uint32_t>();
    const auto type = in.get<std::uint8_t>();
    declaration.name = take_text(in, kNameBytesMax);
    if (!in.ok()) break;
    if (declaration.channel >= kChannelsMax) {
      return malformed(fmt::format("channel number {}; they go up to {}", declaration.channel, kChannelsMax - 1));
    }
    if (!on_the_wire(type)) return malformed(fmt::format("unknown value type {}", type));
    if (declaration.name.empty()) return malformed(fmt::format("channel {} has no name", declaration.channel));
    declaration.type = static_cast<ValueType>(type);
    out.push_back(declaration);
  }
  return whole(in, "declare");
}

core::Status decode_data(const Frame& frame, std::vector<DataBlock>& out) {
  out.clear();
  ByteReader in(frame.payload);
  const auto count = in.get<std::uint32_t>();
  if (count > in.remaining() / (kBlockHeaderBytes + sizeof(TimeNs) + 1)) {
    return malformed(fmt::format("{} blocks in a frame of {} bytes", count, frame.payload.size()));
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    if (auto decoded = decode_block(in, i, out.emplace_back()); !decoded) {
      out.clear();
      return decoded;
    }
  }
  auto checked = whole(in, "data");
  if (!checked) out.clear();
  return checked;
}

core::Result<Ack> decode_ack(const Frame& frame) {
  ByteReader in(frame.payload);
  Ack ack;
  ack.epoch = in.get<std::uint64_t>();
  ack.sequence = in.get<std::uint64_t>();
  if (auto checked = whole(in, "ack"); !checked) return unexpected(checked.error());
  return ack;
}

core::Result<ErrorMessage> decode_error(const Frame& frame) {
  ByteReader in(frame.payload);
  ErrorMessage error;
  error.number = static_cast<ErrorNumber>(in.get<std::uint16_t>());
  error.channel = in.get<std::uint32_t>();
  error.text = take_text(in, kTextBytesMax);
  if (auto checked = whole(in, "error"); !checked) return unexpected(checked.error());
  return error;
}

core::Result<Ping> decode_ping(const Frame& frame) {
  ByteReader in(frame.payload);
  Ping ping;
  ping.token = in.get<std::uint64_t>();
  ping.dropped_readings = in.get<std::uint64_t>();
  if (auto checked = whole(in, "ping"); !checked) return unexpected(checked.error());
  return ping;
}

core::Result<Pong> decode_pong(const Frame& frame) {
  ByteReader in(frame.payload);
  const Pong pong{in.get<std::uint64_t>()};
  if (auto checked = whole(in, "pong"); !checked) return unexpected(checked.error());
  return pong;
}

// ---- encoding

namespace {

// Writes a frame's header on construction and completes it on finish().
class FrameWriter {
 public:
  FrameWriter(MessageType type, std::vector<std::byte>& out) : out_(out), begin_(out.size()), writer_(out) {
    writer_.put(kMagic);
    writer_.put(kVersion);
    writer_.put(static_cast<std::uint8_t>(type));
    writer_.put(std::uint16_t{0});
    writer_.put(std::uint64_t{0});
    writer_.put(std::uint32_t{0});
    writer_.put(std::uint32_t{0});
  }
  ByteWriter& payload() { return writer_; }
  void text(std::string_view text, std::size_t bytes_max) {
    const std::string_view cut = text.substr(0, bytes_max);
    writer_.put(static_cast<std::uint16_t>(cut.size()));
    for (const char c : cut) writer_.put(is_control(c) ? ' ' : c);
  }
  void finish(std::uint64_t sequence = 0) {
    const std::size_t length = out_.size() - begin_ - kHeaderBytes;
    ASSERT(length <= kPayloadBytesMax, "a burst message larger than a frame may be");
    writer_.patch(begin_ + kLengthAt, static_cast<std::uint32_t>(length));
    seal_data(std::span(out_).subspan(begin_), sequence);
  }

 private:
  std::vector<std::byte>& out_;
  std::size_t begin_;
  ByteWriter writer_;
};

void put_block(const OutBlock& block, ByteWriter& out) {
  ASSERT(block.count > 0 && block.count <= core::kMaxBlockReadings, "block size out of bounds");
  ASSERT(block.channel < kChannelsMax, "channel number out of bounds");
  const unsigned flags = (block.times != nullptr ? kExplicitTimes : 0U) | (!block.quality.empty() ? kHasQuality : 0U);
  out.put(block.channel);
  out.put(static_cast<std::uint8_t>(block.type));
  out.put(static_cast<std::uint8_t>(flags));
  out.put(static_cast<std::uint16_t>(block.count));
  if (block.times != nullptr) {
    out.raw(block.times, block.count * sizeof(TimeNs));
  } else {
    out.put(block.start);
    out.put(block.period);
  }
  if (!block.quality.empty()) {
    out.put(static_cast<std::uint16_t>(block.quality.size()));
    for (const core::QualityRun& run : block.quality) {
      out.put(static_cast<std::uint16_t>(run.count));
      out.put(run.quality.code);
    }
  }
  out.raw(block.values, block.count * core::width(block.type));
}

}  // namespace

void encode(const Hello& message, std::vector<std::byte>& out) {
  FrameWriter frame(MessageType::kHello, out);
  frame.payload().put(message.epoch);
  frame.payload().put(message.oldest);
  frame.payload().put(message.dropped_readings);
  frame.text(message.source, kNameBytesMax);
  frame.text(message.client, kTextBytesMax);
  frame.finish();
}

void encode(const Welcome& message, std::vector<std::byte>& out) {
  FrameWriter frame(MessageType::kWelcome, out);
  frame.payload().put(message.epoch);
  frame.payload().put(message.sequence);
  frame.payload().put(message.frame_bytes_max);
  frame.payload().put(message.idle_timeout_ms);
  frame.text(message.server, kTextBytesMax);
  frame.finish();
}

void encode(std::span<const Declaration> message, std::vector<std::byte>& out) {
  FrameWriter frame(MessageType::kDeclare, out);
  frame.payload().put(static_cast<std::uint32_t>(message.size()));
  for (const Declaration& declaration : message) {
    frame.payload().put(declaration.channel);
    frame.payload().put(static_cast<std::uint8_t>(declaration.type));
    frame.text(declaration.name, kNameBytesMax);
  }
  frame.finish();
}

void encode(const Ack& message, std::vector<std::byte>& out) {
  FrameWriter frame(MessageType::kAck, out);
  frame.payload().put(message.epoch);
  frame.payload().put(message.sequence);
  frame.finish();
}

void encode(const ErrorMessage& message, std::vector<std::byte>& out) {
  FrameWriter frame(MessageType::kError, out);
  frame.payload().put(static_cast<std::uint16_t>(message.number));
  frame.payload().put(message.channel);
  frame.text(message.text, kTextBytesMax);
  frame.finish();
}

void encode(const Ping& message, std::vector<std::byte>& out) {
  FrameWriter frame(MessageType::kPing, out);
  frame.payload().put(message.token);
  frame.payload().put(message.dropped_readings);
  frame.finish();
}

void encode(const Pong& message, std::vector<std::byte>& out) {
  FrameWriter frame(MessageType::kPong, out);
  frame.payload().put(message.token);
  frame.finish();
}

std::size_t encoded_bytes(const OutBlock& block) {
  const std::size_t times = block.times != nullptr ? block.count * sizeof(TimeNs) : kRegularTimeBytes;
  const std::size_t quality = block.quality.empty() ? 0 : 2 + block.quality.size() * DataBlock::kRunBytes;
  return kBlockHeaderBytes + times + quality + block.count * core::width(block.type);
}

void encode_data(std::uint64_t sequence, std::span<const OutBlock> blocks, std::vector<std::byte>& out) {
  std::size_t bytes = kHeaderBytes + sizeof(std::uint32_t);
  for (const OutBlock& block : blocks) bytes += encoded_bytes(block);
  out.reserve(out.size() + bytes);
  FrameWriter frame(MessageType::kData, out);
  frame.payload().put(static_cast<std::uint32_t>(blocks.size()));
  for (const OutBlock& block : blocks) put_block(block, frame.payload());
  frame.finish(sequence);
}

void seal_data(std::span<std::byte> frame, std::uint64_t sequence) {
  ASSERT(frame.size() >= kHeaderBytes, "no whole frame to seal");
  std::memcpy(frame.data() + kSequenceAt, &sequence, sizeof(sequence));
  const std::uint32_t crc = checksum(frame.data(), frame.subspan(kHeaderBytes));
  std::memcpy(frame.data() + kCrcAt, &crc, sizeof(crc));
}

}  // namespace millwright::protocol::burst
