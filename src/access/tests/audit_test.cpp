#include "access/audit.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "core/text.hpp"

namespace millwright::access {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class AuditTest : public testing::Test {
 protected:
  AuditTest() {
    std::string name = (std::filesystem::temp_directory_path() / "millwright audit-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    file_ = folder_ + "/audit/log";
  }
  ~AuditTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<AuditLog> open() {
    auto log = AuditLog::open(file_, [this](const AuditHead& head) {
      head_ = head;
      return core::Status();
    });
    EXPECT_TRUE(log) << log.error().message;
    return std::move(*log);
  }
  void write(int count) {
    const auto log = open();
    for (int i = 0; i < count; ++i) {
      const auto sealed = log->append({.time = 1'700'000'000'000'000'000 + i,
                                       .who = "anna",
                                       .by = "session",
                                       .from = "10.0.0.7",
                                       .what = "POST /v1/thing/" + std::to_string(i),
                                       .status = 200,
                                       .detail = R"({"value":)" + std::to_string(i) + "}"});
      ASSERT_TRUE(sealed) << sealed.error().message;
    }
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    std::ifstream in(file_);
    std::vector<std::string> all;
    for (std::string line; std::getline(in, line);) all.push_back(line);
    return all;
  }
  void rewrite(const std::vector<std::string>& all) const {
    std::ofstream out(file_, std::ios::trunc);
    for (const std::string& line : all) out << line << "\n";
  }
  [[nodiscard]] std::vector<std::string> problems() const {
    const auto report = verify_audit(file_, {head_});
    EXPECT_TRUE(report) << report.error().message;
    return report->problems;
  }

  std::string folder_;
  std::string file_;
  AuditHead head_;
};

TEST_F(AuditTest, AWholeLogIsInOrder) {
  write(5);
  const auto report = verify_audit(file_, {head_});
  ASSERT_TRUE(report);
  EXPECT_THAT(report->problems, IsEmpty());
  EXPECT_EQ(report->records, 5U);
  EXPECT_EQ(to_text(report->head), to_text(head_));
  EXPECT_EQ(parse_head(to_text(head_))->seal, head_.seal);
}

TEST_F(AuditTest, GoesOnWhereItStopped) {
  write(3);
  write(2);
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_EQ(head_.number, 5U);
}

TEST_F(AuditTest, TwoWritersShareOneLog) {
  const auto first = open();
  const auto second = open();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(first->append({.who = "anna", .what = "a"}));
    ASSERT_TRUE(second->append({.who = "bert", .what = "b"}));
  }
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_EQ(head_.number, 10U);
}

TEST_F(AuditTest, EveryAlteredRecordIsFound) {
  write(5);
  const auto whole = lines();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    auto changed = whole;
    changed[i].replace(changed[i].find("anna"), 4, "bert");
    rewrite(changed);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("record " + std::to_string(i + 1) + " was altered"))) << i;
  }
}

TEST_F(AuditTest, EveryRemovedRecordIsFound) {
  write(5);
  const auto whole = lines();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    auto changed = whole;
    changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
    rewrite(changed);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("record " + std::to_string(i + 1) + " was removed"))) << i;
  }
  rewrite({});
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("records 1 to 5 were removed from the end")));
}

TEST_F(AuditTest, EveryMovedRecordIsFound) {
  write(5);
  const auto whole = lines();
  for (std::size_t i = 0; i + 1 < whole.size(); ++i) {
    auto changed = whole;
    std::swap(changed[i], changed[i + 1]);
    rewrite(changed);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("record " + std::to_string(i + 1) + " stands after record " +
                                                  std::to_string(i + 2))))
        << i;
  }
}

TEST_F(AuditTest, RecordsThatStandTwiceAndForeignLinesAreFound) {
  write(3);
  auto changed = lines();
  changed.push_back(changed[0]);
  changed.insert(changed.begin(), "hello");
  rewrite(changed);
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("line 1 is no record"), HasSubstr("line 5 holds record 1")));
}

TEST_F(AuditTest, ALogThatWasMadeAnewIsFound) {
  write(4);
  const AuditHead kept = head_;
  std::filesystem::remove(file_);
  write(3);
  write(3);
  const auto report = verify_audit(file_, {kept});
  ASSERT_TRUE(report);
  // Record 4 is another one now.
  EXPECT_THAT(report->problems, ElementsAre(HasSubstr("record 4 is not the one that was written")));
}

TEST_F(AuditTest, AnUnfinishedTailIsCutOffAndSaidSo) {
  write(2);
  std::ofstream(file_, std::ios::app) << "0123 {\"n\":3";
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("line 3 is unfinished")));
  write(1);
  EXPECT_THAT(problems(), IsEmpty());
  const auto page = read_audit(file_, 0, 10);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->records.size(), 4U);
  EXPECT_THAT(page->records[1].json, HasSubstr("audit repair"));
}

TEST_F(AuditTest, NothingIsAddedBehindADamagedEnd) {
  write(2);
  std::ofstream(file_, std::ios::app) << "rubbish\n";
  const auto refused = open()->append({.who = "anna"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, core::ErrorCode::kCorrupt);
}

TEST_F(AuditTest, PagesGoFromTheNewestBack) {
  write(250);
  std::uint64_t before = 0;
  std::uint64_t next = 250;
  do {
    const auto page = read_audit(file_, before, 100);
    ASSERT_TRUE(page) << page.error().message;
    for (const AuditRecord& record : page->records) EXPECT_EQ(record.number, next--);
    before = page->before;
  } while (before != 0);
  EXPECT_EQ(next, 0U);
  EXPECT_EQ(read_audit(folder_ + "/none", 0, 10)->records.size(), 0U);
}

TEST_F(AuditTest, SecretsAreLeftOut) {
  const std::string kept = without_secrets(
      R"({"name":"anna","password":"four horses","deep":[{"api_key":"abc"}],"Client-Secret":1,"token":{"x":2}})");
  EXPECT_THAT(kept, HasSubstr("anna"));
  for (const char* secret : {"four", "abc", ":1", "2"}) EXPECT_THAT(kept, Not(HasSubstr(secret)));
  EXPECT_EQ(without_secrets("no json password=x"), "");
  EXPECT_EQ(without_secrets(std::string(AuditLog::kDetailBytesMax + 1, ' ')), "");
}

}  // namespace
}  // namespace millwright::access
