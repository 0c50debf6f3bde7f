// Damage at every byte of column files and manifests, and along a journal: bits that flip, sectors that are zero, files
// that end too soon. All of it is found, no answer is wrong, and no more is lost than the blocks that were hit.
#include <array>
#include <regex>
#include <sstream>

#include <spdlog/sinks/ostream_sink.h>

#include "core/log.hpp"
#include "historian/column_reader.hpp"
#include "historian/inspect.hpp"
#include "historian/tests/historian_fixture.hpp"
#include "journal/format.hpp"
#include "journal/inspect.hpp"

namespace millwright::historian {
namespace {

using core::kHour;
using core::kMillisecond;
using core::kSecond;

const std::string kShard = "data/history/shard-0";
const std::string kColumns = kShard + "/columns";
constexpr std::uint64_t kSectorBytes = 512;

struct Hole {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  [[nodiscard]] bool hits(std::uint64_t offset, std::uint64_t bytes) const {
    return offset < to && from < offset + bytes;
  }
};

class DamageTest : public HistorianTest {
 protected:
  void SetUp() override {
    options_.journal.segment_bytes = 24 * 1024;
    options_.disk_quota_bytes = 0;
    options_.retention.raw = kHour;
    for (const char* part : kLoggers) {
      sinks_.push_back(core::logger(part)->sinks());
      core::logger(part)->sinks() = {sink_};
    }
  }
  void TearDown() override {
    HistorianTest::TearDown();
    for (std::size_t i = 0; i < kLoggers.size(); ++i) core::logger(kLoggers[i])->sinks() = sinks_[i];
  }

  // Some files of each tier: three quick series, of which one has many blocks, and a slow one.
  void make_history(int batches = 40) {
    open();
    for (int i = 0; i < batches; ++i) {
      core::BlockBatch one = batch(++sequence_);
      for (std::size_t machine = 0; machine < 3; ++machine) {
        if (machine == 2 && i % 13 != 0) continue;
        const std::uint32_t n = machine == 0 ? 400 : 40;
        core::Block& block = one.add(temperature(machine), core::ValueType::kFloat32, n, kStart + i * 10 * kSecond,
                                     20 * kMillisecond, clock_.now());
        for (float& value : block.as<float>()) value = static_cast<float>(random_.uniform());
      }
      core::Block& slow =
          one.add(temperature(3), core::ValueType::kFloat32, 10, kStart + i * 10 * kSecond, kSecond, clock_.now());
      for (float& value : slow.as<float>()) value = static_cast<float>(random_.uniform());
      send(0, std::move(one));
      tick_and_commit();
    }
  }
  void seal() { ASSERT_TRUE(history_->tidy()); }

  std::vector<std::byte> content(const std::string& path) { return *io::read_file(disk_, path); }
  void put(const std::string& path, std::span<const std::byte> bytes) {
    auto file = disk_.open(path, io::OpenMode::kReadWrite);
    ASSERT_TRUE((*file)->truncate(0));
    ASSERT_TRUE((*file)->write_at(0, bytes));
    ASSERT_TRUE((*file)->sync());
  }
  // What was logged since, and forgets it.
  std::string said() {
    std::string text = log_.str();
    log_.str("");
    return text;
  }

  static constexpr std::array<const char*, 2> kLoggers{"journal", "historian"};
  std::vector<std::vector<spdlog::sink_ptr>> sinks_;  // as they were
  std::ostringstream log_;
  std::shared_ptr<spdlog::sinks::ostream_sink_mt> sink_ = std::make_shared<spdlog::sinks::ostream_sink_mt>(log_);
  io::Random random_{3};
  std::uint64_t sequence_ = 0;
};

// Whether a report names a range of bytes that the hole lies in, or begins in.
bool names(const std::string& reports, const Hole& hole) {
  static const std::regex kRange("bytes ([0-9]+) to ([0-9]+)");
  for (std::sregex_iterator it(reports.begin(), reports.end(), kRange), end; it != end; ++it) {
    const std::uint64_t from = std::stoull((*it)[1]);
    if (hole.hits(from, std::stoull((*it)[2]) - from)) return true;
  }
  return false;
}

// Every byte of small files and of what begins and ends a file, every 19th of the blocks between.
std::uint64_t stride(std::uint64_t size, std::uint64_t at) {
  constexpr std::uint64_t kSmall = 2'000;
  return size < kSmall || at < 200 || at + 600 > size ? 1 : 19;
}

// A column file as it was, to hold what comes of damage against.
class Subject {
 public:
  struct Chunk {
    ChunkEntry entry;
    Directory directory;
    std::vector<Reading> readings;
    std::vector<RollupRow> rows;
  };

