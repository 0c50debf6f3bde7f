// Looking at a history on disk, whoever owns it and also while it is written: what it holds, and whether all of it is
// whole. Nothing is changed.
//
// Threads: one. Errors: those of reading, and kCorrupt where not even a manifest can be read; damage is told of.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "historian/column_format.hpp"
#include "io/file_system.hpp"

namespace millwright::historian {

// Something that fails a check: what it costs is `what`, in words.
struct Finding {
  std::string where;  // file and bytes
  std::string what;   // "42 readings of plant/…/current from … to … are lost"
  bool loss = true;   // false: it is made good from elsewhere
};

struct Contents {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t rows = 0;  // readings, or rows of a roll-up
  Extent times;
};
// Of all tiers that hold readings.
inline std::uint64_t readings_of(const std::array<Contents, kTiers>& tiers) {
  return tiers[index_of(Tier::kRaw)].rows + tiers[index_of(Tier::kSlow)].rows;
}
struct SeriesContents {
  std::array<Contents, kTiers> tiers;  // without `files`
  Contents unsealed;                   // in the journal

  [[nodiscard]] std::uint64_t readings() const { return readings_of(tiers) + unsealed.rows; }
};

struct InspectOptions {
  bool check = true;       // read and check every block; else only what says what is there
  bool by_series = false;  // fill in Report::series
};
struct InspectReport {
  std::array<Contents, kTiers> tiers;
  Contents unsealed;  // in journals; files are segments
  std::uint64_t catalogue_bytes = 0;
  std::size_t series = 0;  // known to the catalogue
  std::uint64_t checked_blocks = 0;
  std::map<std::string, SeriesContents> by_series;  // by path and type
  std::vector<Finding> findings;

  [[nodiscard]] std::uint64_t readings() const { return readings_of(tiers) + unsealed.rows; }
};

// Bytes that are done, of all.
using InspectProgress = std::function<void(std::uint64_t done, std::uint64_t all)>;

core::Result<InspectReport> inspect(io::FileSystem& files, const std::string& directory, const InspectOptions& options,
                                    const InspectProgress& progress = {});

}  // namespace millwright::historian
