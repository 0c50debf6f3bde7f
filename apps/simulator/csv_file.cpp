#include "simulator/csv_file.hpp"

#include <filesystem>
#include <utility>

#include <fmt/format.h>

namespace millwright::simulator {

constexpr std::size_t kPieceBytes = 256 * 1024;

CsvFile::CsvFile(const std::string& path, std::function<void(const std::string& problem)> bad_row)
    : stream_(path, std::ios::binary), reader_(path), bad_row_(std::move(bad_row)), piece_(kPieceBytes) {}

core::Result<std::unique_ptr<CsvFile>> CsvFile::open(const std::string& path,
                                                     std::function<void(const std::string& problem)> bad_row) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    return core::unexpected(core::ErrorCode::kNotFound, fmt::format("{}: no such file", path));
  }
  if (!std::filesystem::is_regular_file(status)) {
    return core::unexpected(core::ErrorCode::kInvalid, fmt::format("{}: not a file", path));
  }
  std::unique_ptr<CsvFile> file(new CsvFile(path, std::move(bad_row)));
  if (!file->stream_) {
    return core::unexpected(core::ErrorCode::kIo, fmt::format("{}: cannot be read; check its permissions", path));
  }
  file->bytes_ = std::filesystem::file_size(path, error);
  if (auto read = file->fill(); !read) return core::unexpected(read.error());
  return file;
}

// Reads on until a good row is there, or the end.
core::Status CsvFile::fill() {
  while (!have_row_ && !ended_) {
    switch (reader_.next(row_)) {
      case protocol::CsvReader::Next::kRow:
        have_row_ = true;
        break;
      case protocol::CsvReader::Next::kBadRow:
        bad_row_(reader_.problem().message);
        break;
      case protocol::CsvReader::Next::kMore:
        stream_.read(piece_.data(), static_cast<std::streamsize>(piece_.size()));
        if (stream_.gcount() > 0) {
          reader_.feed({piece_.data(), static_cast<std::size_t>(stream_.gcount())});
          bytes_read_ += static_cast<std::uint64_t>(stream_.gcount());
        } else {
          reader_.finish();
        }
        break;
      case protocol::CsvReader::Next::kEnd:
        ended_ = true;
        break;
      case protocol::CsvReader::Next::kFailed:
        ended_ = true;
        return core::unexpected(reader_.problem());
    }
  }
  return {};
}

const protocol::CsvRow* CsvFile::peek() {
  if (auto status = fill(); !status) bad_row_(status.error().message);
  return have_row_ ? &row_ : nullptr;
}

protocol::CsvRow CsvFile::take() {
  ASSERT(have_row_, "take() without a row");
  have_row_ = false;
  return std::move(row_);
}

}  // namespace millwright::simulator
