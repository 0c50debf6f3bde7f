// Snapshot: the files that make up a history at one moment, opened, so that they stay readable though the process that
// owns them goes on, seals and deletes. For backups, from the owner or from any other process.
//
// Threads: one. Errors: those of reading; kUnavailable where the history changes faster than it can be looked at.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/file_system.hpp"

namespace millwright::historian {

struct SnapshotFile {
  std::string name;  // below the folder
  std::unique_ptr<io::File> file;
  std::uint64_t bytes = 0;
  bool immutable = false;  // never changes under this name
};

// A folder of journal segments, in the order of their sequences; the last may still grow.
core::Result<std::vector<SnapshotFile>> snapshot_journal(io::FileSystem& files, const std::string& directory);

// The whole history: journals and column files that fit each other, and the catalogue that knows their names.
core::Result<std::vector<SnapshotFile>> snapshot_history(io::FileSystem& files, const std::string& directory);

}  // namespace millwright::historian
