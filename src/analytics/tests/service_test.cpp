// The service over a history in memory and a real database: downtime that is edited and late readings, pieces of
// counters that begin again, production orders, calendars.
#include "analytics/service.hpp"

#include <algorithm>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "analytics/options.hpp"
#include "analytics/tests/memory_plant.hpp"
#include "database/database.hpp"

namespace millwright::analytics {
namespace {

using core::ErrorCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr core::DurationNs kMin = core::kMinute;
const core::TimeNs kMonday = core::parse_time("2026-06-01T00:00:00Z").value();

class ServiceTest : public testing::Test {
 protected:
  ServiceTest() {
    std::string name = (std::filesystem::temp_directory_path() / "millwright analytics-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    database_ = std::move(*database::Database::open({.file = folder_ + "/plant.db", .postgresql = {}, .password = {}}));
    service_ = std::move(*Service::open({}, {model_, history_, *database_, clock_, metrics_}));
    state(0, 1);
  }
  ~ServiceTest() override {
    service_.reset();
    database_.reset();
    std::filesystem::remove_all(folder_);
  }

  void state(int minute, std::int32_t code, std::size_t machine = 0) {
    history_.put(sensor(machine, 0), kMonday + minute * kMin, code);
  }
  void count(int minute, std::int64_t good, std::int64_t total) {
    history_.put(sensor(0, 1), kMonday + minute * kMin, good);
    history_.put(sensor(0, 2), kMonday + minute * kMin, total);
  }
  static core::SensorId sensor(std::size_t machine, std::size_t which) { return core::SensorId(machine * 3 + which); }

  Totals totals(const std::string& machine = "press-1") {
    const auto answer = service_->oee({.scope = {.machine = machine}, .from = at(0), .to = at(600)});
    EXPECT_TRUE(answer) << answer.error().message;
    return answer->rows.front().totals;
  }
  std::vector<DowntimeRecord> downtime() {
    auto list = service_->downtime({.scope = {}, .from = at(0), .to = at(600)});
    EXPECT_TRUE(list) << list.error().message;
    return std::move(*list);
  }
  static std::string at(int minute) { return core::format_time(kMonday + minute * kMin); }

  const asset::Model model_ = model_of_two();
  MemoryHistory history_;
  io::SimClock clock_{kMonday + 600 * kMin};
  core::Metrics metrics_;
  std::string folder_;
  std::unique_ptr<database::Database> database_;
  std::unique_ptr<Service> service_;
};

TEST_F(ServiceTest, TimesAndPiecesOfCountersThatBeginAgain) {
  state(100, 2);
  state(160, 1);
  count(10, 1000, 1010);
  count(90, 1400, 1420);
  count(200, 50, 60);  // began again
  const Totals sum = totals();
  EXPECT_EQ(sum.planned, 600 * kMin);
  EXPECT_EQ(sum.breakdown, 60 * kMin);
  EXPECT_EQ(sum.good, 450);
  EXPECT_EQ(sum.reject + sum.start_up_reject, 20);
  EXPECT_EQ(sum.ideal(), 470 * 10 * core::kSecond);
  EXPECT_EQ(sum.failures, 1);
}

TEST_F(ServiceTest, AReasonChangesEffectivenessAndIsKept) {
  state(100, 2);
  state(160, 1);
  const auto events = downtime();
  ASSERT_THAT(events, SizeIs(1));
  const auto done = service_->explain(events[0].id, "cleaning", "weekly", {.who = "ann", .version = 1});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->version, 2);
  EXPECT_EQ(totals().planned_stop, 60 * kMin);
  EXPECT_EQ(totals().breakdown, 0);
  const auto former = service_->downtime_versions(events[0].id);
  ASSERT_THAT(*former, SizeIs(1));
  EXPECT_EQ(former->front().reason, "");
  EXPECT_EQ(done->changed_by, "ann");
  const auto stale = service_->explain(events[0].id, "", std::nullopt, {.who = "bob", .version = 1});
  EXPECT_EQ(stale.error().code, ErrorCode::kConflict);
  const auto wrong = service_->explain(events[0].id, "cleanin", std::nullopt, {.who = "bob"});
  EXPECT_THAT(wrong.error().message, HasSubstr("did you mean 'cleaning'?"));
  ASSERT_TRUE(service_->explain(events[0].id, "", std::nullopt, {.who = "bob"}));
  EXPECT_EQ(totals().breakdown, 60 * kMin);
}

TEST_F(ServiceTest, SplitAndMerge) {
  state(100, 0);
  state(160, 1);
  state(170, 2);
  state(200, 1);
  auto events = downtime();
  ASSERT_THAT(events, SizeIs(2));
  const auto outside = service_->split(events[0].id, at(160), {.who = "ann"});
  EXPECT_THAT(outside.error().message, HasSubstr("is not within the event"));
  const auto parts = service_->split(events[0].id, "2026-06-01T04:00", {.who = "ann"});  // Paris: 02:00 UTC
  ASSERT_TRUE(parts) << parts.error().message;
  ASSERT_TRUE(service_->explain((*parts)[1].id, "changeover", std::nullopt, {.who = "ann"}));
  EXPECT_EQ(totals().setup, 40 * kMin);
  EXPECT_EQ(totals().waiting, 20 * kMin);
  // The two on either side of ten minutes of running; running stays running.
  const auto merged = service_->merge((*parts)[1].id, events[1].id, {.who = "ann"});
  ASSERT_TRUE(merged) << merged.error().message;
  EXPECT_EQ(merged->stopped, 70 * kMin);
  EXPECT_EQ(totals().setup, 70 * kMin);
  EXPECT_THAT(downtime(), SizeIs(2));
  const auto gone = service_->downtime_versions(events[1].id);
  ASSERT_THAT(*gone, SizeIs(2));
  EXPECT_THAT(gone->back().action, HasSubstr("merged into"));
}

TEST_F(ServiceTest, LateReadingsMoveWhatNobodySetAndLoseNoEdit) {
  state(100, 2);
  state(160, 1);
  const std::string id = downtime().front().id;
  ASSERT_TRUE(service_->explain(id, "mechanical", "belt", {.who = "ann"}));
  state(95, 2);  // late: it began earlier, and ran for a while in between
  state(120, 1);
  state(125, 2);
  auto events = downtime();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].id, id);
  EXPECT_EQ(events[0].comment, "belt");
  EXPECT_EQ(events[0].time.from, kMonday + 95 * kMin);
  EXPECT_EQ(events[0].stopped, 60 * kMin);
  EXPECT_EQ(totals().failures, 1);
  for (const int minute : {95, 100, 125}) state(minute, 1);  // it never stood
  events = downtime();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].stopped, 0);
  EXPECT_EQ(totals().breakdown, 0);
}

