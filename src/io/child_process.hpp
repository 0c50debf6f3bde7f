// ChildProcess: a program that runs beside this one and ends with it. Its output goes where ours goes.
//
// Threads: one at a time. It ends, by SIGTERM, also with the thread that started it.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::io {

class ChildProcess {
 public:
  using Environment = std::vector<std::pair<std::string, std::string>>;  // added to ours
  // `program` is a path. One that cannot be run ends at once with 127.
  static core::Result<ChildProcess> start(const std::string& program, const std::vector<std::string>& arguments,
                                          const Environment& environment = {});
  ChildProcess(ChildProcess&& other) noexcept : pid_(std::exchange(other.pid_, 0)), status_(other.status_) {}
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();  // ends it

  // Exit code, or 128 + the signal that ended it; nothing while it runs.
  std::optional<int> poll();
  // Asks it to end, waits, and kills it where it does not end in time. Gives what poll() gives.
  int stop(core::DurationNs patience);
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}
  pid_t pid_;
  std::optional<int> status_;
};

// Where a program is: the path itself, or the first of that name in PATH; "" where there is none that can be run.
std::string find_program(const std::string& name);

}  // namespace millwright::io
