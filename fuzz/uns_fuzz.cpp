// Any bytes as a payload and as a topic of a unified namespace: read or refused with a reason, within the limits; and a
// pattern matches what its own filter would.
#include <cstdint>
#include <string_view>

#include "core/assert.hpp"
#include "protocol/uns_command.hpp"
#include "protocol/uns_json.hpp"
#include "protocol/uns_topic.hpp"

using namespace millwright::protocol;  // NOLINT: a program of one file

namespace {

void check_payload(std::string_view text) {
  for (const UnsTime times : {UnsTime::kAuto, UnsTime::kNanoseconds}) {
    const auto message = parse_uns(text, times);
    if (!message) {
      ASSERT(!message.error().message.empty(), "refused without a reason");
      continue;
    }
    ASSERT(message->readings.size() <= kUnsReadingsMax && message->id.size() <= kUnsIdBytesMax, "more than allowed");
    ASSERT(message->problems.size() <= kUnsProblemsTold && message->problems.size() <= message->problem_count,
           "problems are counted wrong");
    ASSERT((message->problem_count == 0) == message->problems.empty(), "a problem is not told");
    for (const UnsReading& reading : message->readings) {
      ASSERT(!reading.time || (*reading.time >= -9'000'000'000'000'000'000 && *reading.time <= INT64_MAX), "no time");
    }
  }
}

void check_answer(std::string_view text) {
  const auto answer = parse_uns_answer(text);
  if (!answer) return;
  ASSERT(answer->id.size() <= kUnsIdBytesMax && answer->result.size() <= kUnsResultBytesMax, "more than allowed");
}

void check_topics(std::string_view text) {
  const std::size_t end = text.find('\n');
  const auto pattern = TopicPattern::parse(text.substr(0, end));
  if (!pattern) return;
  const auto again = TopicPattern::parse(pattern->filter());
  ASSERT(again, "a filter is no pattern");
  if (end == std::string_view::npos) return;
  const std::string_view topic = text.substr(end + 1);
  TopicNames names;
  TopicNames none;
  ASSERT(pattern->match(topic, names) == again->match(topic, none), "a pattern means other topics than its filter");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_payload(text);
  check_answer(text);
  check_topics(text);
  return 0;
}
