#include "history/output_file.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace millwright::history {

core::Result<OutputFile> OutputFile::open(const std::string& path) {
  OutputFile file;
  if (path == "-") {
    file.fd_ = STDOUT_FILENO;
    return file;
  }
  const std::filesystem::path target(path);
  file.path_ = path;
  file.temporary_ =
      (target.parent_path() / fmt::format(".{}.{}.part", target.filename().string(), ::getpid())).string();
  file.fd_ = ::open(file.temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file.fd_ < 0) return file.failed("create");
  return file;
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      temporary_(std::exchange(other.temporary_, {})),
      fd_(std::exchange(other.fd_, -1)) {}

OutputFile::~OutputFile() {
  if (temporary_.empty() || fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

core::Unexpected OutputFile::failed(const char* what) const {
  const int error = errno;
  const auto code = error == ENOSPC || error == EDQUOT ? core::ErrorCode::kFull
                    : error == ENOENT                  ? core::ErrorCode::kNotFound
                                                       : core::ErrorCode::kIo;
  return core::unexpected(
      code, fmt::format("cannot {} {}: {}", what, is_stdout() ? "standard output" : path_, std::strerror(error)));
}

core::Status OutputFile::write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd_, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed("write");
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

core::Status OutputFile::commit() {
  if (is_stdout()) return {};
  // Opened again: another writer may have put another file there.
  const int written = ::open(temporary_.c_str(), O_RDONLY | O_CLOEXEC);
  if (written < 0) return failed("write");
  const bool synced = ::fdatasync(written) == 0;
  ::close(written);
  if (!synced || std::rename(temporary_.c_str(), path_.c_str()) != 0) return failed("write");
  ::close(std::exchange(fd_, -1));
  return {};
}

}  // namespace millwright::history
