#include "protocol/line_protocol.hpp"

#include <charconv>
#include <cmath>
#include <limits>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millwright::protocol {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = LineField::Kind;
using Next = LineReader::Next;

struct Read {
  std::vector<Line> lines;
  std::vector<LineProblem> problems;
  std::vector<std::string> said;  // "line:column message"
};

Read read(std::string_view text) {
  Read out;
  LineReader reader(text);
  Line line;
  for (;;) {
    const Next next = reader.next(line);
    if (next == Next::kEnd) return out;
    if (next == Next::kLine) {
      out.lines.push_back(line);
    } else {
      const LineProblem& problem = reader.problem();
      out.problems.push_back(problem);
      out.said.push_back(std::to_string(problem.line) + ":" + std::to_string(problem.column) + " " + problem.message);
    }
  }
}

Line one(std::string_view text) {
  const Read got = read(text);
  EXPECT_THAT(got.said, ElementsAre());
  EXPECT_EQ(got.lines.size(), 1U) << text;
  return got.lines.empty() ? Line{} : got.lines.front();
}

LineField value(const std::string& text) {
  static std::vector<std::string> kept;  // fields point into the text
  kept.reserve(1000);
  const Line line = one(kept.emplace_back("m f=" + text));
  return line.fields.empty() ? LineField{} : line.fields.front();
}

TEST(LineReader, ReadsAWholeLine) {
  const Line line = one("pump,line=1,cell=a current=12.41,running=true,count=1007i,note=\"a, b\" 1763712000000000001");
  EXPECT_EQ(line.series, "pump,line=1,cell=a");
  ASSERT_EQ(line.fields.size(), 4U);
  EXPECT_EQ(line.fields[0].key, "current");
  EXPECT_EQ(line.fields[0].real(), 12.41);
  EXPECT_EQ(line.fields[0].text, "12.41");
  EXPECT_EQ(line.fields[1].kind, Kind::kBool);
  EXPECT_TRUE(line.fields[1].boolean());
  EXPECT_EQ(line.fields[2].integer(), 1007);
  EXPECT_EQ(line.fields[3].text, "a, b");
  EXPECT_TRUE(line.has_time);
  EXPECT_EQ(line.time, 1763712000000000001);
}

