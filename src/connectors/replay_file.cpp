#include "connectors/replay_file.hpp"

#include <utility>

namespace millwright::connectors {

using protocol::CsvReader;

namespace {
constexpr std::size_t kPieceBytes = 256 * 1024;
}

ReplayFile::ReplayFile(std::unique_ptr<io::File> file, const std::string& name)
    : file_(std::move(file)), reader_(std::make_unique<CsvReader>(name)), buffer_(kPieceBytes) {}

core::Result<ReplayFile> ReplayFile::open(const std::string& path,
                                          std::function<bool(const std::string& column)> is_text) {
  io::RealFileSystem files;
  auto file = files.open(path, io::OpenMode::kRead);
  if (!file) return core::unexpected(file.error());
  ReplayFile replay(std::move(*file), path);
  replay.reader_->read_as_text(std::move(is_text));
  replay.first_ = replay.read_on(replay.first_row_);
  if (replay.first_ == CsvReader::Next::kFailed) return core::unexpected(replay.problem());
  return replay;
}

CsvReader::Next ReplayFile::next(protocol::CsvRow& row) {
  if (first_ == CsvReader::Next::kMore) return read_on(row);
  row = first_row_;
  return std::exchange(first_, CsvReader::Next::kMore);
}

CsvReader::Next ReplayFile::read_on(protocol::CsvRow& row) {
  for (;;) {
    const CsvReader::Next next = reader_->next(row);
    if (next != CsvReader::Next::kMore) return next;
    const auto read = file_->read_at(offset_, buffer_);
    if (!read) {
      read_error_ = read.error();
      return CsvReader::Next::kFailed;
    }
    if (*read == 0) {
      reader_->finish();
    } else {
      reader_->feed({reinterpret_cast<const char*>(buffer_.data()), *read});
      offset_ += *read;
    }
  }
}

}  // namespace millwright::connectors
