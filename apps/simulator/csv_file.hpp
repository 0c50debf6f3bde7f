// CsvFile: the rows of a CSV file, read piece by piece.
//
// Threads: one owner. Errors: kNotFound or kIo (the file), kInvalid (a header that cannot be used).
#pragma once

#include <cstdint>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "protocol/csv.hpp"

namespace millwright::simulator {

class CsvFile {
 public:
  // Opens the file and reads its header and first rows. `bad_row` is told of each row that cannot be used.
  static core::Result<std::unique_ptr<CsvFile>> open(const std::string& path,
                                                     std::function<void(const std::string& problem)> bad_row);

  [[nodiscard]] const std::vector<std::string>& columns() const { return reader_.columns(); }
  // The next good row, nullptr at the end. It stays until take().
  const protocol::CsvRow* peek();
  protocol::CsvRow take();

  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }

 private:
  CsvFile(const std::string& path, std::function<void(const std::string& problem)> bad_row);
  core::Status fill();

  std::ifstream stream_;
  protocol::CsvReader reader_;
  std::function<void(const std::string&)> bad_row_;
  std::vector<char> piece_;
  protocol::CsvRow row_;
  bool have_row_ = false;
  bool ended_ = false;
  std::uint64_t bytes_ = 0;
  std::uint64_t bytes_read_ = 0;
};

}  // namespace millwright::simulator
