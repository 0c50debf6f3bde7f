// What Grafana sends: never a crash; what is read as a question keeps its limits and has its times in order; and entity
// tags, which clients send back as they like.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "api/etag.hpp"
#include "api/grafana_question.hpp"
#include "core/assert.hpp"

using namespace millwright;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kPointsMax = 10'000;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto question = api::parse_grafana_question(text, kPointsMax)) {
    ASSERT(question->range.from < question->range.to, "a range that is none");
    ASSERT(question->points >= 3 && question->points <= kPointsMax, "too many points");
    ASSERT(question->interval >= 0, "an interval before its start");
    for (const auto& target : question->targets) ASSERT(!target.name.empty(), "a target without a name");
  }
  if (const auto asked = api::parse_grafana_annotations(text)) {
    ASSERT(asked->alarms || asked->downtime, "a question about nothing");
    ASSERT(asked->annotation.starts_with('{'), "an annotation that is no object");
  }
  for (const char* member : {"target", "payload.target"}) static_cast<void>(api::grafana_text(text, member));

  http::Response response;
  response.body = "{}";
  api::add_etag(response, text);
  ASSERT(response.status == 200 || response.status == 304, "an answer of another kind");
  ASSERT(api::without_content(text).size() <= size + 1, "a tag that has grown");
  return 0;
}
