#include "historian/column_writer.hpp"

#include "core/assert.hpp"
#include "core/crc32c.hpp"

namespace millwright::historian {
namespace {

constexpr std::size_t kBufferBytes = 1 << 20;

std::string temporary(const std::string& path) {
  return path + ".tmp";
}

std::string folder_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

}  // namespace

core::Result<std::unique_ptr<ColumnWriter>> ColumnWriter::create(io::FileSystem& files, std::string path,
                                                                 const ColumnHeader& header) {
  if (files.exists(temporary(path))) {
    if (auto removed = files.remove(temporary(path)); !removed) return core::unexpected(removed.error());
  }
  auto file = files.open(temporary(path), io::OpenMode::kCreate);
  if (!file) return core::unexpected(file.error());
  std::unique_ptr<ColumnWriter> writer(new ColumnWriter(files, std::move(path), header));
  writer->file_ = std::move(*file);
  if (auto put = writer->put(encode_column_header(header)); !put) return core::unexpected(put.error());
  return writer;
}

ColumnWriter::~ColumnWriter() {
  if (finished_) return;
  file_.reset();
  static_cast<void>(files_.remove(temporary(path_)));  // what stays is removed when the folder is opened
}

void ColumnWriter::add_block(std::span<const std::byte> bytes, std::uint32_t count, const Extent& times) {
  blocks_.push_back({.offset = 0,
                     .bytes = static_cast<std::uint32_t>(bytes.size()),
                     .crc = core::crc32c(bytes),
                     .count = count,
                     .times = times});
  chunk_.insert(chunk_.end(), bytes.begin(), bytes.end());
}

core::Status ColumnWriter::end_chunk(SeriesKey key, const Aggregate& statistics) {
  if (blocks_.empty()) return {};
  ASSERT(entries_.empty() || entries_.back().key < key, "chunks come in the order of their keys");
  const std::vector<std::byte> directory = encode_directory(key, blocks_);
  const bool twice = blocks_.size() > 1;
  ChunkEntry entry{.key = key,
                   .directory_bytes = static_cast<std::uint32_t>(directory.size()),
                   .offset = bytes(),
                   .bytes = directory.size() * (twice ? 2 : 1) + chunk_.size(),
                   .times = {},
                   .statistics = statistics};
  for (const BlockEntry& block : blocks_) {
    entry.times.add(block.times);
    footer_.summary.readings += block.count;
  }
  footer_.summary.times.add(entry.times);
  entries_.push_back(entry);
  if (auto done = put(directory); !done) return done;
  if (auto done = put(chunk_); !done) return done;
  blocks_.clear();
  chunk_.clear();
  return twice ? put(directory) : core::Status{};
}

core::Status ColumnWriter::put(std::span<const std::byte> bytes) {
  if (buffer_.size() + bytes.size() >= kBufferBytes) {
    if (auto done = flush(); !done) return done;
  }
  if (bytes.size() < kBufferBytes) {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    return {};
  }
  if (auto done = file_->write_at(written_, bytes); !done) return done;
  written_ += bytes.size();
  return {};
}

core::Status ColumnWriter::flush() {
  if (buffer_.empty()) return {};
  if (auto done = file_->write_at(written_, buffer_); !done) return done;
  written_ += buffer_.size();
  buffer_.clear();
  return {};
}

core::Status ColumnWriter::put_index() {
  footer_.index_offset = bytes();
  std::vector<std::byte> page;
  for (std::size_t from = 0; from < entries_.size(); from += kEntriesPerPage) {
    page.clear();
    core::ByteWriter out(page);
    for (std::size_t i = from; i < std::min(from + kEntriesPerPage, entries_.size()); ++i) put_entry(entries_[i], out);
    out.put(core::crc32c(page));
    footer_.first_keys.push_back(entries_[from].key);
    if (auto done = put(page); !done) return done;
  }
  return {};
}

core::Status ColumnWriter::finish(const Written& written) {
  footer_.summary.chunks = entries_.size();
  footer_.summary.written = written;
  if (auto done = put_index(); !done) return done;
  const std::vector<std::byte> footer = encode_footer(footer_);
  const ColumnTail tail{.footer_offset = bytes(), .footer_bytes = static_cast<std::uint32_t>(footer.size())};
  if (auto done = put(footer); !done) return done;
  if (auto done = put(encode_column_tail(tail, header_)); !done) return done;
  if (auto done = flush(); !done) return done;
  if (auto done = file_->sync(); !done) return done;
  if (auto done = files_.rename(temporary(path_), path_); !done) return done;
  finished_ = true;
  return files_.sync_directory(folder_of(path_));
}

}  // namespace millwright::historian
