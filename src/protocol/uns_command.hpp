// Commands to devices on a unified namespace, and their answers, as JSON. Format: docs/format/uns-json.md.
//
// Threads: pure functions. Errors: kInvalid where an answer cannot be read. Limits: below.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::protocol {

inline constexpr std::size_t kUnsResultBytesMax = 1024;  // the rest of what a device says is cut off

using UnsArgument = std::variant<double, std::int64_t, bool, std::string>;

struct UnsCommand {
  std::string id;
  std::string name;          // "set-speed"
  std::string answer_topic;  // where the device is to answer
  core::TimeNs time = 0;
  std::vector<std::pair<std::string, UnsArgument>> arguments = {};
};

struct UnsAnswer {
  std::string id;
  bool good = false;
  std::string result = {};  // what the device says; may be empty
};

std::string encode_uns_command(const UnsCommand& command);
core::Result<UnsAnswer> parse_uns_answer(std::string_view payload);

}  // namespace millwright::protocol
