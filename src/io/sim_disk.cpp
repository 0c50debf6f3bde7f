#include "io/sim_disk.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace millwright::io {
namespace {

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

}  // namespace

using core::ErrorCode;
using core::MutexLock;

class SimFile final : public File {
 public:
  SimFile(SimDisk& disk, std::shared_ptr<SimDisk::Inode> inode, std::string path, bool writable, std::uint64_t life)
      : disk_(disk), inode_(std::move(inode)), path_(std::move(path)), writable_(writable), life_(life) {}

  core::Status write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    MutexLock lock(disk_.mutex_);
    if (auto alive = check(); !alive) return alive;
    if (!writable_) return core::unexpected(ErrorCode::kIo, "cannot write " + path_ + ": opened for reading");
    const std::uint64_t end = offset + bytes.size();
    const std::uint64_t grows = end > inode_->current.size() ? end - inode_->current.size() : 0;
    if (disk_.used_locked() + grows > disk_.capacity_) {
      return core::unexpected(ErrorCode::kFull, "cannot write " + path_ + ": No space left on device");
    }
    if (grows > 0) inode_->current.resize(end);
    if (!bytes.empty()) std::memcpy(inode_->current.data() + offset, bytes.data(), bytes.size());
    inode_->dirty = true;
    return {};
  }

  core::Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    MutexLock lock(disk_.mutex_);
    if (auto alive = check(); !alive) return core::unexpected(alive.error());
    const auto& data = inode_->current;
    if (offset >= data.size()) return std::size_t{0};
    const std::size_t n = std::min<std::size_t>(out.size(), data.size() - offset);
    if (n > 0) std::memcpy(out.data(), data.data() + offset, n);
    return n;
  }

  [[nodiscard]] core::Result<std::uint64_t> size() const override {
    MutexLock lock(disk_.mutex_);
    if (auto alive = check(); !alive) return core::unexpected(alive.error());
    return std::uint64_t{inode_->current.size()};
  }

  core::Status truncate(std::uint64_t size) override {
    MutexLock lock(disk_.mutex_);
    if (auto alive = check(); !alive) return alive;
    inode_->current.resize(size);
    inode_->dirty = true;
    return {};
  }

  core::Status sync() override {
    MutexLock lock(disk_.mutex_);
    if (auto alive = check(); !alive) return alive;
    if (disk_.failing_syncs_ > 0) {
      --disk_.failing_syncs_;
      inode_->lost = true;
      return core::unexpected(ErrorCode::kIo, "cannot sync " + path_ + ": Input/output error");
    }
    // As Linux does: after a failed sync the pages count as clean, so a later sync "succeeds" without the lost data.
    if (!inode_->lost) inode_->durable = inode_->current;
    inode_->dirty = false;
    return {};
  }

 private:
  core::Status check() const REQUIRES(disk_.mutex_) {
    if (life_ != disk_.life_) return core::unexpected(ErrorCode::kIo, path_ + ": the machine went down");
    return {};
  }
  SimDisk& disk_;
  std::shared_ptr<SimDisk::Inode> inode_;
  std::string path_;
  bool writable_;
  std::uint64_t life_;
};

SimDisk::SimDisk(std::uint64_t seed, std::uint64_t capacity_bytes) : random_(seed), capacity_(capacity_bytes) {}
SimDisk::~SimDisk() = default;

core::Result<std::unique_ptr<File>> SimDisk::open(const std::string& path, OpenMode mode) {
  MutexLock lock(mutex_);
  auto found = names_.find(path);
  if (mode == OpenMode::kCreate) {
    if (found != names_.end()) return core::unexpected(ErrorCode::kConflict, "cannot create " + path + ": File exists");
    change_name({.directory = folder_of(path), .from = {}, .to = path, .inode = std::make_shared<Inode>()});
    found = names_.find(path);
  } else if (found == names_.end()) {
    return core::unexpected(ErrorCode::kNotFound, "cannot open " + path + ": No such file or directory");
  }
  return std::unique_ptr<File>(std::make_unique<SimFile>(*this, found->second, path, mode != OpenMode::kRead, life_));
}

core::Result<std::vector<std::string>> SimDisk::list(const std::string& directory) {
  MutexLock lock(mutex_);
  const std::string prefix = directory + "/";
  std::vector<std::string> found;
  for (const auto& [path, inode] : names_) {
    if (path.starts_with(prefix) && path.find('/', prefix.size()) == std::string::npos) {
      found.push_back(path.substr(prefix.size()));
    }
  }
  return found;
}

core::Status SimDisk::make_directories(const std::string&) {
  return {};
}

