// What looks at a history from outside sees all that is there, and every byte that is not what was written.
#include "historian/inspect.hpp"

#include "historian/tests/historian_fixture.hpp"
#include "journal/inspect.hpp"

namespace millwright::historian {
namespace {

using ::testing::HasSubstr;

class InspectTest : public HistorianTest {
 protected:
  static constexpr std::uint32_t kPerBlock = 1000;

  // Readings of two quick sensors and a slow one over some segments, sealed but for the last, which is open.
  void fill(std::uint64_t segment_bytes = 4096, int batches = 40) {
    options_.journal.segment_bytes = segment_bytes;
    open();
    for (int i = 0; i < batches; ++i) {
      const core::TimeNs start = kStart + i * kPerBlock * core::kMillisecond;
      record(++sequence_, kPerBlock, start);
      record(++sequence_, kPerBlock, start, core::kMillisecond, temperature(1));
      record(++sequence_, 1, start, core::kMillisecond, temperature(2));
      tick_and_commit();
    }
    ASSERT_TRUE(history_->tidy());
  }
  InspectReport look(InspectOptions options = {}) {
    auto report = inspect(disk_, "data/history", options);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : InspectReport{};
  }
  std::vector<std::string> column_files() {
    std::vector<std::string> paths;
    const std::string folder = "data/history/shard-0/columns/";
    const auto names = disk_.list(folder.substr(0, folder.size() - 1));
    for (const std::string& name : *names) {
      if (name.ends_with(".mwc")) paths.push_back(folder + name);
    }
    return paths;
  }
  void flip(const std::string& path, std::uint64_t at, std::byte with) {
    const auto file = disk_.open(path, io::OpenMode::kReadWrite);
    ASSERT_TRUE(file);
    std::array<std::byte, 1> one{};
    ASSERT_TRUE((*file)->read_at(at, one));
    one[0] ^= with;
    ASSERT_TRUE((*file)->write_at(at, one));
  }
  std::uint64_t size_of(const std::string& path) { return *(*disk_.open(path, io::OpenMode::kRead))->size(); }

  std::uint64_t sequence_ = 0;
};

TEST_F(InspectTest, AllThatIsThere) {
  fill();
  InspectReport report = look({.check = true, .by_series = true});
  EXPECT_TRUE(report.findings.empty()) << report.findings.front().where << report.findings.front().what;
  for (const Contents& tier : report.tiers) EXPECT_GT(tier.rows, 0u);
  EXPECT_GT(report.unsealed.rows, 0u);
  EXPECT_EQ(report.readings(), 80'040u);
  EXPECT_EQ(report.tiers[0].times.low, kStart);
  EXPECT_EQ(report.unsealed.times.high, kStart + (40'000 - 1) * core::kMillisecond);
  EXPECT_EQ(report.series, model_.sensors().size());
  EXPECT_GT(report.tiers[1].rows, report.tiers[2].rows);
  EXPECT_GT(report.checked_blocks, 0u);
  ASSERT_EQ(report.by_series.size(), 3u);
  for (const auto& [path, contents] : report.by_series) {
    EXPECT_EQ(contents.readings(), path.find("pump-2") == path.npos ? 40'000u : 40u) << path;
  }
  // Looking alone costs no reading of blocks, and says the same.
  const InspectReport quick = look({.check = false, .by_series = false});
  EXPECT_EQ(quick.checked_blocks, 0u);
  EXPECT_EQ(quick.tiers[0].rows, report.tiers[0].rows);
  EXPECT_EQ(quick.tiers[0].bytes, report.tiers[0].bytes);
}

// Of a byte that differs, wherever it is, something is said; and where a loss is said, sensor and range are.
TEST_F(InspectTest, EveryByteCounts) {
  fill();
  close();
  int cases = 0;
  for (const std::string& path : column_files()) {
    const std::uint64_t size = size_of(path);
    for (std::uint64_t at = 0; at < size; at += 1 + size / 211) {
      flip(path, at, std::byte{0x10});
      const InspectReport report = look();
      ASSERT_FALSE(report.findings.empty()) << path << " byte " << at;
      flip(path, at, std::byte{0x10});
      ++cases;
    }
  }
  EXPECT_TRUE(look().findings.empty());
  RecordProperty("cases", cases);
  EXPECT_GT(cases, 900);
}

TEST_F(InspectTest, ALostBlockIsNamed) {
  fill();
  close();
  // The first block of the raw file follows its chunk's directory.
  const auto paths = column_files();
  const auto raw =
      std::find_if(paths.begin(), paths.end(), [](const auto& path) { return path.find("/raw-") != path.npos; });
  ASSERT_NE(raw, paths.end());
  flip(*raw, kColumnHeaderBytes + 2000, std::byte{1});
  const InspectReport report = look();
  ASSERT_EQ(report.findings.size(), 1u);
  EXPECT_TRUE(report.findings[0].loss);
  EXPECT_THAT(report.findings[0].where, HasSubstr(*raw + ", bytes "));
  EXPECT_THAT(report.findings[0].what,
              HasSubstr("readings of acme/lyon/utilities/cooling/pumps/pump-0/temperature from 20"));
}

TEST_F(InspectTest, DamageInAJournalIsNamed) {
  fill(4 << 20, 800);

  close();
  const std::string folder = "data/history/shard-0";
  std::string newest;
  const auto names = disk_.list(folder);
  for (const std::string& name : *names) {
    if (name.ends_with(".mwj")) newest = folder + "/" + name;
  }
  ASSERT_FALSE(newest.empty());
  ASSERT_TRUE(look().findings.empty());
  ASSERT_GT(size_of(newest), 100'000u);  // some frame blocks, so that later ones prove what is missing
  flip(newest, size_of(newest) / 2, std::byte{1});
  const InspectReport report = look();
  ASSERT_FALSE(report.findings.empty());
  EXPECT_THAT(report.findings[0].where, HasSubstr(newest));
  EXPECT_THAT(report.findings[0].what, HasSubstr("records "));
}

TEST_F(InspectTest, WhatIsNoHistorySaysSo) {
  const auto report = inspect(disk_, "data/history", {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, core::ErrorCode::kNotFound);
}

}  // namespace
}  // namespace millwright::historian
