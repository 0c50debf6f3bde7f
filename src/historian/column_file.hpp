// ColumnFile: a column file opened for reading. Holds the first key of each index page in memory (4 bytes for 64
// series); all else is read when asked for, and checked.
//
// Threads: any, all at once. Errors: kCorrupt names the file and the bytes that failed. A damaged end, index or header
// is made good by walking the chunks; a damaged directory by its copy; a damaged block is lost, and that block alone.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/mutex.hpp"
#include "historian/column_format.hpp"
#include "io/file_system.hpp"

namespace millwright::historian {

// The age of a file whose footer is damaged: it is never too old, and goes when the quota leaves no other choice.
inline constexpr core::DurationNs kAgeUnknown = INT64_MAX;

class ColumnFile {
 public:
  // `known` is what the manifest says of it, for when the file's own header is damaged.
  static core::Result<std::shared_ptr<const ColumnFile>> open(io::FileSystem& files, const std::string& path,
                                                              const ColumnHeader& known);

  [[nodiscard]] const ColumnHeader& header() const { return header_; }
  [[nodiscard]] const ColumnSummary& summary() const { return footer_.summary; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  // What was found damaged when it was opened; empty: nothing.
  [[nodiscard]] const std::string& damage() const { return damage_; }

  // The chunk of a series; nothing where it has none here.
  [[nodiscard]] core::Result<std::optional<ChunkEntry>> find(SeriesKey key) const;
  // Chunks in the order of keys, from number `from` on, some of them; none: there are no more.
  [[nodiscard]] core::Result<std::vector<ChunkEntry>> entries(std::size_t from) const;
  [[nodiscard]] core::Result<Directory> directory(const ChunkEntry& chunk) const;
  // Reads neighbouring blocks at once, checks each and hands it over; a damaged one goes to `damaged` instead.
  using BlockVisitor = std::function<void(const BlockEntry&, std::span<const std::byte>)>;
  using DamageVisitor = std::function<void(const BlockEntry&, const std::string& where)>;
  core::Status read(std::span<const BlockEntry> blocks, std::vector<std::byte>& buffer, const BlockVisitor& visitor,
                    const DamageVisitor& damaged = {}) const;
  // Checks what is there twice, and so costs nothing where one of it is damaged: index pages, directories and their
  // copies.
  core::Status check_spares(const std::function<void(const std::string& where)>& damaged) const;

 private:
  ColumnFile() = default;
  core::Status read_header(const ColumnHeader& known);
  core::Status read_footer();
  core::Status read_exactly(std::uint64_t offset, std::span<std::byte> out) const;
  core::Result<std::vector<ChunkEntry>> page(std::size_t index) const;
  core::Result<std::vector<ChunkEntry>> walk() const;
  // The chunks found by walking, once the index is known to be damaged; `damage` says where.
  core::Result<const std::vector<ChunkEntry>*> rebuilt(const std::string& damage) const EXCLUDES(mutex_);
  [[nodiscard]] std::string where(std::uint64_t offset, std::uint64_t bytes) const;

  std::unique_ptr<io::File> file_;
  std::string path_;
  std::uint64_t bytes_ = 0;
  ColumnHeader header_;
  ColumnFooter footer_;
  std::string damage_;
  bool without_index_ = false;  // footer or end are damaged
  mutable core::Mutex mutex_;
  mutable std::optional<std::vector<ChunkEntry>> walked_ GUARDED_BY(mutex_);
};

}  // namespace millwright::historian
