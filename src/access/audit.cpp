#include "access/audit.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.hpp"

namespace millwright::access {
namespace {

using core::ErrorCode;
using core::unexpected;
using Json = nlohmann::ordered_json;

constexpr std::size_t kSealDigits = 64;
constexpr std::size_t kLineLongest = 64 * 1024;
constexpr std::size_t kBlock = 64 * 1024;

core::Unexpected failed(const std::string& file, const char* what) {
  const int error = errno;
  return unexpected(error == ENOSPC || error == EDQUOT ? ErrorCode::kFull : ErrorCode::kIo,
                    fmt::format("{}: {}: {}", file, what, std::strerror(error)));  // NOLINT: this thread's errno
}

// Of the record that follows the one sealed with `before`.
Digest seal_of(const Digest& before, std::string_view json) {
  return sha256(to_hex(before) + std::string(json));
}

struct Line {
  std::uint64_t number = 0;
  Digest seal{};
  std::string json;
};

std::optional<Line> parse_line(std::string_view text) {
  if (text.size() < kSealDigits + 2 || text[kSealDigits] != ' ') return std::nullopt;
  const auto seal = digest_from_hex(text.substr(0, kSealDigits));
  const std::string_view json = text.substr(kSealDigits + 1);
  const auto parsed = Json::parse(json, nullptr, false);
  if (!seal || !parsed.is_object() || !parsed.contains("n") || !parsed["n"].is_number_unsigned()) return std::nullopt;
  return Line{parsed["n"].get<std::uint64_t>(), *seal, std::string(json)};
}

std::string to_json(const AuditEntry& entry, std::uint64_t number) {
  Json record = {{"n", number},           {"time", core::format_time(entry.time)},
                 {"who", entry.who},      {"by", entry.by},
                 {"from", entry.from},    {"what", entry.what},
                 {"status", entry.status}};
  if (!entry.detail.empty()) {
    auto detail = Json::parse(entry.detail, nullptr, false);
    record["detail"] = detail.is_discarded() ? Json(entry.detail) : std::move(detail);
  }
  return record.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Waits for other writers, in this process and in others.
class FileLock {
 public:
  explicit FileLock(int fd) : fd_(fd) {
    while (::flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~FileLock() { ::flock(fd_, LOCK_UN); }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int fd_;
};

// The bytes of a file from `from` to `to`.
core::Result<std::string> read_bytes(int fd, const std::string& file, std::uint64_t from, std::uint64_t to) {
  std::string bytes(to - from, '\0');
  std::size_t got = 0;
  while (got < bytes.size()) {
    const ssize_t some = ::pread(fd, bytes.data() + got, bytes.size() - got, static_cast<off_t>(from + got));
    if (some < 0 && errno == EINTR) continue;
    if (some < 0) return failed(file, "cannot be read");
    if (some == 0) break;
    got += static_cast<std::size_t>(some);
  }
  bytes.resize(got);
  return bytes;
}

bool is_secret(std::string_view name) {
  const std::string lower = core::lower(name);
  static constexpr std::array<std::string_view, 6> kWords = {"password",   "secret",     "token",
                                                             "credential", "passphrase", "key"};
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

void remove_secrets(Json& json) {
  if (json.is_object()) {
    for (auto& [name, value] : json.items()) {
      if (is_secret(name)) {
        value = "(not kept)";
      } else {
        remove_secrets(value);
      }
    }
  } else if (json.is_array()) {
    for (Json& value : json) remove_secrets(value);
  }
}

std::string range_of(std::uint64_t first, std::uint64_t last) {
  return first == last ? fmt::format("record {} was", first) : fmt::format("records {} to {} were", first, last);
}

}  // namespace

std::string to_text(const AuditHead& head) {
  return fmt::format("{}:{}", head.number, to_hex(head.seal));
}

core::Result<AuditHead> parse_head(std::string_view text) {
  const auto colon = text.find(':');
  const auto number = colon == std::string_view::npos ? std::nullopt : core::parse_int(text.substr(0, colon));
  const auto seal = number ? digest_from_hex(text.substr(colon + 1)) : std::nullopt;
  if (!seal || *number < 1) {
    return unexpected(ErrorCode::kInvalid,
                      "is no end of an audit log: write it as `millwright audit verify` gave it, "
                      "a number, ':' and 64 hexadecimal digits");
  }
  return AuditHead{static_cast<std::uint64_t>(*number), *seal};
}

core::Result<std::unique_ptr<AuditLog>> AuditLog::open(std::string file, KeepHead keep) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(file).parent_path(), error);
  if (error) return unexpected(ErrorCode::kIo, fmt::format("{}: {}", file, error.message()));
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd < 0) return failed(file, "cannot be opened");
  return std::unique_ptr<AuditLog>(new AuditLog(std::move(file), fd, std::move(keep)));
}

AuditLog::AuditLog(std::string file, int fd, KeepHead keep) : file_(std::move(file)), fd_(fd), keep_(std::move(keep)) {}

AuditLog::~AuditLog() {
  ::close(fd_);
}

core::Result<AuditHead> AuditLog::append(const AuditEntry& entry) {
  core::MutexLock lock(mutex_);
  const FileLock file_lock(fd_);
  if (auto ready = catch_up(); !ready) return unexpected(ready.error());
  if (auto written = write(to_json(entry, head_.number + 1)); !written) return unexpected(written.error());
  if (keep_) {
    if (auto kept = keep_(head_); !kept) return unexpected(kept.error());
  }
  return head_;
}

core::Status AuditLog::ready() {
  core::MutexLock lock(mutex_);
  const FileLock file_lock(fd_);
  return catch_up();
}

// Reads the end of the log where somebody else has written since.
core::Status AuditLog::catch_up() {
  struct stat now {};
  if (::fstat(fd_, &now) != 0) return failed(file_, "cannot be looked at");
  const auto size = static_cast<std::uint64_t>(now.st_size);
  if (size == bytes_) return {};
  const std::uint64_t from = size > 2 * kLineLongest ? size - 2 * kLineLongest : 0;
  const auto tail = read_bytes(fd_, file_, from, size);
  if (!tail) return unexpected(tail.error());
  const auto end = tail->rfind('\n');
  const std::uint64_t unfinished = end == std::string::npos ? tail->size() : tail->size() - end - 1;
  head_ = {};
  if (end != std::string::npos) {
    const auto before = end == 0 ? std::string::npos : tail->rfind('\n', end - 1);
    const auto start = before == std::string::npos ? 0 : before + 1;
    const auto last = parse_line(std::string_view(*tail).substr(start, end - start));
    if (!last) {
      return unexpected(ErrorCode::kCorrupt,
                        fmt::format("{}: its last line is no record; `millwright audit verify` says "
                                    "what else is wrong. Nothing is changed until it is mended",
                                    file_));
    }
    head_ = {last->number, last->seal};
  }
  bytes_ = size - unfinished;
  if (unfinished == 0) return {};
  if (::ftruncate(fd_, static_cast<off_t>(bytes_)) != 0) return failed(file_, "cannot be cut");
  AuditEntry note{.who = "audit", .by = "audit", .from = "this machine", .what = "audit repair", .status = 200};
  note.detail = Json{{"cut_bytes", unfinished}}.dump();
  struct timespec time {};
  ::clock_gettime(CLOCK_REALTIME, &time);
  note.time = time.tv_sec * core::kSecond + time.tv_nsec;
  return write(to_json(note, head_.number + 1));
}

core::Status AuditLog::write(const std::string& json) {
  const Digest seal = seal_of(head_.seal, json);
  const std::string line = to_hex(seal) + " " + json + "\n";
  std::size_t put = 0;
  while (put < line.size()) {
    const ssize_t some = ::write(fd_, line.data() + put, line.size() - put);
    if (some < 0 && errno == EINTR) continue;
    if (some < 0) return failed(file_, "cannot be written");
    put += static_cast<std::size_t>(some);
  }
  if (::fdatasync(fd_) != 0) return failed(file_, "cannot be synced");
  head_ = {head_.number + 1, seal};
  bytes_ += line.size();
  return {};
}

core::Result<AuditPage> read_audit(const std::string& file, std::uint64_t before, std::size_t count_max) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return AuditPage{};
  if (fd < 0) return failed(file, "cannot be opened");
  const std::unique_ptr<const int, void (*)(const int*)> closer(&fd, [](const int* open) { ::close(*open); });
  struct stat now {};
  if (::fstat(fd, &now) != 0) return failed(file, "cannot be looked at");
  const auto size = static_cast<std::uint64_t>(now.st_size);
  std::uint64_t at = before == 0 ? size : std::min(before, size);  // the end of what is not read yet
  AuditPage page;
  std::string held;  // the bytes from `at` to the end of the next line to give
  do {
    const auto newline = held.size() < 2 ? std::string::npos : held.rfind('\n', held.size() - 2);
    if (newline == std::string::npos && at > 0) {
      const std::uint64_t from = at > kBlock ? at - kBlock : 0;
      const auto more = read_bytes(fd, file, from, at);
      if (!more) return unexpected(more.error());
      held.insert(0, *more);
      at = from;
      continue;
    }
    const auto start = newline == std::string::npos ? 0 : newline + 1;
    std::string_view text = std::string_view(held).substr(start);
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (auto line = parse_line(text)) page.records.push_back({line->number, std::move(line->json)});
    held.resize(start);
    page.before = at + start;
  } while (page.records.size() < count_max && at + held.size() > 0);
  return page;
}

namespace {

// Goes through a log once; a record whose predecessor stands behind it is looked at in the end.
class AuditCheck {
 public:
  void line(std::uint64_t place, std::string_view text) {
    auto line = parse_line(text);
    if (!line) return problem(fmt::format("line {} is no record", place));
    ++report_.records;
    if (!seals_.emplace(line->number, line->seal).second) {
      return problem(fmt::format("line {} holds record {}, which stood before", place, line->number));
    }
    const std::uint64_t newest = report_.head.number;
    if (line->number < newest) {
      problem(fmt::format("line {}: record {} stands after record {}", place, line->number, newest));
    } else {
      report_.head = {line->number, line->seal};
    }
    if (!check(*line)) later_.push_back(std::move(*line));
  }

