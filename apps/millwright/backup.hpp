// Backup of a plant's data folder while the plant runs, and its restore.
//
// A backup is a folder: data/ as in the plant, the plant's file, and backup.json, which is written last: without it the
// backup is not whole. Doing it again into the same folder copies only what is new.
// Threads: one. Errors: name the file, and what to do.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/result.hpp"
#include "io/file_system.hpp"

namespace millwright::app {

struct BackupResult {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t copied_files = 0;
  std::uint64_t copied_bytes = 0;
};

// Told how many bytes of all are done.
using Progress = std::function<void(std::uint64_t done, std::uint64_t all)>;

core::Result<BackupResult> back_up(io::FileSystem& files, const std::string& plant_file,
                                   const std::string& data_directory, const std::string& to, const Progress& progress);

// Into a data folder that is missing or empty.
core::Result<BackupResult> restore(io::FileSystem& files, const std::string& from, const std::string& data_directory,
                                   const Progress& progress);

}  // namespace millwright::app