TEST_F(ServiceTest, EventsStayWhereHistoryIsGone) {
  state(100, 2);
  state(160, 1);
  const std::string id = downtime().front().id;
  history_ = {};
  const auto kept = downtime();
  ASSERT_THAT(kept, SizeIs(1));
  EXPECT_EQ(kept[0].id, id);
  EXPECT_EQ(kept[0].stopped, 60 * kMin);
  EXPECT_EQ(totals().unknown, 600 * kMin);
}

TEST_F(ServiceTest, WhatLastsIsOpenAndNotKnownIsNoDowntime) {
  state(590, 2);
  state(0, 1, 1);
  history_.put(sensor(1, 0), kMonday + 500 * kMin, std::int32_t{2}, core::kBadNoCommunication);
  const auto events = downtime();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].time.to, kOpen);
  EXPECT_EQ(events[0].stopped, 10 * kMin);
  EXPECT_EQ(totals("press-2").unknown, 100 * kMin);
}

TEST_F(ServiceTest, ProductionOrdersTellPiecesAndProducts) {
  state(0, 1, 1);
  const auto take = [&](std::string_view json) {
    const auto message = parse_order(json);
    if (!message) return message.error().message;
    const auto taken = service_->take(*message, "mes", {});
    return taken ? "" : taken.error().message;
  };
  const std::string create =
      R"({"action":"create","id":"po-1","equipment":"press-2","material_definition":"fast","quantity":500})";
  EXPECT_EQ(take(create), "");
  EXPECT_EQ(take(create), "");
  EXPECT_THAT(take(R"({"action":"create","id":"po-1","equipment":"press-2","material_definition":"slow"})"),
              HasSubstr("another"));
  EXPECT_THAT(take(R"({"action":"counts","id":"po-1","good":3,"time":"2026-06-01T01:00:00Z"})"),
              HasSubstr("not started"));
  EXPECT_EQ(take(R"({"action":"start","id":"po-1","time":"2026-06-01T01:00:00Z"})"), "");
  EXPECT_EQ(take(R"({"action":"counts","id":"po-1","good":30,"reject":1,"key":"a","time":"2026-06-01T01:30:00Z"})"),
            "");
  EXPECT_EQ(take(R"({"action":"counts","id":"po-1","good":30,"reject":1,"key":"a","time":"2026-06-01T01:30:00Z"})"),
            "");
  EXPECT_EQ(take(R"({"action":"material","id":"po-1","material_definition":"slow","time":"2026-06-01T02:00:00Z"})"),
            "");
  EXPECT_EQ(take(R"({"action":"counts","id":"po-1","good":7,"time":"2026-06-01T02:30:00Z"})"), "");
  EXPECT_EQ(take(R"({"action":"create","id":"po-2","equipment":"press-2","material_definition":"fast"})"), "");
  EXPECT_THAT(take(R"({"action":"start","id":"po-2","time":"2026-06-01T03:00:00Z"})"), HasSubstr("finish that first"));
  EXPECT_EQ(take(R"({"action":"finish","id":"po-1","time":"2026-06-01T03:00:00Z"})"), "");
  EXPECT_THAT(take(R"({"action":"finish","id":"po-3"})"), HasSubstr("no production order 'po-3'"));
  EXPECT_THAT(take(R"({"action":"strat","id":"po-3"})"), HasSubstr("did you mean 'start'?"));
  EXPECT_THAT(take(R"({"action":"start","id":"po-1","good":1})"), HasSubstr("unknown member 'good'"));
  EXPECT_THAT(take(R"({"action":"counts","id":"po-1","good":-1})"), HasSubstr("good must be a whole number"));
  EXPECT_THAT(take("[]"), HasSubstr("JSON object"));
  const Totals sum = totals("press-2");
  EXPECT_EQ(sum.good, 37);
  EXPECT_EQ(sum.ideal_good, (30 * 10 + 7 * 20) * core::kSecond);
  EXPECT_EQ(sum.reject, 1);
  const auto order = service_->orders().find("po-1");
  EXPECT_EQ(order->good, 37);
  EXPECT_STREQ(order->state(), "completed");
}

