// Messages on production orders and the `analytics` section against any bytes. What is read as a message keeps its
// limits; what is read as a calendar gives shifts in order that do not overlap.
#include <algorithm>
#include <string_view>

#include "analytics/options.hpp"
#include "analytics/order_message.hpp"
#include "analytics/production_orders.hpp"
#include "core/assert.hpp"

namespace {

using namespace millwright;

void read_message(std::string_view text) {
  const auto message = analytics::parse_order(text);
  if (!message) return;
  ASSERT(!message->id.empty() && message->id.size() <= 200, "an order without a proper id");
  ASSERT(message->good >= 0 && message->good <= analytics::kQuantityMax, "a count out of range");
  ASSERT(message->reject >= 0 && message->reject <= analytics::kQuantityMax, "a count out of range");
}

void read_section(std::string_view text) {
  auto document = config::Document::parse(text, "fuzz.yaml");
  if (!document) return;
  config::Section root = document->root();
  const analytics::Options options = analytics::read_options(root, ".", "fuzz");
  if (!document->problems().empty()) return;
  constexpr core::TimeNs kFrom = 1'767'225'600 * core::kSecond;  // 2026
  for (const auto& entry : options.calendars.calendars) {
    const analytics::Calendar calendar(entry.rules);
    const analytics::Interval period{kFrom, kFrom + 90 * analytics::kDay};
    core::TimeNs taken = INT64_MIN;
    for (const analytics::Shift& shift : calendar.shifts(period)) {
      ASSERT(shift.time.from >= taken && !shift.time.empty(), "shifts overlap");
      taken = shift.time.to;
    }
    ASSERT(analytics::total(calendar.scheduled(period)) <= period.length(), "more is planned than there is");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_message(text);
  read_section(text);
  return 0;
}
