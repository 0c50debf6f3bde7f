// Catalogue: short numbers on disk for long names: a key for each series (sensor path and value type), each source and
// each text that was ever a reading. A key is the sequence of its own record in the catalogue's journal, so none is
// ever given twice. It also remembers over how many shards the history is spread.
//
// Threads: all of it from any thread. A new name is on disk before its key is given out: that waits for the disk.
// Errors: those of the journal; kFull is worth trying again.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/block.hpp"
#include "core/mutex.hpp"
#include "core/result.hpp"
#include "core/texts.hpp"
#include "historian/record.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"
#include "journal/journal.hpp"

namespace millwright::historian {

class Catalogue final : public core::Texts {
 public:
  using Series = std::pair<std::string, core::ValueType>;

  static core::Result<std::unique_ptr<Catalogue>> open(io::FileSystem& files, const io::Clock& clock,
                                                       const std::string& directory);

  // The keys that a folder knows, for who only looks.
  static core::Result<std::map<SeriesKey, Series>> listed(io::FileSystem& files, const std::string& directory);

  // What the keys stand for.
  [[nodiscard]] std::unordered_map<SeriesKey, Series> named() const;
  // The keys of all, in order, new ones where need be; one wait for the disk at most.
  core::Result<std::vector<SeriesKey>> series(const std::vector<Series>& names);
  core::Result<SourceKey> source(const std::string& name);
  [[nodiscard]] std::optional<SourceKey> find_source(const std::string& name) const;

  core::Result<std::int32_t> number(std::string_view text) override;
  [[nodiscard]] std::optional<std::string_view> text(std::int32_t number) const override { return texts_.text(number); }

  // Shard folders that exist or may exist; never fewer than before.
  [[nodiscard]] std::uint32_t folders() const;
  core::Status set_folders(std::uint32_t folders);
  // Shards of the run before, which the lane positions on disk belong to; 0: there was none.
  [[nodiscard]] std::uint32_t shards() const;
  core::Status set_shards(std::uint32_t shards);

  [[nodiscard]] std::uint64_t bytes() const { return journal_->bytes(); }

 private:
  explicit Catalogue(std::unique_ptr<journal::Journal> journal) : journal_(std::move(journal)) {}
  core::Status restore();
  bool take(const journal::Record& record) REQUIRES(mutex_);
  core::Result<std::uint32_t> append(journal::RecordType type, std::uint32_t number, std::string_view name)
      REQUIRES(mutex_);

  const std::unique_ptr<journal::Journal> journal_;
  core::TextTable texts_;  // under a lock of its own, that who reads a text need not wait for the disk
  mutable core::Mutex mutex_;
  std::map<Series, SeriesKey> series_ GUARDED_BY(mutex_);
  std::map<std::string, SourceKey> sources_ GUARDED_BY(mutex_);
  std::uint32_t folders_ GUARDED_BY(mutex_) = 0;
  std::uint32_t shards_ GUARDED_BY(mutex_) = 0;
};

}  // namespace millwright::historian
