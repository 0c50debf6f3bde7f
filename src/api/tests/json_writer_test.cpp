#include "api/json_writer.hpp"

#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace millwright::api {
namespace {

TEST(JsonWriter, WritesWhatWasSaid) {
  JsonWriter json;
  json.begin_object().member("a", 1).member("b", "x").key("c").begin_array();
  json.value(true).null().value(std::uint64_t{18'446'744'073'709'551'615U}).value(std::int64_t{-3}).value(0.1);
  json.begin_object().end_object().begin_array().end_array().end_array();
  json.key("d").raw("[1]").member("e", std::string("y")).end_object();
  EXPECT_EQ(json.text(), R"({"a":1,"b":"x","c":[true,null,18446744073709551615,-3,0.1,{},[]],"d":[1],"e":"y"})");
}

TEST(JsonWriter, EscapesAndReplaces) {
  JsonWriter json;
  json.begin_array().value("a\"b\\c\n").value("°C").value("\xff").value(std::string_view("\0", 1)).end_array();
  const auto parsed = nlohmann::json::parse(json.text());
  EXPECT_EQ(parsed[0], "a\"b\\c\n");
  EXPECT_EQ(parsed[1], "°C");
  EXPECT_EQ(parsed[2], "\xef\xbf\xbd");
  EXPECT_EQ(parsed[3], std::string(1, '\0'));
}

TEST(JsonWriter, NumbersReadBackAsTheSame) {
  JsonWriter json;
  json.begin_array()
      .real(core::ValueType::kFloat32, static_cast<double>(0.1F))
      .value(0.1 + 0.2)
      .value(-0.0)
      .value(50.0);
  json.value(std::numeric_limits<double>::infinity()).value(std::numeric_limits<double>::quiet_NaN()).end_array();
  EXPECT_EQ(json.text(), "[0.1,0.30000000000000004,-0.0,50,null,null]");
}

TEST(JsonWriter, TimesAreNullOrUtc) {
  JsonWriter json;
  json.begin_array().time_or_null(0).time_or_null(1'500'000'000).text_or_null("").text_or_null("x").end_array();
  EXPECT_EQ(json.text(), R"([null,"1970-01-01T00:00:01.500Z",null,"x"])");
}

}  // namespace
}  // namespace millwright::api
