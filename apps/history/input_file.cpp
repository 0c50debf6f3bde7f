#include "history/input_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace millwright::history {
namespace {

constexpr std::size_t kPiece = 1 << 20;

core::Unexpected failed(const std::string& name) {
  const auto code = errno == ENOENT ? core::ErrorCode::kNotFound : core::ErrorCode::kIo;
  return core::unexpected(code, fmt::format("cannot read {}: {}", name, std::strerror(errno)));
}

}  // namespace

core::Result<InputFile> InputFile::open(const std::string& path) {
  InputFile file;
  file.name_ = path == "-" ? "<stdin>" : path;
  file.fd_ = path == "-" ? ::dup(STDIN_FILENO) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat about {};
  if (file.fd_ < 0 || ::fstat(file.fd_, &about) != 0) return failed(file.name_);
  if (S_ISDIR(about.st_mode)) {
    errno = EISDIR;
    return failed(file.name_);
  }
  file.size_ = S_ISREG(about.st_mode) ? static_cast<std::uint64_t>(about.st_size) : 0;
  return file;
}

InputFile::InputFile(InputFile&& other) noexcept
    : name_(std::move(other.name_)), fd_(std::exchange(other.fd_, -1)), size_(other.size_), read_(other.read_) {}

InputFile::~InputFile() {
  if (fd_ >= 0) ::close(fd_);
}

core::Result<bool> InputFile::read(std::string& text) {
  const std::size_t before = text.size();
  text.resize(before + kPiece);
  ssize_t n = 0;
  do {
    n = ::read(fd_, text.data() + before, kPiece);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return failed(name_);
  text.resize(before + static_cast<std::size_t>(n));
  read_ += static_cast<std::uint64_t>(n);
  return n > 0;
}

double InputFile::part_read() const {
  return size_ == 0 ? 0 : static_cast<double>(read_) / static_cast<double>(size_);
}

// False: the file has ended.
namespace {

bool leaves_quote_open(std::string_view line) {
  return std::count(line.begin(), line.end(), '"') % 2 != 0;
}

}  // namespace

core::Result<bool> Lines::read_on() {
  if (buffer_.size() - begin_ > kLineBytesMax) {
    return core::unexpected(core::ErrorCode::kInvalid, fmt::format("{}:{}: the line is longer than {} bytes",
                                                                   file_.name(), number_ + 1, kLineBytesMax));
  }
  buffer_.erase(0, begin_);
  begin_ = 0;
  auto more = file_.read(buffer_);
  if (more) ended_ = !*more;
  return more;
}

core::Result<bool> Lines::next(std::string_view& line) {
  std::size_t looked = 0;
  for (;;) {
    const char* const from = buffer_.data() + begin_;
    const std::size_t left = buffer_.size() - begin_;
    const auto* end =
        left == looked ? nullptr : static_cast<const char*>(std::memchr(from + looked, '\n', left - looked));
    if (end == nullptr && !ended_) {
      looked = left;
      if (const auto more = read_on(); !more) return more;
      continue;
    }
    if (end == nullptr && left == 0) return false;
    line = {from, end == nullptr ? left : static_cast<std::size_t>(end - from)};
    begin_ += line.size() + (end == nullptr ? 0 : 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    ++number_;
    return true;
  }
}

core::Result<bool> Lines::next_record(std::string_view& record) {
  const auto more = next(record);
  if (!more || !*more || !leaves_quote_open(record)) return more;
  const std::size_t length = record.size();
  const auto start = static_cast<std::size_t>(record.data() - buffer_.data());
  const std::size_t after = begin_ - start;  // where the line after it begins
  begin_ = start;                            // what is read on keeps the line
  std::size_t lines = 0;
  bool open = true;
  for (std::size_t at = after;; ++at) {
    while (begin_ + at >= buffer_.size() && !ended_) {
      if (const auto read = read_on(); !read) return read;
    }
    const bool end = begin_ + at >= buffer_.size();
    if (at > kQuotedBytesMax || (end && open)) break;
    const char c = end ? '\n' : buffer_[begin_ + at];
    if (c == '"') open = !open;
    if (c != '\n') continue;
    ++lines;
    if (open) continue;
    record = std::string_view(buffer_).substr(begin_, at);
    if (record.ends_with('\r')) record.remove_suffix(1);
    begin_ = std::min(begin_ + at + 1, buffer_.size());
    number_ += lines;
    return true;
  }
  record = std::string_view(buffer_).substr(begin_, length);
  begin_ += after;
  return true;
}

core::Result<bool> Lines::next_many(std::string_view& lines) {
  number_ += many_;
  many_ = 0;
  std::size_t end = std::string::npos;
  while ((end = buffer_.rfind('\n')) == std::string::npos || end < begin_) {
    if (ended_) break;
    if (const auto more = read_on(); !more) return more;
  }
  const std::size_t stop = end == std::string::npos || end < begin_ ? buffer_.size() : end + 1;
  if (stop == begin_) return false;
  lines = std::string_view(buffer_).substr(begin_, stop - begin_);
  begin_ = stop;
  ++number_;
  many_ = static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n')) - (lines.ends_with('\n') ? 1 : 0);
  return true;
}

}  // namespace millwright::history
