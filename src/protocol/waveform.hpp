// Waveforms in chunks, as messages of a broker carry them: float32 samples, LZ4 where the sender likes, and a SHA-256
// over the whole. Format: docs/format/waveform.md.
//
//   WaveformAssembler assembler;
//   auto done = assembler.take(topic, payload, now);    // a chunk of any upload, in any order
//   if (done && *done) … (*done)->samples …
//
// Threads: parse_chunk is a pure function; an assembler has one owner. Times: ns UTC in chunks, monotonic where `now`
// says so. Errors: kInvalid where a chunk breaks the format or contradicts those before, kCorrupt where its bytes, or
// the whole, are not what they were, kFull beyond the limits. Limits: below; memory grows only with samples that came.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::protocol {

inline constexpr std::string_view kWaveformMagic = "MWW1";
inline constexpr std::size_t kWaveformHeaderBytes = 84;
inline constexpr std::uint32_t kWaveformSamplesMax = 1 << 22;
inline constexpr std::uint32_t kWaveformChunkSamplesMax = 1 << 18;
inline constexpr double kWaveformRateMin = 1e-3;  // Hz
inline constexpr double kWaveformRateMax = 1e7;

struct WaveformChunk {
  std::string_view upload;  // 16 bytes of the sender's choice, such as a UUID
  core::TimeNs start = 0;   // of the waveform
  double rate_hz = 0;
  std::uint32_t total = 0;  // samples of the waveform
  std::uint32_t first = 0;  // of this chunk
  std::uint32_t count = 0;
  std::string_view sha256;  // 32 bytes, of the waveform's samples
  bool compressed = false;
  std::string_view samples;  // as sent
};

struct Waveform {
  core::TimeNs start = 0;
  double rate_hz = 0;
  std::vector<float> samples;

  [[nodiscard]] core::TimeNs time(std::size_t sample) const;
};

bool is_waveform(std::string_view payload);
core::Result<WaveformChunk> parse_chunk(std::string_view payload);

class WaveformAssembler {
 public:
  static constexpr std::size_t kOpenBytesMax = std::size_t{64} << 20;  // of all that is not whole
  static constexpr std::size_t kOpenMax = 1024;
  static constexpr std::size_t kChunksMax = 65536;  // of a waveform
  static constexpr std::size_t kRemembered = 4096;  // uploads that are done

  // The waveform, once this was its last chunk. A chunk that came before, also of an upload that is done, is nothing.
  core::Result<std::optional<Waveform>> take(std::string_view topic, std::string_view payload, core::TimeNs now);
  // Gives up what has had no chunk since `before`: what it was, for people.
  std::vector<std::string> expire(core::TimeNs before);

  [[nodiscard]] std::uint64_t repeated() const { return repeated_; }  // chunks
  [[nodiscard]] std::size_t open() const { return open_.size(); }

 private:
  struct Upload {
    WaveformChunk header;  // its views are of the first chunk, which is gone
    std::string topic;
    std::string sha256;
    std::map<std::uint32_t, std::vector<float>> chunks;  // by first sample
    std::uint32_t received = 0;                          // samples
    core::TimeNs touched = 0;
  };

  core::Status add(Upload& upload, const WaveformChunk& chunk);
  core::Result<Waveform> finish(const std::string& key, Upload& upload);
  void forget(const std::string& key);

  std::map<std::string, Upload, std::less<>> open_;  // by topic and upload
  std::size_t open_samples_ = 0;
  std::unordered_set<std::string> done_;
  std::deque<std::string> done_order_;
  std::uint64_t repeated_ = 0;
};

}  // namespace millwright::protocol
