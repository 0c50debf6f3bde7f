#include "historian/inspect.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "historian/catalogue.hpp"
#include "historian/codec.hpp"
#include "historian/column_store.hpp"
#include "historian/row_codec.hpp"
#include "historian/shard_log.hpp"
#include "journal/format.hpp"
#include "journal/inspect.hpp"

namespace millwright::historian {
namespace {

using core::ErrorCode;
using core::Result;
using core::Status;

constexpr int kTries = 10;
constexpr std::size_t kBlocksAtOnce = 64;

void add(Contents& whole, std::uint64_t bytes, std::uint64_t rows, const Extent& times) {
  whole.bytes += bytes;
  whole.rows += rows;
  whole.times.add(times);
}

std::string range_text(const Extent& times) {
  return fmt::format("from {} to {}", core::format_time(times.low), core::format_time(times.high));
}

class Inspector {
 public:
  Inspector(io::FileSystem& files, std::string directory, const InspectOptions& options,
            const InspectProgress& progress)
      : files_(files), directory_(std::move(directory)), options_(options), progress_(progress) {}

  Result<InspectReport> run() {
    if (auto done = catalogue(); !done) return core::unexpected(done.error());
    std::vector<std::size_t> shards;
    while (io::has_files(files_, directory_ + "/" + shard_folder(shards.size()))) shards.push_back(shards.size());
    for (const std::size_t i : shards) {
      if (auto done = columns(i); !done) return core::unexpected(done.error());
      if (auto done = journal(i); !done) return core::unexpected(done.error());
    }
    return std::move(report_);
  }

 private:
  Status catalogue() {
    const std::string folder = directory_ + "/catalogue";
    auto names = Catalogue::listed(files_, folder);
    if (!names) return core::unexpected(names.error());
    names_ = std::move(*names);
    report_.series = names_.size();
    const auto read = journal::inspect(
        files_, folder, [](const journal::Record&) { return true; },
        [&](const journal::Damage& damage) { tell(damage, "names of sensors and sources"); });
    if (!read) return core::unexpected(read.error());
    report_.catalogue_bytes = read->bytes;
    return {};
  }

  void tell(const journal::Damage& damage, const char* of_what) {
    report_.findings.push_back({damage.where, damage.last_lost == 0
                                                  ? fmt::format("{}; {} may be lost", damage.reason, of_what)
                                                  : fmt::format("{}; records {} to {} ({}) are lost", damage.reason,
                                                                damage.first_lost, damage.last_lost, of_what)});
  }

  [[nodiscard]] std::string name_of(SeriesKey key) const {
    const auto found = names_.find(key);
    return found != names_.end() ? found->second.first : fmt::format("series {}", key);
  }
  SeriesContents* contents_of(SeriesKey key) { return options_.by_series ? &report_.by_series[name_of(key)] : nullptr; }

  // ---- column files ----

  // Merging takes files away while we look: then we look again.
  Status columns(std::size_t shard) {
    const std::string folder = directory_ + "/" + shard_folder(shard) + "/columns";
    for (int left = kTries;; --left) {
      const auto listing = ColumnStore::listed(files_, folder, shard_stream(shard));
      if (!listing) return core::unexpected(listing.error());
      std::vector<ColumnSet::File> opened;
      Status all;
      for (const auto& entry : listing->files) {
        auto file = ColumnFile::open(files_, folder + "/" + entry.name, entry.header);
        if (!file) {
          all = core::unexpected(file.error());
          break;
        }
        opened.push_back(std::move(*file));
      }
      const auto again = ColumnStore::listed(files_, folder, shard_stream(shard));
      const bool moved = again && !(*again == *listing);
      if (moved && left > 0) continue;
      if (!all) return all;
      sealed_ = listing->sealed;
      for (const auto& file : opened) all_bytes_ += file->bytes();
      for (const auto& file : opened) {
        if (auto done = column_file(*file); !done) return done;
      }
      return {};
    }
  }

