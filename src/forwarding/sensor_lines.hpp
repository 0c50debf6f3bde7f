// Readings of one machine as lines "sensor<TAB>payload": what an event's body is where each reading has a topic or a
// field of its own. The payload is a JSON object of docs/format/uns-json.md.
//
// Threads: pure functions; a UnsRows, whose append() is const, from any.
#pragma once

#include <string>
#include <string_view>

#include "core/block.hpp"
#include "core/quality.hpp"
#include "core/time.hpp"
#include "core/value_text.hpp"
#include "forwarding/reading_rows.hpp"

namespace millwright::forwarding {

struct Point {
  core::ValueType type = core::ValueType::kFloat64;
  std::uint64_t bits = 0;
  std::string_view text = {};  // of type kText
  core::Quality quality;
  core::TimeNs time = 0;
};
// `"v":21.5,"q":192,"t":"2026-11-21T08:15:30.250Z"`: 192 is good, else the OPC UA status code.
void append_point(const Point& point, core::TimeWriter& times, std::string& out);

// A line a reading: {"id":"01KA…","v":…,"q":…,"t":…}. The id is a ULID made from the reading's time and identity, so
// that a repeat has the same.
class UnsRows final : public RowFormat {
 public:
  void append(const ReadingRows& rows, std::string& out) const override;
};

// 26 characters for 48 bits of ms and 80 others.
std::string to_ulid(std::uint64_t ms, std::uint16_t high, std::uint64_t low);

template <typename Visit>  // (sensor, payload)
void for_each_line(std::string_view body, Visit&& visit) {
  while (!body.empty()) {
    const std::size_t tab = body.find('\t');
    const std::size_t end = body.find('\n', tab);
    visit(body.substr(0, tab), body.substr(tab + 1, end - tab - 1));
    body.remove_prefix(end + 1);
  }
}

}  // namespace millwright::forwarding
