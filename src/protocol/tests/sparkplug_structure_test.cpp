// What has no single value, as golden bytes by the specification (Eclipse Sparkplug 3.0, chapter 6.4).
#include "protocol/sparkplug_structure.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millwright::protocol::sparkplug {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::string_literals;  // NOLINT: texts with zero bytes

Metric bytes_metric(DataType type, std::string_view bytes) {
  return {.type = type, .content = Metric::Content::kBytes, .bytes = bytes};
}

std::string text_of(const Metric& metric, DataType type) {
  const auto text = to_text(metric, type);
  return text ? *text : "refused";
}
std::string text_of(DataType type, std::string_view bytes) {
  return text_of(bytes_metric(type, bytes), type);
}

// The value as text, then where it is.
std::vector<std::string> parts_of(const Metric& metric, std::string_view name = "m") {
  std::vector<std::string> all;
  EXPECT_TRUE(for_each_part(name, metric, metric.type, [&](const Part& part) {
    all.push_back(std::string(part.name) + "=" + text_of(part.metric, part.type));
  }));
  return all;
}

// A field of bytes and one of a number; lengths and numbers are below 128.
std::string field(int number, std::string_view bytes) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(bytes.size())}.append(bytes);
}
std::string field(int number, int value) {
  return {static_cast<char>(number << 3), static_cast<char>(value)};
}
std::string long_field(int number, std::string_view bytes) {  // up to 16383 bytes
  std::string out{static_cast<char>(0x80 | ((number << 3 | 2) & 0x7F)), static_cast<char>((number << 3 | 2) >> 7)};
  if (number < 16) out = std::string{static_cast<char>(number << 3 | 2)};
  out += static_cast<char>(0x80 | (bytes.size() & 0x7F));
  out += static_cast<char>(bytes.size() >> 7);
  return out.append(bytes);
}

