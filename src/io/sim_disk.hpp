// SimDisk: a disk in memory that fails on purpose. A power cut keeps what was synced and a random part of the rest; a
// process kill keeps all that was written. Space is limited; the next sync can be made to fail, as a dying disk does
// once, with the unsynced data silently dropped. Operation by operation failures: faulty_file_system.hpp.
//
// Threads: all of it from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/mutex.hpp"
#include "io/file_system.hpp"
#include "io/random.hpp"

namespace millwright::io {

class SimDisk final : public FileSystem {
 public:
  explicit SimDisk(std::uint64_t seed, std::uint64_t capacity_bytes = UINT64_MAX);
  ~SimDisk() override;

  core::Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  core::Result<std::vector<std::string>> list(const std::string& directory) override;
  core::Status make_directories(const std::string& directory) override;
  core::Status rename(const std::string& from, const std::string& to) override;
  core::Status remove(const std::string& path) override;
  core::Status sync_directory(const std::string& directory) override;
  [[nodiscard]] bool exists(const std::string& path) override;
  core::Result<std::uint64_t> free_bytes(const std::string& directory) override;

  // Synced data stays; of every unsynced write, any 512-byte sector may or may not have arrived. Of the names that were
  // made, moved and removed in a folder since it was synced, the last few, or all, come undone; each folder for itself.
  // Files that are open refuse everything from then on.
  void cut_power();
  // Open files refuse everything from then on; the data stays as written.
  void kill_process();
  void set_capacity(std::uint64_t bytes);
  // The next `count` syncs fail, and what they should have synced is lost at the next power cut.
  void fail_syncs(int count);
  // Flips one bit of a stored byte.
  void flip_bit(const std::string& path, std::uint64_t offset, int bit);
  // Zeros stored bytes, as a sector does that was never written or is gone.
  void zero(const std::string& path, std::uint64_t offset, std::uint64_t bytes);
  [[nodiscard]] std::uint64_t used_bytes() const;

 private:
  friend class SimFile;
  struct Inode {
    std::vector<std::byte> durable;  // what a power cut leaves for sure
    std::vector<std::byte> current;  // what a reader sees
    bool dirty = false;
    bool lost = false;  // a sync failed: what is unsynced now will never be
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  // One step in a folder that is not known to be on the disk. Empty `from`: nothing goes; no inode: nothing comes.
  struct NameChange {
    std::string directory;
    std::string from;
    std::string to;
    std::shared_ptr<Inode> inode;
  };

  std::uint64_t used_locked() const REQUIRES(mutex_);
  void change_name(NameChange change) REQUIRES(mutex_);
  static void apply(const NameChange& change, Names& names);

  mutable core::Mutex mutex_;
  Random random_ GUARDED_BY(mutex_);
  std::uint64_t capacity_ GUARDED_BY(mutex_);
  int failing_syncs_ GUARDED_BY(mutex_) = 0;
  std::uint64_t life_ GUARDED_BY(mutex_) = 0;  // goes up when open files die
  Names names_ GUARDED_BY(mutex_);
  Names durable_names_ GUARDED_BY(mutex_);
  std::vector<NameChange> loose_ GUARDED_BY(mutex_);  // since their folders were synced, in order
};

}  // namespace millwright::io
