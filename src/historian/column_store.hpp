// ColumnStore: the column files of one shard, and the manifest that says which count. What is in the manifest is the
// history; any other file in the folder is the rest of something unfinished and is removed when it is opened.
//
// Threads: set() from any; everything that changes the set from one thread, the historian's background thread.
// Errors: those of the disk; a change that fails leaves the set as it was.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "core/mutex.hpp"
#include "historian/column_file.hpp"
#include "historian/column_writer.hpp"

namespace millwright::historian {

// What counts at one moment. Immutable: a query takes one and keeps its files readable, though they be deleted.
struct ColumnSet {
  using File = std::shared_ptr<const ColumnFile>;
  std::array<std::vector<File>, kTiers> tiers;  // each in the order in which it was sealed: later ones know better
  journal::Sequence sealed = 0;                 // all of the shard's journal up to there is in these files

  [[nodiscard]] const std::vector<File>& of(Tier tier) const { return tiers[index_of(tier)]; }
  [[nodiscard]] std::uint64_t bytes() const;
};

class ColumnStore {
 public:
  static core::Result<std::unique_ptr<ColumnStore>> open(io::FileSystem& files, const std::string& directory,
                                                         std::uint64_t stream);

  // What the manifest in a folder says, for who only looks: how far the journal is sealed, and the files' names.
  struct Listing {
    struct Entry {
      std::string name;
      ColumnHeader header;
      bool operator==(const Entry& other) const { return name == other.name && header.id == other.header.id; }
    };
    journal::Sequence sealed = 0;
    std::vector<Entry> files;
    bool operator==(const Listing&) const = default;
  };
  static constexpr std::string_view kManifest = "manifest";
  static core::Result<Listing> listed(io::FileSystem& files, const std::string& directory, std::uint64_t stream);

  [[nodiscard]] std::shared_ptr<const ColumnSet> set() const;

  // A file that is not yet part of the set; it becomes part by change().
  struct Draft {
    std::uint64_t number = 0;
    ColumnHeader header;
    std::unique_ptr<ColumnWriter> writer;
  };
  core::Result<Draft> draft(Tier tier, std::uint8_t rank, std::uint64_t retention);

  // One step from one set to the next, durable as a whole: finished drafts come in the place of files that go (or at
  // the end, where none go), and the journal counts as sealed up to `sealed` (0: as before).
  struct Change {
    std::vector<Draft> add;
    std::vector<ColumnSet::File> remove;
    journal::Sequence sealed = 0;
    Written written;  // of the newest record in the added files
  };
  core::Status apply(Change change);

  [[nodiscard]] const std::string& directory() const { return directory_; }

 private:
  ColumnStore(io::FileSystem& files, std::string directory, std::uint64_t stream)
      : files_(files), directory_(std::move(directory)), stream_(stream) {}
  core::Status load();
  core::Status remove_strangers(const ColumnSet& set);
  core::Status finish_drafts(Change& change, ColumnSet& next, std::vector<std::string>& made);
  core::Status write_manifest(const ColumnSet& set);
  void remove_all(const std::vector<std::string>& paths);
  [[nodiscard]] std::string path_of(Tier tier, std::uint64_t number) const;

  io::FileSystem& files_;
  const std::string directory_;
  const std::uint64_t stream_;
  std::uint64_t next_number_ = 1;
  std::vector<std::string> unsure_;  // files of a manifest that may or may not have reached the disk
  mutable core::Mutex mutex_;
  std::shared_ptr<const ColumnSet> set_ GUARDED_BY(mutex_) = std::make_shared<const ColumnSet>();
};

}  // namespace millwright::historian
