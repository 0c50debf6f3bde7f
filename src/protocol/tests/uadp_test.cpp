// Messages as asyncua 2.1 encodes them, of OPC 10000-14, 7.2.4.
#include "protocol/uadp.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millwright::protocol::uadp {
namespace {

using ::testing::HasSubstr;
using Bytes = std::vector<std::byte>;

constexpr core::TimeNs kTime = 1'763'712'000'500'000'000;  // 2025-11-21T08:00:00.5Z

Bytes bytes_of(std::string_view hex) {
  const auto nibble = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 3) {
    bytes.push_back(static_cast<std::byte>(nibble(hex[i]) * 16 + nibble(hex[i + 1])));
  }
  return bytes;
}

constexpr std::string_view kVariants =
    "f1 01 2a 00 0f 64 00 07 00 00 00 01 00 03 00 02 01 00 02 00 2e 00 04 00 99 10 05 00 40 cb 00 d6 "
    "bc 5a dc 01 00 00 05 00 0a 00 00 c0 3f 06 f9 ff ff ff 01 01 0c 04 00 00 00 77 61 72 6d 85 02 00 "
    "00 00 01 00 02 00 89 03 09 00 ";
constexpr std::string_view kDataValues =
    "f1 22 70 11 01 00 01 64 00 01 01 00 40 cb 00 d6 bc 5a dc 01 0d 06 00 01 00 0f 0b 00 00 00 00 00 "
    "00 02 40 00 00 00 40 40 cb 00 d6 bc 5a dc 01 40 cb 00 d6 bc 5a dc 01 ";
constexpr std::string_view kDelta = "51 03 01 01 00 89 01 07 00 01 00 01 00 06 08 00 00 00 ";
constexpr std::string_view kRaw =
    "d1 04 05 00 00 00 70 72 65 73 73 01 01 00 1b 08 00 00 80 00 00 c0 3f f9 ff ff ff 01 ";
constexpr std::string_view kChunk = "d1 80 01 03 01 00 07 00 03 00 00 00 09 00 00 00 03 00 00 00 61 62 63 ";
// The delta frame, encrypted with PubSub-Aes256-CTR and signed, made by Python's cryptography from the standard's
// words.
constexpr std::string_view kEncrypted =
    "d1 10 03 01 01 00 03 09 00 00 00 08 a0 a1 a2 a3 05 00 00 00 45 7a 11 b1 6d f7 e7 14 74 72 b5 a3 "
    "56 80 56 ff da a8 e8 dd 57 3b 58 c9 49 68 c2 37 0d 2a a5 59 f3 86 94 2f f5 6c fd 06 46 6a b7 a2 "
    "d4 ";
constexpr std::string_view kMeta =
    "91 81 08 2a 00 02 01 00 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 05 00 00 00 70 72 "
    "65 73 73 00 02 00 00 00 05 00 00 00 66 6f 72 63 65 00 00 00 0a 00 0a ff ff ff ff 00 00 00 00 00 "
    "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 05 00 00 00 63 6f 75 6e 74 "
    "00 00 00 06 00 06 ff ff ff ff 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
    "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
    "00 00 ";

TEST(Uadp, ReadsKeyFramesOfVariantsAndKeepAlives) {
  const Bytes bytes = bytes_of(kVariants);
  const auto message = parse(bytes);
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<std::uint64_t>(message->publisher), 42U);
  EXPECT_EQ(message->group, 100);
  EXPECT_EQ(message->sequence, 3);
  ASSERT_EQ(message->sets.size(), 2U);
  const DataSet& set = message->sets[0];
  EXPECT_EQ(set.writer, 1);
  EXPECT_EQ(set.sequence, 5);
  EXPECT_EQ(set.time, kTime);
  EXPECT_EQ(set.status, core::kGood);
  EXPECT_EQ(set.type, FrameType::kKeyFrame);
  const auto fields = read_fields(set, {});
  ASSERT_TRUE(fields);
  ASSERT_EQ(fields->size(), 5U);
  EXPECT_EQ(std::get<float>((*fields)[0].value), 1.5F);
  EXPECT_EQ(std::get<std::int64_t>((*fields)[1].value), -7);
  EXPECT_EQ(std::get<bool>((*fields)[2].value), true);
  EXPECT_EQ(std::get<std::string_view>((*fields)[3].value), "warm");
  EXPECT_FALSE((*fields)[4].is_single);
  EXPECT_EQ((*fields)[4].index, 4);
  EXPECT_EQ(message->sets[1].writer, 2);
  EXPECT_EQ(message->sets[1].type, FrameType::kKeepAlive);
  EXPECT_EQ(message->sets[1].sequence, 9);
  EXPECT_TRUE(read_fields(message->sets[1], {})->empty());
}

