#include "protocol/csv.hpp"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millwright::protocol {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Next = CsvReader::Next;
using Kind = CsvCell::Kind;

struct Read {
  std::vector<CsvRow> rows;
  std::vector<std::string> problems;
  std::vector<std::string> columns;
  Next last = Next::kMore;
};

Read read(std::string_view text, std::size_t piece = 1 << 20) {
  Read out;
  CsvReader reader("t.csv");
  CsvRow row;
  for (;;) {
    out.last = reader.next(row);
    switch (out.last) {
      case Next::kMore:
        if (text.empty()) {
          reader.finish();
        } else {
          reader.feed(text.substr(0, piece));
          text.remove_prefix(std::min(piece, text.size()));
        }
        continue;
      case Next::kRow:
        out.rows.push_back(row);
        continue;
      case Next::kBadRow:
        out.problems.push_back(reader.problem().message);
        continue;
      case Next::kFailed:
        out.problems.push_back(reader.problem().message);
        break;
      case Next::kEnd:
        break;
    }
    out.columns = reader.columns();
    return out;
  }
}

core::TimeNs time(std::string_view text) {
  return *core::parse_time(text);
}

TEST(Csv, ReadsTimesAndValues) {
  const Read got =
      read("time,temp,on,count\n2026-11-21T08:15:30.250Z,21.5,true,7\n2026-11-21 08:15:31,-1e3,False,-2\n");
  ASSERT_EQ(got.problems, std::vector<std::string>{});
  EXPECT_EQ(got.last, Next::kEnd);
  EXPECT_THAT(got.columns, ElementsAre("temp", "on", "count"));
  ASSERT_EQ(got.rows.size(), 2U);
  EXPECT_EQ(got.rows[0].time, time("2026-11-21T08:15:30.250Z"));
  EXPECT_EQ(got.rows[0].line, 2U);
  EXPECT_EQ(got.rows[0].cells[0].real, 21.5);
  EXPECT_EQ(got.rows[0].cells[0].kind, Kind::kReal);
  EXPECT_EQ(got.rows[0].cells[1].kind, Kind::kBool);
  EXPECT_EQ(got.rows[0].cells[1].integer, 1);
  EXPECT_EQ(got.rows[0].cells[2].integer, 7);
  EXPECT_EQ(got.rows[1].cells[0].real, -1000);
  EXPECT_EQ(got.rows[1].cells[1].integer, 0);
  EXPECT_EQ(got.rows[1].cells[2].real, -2);
}

TEST(Csv, KeepsWideIntegersExactly) {
  const Read got = read("t,n\n1,9007199254740993\n2,-9223372036854775808\n");
  ASSERT_EQ(got.rows.size(), 2U);
  EXPECT_EQ(got.rows[0].cells[0].integer, 9007199254740993);
  EXPECT_EQ(got.rows[1].cells[0].integer, std::numeric_limits<std::int64_t>::min());
}

