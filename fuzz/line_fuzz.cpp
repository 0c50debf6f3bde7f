// The line protocol reader against any text: bad lines are told and passed by, the good ones mean the same when they
// are read alone or with the series expected, and a series has one text.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/assert.hpp"
#include "protocol/line_protocol.hpp"

namespace {

using namespace millwright::protocol;
using Next = LineReader::Next;

bool same(const Line& a, const Line& b) {
  if (a.series != b.series || a.has_time != b.has_time || (a.has_time && a.time != b.time)) return false;
  if (a.fields.size() != b.fields.size()) return false;
  for (std::size_t i = 0; i < a.fields.size(); ++i) {
    const LineField& x = a.fields[i];
    const LineField& y = b.fields[i];
    if (x.key != y.key || x.kind != y.kind || x.bits != y.bits || x.text != y.text) return false;
  }
  return true;
}

std::size_t newlines(std::string_view text) {
  std::size_t n = 0;
  for (const char c : text) n += c == '\n' ? 1 : 0;
  return n;
}

// A stream that is cut where lines have ended is read as the whole is: each good line, and no other.
void check_split(std::string_view text) {
  const std::size_t ended = ended_lines(text);
  ASSERT(ended <= text.size() && (ended == 0 || text[ended - 1] == '\n'), "lines end with a newline");
  LineReader whole(text);
  LineReader first(text.substr(0, ended));
  Line a;
  Line b;
  for (Next next; (next = first.next(b)) != Next::kEnd;) {
    const Next of_whole = whole.next(a);
    if (next == Next::kBadLine && of_whole != next) break;  // a text that goes on behind what a line may hold
    ASSERT(of_whole == next && (next != Next::kLine || same(a, b)), "a line that was cut off is another");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  LineReader reader(text);
  Line line;
  Line again;
  std::uint64_t before = 0;
  for (Next next; (next = reader.next(line)) != Next::kEnd;) {
    const std::uint64_t number = next == Next::kLine ? line.number : reader.problem().line;
    ASSERT(number > before && number <= newlines(text) + 1, "line numbers rise and are those of the text");
    before = number;
    if (next == Next::kBadLine) {
      ASSERT(!reader.problem().message.empty() && reader.problem().column > 0, "a bad line is told");
      continue;
    }
    ASSERT(!line.fields.empty(), "a line has fields");
    // Written down anew it is the same line.
    std::string copy(line.series);
    char separator = ' ';
    for (const LineField& field : line.fields) {
      const bool quoted = field.kind == LineField::Kind::kText;
      copy += separator + std::string(field.key) + "=" + (quoted ? "\"" : "") + std::string(field.text) +
              (quoted ? "\"" : "");
      separator = ',';
    }
    if (line.has_time) copy += " " + std::to_string(line.time);
    for (const bool expected : {false, true}) {
      LineReader alone(copy);
      if (expected) alone.expect(line.series);
      ASSERT(alone.next(again) == Next::kLine && same(line, again), "the line alone is another");
      ASSERT(again.expected == expected, "an expected series is known");
      ASSERT(alone.next(again) == Next::kEnd, "one line is two");
    }
    ASSERT(series_end(copy) == line.series.size(), "a series ends elsewhere");
    const auto series = split_series(line.series);
    if (!series) continue;
    const auto twice = split_series(series->text());
    ASSERT(twice && twice->text() == series->text() && twice->tags == series->tags, "a series' text is another's");
  }
  check_split(text);
  return 0;
}
