// The burst codec against any bytes: as a stream cut into pieces, and as the payload of a frame whose checksum is
// right. What decodes as data must encode to the same bytes.
#include <algorithm>
#include <cstring>
#include <vector>

#include "core/assert.hpp"
#include "protocol/burst.hpp"

namespace {

using namespace millwright;
namespace burst = protocol::burst;

void encode_again(const burst::Frame& frame, const std::vector<burst::DataBlock>& blocks) {
  std::vector<std::vector<core::TimeNs>> times;
  std::vector<std::vector<core::QualityRun>> runs;
  std::vector<burst::OutBlock> out;
  times.reserve(blocks.size());
  runs.reserve(blocks.size());
  for (const burst::DataBlock& block : blocks) {
    ASSERT(block.values.size() == block.count * core::width(block.type), "values and count differ");
    auto& explicit_times = times.emplace_back(block.times.size() / sizeof(core::TimeNs));
    if (!block.times.empty()) std::memcpy(explicit_times.data(), block.times.data(), block.times.size());
    auto& quality = runs.emplace_back();
    for (std::size_t i = 0; i < block.run_count(); ++i) quality.push_back(block.run(i));
    out.push_back({block.channel, block.type, block.count, block.start, block.period,
                   block.times.empty() ? nullptr : explicit_times.data(), block.values.data(), quality});
  }
  std::vector<std::byte> bytes;
  burst::encode_data(frame.sequence, out, bytes);
  const auto payload = std::span(bytes).subspan(burst::kHeaderBytes);
  ASSERT(std::equal(payload.begin(), payload.end(), frame.payload.begin(), frame.payload.end()),
         "data does not encode to what it was decoded from");
}

void decode(const burst::Frame& frame) {
  static_cast<void>(burst::decode_hello(frame));
  static_cast<void>(burst::decode_welcome(frame));
  static_cast<void>(burst::decode_ack(frame));
  static_cast<void>(burst::decode_error(frame));
  static_cast<void>(burst::decode_ping(frame));
  static_cast<void>(burst::decode_pong(frame));
  std::vector<burst::Declaration> declarations;
  static_cast<void>(burst::decode_declare(frame, declarations));
  std::vector<burst::DataBlock> blocks;
  if (burst::decode_data(frame, blocks)) encode_again(frame, blocks);
}

void read_stream(std::span<const std::byte> bytes, std::size_t piece) {
  burst::FrameReader reader(64 * 1024);
  while (!bytes.empty()) {
    const auto space = reader.space();
    const std::size_t n = std::min({bytes.size(), space.size(), piece});
    std::copy_n(bytes.begin(), n, space.begin());
    reader.filled(n);
    bytes = bytes.subspan(n);
    for (;;) {
      const auto frame = reader.next();
      if (!frame) return;
      if (!*frame) break;
      decode(**frame);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  read_stream(bytes, 7);
  read_stream(bytes, 1 << 16);
  decode({burst::MessageType::kData, 1, bytes});
  return 0;
}
