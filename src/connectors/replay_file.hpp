// ReplayFile: the rows of a CSV file, read in pieces.
//
// Threads: one owner.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "io/file_system.hpp"
#include "protocol/csv.hpp"

namespace millwright::connectors {

class ReplayFile {
 public:
  // Fails where the file is not there or its header cannot be used.
  static core::Result<ReplayFile> open(const std::string& path,
                                       std::function<bool(const std::string& column)> is_text = {});

  [[nodiscard]] const std::vector<std::string>& columns() const { return reader_->columns(); }
  // kRow, kBadRow (problem() says why), kEnd, or kFailed (unreadable from here on).
  protocol::CsvReader::Next next(protocol::CsvRow& row);
  [[nodiscard]] const core::Error& problem() const {
    return read_error_.message.empty() ? reader_->problem() : read_error_;
  }

 private:
  ReplayFile(std::unique_ptr<io::File> file, const std::string& name);
  protocol::CsvReader::Next read_on(protocol::CsvRow& row);

  std::unique_ptr<io::File> file_;
  std::unique_ptr<protocol::CsvReader> reader_;
  std::uint64_t offset_ = 0;
  std::vector<std::byte> buffer_;
  core::Error read_error_;
  // The first row was read to get at the header.
  protocol::CsvReader::Next first_ = protocol::CsvReader::Next::kMore;
  protocol::CsvRow first_row_;
};

}  // namespace millwright::connectors
