// Readings as JSON, as they come on the topics of a unified namespace: a bare value, {"v": 21.5, "q": …, "t": …}, or an
// object of many. Format: docs/format/uns-json.md.
//
// Threads: a pure function. Errors: kInvalid where nothing of it can be read, kUnsupported for a schema of the future;
// what is wrong in parts is told in `problems`, and the rest flows. Limits: below.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/quality.hpp"
#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::protocol {

inline constexpr int kUnsDepthMax = 8;                 // of objects in objects
inline constexpr std::size_t kUnsReadingsMax = 65536;  // of a payload
inline constexpr std::size_t kUnsProblemsTold = 5;
inline constexpr std::size_t kUnsIdBytesMax = 64;

// What times that are numbers count in; kAuto: by their size (docs/format/uns-json.md).
enum class UnsTime : std::uint8_t { kAuto, kSeconds, kMilliseconds, kMicroseconds, kNanoseconds };

using UnsValue = std::variant<std::monostate, bool, std::int64_t, double, std::string>;  // monostate: null

struct UnsReading {
  std::string field;  // "motor/current"; "": the topic's own
  UnsValue value;
  core::Quality quality;
  std::optional<core::TimeNs> time;
};

struct UnsMessage {
  std::vector<UnsReading> readings;
  std::string id;  // of the message, such as a ULID; "": none
  std::optional<std::uint64_t> sequence;
  std::uint64_t problem_count = 0;
  std::vector<std::string> problems;  // the first kUnsProblemsTold
};

core::Result<UnsMessage> parse_uns(std::string_view payload, UnsTime times);

}  // namespace millwright::protocol