// The specification's own examples.
TEST(SparkplugStructure, ReadsEveryArray) {
  EXPECT_EQ(text_of(DataType::kInt8Array, "\xEF\x7B"), "[-17,123]");
  EXPECT_EQ(text_of(DataType::kInt16Array, "\xD0\x8A\x30\x75"), "[-30000,30000]");
  EXPECT_EQ(text_of(DataType::kInt32Array, "\xFF\xFF\xFF\xFF\xFA\xAF\xCB\x12"), "[-1,315338746]");
  EXPECT_EQ(text_of(DataType::kInt64Array, "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), "[-2]");
  EXPECT_EQ(text_of(DataType::kUInt8Array, "\x17\xFA"), "[23,250]");
  EXPECT_EQ(text_of(DataType::kUInt16Array, "\x1E\x00\x40\x9C"s), "[30,40000]");
  EXPECT_EQ(text_of(DataType::kUInt32Array, "\x34\x00\x00\x00\x49\xFB\x55\xC4"s), "[52,3293969225]");
  EXPECT_EQ(text_of(DataType::kUInt64Array, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), "[18446744073709551615]");
  EXPECT_EQ(text_of(DataType::kFloatArray, "\xCD\xCC\x8C\x3F\x00\x00\xC0\x7F"s), "[1.1,null]");
  EXPECT_EQ(text_of(DataType::kDoubleArray, "\x9A\x99\x99\x99\x99\x99\xF1\x3F"), "[1.1]");
  EXPECT_EQ(text_of(DataType::kBooleanArray, "\x0C\x00\x00\x00\x34\xD0"s),
            "[false,false,true,true,false,true,false,false,true,true,false,true]");
  EXPECT_EQ(text_of(DataType::kStringArray, "ABC\0\0hello\0"s), R"(["ABC","","hello"])");
  EXPECT_EQ(text_of(DataType::kDateTimeArray, "\xC7\xD0\x90\x75\x24\x01\x00\x00"s), "[1256102875335]");
  EXPECT_EQ(text_of(DataType::kInt16Array, ""), "[]");
  EXPECT_THAT(parts_of(bytes_metric(DataType::kUInt16Array, "\x1E\x00\x40\x9C"s)),
              ElementsAre("m[0]=30", "m[1]=40000"));
}

TEST(SparkplugStructure, RefusesWhatIsNoSuchArray) {
  for (const DataType type : {DataType::kInt16Array, DataType::kInt32Array, DataType::kDateTimeArray}) {
    EXPECT_EQ(text_of(type, "\x01"), "refused");
    EXPECT_FALSE(for_each_part("m", bytes_metric(type, "\x01"), type, [](const Part&) {}));
  }
  EXPECT_EQ(text_of(DataType::kBooleanArray, "\x0A\x00\x00\x00\xB2"s), "refused") << "ten bits in one byte";
  EXPECT_EQ(text_of(DataType::kBooleanArray, "\xFF\xFF\xFF\xFF\xB2"), "refused");
  EXPECT_EQ(text_of(DataType::kStringArray, "ABC"), "refused") << "the last one has no end";
  EXPECT_EQ(to_text(bytes_metric(DataType::kInt16Array, "\x01"), DataType::kInt16Array).error().message,
            "its value is no Int16Array");
}

TEST(SparkplugStructure, BytesAndFilesAreBase64) {
  EXPECT_EQ(text_of(DataType::kBytes, "\x00\x01\x02"s), "AAEC");
  EXPECT_EQ(text_of(DataType::kBytes, "\xFF\xFE"), "//4=");
  EXPECT_EQ(text_of(DataType::kFile, "M"), "TQ==");
  EXPECT_EQ(text_of(DataType::kFile, ""), "");
  EXPECT_THAT(parts_of(bytes_metric(DataType::kBytes, "abc")), IsEmpty());
}

// Motor { speed Float 1.5, count Int8 -1, inner { on Boolean true }, curve UInt8Array [1, 2] }, parameter ratio = 3
std::string motor() {
  const std::string inner = field(2, field(1, "on") + field(4, 11) + field(14, 1)) + field(4, "Switch");
  return field(1, "2") + field(2, field(1, "speed") + field(4, 9) + "\x65\x00\x00\xC0\x3F"s) +
         field(2, field(1, "count") + field(4, 1) + "\x50\xFF\xFF\xFF\xFF\x0F"s) +
         field(2, field(1, "inner") + field(4, 19) + "\x92\x01"s + static_cast<char>(inner.size()) + inner) +
         field(2, field(1, "curve") + field(4, 26) + "\x82\x01\x02\x01\x02"s) +
         field(3, field(1, "ratio") + field(2, 3) + field(3, 3)) + field(4, "Motor");
}

Metric template_metric(std::string_view bytes) {
  return {.type = DataType::kTemplate, .content = Metric::Content::kTemplate, .bytes = bytes};
}

TEST(SparkplugStructure, ATemplateHasMembers) {
  const std::string bytes = motor();
  const Metric metric = template_metric(bytes);
  const std::string inner = R"({"metrics":{"on":true},"template":"Switch"})";
  EXPECT_THAT(parts_of(metric, "motor"),
              ElementsAre("motor/speed=1.5", "motor/count=-1", "motor/inner=" + inner, "motor/inner/on=true",
                          "motor/curve=[1,2]", "motor/curve[0]=1", "motor/curve[1]=2"));
  EXPECT_EQ(to_text(metric, metric.type).value(),
            R"({"metrics":{"count":-1,"curve":[1,2],"inner":)" + inner +
                R"(,"speed":1.5},"parameters":{"ratio":3},"template":"Motor","version":"2"})");
  EXPECT_FALSE(is_definition(metric, metric.type));
  const std::string definition = bytes + field(5, 1);
  EXPECT_TRUE(is_definition(template_metric(definition), DataType::kTemplate));
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    static_cast<void>(to_text(template_metric(std::string_view(bytes).substr(0, cut)), DataType::kTemplate));
  }
}

TEST(SparkplugStructure, TemplatesInTemplatesHaveAnEnd) {
  std::string bytes = field(4, "T");
  for (int i = 0; i < kDepthMax - 1; ++i) {
    bytes = long_field(2, field(1, "m") + field(4, 19) + long_field(18, bytes));
  }
  EXPECT_TRUE(to_text(template_metric(bytes), DataType::kTemplate));
  bytes = long_field(2, field(1, "m") + field(4, 19) + long_field(18, bytes));
  EXPECT_FALSE(to_text(template_metric(bytes), DataType::kTemplate));
  EXPECT_FALSE(for_each_part("m", template_metric(bytes), DataType::kTemplate, [](const Part&) {}));
}

TEST(SparkplugStructure, ADataSetHasRowsAndColumns) {
  const auto row = [](const char* name, std::string_view number) {
    return field(4, field(1, field(6, name)) + field(1, std::string(number)));
  };
  const std::string head = field(1, 2) + field(2, "name") + field(2, "n");
  const std::string rows = row("a", "\x08\x05") + row("b", "\x08\xFE\xFF\xFF\xFF\x0F");
  for (const std::string& types : {field(3, 12) + field(3, 3), field(3, "\x0C\x03")}) {  // as they are, and packed
    const std::string bytes = head + types + rows;
    const Metric metric{.type = DataType::kDataSet, .content = Metric::Content::kDataSet, .bytes = bytes};
    EXPECT_EQ(to_text(metric, metric.type).value(),
              R"({"columns":["name","n"],"rows":[["a",5],["b",-2]],"types":["String","Int32"]})");
    EXPECT_THAT(parts_of(metric), ElementsAre("m[0]/name=a", "m[0]/n=5", "m[1]/name=b", "m[1]/n=-2"));
  }
  const std::string ragged = head + field(3, 12) + field(3, 3) + field(4, field(1, field(6, "a")));
  EXPECT_FALSE(to_text({.content = Metric::Content::kDataSet, .bytes = ragged}, DataType::kDataSet));
}

TEST(SparkplugStructure, ANullHasNoParts) {
  const Metric metric{.type = DataType::kTemplate, .null = true};
  EXPECT_THAT(parts_of(metric), IsEmpty());
  EXPECT_EQ(to_text(metric, metric.type).value(), "null");
}

}  // namespace
}  // namespace millwright::protocol::sparkplug
