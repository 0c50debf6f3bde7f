// DeadLetters: events that a receiver will never take, with the reason, in `dead-letters.jsonl`: one JSON object a
// line. Format: docs/format/alarm-events.md.
//
// Threads: one owner. Limits: once the file has `bytes_max`, it becomes `dead-letters.old.jsonl` in place of the one
// before, so that both together never have more than twice as much.
#pragma once

#include <cstdint>
#include <string>

#include "core/result.hpp"
#include "core/time.hpp"
#include "io/file_system.hpp"

namespace millwright::forwarding {

struct DeadLetter {
  core::TimeNs time = 0;  // when it was given up
  std::string key;
  std::string reason;
  std::string body;  // JSON, or any text, which is kept as a string
};

class DeadLetters {
 public:
  DeadLetters(io::FileSystem& files, std::string directory, std::uint64_t bytes_max);
  // On disk when it returns.
  core::Status add(const DeadLetter& letter);

 private:
  io::FileSystem& files_;
  const std::string directory_;
  const std::uint64_t bytes_max_;
};

}  // namespace millwright::forwarding
