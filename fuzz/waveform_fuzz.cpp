// Any bytes as chunks of waveforms, one after the other: read or refused; what is whole has the samples that it
// promised, and memory stays within its limit. A chunk is two bytes of length and that many bytes.
#include <cstdint>
#include <string_view>

#include "core/assert.hpp"
#include "protocol/waveform.hpp"

using namespace millwright::protocol;  // NOLINT: a program of one file

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  WaveformAssembler assembler;
  for (millwright::core::TimeNs now = 0; rest.size() >= 2; ++now) {
    const std::size_t length =
        static_cast<unsigned char>(rest[0]) | static_cast<std::size_t>(static_cast<unsigned char>(rest[1])) << 8;
    const std::string_view payload = rest.substr(2, length);
    rest.remove_prefix(2 + payload.size());
    const auto taken = assembler.take("t", payload, now);
    if (taken && *taken) {
      const auto chunk = parse_chunk(payload);
      ASSERT(chunk && (*taken)->samples.size() == chunk->total, "another length than promised");
      ASSERT((*taken)->time(0) == chunk->start, "another start");
    }
    assembler.expire(now - 100);
  }
  return 0;
}
