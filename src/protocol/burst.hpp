// The burst stream: blocks of readings over TCP, framed, checked, acknowledged when durable, and resumable by sequence.
// No I/O here. The bytes, their meaning and a worked example: docs/format/burst.md.
//
//   sender                                    receiver
//   hello (source, epoch, oldest)        ──►
//                                        ◄──  welcome (epoch, sequence that is durable)
//   declare (channel numbers and names)  ──►
//   data 1, data 2, …                    ──►
//                                        ◄──  ack (epoch, sequence that is durable)
//
// Threads: values and single-owner classes, no sharing. Units: times are ns UTC.
// Errors: kCorrupt where the bytes fail the checksum, kUnsupported for another version, kInvalid for everything else
// that breaks the format; after an error the stream is of no more use.
// Limits: below; a length is checked before it is believed, and memory grows only with bytes that came.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/block.hpp"
#include "core/bytes.hpp"
#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::protocol::burst {

inline constexpr std::uint8_t kVersion = 1;
inline constexpr std::uint32_t kMagic = 0x3142574D;  // the bytes "MWB1"
inline constexpr std::size_t kHeaderBytes = 24;
inline constexpr std::size_t kPayloadBytesMax = 4 * 1024 * 1024;
inline constexpr std::size_t kNameBytesMax = 512;   // of a source or channel
inline constexpr std::size_t kTextBytesMax = 1024;  // of a message for people
inline constexpr std::uint32_t kChannelsMax = 1 << 20;
// Source times further out are refused: arithmetic on them must not overflow anywhere (years 1684 to 2255).
inline constexpr core::TimeNs kTimeMax = 9'000'000'000'000'000'000;

enum class MessageType : std::uint8_t {
  kHello = 1,
  kWelcome = 2,
  kDeclare = 3,
  kData = 4,
  kAck = 5,
  kError = 6,
  kPing = 7,
  kPong = 8,
};

// Numbers on the wire; never renumber. Up to 99 the receiver closes the connection; from 100 on it concerns one channel
// and the stream goes on.
enum class ErrorNumber : std::uint16_t {
  kMalformed = 1,     // bytes that break the format
  kCorrupt = 2,       // a frame that fails its checksum
  kOtherVersion = 3,  // a version that the receiver does not speak
  kUnexpected = 4,    // a message that has no place here, such as data before hello
  kSequenceGap = 5,   // a data frame is missing; resend from the last ack
  kStaleEpoch = 6,    // the source has used a greater epoch
  kReplaced = 7,      // a newer connection of the same source took over
  kTooMany = 8,       // connections, sources or channels
  kIdle = 9,          // nothing came for longer than the welcome allowed
  kShuttingDown = 10,
  kUnknownChannel = 100,  // nothing here wants this channel; its readings are skipped
  kWrongType = 101,       // the channel's type does not fit the sensor's without loss; its readings are skipped
};
constexpr bool closes(ErrorNumber number) {
  return static_cast<std::uint16_t>(number) < 100;
}
inline constexpr std::uint32_t kNoChannel = 0xFFFF'FFFF;

// ---- frames

struct Frame {
  MessageType type = MessageType::kPing;
  std::uint64_t sequence = 0;  // of data, counted from 1 within an epoch; 0 for all else
  std::span<const std::byte> payload;
};

// Cuts a stream of untrusted bytes into checked frames.
//   auto space = reader.space();  n = stream.read_some(space);  reader.filled(n);
//   while (frame = reader.next(), frame && *frame) …
class FrameReader {
 public:
  explicit FrameReader(std::size_t payload_bytes_max = kPayloadBytesMax);

  // Room for more bytes. Ends the life of frames given before.
  std::span<std::byte> space();
  void filled(std::size_t bytes);
  // The next whole frame, nothing where more bytes are needed, or why the stream is broken (for good).
  core::Result<std::optional<Frame>> next();
  // Bytes of a frame that is not whole yet.
  [[nodiscard]] std::size_t pending() const { return end_ - begin_; }

