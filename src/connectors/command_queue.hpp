// Commands on their way to a connector's own thread, which alone talks to the source.
//
// Threads: ask() and size from any; serve(), open() and close() from the connector's. Limits: kCommandsMax wait.
// Errors: of asset/commands.hpp. One that is no longer waited for is not carried out.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "asset/commands.hpp"
#include "core/mutex.hpp"
#include "core/result.hpp"

namespace millwright::connectors {

inline constexpr std::size_t kCommandsMax = 100;

class CommandQueue {
 public:
  // `wake`: called where something waits; it lets the connector's thread come to serve().
  explicit CommandQueue(std::function<void()> wake) : wake_(std::move(wake)) {}

  core::Result<std::string> ask(const asset::Command& command, std::span<const asset::CommandValue> values,
                                core::DurationNs timeout) EXCLUDES(mutex_);

  using Execute = std::function<core::Result<std::string>(const asset::Command& command,
                                                          std::span<const asset::CommandValue> values)>;
  // The source can be asked from now on, or no longer: what waits is then refused.
  void open() EXCLUDES(mutex_);
  void close(const std::string& why) EXCLUDES(mutex_);
  [[nodiscard]] bool waits() const EXCLUDES(mutex_);
  // Carries out all that waits.
  void serve(const Execute& execute) EXCLUDES(mutex_);

  // For sources that answer later: sends all that waits, each with a number by which settle() knows it again.
  using Send = std::function<core::Status(std::uint64_t ticket, const asset::Command& command,
                                          std::span<const asset::CommandValue> values)>;
  void send(const Send& send) EXCLUDES(mutex_);
  // False: nobody waits for it any more.
  bool settle(std::uint64_t ticket, core::Result<std::string> result) EXCLUDES(mutex_);
  [[nodiscard]] bool awaits(std::uint64_t ticket) const EXCLUDES(mutex_);

 private:
  struct Job {
    const asset::Command* command;
    std::vector<asset::CommandValue> values;
    bool taken = false;
    std::optional<core::Result<std::string>> result{};
  };
  std::shared_ptr<Job> take() EXCLUDES(mutex_);

  const std::function<void()> wake_;
  mutable core::Mutex mutex_;
  core::Condition changed_;
  std::deque<std::shared_ptr<Job>> jobs_ GUARDED_BY(mutex_);
  std::map<std::uint64_t, std::shared_ptr<Job>> sent_ GUARDED_BY(mutex_);  // by ticket
  std::uint64_t tickets_ GUARDED_BY(mutex_) = 0;
  std::string closed_ GUARDED_BY(mutex_) = "it is not connected yet";  // "": open
};

}  // namespace millwright::connectors
