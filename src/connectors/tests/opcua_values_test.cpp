// What the OPC UA client reads before any server is there: times, values and options.
#include <bit>
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/opcua_client.hpp"
#include "connectors/opcua_client_values.hpp"

namespace millwright::connectors {
namespace {

using core::ValueType;

TEST(OpcUaTime, HundredNanosecondsAreExact) {
  EXPECT_EQ(opcua_detail::to_ns(UA_DATETIME_UNIX_EPOCH), 0);
  EXPECT_EQ(opcua_detail::to_ns(UA_DATETIME_UNIX_EPOCH + 17'952'500'001'234'567), 1'795'250'000'123'456'700);
  EXPECT_EQ(opcua_detail::to_ns(UA_DATETIME_UNIX_EPOCH - 1), -100);
  EXPECT_EQ(opcua_detail::to_ns(UA_DATETIME_UNIX_EPOCH, 8900), 89);
  EXPECT_LT(opcua_detail::to_ns(std::numeric_limits<std::int64_t>::min()), 0);
  EXPECT_GT(opcua_detail::to_ns(std::numeric_limits<std::int64_t>::max()), core::TimeNs{INT64_MAX} / 2);
}

template <typename T>
std::optional<std::uint64_t> converted(T value, std::size_t type, ValueType to) {
  asset::Sensor sensor;
  sensor.type = to;
  sensor.states = {{1, "running"}};
  UA_Variant variant;
  UA_Variant_init(&variant);
  UA_Variant_setScalar(&variant, &value, &UA_TYPES[type]);
  core::TextTable texts;
  return opcua_detail::to_bits(variant, sensor, texts);
}

TEST(OpcUaValue, OnlyWhatLosesNothing) {
  EXPECT_EQ(converted<UA_Float>(0.1F, UA_TYPES_FLOAT, ValueType::kFloat64),
            std::bit_cast<std::uint64_t>(static_cast<double>(0.1F)));
  EXPECT_EQ(converted<UA_Double>(0.1, UA_TYPES_DOUBLE, ValueType::kFloat32), std::nullopt);
  EXPECT_EQ(converted<UA_Double>(0.5, UA_TYPES_DOUBLE, ValueType::kFloat32), std::bit_cast<std::uint32_t>(0.5F));
  EXPECT_EQ(converted<UA_Double>(1e300, UA_TYPES_DOUBLE, ValueType::kFloat32), std::nullopt);
  EXPECT_EQ(converted<UA_Int64>(1LL << 53, UA_TYPES_INT64, ValueType::kFloat64),
            std::bit_cast<std::uint64_t>(9007199254740992.0));
  EXPECT_EQ(converted<UA_Int64>((1LL << 53) + 1, UA_TYPES_INT64, ValueType::kFloat64), std::nullopt);
  EXPECT_EQ(converted<UA_Int64>(INT64_MAX, UA_TYPES_INT64, ValueType::kFloat64), std::nullopt);
  EXPECT_EQ(converted<UA_UInt64>(UINT64_MAX, UA_TYPES_UINT64, ValueType::kFloat64), std::nullopt);
  EXPECT_EQ(converted<UA_UInt64>(1ULL << 63, UA_TYPES_UINT64, ValueType::kFloat64),
            std::bit_cast<std::uint64_t>(9223372036854775808.0));
  EXPECT_EQ(converted<UA_UInt64>(UINT64_MAX, UA_TYPES_UINT64, ValueType::kInt64), std::nullopt);
  EXPECT_EQ(converted<UA_SByte>(-5, UA_TYPES_SBYTE, ValueType::kInt64), static_cast<std::uint64_t>(-5LL));
  EXPECT_EQ(converted<UA_UInt16>(65535, UA_TYPES_UINT16, ValueType::kInt64), 65535U);
  EXPECT_EQ(converted<UA_Double>(3.0, UA_TYPES_DOUBLE, ValueType::kInt64), 3U);
  EXPECT_EQ(converted<UA_Double>(3.5, UA_TYPES_DOUBLE, ValueType::kInt64), std::nullopt);
  EXPECT_EQ(converted<UA_Double>(std::nan(""), UA_TYPES_DOUBLE, ValueType::kInt64), std::nullopt);
  EXPECT_EQ(converted<UA_Boolean>(true, UA_TYPES_BOOLEAN, ValueType::kBool), 1U);
  EXPECT_EQ(converted<UA_Int32>(2, UA_TYPES_INT32, ValueType::kBool), std::nullopt);
  EXPECT_EQ(converted<UA_String>(opcua_detail::borrow("true"), UA_TYPES_STRING, ValueType::kBool), 1U);
  EXPECT_EQ(converted<UA_String>(opcua_detail::borrow("true"), UA_TYPES_STRING, ValueType::kFloat64), std::nullopt);
  EXPECT_EQ(converted<UA_String>(opcua_detail::borrow("running"), UA_TYPES_STRING, ValueType::kState), 1U);
  EXPECT_EQ(converted<UA_Int32>(-1, UA_TYPES_INT32, ValueType::kState), 0xFFFFFFFFU);
  EXPECT_EQ(converted<UA_Int64>(1LL << 31, UA_TYPES_INT64, ValueType::kState), std::nullopt);
  EXPECT_EQ(converted<UA_ServerState>(UA_SERVERSTATE_SHUTDOWN, UA_TYPES_SERVERSTATE, ValueType::kState), 4U);
  EXPECT_EQ(converted<UA_String>(opcua_detail::borrow("B-4711"), UA_TYPES_STRING, ValueType::kText), 1U);
  EXPECT_EQ(converted<UA_String>(opcua_detail::borrow("caf\xe9"), UA_TYPES_STRING, ValueType::kText), std::nullopt);
  EXPECT_EQ(converted<UA_Double>(3.0, UA_TYPES_DOUBLE, ValueType::kText), std::nullopt);
  // 2023-11-14T22:13:20Z and 100 ns; what is before 1677 has no ns since 1970.
  EXPECT_EQ(
      converted<UA_DateTime>(UA_DATETIME_UNIX_EPOCH + 17'000'000'000'000'001, UA_TYPES_DATETIME, ValueType::kInt64),
      1'700'000'000'000'000'100U);
  EXPECT_EQ(converted<UA_DateTime>(0, UA_TYPES_DATETIME, ValueType::kInt64), std::nullopt);
  EXPECT_EQ(converted<UA_DateTime>(UA_DATETIME_UNIX_EPOCH, UA_TYPES_DATETIME, ValueType::kFloat64), std::nullopt);
  EXPECT_EQ(converted<UA_StatusCode>(0x80340000, UA_TYPES_STATUSCODE, ValueType::kInt64), 0x80340000U);
  UA_Double array[2] = {1, 2};
  UA_Variant variant;
  UA_Variant_init(&variant);
  UA_Variant_setArray(&variant, array, 2, &UA_TYPES[UA_TYPES_DOUBLE]);
  core::TextTable texts;
  EXPECT_EQ(opcua_detail::to_bits(variant, asset::Sensor{}, texts), std::nullopt);
}

TEST(OpcUaValue, WhatPeopleWriteAsTextIsOne) {
  const auto text_of = [](auto value, std::size_t type) {
    UA_Variant variant;
    UA_Variant_init(&variant);
    UA_Variant_setScalar(&variant, &value, &UA_TYPES[type]);
    core::TextTable texts;
    asset::Sensor sensor;
    sensor.type = ValueType::kText;
    const auto bits = opcua_detail::to_bits(variant, sensor, texts);
    return bits ? std::string(texts.text(static_cast<std::int32_t>(*bits)).value_or("?")) : "nothing";
  };
  EXPECT_EQ(text_of(UA_Guid{0x12345678, 0x9abc, 0xdef0, {1, 2, 3, 4, 5, 6, 7, 8}}, UA_TYPES_GUID),
            "12345678-9abc-def0-0102-030405060708");
  EXPECT_EQ(text_of(UA_NODEID_NUMERIC(2, 7), UA_TYPES_NODEID), "ns=2;i=7");
  EXPECT_EQ(text_of(UA_EXPANDEDNODEID_NUMERIC(0, 85), UA_TYPES_EXPANDEDNODEID), "i=85");
  EXPECT_EQ(text_of(UA_QualifiedName{3, opcua_detail::borrow("Job")}, UA_TYPES_QUALIFIEDNAME), "3:Job");
  EXPECT_EQ(text_of(UA_QualifiedName{0, opcua_detail::borrow("Job")}, UA_TYPES_QUALIFIEDNAME), "Job");
  EXPECT_EQ(text_of(opcua_detail::borrow("<a/>"), UA_TYPES_XMLELEMENT), "<a/>");
}

TEST(OpcUaOptions, AreReadAndChecked) {
  auto document =
      config::Document::parse("endpoint: opc.tcp://10.0.0.5:4840\npublishing_interval: 250ms\nqueue_size: 5\n", "t");
  ASSERT_TRUE(document);
  config::Section root = document->root();
  const OpcUaClientOptions options = read_opcua_client_options(root, ".");
  root.finish();
  EXPECT_TRUE(document->problems().empty());
  EXPECT_EQ(options.endpoint, "opc.tcp://10.0.0.5:4840");
  EXPECT_EQ(options.publishing_interval, 250 * core::kMillisecond);
  EXPECT_EQ(options.queue_size, 5U);
  EXPECT_EQ(options.sampling_interval, 0);
  EXPECT_EQ(options.dead_band, DeadBand{});

  auto several =
      config::Document::parse("endpoints: [\"opc.tcp://a:4840\", \"opc.tcp://b:4840\"]\nbackfill: 0s\n", "t");
  ASSERT_TRUE(several);
  config::Section several_root = several->root();
  const OpcUaClientOptions redundant = read_opcua_client_options(several_root, ".");
  several_root.finish();
  EXPECT_TRUE(several->problems().empty());
  EXPECT_EQ(redundant.endpoint, "opc.tcp://a:4840");
  EXPECT_THAT(redundant.others, testing::ElementsAre("opc.tcp://b:4840"));
  EXPECT_EQ(redundant.backfill, 0);

  auto wrong = config::Document::parse("endpoint: http://10.0.0.5\nretry_min: 5s\nretry_max: 1s\n", "t");
  ASSERT_TRUE(wrong);
  config::Section wrong_root = wrong->root();
  read_opcua_client_options(wrong_root, ".");
  EXPECT_EQ(wrong->problems().size(), 2U);
}

TEST(OpcUaOptions, DeadBandsAreReadAndChecked) {
  const auto read = [](const std::string& band, std::size_t problems) {
    auto document = config::Document::parse("endpoint: opc.tcp://10.0.0.5:4840\ndead_band: " + band + "\n", "t");
    config::Section root = document->root();
    const OpcUaClientOptions options = read_opcua_client_options(root, ".");
    root.finish();
    EXPECT_EQ(document->problems().size(), problems) << band;
    return options.dead_band;
  };
  EXPECT_EQ(read("0.5", 0), (DeadBand{.value = 0.5, .is_percent = false}));
  EXPECT_EQ(read("2 %", 0), (DeadBand{.value = 2, .is_percent = true}));
  read("-1", 1);
  read("200%", 1);
  read("wide", 1);
}

TEST(OpcUaOptions, SecurityIsReadAndChecked) {
  const auto read = [](const std::string& yaml, std::size_t problems) {
    auto document = config::Document::parse("endpoint: opc.tcp://10.0.0.5:4840\n" + yaml, "t");
    config::Section root = document->root();
    OpcUaClientOptions options = read_opcua_client_options(root, "/etc/plant");
    root.finish();
    EXPECT_EQ(document->problems().size(), problems) << yaml;
    return options;
  };
  const auto options = read("security: encrypt\npolicy: aes128_sha256_rsaoaep\nuser: me\npassword_file: p.txt\n", 0);
  EXPECT_EQ(options.security, MessageSecurity::kEncrypt);
  EXPECT_EQ(options.policy, security::Policy::kAes128Sha256RsaOaep);
  EXPECT_EQ(options.password_file, "/etc/plant/p.txt");
  EXPECT_EQ(read("security: sign\n", 0).policy, security::Policy::kBasic256Sha256);
  EXPECT_EQ(read("", 0).security, MessageSecurity::kNone);
  read("security: sign\npolicy: none\n", 1);
  read("security: encrypt\nuser: me\n", 1);
  read("security: sign\nuser: me\npassword_file: p.txt\n", 0);  // the server's token policy may encrypt it
  EXPECT_FALSE(takes_certificates(read("", 0)));
  EXPECT_TRUE(takes_certificates(read("user: me\npassword_file: p.txt\n", 0)));
  const auto certified = read("security: sign\nuser_certificate: me.der\nuser_key: /keys/me.pem\n", 0);
  EXPECT_EQ(certified.user_certificate, "/etc/plant/me.der");
  EXPECT_EQ(certified.user_key, "/keys/me.pem");
  read("security: sign\nuser_certificate: me.der\n", 1);
  read("user_certificate: me.der\nuser_key: me.pem\n", 1);
  read("security: sign\nuser_certificate: me.der\nuser_key: me.pem\nuser: me\npassword_file: p\n", 1);
}

}  // namespace
}  // namespace millwright::connectors