TEST(LineReader, ReadsEveryKindOfValue) {
  for (const auto& [text, expected] :
       std::vector<std::pair<std::string, double>>{{"1", 1},
                                                   {"-1", -1},
                                                   {"+1", 1},
                                                   {"1.", 1},
                                                   {".5", 0.5},
                                                   {"-.5", -0.5},
                                                   {"1e3", 1000},
                                                   {"1.5E-3", 0.0015},
                                                   {"0.1", 0.1},
                                                   {"12345678901234567890", 12345678901234567890.0},
                                                   {"9007199254740993", 9007199254740992.0},
                                                   {"1.7976931348623157e308", 1.7976931348623157e308},
                                                   {"5e-324", 5e-324},
                                                   {"0000000000000000000001", 1}}) {
    const LineField field = value(text);
    EXPECT_EQ(field.kind, Kind::kReal) << text;
    EXPECT_EQ(field.real(), expected) << text;
    EXPECT_EQ(field.text, text);
  }
  EXPECT_TRUE(std::signbit(value("-0").real()));
  EXPECT_TRUE(std::isnan(value("NaN").real()));
  EXPECT_EQ(value("-inf").real(), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(value("-9223372036854775808i").integer(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(value("9223372036854775807i").integer(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(value("0i").integer(), 0);
  EXPECT_EQ(value("-12i").integer(), -12);
  EXPECT_EQ(value("18446744073709551615u").unsigned_integer(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(value("18446744073709551615u").kind, Kind::kUnsigned);
  for (const char* yes : {"t", "T", "true", "True", "TRUE"}) EXPECT_TRUE(value(yes).boolean()) << yes;
  for (const char* no : {"f", "F", "false", "False", "FALSE"}) {
    EXPECT_EQ(value(no).kind, Kind::kBool) << no;
    EXPECT_FALSE(value(no).boolean()) << no;
  }
  EXPECT_EQ(unescape_text(value(R"("a \"b\" \\ \n")").text), R"(a "b" \ \n)");
  EXPECT_EQ(value("\"\"").text, "");
}

TEST(LineReader, DecimalsAreTheNearestDouble) {
  std::mt19937_64 dice(1);
  for (int i = 0; i < 200'000; ++i) {
    std::string text = std::to_string(dice() >> (dice() % 64));
    if (const std::size_t at = dice() % 20; at <= text.size()) text.insert(at, ".");
    if (dice() % 2 == 0) text.insert(0, "-");
    if (text.find_first_of("0123456789") == std::string::npos) continue;
    const std::string line = "m f=" + text;
    LineReader reader(line);
    Line got;
    ASSERT_EQ(reader.next(got), Next::kLine) << text;
    double expected = 0;
    std::from_chars(text.data(), text.data() + text.size(), expected);
    ASSERT_EQ(std::bit_cast<std::uint64_t>(got.fields[0].real()), std::bit_cast<std::uint64_t>(expected)) << text;
  }
}

TEST(LineReader, TimesAreOptional) {
  EXPECT_FALSE(one("m f=1").has_time);
  EXPECT_FALSE(one("m f=1   ").has_time);
  EXPECT_EQ(one("m f=1 -1").time, -1);
  EXPECT_EQ(one("m f=1   1763712000  ").time, 1763712000);
  EXPECT_EQ(one("m f=1 9223372036854775807").time, std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(one("m f=1 0").time, 0);
}

TEST(LineReader, LineEndsBlankLinesAndComments) {
  const Read got = read("# first\r\n\r\n  \t\nm f=1 1\r\n#m f=2\n  m f=\"x\"\r\nm f=3i\r\n# last");
  EXPECT_THAT(got.said, ElementsAre());
  ASSERT_EQ(got.lines.size(), 3U);
  EXPECT_EQ(got.lines[0].number, 4U);
  EXPECT_EQ(got.lines[0].time, 1);
  EXPECT_EQ(got.lines[1].number, 6U);
  EXPECT_EQ(got.lines[1].fields[0].text, "x");
  EXPECT_EQ(got.lines[2].fields[0].integer(), 3);
}

TEST(LineReader, EscapesDoNotEndAName) {
  const Line line = one(R"(my\ pump,a\,b=c\=d\ e x\ y=1,k\=l=2 5)");
  EXPECT_EQ(line.series, R"(my\ pump,a\,b=c\=d\ e)");
  EXPECT_EQ(unescape_name(line.fields[0].key), "x y");
  EXPECT_EQ(unescape_name(line.fields[1].key), "k=l");
  const auto series = split_series(line.series);
  ASSERT_TRUE(series);
  EXPECT_EQ(series->measurement, "my pump");
  EXPECT_EQ(*series->tag("a,b"), "c=d e");
}

TEST(LineReader, ATextMayHoldLines) {
  const Read got = read("m f=\"a\nb, c=1\n\",g=2 7\nm f=3\n");
  EXPECT_THAT(got.said, ElementsAre());
  ASSERT_EQ(got.lines.size(), 2U);
  EXPECT_EQ(got.lines[0].fields[0].text, "a\nb, c=1\n");
  EXPECT_EQ(got.lines[0].time, 7);
  EXPECT_EQ(got.lines[1].number, 4U);
}

TEST(LineReader, ABadLineDoesNotSpoilTheOthers) {
  const Read got = read(
      "m f=1 1\n"
      "m\n"
      "m f\n"
      "m f=\n"
      "m =1\n"
      "m f=1x 2\n"
      "m f=1 2x\n"
      "m f=1, 2\n"
      "m f=9223372036854775808i\n"
      "m f=-1u\n"
      "m f=1e999\n"
      "m f=nan(1)\n"
      "m f=1 99999999999999999999\n"
      "m f=\"x\"y\n"
      "m f=2 2\n"
      "m f=\"open\n"
      "m f=3 3\n");
  EXPECT_THAT(
      got.said,
      ElementsAre(HasSubstr("2:2 there are no fields"), HasSubstr("3:3 'f' is no field"),
                  HasSubstr("4:5 the field 'f' has no value"), HasSubstr("5:3 a field has no key"),
                  HasSubstr("6:5 '1x' is no value"), HasSubstr("7:7 '2x' is no time"), HasSubstr("8:7 '' is no field"),
                  HasSubstr("9:5 '9223372036854775808i' is outside"), HasSubstr("10:5 '-1u' is no value"),
                  HasSubstr("11:5 '1e999' is outside of what a float64"), HasSubstr("12:5 'nan(1)' is no value"),
                  HasSubstr("13:7 the time has too many digits"), HasSubstr("14:8 after a text's closing quote"),
                  HasSubstr("16:5 a text has no closing quote")));
  ASSERT_EQ(got.lines.size(), 3U);
  EXPECT_EQ(got.lines[1].number, 15U);
  EXPECT_EQ(got.lines[2].number, 17U);
}

TEST(LineReader, LimitsAreTold) {
  EXPECT_THAT(read(std::string(kSeriesBytesMax + 1, 'm') + " f=1\nm f=1").said, ElementsAre(HasSubstr("4097 bytes")));
  EXPECT_EQ(read(std::string(kSeriesBytesMax, 'm') + " f=1").lines.size(), 1U);
  const std::string text(kFieldTextBytesMax, 'x');
  EXPECT_EQ(read("m f=\"" + text + "\"").lines.size(), 1U);
  EXPECT_THAT(read("m f=\"" + text + "x\"\nm f=1").said, ElementsAre(HasSubstr("more than 65536 bytes")));
}

TEST(LineReader, AnExpectedSeriesIsTakenOnlyWhereItStands) {
  const std::string text = "m,a=1 f=1\nm,a=1 f=2\nm,a=12 f=3\nm,a=1\\ x f=4\nm,a=1";
  LineReader reader(text);
  Line line;
  ASSERT_EQ(reader.next(line), Next::kLine);
  EXPECT_FALSE(line.expected);
  reader.expect("m,a=1");
  ASSERT_EQ(reader.next(line), Next::kLine);
  EXPECT_TRUE(line.expected);
  EXPECT_EQ(line.series, "m,a=1");
  ASSERT_EQ(reader.next(line), Next::kLine);
  EXPECT_FALSE(line.expected);
  EXPECT_EQ(line.series, "m,a=12");
  ASSERT_EQ(reader.next(line), Next::kLine);
  EXPECT_FALSE(line.expected);
  EXPECT_EQ(line.series, "m,a=1\\ x");
  EXPECT_EQ(reader.next(line), Next::kBadLine);
  EXPECT_EQ(reader.next(line), Next::kEnd);
}

TEST(LineReader, LinesCountFromWhereTheyAreSaidToBegin) {
  LineReader reader("m v=1\nbad\nm v=2\n", 41);
  Line line;
  ASSERT_EQ(reader.next(line), Next::kLine);
  EXPECT_EQ(line.number, 41U);
  ASSERT_EQ(reader.next(line), Next::kBadLine);
  EXPECT_EQ(reader.problem().line, 42U);
  ASSERT_EQ(reader.next(line), Next::kLine);
  EXPECT_EQ(line.number, 43U);
  ASSERT_EQ(reader.next(line), Next::kEnd);
  EXPECT_EQ(reader.line(), 44U);
}

TEST(EndedLines, AreThoseWithANewlineOutsideOfATextValue) {
  EXPECT_EQ(ended_lines(""), 0U);
  EXPECT_EQ(ended_lines("m v=1"), 0U);
  EXPECT_EQ(ended_lines("\n"), 1U);
  EXPECT_EQ(ended_lines("m v=1\n"), 6U);
  EXPECT_EQ(ended_lines("m v=1\r\nm v=12"), 7U);
  EXPECT_EQ(ended_lines("m v=1\nm v=\"a"), 6U);
  EXPECT_EQ(ended_lines("m v=\"a\nb\""), 0U);
  EXPECT_EQ(ended_lines("m v=\"a\nb\"\n"), 10U);
  EXPECT_EQ(ended_lines("m v=\"a\\\"\nb\",w=1\nm"), 16U);
  EXPECT_EQ(ended_lines("m,t=\"x v=1\nm v=\"\n"), 11U) << "a quote in a tag is a quote";
  EXPECT_EQ(ended_lines("# \"it\nm v=\"a\"\n"), 14U) << "as it is in a comment";
  const std::string endless = "m v=\"" + std::string(kFieldTextBytesMax + 10, 'x');
  EXPECT_EQ(ended_lines(endless + "\nm v=1\n"), endless.size() + 7) << "a text that is too long ends with its line";
}

TEST(Series, OneTextForEverySpelling) {
  EXPECT_EQ(split_series("m,b=2,a=1")->text(), "m,a=1,b=2");
  EXPECT_EQ(split_series("m")->text(), "m");
  EXPECT_EQ(split_series(R"(m\ 1,k\=1=v\,2)")->text(), R"(m\ 1,k\=1=v\,2)");
  EXPECT_EQ(split_series(R"(c:\dir,a=\b)")->text(), R"(c:\dir,a=\b)");
}

TEST(Series, SaysWhatIsWrong) {
  const auto problem = [](std::string_view text) {
    const auto series = split_series(text);
    return series ? std::string() : series.error().message;
  };
  EXPECT_THAT(problem(""), HasSubstr("column 1: there is no measurement"));
  EXPECT_THAT(problem(",a=1"), HasSubstr("there is no measurement"));
  EXPECT_THAT(problem("m,"), HasSubstr("column 3: '' is no tag"));
  EXPECT_THAT(problem("m,a"), HasSubstr("column 3: 'a' is no tag"));
  EXPECT_THAT(problem("m,a="), HasSubstr("'a=' is no tag"));
  EXPECT_THAT(problem("m,=1"), HasSubstr("'=1' is no tag"));
  EXPECT_THAT(problem("m,a=1=2"), HasSubstr("'a=1=2' is no tag"));
  EXPECT_THAT(problem("m,a=1,a=2"), HasSubstr("the tag 'a' comes twice"));
  EXPECT_THAT(problem("m,a=1\\"), HasSubstr("backslash"));
}

}  // namespace
}  // namespace millwright::protocol