TEST(Uadp, ReadsDataValuesWithTheirTimesAndQuality) {
  const Bytes bytes = bytes_of(kDataValues);
  const auto message = parse(bytes);
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<std::uint64_t>(message->publisher), 70'000U);
  EXPECT_EQ(message->time, kTime);
  const auto fields = read_fields(message->sets.at(0), {});
  ASSERT_TRUE(fields);
  ASSERT_EQ(fields->size(), 1U);
  EXPECT_EQ(std::get<double>((*fields)[0].value), 2.25);
  EXPECT_EQ((*fields)[0].quality, core::kUncertain);
  EXPECT_EQ((*fields)[0].time, kTime);
}

TEST(Uadp, ReadsDeltaFrames) {
  const Bytes bytes = bytes_of(kDelta);
  const auto message = parse(bytes);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->sets.at(0).type, FrameType::kDeltaFrame);
  const auto fields = read_fields(message->sets[0], {});
  ASSERT_TRUE(fields);
  ASSERT_EQ(fields->size(), 1U);
  EXPECT_EQ((*fields)[0].index, 1);
  EXPECT_EQ(std::get<std::int64_t>((*fields)[0].value), 8);
}

TEST(Uadp, ReadsRawDataByItsTypes) {
  const Bytes bytes = bytes_of(kRaw);
  const auto message = parse(bytes);
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<std::string_view>(message->publisher), "press");
  EXPECT_EQ(message->sets.at(0).status, core::kBad);
  const std::vector<Type> types{Type::kFloat, Type::kInt32, Type::kBoolean};
  const auto fields = read_fields(message->sets[0], types);
  ASSERT_TRUE(fields);
  ASSERT_EQ(fields->size(), 3U);
  EXPECT_EQ(std::get<float>((*fields)[0].value), 1.5F);
  EXPECT_EQ(std::get<std::int64_t>((*fields)[1].value), -7);
  EXPECT_EQ(std::get<bool>((*fields)[2].value), true);
  EXPECT_EQ(read_fields(message->sets[0], {}).error().code, core::ErrorCode::kUnsupported);
  const std::vector<Type> longer{Type::kFloat, Type::kInt32, Type::kDouble};
  EXPECT_EQ(read_fields(message->sets[0], longer).error().code, core::ErrorCode::kCorrupt);
}

TEST(Uadp, ReadsWhatFieldsAreCalled) {
  const Bytes bytes = bytes_of(kMeta);
  const auto message = parse(bytes);
  ASSERT_TRUE(message);
  ASSERT_TRUE(message->meta);
  EXPECT_EQ(message->meta->writer, 1);
  ASSERT_EQ(message->meta->fields.size(), 2U);
  EXPECT_EQ(message->meta->fields[0].name, "force");
  EXPECT_EQ(message->meta->fields[0].type, 10);
  EXPECT_TRUE(message->meta->fields[0].is_single);
  EXPECT_EQ(message->meta->fields[1].name, "count");
}

TEST(Uadp, RefusesWhatItDoesNotSpeak) {
  Bytes chunk = bytes_of(kChunk);
  chunk[0] &= ~std::byte{0x40};  // whose it is nobody knows
  EXPECT_EQ(parse(chunk).error().code, core::ErrorCode::kUnsupported);
  Bytes secured = bytes_of(kDelta);
  secured[0] |= std::byte{0x80};
  secured.insert(secured.begin() + 1, std::byte{0x10});
  const auto refused = parse(secured);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("secured"));
}

