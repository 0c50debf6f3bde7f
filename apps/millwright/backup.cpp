#include "backup.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "core/time.hpp"
#include "database/database.hpp"
#include "historian/snapshot.hpp"
#include "io/clock.hpp"

namespace millwright::app {
namespace {

using core::ErrorCode;
using core::Result;
using core::Status;
using historian::SnapshotFile;
namespace fs = std::filesystem;

constexpr std::string_view kMark = "backup.json";
constexpr std::string_view kDatabase = "plant.db";
constexpr std::string_view kDatabaseCopy = "plant.db.copy";
constexpr std::size_t kHeadBytes = 64;  // of a segment or column file: holds its random identity
constexpr std::size_t kCopyBytes = 1 << 20;

void add(std::vector<SnapshotFile>& all, std::vector<SnapshotFile> some, const std::string& prefix) {
  for (SnapshotFile& file : some) {
    file.name = prefix + "/" + file.name;
    all.push_back(std::move(file));
  }
}

std::vector<std::string> files_below(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(directory, error)) {
    if (entry.is_regular_file()) names.push_back(fs::relative(entry.path(), directory).string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<SnapshotFile> open_whole(io::FileSystem& files, const std::string& directory, const std::string& name,
                                bool immutable) {
  auto file = files.open(directory + "/" + name, io::OpenMode::kRead);
  if (!file) return core::unexpected(file.error());
  const auto bytes = (*file)->size();
  if (!bytes) return core::unexpected(bytes.error());
  return SnapshotFile{name, std::move(*file), *bytes, immutable};
}

// Everything in a data folder that counts, but the database.
Result<std::vector<SnapshotFile>> snapshot(io::FileSystem& files, const std::string& directory) {
  std::vector<SnapshotFile> all;
  auto history = historian::snapshot_history(files, directory + "/history");
  if (!history) return history;
  add(all, std::move(*history), "history");
  auto alarms = historian::snapshot_journal(files, directory + "/alarms");
  if (!alarms) return alarms;
  add(all, std::move(*alarms), "alarms");
  std::vector<std::string> others{"control-limits.json"};
  for (const std::string& name : files_below(directory + "/models")) others.push_back("models/" + name);
  for (const std::string& name : others) {
    if (!files.exists(directory + "/" + name)) continue;
    auto file = open_whole(files, directory, name, false);
    if (!file) return core::unexpected(file.error());
    all.push_back(std::move(*file));
  }
  return all;
}

// The services' records, which SQLite itself copies: a file of its own beside the backup's data, until it is done.
Result<std::vector<SnapshotFile>> snapshot_database(io::FileSystem& files, const std::string& directory,
                                                    const std::string& to) {
  std::vector<SnapshotFile> all;
  if (!files.exists(directory + "/" + std::string(kDatabase))) return all;
  const std::string copy = to + "/" + std::string(kDatabaseCopy);
  if (files.exists(copy)) {
    if (auto removed = files.remove(copy); !removed) return core::unexpected(removed.error());
  }
  if (auto copied = database::copy_file(directory + "/" + std::string(kDatabase), copy); !copied) {
    return core::unexpected(copied.error());
  }
  auto file = open_whole(files, to, std::string(kDatabaseCopy), false);
  if (!file) return core::unexpected(file.error());
  file->name = kDatabase;
  all.push_back(std::move(*file));
  return all;
}

// Whether the copy is of this very file: its size, and its head with the random identity that each file has.
bool have_already(io::FileSystem& files, const SnapshotFile& file, const std::string& copy) {
  if (!file.immutable || file.bytes < kHeadBytes || !files.exists(copy)) return false;
  const auto other = files.open(copy, io::OpenMode::kRead);
  if (!other) return false;
  const auto size = (*other)->size();
  if (!size || *size != file.bytes) return false;
  std::array<std::byte, kHeadBytes> a{};
  std::array<std::byte, kHeadBytes> b{};
  const auto n = file.file->read_at(0, a);
  const auto m = (*other)->read_at(0, b);
  return n && m && *n == kHeadBytes && *m == kHeadBytes && a == b;
}

// Beside it first, synced, then in its place.
Status copy_file(io::FileSystem& files, const io::File& from, std::uint64_t bytes, const std::string& to,
                 const std::function<void(std::uint64_t)>& copied) {
  const std::string beside = to + ".tmp";
  if (files.exists(beside)) {
    if (auto removed = files.remove(beside); !removed) return removed;
  }
  auto out = files.open(beside, io::OpenMode::kCreate);
  if (!out) return core::unexpected(out.error());
  std::vector<std::byte> buffer(kCopyBytes);
  for (std::uint64_t at = 0; at < bytes;) {
    const auto n = from.read_at(at, std::span(buffer).first(std::min<std::uint64_t>(kCopyBytes, bytes - at)));
    if (!n) return core::unexpected(n.error());
    if (*n == 0) break;
    if (auto written = (*out)->write_at(at, std::span(buffer).first(*n)); !written) return written;
    at += *n;
    copied(*n);
  }
  if (auto synced = (*out)->sync(); !synced) return synced;
  return files.rename(beside, to);
}

Status sync_folders(io::FileSystem& files, const std::set<std::string>& folders) {
  for (const std::string& folder : folders) {
    if (auto synced = files.sync_directory(folder); !synced) return synced;
  }
  return {};
}

// Copies what is not there yet; the folders' names are durable when it returns.
Status copy_all(io::FileSystem& files, const std::vector<SnapshotFile>& all, const std::string& to,
                const Progress& progress, BackupResult& result) {
  std::set<std::string> folders{to};
  std::uint64_t done = 0;
  for (const SnapshotFile& file : all) {
    result.bytes += file.bytes;
    ++result.files;
  }
  for (const SnapshotFile& file : all) {
    const std::string path = to + "/" + file.name;
    const std::string folder = path.substr(0, path.rfind('/'));
    if (auto made = files.make_directories(folder); !made) return made;
    folders.insert(folder);
    if (have_already(files, file, path)) {
      done += file.bytes;
      continue;
    }
    const Status copied = copy_file(files, *file.file, file.bytes, path, [&](std::uint64_t n) {
      done += n;
      if (progress) progress(done, result.bytes);
    });
    if (!copied) return core::unexpected(copied.error().within("copying " + file.name));
    ++result.copied_files;
    result.copied_bytes += file.bytes;
  }
  return sync_folders(files, folders);
}

// What an earlier backup had and this one has not: sealed, merged or expired since.
Status remove_others(io::FileSystem& files, const std::vector<SnapshotFile>& all, const std::string& directory) {
  std::set<std::string> wanted;
  for (const SnapshotFile& file : all) wanted.insert(file.name);
  for (const std::string& name : files_below(directory)) {
    if (wanted.contains(name)) continue;
    if (auto removed = files.remove(directory + "/" + name); !removed) return removed;
  }
  return {};
}

}  // namespace

Result<BackupResult> back_up(io::FileSystem& files, const std::string& plant_file, const std::string& data_directory,
                             const std::string& to, const Progress& progress) {
  if (!files.exists(data_directory + "/history")) {
    return core::unexpected(ErrorCode::kNotFound,
                            data_directory + " holds no history: was the plant ever started, and with this file?");
  }
  const std::string mark = to + "/" + std::string(kMark);
  if (auto made = files.make_directories(to); !made) return core::unexpected(made.error());
  if (!files.exists(mark) && !files_below(to).empty() && !files.exists(to + "/data")) {
    return core::unexpected(ErrorCode::kConflict, to + " holds something else: give the backup a folder of its own");
  }
  auto all = snapshot(files, data_directory);
  if (!all) return core::unexpected(all.error());
  auto records = snapshot_database(files, data_directory, to);
  if (!records) return core::unexpected(records.error());
  for (SnapshotFile& file : *records) all->push_back(std::move(file));
  // After the database, which remembers the end of the log.
  if (files.exists(data_directory + "/audit/log")) {
    auto audit = open_whole(files, data_directory, "audit/log", false);
    if (!audit) return core::unexpected(audit.error());
    all->push_back(std::move(*audit));
  }
  if (files.exists(mark)) {
    if (auto removed = files.remove(mark); !removed) return core::unexpected(removed.error());
  }
  BackupResult result;
  if (auto copied = copy_all(files, *all, to + "/data", progress, result); !copied) {
    return core::unexpected(copied.error());
  }
  if (auto removed = remove_others(files, *all, to + "/data"); !removed) return core::unexpected(removed.error());
  if (!records->empty()) {
    if (auto removed = files.remove(to + "/" + std::string(kDatabaseCopy)); !removed) {
      return core::unexpected(removed.error());
    }
  }
  if (const auto text = io::read_file(files, plant_file); text) {
    if (auto kept = io::write_file_atomically(files, to + "/plant.yaml", *text); !kept) {
      return core::unexpected(kept.error());
    }
  }
  const nlohmann::json json = {{"finished", core::format_time(io::RealClock().now())},
                               {"version", kVersion},
                               {"files", result.files},
                               {"bytes", result.bytes}};
  if (auto marked = io::write_file_atomically(files, mark, json.dump(2) + "\n"); !marked) {
    return core::unexpected(marked.error());
  }
  return result;
}

Result<BackupResult> restore(io::FileSystem& files, const std::string& from, const std::string& data_directory,
                             const Progress& progress) {
  if (!files.exists(from + "/" + std::string(kMark))) {
    return core::unexpected(ErrorCode::kNotFound, from + " holds no whole backup: " + std::string(kMark) +
                                                      " is missing, which a backup "
                                                      "writes last; do the backup again");
  }
  if (!files_below(data_directory).empty()) {
    return core::unexpected(ErrorCode::kConflict, data_directory +
                                                      " is not empty: move it away first, so that nothing "
                                                      "is lost, then restore again");
  }
  std::vector<SnapshotFile> all;
  for (const std::string& name : files_below(from + "/data")) {
    auto file = open_whole(files, from + "/data", name, true);
    if (!file) return core::unexpected(file.error());
    all.push_back(std::move(*file));
  }
  BackupResult result;
  if (auto copied = copy_all(files, all, data_directory, progress, result); !copied) {
    return core::unexpected(copied.error());
  }
  return result;
}

}  // namespace millwright::app
