// FaultyFileSystem: another file system, of which chosen operations fail, or which dies at one of them. With SimDisk
// below it a test can go through every operation of a scenario and let each one fail in each way.
//
// Threads: all of it from any thread. After a failed sync, as Linux does it, later syncs of that open file succeed and
// sync nothing.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/mutex.hpp"
#include "io/file_system.hpp"

namespace millwright::io {

enum class Operation : std::uint8_t {
  kOpen,
  kCreate,
  kRead,
  kWrite,
  kTruncate,
  kSync,
  kRename,
  kRemove,
  kSyncDirectory,
  kList
};
inline constexpr std::size_t kOperations = 10;
std::string_view to_string(Operation operation);

// How much of what was asked is done all the same. Part of a write is its first half; of all else it is nothing.
enum class Done : std::uint8_t { kNothing, kPart, kAll };

struct Fault {
  static constexpr std::uint64_t kForEver = UINT64_MAX;
  Operation operation = Operation::kWrite;
  std::uint64_t nth = 1;    // of its kind, counted from inject()
  std::uint64_t times = 1;  // that one and the next ones
  core::ErrorCode error = core::ErrorCode::kIo;
  Done done = Done::kNothing;
};

class FaultyFileSystem final : public FileSystem {
 public:
  explicit FaultyFileSystem(FileSystem& below) : below_(below) {}

  // Counting begins anew with each of these.
  void inject(const Fault& fault);
  // The nth operation that changes the disk is the last one, done as far as `done` says; then all fail.
  void die_at(std::uint64_t nth, Done done);
  void heal();

  [[nodiscard]] std::uint64_t count(Operation operation) const;
  [[nodiscard]] std::uint64_t changes() const;  // operations that change the disk
  [[nodiscard]] std::uint64_t failures() const;
  [[nodiscard]] bool dead() const;

  core::Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  core::Result<std::vector<std::string>> list(const std::string& directory) override;
  core::Status make_directories(const std::string& directory) override;
  core::Status rename(const std::string& from, const std::string& to) override;
  core::Status remove(const std::string& path) override;
  core::Status sync_directory(const std::string& directory) override;
  [[nodiscard]] bool exists(const std::string& path) override { return below_.exists(path); }
  core::Result<std::uint64_t> free_bytes(const std::string& directory) override { return below_.free_bytes(directory); }

 private:
  friend class FaultyFile;
  struct Failure {
    core::Error error;
    Done done = Done::kNothing;
  };
  // Counts the operation; says whether and how it fails.
  std::optional<Failure> next(Operation operation, const std::string& path);
  core::Status pass(Operation operation, const std::string& path, const std::function<core::Status()>& all,
                    const std::function<core::Status()>& part = {});

  FileSystem& below_;
  mutable core::Mutex mutex_;
  std::optional<Fault> fault_ GUARDED_BY(mutex_);
  std::uint64_t die_at_ GUARDED_BY(mutex_) = 0;  // 0: never
  Done last_done_ GUARDED_BY(mutex_) = Done::kNothing;
  bool dead_ GUARDED_BY(mutex_) = false;
  std::array<std::uint64_t, kOperations> counts_ GUARDED_BY(mutex_){};
  std::uint64_t changes_ GUARDED_BY(mutex_) = 0;
  std::uint64_t failures_ GUARDED_BY(mutex_) = 0;
};

}  // namespace millwright::io
