#include "database/database.hpp"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace millwright::database {
namespace {

using core::ErrorCode;
using testing::HasSubstr;

constexpr std::array<std::string_view, 2> kSteps = {
    "CREATE TABLE test_things (id TEXT PRIMARY KEY, number BIGINT, measure DOUBLE PRECISION, note TEXT)",
    "CREATE INDEX test_things_number ON test_things (number)"};

class DatabaseTest : public testing::Test {
 protected:
  DatabaseTest() {
    std::string name = (std::filesystem::temp_directory_path() / "millwright database-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~DatabaseTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Database> open() {
    auto database = Database::open({.file = folder_ + "/plant.db", .postgresql = {}, .password = {}});
    EXPECT_TRUE(database) << database.error().message;
    const auto ready = (*database)->migrate("test", kSteps);
    EXPECT_TRUE(ready) << ready.error().message;
    return std::move(*database);
  }

  std::string folder_;
};

TEST_F(DatabaseTest, KeepsEveryKindOfValue) {
  const auto database = open();
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  ASSERT_TRUE(database->execute("INSERT INTO test_things VALUES (:a, :b, :c, :d)", {"x", kMost, 0.1, "it's \"Ω\""}));
  ASSERT_TRUE(database->execute("INSERT INTO test_things VALUES (:a, :b, :c, :d)", {"y", nullptr, nullptr, nullptr}));
  const auto rows = database->query("SELECT id, number, measure, note FROM test_things ORDER BY id");
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_EQ((*rows)[0].integer(1), kMost);
  EXPECT_EQ((*rows)[0].number(2), 0.1);
  EXPECT_EQ((*rows)[0].text(3), "it's \"Ω\"");
  EXPECT_TRUE((*rows)[1].is_null(1) && (*rows)[1].is_null(2) && (*rows)[1].is_null(3));
}

TEST_F(DatabaseTest, AnswersOfExpressionsAreNumbers) {
  const auto database = open();
  ASSERT_TRUE(database->execute("INSERT INTO test_things VALUES ('x', 4000000000, 1.5, 'a')"));
  ASSERT_TRUE(database->execute("INSERT INTO test_things VALUES ('y', 4000000000, 2.5, 'b')"));
  const auto rows = database->query("SELECT COUNT(*), SUM(number), SUM(measure), MAX(note) FROM test_things");
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(rows->front().integer(0), 2);
  EXPECT_EQ(rows->front().integer(1), 8'000'000'000);
  EXPECT_EQ(rows->front().number(2), 4.0);
  EXPECT_EQ(rows->front().text(3), "b");
}

TEST_F(DatabaseTest, AFailedTransactionLeavesNothing) {
  const auto database = open();
  const auto done = database->transaction([](Connection& connection) -> core::Status {
    EXPECT_TRUE(connection.execute("INSERT INTO test_things (id) VALUES ('x')"));
    return core::unexpected(ErrorCode::kInvalid, "no");
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "no");
  EXPECT_EQ(database->query("SELECT * FROM test_things")->size(), 0U);
}

TEST_F(DatabaseTest, SaysHowManyRowsChanged) {
  const auto database = open();
  for (const char* id : {"x", "y", "z"}) {
    ASSERT_TRUE(database->execute("INSERT INTO test_things (id, number) VALUES (:a, 1)", {id}));
  }
  EXPECT_EQ(*database->execute("UPDATE test_things SET number = 2 WHERE id <> :a", {"x"}), 2);
  EXPECT_EQ(*database->execute("DELETE FROM test_things WHERE id = :a", {"nobody"}), 0);
}

TEST_F(DatabaseTest, AConstraintIsAConflict) {
  const auto database = open();
  ASSERT_TRUE(database->execute("INSERT INTO test_things (id) VALUES ('x')"));
  const auto again = database->execute("INSERT INTO test_things (id) VALUES ('x')");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kConflict) << again.error().message;
}

TEST_F(DatabaseTest, KeepsAcrossOpeningAndTellsANewerDatabase) {
  ASSERT_TRUE(open()->execute("INSERT INTO test_things (id) VALUES ('x')"));
  const auto database = open();
  EXPECT_EQ(database->query("SELECT id FROM test_things")->front().text(0), "x");
  const auto older = database->migrate("test", std::span(kSteps).first(1));
  ASSERT_FALSE(older);
  EXPECT_EQ(older.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(older.error().message, HasSubstr("version 2, this program knows 1"));
}

TEST_F(DatabaseTest, AMigrationThatFailsChangesNothing) {
  const auto database = open();
  static constexpr std::array<std::string_view, 2> kBad = {"CREATE TABLE other_things (id TEXT)", "CREATE NONSENSE"};
  const auto done = database->migrate("other", kBad);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("other: migration step 2"));
  EXPECT_FALSE(database->query("SELECT * FROM other_things"));
}

TEST_F(DatabaseTest, TheFileIsItsOwnersAlone) {
  open();
  struct stat status {};
  ASSERT_EQ(::stat((folder_ + "/plant.db").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(DatabaseTest, AFileThatIsNoDatabaseIsRefused) {
  const std::string file = folder_ + "/plant.db";
  std::FILE* out = std::fopen(file.c_str(), "w");
  std::fputs(
      "this is no database, and longer than a header of one hundred bytes would be, so that it must be read ....", out);
  std::fclose(out);
  const auto database = Database::open({.file = file, .postgresql = {}, .password = {}});
  ASSERT_FALSE(database);
  EXPECT_EQ(database.error().code, ErrorCode::kCorrupt) << database.error().message;
  EXPECT_THAT(database.error().message, HasSubstr(file));
}

TEST_F(DatabaseTest, IsCopiedWhileItIsUsed) {
  const auto database = open();
  ASSERT_TRUE(database->execute("INSERT INTO test_things (id) VALUES ('x')"));
  const std::string copy = folder_ + "/it's a copy.db";
  const auto copied = copy_file(folder_ + "/plant.db", copy);
  ASSERT_TRUE(copied) << copied.error().message;
  ASSERT_TRUE(database->execute("INSERT INTO test_things (id) VALUES ('y')"));
  const auto other = Database::open({.file = copy, .postgresql = {}, .password = {}});
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_EQ((*other)->query("SELECT * FROM test_things")->size(), 1U);
  struct stat status {};
  ASSERT_EQ(::stat(copy.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(DatabaseTest, PostgresqlThatIsNotThereIsUnavailable) {
  const auto database = Database::open({.file = {}, .postgresql = "postgresql://nobody@127.0.0.1:1/x", .password = {}});
  ASSERT_FALSE(database);
  EXPECT_EQ(database.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(database.error().message, HasSubstr("127.0.0.1:1"));
}

}  // namespace
}  // namespace millwright::database
