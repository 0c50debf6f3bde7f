#include "protocol/burst.hpp"

#include <array>
#include <chrono>
#include <fstream>
#include <limits>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/crc32c.hpp"

namespace millwright::protocol::burst {
namespace {

using core::ErrorCode;
using core::ValueType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Bytes = std::vector<std::byte>;

constexpr core::TimeNs kStart = 1'763'712'000'000'000'000;

Frame frame_of(const Bytes& bytes) {
  return {static_cast<MessageType>(bytes[5]), 0, std::span(bytes).subspan(kHeaderBytes)};
}

// Reads whole frames out of bytes that come in pieces; keeps copies of the payloads.
struct Cut {
  std::vector<std::pair<MessageType, Bytes>> frames;
  std::optional<core::Error> error;
};
Cut cut(std::span<const std::byte> bytes, std::size_t piece, std::size_t payload_max = kPayloadBytesMax) {
  Cut out;
  FrameReader reader(payload_max);
  while (!bytes.empty()) {
    const auto space = reader.space();
    const std::size_t n = std::min({piece, bytes.size(), space.size()});
    std::copy_n(bytes.begin(), n, space.begin());
    reader.filled(n);
    bytes = bytes.subspan(n);
    for (;;) {
      const auto frame = reader.next();
      if (!frame) {
        out.error = frame.error();
        return out;
      }
      if (!*frame) break;
      out.frames.emplace_back((*frame)->type, Bytes((*frame)->payload.begin(), (*frame)->payload.end()));
    }
  }
  return out;
}

// A block of each type, with regular and explicit times, with and without quality.
struct Example {
  std::array<float, 3> f32{1.5F, 2.5F, -1.0F};
  std::array<double, 2> f64{0.1, std::numeric_limits<double>::infinity()};
  std::array<std::int64_t, 2> i64{10, std::numeric_limits<std::int64_t>::min()};
  std::array<std::uint8_t, 5> boolean{1, 0, 1, 1, 0};
  std::array<std::int32_t, 1> state{-7};
  std::array<core::TimeNs, 2> times{1, -2};
  std::array<core::QualityRun, 2> runs{{{1, core::kGood}, {1, core::kBadSensorFailure}}};

  [[nodiscard]] std::vector<OutBlock> blocks() const {
    return {{0, ValueType::kFloat32, 3, kStart, 1'000'000, nullptr, f32.data(), {}},
            {1, ValueType::kInt64, 2, 0, 0, times.data(), i64.data(), runs},
            {kChannelsMax - 1, ValueType::kFloat64, 2, -kTimeMax, 1, nullptr, f64.data(), runs},
            {2, ValueType::kBool, 5, 0, 0, nullptr, boolean.data(), {}},
            {3, ValueType::kState, 1, kTimeMax, 0, nullptr, state.data(), {}}};
  }
  [[nodiscard]] Bytes frame(std::uint64_t sequence = 1) const {
    Bytes bytes;
    encode_data(sequence, blocks(), bytes);
    return bytes;
  }
};

TEST(Burst, CarriesEveryMessageThereAndBack) {
  Bytes bytes;
  encode(Hello{7, 9, 11, "press-7", "demo"}, bytes);
  const auto hello = decode_hello(frame_of(bytes));
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->epoch, 7U);
  EXPECT_EQ(hello->oldest, 9U);
  EXPECT_EQ(hello->dropped_readings, 11U);
  EXPECT_EQ(hello->source, "press-7");
  EXPECT_EQ(hello->client, "demo");

