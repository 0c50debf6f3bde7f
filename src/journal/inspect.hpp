// Looking at a journal that another process may own and write: nothing is changed, settled or cut off.
//
// Threads: pure. Errors: those of reading.
#pragma once

#include <functional>
#include <string>

#include "journal/journal.hpp"

namespace millwright::journal {

struct Inspection {
  std::uint64_t segments = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::uint64_t tail_bytes = 0;  // behind the newest record: being written, or left by a crash
};

// Reads all records in order and tells of all that is damaged or missing between the first and the last. A segment that
// goes meanwhile is no damage.
core::Result<Inspection> inspect(io::FileSystem& files, const std::string& directory, const Visitor& visitor,
                                 const std::function<void(const Damage&)>& damaged);

}  // namespace millwright::journal
