// ColumnWriter: writes one column file (column_format.hpp), chunk after chunk in the order of keys. The file takes its
// name in finish() only, whole and synced; before that it is `<path>.tmp`, which goes with the writer.
//
// Threads: one. Errors: those of the disk; after one the file is of no use.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "historian/column_format.hpp"
#include "io/file_system.hpp"

namespace millwright::historian {

class ColumnWriter {
 public:
  static core::Result<std::unique_ptr<ColumnWriter>> create(io::FileSystem& files, std::string path,
                                                            const ColumnHeader& header);
  ~ColumnWriter();
  ColumnWriter(const ColumnWriter&) = delete;
  ColumnWriter& operator=(const ColumnWriter&) = delete;

  // The chunk being built: blocks, then its end.
  void add_block(std::span<const std::byte> bytes, std::uint32_t count, const Extent& times);
  // Ends the chunk of `key`, greater than all before. A chunk without blocks is none.
  core::Status end_chunk(SeriesKey key, const Aggregate& statistics);

  [[nodiscard]] std::uint64_t chunks() const { return entries_.size(); }
  [[nodiscard]] std::uint64_t bytes() const { return written_ + buffer_.size(); }
  core::Status finish(const Written& written);

 private:
  ColumnWriter(io::FileSystem& files, std::string path, const ColumnHeader& header)
      : files_(files), path_(std::move(path)), header_(header) {}
  core::Status put(std::span<const std::byte> bytes);
  core::Status flush();
  core::Status put_index();

  io::FileSystem& files_;
  const std::string path_;
  const ColumnHeader header_;
  std::unique_ptr<io::File> file_;
  bool finished_ = false;
  std::uint64_t written_ = 0;
  std::vector<std::byte> buffer_;
  std::vector<ChunkEntry> entries_;
  ColumnFooter footer_;

  std::vector<std::byte> chunk_;
  std::vector<BlockEntry> blocks_;
};

}  // namespace millwright::historian