TEST(Csv, TakesSecondsExactlyToTheNanosecond) {
  EXPECT_EQ(*parse_seconds("1763712000"), 1763712000'000000000);
  EXPECT_EQ(*parse_seconds("1763712000.123456789"), 1763712000'123456789);
  EXPECT_EQ(*parse_seconds("1763712000.000000001"), 1763712000'000000001);
  EXPECT_EQ(*parse_seconds("-0.5"), -500'000'000);
  EXPECT_EQ(*parse_seconds(" +.25 "), 250'000'000);
  EXPECT_EQ(*parse_seconds("1.7e9"), 1700000000'000000000);
  EXPECT_EQ(*parse_seconds("17E8"), 1700000000'000000000);
  EXPECT_EQ(*parse_seconds("1e-9"), 1);
  EXPECT_EQ(*parse_seconds("0.0000000014"), 1);
  EXPECT_EQ(*parse_seconds("0.0000000015"), 2);
  EXPECT_EQ(*parse_seconds("0.0000000005"), 1);
  EXPECT_EQ(*parse_seconds("0.00000000049"), 0);
  EXPECT_EQ(*parse_seconds("000000"), 0);
  EXPECT_EQ(*parse_seconds("9223372036.854775807"), std::numeric_limits<std::int64_t>::max());
}

TEST(Csv, RefusesWhatIsNoTime) {
  for (const char* text : {"", ".", "-", "1e", "e5", "1.2.3", "12:30", "0x10", "1e9999", "nan", "inf", "1 2"}) {
    EXPECT_FALSE(parse_seconds(text)) << text;
  }
  // Milliseconds and nanoseconds since 1970 are a common slip.
  EXPECT_THAT(parse_seconds("1763712000000").error().message, HasSubstr("seconds, not in ms"));
  EXPECT_FALSE(parse_seconds("9223372036.854775808"));
}

TEST(Csv, FindsTheSeparatorInTheHeader) {
  const Read got = read("zeit;\"a,b\";c\n1;1,5;2.5\n2;-0,25;7\n");
  EXPECT_EQ(got.problems, std::vector<std::string>{});
  EXPECT_THAT(got.columns, ElementsAre("a,b", "c"));
  ASSERT_EQ(got.rows.size(), 2U);
  EXPECT_EQ(got.rows[0].cells[0].real, 1.5);
  EXPECT_EQ(got.rows[0].cells[1].real, 2.5);
  EXPECT_EQ(got.rows[1].cells[0].real, -0.25);
}

TEST(Csv, LivesWithCrlfMarkBlankLinesAndNoLastLineEnd) {
  const Read got = read("\xEF\xBB\xBFtime,v\r\n\r\n  \r\n1,2\r\n\r\n3,4");
  EXPECT_EQ(got.problems, std::vector<std::string>{});
  ASSERT_EQ(got.rows.size(), 2U);
  EXPECT_EQ(got.rows[0].line, 4U);
  EXPECT_EQ(got.rows[1].line, 6U);
  EXPECT_EQ(got.rows[1].cells[0].integer, 4);
}

TEST(Csv, UnderstandsQuotes) {
  const Read got = read("\"time\",\"a \"\"x\"\"\",\"two\nlines\"\n\"1\", \"2\" ,\"3\"\n");
  EXPECT_EQ(got.problems, std::vector<std::string>{});
  EXPECT_THAT(got.columns, ElementsAre("a \"x\"", "two\nlines"));
  ASSERT_EQ(got.rows.size(), 1U);
  EXPECT_EQ(got.rows[0].line, 3U);
  EXPECT_EQ(got.rows[0].cells[0].integer, 2);
}

TEST(Csv, TellsEveryBadRowAndGoesOn) {
  const Read got = read(
      "time,v,w\n"
      "1,2\n"
      "1,2,3,4\n"
      "yesterday,2,3\n"
      "2026-02-30T00:00:00Z,2,3\n"
      "1,2,12 bar\n"
      "1,\"2\"x,3\n"
      "1,1e999,3\n"
      "5,6,7\n");
  ASSERT_EQ(got.rows.size(), 1U);
  EXPECT_EQ(got.rows[0].time, 5'000'000'000);
  EXPECT_EQ(got.rows[0].line, 9U);
  EXPECT_THAT(got.problems,
              ElementsAre("t.csv:2: the row has 2 fields, the header 3", "t.csv:3: the row has 4 fields, the header 3",
                          HasSubstr("t.csv:4: column 1: 'yesterday' is not a time"),
                          HasSubstr("t.csv:5: column 1: '2026-02-30T00:00:00Z' is not a time"),
                          "t.csv:6: column 3: (w) '12 bar' is not a number, true, false or empty",
                          HasSubstr("t.csv:7: column 2: 'x' after the closing quote"),
                          HasSubstr("t.csv:8: column 2: (v) '1e999' is not a number")));
}

TEST(Csv, TakesEmptyAndNanAsMissing) {
  const Read got = read("t,a,b,c,d\n1,,NaN,nan, \n");
  ASSERT_EQ(got.rows.size(), 1U);
  for (const CsvCell& cell : got.rows[0].cells) EXPECT_TRUE(cell.missing());
}

TEST(Csv, DoesNotReadWhatItIsToIgnore) {
  CsvReader reader("t.csv");
  reader.ignore({"note", "absent"});
  reader.feed("time,a,note\n 1700000000 ,2,fine\n");
  reader.finish();
  CsvRow row;
  ASSERT_EQ(reader.next(row), Next::kRow);
  EXPECT_EQ(row.time_text, "1700000000");
  EXPECT_EQ(row.cells[0].integer, 2);
  EXPECT_TRUE(row.cells[1].missing());
}

TEST(Csv, ReadsColumnsOfText) {
  CsvReader reader("t.csv");
  reader.read_as_text([](const std::string& column) { return column == "batch"; });
  reader.feed("time,a,batch\n1,2,B-1\n2,3,\"a, \"\"b\"\"\nc\"\n3,x,B-2\n4,5,\n");
  reader.finish();
  CsvRow row;
  ASSERT_EQ(reader.next(row), Next::kRow);
  EXPECT_EQ(row.cells[0].integer, 2);
  EXPECT_EQ(row.cells[1].kind, Kind::kText);
  EXPECT_EQ(row.cells[1].text, "B-1");
  ASSERT_EQ(reader.next(row), Next::kRow);
  EXPECT_EQ(row.cells[1].text, "a, \"b\"\nc");
  EXPECT_EQ(reader.next(row), Next::kBadRow);
  ASSERT_EQ(reader.next(row), Next::kRow);
  EXPECT_TRUE(row.cells[1].missing());
}

TEST(Csv, KeepsInfinityForTheDoorToJudge) {
  const Read got = read("t,a\n1,-inf\n");
  ASSERT_EQ(got.rows.size(), 1U);
  EXPECT_TRUE(std::isinf(got.rows[0].cells[0].real));
}

struct BadHeader {
  const char* text;
  const char* says;
};
class CsvHeader : public ::testing::TestWithParam<BadHeader> {};

TEST_P(CsvHeader, IsRefused) {
  const Read got = read(GetParam().text);
  EXPECT_EQ(got.last, Next::kFailed);
  ASSERT_EQ(got.problems.size(), 1U);
  EXPECT_THAT(got.problems[0], HasSubstr(GetParam().says));
}
INSTANTIATE_TEST_SUITE_P(
    All, CsvHeader,
    ::testing::Values(BadHeader{"", "t.csv:1: there is no header"}, BadHeader{"\n\n", "there is no header"},
                      BadHeader{"time\n1\n", "t.csv:1: the header has one column"},
                      BadHeader{"time,a,a\n", "t.csv:1: column 3: the name 'a' is column 2's already"},
                      BadHeader{"time,a, \n", "t.csv:1: column 3: the column has no name"},
                      BadHeader{"\ntime,,b\n", "t.csv:2: column 2: the column has no name"},
                      BadHeader{"2026-11-21T08:15:30Z,1\n", "t.csv:1: column 1: '2026-11-21T08:15:30Z' is a time"},
                      BadHeader{"1,2\n3,4\n", "the first line must name the columns"},
                      BadHeader{"time,\"a\n", "the quote is not closed"}, BadHeader{"\xFF\xFEt\0i\0", "UTF-16"}));

TEST(Csv, StopsAtARowThatNeverEnds) {
  const Read got = read("time,a\n1,\"" + std::string(CsvReader::kRowBytesMax + 100, 'x'), 1 << 16);
  EXPECT_EQ(got.last, Next::kFailed);
  EXPECT_THAT(got.problems, ElementsAre(HasSubstr("t.csv:2: the row is longer than")));
}

TEST(Csv, TellsAnUnclosedQuoteAtTheLineWhereItsRowBegins) {
  const Read got = read("time,a\n1,2\n3,\"4\n5,6\n7,8\n");
  ASSERT_EQ(got.rows.size(), 1U);
  EXPECT_THAT(got.problems, ElementsAre("t.csv:3: column 2: the quote is not closed"));
}

TEST(Csv, ReadsTheSameInPiecesOfAnySize) {
  const std::string text =
      "\xEF\xBB\xBF\"zeit\";a;\"b\"\"\nc\"\r\n1;2;3\r\n\r\n4;\"5\n6\";7\r\nx;1;1\r\n8;9,5;\"10\"\r\n";
  const Read whole = read(text);
  ASSERT_EQ(whole.rows.size(), 2U);
  ASSERT_EQ(whole.problems.size(), 2U);
  for (std::size_t piece = 1; piece < text.size(); ++piece) {
    const Read got = read(text, piece);
    EXPECT_EQ(got.problems, whole.problems) << piece;
    ASSERT_EQ(got.rows.size(), whole.rows.size()) << piece;
    for (std::size_t i = 0; i < got.rows.size(); ++i) {
      EXPECT_EQ(got.rows[i].line, whole.rows[i].line);
      EXPECT_EQ(got.rows[i].time, whole.rows[i].time);
      EXPECT_EQ(got.rows[i].cells[0].real, whole.rows[i].cells[0].real);
    }
  }
}

TEST(Csv, WithoutTimeTheFirstColumnIsAValue) {
  CsvReader reader("t.csv");
  reader.without_time();
  reader.read_as_text([](const std::string& column) { return column == "unit"; });
  reader.feed("unit,cycle,a\nengine 7,1,2.5\nengine 7,x,3\n");
  reader.finish();
  CsvRow row;
  ASSERT_EQ(reader.next(row), Next::kRow);
  EXPECT_THAT(reader.columns(), ElementsAre("unit", "cycle", "a"));
  EXPECT_EQ(row.cells[0].text, "engine 7");
  EXPECT_EQ(row.cells[1].integer, 1);
  EXPECT_EQ(row.cells[2].real, 2.5);
  ASSERT_EQ(reader.next(row), Next::kBadRow);
  EXPECT_THAT(reader.problem().message, HasSubstr("t.csv:3: column 2: (cycle) 'x'"));
  EXPECT_EQ(reader.next(row), Next::kEnd);
}

}  // namespace
}  // namespace millwright::protocol
