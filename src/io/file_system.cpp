#include "io/file_system.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/text.hpp"

namespace millwright::io {
namespace {

using core::ErrorCode;

core::Unexpected system_error(std::string_view what, const std::string& path, int error) {
  ErrorCode code = ErrorCode::kIo;
  if (error == ENOENT || error == ENOTDIR) code = ErrorCode::kNotFound;
  if (error == EEXIST) code = ErrorCode::kConflict;
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) code = ErrorCode::kFull;
  return core::unexpected(code, fmt::format("cannot {} {}: {}", what, path, std::generic_category().message(error)));
}

class RealFile final : public File {
 public:
  RealFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~RealFile() override { ::close(fd_); }

  core::Status write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return system_error("write", path_, errno);
      bytes = bytes.subspan(static_cast<std::size_t>(n));
      offset += static_cast<std::uint64_t>(n);
    }
    return {};
  }

  core::Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t n = ::pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return system_error("read", path_, errno);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

  [[nodiscard]] core::Result<std::uint64_t> size() const override {
    struct stat info {};
    if (::fstat(fd_, &info) != 0) return system_error("look at", path_, errno);
    return static_cast<std::uint64_t>(info.st_size);
  }

  core::Status truncate(std::uint64_t size) override {
    if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) return system_error("truncate", path_, errno);
    return {};
  }

  core::Status sync() override {
    if (::fdatasync(fd_) != 0) return system_error("sync", path_, errno);
    return {};
  }

 private:
  int fd_;
  std::string path_;
};

}  // namespace

core::Result<std::unique_ptr<File>> RealFileSystem::open(const std::string& path, OpenMode mode) {
  int flags = O_CLOEXEC;
  flags |= mode == OpenMode::kRead ? O_RDONLY : O_RDWR;
  if (mode == OpenMode::kCreate) flags |= O_CREAT | O_EXCL;
  const int fd = ::open(path.c_str(), flags, 0640);
  if (fd < 0) return system_error(mode == OpenMode::kCreate ? "create" : "open", path, errno);
  return std::unique_ptr<File>(std::make_unique<RealFile>(fd, path));
}

core::Result<std::vector<std::string>> RealFileSystem::list(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    if (it->is_regular_file(error)) names.push_back(it->path().filename().string());
  }
  if (error) return system_error("list", directory, error.value());
  std::sort(names.begin(), names.end());
  return names;
}

core::Status RealFileSystem::make_directories(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return system_error("create folder", directory, error.value());
  return {};
}

core::Status RealFileSystem::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return system_error("rename", from + " to " + to, errno);
  return {};
}

core::Status RealFileSystem::remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0) return system_error("remove", path, errno);
  return {};
}

core::Status RealFileSystem::sync_directory(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return system_error("open folder", directory, errno);
  const int failed = ::fsync(fd) != 0 ? errno : 0;
  ::close(fd);
  if (failed != 0) return system_error("sync folder", directory, failed);
  return {};
}

bool RealFileSystem::exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

core::Result<std::uint64_t> RealFileSystem::free_bytes(const std::string& directory) {
  struct statvfs info {};
  if (::statvfs(directory.c_str(), &info) != 0) return system_error("look at", directory, errno);
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

core::Result<std::vector<std::byte>> read_file(FileSystem& files, const std::string& path) {
  auto file = files.open(path, OpenMode::kRead);
  if (!file) return core::unexpected(file.error());
  const auto size = (*file)->size();
  if (!size) return core::unexpected(size.error());
  std::vector<std::byte> bytes(static_cast<std::size_t>(*size));
  const auto read = (*file)->read_at(0, bytes);
  if (!read) return core::unexpected(read.error());
  bytes.resize(*read);
  return bytes;
}

core::Status write_file_atomically(FileSystem& files, const std::string& path, std::span<const std::byte> bytes) {
  const std::string fresh = path + ".new";
  const auto slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash);
  if (files.exists(fresh)) {
    if (auto removed = files.remove(fresh); !removed) return removed;
  }
  {
    auto file = files.open(fresh, OpenMode::kCreate);
    if (!file) return core::unexpected(file.error());
    if (auto written = (*file)->write_at(0, bytes); !written) return written;
    if (auto synced = (*file)->sync(); !synced) return synced;
  }
  if (auto renamed = files.rename(fresh, path); !renamed) return renamed;
  return files.sync_directory(directory);
}

bool has_files(FileSystem& files, const std::string& directory) {
  const auto names = files.list(directory);
  return names && !names->empty();
}

core::Status write_file_atomically(FileSystem& files, const std::string& path, std::string_view text) {
  return write_file_atomically(files, path, std::as_bytes(std::span(text)));
}

core::Result<DirectoryLock> DirectoryLock::acquire(const std::string& directory) {
  const std::string path = directory + "/lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return system_error("open", path, errno);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    char pid[16] = {};
    const ssize_t n = ::pread(fd, pid, sizeof(pid) - 1, 0);
    ::close(fd);
    return core::unexpected(ErrorCode::kConflict,
                            fmt::format("folder {} is in use by another millwright (process {}); stop it, or set "
                                        "node.data_dir to another folder",
                                        directory, n > 0 ? core::trim(pid) : "unknown"));
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) < 0) {
    const int failed = errno;
    ::close(fd);
    return system_error("write", path, failed);
  }
  return DirectoryLock(fd);
}

DirectoryLock::DirectoryLock(DirectoryLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
DirectoryLock::~DirectoryLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace millwright::io