TEST(Uadp, ReadsAPartOfALongMessage) {
  const Bytes bytes = bytes_of(kChunk);
  const auto message = parse(bytes);
  ASSERT_TRUE(message) << message.error().message;
  ASSERT_TRUE(message->chunk);
  EXPECT_TRUE(message->sets.empty());
  EXPECT_EQ(message->chunk->writer, 1);
  EXPECT_EQ(message->chunk->sequence, 7);
  EXPECT_EQ(message->chunk->offset, 3U);
  EXPECT_EQ(message->chunk->total, 9U);
  EXPECT_EQ(message->chunk->bytes.size(), 3U);
  Bytes bare = bytes;  // without the length
  bare.erase(bare.begin() + 16, bare.begin() + 20);
  EXPECT_EQ(parse(bare)->chunk->bytes.size(), 3U);
  Bytes outside = bytes;
  outside[8] = std::byte{7};
  EXPECT_EQ(parse(outside).error().code, core::ErrorCode::kCorrupt);
}

// ---- security ----

Bytes some_key(std::size_t size) {
  Bytes key;
  for (std::size_t i = 0; i < size; ++i) key.push_back(static_cast<std::byte>(i));
  return key;
}

TEST(Uadp, OpensWhatIsEncryptedAndSigned) {
  const Bytes bytes = bytes_of(kEncrypted);
  Keys keys(Security::kEncrypt);
  ASSERT_TRUE(keys.add(9, some_key(68)));
  const auto message = parse(bytes, &keys);
  ASSERT_TRUE(message) << message.error().message;
  ASSERT_EQ(message->sets.size(), 1U);
  const auto fields = read_fields(message->sets[0], {});
  ASSERT_TRUE(fields);
  EXPECT_EQ(std::get<std::int64_t>(fields->at(0).value), 8);
  for (std::size_t at = 1; at < bytes.size(); ++at) {
    Bytes damaged = bytes;
    damaged[at] ^= std::byte{0x20};
    EXPECT_FALSE(parse(damaged, &keys)) << at;
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(parse(std::span(bytes).first(size), &keys));
}

TEST(Uadp, TakesNothingLessSecureThanItIsTold) {
  const Bytes plain = bytes_of(kDelta);
  const Bytes encrypted = bytes_of(kEncrypted);
  Keys none;
  EXPECT_TRUE(parse(plain, &none));
  EXPECT_THAT(parse(encrypted, &none).error().message, HasSubstr("no key of token 9"));
  Keys sign(Security::kSign);
  ASSERT_TRUE(sign.add(9, some_key(68)));
  EXPECT_THAT(parse(plain, &sign).error().message, HasSubstr("not secured"));
  EXPECT_TRUE(parse(encrypted, &sign));
  Keys other(Security::kEncrypt);
  ASSERT_TRUE(other.add(9, some_key(52)));  // signs alike, and encrypts otherwise
  const auto message = parse(encrypted, &other);
  EXPECT_TRUE(!message || message->sets.empty() || !read_fields(message->sets[0], {}) ||
              read_fields(message->sets[0], {})->empty() || message->sets[0].sequence != 7);
  for (const std::size_t size : {0, 36, 51, 53, 67, 100}) EXPECT_FALSE(other.add(1, some_key(size))) << size;
}

TEST(Uadp, EveryCutIsNoticed) {
  for (const std::string_view golden : {kVariants, kDataValues, kDelta, kMeta}) {
    const Bytes whole = bytes_of(golden);
    const std::size_t tail = golden == kMeta ? 28 : 0;  // what follows a field list is not read
    for (std::size_t length = 0; length + tail < whole.size(); ++length) {
      const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      const auto message = parse(cut);
      bool is_whole = message.has_value();
      if (message) {
        for (const DataSet& set : message->sets) is_whole = is_whole && read_fields(set, {});
      }
      EXPECT_FALSE(is_whole) << golden.substr(0, 30) << " cut at " << length;
    }
  }
  EXPECT_FALSE(parse({}));
}

TEST(Uadp, KnowsTypesByName) {
  EXPECT_EQ(parse_type("float"), Type::kFloat);
  EXPECT_EQ(parse_type("statuscode"), Type::kStatusCode);
  EXPECT_FALSE(parse_type("lreal"));
  EXPECT_EQ(type_names().size(), 14U);
}

}  // namespace
}  // namespace millwright::protocol::uadp