  Subject(io::FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {
    const auto file = ColumnFile::open(files_, path_, {});
    EXPECT_TRUE(file);
    header_ = (*file)->header();
    for (std::size_t at = 0;;) {
      const auto entries = (*file)->entries(at);
      if (entries->empty()) break;
      at += entries->size();
      for (const ChunkEntry& entry : *entries) {
        Chunk chunk{.entry = entry, .directory = *(*file)->directory(entry), .readings = {}, .rows = {}};
        EXPECT_TRUE(read(*file, chunk, chunk.readings, chunk.rows));
        chunks_.push_back(std::move(chunk));
      }
    }
  }

  // Reads all that is left; `truncated` files have no end, and so no index.
  void check(const Hole& hole, bool truncated) {
    const auto file = ColumnFile::open(files_, path_, header_);
    ASSERT_TRUE(file) << file.error().message;
    for (const Chunk& chunk : chunks_) {
      std::vector<Reading> readings;
      std::vector<RollupRow> rows;
      ASSERT_TRUE(read(*file, chunk, readings, rows));
      const std::uint64_t may_lose = lost_at_most(chunk, hole, truncated);
      check_part(chunk.readings, readings, may_lose, [](const Reading& a, const Reading& b) {
        return a.time == b.time && a.bits == b.bits && a.quality == b.quality;
      });
      check_part(chunk.rows, rows, may_lose, [](const RollupRow& a, const RollupRow& b) {
        return a.of.start == b.of.start && a.of.count == b.of.count && a.of.sum == b.of.sum && a.of.min == b.of.min;
      });
    }
    damage_ = (*file)->damage();
  }
  [[nodiscard]] const std::string& damage() const { return damage_; }
  // A directory's copy is read only where the directory itself is damaged.
  [[nodiscard]] bool only_in_a_copy(const Hole& hole) const {
    for (const Chunk& chunk : chunks_) {
      const std::uint64_t end = chunk.entry.offset + chunk.entry.bytes;
      if (chunk.directory.blocks.size() > 1 && hole.from >= end - chunk.directory.bytes && hole.to <= end) return true;
    }
    return false;
  }

 private:
  core::Status read(const ColumnSet::File& file, const Chunk& chunk, std::vector<Reading>& readings,
                    std::vector<RollupRow>& rows) {
    const auto found = file->find(chunk.entry.key);
    if (!found) return core::unexpected(found.error());
    if (!*found) return {};
    if (!holds_readings(header_.tier)) return reader_.rows(file, **found, INT64_MIN, INT64_MAX, rows);
    std::vector<ColumnReader::Place> places;
    if (auto looked = reader_.find(file, chunk.entry.key, INT64_MIN, INT64_MAX, places); !looked) return looked;
    for (const auto& place : places) {
      if (auto done = reader_.read(place, INT64_MIN, INT64_MAX, readings); !done) return done;
    }
    return {};
  }

  static std::uint64_t lost_at_most(const Chunk& chunk, const Hole& hole, bool truncated) {
    const std::uint64_t bytes = chunk.directory.bytes;
    const bool twice = chunk.directory.blocks.size() > 1;
    const bool first = hole.hits(chunk.entry.offset, bytes);
    const bool second = twice && hole.hits(chunk.entry.offset + chunk.entry.bytes - bytes, bytes);
    const bool no_directory = first && (!twice || second || truncated);
    std::uint64_t sum = 0;
    for (const BlockEntry& block : chunk.directory.blocks) {
      if (no_directory || hole.hits(block.offset, block.bytes)) sum += block.count;
    }
    return sum;
  }

  template <typename T, typename Same>
  static void check_part(const std::vector<T>& all, const std::vector<T>& part, std::uint64_t may_lose, Same&& same) {
    auto at = all.begin();
    for (const T& one : part) {
      while (at != all.end() && !same(*at, one)) ++at;
      ASSERT_TRUE(at != all.end()) << "something that was never written";
      ++at;
    }
    ASSERT_LE(all.size() - part.size(), may_lose) << "more than the damaged blocks is lost";
  }

  io::FileSystem& files_;
  std::string path_;
  ColumnHeader header_;
  std::vector<Chunk> chunks_;
  std::string damage_;
  ColumnReader reader_;
};

TEST_F(DamageTest, OfAColumnFileCostsTheBlocksThatItHits) {
  options_.journal.segment_bytes = 60 * 1024;  // so that a series has more than one block
  make_history(60);
  seal();
  std::size_t cases = 0;
  std::size_t in_copies = 0;
  const auto listed = disk_.list(kColumns).value();
  for (const std::string& name : listed) {
    if (!name.ends_with(".mwc")) continue;
    const std::string path = kColumns + "/" + name;
    Subject subject(disk_, path);
    const std::vector<std::byte> whole = content(path);
    ASSERT_FALSE(HasFailure());
    said();
    const auto damaged = [&](const Hole& hole, bool truncated) {
      ++cases;
      subject.check(hole, truncated);
      const std::string reports = said() + subject.damage();
      if (subject.only_in_a_copy(hole)) {
        ++in_copies;
      } else {
        EXPECT_FALSE(reports.empty()) << "not found";
        if (!truncated) {
          EXPECT_TRUE(names(reports, hole)) << "not where it is: " << reports;
        }
      }
      if (HasFailure()) FAIL() << path << " of " << whole.size() << ", bytes " << hole.from << " to " << hole.to;
    };
    for (std::uint64_t at = 0; at < whole.size(); at += stride(whole.size(), at)) {
      const int bit = static_cast<int>(random_.below(8));
      disk_.flip_bit(path, at, bit);
      damaged({at, at + 1}, false);
      disk_.flip_bit(path, at, bit);
      if (HasFailure()) return;
    }
    for (std::uint64_t at = 0; at < whole.size(); at += kSectorBytes / 2) {
      disk_.zero(path, at, kSectorBytes);
      damaged({at, std::min<std::uint64_t>(at + kSectorBytes, whole.size())}, false);
      put(path, whole);
      if (HasFailure()) return;
    }
    for (std::uint64_t size = 0; size < whole.size(); size += 1 + random_.below(40)) {
      put(path, std::span(whole).first(size));
      damaged({size, whole.size()}, true);
      if (HasFailure()) return;
    }
    put(path, whole);
  }
  std::printf("%zu cases, %zu of them in copies of directories, which nothing reads while the first is good\n", cases,
              in_copies);
  EXPECT_GT(cases, 5'000U);
  EXPECT_GT(in_copies, 0U);
}

TEST_F(DamageTest, OfAManifestIsAlwaysFound) {
  make_history();
  seal();
  close();
  const std::string path = kColumns + "/" + std::string(ColumnStore::kManifest);
  const std::vector<std::byte> whole = content(path);
  const auto names_before = disk_.list(kColumns).value();
  std::size_t cases = 0;
  const auto refused = [&](std::uint64_t at) {
    ++cases;
    const auto opened = ColumnStore::open(disk_, kColumns, 0);
    ASSERT_FALSE(opened) << "byte " << at;
    EXPECT_EQ(opened.error().code, core::ErrorCode::kCorrupt);
    EXPECT_NE(opened.error().message.find(path), std::string::npos) << opened.error().message;
    ASSERT_EQ(*disk_.list(kColumns), names_before) << "no file goes on the word of a damaged manifest";
  };
  for (std::uint64_t at = 0; at < whole.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      disk_.flip_bit(path, at, bit);
      refused(at);
      disk_.flip_bit(path, at, bit);
    }
    put(path, std::span(whole).first(at));
    refused(at);
    put(path, whole);
  }
  std::printf("%zu cases\n", cases);
  EXPECT_TRUE(ColumnStore::open(disk_, kColumns, 0));
}

// Where the records of a segment lie, to hold what comes of damage against.
struct SegmentMap {
  struct Placed {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    bool data = false;
  };
  std::vector<Placed> records;
  std::uint64_t bytes = 0;