  AuditReport finish(const std::vector<AuditHead>& heads) {
    for (const Line& line : later_) check(line);
    std::uint64_t expected = 1;
    for (const auto& [number, seal] : seals_) {
      if (number > expected) problem(range_of(expected, number - 1) + " removed");
      expected = number + 1;
    }
    std::uint64_t newest = report_.head.number;
    for (const AuditHead& head : heads) newest = std::max(newest, head.number);
    if (newest > report_.head.number) problem(range_of(report_.head.number + 1, newest) + " removed from the end");
    for (const AuditHead& head : heads) {
      const auto found = seals_.find(head.number);
      if (found == seals_.end() || found->second == head.seal) continue;
      problem(fmt::format("record {} is not the one that was written: the log was made anew", head.number));
    }
    return std::move(report_);
  }

  void problem(std::string text) { report_.problems.push_back(std::move(text)); }

 private:
  // False where the record before is not known (yet).
  bool check(const Line& line) {
    const auto before = seals_.find(line.number - 1);
    if (line.number != 1 && before == seals_.end()) return false;
    if (seal_of(line.number == 1 ? Digest{} : before->second, line.json) == line.seal) return true;
    problem(line.number == 1 ? "record 1 was altered"
                             : fmt::format("record {} was altered, or record {} before it was and got a new seal",
                                           line.number, line.number - 1));
    return true;
  }

  AuditReport report_;
  std::map<std::uint64_t, Digest> seals_;
  std::vector<Line> later_;
};

}  // namespace

core::Result<AuditReport> verify_audit(const std::string& file, const std::vector<AuditHead>& heads) {
  std::ifstream in(file, std::ios::binary);
  if (!in && std::filesystem::exists(file)) return failed(file, "cannot be opened");
  AuditCheck check;
  std::uint64_t place = 0;
  for (std::string text; std::getline(in, text);) {
    ++place;
    if (in.eof()) {
      check.problem(fmt::format("line {} is unfinished: a crash while it was written, or it was cut", place));
    } else {
      check.line(place, text);
    }
  }
  return check.finish(heads);
}

std::string without_secrets(std::string_view body) {
  if (body.empty() || body.size() > AuditLog::kDetailBytesMax) return {};
  auto json = Json::parse(body, nullptr, false);
  if (json.is_discarded()) return {};
  remove_secrets(json);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace millwright::access