  Status column_file(const ColumnFile& file) {
    if (!file.damage().empty()) {
      report_.findings.push_back({file.path(), file.damage() + "; it is made good from the rest", false});
    }
    Contents& tier = report_.tiers[index_of(file.header().tier)];
    ++tier.files;
    add(tier, file.bytes(), file.summary().readings, file.summary().times);
    if (options_.check) {
      const auto spare = [&](const std::string& where) {
        report_.findings.push_back({where, "it is made good from the rest", false});
      };
      if (auto checked = file.check_spares(spare); !checked) return checked;
    }
    if (!options_.check && !options_.by_series) return {};
    SeriesKey before = 0;
    bool any = false;
    for (std::size_t at = 0;;) {
      const auto entries = file.entries(at);
      if (!entries) return core::unexpected(entries.error());
      if (entries->empty()) return {};
      for (const ChunkEntry& entry : *entries) {
        if (any && entry.key <= before) problem(file, entry, "its series are not in order");
        before = entry.key;
        any = true;
        if (auto done = chunk(file, entry); !done) return done;
      }
      at += entries->size();
    }
  }

  Status chunk(const ColumnFile& file, const ChunkEntry& entry) {
    const auto directory = file.directory(entry);
    if (!directory) {
      if (directory.error().code != ErrorCode::kCorrupt) return core::unexpected(directory.error());
      problem(file, entry,
              fmt::format("{}; all of {} {} in it is lost", directory.error().message, name_of(entry.key),
                          range_text(entry.times)));
      return {};
    }
    std::uint64_t rows = 0;
    for (const BlockEntry& block : directory->blocks) rows += block.count;
    if (auto* series = contents_of(entry.key)) {
      add(series->tiers[index_of(file.header().tier)], entry.bytes, rows, entry.times);
    }
    if (!options_.check) return {};
    found_ = {};
    for (std::size_t at = 0; at < directory->blocks.size(); at += kBlocksAtOnce) {
      const auto some =
          std::span(directory->blocks).subspan(at, std::min(kBlocksAtOnce, directory->blocks.size() - at));
      if (auto done = blocks(file, entry, some); !done) return done;
    }
    const Aggregate& said = entry.statistics;  // where the index is damaged, nothing
    if (found_.whole && file.damage().empty() &&
        (found_.count != said.count || found_.bad != said.bad_count ||
         !(found_.times.low == entry.times.low && found_.times.high == entry.times.high))) {
      problem(file, entry, fmt::format("{}: what the index says is not what the chunk holds", name_of(entry.key)));
    }
    return {};
  }

  Status blocks(const ColumnFile& file, const ChunkEntry& entry, std::span<const BlockEntry> some) {
    const auto lost = [&](const BlockEntry& block, const std::string& where) {
      found_.whole = false;
      report_.findings.push_back({where, fmt::format("fails its check; {} {} of {} {} are lost", block.count,
                                                     holds_readings(file.header().tier) ? "readings" : "intervals",
                                                     name_of(entry.key), range_text(block.times))});
    };
    const auto visit = [&](const BlockEntry& block, std::span<const std::byte> bytes) {
      ++report_.checked_blocks;
      const bool fits = holds_readings(file.header().tier) ? fits_readings(block, bytes)
                                                           : fits_rows(block, bytes, width_of(file.header().tier));
      if (!fits) lost(block, fmt::format("{}, bytes {} to {}", file.path(), block.offset, block.offset + block.bytes));
      done_bytes_ += bytes.size();
    };
    const Status read = file.read(some, buffer_, visit, lost);
    if (progress_) progress_(done_bytes_, all_bytes_);
    return read;
  }

  // What a block holds: its count and times, in order, as its entry says.
  bool fits_readings(const BlockEntry& block, std::span<const std::byte> bytes) {
    if (!decoder_.decode(bytes, block.times.low, block_) || block_.count != block.count) return false;
    std::uint32_t at = 0;
    core::TimeNs before = found_.times.empty() ? INT64_MIN : found_.times.high;
    for (const core::QualityRun& run : block_.quality) {
      for (const std::uint32_t end = at + run.count; at < end; ++at) {
        const core::TimeNs time = block_.time(at);
        if (time < before || time < block.times.low || time > block.times.high) return false;
        before = time;
        found_.times.add(time);
        if (run.quality == core::kBadInvalidTimestamp) continue;  // in no statistic
        const bool bad = run.quality.is_bad() || std::isnan(core::as_double(block_.type, block_.bits(at)));
        ++(bad ? found_.bad : found_.count);
      }
    }
    return true;
  }

