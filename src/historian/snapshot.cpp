#include "historian/snapshot.hpp"

#include <fmt/format.h>

#include "historian/column_store.hpp"
#include "historian/shard_log.hpp"
#include "journal/format.hpp"

namespace millwright::historian {
namespace {

using core::ErrorCode;
using core::Result;

constexpr int kTries = 100;

// Files that come and go while the folder is looked at are no error: it is looked at again.
bool try_again(const core::Error& error) {
  return error.code == ErrorCode::kNotFound;
}

Result<SnapshotFile> open_file(io::FileSystem& files, const std::string& directory, const std::string& name,
                               bool immutable) {
  auto file = files.open(directory + "/" + name, io::OpenMode::kRead);
  if (!file) return core::unexpected(file.error());
  const auto bytes = (*file)->size();
  if (!bytes) return core::unexpected(bytes.error());
  return SnapshotFile{name, std::move(*file), *bytes, immutable};
}

// One shard: the journal and the files of the manifest; they fit each other where the manifest is still the same
// afterwards.
Result<std::vector<SnapshotFile>> try_shard(io::FileSystem& files, const std::string& directory, std::uint64_t stream) {
  const std::string columns = directory + "/columns";
  const auto listed = ColumnStore::listed(files, columns, stream);
  if (!listed) return core::unexpected(listed.error());
  auto all = snapshot_journal(files, directory);
  if (!all) return all;
  for (const auto& entry : listed->files) {
    auto file = open_file(files, columns, entry.name, true);
    if (!file) return core::unexpected(file.error());
    file->name = "columns/" + entry.name;
    all->push_back(std::move(*file));
  }
  if (!listed->files.empty() || listed->sealed != 0) {
    auto manifest = open_file(files, columns, std::string(ColumnStore::kManifest), false);
    if (!manifest) return core::unexpected(manifest.error());
    manifest->name = "columns/" + std::string(ColumnStore::kManifest);
    all->push_back(std::move(*manifest));
  }
  const auto again = ColumnStore::listed(files, columns, stream);
  if (!again) return core::unexpected(again.error());
  if (!(*again == *listed)) {
    return core::unexpected(ErrorCode::kNotFound, "changed meanwhile");
  }
  return all;
}

template <typename Step>
Result<std::vector<SnapshotFile>> insist(const Step& step) {
  for (int left = kTries;; --left) {
    auto done = step();
    if (done || !try_again(done.error())) return done;
    if (left == 0) return core::unexpected(ErrorCode::kUnavailable, "the history changes too fast; try again");
  }
}

void add(std::vector<SnapshotFile>& all, std::vector<SnapshotFile> some, const std::string& prefix) {
  for (SnapshotFile& file : some) {
    file.name = prefix + "/" + file.name;
    all.push_back(std::move(file));
  }
}

}  // namespace

Result<std::vector<SnapshotFile>> snapshot_journal(io::FileSystem& files, const std::string& directory) {
  return insist([&]() -> Result<std::vector<SnapshotFile>> {
    const auto names = files.list(directory);
    if (!names) return core::unexpected(names.error());
    std::vector<SnapshotFile> all;
    for (const std::string& name : *names) {
      if (!journal::parse_segment_name(name)) continue;
      auto file = open_file(files, directory, name, true);
      if (!file) return core::unexpected(file.error());
      all.push_back(std::move(*file));
    }
    if (!all.empty()) all.back().immutable = false;  // it may grow
    return all;
  });
}

Result<std::vector<SnapshotFile>> snapshot_history(io::FileSystem& files, const std::string& directory) {
  std::vector<SnapshotFile> all;
  for (std::size_t shard = 0;; ++shard) {
    const std::string name = shard_folder(shard);
    if (!io::has_files(files, directory + "/" + name)) break;
    auto some = insist([&] { return try_shard(files, directory + "/" + name, shard_stream(shard)); });
    if (!some) return some;
    add(all, std::move(*some), name);
  }
  // Last, for a name is in the catalogue before its key is used.
  auto catalogue = snapshot_journal(files, directory + "/catalogue");
  if (!catalogue) return catalogue;
  add(all, std::move(*catalogue), "catalogue");
  return all;
}

}  // namespace millwright::historian