TEST_F(ServiceTest, RowsSumToTheWholeAndScopesAreKept) {
  state(0, 1, 1);
  state(100, 2);
  state(160, 1);
  count(10, 0, 0);
  count(300, 100, 110);
  const auto ask = [&](Level level, By by) {
    return *service_->oee({.scope = {.factory = "lyon"}, .from = at(0), .to = at(600), .level = level, .by = by});
  };
  const Totals whole = ask(Level::kSite, By::kWhole).rows.front().totals;
  for (const By by : {By::kEachShift, By::kEachDay, By::kEachHour}) {
    for (const Level level : {Level::kMachine, Level::kLine, Level::kSite}) {
      Totals sum;
      for (const OeeRow& row : ask(level, by).rows) sum += row.totals;
      EXPECT_EQ(sum.production, whole.production);
      EXPECT_EQ(sum.good, whole.good);
      EXPECT_EQ(sum.failures, whole.failures);
    }
  }
  EXPECT_THAT(ask(Level::kLine, By::kEachHour).rows, SizeIs(10));
  const auto sees = [](const std::string& path) { return path.ends_with("press-2"); };
  EXPECT_EQ(service_->machines({.factory = "acme/lyon", .machine = {}, .sees = sees})->size(), 1U);
  EXPECT_EQ(service_->machines({.factory = {}, .machine = "press-1", .sees = sees}).error().code, ErrorCode::kNotFound);
  EXPECT_THAT(service_->machines({.factory = "lion"}).error().message, HasSubstr("did you mean 'lyon'?"));
  EXPECT_THAT(service_->oee({.scope = {}, .from = at(10), .to = at(0)}).error().message, HasSubstr("is after"));
  EXPECT_THAT(service_->oee({.scope = {}, .from = "2020-01-01", .to = "2026-01-01"}).error().message,
              HasSubstr("longer than 400 days"));
  EXPECT_EQ(service_->oee({.scope = {}, .from = "tomorrow", .to = {}}).error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace millwright::analytics