 private:
  std::size_t payload_bytes_max_;
  std::unique_ptr<std::byte[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::optional<core::Error> broken_;
};

// ---- messages. Views in a decoded message point into the frame's payload.

struct Hello {
  std::uint64_t epoch = 0;             // greater at every start of a sender that begins again at sequence 1; not 0
  std::uint64_t oldest = 1;            // the lowest sequence that the sender will send from here on; not 0
  std::uint64_t dropped_readings = 0;  // given up by the sender in this epoch, as it ran out of room
  std::string_view source;             // 1 to kNameBytesMax bytes
  std::string_view client;             // who is speaking, for logs
};
struct Welcome {
  std::uint64_t epoch = 0;            // the hello's; greater: that epoch is used up, come back with one greater still
  std::uint64_t sequence = 0;         // up to here all is durable: send from the next one on
  std::uint32_t frame_bytes_max = 0;  // of a frame's payload
  std::uint32_t idle_timeout_ms = 0;  // say something (a ping) at least this often
  std::string_view server;
};
struct Declaration {
  std::uint32_t channel = 0;  // below kChannelsMax; valid on this connection
  core::ValueType type = core::ValueType::kFloat32;
  std::string_view name;
};
struct Ack {
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;
};
struct ErrorMessage {
  ErrorNumber number = ErrorNumber::kMalformed;
  std::uint32_t channel = kNoChannel;
  std::string_view text;
};
struct Ping {
  std::uint64_t token = 0;
  std::uint64_t dropped_readings = 0;  // as in hello
};
struct Pong {
  std::uint64_t token = 0;
};

// Readings of one channel. When decoding, the spans point into the payload and are not aligned.
struct DataBlock {
  std::uint32_t channel = 0;
  core::ValueType type = core::ValueType::kFloat32;
  std::uint32_t count = 0;
  core::TimeNs start = 0;  // where times is empty
  core::DurationNs period = 0;
  std::span<const std::byte> times;   // count * i64, or empty
  std::span<const std::byte> values;  // count * width(type)
  std::span<const std::byte> runs;    // quality runs as on the wire (6 bytes each), or empty: all good
  [[nodiscard]] std::size_t run_count() const { return runs.size() / kRunBytes; }
  [[nodiscard]] core::QualityRun run(std::size_t i) const;
  static constexpr std::size_t kRunBytes = 6;
};

core::Result<Hello> decode_hello(const Frame& frame);
core::Result<Welcome> decode_welcome(const Frame& frame);
core::Status decode_declare(const Frame& frame, std::vector<Declaration>& out);
// Checks all of it before it gives any; `out` is overwritten and may be reused from frame to frame.
core::Status decode_data(const Frame& frame, std::vector<DataBlock>& out);
core::Result<Ack> decode_ack(const Frame& frame);
core::Result<ErrorMessage> decode_error(const Frame& frame);
core::Result<Ping> decode_ping(const Frame& frame);
core::Result<Pong> decode_pong(const Frame& frame);

// Each appends one whole frame to `out`. Names and texts over their limit are cut, control characters become spaces.
void encode(const Hello& message, std::vector<std::byte>& out);
void encode(const Welcome& message, std::vector<std::byte>& out);
void encode(std::span<const Declaration> message, std::vector<std::byte>& out);
void encode(const Ack& message, std::vector<std::byte>& out);
void encode(const ErrorMessage& message, std::vector<std::byte>& out);
void encode(const Ping& message, std::vector<std::byte>& out);
void encode(const Pong& message, std::vector<std::byte>& out);

// What a sender has: values in memory, quality as runs (empty: all good), times explicit or regular.
struct OutBlock {
  std::uint32_t channel = 0;
  core::ValueType type = core::ValueType::kFloat32;
  std::uint32_t count = 0;
  core::TimeNs start = 0;
  core::DurationNs period = 0;
  const core::TimeNs* times = nullptr;
  const void* values = nullptr;
  std::span<const core::QualityRun> quality;
};
std::size_t encoded_bytes(const OutBlock& block);
// Appends a data frame. The blocks must fit a payload, each 1 to kMaxBlockReadings readings.
void encode_data(std::uint64_t sequence, std::span<const OutBlock> blocks, std::vector<std::byte>& out);
// Gives a whole data frame (as encode_data made it) another sequence, and its checksum.
void seal_data(std::span<std::byte> frame, std::uint64_t sequence);

}  // namespace millwright::protocol::burst
