// BodyCache: answers that are good until what they tell of has another version.
//
// Threads: any. Limits: kEntriesMax bodies of kBytesMax each; beyond, nothing more is kept until the next version.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/mutex.hpp"

namespace millwright::api {

class BodyCache {
 public:
  static constexpr std::size_t kEntriesMax = 256;
  static constexpr std::size_t kBytesMax = 256 * 1024;

  [[nodiscard]] std::optional<std::string> find(std::uint64_t version, const std::string& request) {
    core::MutexLock lock(mutex_);
    if (version != version_) return std::nullopt;
    const auto at = bodies_.find(request);
    return at == bodies_.end() ? std::nullopt : std::optional(at->second);
  }
  // `version`: as it was before the body was made.
  void keep(std::uint64_t version, const std::string& request, const std::string& body) {
    core::MutexLock lock(mutex_);
    if (version < version_ || body.size() > kBytesMax) return;
    if (version != version_) bodies_.clear();
    version_ = version;
    if (bodies_.size() < kEntriesMax) bodies_[request] = body;
  }

 private:
  core::Mutex mutex_;
  std::uint64_t version_ GUARDED_BY(mutex_) = 0;
  std::unordered_map<std::string, std::string> bodies_ GUARDED_BY(mutex_);
};

}  // namespace millwright::api
