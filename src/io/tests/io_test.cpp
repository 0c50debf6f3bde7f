#include <cmath>
#include <filesystem>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "io/clock.hpp"
#include "io/faulty_file_system.hpp"
#include "io/file_system.hpp"
#include "io/network.hpp"
#include "io/random.hpp"
#include "io/sim_disk.hpp"
#include "io/sim_network.hpp"

namespace millwright::io {
namespace {

using core::ErrorCode;
using core::kSecond;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string text_of(FileSystem& files, const std::string& path) {
  const auto bytes = read_file(files, path);
  return bytes ? std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size()) : bytes.error().message;
}

TEST(SimClock, MovesByHandOnly) {
  SimClock clock(1000);
  clock.sleep(5);
  EXPECT_EQ(clock.now(), 1005);
  clock.set_wall(10);
  EXPECT_EQ(clock.now(), 10);
  EXPECT_EQ(clock.monotonic(), 5);
}

TEST(Random, RepeatsFromItsSeedAndIsNormal) {
  Random a(7);
  Random b(7);
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < 20'000; ++i) {
    const double x = a.normal();
    EXPECT_EQ(x, b.normal());
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / 20'000, 0, 0.05);
  EXPECT_NEAR(std::sqrt(squares / 20'000), 1, 0.05);
}

class RealFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = std::filesystem::temp_directory_path() / ("millwright-io-" + std::to_string(entropy()));
    ASSERT_TRUE(files_.make_directories(root_));
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  std::string root_;
  RealFileSystem files_;
};

TEST_F(RealFiles, WritesReadsAndLists) {
  ASSERT_TRUE(write_file_atomically(files_, root_ + "/b", "two"));
  ASSERT_TRUE(write_file_atomically(files_, root_ + "/a", "one"));
  ASSERT_TRUE(write_file_atomically(files_, root_ + "/a", "uno"));
  EXPECT_EQ(text_of(files_, root_ + "/a"), "uno");
  EXPECT_EQ(*files_.list(root_), (std::vector<std::string>{"a", "b"}));
  EXPECT_GT(*files_.free_bytes(root_), 0U);
}

TEST_F(RealFiles, NamesTheMissingFile) {
  const auto missing = files_.open(root_ + "/none", OpenMode::kRead);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_NE(missing.error().message.find(root_ + "/none"), std::string::npos);
}

TEST_F(RealFiles, LocksAFolderOnce) {
  auto lock = DirectoryLock::acquire(root_);
  ASSERT_TRUE(lock);
  const auto second = DirectoryLock::acquire(root_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kConflict);
}

TEST(SimDisk, KeepsWhatWasSyncedThroughAPowerCut) {
  int names_kept = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SimDisk disk(seed);
    ASSERT_TRUE(write_file_atomically(disk, "d/a", "safe"));
    {
      auto file = disk.open("d/a", OpenMode::kReadWrite);
      ASSERT_TRUE((*file)->write_at(4, bytes_of(std::string(5000, 'x'))));
      auto loose = disk.open("d/unsynced", OpenMode::kCreate);
      ASSERT_TRUE((*loose)->write_at(0, bytes_of("gone")));
    }
    disk.cut_power();
    EXPECT_EQ(text_of(disk, "d/a").substr(0, 4), "safe");
    names_kept += disk.exists("d/unsynced") ? 1 : 0;
  }
  EXPECT_GT(names_kept, 5) << "an unsynced name may come undone, and may stay";
  EXPECT_LT(names_kept, 45);
}

TEST(SimDisk, NamesOfAFolderComeUndoneFromTheLastOn) {
  std::set<std::vector<std::string>> seen;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SimDisk disk(seed);
    for (const char* path : {"d/1", "d/2", "d/in/3"}) ASSERT_TRUE(disk.open(path, OpenMode::kCreate));
    ASSERT_TRUE(disk.sync_directory("d/in"));
    ASSERT_TRUE(disk.rename("d/1", "d/4"));
    disk.cut_power();
    EXPECT_TRUE(disk.exists("d/in/3")) << "a folder's names are its own";
    seen.insert(*disk.list("d"));
  }
  EXPECT_EQ(seen, (std::set<std::vector<std::string>>{{}, {"1"}, {"1", "2"}, {"2", "4"}}));
}

