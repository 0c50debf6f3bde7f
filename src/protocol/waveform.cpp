#include "protocol/waveform.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <span>

#include <fmt/format.h>
#include <lz4.h>
#include <openssl/evp.h>

#include "core/bytes.hpp"

namespace millwright::protocol {
namespace {

using core::ErrorCode;

static_assert(std::endian::native == std::endian::little, "samples are little-endian");

constexpr std::uint8_t kCompressed = 1;  // flag: an LZ4 block
constexpr std::size_t kUploadBytes = 16;
constexpr std::size_t kSha256Bytes = 32;
constexpr core::TimeNs kTimeMax = 9'000'000'000'000'000'000;  // arithmetic on times must not overflow anywhere

core::Unexpected invalid(std::string message) {
  return core::unexpected(ErrorCode::kInvalid, std::move(message));
}

core::Status check(const WaveformChunk& chunk) {
  if (!(chunk.rate_hz >= kWaveformRateMin && chunk.rate_hz <= kWaveformRateMax)) {
    return invalid(
        fmt::format("a rate of {} Hz; {} to {} are possible", chunk.rate_hz, kWaveformRateMin, kWaveformRateMax));
  }
  if (chunk.total == 0 || chunk.total > kWaveformSamplesMax) {
    return invalid(fmt::format("a waveform of {} samples; 1 to {} are possible", chunk.total, kWaveformSamplesMax));
  }
  if (chunk.count == 0 || chunk.count > kWaveformChunkSamplesMax || chunk.first > chunk.total ||
      chunk.count > chunk.total - chunk.first) {
    return invalid(fmt::format("samples {} to {} of {}: a chunk has 1 to {} of its waveform", chunk.first,
                               std::uint64_t{chunk.first} + chunk.count, chunk.total, kWaveformChunkSamplesMax));
  }
  const double length = static_cast<double>(chunk.total) / chunk.rate_hz * 1e9;
  if (std::abs(static_cast<double>(chunk.start)) + length >= static_cast<double>(kTimeMax)) {
    return invalid("its time lies beyond the years 1684 to 2255");
  }
  if (!chunk.compressed && chunk.samples.size() != chunk.count * sizeof(float)) {
    return invalid(fmt::format("{} bytes for {} samples", chunk.samples.size(), chunk.count));
  }
  return {};
}

core::Result<std::vector<float>> unpack(const WaveformChunk& chunk) {
  std::vector<float> samples(chunk.count);
  const std::size_t size = samples.size() * sizeof(float);
  if (!chunk.compressed) {
    std::memcpy(samples.data(), chunk.samples.data(), size);
    return samples;
  }
  if (chunk.samples.size() > static_cast<std::size_t>(LZ4_compressBound(static_cast<int>(size)))) {
    return core::unexpected(ErrorCode::kCorrupt, "more bytes than LZ4 makes of its samples");
  }
  const int got = LZ4_decompress_safe(chunk.samples.data(), reinterpret_cast<char*>(samples.data()),
                                      static_cast<int>(chunk.samples.size()), static_cast<int>(size));
  if (got < 0 || static_cast<std::size_t>(got) != size) {
    return core::unexpected(ErrorCode::kCorrupt, fmt::format("no LZ4 block of {} samples", chunk.count));
  }
  return samples;
}

std::string sha256(std::span<const float> samples) {
  std::string digest(kSha256Bytes, '\0');
  EVP_Digest(samples.data(), samples.size_bytes(), reinterpret_cast<unsigned char*>(digest.data()), nullptr,
             EVP_sha256(), nullptr);
  return digest;
}

}  // namespace

core::TimeNs Waveform::time(std::size_t sample) const {
  return start + std::llround(static_cast<double>(sample) * (1e9 / rate_hz));
}

bool is_waveform(std::string_view payload) {
  return payload.starts_with(kWaveformMagic);
}

core::Result<WaveformChunk> parse_chunk(std::string_view payload) {
  core::ByteReader in(std::as_bytes(std::span(payload.data(), payload.size())));
  WaveformChunk chunk;
  if (in.text(kWaveformMagic.size()) != kWaveformMagic) return invalid("no waveform");
  const auto flags = in.get<std::uint8_t>();
  const std::string_view reserved = in.text(3);
  chunk.compressed = flags == kCompressed;
  chunk.upload = in.text(kUploadBytes);
  chunk.start = in.get<std::int64_t>();
  chunk.rate_hz = in.get<double>();
  chunk.total = in.get<std::uint32_t>();
  chunk.first = in.get<std::uint32_t>();
  chunk.count = in.get<std::uint32_t>();
  chunk.sha256 = in.text(kSha256Bytes);
  if (!in.ok()) return invalid(fmt::format("a chunk has at least {} bytes", kWaveformHeaderBytes));
  if (flags > kCompressed || reserved != std::string_view("\0\0\0", 3)) {
    return core::unexpected(ErrorCode::kUnsupported, fmt::format("flags {:#x} of a later version", flags));
  }
  chunk.samples = in.text(in.remaining());
  if (auto checked = check(chunk); !checked) return core::unexpected(checked.error());
  return chunk;
}

core::Result<std::optional<Waveform>> WaveformAssembler::take(std::string_view topic, std::string_view payload,
                                                              core::TimeNs now) {
  const auto chunk = parse_chunk(payload);
  if (!chunk) return core::unexpected(chunk.error());
  const std::string key = std::string(chunk->upload).append(topic);
  if (done_.count(key) != 0) {
    ++repeated_;
    return std::optional<Waveform>();
  }
  auto found = open_.find(key);
  if (found == open_.end()) {
    if (open_.size() >= kOpenMax) return core::unexpected(ErrorCode::kFull, "too many waveforms that are not whole");
    found = open_.try_emplace(key).first;
    Upload& upload = found->second;
    upload.header = *chunk;
    upload.topic = topic;
    upload.sha256 = chunk->sha256;
  }
  Upload& upload = found->second;
  upload.touched = now;
  if (auto added = add(upload, *chunk); !added) {
    if (upload.chunks.empty()) forget(key);
    return core::unexpected(added.error());
  }
  if (upload.received < upload.header.total) return std::optional<Waveform>();
  auto whole = finish(key, upload);
  if (!whole) return core::unexpected(whole.error());
  return std::optional(std::move(*whole));
}

core::Status WaveformAssembler::add(Upload& upload, const WaveformChunk& chunk) {
  const WaveformChunk& known = upload.header;
  if (chunk.total != known.total || chunk.start != known.start || chunk.rate_hz != known.rate_hz ||
      chunk.sha256 != upload.sha256) {
    return invalid("another start, rate, length or SHA-256 than the chunks before");
  }
  const auto next = upload.chunks.lower_bound(chunk.first);
  if (next != upload.chunks.end() && next->first == chunk.first && next->second.size() == chunk.count) {
    ++repeated_;
    return {};
  }
  const bool into_next = next != upload.chunks.end() && next->first < chunk.first + chunk.count;
  const bool into_last =
      next != upload.chunks.begin() && std::prev(next)->first + std::prev(next)->second.size() > chunk.first;
  if (into_next || into_last) return invalid("chunks overlap");
  if (upload.chunks.size() >= kChunksMax || (open_samples_ + chunk.count) * sizeof(float) > kOpenBytesMax) {
    return core::unexpected(ErrorCode::kFull, "too much of waveforms that are not whole");
  }
  auto samples = unpack(chunk);
  if (!samples) return core::unexpected(samples.error());
  upload.chunks.emplace(chunk.first, std::move(*samples));
  upload.received += chunk.count;
  open_samples_ += chunk.count;
  return {};
}

core::Result<Waveform> WaveformAssembler::finish(const std::string& key, Upload& upload) {
  Waveform waveform{.start = upload.header.start, .rate_hz = upload.header.rate_hz, .samples = {}};
  waveform.samples.reserve(upload.header.total);
  for (const auto& [first, samples] : upload.chunks) {
    waveform.samples.insert(waveform.samples.end(), samples.begin(), samples.end());
  }
  const bool right = sha256(waveform.samples) == upload.sha256;
  forget(key);
  if (!right) return core::unexpected(ErrorCode::kCorrupt, "the samples are not those of its SHA-256");
  done_.insert(key);
  done_order_.push_back(key);
  if (done_order_.size() > kRemembered) {
    done_.erase(done_order_.front());
    done_order_.pop_front();
  }
  return waveform;
}

void WaveformAssembler::forget(const std::string& key) {
  const auto found = open_.find(key);
  open_samples_ -= found->second.received;
  open_.erase(found);
}

std::vector<std::string> WaveformAssembler::expire(core::TimeNs before) {
  std::vector<std::string> given_up;
  for (auto one = open_.begin(); one != open_.end();) {
    const Upload& upload = one->second;
    if (upload.touched >= before) {
      ++one;
      continue;
    }
    given_up.push_back(fmt::format("{}: a waveform of {} samples of which {} came is given up", upload.topic,
                                   upload.header.total, upload.received));
    open_samples_ -= upload.received;
    one = open_.erase(one);
  }
  return given_up;
}

}  // namespace millwright::protocol
