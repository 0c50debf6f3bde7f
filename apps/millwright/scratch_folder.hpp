// ScratchFolder: a benchmark's own folder; removed whichever way the benchmark ends.
#pragma once

#include <filesystem>
#include <string>

#include "core/result.hpp"

namespace millwright::app {

class ScratchFolder {
 public:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}
  ~ScratchFolder() {
    std::error_code ignored;
    if (mine_) std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  core::Status claim() {
    if (std::filesystem::exists(path_)) {
      return core::unexpected(
          core::ErrorCode::kConflict,
          path_ + " exists; the benchmark removes what it writes, so give it a folder of its own with --dir");
    }
    mine_ = true;
    return {};
  }

 private:
  std::string path_;
  bool mine_ = false;
};

}  // namespace millwright::app