  // A damaged byte costs the records in the rest of its 32 KiB, or that reach into it. The header costs nothing while
  // the first 32 KiB have room for its copy; a shorter segment has none, and goes as a whole.
  [[nodiscard]] std::size_t lost_at_most(const Hole& hole) const {
    using journal::kBlockBytes;
    using journal::kHeaderCopyOffset;
    using journal::kSegmentHeaderBytes;
    const bool has_copy = bytes >= kBlockBytes;
    if (has_copy && (hole.to <= kSegmentHeaderBytes || (hole.from >= kHeaderCopyOffset && hole.to <= kBlockBytes))) {
      return 0;
    }
    const bool all = hole.from < kSegmentHeaderBytes && !has_copy;
    const std::uint64_t end = (hole.to - 1) / kBlockBytes * kBlockBytes + kBlockBytes;
    return static_cast<std::size_t>(std::count_if(records.begin(), records.end(), [&](const Placed& one) {
      return one.data && (all || (one.to > hole.from && one.from < end));
    }));
  }
};

class JournalDamage : public DamageTest, public testing::WithParamInterface<std::uint64_t> {
 protected:
  static constexpr std::size_t kPerRecord = 400;

  SegmentMap map_of_first(std::uint64_t bytes) {
    SegmentMap map{.records = {}, .bytes = bytes};
    const auto looked = journal::inspect(disk_, kShard,
                                         [&](const journal::Record& record) {
                                           if (record.segment != 1) return false;
                                           if (!map.records.empty()) map.records.back().to = record.offset;
                                           map.records.push_back({record.offset, bytes, record.type == kDataRecord});
                                           return true;
                                         },
                                         {});
    EXPECT_TRUE(looked);
    return map;
  }
};

TEST_P(JournalDamage, CostsTheRestOfItsBlock) {
  options_.journal.segment_bytes = GetParam();
  make_history(static_cast<int>(GetParam() / 1024));
  const std::string path = kShard + "/" + journal::segment_name(1);
  const std::vector<std::byte> whole = content(path);
  const SegmentMap map = map_of_first(whole.size());
  const auto data =
      static_cast<core::TimeNs>(std::count_if(map.records.begin(), map.records.end(), [](auto& r) { return r.data; }));
  const Range first_segment{kStart, kStart + data * 10 * kSecond};
  const auto before = raw(temperature(0), first_segment);
  ASSERT_GT(data, 10);
  ASSERT_EQ(before.size(), static_cast<std::size_t>(data) * kPerRecord);
  std::size_t cases = 0;
  std::size_t costly = 0;
  const auto check = [&](const Hole& hole) {
    ++cases;
    restart_after_power_cut();
    const auto after = raw(temperature(0), first_segment);
    auto at = before.begin();
    for (const Reading& one : after) {
      while (at != before.end() && at->time != one.time) ++at;
      ASSERT_TRUE(at != before.end() && at->bits == one.bits) << "byte " << hole.from << ": another reading";
    }
    ASSERT_LE(before.size() - after.size(), map.lost_at_most(hole) * kPerRecord) << "byte " << hole.from;
    if (after.size() == before.size()) return;
    ++costly;
    const auto report = inspect(disk_, "data/history", {});
    ASSERT_TRUE(report);
    std::string found;
    for (const Finding& one : report->findings) found += one.where + ": " + one.what + "\n";
    EXPECT_TRUE(hole.to > whole.size() || names(found, hole)) << "byte " << hole.from << ", not where it is: " << found;
    EXPECT_NE(found.find("records "), std::string::npos) << found;
  };
  for (std::uint64_t at = 0; at < whole.size() && !HasFailure(); at += at < journal::kSegmentHeaderBytes ? 5 : 173) {
    const int bit = static_cast<int>(random_.below(8));
    disk_.flip_bit(path, at, bit);
    check({at, at + 1});
    disk_.flip_bit(path, at, bit);
  }
  for (std::uint64_t at = 0; at < whole.size() && !HasFailure(); at += kSectorBytes) {
    disk_.zero(path, at, kSectorBytes);
    check({at, std::min<std::uint64_t>(at + kSectorBytes, whole.size())});
    put(path, whole);
  }
  for (std::uint64_t size = 0; size < whole.size() && !HasFailure(); size += 1 + random_.below(600)) {
    put(path, std::span(whole).first(size));
    check({size, UINT64_MAX - journal::kBlockBytes});
    put(path, whole);
  }
  std::printf("%zu cases, of which %zu cost records\n", cases, costly);
  EXPECT_GT(costly, cases / 2);
}

// One shorter than a block, and one of some blocks.
INSTANTIATE_TEST_SUITE_P(Segments, JournalDamage, testing::Values(24 * 1024, 96 * 1024));

TEST_F(DamageTest, DoesNotMakeAFileOld) {
  make_history();
  restart_after_power_cut();  // closes the last segment, so that all is sealed
  seal();
  clock_.advance(kHour / 2);
  const auto before = raw(temperature(0));
  const auto listed = disk_.list(kColumns).value();
  for (const std::string& name : listed) {
    if (!name.starts_with("raw-")) continue;
    const std::string path = kColumns + "/" + name;
    disk_.flip_bit(path, content(path).size() - 40, 0);  // in the footer
  }
  tick_and_commit();
  restart_after_power_cut();
  ASSERT_TRUE(history_->tidy());
  EXPECT_EQ(raw(temperature(0)).size(), before.size());
  clock_.advance(10 * kHour);
  ASSERT_TRUE(history_->tidy());
  EXPECT_EQ(raw(temperature(0)).size(), before.size()) << "how old it is cannot be told, so that it stays";
}

}  // namespace
}  // namespace millwright::historian
