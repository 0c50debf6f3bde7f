#include "protocol/waveform.hpp"

#include <cmath>
#include <cstring>
#include <span>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lz4.h>
#include <openssl/sha.h>

#include "core/bytes.hpp"

namespace millwright::protocol {
namespace {

using ::testing::HasSubstr;

constexpr core::TimeNs kStart = 1'790'000'000 * core::kSecond;

// A sender.
class WaveformTest : public ::testing::Test {
 protected:
  WaveformTest() {
    for (std::size_t i = 0; i < wave_.size(); ++i) wave_[i] = std::sin(0.1F * static_cast<float>(i));
    SHA256(reinterpret_cast<const unsigned char*>(wave_.data()), wave_.size() * sizeof(float), sha256_);
  }
  std::string chunk(std::uint32_t first, std::uint32_t count, bool compress = true, double rate = 25'600) {
    std::vector<std::byte> bytes;
    core::ByteWriter out(bytes);
    out.text("MWW1");
    out.put(std::uint32_t{compress ? 1U : 0U});
    out.text(upload_);
    out.put(kStart);
    out.put(rate);
    out.put(static_cast<std::uint32_t>(wave_.size()));
    out.put(first);
    out.put(count);
    out.raw(sha256_, sizeof(sha256_));
    const auto* samples = reinterpret_cast<const char*>(wave_.data() + first);
    const int size = static_cast<int>(count * sizeof(float));
    std::string packed(static_cast<std::size_t>(LZ4_compressBound(size)), '\0');
    packed.resize(
        static_cast<std::size_t>(LZ4_compress_default(samples, packed.data(), size, LZ4_compressBound(size))));
    out.text(compress ? std::string_view(packed) : std::string_view(samples, static_cast<std::size_t>(size)));
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  std::string error(const std::string& payload) {
    const auto taken = assembler_.take("t", payload, 0);
    return taken ? "" : taken.error().message;
  }

  std::vector<float> wave_ = std::vector<float>(10'000);
  unsigned char sha256_[32] = {};
  std::string upload_ = "0123456789abcdef";
  WaveformAssembler assembler_;
};

TEST_F(WaveformTest, IsWholeInAnyOrder) {
  EXPECT_TRUE(is_waveform(chunk(0, 1)));
  EXPECT_EQ(error(chunk(6000, 4000)), "");
  EXPECT_EQ(error(chunk(0, 3000, false)), "");
  EXPECT_EQ(error(chunk(0, 3000)), "");  // again
  EXPECT_EQ(assembler_.repeated(), 1U);
  const auto whole = assembler_.take("t", chunk(3000, 3000), 0);
  ASSERT_TRUE(whole && *whole);
  EXPECT_EQ((*whole)->samples, wave_);
  EXPECT_EQ((*whole)->time(0), kStart);
  EXPECT_EQ((*whole)->time(25'600), kStart + core::kSecond);
  EXPECT_EQ((*whole)->time(1), kStart + 39'063);
  EXPECT_EQ(assembler_.open(), 0U);
  const auto again = assembler_.take("t", chunk(3000, 3000), 0);
  EXPECT_TRUE(again && !*again);
  EXPECT_EQ(assembler_.open(), 0U);
}

TEST_F(WaveformTest, TellsWhatIsWrong) {
  EXPECT_THAT(error(chunk(0, 100).substr(0, 60)), HasSubstr("at least 84 bytes"));
  EXPECT_THAT(error(chunk(0, 100, true, -1)), HasSubstr("a rate of -1 Hz"));
  EXPECT_THAT(error(chunk(0, 100, true, std::nan(""))), HasSubstr("a rate of nan Hz"));
  EXPECT_THAT(error(chunk(0, 100).substr(0, 100)), HasSubstr("no LZ4 block of 100 samples"));
  EXPECT_THAT(error(chunk(0, 100, false).substr(0, 100)), HasSubstr("16 bytes for 100 samples"));
  EXPECT_EQ(assembler_.open(), 0U);
  EXPECT_EQ(error(chunk(100, 100)), "");
  EXPECT_THAT(error(chunk(150, 100)), HasSubstr("overlap"));
  EXPECT_THAT(error(chunk(50, 100)), HasSubstr("overlap"));
  EXPECT_THAT(error(chunk(300, 100, true, 1)), HasSubstr("another start, rate"));
  std::string beyond = chunk(0, 100);
  const std::uint32_t first = 9'950;
  std::memcpy(beyond.data() + 44, &first, sizeof(first));
  EXPECT_THAT(error(beyond), HasSubstr("samples 9950 to 10050 of 10000"));
}

TEST_F(WaveformTest, AnotherWholeIsNotTaken) {
  sha256_[0] ^= 1;
  EXPECT_EQ(error(chunk(0, 5000)), "");
  EXPECT_THAT(error(chunk(5000, 5000)), HasSubstr("not those of its SHA-256"));
  EXPECT_EQ(assembler_.open(), 0U);
}

TEST_F(WaveformTest, WhatIsNotWholeIsGivenUp) {
  ASSERT_TRUE(assembler_.take("t", chunk(0, 100), 10));
  EXPECT_TRUE(assembler_.expire(10).empty());
  EXPECT_THAT(assembler_.expire(11),
              ::testing::ElementsAre(HasSubstr("t: a waveform of 10000 samples of which 100 came")));
  EXPECT_EQ(assembler_.open(), 0U);
}

TEST_F(WaveformTest, MemoryHasALimit) {
  wave_.resize(kWaveformSamplesMax);
  std::string message;
  for (int i = 0; i < 100 && message.empty(); ++i) {
    upload_[0] = static_cast<char>(i);
    message = error(chunk(0, kWaveformChunkSamplesMax, false));
  }
  EXPECT_THAT(message, HasSubstr("too much"));
  EXPECT_EQ(assembler_.open(), WaveformAssembler::kOpenBytesMax / sizeof(float) / kWaveformChunkSamplesMax);
}

}  // namespace
}  // namespace millwright::protocol
