// FileSystem: the seam to the disk. Real, or simulated with power cuts, failing fsyncs and a full disk (sim_disk.hpp).
//
// Threads: FileSystem from any thread; one File by one thread at a time, save read_at(), which any thread may call.
// Errors: kNotFound, kConflict, kFull (no space or over quota), kIo; the message names the path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace millwright::io {

class File {
 public:
  virtual ~File() = default;
  // Writes all of `bytes` at `offset`, or fails; what a failed write left there is unknown.
  virtual core::Status write_at(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
  // Reads up to out.size() bytes; fewer only at the end of the file.
  virtual core::Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const = 0;
  [[nodiscard]] virtual core::Result<std::uint64_t> size() const = 0;
  virtual core::Status truncate(std::uint64_t size) = 0;
  // fdatasync: what was written is on the disk when it returns. After a failure nothing may be assumed: never call it
  // again on this file and believe the answer.
  virtual core::Status sync() = 0;
};

enum class OpenMode { kRead, kReadWrite, kCreate };  // kCreate: fails with kConflict where the file exists

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual core::Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  // Names, not paths, of the files (not folders) in a folder, sorted.
  virtual core::Result<std::vector<std::string>> list(const std::string& directory) = 0;
  virtual core::Status make_directories(const std::string& directory) = 0;
  virtual core::Status rename(const std::string& from, const std::string& to) = 0;  // replaces `to`
  virtual core::Status remove(const std::string& path) = 0;
  // Makes created, renamed and removed names in the folder durable.
  virtual core::Status sync_directory(const std::string& directory) = 0;
  [[nodiscard]] virtual bool exists(const std::string& path) = 0;
  // Bytes that may still be written below `directory`.
  virtual core::Result<std::uint64_t> free_bytes(const std::string& directory) = 0;
};

class RealFileSystem final : public FileSystem {
 public:
  core::Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  core::Result<std::vector<std::string>> list(const std::string& directory) override;
  core::Status make_directories(const std::string& directory) override;
  core::Status rename(const std::string& from, const std::string& to) override;
  core::Status remove(const std::string& path) override;
  core::Status sync_directory(const std::string& directory) override;
  [[nodiscard]] bool exists(const std::string& path) override;
  core::Result<std::uint64_t> free_bytes(const std::string& directory) override;
};

core::Result<std::vector<std::byte>> read_file(FileSystem& files, const std::string& path);
// Replaces the file as a whole and durably: write beside it, sync, rename, sync the folder. A crash leaves the old
// content or the new one.
core::Status write_file_atomically(FileSystem& files, const std::string& path, std::span<const std::byte> bytes);
core::Status write_file_atomically(FileSystem& files, const std::string& path, std::string_view text);

// Whether a folder is there and has files in it.
bool has_files(FileSystem& files, const std::string& directory);

// One process at a time in a data folder: holds a lock on `directory`/lock until destroyed. kConflict names the holder.
class DirectoryLock {
 public:
  static core::Result<DirectoryLock> acquire(const std::string& directory);
  DirectoryLock(DirectoryLock&& other) noexcept;
  DirectoryLock& operator=(DirectoryLock&&) = delete;
  ~DirectoryLock();

 private:
  explicit DirectoryLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace millwright::io
