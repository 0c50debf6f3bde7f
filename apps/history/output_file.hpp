// OutputFile: a file that is there whole or not at all: written beside, synced, renamed. "-" is standard output.
//
// Threads: one owner. Errors: kIo, kFull, kNotFound with the path. Without commit() nothing is left behind.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace millwright::history {

class OutputFile {
 public:
  static core::Result<OutputFile> open(const std::string& path);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  [[nodiscard]] bool is_stdout() const { return path_.empty(); }
  // Where another writer may write instead, before commit().
  [[nodiscard]] const std::string& temporary_path() const { return temporary_; }
  core::Status write(std::string_view text);
  core::Status commit();

 private:
  OutputFile() = default;
  core::Unexpected failed(const char* what) const;

  std::string path_;
  std::string temporary_;
  int fd_ = -1;
};

}  // namespace millwright::history
