// What the service has kept of former answers against one that has kept nothing: the same to the last nanosecond, after
// late readings, edits, splits, merges and orders that are told of late, all at random.
#include <filesystem>
#include <random>

#include <gtest/gtest.h>
#include <unistd.h>

#include "analytics/options.hpp"
#include "analytics/service.hpp"
#include "analytics/tests/memory_plant.hpp"
#include "database/database.hpp"

namespace millwright::analytics {
namespace {

constexpr core::DurationNs kMin = core::kMinute;
constexpr int kDays = 60;
constexpr const char* kHelp = "Windows of machines that OEE was asked of, by what told it";
// Summer time begins on the 29th.
const core::TimeNs kFirst = core::parse_time("2026-03-01T00:00:00Z").value();

class OeeCacheTest : public testing::TestWithParam<unsigned> {
 protected:
  OeeCacheTest() {
    std::string name = (std::filesystem::temp_directory_path() / "millwright oee-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    database_ = std::move(*database::Database::open({.file = folder_ + "/plant.db", .postgresql = {}, .password = {}}));
    kept_ = open(metrics_);
  }
  ~OeeCacheTest() override {
    kept_.reset();
    database_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::unique_ptr<Service> open(core::Metrics& metrics) {
    Options options;
    CalendarRules rules{.name = "two", .zone = TimeZone::find("Europe/Paris").value()};
    for (const int start : {6, 14}) {
      ShiftRule shift{.name = start == 6 ? "early" : "late", .span = {start * core::kHour, (start + 8) * core::kHour}};
      shift.breaks = {{(start + 4) * core::kHour, (start + 4) * core::kHour + 30 * kMin}};
      for (std::size_t day = 0; day < 6; ++day) shift.days[day] = true;
      rules.week.push_back(shift);
    }
    options.calendars.calendars.push_back({.rules = rules, .own_zone = true});
    options.calendars.assignments.push_back({.match = "**/press-1", .calendar = "two"});
    return std::move(*Service::open(std::move(options), {model_, history_, *database_, clock_, metrics}));
  }

  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
  static core::SensorId sensor(std::size_t machine, std::size_t which) { return core::SensorId(machine * 3 + which); }
  [[nodiscard]] int minutes_so_far() const { return static_cast<int>((clock_.now() - kFirst) / kMin); }

  void state(core::TimeNs time, std::size_t machine) {
    constexpr std::array<std::int32_t, 8> kCodes{1, 1, 1, 1, 0, 2, 3, 9};
    const core::Quality quality = below(40) == 0 ? core::kBadNoCommunication : core::kGood;
    history_.put(sensor(machine, 0), time, kCodes[static_cast<std::size_t>(below(8))], quality);
  }
  void count(core::TimeNs time) {
    if (below(100) == 0) total_ = good_ = 0;
    total_ += 1 + below(20);
    good_ = std::min(total_, good_ + below(20));
    history_.put(sensor(0, 1), time, good_);
    if (below(3) != 0) history_.put(sensor(0, 2), time, total_);
  }

  // What a day brings, in order.
  void live_a_day() {
    const core::TimeNs begin = clock_.now();
    for (int minute = below(200); minute < 24 * 60; minute += 1 + below(200)) {
      if (below(60) == 0) minute += 3 * 24 * 60;  // stays as it is for long
      if (minute >= 24 * 60) break;
      const core::TimeNs time = begin + minute * kMin + below(1'000'000'000);
      state(time, static_cast<std::size_t>(below(2)));
      count(time + below(30) * core::kSecond);
    }
    clock_.advance(24 * core::kHour);
    order(begin + below(20 * 60) * kMin);
  }

  void order(core::TimeNs time) {
    const auto tell = [&](OrderAction action) {
      OrderMessage message;
      message.action = action;
      message.id = "po-" + std::to_string(order_);
      message.equipment = "press-2";
      message.material_definition = below(2) == 0 ? "slow" : "fast";
      message.time = time;
      message.good = below(50);
      message.reject = below(3);
      return kept_->take(message, "mes", {}).has_value();
    };
    if (!running_) {
      ++order_;
      running_ = tell(OrderAction::kCreate) && tell(OrderAction::kStart);
    } else if (below(4) == 0) {
      running_ = !tell(OrderAction::kFinish);
    } else {
      tell(below(4) == 0 ? OrderAction::kMaterial : OrderAction::kCounts);
    }
  }

  void late() {
    const core::TimeNs time = kFirst + below(minutes_so_far()) * kMin + below(1'000'000'000);
    below(2) == 0 ? state(time, static_cast<std::size_t>(below(2))) : count(time);
  }

  void edit() {
    const auto events = kept_->downtime({.scope = {}, .from = core::format_time(kFirst), .to = {}});
    ASSERT_TRUE(events) << events.error().message;
    if (events->size() < 3) return;
    const auto at = static_cast<std::size_t>(below(static_cast<int>(events->size()) - 1));
    const DowntimeRecord& one = (*events)[at];
    switch (below(4)) {
      case 0: {
        const core::TimeNs end = std::min(one.time.to, clock_.now());
        static_cast<void>(kept_->split(one.id, core::format_time(one.time.from + (end - one.time.from) / 2), {"ann"}));
        break;
      }
      case 1:
        static_cast<void>(kept_->merge(one.id, (*events)[at + 1].id, {"ann"}));
        break;
      default: {
        constexpr std::array<const char*, 4> kReasons{"", "mechanical", "cleaning", "changeover"};
        const char* reason = kReasons[static_cast<std::size_t>(below(4))];
        static_cast<void>(kept_->explain(one.id, reason, std::nullopt, {"ann"}));
      }
    }
  }

  void compare(const OeeRequest& request) {
    core::Metrics unseen;
    const auto fresh = open(unseen)->oee(request);
    const auto kept = kept_->oee(request);
    ASSERT_TRUE(fresh && kept);
    ASSERT_EQ(kept->rows.size(), fresh->rows.size());
    for (std::size_t i = 0; i < kept->rows.size(); ++i) {
      const OeeRow& ours = kept->rows[i];
      const OeeRow& theirs = fresh->rows[i];
      ASSERT_EQ(ours.path + ours.shift + ours.day, theirs.path + theirs.shift + theirs.day);
      ASSERT_EQ(ours.window, theirs.window);
      ASSERT_EQ(ours.totals, theirs.totals)
          << ours.path << " " << ours.day << " " << ours.shift << ", " << core::format_time(ours.window.from);
    }
  }
  OeeRequest any_request() {
    OeeRequest request;
    request.scope.factory = "lyon";
    const int from = below(3) == 0 ? below(minutes_so_far()) : 0;
    request.from = core::format_time(kFirst + from * kMin);
    request.level = static_cast<Level>(below(3));
    request.by =
        std::array{By::kWhole, By::kEachShift, By::kEachDay, By::kEachHour}[static_cast<std::size_t>(below(4))];
    return request;
  }
  double windows(const char* source) {
    return metrics_.counter("millwright_oee_windows_total", kHelp, {{"source", source}}).Value();
  }

  std::mt19937 random_{GetParam()};
  const asset::Model model_ = model_of_two();
  MemoryHistory history_;
  io::SimClock clock_{kFirst};
  core::Metrics metrics_;
  std::string folder_;
  std::unique_ptr<database::Database> database_;
  std::unique_ptr<Service> kept_;
  std::int64_t good_ = 1000;
  std::int64_t total_ = 1100;
  int order_ = 0;
  bool running_ = false;
};

TEST_P(OeeCacheTest, IsTheSameAsWithoutAfterWhateverHappens) {
  for (int day = 0; day < kDays; ++day) {
    live_a_day();
    const int changes = below(5);
    for (int i = 0; i < changes; ++i) {
      below(2) == 0 ? late() : edit();
      if (below(2) == 0) compare(any_request());
    }
    clock_.advance(below(30) * kMin);
    compare(any_request());
    if (HasFatalFailure()) FAIL() << "on day " << day;
  }
  EXPECT_GT(windows("cache"), windows("history") / 4);
}

TEST_P(OeeCacheTest, WhatIsOverIsMadeOnce) {
  for (int day = 0; day < kDays; ++day) live_a_day();
  OeeRequest request;
  request.scope.factory = "lyon";
  request.from = core::format_time(kFirst);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(kept_->oee(request));
  const double before = windows("history");
  ASSERT_TRUE(kept_->oee(request));
  EXPECT_LE(windows("history") - before, 2 * 5) << "a day or a few at the end, where something still lasts";
}

INSTANTIATE_TEST_SUITE_P(Seeds, OeeCacheTest, testing::Range(1U, 7U));

}  // namespace
}  // namespace millwright::analytics