TEST(FaultyFileSystem, FailsWhatItIsToldToAsOftenAsToldTo) {
  SimDisk below(1);
  FaultyFileSystem disk(below);
  disk.inject({.operation = Operation::kWrite, .nth = 2, .times = 2, .error = ErrorCode::kFull, .done = Done::kPart});
  auto file = disk.open("d/a", OpenMode::kCreate);
  ASSERT_TRUE(file);
  EXPECT_TRUE((*file)->write_at(0, bytes_of("abcd")));
  EXPECT_EQ((*file)->write_at(4, bytes_of("efgh")).error().code, ErrorCode::kFull);
  EXPECT_EQ((*file)->size().value(), 6U) << "half of it";
  EXPECT_FALSE((*file)->write_at(4, bytes_of("efgh")));
  EXPECT_TRUE((*file)->write_at(4, bytes_of("efgh")));
  EXPECT_EQ(disk.failures(), 2U);
  EXPECT_EQ(disk.count(Operation::kWrite), 4U);

  disk.inject({.operation = Operation::kSync});
  EXPECT_FALSE((*file)->sync());
  EXPECT_TRUE((*file)->sync()) << "and syncs nothing, as Linux does";
  ASSERT_TRUE(disk.sync_directory("d"));
  disk.inject({.operation = Operation::kRename, .error = ErrorCode::kIo, .done = Done::kAll});
  EXPECT_FALSE(disk.rename("d/a", "d/b"));
  EXPECT_TRUE(disk.exists("d/b")) << "done all the same";
  disk.die_at(1, Done::kNothing);
  EXPECT_FALSE(disk.remove("d/b"));
  EXPECT_TRUE(disk.dead());
  EXPECT_FALSE(disk.list("d"));
  EXPECT_FALSE(disk.open("d/b", OpenMode::kRead));
  disk.heal();
  EXPECT_TRUE(disk.remove("d/b"));
}

TEST(SimDisk, LosesDataSilentlyAfterAFailedSync) {
  SimDisk disk(1);
  ASSERT_TRUE(write_file_atomically(disk, "d/a", ""));
  auto file = disk.open("d/a", OpenMode::kReadWrite);
  ASSERT_TRUE((*file)->write_at(0, bytes_of("lost")));
  disk.fail_syncs(1);
  EXPECT_FALSE((*file)->sync());
  EXPECT_TRUE((*file)->sync());
  disk.cut_power();
  EXPECT_EQ(text_of(disk, "d/a"), "");
}

TEST(SimDisk, RunsFull) {
  SimDisk disk(1, 10);
  auto file = disk.open("d/a", OpenMode::kCreate);
  const auto written = (*file)->write_at(0, bytes_of("more than ten bytes"));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kFull);
}

template <typename T>
class AnyNetwork : public ::testing::Test {
 protected:
  T network_;
};
using Networks = ::testing::Types<RealNetwork, SimNetwork>;
TYPED_TEST_SUITE(AnyNetwork, Networks);

TYPED_TEST(AnyNetwork, CarriesBytesBothWaysAndSeesTheEnd) {
  auto listener = this->network_.listen({"127.0.0.1", 0});
  ASSERT_TRUE(listener);
  auto client = this->network_.connect({"127.0.0.1", (*listener)->port()}, kSecond);
  ASSERT_TRUE(client);
  auto server = (*listener)->accept(kSecond);
  ASSERT_TRUE(server);
  ASSERT_TRUE((*client)->write_all(bytes_of("ping"), kSecond));
  std::byte buffer[16];
  EXPECT_EQ(*(*server)->read_some(buffer, kSecond), 4U);
  ASSERT_TRUE((*server)->write_all(bytes_of("pong"), kSecond));
  EXPECT_EQ(*(*client)->read_some(buffer, kSecond), 4U);
  EXPECT_EQ((*client)->read_some(buffer, kSecond / 100).error().code, ErrorCode::kTimeout);
  (*client)->shut_down();
  EXPECT_EQ((*server)->read_some(buffer, kSecond).error().code, ErrorCode::kClosed);
}

TYPED_TEST(AnyNetwork, PushesBackOnAWriterWhomNobodyReads) {
  auto listener = this->network_.listen({"127.0.0.1", 0});
  auto client = this->network_.connect({"127.0.0.1", (*listener)->port()}, kSecond);
  auto server = (*listener)->accept(kSecond);
  const std::vector<std::byte> much(64 << 20);
  const auto written = (*client)->write_all(much, kSecond / 20);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kTimeout);
}

TYPED_TEST(AnyNetwork, RefusesATakenPortAndAnEmptyOne) {
  auto listener = this->network_.listen({"127.0.0.1", 0});
  const auto port = (*listener)->port();
  EXPECT_EQ(this->network_.listen({"127.0.0.1", port}).error().code, ErrorCode::kConflict);
  (*listener).reset();
  EXPECT_EQ(this->network_.connect({"127.0.0.1", port}, kSecond).error().code, ErrorCode::kUnavailable);
}

TEST(SimNetwork, GoesSilentAndComesBack) {
  SimNetwork network;
  auto listener = network.listen({"sim", 1});
  auto client = network.connect({"sim", 1}, kSecond);
  auto server = (*listener)->accept(kSecond);
  network.pull_cable(SimNetwork::Cut::kSilent);
  ASSERT_TRUE((*client)->write_all(bytes_of("x"), kSecond));
  std::byte buffer[4];
  EXPECT_EQ((*server)->read_some(buffer, kSecond / 100).error().code, ErrorCode::kTimeout);
  EXPECT_FALSE(network.connect({"sim", 1}, kSecond));
  network.plug_cable();
  EXPECT_EQ(*(*server)->read_some(buffer, kSecond), 1U);
}

}  // namespace
}  // namespace millwright::io
