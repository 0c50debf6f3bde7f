#include "history/long_csv.hpp"

#include <gtest/gtest.h>

namespace millwright::history {
namespace {

LongCsvParser parser_of(std::string_view header, const CsvColumns& columns = {}) {
  auto parser = LongCsvParser::from_header(header, columns);
  return std::move(parser.value().value());
}

TEST(LongCsv, TakesColumnsByNameInAnyOrder) {
  auto parser = parser_of("\xEF\xBB\xBFvalue;plant;quality;sensor;time");
  LongCsvRow row;
  ASSERT_TRUE(parser.parse("12,5; x ;Bad;pump/current;2026-11-21T10:00:00Z", row));
  EXPECT_EQ(row.sensor, "pump/current");
  EXPECT_EQ(row.value, "12,5");
  EXPECT_EQ(row.quality, core::kBad);
  EXPECT_EQ(row.time, *core::parse_time("2026-11-21T10:00:00Z"));
  EXPECT_EQ(parser.separator(), ';');
}

TEST(LongCsv, ReadsQuotes) {
  auto parser = parser_of("time,\"sensor\",value");
  LongCsvRow row;
  ASSERT_TRUE(parser.parse("1763712000,\"a \"\"b\"\", c\" ,\"3\"", row));
  EXPECT_EQ(row.sensor, "a \"b\", c");
  EXPECT_EQ(row.value, "3");
  EXPECT_FALSE(row.quality);
  EXPECT_FALSE(parser.parse("1763712000,\"a,3", row));
  EXPECT_FALSE(parser.parse("1763712000,\"a\"b,3", row));
}

TEST(LongCsv, SaysWhatIsWrongWithARow) {
  auto parser = parser_of("time,sensor,value,quality");
  LongCsvRow row;
  EXPECT_EQ(parser.parse("1,a,3", row).error().message, "the row has 3 fields, the header 4");
  EXPECT_NE(parser.parse("soon,a,3,Good", row).error().message.find("column 1: 'soon' is not a time"),
            std::string::npos);
  EXPECT_NE(parser.parse("1,a,3,Fine", row).error().message.find("column 4: 'Fine' is no quality"), std::string::npos);
}

TEST(LongCsv, AHeaderWithoutTheSensorIsAWideFiles) {
  EXPECT_FALSE(LongCsvParser::from_header("time,pump-1,pump-2", {}).value());
  EXPECT_TRUE(LongCsvParser::from_header("time,tag,value", {.sensor = "tag"}).value());
  EXPECT_FALSE(LongCsvParser::from_header("sensor,value", {}));  // no time
}

}  // namespace
}  // namespace millwright::history