  bool fits_rows(const BlockEntry& block, std::span<const std::byte> bytes, core::DurationNs width) {
    rows_.clear();
    if (!row_codec_.decode(bytes, width, rows_) || rows_.size() != block.count) return false;
    for (const RollupRow& row : rows_) {
      const core::TimeNs end = row.of.count != 0 ? row.of.last_time : row.of.start;
      const bool in_order = found_.times.empty() || row.of.start > found_.start;
      if (!in_order || row.of.start < block.times.low || end > block.times.high || end < row.of.start) return false;
      found_.start = row.of.start;
      found_.times.add(row.of.start);
      found_.times.add(end);
      found_.count += row.of.count;
      found_.bad += row.of.bad_count;
    }
    return true;
  }

  void problem(const ColumnFile& file, const ChunkEntry& entry, const std::string& what) {
    report_.findings.push_back(
        {fmt::format("{}, bytes {} to {}", file.path(), entry.offset, entry.offset + entry.bytes), what});
  }

  // ---- journals ----

  Status journal(std::size_t shard) {
    const std::string folder = directory_ + "/" + shard_folder(shard);
    std::uint64_t first = 0;
    const auto visit = [&](const journal::Record& record) {
      if (first == 0) first = record.sequence;
      take(record, folder);
      return true;
    };
    const auto read =
        journal::inspect(files_, folder, visit, [&](const journal::Damage& damage) { tell(damage, "readings"); });
    if (!read) return core::unexpected(read.error());
    report_.unsealed.files += read->segments;
    report_.unsealed.bytes += read->bytes;
    // What is sealed may be gone from the journal, nothing else.
    if (first > sealed_ + 1 && read->records != 0) {
      report_.findings.push_back({folder, fmt::format("records {} to {} are neither sealed nor in the journal: they "
                                                      "were dropped to make room, or their files are missing",
                                                      sealed_ + 1, first - 1)});
    }
    return {};
  }

  void take(const journal::Record& record, const std::string& folder) {
    const auto lost = [&](const std::string& what) {
      report_.findings.push_back(
          {fmt::format("{}/{}, record {}", folder, journal::segment_name(record.segment), record.sequence), what});
    };
    if (const auto gap = journal::decode_gap(record)) {
      lost(fmt::format("records {} to {} were dropped at {}, since the disk was full", gap->first, gap->last,
                       core::format_time(gap->dropped)));
      return;
    }
    // What is sealed already is counted there.
    if (record.type != kDataRecord || record.sequence <= sealed_) return;
    DataReader reader(record.payload);
    if (!reader.ok()) return lost("its head fails its check; its readings are lost");
    reader.lanes([](const Lane&) {});
    while (const auto encoded = reader.next_block()) {
      if (!decoder_.decode(encoded->bytes, reader.header().written.wall, block_)) {
        lost(fmt::format("a block of {} fails its check and is lost", name_of(encoded->key)));
        continue;
      }
      Extent times;
      for (std::uint32_t i = 0; i < block_.count; ++i) times.add(block_.time(i));
      add(report_.unsealed, 0, block_.count, times);
      if (auto* series = contents_of(encoded->key)) add(series->unsealed, encoded->bytes.size(), block_.count, times);
    }
    if (!reader.ok()) lost("it ends early; what it held besides is lost");
  }

  struct Found {  // in one chunk
    std::uint64_t count = 0;
    std::uint64_t bad = 0;
    Extent times;
    core::TimeNs start = 0;  // of the last row
    bool whole = true;
  };

  io::FileSystem& files_;
  const std::string directory_;
  const InspectOptions& options_;
  const InspectProgress& progress_;
  InspectReport report_;
  std::map<SeriesKey, Catalogue::Series> names_;
  journal::Sequence sealed_ = 0;
  std::uint64_t all_bytes_ = 0;
  std::uint64_t done_bytes_ = 0;
  Found found_;
  Decoder decoder_;
  DecodedBlock block_;
  RowCodec row_codec_;
  std::vector<RollupRow> rows_;
  std::vector<std::byte> buffer_;
};

}  // namespace

Result<InspectReport> inspect(io::FileSystem& files, const std::string& directory, const InspectOptions& options,
                              const InspectProgress& progress) {
  if (!io::has_files(files, directory + "/catalogue")) {
    return core::unexpected(ErrorCode::kNotFound,
                            directory + " holds no history: was the plant ever started, and with this file?");
  }
  return Inspector(files, directory, options, progress).run();
}

}  // namespace millwright::historian
