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
constexpr std::string_view kChunk = "d1 80 01 03 01 01 00 01 00 00 00 00 00 09 00 00 00 61 62 63 ";
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
  const auto chunk = parse(bytes_of(kChunk));
  ASSERT_FALSE(chunk);
  EXPECT_EQ(chunk.error().code, core::ErrorCode::kUnsupported);
  EXPECT_THAT(chunk.error().message, HasSubstr("chunked"));
  Bytes secured = bytes_of(kDelta);
  secured[0] |= std::byte{0x80};
  secured.insert(secured.begin() + 1, std::byte{0x10});
  const auto refused = parse(secured);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("secured"));
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