  bytes.clear();
  encode(Welcome{7, 8, 4096, 30'000, "mw"}, bytes);
  const auto welcome = decode_welcome(frame_of(bytes));
  ASSERT_TRUE(welcome);
  EXPECT_EQ(welcome->sequence, 8U);
  EXPECT_EQ(welcome->frame_bytes_max, 4096U);
  EXPECT_EQ(welcome->idle_timeout_ms, 30'000U);
  EXPECT_EQ(welcome->server, "mw");

  bytes.clear();
  const std::array<Declaration, 2> declared{{{0, ValueType::kFloat32, "vib"}, {9, ValueType::kState, "mode"}}};
  encode(declared, bytes);
  std::vector<Declaration> declarations;
  ASSERT_TRUE(decode_declare(frame_of(bytes), declarations));
  ASSERT_EQ(declarations.size(), 2U);
  EXPECT_EQ(declarations[1].channel, 9U);
  EXPECT_EQ(declarations[1].type, ValueType::kState);
  EXPECT_EQ(declarations[1].name, "mode");

  bytes.clear();
  encode(Ack{7, 99}, bytes);
  EXPECT_EQ(decode_ack(frame_of(bytes))->sequence, 99U);
  bytes.clear();
  encode(ErrorMessage{ErrorNumber::kUnknownChannel, 3, "no"}, bytes);
  EXPECT_EQ(decode_error(frame_of(bytes))->number, ErrorNumber::kUnknownChannel);
  EXPECT_EQ(decode_error(frame_of(bytes))->channel, 3U);
  EXPECT_EQ(decode_error(frame_of(bytes))->text, "no");
  bytes.clear();
  encode(Ping{5, 6}, bytes);
  EXPECT_EQ(decode_ping(frame_of(bytes))->dropped_readings, 6U);
  bytes.clear();
  encode(Pong{5}, bytes);
  EXPECT_EQ(decode_pong(frame_of(bytes))->token, 5U);
}

TEST(Burst, CarriesDataThereAndBack) {
  const Example example;
  const Bytes bytes = example.frame();
  std::vector<DataBlock> blocks;
  ASSERT_TRUE(decode_data(frame_of(bytes), blocks));
  const auto sent = example.blocks();
  ASSERT_EQ(blocks.size(), sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ(blocks[i].channel, sent[i].channel);
    EXPECT_EQ(blocks[i].type, sent[i].type);
    EXPECT_EQ(blocks[i].count, sent[i].count);
    EXPECT_EQ(blocks[i].start, sent[i].times != nullptr ? 0 : sent[i].start);
    EXPECT_EQ(blocks[i].period, sent[i].period);
    EXPECT_EQ(std::memcmp(blocks[i].values.data(), sent[i].values, blocks[i].values.size()), 0);
    ASSERT_EQ(blocks[i].run_count(), sent[i].quality.size());
    for (std::size_t k = 0; k < sent[i].quality.size(); ++k) {
      EXPECT_EQ(blocks[i].run(k).count, sent[i].quality[k].count);
      EXPECT_EQ(blocks[i].run(k).quality, sent[i].quality[k].quality);
    }
  }
  ASSERT_EQ(blocks[1].times.size(), 16U);
  EXPECT_EQ(std::memcmp(blocks[1].times.data(), example.times.data(), 16), 0);
}

TEST(Burst, CutsTheSameFramesFromPiecesOfAnySize) {
  Bytes bytes;
  encode(Hello{7, 1, 0, "press-7", "demo"}, bytes);
  const Bytes data = Example().frame(1);
  bytes.insert(bytes.end(), data.begin(), data.end());
  encode(Ping{5, 0}, bytes);
  const Cut whole = cut(bytes, bytes.size());
  ASSERT_FALSE(whole.error);
  ASSERT_EQ(whole.frames.size(), 3U);
  for (std::size_t piece = 1; piece < 60; ++piece) EXPECT_EQ(cut(bytes, piece).frames, whole.frames) << piece;
}

TEST(Burst, CutsFramesAsLargeAsAllowed) {
  const std::vector<double> values(core::kMaxBlockReadings, 0.25);
  std::vector<OutBlock> blocks(
      60, OutBlock{0, ValueType::kFloat64, core::kMaxBlockReadings, 0, 1, nullptr, values.data(), {}});
  Bytes bytes;
  encode_data(1, blocks, bytes);
  ASSERT_GT(bytes.size(), 3'900'000U);
  const Cut got = cut(bytes, 64 * 1024);
  ASSERT_EQ(got.frames.size(), 1U);
  EXPECT_EQ(got.frames[0].second.size(), bytes.size() - kHeaderBytes);
}

TEST(Burst, SealsAFrameWithAnotherSequence) {
  Bytes bytes = Example().frame(1);
  seal_data(bytes, 42);
  EXPECT_EQ(bytes, Example().frame(42));
}

TEST(Burst, NoticesEveryFlippedBit) {
  const Bytes good = Example().frame();
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= std::byte{1} << (bit % 8);
    const Cut got = cut(bad, bad.size());
    // A longer length waits for bytes that do not come; all else is refused at once.
    const bool longer = bit / 8 >= 16 && bit / 8 < 20 && !got.error;
    EXPECT_TRUE(got.error || longer) << "bit " << bit;
    EXPECT_TRUE(got.frames.empty()) << "bit " << bit;
  }
}

TEST(Burst, StaysBrokenAfterAnError) {
  Bytes bytes = Example().frame();
  bytes.back() ^= std::byte{1};
  FrameReader reader;
  auto space = reader.space();
  std::copy(bytes.begin(), bytes.end(), space.begin());
  reader.filled(bytes.size());
  EXPECT_EQ(reader.next().error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(reader.next().error().code, ErrorCode::kCorrupt);
}

// The header alone decides, before its payload is there.
Cut header_only(std::size_t at, std::uint32_t value, std::size_t width) {
  Bytes bytes = Example().frame();
  bytes.resize(kHeaderBytes);
  std::memcpy(bytes.data() + at, &value, width);
  return cut(bytes, bytes.size());
}

TEST(Burst, RefusesAHeaderBeforeItsPayloadCame) {
  EXPECT_THAT(header_only(0, 0x20544547, 4).error->message, HasSubstr("magic"));
  EXPECT_EQ(header_only(4, 2, 1).error->code, ErrorCode::kUnsupported);
  EXPECT_THAT(header_only(5, 0, 1).error->message, HasSubstr("unknown message type 0"));
  EXPECT_THAT(header_only(5, 9, 1).error->message, HasSubstr("unknown message type 9"));
  EXPECT_THAT(header_only(6, 1, 2).error->message, HasSubstr("reserved"));
  EXPECT_THAT(header_only(16, kPayloadBytesMax + 1, 4).error->message, HasSubstr("at most 4194304"));
  EXPECT_THAT(header_only(5, 7, 1).error->message, HasSubstr("sequence"));
  EXPECT_FALSE(header_only(16, kPayloadBytesMax, 4).error);
  const Bytes data = Example().frame();
  EXPECT_THAT(cut(data, data.size(), 16).error->message, HasSubstr("at most 16"));
}

TEST(Burst, TakesNoMemoryForALengthThatIsOnlyClaimed) {
  Bytes bytes = Example().frame();
  const std::uint32_t claimed = kPayloadBytesMax;
  std::memcpy(bytes.data() + 16, &claimed, sizeof(claimed));
  FrameReader reader;
  auto space = reader.space();
  std::copy(bytes.begin(), bytes.end(), space.begin());
  reader.filled(bytes.size());
  ASSERT_TRUE(reader.next());
  EXPECT_LE(reader.space().size(), 64U * 1024);
}

// A payload with one thing wrong, under a checksum that is right.
std::string refusal(Bytes bytes) {
  std::vector<DataBlock> blocks;
  const auto decoded = decode_data(frame_of(bytes), blocks);
  EXPECT_EQ(blocks.empty(), !decoded);
  return decoded ? "accepted" : decoded.error().message;
}
template <typename T>
Bytes patched(Bytes bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + kHeaderBytes + at, &value, sizeof(T));
  return bytes;
}

TEST(Burst, RefusesMalformedDataAsAWhole) {
  const Example example;
  const Bytes good = example.frame();
  const std::size_t second = 4 + encoded_bytes(example.blocks()[0]);  // the block with explicit times and quality
  EXPECT_THAT(refusal(patched(good, 0, std::uint32_t{0xFFFFFFFF})), HasSubstr("4294967295 blocks"));
  EXPECT_THAT(refusal(patched(good, 0, std::uint32_t{4})), HasSubstr("form"));
  EXPECT_THAT(refusal(patched(good, 0, std::uint32_t{6})), HasSubstr("data block 5: cut short"));
  EXPECT_THAT(refusal(patched(good, 4, std::uint32_t{kChannelsMax})), HasSubstr("channel number"));
  EXPECT_THAT(refusal(patched(good, 8, std::uint8_t{5})), HasSubstr("value type"));
  EXPECT_THAT(refusal(patched(good, 9, std::uint8_t{4})), HasSubstr("flags"));
  EXPECT_THAT(refusal(patched(good, 10, std::uint16_t{0})), HasSubstr("not 1 to 8192"));
  EXPECT_THAT(refusal(patched(good, 10, std::uint16_t{8193})), HasSubstr("not 1 to 8192"));
  EXPECT_THAT(refusal(patched(good, 10, std::uint16_t{8192})), HasSubstr("cut short"));
  EXPECT_THAT(refusal(patched(good, 20, std::int64_t{-1})), HasSubstr("period is negative"));
  EXPECT_THAT(refusal(patched(good, 20, std::numeric_limits<std::int64_t>::max())), HasSubstr("times outside"));
  EXPECT_THAT(refusal(patched(good, 12, std::numeric_limits<std::int64_t>::min())), HasSubstr("times outside"));
  EXPECT_THAT(refusal(patched(good, second + 8, std::int64_t{kTimeMax + 1})), HasSubstr("times outside"));
  EXPECT_THAT(refusal(patched(good, second + 24 + 2, std::uint16_t{0})), HasSubstr("run of no readings"));
  EXPECT_THAT(refusal(patched(good, second + 24 + 2, std::uint16_t{2})), HasSubstr("do not cover"));
  Bytes longer = good;
  longer.push_back(std::byte{0});
  EXPECT_THAT(refusal(longer), HasSubstr("form"));
  for (std::size_t size = kHeaderBytes; size < good.size(); ++size) {
    EXPECT_NE(refusal(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))), "accepted") << size;
  }
  EXPECT_THAT(refusal(good), "accepted") << "the frame itself is fine";
}

TEST(Burst, RefusesMalformedMessages) {
  Bytes bytes;
  encode(Hello{0, 1, 0, "a", ""}, bytes);
  EXPECT_FALSE(decode_hello(frame_of(bytes)));
  bytes.clear();
  encode(Hello{1, 0, 0, "a", ""}, bytes);
  EXPECT_FALSE(decode_hello(frame_of(bytes)));
  bytes.clear();
  encode(Hello{1, 1, 0, "", ""}, bytes);
  EXPECT_THAT(decode_hello(frame_of(bytes)).error().message, HasSubstr("names no source"));
  bytes.clear();
  encode(Hello{1, 1, 0, "abc", "def"}, bytes);
  bytes = patched(bytes, 24, std::uint16_t{kNameBytesMax + 1});
  EXPECT_FALSE(decode_hello(frame_of(bytes)));
  std::vector<Declaration> out;
  bytes.clear();
  encode(std::array{Declaration{kChannelsMax, ValueType::kBool, "a"}}, bytes);
  EXPECT_FALSE(decode_declare(frame_of(bytes), out));
  bytes.clear();
  encode(std::array{Declaration{1, ValueType::kBool, ""}}, bytes);
  EXPECT_FALSE(decode_declare(frame_of(bytes), out));
  bytes.clear();
  encode(std::array{Declaration{1, ValueType::kBool, "a"}}, bytes);
  EXPECT_FALSE(decode_declare(frame_of(patched(bytes, 8, std::uint8_t{77})), out));
  EXPECT_FALSE(decode_declare(frame_of(patched(bytes, 0, std::uint32_t{2})), out));
}

TEST(Burst, TakesNoControlCharactersInTexts) {
  Bytes bytes;
  encode(Hello{1, 1, 0, "a\nb", ""}, bytes);
  EXPECT_EQ(decode_hello(frame_of(bytes))->source, "a b");
  EXPECT_FALSE(decode_hello(frame_of(patched(bytes, 27, '\n'))));
  EXPECT_TRUE(decode_hello(frame_of(patched(bytes, 27, '\xC3'))));
}

TEST(Burst, CutsTextsThatAreTooLong) {
  Bytes bytes;
  encode(ErrorMessage{ErrorNumber::kMalformed, kNoChannel, std::string(5000, 'x')}, bytes);
  EXPECT_EQ(decode_error(frame_of(bytes))->text.size(), kTextBytesMax);
}

// The bytes in docs/format/burst.md, so that the page cannot go wrong unseen.
Bytes documented(const std::string& title) {
  std::ifstream page(MILLWRIGHT_SOURCE_DIR "/docs/format/burst.md");
  Bytes bytes;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line == "```hex " + title) {
      inside = true;
    } else if (inside && line == "```") {
      return bytes;
    } else if (inside) {
      std::istringstream hex(line.substr(0, line.find('#')));
      for (std::string byte; hex >> byte;) bytes.push_back(static_cast<std::byte>(std::stoul(byte, nullptr, 16)));
    }
  }
  return bytes;
}

