// Codec: one block's content (type, count, times, values, quality) as bytes and back, lossless to the bit.
// Format: docs/format/codec.md. After A. Afroozeh, L. Kuffo, P. Boncz, "ALP: Adaptive Lossless floating-Point
// Compression", SIGMOD 2024: floats that are decimals become integers, integers are bit-packed in one width a block.
// Vectors where the processor has them, chosen at run time.
//
// Threads: one Encoder or Decoder by one thread at a time; neither allocates once warm.
// Shapes: an encoded block does not know its own length or sensor; whoever stores it keeps both. `base` is a time near
// the block's, known to both sides; the start is kept as the distance from it.
// Errors: decode() takes any bytes: what is not an encoded block is kCorrupt. Limits: 1 to core::kMaxBlockReadings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/block.hpp"
#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::historian {

struct Kernels;

class Encoder {
 public:
  Encoder();
  // With these inner loops instead of the fastest (kernels.hpp). The bytes are the same.
  explicit Encoder(const Kernels& kernels);
  ~Encoder();
  // Appends `block` to `out`. Neighbouring quality runs of one code become one run; regular times in a list become
  // start and period.
  void encode(const core::Block& block, core::TimeNs base, std::vector<std::byte>& out);

 private:
  struct Scratch;
  std::unique_ptr<Scratch> scratch_;
};

// A block that owns its memory and is used again and again.
struct DecodedBlock {
  core::ValueType type = core::ValueType::kFloat64;
  std::uint32_t count = 0;
  core::TimeNs start = 0;
  core::DurationNs period = 0;
  core::TimeNs received = 0;
  std::vector<core::TimeNs> times;  // empty where the times are regular
  std::vector<std::byte> values;    // count * width(type)
  std::vector<core::QualityRun> quality;

  // The same as a block; it points in here.
  [[nodiscard]] core::Block view(core::SensorId sensor = {});
  [[nodiscard]] core::TimeNs time(std::uint32_t i) const { return times.empty() ? start + period * i : times[i]; }
  // Value i's own bytes, zero-extended.
  [[nodiscard]] std::uint64_t bits(std::uint32_t i) const;
};

class Decoder {
 public:
  Decoder();
  explicit Decoder(const Kernels& kernels);
  ~Decoder();
  // `bytes` is one whole encoded block. On failure `block` holds nothing of use.
  core::Status decode(std::span<const std::byte> bytes, core::TimeNs base, DecodedBlock& block);

 private:
  struct Scratch;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace millwright::historian
