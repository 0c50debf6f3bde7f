// Sparkplug B payloads and what a host makes of them. Payloads are written here by hand, by the specification's
// numbers.
#include "protocol/sparkplug.hpp"

#include <algorithm>
#include <bit>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "core/bytes.hpp"
#include "protocol/sparkplug_session.hpp"
#include "protocol/sparkplug_state.hpp"

namespace millwright::protocol::sparkplug {
namespace {

using ::testing::ElementsAre;

// Protobuf, as a node writes it.
class Message {
 public:
  Message& integer(std::uint64_t number, std::uint64_t value) {
    out_.varint(number << 3);
    out_.varint(value);
    return *this;
  }
  Message& bytes(std::uint64_t number, std::string_view value) {
    out_.varint(number << 3 | 2);
    out_.varint(value.size());
    out_.text(value);
    return *this;
  }
  template <typename T>
  Message& fixed(std::uint64_t number, T value) {
    out_.varint(number << 3 | (sizeof(T) == 8 ? 1 : 5));
    out_.put(value);
    return *this;
  }
  [[nodiscard]] std::string text() const { return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()}; }

 private:
  std::vector<std::byte> bytes_;
  core::ByteWriter out_{bytes_};
};

std::string metric(std::string_view name, std::optional<std::uint64_t> alias, DataType type, std::uint64_t value) {
  Message message;
  if (!name.empty()) message.bytes(1, name);
  if (alias) message.integer(2, *alias);
  message.integer(4, static_cast<std::uint64_t>(type)).integer(10, value);
  return message.text();
}

std::string payload(std::uint64_t sequence, const std::vector<std::string>& metrics) {
  Message message;
  message.integer(1, 1'700'000'000'000);
  for (const std::string& one : metrics) message.bytes(2, one);
  return message.integer(3, sequence).text();
}

TEST(Sparkplug, ReadsEveryScalar) {
  const std::string all = payload(
      7, {metric("i8", {}, DataType::kInt8, 0xFFFF'FFFF), metric("u64", {}, DataType::kUInt64, UINT64_MAX),
          metric("i64", 9, DataType::kInt64, UINT64_MAX), metric("when", {}, DataType::kDateTime, 1'700'000'000'000),
          Message().bytes(1, "f").integer(4, 9).fixed(12, 1.5F).text(),
          Message().bytes(1, "d").integer(4, 10).fixed(13, -2.5).text(),
          Message().bytes(1, "b").integer(4, 11).integer(14, 1).integer(5, 1).text(),
          Message().bytes(1, "s").integer(4, 12).integer(3, 5).bytes(15, "run").text(),
          Message().bytes(1, "n").integer(4, 3).integer(7, 1).text(),
          Message().bytes(1, "t").integer(4, 19).bytes(18, "anything").bytes(99, "of the future").text()});
  const auto read = decode(all);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->sequence, 7U);
  EXPECT_EQ(read->time, 1'700'000'000 * core::kSecond);
  ASSERT_EQ(read->metrics.size(), 10U);
  const auto value = [&](std::size_t i) { return interpret(read->metrics[i].value, read->metrics[i].type); };
  EXPECT_EQ(value(0), Value(std::int64_t{-1}));
  EXPECT_EQ(value(1), Value(std::uint64_t{UINT64_MAX}));
  EXPECT_EQ(value(2), Value(std::int64_t{-1}));
  EXPECT_EQ(read->metrics[2].alias, 9U);
  EXPECT_EQ(value(3), Value(std::int64_t{1'700'000'000'000}));
  EXPECT_EQ(value(4), Value(1.5F));
  EXPECT_EQ(value(5), Value(-2.5));
  EXPECT_EQ(value(6), Value(true));
  EXPECT_TRUE(read->metrics[6].historical);
  EXPECT_EQ(value(7), Value(std::string_view("run")));
  EXPECT_EQ(read->metrics[7].time, 5 * core::kMillisecond);
  EXPECT_TRUE(read->metrics[8].null);
  EXPECT_FALSE(is_scalar(read->metrics[9].type));
  EXPECT_EQ(read->metrics[0].quality, std::nullopt);
  for (std::size_t cut = 1; cut < all.size(); ++cut) static_cast<void>(decode(std::string_view(all).substr(0, cut)));
  EXPECT_FALSE(decode(std::string_view(all).substr(0, 8)));
  EXPECT_FALSE(decode("\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f"));
}

TEST(Sparkplug, ReadsAQuality) {
  const auto value = [](std::uint64_t number) { return Message().integer(1, 3).integer(3, number).text(); };
  const std::string properties =
      Message().bytes(1, "engUnit").bytes(1, "Quality").bytes(2, value(7)).bytes(2, value(500)).text();
  const std::string one = payload(0, {Message().bytes(1, "s").integer(4, 3).bytes(9, properties).text()});
  EXPECT_EQ(decode(one)->metrics.at(0).quality, 500U);
}

// As zlib and gzip themselves pack it.
std::string pack(std::string_view text, int window_bits) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string compressed(std::string_view body, std::optional<std::uint64_t> sequence = {}) {
  Message message;
  message.bytes(2, Message().bytes(1, "algorithm").integer(4, 12).bytes(15, "DEFLATE").text());
  if (sequence) message.integer(3, *sequence);
  return message.bytes(4, "SPBV1.0_COMPRESSED").bytes(5, body).text();
}

TEST(Sparkplug, UnpacksWhatIsCompressed) {
  const std::string plain = payload(7, {metric("speed", 5, DataType::kInt32, 42)});
  for (const int window_bits : {MAX_WBITS, MAX_WBITS + 16}) {
    const auto read = decode(compressed(pack(plain, window_bits)));  // owns what it points into
    ASSERT_TRUE(read);
    EXPECT_EQ(read->sequence, 7U);
    ASSERT_EQ(read->metrics.size(), 1U);
    EXPECT_EQ(read->metrics[0].name, "speed");
    EXPECT_EQ(read->metrics[0].value, Value(std::uint64_t{42}));
  }
}

TEST(Sparkplug, RefusesWhatUnpacksToTooMuchOrToNothing) {
  const std::string plain = payload(7, {metric("speed", 5, DataType::kInt32, 42)});
  const std::string packed = pack(plain, MAX_WBITS);
  EXPECT_TRUE(decode(compressed(packed), plain.size()));
  EXPECT_EQ(decode(compressed(packed), plain.size() - 1).error().code, core::ErrorCode::kFull);
  const std::string bomb = pack(std::string(std::size_t{8} << 20, '\0'), MAX_WBITS);
  EXPECT_EQ(decode(compressed(bomb)).error().code, core::ErrorCode::kFull);
  for (std::size_t cut = 0; cut < packed.size(); ++cut) {
    EXPECT_FALSE(decode(compressed(packed.substr(0, cut)))) << cut;
  }
  EXPECT_FALSE(decode(compressed(pack(compressed(packed), MAX_WBITS)))) << "packed twice";
  EXPECT_FALSE(decode(compressed(pack("no payload", MAX_WBITS))));
}

TEST(Sparkplug, KeepsTheBytesOfWhatHasNoSingleValue) {
  const std::string all = payload(0, {Message().bytes(1, "a").integer(4, 22).bytes(16, "\x01\x02").text(),
                                      Message().bytes(1, "d").integer(4, 16).bytes(17, "rows").text(),
                                      Message().bytes(1, "t").integer(4, 19).bytes(18, "members").text(),
                                      Message().bytes(1, "n").integer(4, 19).bytes(18, "x").integer(7, 1).text()});
  const auto read = decode(all);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->metrics[0].content, Metric::Content::kBytes);
  EXPECT_EQ(read->metrics[0].bytes, "\x01\x02");
  EXPECT_EQ(read->metrics[1].content, Metric::Content::kDataSet);
  EXPECT_EQ(read->metrics[2].bytes, "members");
  EXPECT_EQ(read->metrics[3].content, Metric::Content::kNone);
  const std::string bytes = encode(*read);
  EXPECT_EQ(decode(bytes)->metrics[2].bytes, "members");
}

TEST(Sparkplug, WritesWhatItReads) {
  Payload all{.time = 1'700'000'000 * core::kSecond, .sequence = 255, .metrics = {}};
  all.metrics.push_back({.name = "i8", .alias = 1, .time = {}, .type = DataType::kInt8, .value = std::int64_t{-1}});
  all.metrics.push_back({.name = "i64", .alias = {}, .time = {}, .type = DataType::kInt64, .value = std::int64_t{-2}});
  all.metrics.push_back({.name = "u64", .alias = {}, .time = {}, .type = DataType::kUInt64, .value = UINT64_MAX});
  all.metrics.push_back(
      {.name = "f", .alias = {}, .time = 5 * core::kMillisecond, .type = DataType::kFloat, .value = 1.5F});
  all.metrics.push_back({.name = "d", .alias = {}, .time = {}, .type = DataType::kDouble, .value = 2.5});
  all.metrics.push_back(
      {.name = "b", .alias = {}, .time = {}, .type = DataType::kBoolean, .historical = true, .value = true});
  all.metrics.push_back(
      {.name = "s", .alias = {}, .time = {}, .type = DataType::kString, .value = std::string_view("on")});
  all.metrics.push_back({.name = "n", .alias = {}, .time = {}, .type = DataType::kInt32, .value = {}});
  const std::string bytes = encode(all);
  const auto back = decode(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->time, all.time);
  EXPECT_EQ(back->sequence, 255U);
  ASSERT_EQ(back->metrics.size(), all.metrics.size());
  for (std::size_t i = 0; i < all.metrics.size(); ++i) {
    EXPECT_EQ(back->metrics[i].name, all.metrics[i].name);
    EXPECT_EQ(back->metrics[i].alias, all.metrics[i].alias);
    EXPECT_EQ(back->metrics[i].time, all.metrics[i].time);
    EXPECT_EQ(back->metrics[i].historical, all.metrics[i].historical);
    EXPECT_EQ(interpret(back->metrics[i].value, back->metrics[i].type), all.metrics[i].value) << all.metrics[i].name;
  }
  EXPECT_TRUE(back->metrics.back().null);
}

TEST(Sparkplug, ReadsTopicsAndAsksForARebirth) {
  const auto topic = parse_topic("spBv1.0/lyon/DDATA/gateway/press");
  ASSERT_TRUE(topic);
  EXPECT_EQ(topic->type, MessageType::kDData);
  EXPECT_EQ(topic->group, "lyon");
  EXPECT_EQ(topic->node, "gateway");
  EXPECT_EQ(topic->device, "press");
  EXPECT_EQ(to_string(*topic), "spBv1.0/lyon/DDATA/gateway/press");
  EXPECT_EQ(state_topic("mill"), "spBv1.0/STATE/mill");
  EXPECT_EQ(state_payload(true, core::kSecond), R"({"online":true,"timestamp":1000})");
  for (const char* none : {"spBv1.0/g/NDATA", "spBv1.0/g/NDATA/n/d", "spBv1.0/g/DDATA/n", "spAv1.0/g/NDATA/n",
                           "spBv1.0/STATE/host", "spBv1.0/g/XDATA/n", ""}) {
    EXPECT_FALSE(parse_topic(none)) << none;
  }
  const std::string rebirth = encode_rebirth(core::kSecond);
  const auto command = decode(rebirth);
  ASSERT_TRUE(command);
  EXPECT_EQ(command->metrics.at(0).name, "Node Control/Rebirth");
  EXPECT_EQ(command->metrics[0].value, Value(true));
}

TEST(SparkplugState, AHostMaySpeakEitherVersion) {
  HostState state;
  EXPECT_FALSE(state.online());
  state.take("mill", "STATE/mill", "ONLINE");
  EXPECT_TRUE(state.online());
  state.take("mill", "STATE/other", "OFFLINE");
  state.take("mill", "STATE/mill", "online?");
  EXPECT_TRUE(state.online());
  state.take("mill", "STATE/mill", "OFFLINE");
  EXPECT_FALSE(state.online());
  state.take("mill", "spBv1.0/STATE/mill", state_payload(true, 2 * core::kSecond));
  EXPECT_TRUE(state.online());
  state.take("mill", "STATE/mill", "OFFLINE");
  EXPECT_TRUE(state.online()) << "who speaks 3.0 is believed in that alone";
  state.take("mill", "spBv1.0/STATE/mill", state_payload(false, core::kSecond));
  EXPECT_TRUE(state.online()) << "a will that was told late";
  for (const char* none : {"", "{}", "[]", R"({"online":1})", R"({"online":"yes","timestamp":9999999999999})"}) {
    state.take("mill", "spBv1.0/STATE/mill", none);
    EXPECT_TRUE(state.online()) << none;
  }
  state.take("mill", "spBv1.0/STATE/mill", state_payload(false, 2 * core::kSecond));
  EXPECT_FALSE(state.online());
  state.forget();
  state.take("mill", "STATE/mill", "ONLINE");
  EXPECT_TRUE(state.online());
}

class Host : public ::testing::Test, public SessionEvents {
 protected:
  void update(const Update& update) override {
    const Value value = interpret(update.metric.value, update.type);
    const auto* number = std::get_if<std::int64_t>(&value);
    told_.push_back(std::string(update.device) + "/" + std::string(update.name) + "=" +
                    std::to_string(number != nullptr ? *number : -999) + (update.unborn ? " unborn" : ""));
  }
  void born(std::string_view device, const Payload&) override { told_.push_back(std::string(device) + " born"); }
  void dead(std::string_view device) override { told_.push_back(std::string(device) + " dead"); }
  void ask_rebirth() override { told_.emplace_back("rebirth?"); }

  void take(MessageType type, const std::string& device, const std::string& bytes) {
    EXPECT_TRUE(session_.take({.group = "g", .type = type, .node = "n", .device = device}, bytes, now_, now_));
  }
  void birth(std::uint64_t number) {
    take(MessageType::kNBirth, "", payload(0, {metric("bdSeq", {}, DataType::kInt64, number)}));
  }
  void death(std::uint64_t number) {
    take(MessageType::kNDeath, "", Message().bytes(2, metric("bdSeq", {}, DataType::kInt64, number)).text());
  }
  void device_birth(std::uint64_t sequence) {
    take(MessageType::kDBirth, "d", payload(sequence, {metric("speed", 5, DataType::kInt32, 1)}));
  }
  // Data by alias, without a type.
  void data(std::uint64_t sequence, std::uint64_t value) {
    take(MessageType::kDData, "d", payload(sequence, {Message().integer(2, 5).integer(10, value).text()}));
  }
  std::vector<std::string> told() { return std::exchange(told_, {}); }

  core::TimeNs now_ = core::kHour;
  Session session_{SessionOptions{}, *this};
  std::vector<std::string> told_;
};

TEST_F(Host, KnowsAliasesAndDeaths) {
  birth(3);
  device_birth(1);
  data(2, 0xFFFF'FFFE);
  EXPECT_THAT(told(), ElementsAre(" born", "/bdSeq=3", "d born", "d/speed=1", "d/speed=-2"));
  death(2);  // of the session before
  EXPECT_TRUE(told().empty());
  take(MessageType::kDDeath, "d", payload(3, {}));
  EXPECT_THAT(told(), ElementsAre("d dead"));
  data(4, 1);
  EXPECT_THAT(told(), ElementsAre("rebirth?"));
  EXPECT_EQ(session_.dropped(), 1U);
  death(3);
  EXPECT_THAT(told(), ElementsAre(" dead"));
  EXPECT_FALSE(session_.alive());
}

TEST_F(Host, ADeathWithoutANumberIsADeath) {
  birth(3);
  told();
  take(MessageType::kNDeath, "", Message().integer(1, 5).text());
  EXPECT_THAT(told(), ElementsAre(" dead"));
}

TEST_F(Host, WaitsForWhatIsLate) {
  birth(0);
  device_birth(1);
  told();
  data(4, 4);
  data(3, 3);
  EXPECT_TRUE(told().empty());
  data(2, 2);
  EXPECT_THAT(told(), ElementsAre("d/speed=2", "d/speed=3", "d/speed=4"));
  data(4, 4);  // twice
  EXPECT_TRUE(told().empty());
  EXPECT_EQ(session_.repeated(), 1U);
}

TEST_F(Host, GivesUpOnWhatIsMissingAndAsks) {
  birth(0);
  device_birth(1);
  told();
  data(3, 3);
  data(5, 5);
  now_ += core::kSecond;
  session_.tick(now_);
  EXPECT_TRUE(told().empty());
  now_ += core::kSecond;
  session_.tick(now_);
  EXPECT_THAT(told(), ElementsAre("d/speed=3", "d/speed=5", "rebirth?"));
  EXPECT_EQ(session_.missing(), 2U);
  data(6, 6);
  EXPECT_THAT(told(), ElementsAre("d/speed=6"));
  birth(0);
  device_birth(1);
  data(2, 9);
  EXPECT_THAT(told(), ElementsAre(" born", "/bdSeq=0", "d born", "d/speed=1", "d/speed=9"));
}

TEST_F(Host, AHalfOfTheNumbersMissingIsSeenToo) {
  birth(0);
  device_birth(1);
  told();
  data(200, 200);
  for (std::uint64_t i = 201; i < 600; ++i) data(i % 256, i);
  now_ += 2 * core::kSecond;
  session_.tick(now_);
  const auto all = told();
  EXPECT_EQ(std::count(all.begin(), all.end(), "rebirth?"), 1);
  EXPECT_EQ(all.size(), 401U);
}

TEST_F(Host, AskedInVainItAsksLessOften) {
  int asked = 0;
  for (int i = 0; i < 600; ++i) {
    data(static_cast<std::uint64_t>(i % 256), static_cast<std::uint64_t>(i));
    asked += static_cast<int>(told().size());
    now_ += core::kSecond;
  }
  EXPECT_EQ(asked, 13);  // at 0, 5, 15, 35, 75 s, then every 60 s
}

TEST_F(Host, BirthsThatDoNotHelpDoNotMakeItAskMore) {
  int asked = 0;
  std::uint64_t next = 1;
  birth(0);
  told();
  for (int i = 0; i < 600; ++i) {
    data(next++ % 256, static_cast<std::uint64_t>(i));  // of a device that is never born
    const auto all = told();
    const auto rebirths = std::count(all.begin(), all.end(), "rebirth?");
    asked += static_cast<int>(rebirths);
    if (rebirths != 0) {
      birth(0);
      next = 1;
    }
    told();
    now_ += core::kSecond;
  }
  EXPECT_EQ(asked, 13);
  now_ += 2 * core::kMinute;  // without trouble
  birth(0);
  told();
  data(1, 1);
  EXPECT_THAT(told(), ElementsAre("rebirth?"));
  now_ += 5 * core::kSecond;
  birth(0);
  told();
  data(1, 1);
  EXPECT_THAT(told(), ElementsAre("rebirth?")) << "as soon as at first";
}

TEST_F(Host, WhatItMayNotAskAtOnceItAsksLater) {
  birth(0);
  device_birth(1);
  data(3, 3);
  now_ += 2 * core::kSecond;
  session_.tick(now_);
  birth(0);
  device_birth(1);
  data(3, 4);
  told();
  now_ += 2 * core::kSecond;
  session_.tick(now_);
  EXPECT_THAT(told(), ElementsAre("d/speed=4"));
  now_ += 3 * core::kSecond;
  session_.tick(now_);
  EXPECT_THAT(told(), ElementsAre("rebirth?"));
  now_ += core::kHour;
  session_.tick(now_);
  EXPECT_TRUE(told().empty());
}

TEST_F(Host, WhoIsBornMeanwhileIsNotAsked) {
  data(5, 1);
  data(6, 1);
  EXPECT_THAT(told(), ElementsAre("rebirth?"));
  birth(0);
  told();
  now_ += core::kMinute;
  session_.tick(now_);
  EXPECT_TRUE(told().empty());
}

TEST_F(Host, WhatCannotBeReadLeavesNoGap) {
  birth(0);
  device_birth(1);
  const Topic topic{.group = "g", .type = MessageType::kDData, .node = "n", .device = "d"};
  EXPECT_FALSE(session_.take(topic, compressed("damaged", 2), now_, now_));
  EXPECT_FALSE(session_.take(topic, compressed("damaged"), now_, now_));  // says no number outside
  told();
  data(4, 4);
  EXPECT_THAT(told(), ElementsAre("d/speed=4"));
}

TEST_F(Host, TheDeadSayNothingOfNow) {
  birth(3);
  device_birth(1);
  take(MessageType::kDDeath, "d", payload(2, {}));
  told();
  take(MessageType::kDData, "d", payload(3, {metric("speed", {}, DataType::kInt32, 7)}));
  EXPECT_THAT(told(), ElementsAre("d/speed=7 unborn", "rebirth?"));
  death(3);
  told();
  take(MessageType::kNData, "", payload(4, {metric("load", {}, DataType::kInt32, 8)}));
  EXPECT_THAT(told(), ElementsAre("/load=8 unborn"));
}

TEST_F(Host, ARebirthOfTheNodeIsNoDeathOfItsDevices) {
  birth(0);
  device_birth(1);
  take(MessageType::kDBirth, "other", payload(2, {}));
  told();
  birth(0);
  device_birth(1);
  EXPECT_THAT(told(), ElementsAre(" born", "/bdSeq=0", "d born", "d/speed=1"));
  now_ += 2 * core::kSecond;
  session_.tick(now_);
  EXPECT_THAT(told(), ElementsAre("other dead"));
}

TEST_F(Host, CountsAroundTheEnd) {
  birth(0);
  device_birth(1);
  for (std::uint64_t i = 2; i < 600; ++i) data(i % 256, i);
  EXPECT_EQ(told().size(), 602U);
  EXPECT_EQ(session_.dropped(), 0U);
}

TEST_F(Host, AHostThatComesLateAsksAndTakesWhatSpeaksForItself) {
  data(5, 1);
  EXPECT_THAT(told(), ElementsAre("rebirth?"));
  take(MessageType::kDData, "d", payload(6, {metric("speed", {}, DataType::kInt32, 7)}));
  EXPECT_THAT(told(), ElementsAre("d/speed=7 unborn"));
  birth(1);
  EXPECT_TRUE(session_.alive());
}

TEST_F(Host, WhatWaitsIsTakenWhenTheConnectionIsLost) {
  birth(0);
  device_birth(1);
  told();
  data(3, 3);
  session_.forget(now_);
  EXPECT_THAT(told(), ElementsAre("d/speed=3"));
}

}  // namespace
}  // namespace millwright::protocol::sparkplug