TEST(BurstFormat, IsWhatThePageSays) {
  Bytes bytes;
  encode(Hello{7, 1, 0, "press-7", "demo"}, bytes);
  EXPECT_EQ(bytes, documented("hello"));
  bytes.clear();
  encode(Welcome{7, 0, 4194304, 30'000, "mw"}, bytes);
  EXPECT_EQ(bytes, documented("welcome"));
  bytes.clear();
  encode(std::array<Declaration, 2>{{{0, ValueType::kFloat32, "vib"}, {1, ValueType::kInt64, "count"}}}, bytes);
  EXPECT_EQ(bytes, documented("declare"));
  bytes.clear();
  const std::array<float, 3> vib{1.5F, 2.5F, -1.0F};
  const std::array<std::int64_t, 2> count{10, 11};
  const std::array<core::TimeNs, 2> times{kStart, kStart + 500'000'000};
  const std::array<core::QualityRun, 2> runs{{{1, core::kGood}, {1, core::kBad}}};
  encode_data(1,
              std::array<OutBlock, 2>{{{0, ValueType::kFloat32, 3, kStart, 1'000'000, nullptr, vib.data(), {}},
                                       {1, ValueType::kInt64, 2, 0, 0, times.data(), count.data(), runs}}},
              bytes);
  EXPECT_EQ(bytes, documented("data"));
  bytes.clear();
  encode(Ack{7, 1}, bytes);
  EXPECT_EQ(bytes, documented("ack"));
  bytes.clear();
  encode(ErrorMessage{ErrorNumber::kUnknownChannel, 1, "no sensor has the channel 'count' as its address"}, bytes);
  EXPECT_EQ(bytes, documented("error"));
}

TEST(BurstFormat, ChecksumsAsCrc32c) {
  // RFC 3720, B.4: 32 bytes of zeros.
  const std::array<std::byte, 32> zeros{};
  EXPECT_EQ(core::crc32c(zeros), 0x8A9136AAU);
}

TEST(BurstSpeed, IsToldNotJudged) {
  const std::vector<float> values(100, 0.5F);
  const std::vector<OutBlock> blocks(200,
                                     OutBlock{5, ValueType::kFloat32, 100, kStart, 1000, nullptr, values.data(), {}});
  Bytes bytes;
  encode_data(1, blocks, bytes);
  FrameReader reader;
  std::vector<DataBlock> decoded;
  std::uint64_t readings = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 200; ++i) {
    std::span<const std::byte> left(bytes);
    while (!left.empty()) {
      const auto space = reader.space();
      const std::size_t n = std::min(space.size(), left.size());
      std::copy_n(left.begin(), n, space.begin());
      reader.filled(n);
      left = left.subspan(n);
    }
    const auto frame = reader.next();
    ASSERT_TRUE(frame && *frame);
    ASSERT_TRUE(decode_data(**frame, decoded));
    for (const DataBlock& block : decoded) readings += block.count;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(readings, 200U * 200 * 100);
  RecordProperty("million_readings_per_second",
                 fmt::format("{:.0f}", static_cast<double>(readings) / took.count() / 1e6));
  fmt::print("decoded {:.0f} million readings/s\n", static_cast<double>(readings) / took.count() / 1e6);
}

}  // namespace
}  // namespace millwright::protocol::burst
