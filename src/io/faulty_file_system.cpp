#include "io/faulty_file_system.hpp"

#include <fmt/format.h>

namespace millwright::io {

using core::ErrorCode;
using core::MutexLock;

namespace {

constexpr std::array<std::string_view, kOperations> kNames{"open", "create", "read",   "write",          "truncate",
                                                           "sync", "rename", "remove", "sync_directory", "list"};

bool changes_disk(Operation operation) {
  return operation != Operation::kOpen && operation != Operation::kRead && operation != Operation::kList;
}

}  // namespace

std::string_view to_string(Operation operation) {
  return kNames[static_cast<std::size_t>(operation)];
}

class FaultyFile final : public File {
 public:
  FaultyFile(FaultyFileSystem& disk, std::unique_ptr<File> below, std::string path)
      : disk_(disk), below_(std::move(below)), path_(std::move(path)) {}

  core::Status write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    return disk_.pass(
        Operation::kWrite, path_, [&] { return below_->write_at(offset, bytes); },
        [&] { return below_->write_at(offset, bytes.first(bytes.size() / 2)); });
  }
  core::Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (const auto failure = disk_.next(Operation::kRead, path_)) return core::unexpected(failure->error);
    return below_->read_at(offset, out);
  }
  [[nodiscard]] core::Result<std::uint64_t> size() const override { return below_->size(); }
  core::Status truncate(std::uint64_t size) override {
    return disk_.pass(Operation::kTruncate, path_, [&] { return below_->truncate(size); });
  }
  core::Status sync() override {
    const core::Status done =
        disk_.pass(Operation::kSync, path_, [&] { return lost_ ? core::Status{} : below_->sync(); });
    lost_ = lost_ || !done;
    return done;
  }

 private:
  FaultyFileSystem& disk_;
  std::unique_ptr<File> below_;
  std::string path_;
  bool lost_ = false;
};

// ---- what fails -----------------------------------------------------------------------------------------------------

void FaultyFileSystem::heal() {
  MutexLock lock(mutex_);
  fault_.reset();
  die_at_ = 0;
  dead_ = false;
  counts_ = {};
  changes_ = 0;
  failures_ = 0;
}

void FaultyFileSystem::inject(const Fault& fault) {
  heal();
  MutexLock lock(mutex_);
  fault_ = fault;
}

void FaultyFileSystem::die_at(std::uint64_t nth, Done done) {
  heal();
  MutexLock lock(mutex_);
  die_at_ = nth;
  last_done_ = done;
}

std::uint64_t FaultyFileSystem::count(Operation operation) const {
  MutexLock lock(mutex_);
  return counts_[static_cast<std::size_t>(operation)];
}

std::uint64_t FaultyFileSystem::changes() const {
  MutexLock lock(mutex_);
  return changes_;
}

std::uint64_t FaultyFileSystem::failures() const {
  MutexLock lock(mutex_);
  return failures_;
}

bool FaultyFileSystem::dead() const {
  MutexLock lock(mutex_);
  return dead_;
}

std::optional<FaultyFileSystem::Failure> FaultyFileSystem::next(Operation operation, const std::string& path) {
  MutexLock lock(mutex_);
  const auto failed = [&](ErrorCode code, std::string_view reason, Done done) {
    return Failure{{code, fmt::format("cannot {} {}: {}", to_string(operation), path, reason)}, done};
  };
  if (dead_) {
    ++failures_;
    return failed(ErrorCode::kIo, "the machine went down", Done::kNothing);
  }
  const std::uint64_t nth = ++counts_[static_cast<std::size_t>(operation)];
  if (changes_disk(operation) && ++changes_ == die_at_) {
    dead_ = true;
    ++failures_;
    return failed(ErrorCode::kIo, "the machine goes down", last_done_);
  }
  if (!fault_ || fault_->operation != operation || nth < fault_->nth || nth - fault_->nth >= fault_->times) {
    return {};
  }
  ++failures_;
  return failed(fault_->error, fault_->error == ErrorCode::kFull ? "No space left on device" : "Input/output error",
                fault_->done);
}

core::Status FaultyFileSystem::pass(Operation operation, const std::string& path,
                                    const std::function<core::Status()>& all,
                                    const std::function<core::Status()>& part) {
  const auto failure = next(operation, path);
  if (!failure) return all();
  if (failure->done == Done::kAll) static_cast<void>(all());
  if (failure->done == Done::kPart && part) static_cast<void>(part());
  return core::unexpected(failure->error);
}

// ---- the file system ------------------------------------------------------------------------------------------------

core::Result<std::unique_ptr<File>> FaultyFileSystem::open(const std::string& path, OpenMode mode) {
  const auto failure = next(mode == OpenMode::kCreate ? Operation::kCreate : Operation::kOpen, path);
  if (failure && failure->done != Done::kAll) return core::unexpected(failure->error);
  auto file = below_.open(path, mode);
  if (failure) return core::unexpected(failure->error);
  if (!file) return file;
  return std::unique_ptr<File>(std::make_unique<FaultyFile>(*this, std::move(*file), path));
}

core::Result<std::vector<std::string>> FaultyFileSystem::list(const std::string& directory) {
  if (const auto failure = next(Operation::kList, directory)) return core::unexpected(failure->error);
  return below_.list(directory);
}

core::Status FaultyFileSystem::make_directories(const std::string& directory) {
  return dead() ? core::unexpected(ErrorCode::kIo, directory + ": the machine went down")
                : below_.make_directories(directory);
}

core::Status FaultyFileSystem::rename(const std::string& from, const std::string& to) {
  return pass(Operation::kRename, from, [&] { return below_.rename(from, to); });
}

core::Status FaultyFileSystem::remove(const std::string& path) {
  return pass(Operation::kRemove, path, [&] { return below_.remove(path); });
}

core::Status FaultyFileSystem::sync_directory(const std::string& directory) {
  return pass(Operation::kSyncDirectory, directory, [&] { return below_.sync_directory(directory); });
}

}  // namespace millwright::io