core::Status SimDisk::rename(const std::string& from, const std::string& to) {
  MutexLock lock(mutex_);
  const auto found = names_.find(from);
  if (found == names_.end()) return core::unexpected(ErrorCode::kNotFound, "cannot rename " + from + ": not there");
  change_name({.directory = folder_of(to), .from = from, .to = to, .inode = found->second});
  return {};
}

core::Status SimDisk::remove(const std::string& path) {
  MutexLock lock(mutex_);
  if (!names_.contains(path)) return core::unexpected(ErrorCode::kNotFound, "cannot remove " + path + ": not there");
  change_name({.directory = folder_of(path), .from = path, .to = {}, .inode = {}});
  return {};
}

core::Status SimDisk::sync_directory(const std::string& directory) {
  MutexLock lock(mutex_);
  for (const NameChange& change : loose_) {
    if (change.directory == directory) apply(change, durable_names_);
  }
  std::erase_if(loose_, [&](const NameChange& change) { return change.directory == directory; });
  return {};
}

void SimDisk::change_name(NameChange change) {
  apply(change, names_);
  loose_.push_back(std::move(change));
}

void SimDisk::apply(const NameChange& change, Names& names) {
  if (!change.from.empty()) names.erase(change.from);
  if (change.inode) names[change.to] = change.inode;
}

bool SimDisk::exists(const std::string& path) {
  MutexLock lock(mutex_);
  return names_.contains(path);
}

core::Result<std::uint64_t> SimDisk::free_bytes(const std::string&) {
  MutexLock lock(mutex_);
  const std::uint64_t used = used_locked();
  return used < capacity_ ? capacity_ - used : 0;
}

void SimDisk::cut_power() {
  constexpr std::size_t kSector = 512;
  MutexLock lock(mutex_);
  ++life_;
  std::map<std::string, std::uint64_t> left;  // changes that arrived, by folder
  for (const NameChange& change : loose_) ++left[change.directory];
  for (auto& [directory, count] : left) count = random_.below(count + 1);
  for (const NameChange& change : loose_) {
    if (left[change.directory] == 0) continue;
    --left[change.directory];
    apply(change, durable_names_);
  }
  loose_.clear();
  names_ = durable_names_;
  for (auto& [path, inode] : names_) {
    if (!inode->dirty && !inode->lost) continue;
    std::vector<std::byte> after = inode->durable;
    if (!inode->lost) {
      // The file may have grown to any length before the cut; what did not arrive there reads as zeros.
      const std::size_t low = std::min(inode->durable.size(), inode->current.size());
      const std::size_t high = std::max(inode->durable.size(), inode->current.size());
      after.resize(low + random_.below(high - low + 1));
      for (std::size_t at = 0; at < std::min(after.size(), inode->current.size()); at += kSector) {
        if (random_.below(2) == 0) continue;
        const std::size_t n = std::min({kSector, after.size() - at, inode->current.size() - at});
        std::memcpy(after.data() + at, inode->current.data() + at, n);
      }
    }
    inode->durable = after;
    inode->current = std::move(after);
    inode->dirty = false;
    inode->lost = false;
  }
}

void SimDisk::kill_process() {
  MutexLock lock(mutex_);
  ++life_;
}

void SimDisk::set_capacity(std::uint64_t bytes) {
  MutexLock lock(mutex_);
  capacity_ = bytes;
}

void SimDisk::fail_syncs(int count) {
  MutexLock lock(mutex_);
  failing_syncs_ = count;
}

void SimDisk::flip_bit(const std::string& path, std::uint64_t offset, int bit) {
  MutexLock lock(mutex_);
  const auto found = names_.find(path);
  ASSERT(found != names_.end() && offset < found->second->current.size(), "flip_bit outside of " + path);
  const auto mask = static_cast<std::byte>(1 << bit);
  found->second->current[offset] ^= mask;
  if (offset < found->second->durable.size()) found->second->durable[offset] ^= mask;
}

void SimDisk::zero(const std::string& path, std::uint64_t offset, std::uint64_t bytes) {
  MutexLock lock(mutex_);
  const auto found = names_.find(path);
  ASSERT(found != names_.end(), "zero outside of " + path);
  for (auto* data : {&found->second->current, &found->second->durable}) {
    const std::size_t from = std::min<std::size_t>(offset, data->size());
    std::fill_n(data->begin() + static_cast<std::ptrdiff_t>(from), std::min<std::size_t>(bytes, data->size() - from),
                std::byte{0});
  }
}

std::uint64_t SimDisk::used_bytes() const {
  MutexLock lock(mutex_);
  return used_locked();
}

std::uint64_t SimDisk::used_locked() const {
  std::uint64_t sum = 0;
  for (const auto& [path, inode] : names_) sum += inode->current.size();
  return sum;
}

}  // namespace millwright::io
