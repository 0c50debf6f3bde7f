#include "alarms/alarm_manager.hpp"

#include <atomic>
#include <cmath>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "alarms/alarm_book.hpp"
#include "alarms/record.hpp"
#include "alarms/tests/alarm_fixture.hpp"
#include "io/sim_disk.hpp"
#include "journal/journal.hpp"

namespace millwright::alarms {
namespace {

using core::ErrorCode;
using core::kMillisecond;
using core::kSecond;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(AlarmNames, AreThoseOfTheStandard) {
  EXPECT_EQ(to_string(State::kNormal), "normal");
  EXPECT_EQ(to_string(State::kUnacknowledged), "unacknowledged");
  EXPECT_EQ(to_string(State::kAcknowledged), "acknowledged");
  EXPECT_EQ(to_string(State::kReturnedUnacknowledged), "returned-unacknowledged");
  EXPECT_EQ(to_string(Priority::kCritical), "critical");
  EXPECT_EQ(severity(Priority::kLow), 200);
  EXPECT_EQ(severity(Priority::kMedium), 400);
  EXPECT_EQ(severity(Priority::kHigh), 600);
  EXPECT_EQ(severity(Priority::kCritical), 800);
}

// ---- transitions ----------------------------------------------------------------------------------------------------

TEST_F(AlarmManagerTest, NormalToUnacknowledged) {
  const Alarm alarm = raise();
  EXPECT_EQ(alarm.id, 1U);
  EXPECT_EQ(alarm.version, 1U);
  EXPECT_EQ(alarm.state, State::kUnacknowledged);
  EXPECT_EQ(alarm.condition, kOverheat);
  EXPECT_EQ(alarm.priority, Priority::kHigh);
  EXPECT_EQ(alarm.machine, "pump-1");
  EXPECT_EQ(alarm.component, "motor");
  EXPECT_EQ(alarm.sensor, "acme/lyon/hall/line/cell/pump-1/motor/temperature");
  EXPECT_EQ(alarm.value, 92.5);
  EXPECT_EQ(alarm.limit, 80);
  EXPECT_EQ(alarm.raised, kStart - 3 * kMillisecond);
  EXPECT_EQ(alarm.published, kStart);
  EXPECT_EQ(alarm.cleared, 0);
  EXPECT_EQ(manager_->active_count(), 1U);
}

TEST_F(AlarmManagerTest, UnacknowledgedToAcknowledgedToNormal) {
  raise();
  clock_.advance(kSecond);
  const auto seen = manager_->acknowledge(1, "ines", "on my way");
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->state, State::kAcknowledged);
  EXPECT_EQ(seen->acknowledged, kStart + kSecond);
  EXPECT_EQ(seen->acknowledged_by, "ines");
  EXPECT_EQ(seen->comment, "on my way");
  EXPECT_EQ(manager_->active_count(), 1U);
  clock_.advance(kSecond);
  const auto gone = clear();
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->state, State::kNormal);
  EXPECT_EQ(gone->cleared, clock_.now() - 3 * kMillisecond);
  EXPECT_EQ(gone->message, "motor temperature 92.5 °C, limit 80 °C");
  EXPECT_EQ(manager_->active_count(), 0U);
}

TEST_F(AlarmManagerTest, UnacknowledgedToReturnedToNormal) {
  raise();
  const auto returned = clear();
  ASSERT_TRUE(returned);
  EXPECT_EQ(returned->state, State::kReturnedUnacknowledged);
  EXPECT_EQ(manager_->active_count(), 0U);
  const auto closed = manager_->acknowledge(1, "ines", "");
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->state, State::kNormal);
  EXPECT_EQ(closed->version, 3U);
}

TEST_F(AlarmManagerTest, ReturnedToUnacknowledgedIsTheSameOccurrence) {
  raise();
  clear();
  clock_.advance(kSecond);
  const Alarm again = raise();
  EXPECT_EQ(again.id, 1U);
  EXPECT_EQ(again.state, State::kUnacknowledged);
  EXPECT_EQ(again.cleared, 0);
  EXPECT_EQ(again.published, clock_.now());
  EXPECT_EQ(manager_->list({}).size(), 1U);
  EXPECT_EQ(manager_->active_count(), 1U);
}

TEST_F(AlarmManagerTest, AfterNormalItIsANewOccurrence) {
  raise();
  ASSERT_TRUE(manager_->acknowledge(1, "ines", ""));
  clear();
  const Alarm next = raise();
  EXPECT_EQ(next.id, 2U);
  EXPECT_EQ(next.acknowledged, 0);
  EXPECT_EQ(manager_->list({}).size(), 2U);
}

TEST_F(AlarmManagerTest, ARepeatedSignalChangesNothing) {
  EXPECT_FALSE(clear());  // normal, and told that it is normal
  int told = 0;
  manager_->add_listener([&](const Alarm&) { ++told; });
  raise();
  const auto appended = journal_->appended();
  EXPECT_FALSE(manager_->signal(overheat()));
  ASSERT_TRUE(manager_->acknowledge(1, "ines", ""));
  EXPECT_FALSE(manager_->signal(overheat()));
  clear();
  EXPECT_FALSE(clear());
  EXPECT_EQ(told, 3);
  EXPECT_EQ(journal_->appended(), appended + 2);
  raise();
  clear();
  EXPECT_FALSE(clear());  // returned, and told again
}

TEST_F(AlarmManagerTest, ConditionsAreIndependent) {
  raise();
  Signal other = overheat();
  other.condition = "x#low";
  other.sensor = core::SensorId(1);
  other.machine = {};
  other.component = "";
  const auto second = manager_->signal(other);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->id, 2U);
  EXPECT_EQ(second->machine, "pump-1");  // the sensor's
  EXPECT_EQ(second->component, "motor");
  clear();
  EXPECT_EQ(manager_->active_count(), 1U);
}

TEST_F(AlarmManagerTest, ThePlatformItselfHasAlarmsToo) {
  const auto alarm = manager_->signal(platform_signal("disk#full", true));
  ASSERT_TRUE(alarm);
  EXPECT_EQ(alarm->machine, "");
  EXPECT_EQ(alarm->sensor, "");
  EXPECT_EQ(alarm->raised, kStart);
  EXPECT_EQ(manager_->latency().count, 0U);  // no reading decided it
}

TEST_F(AlarmManagerTest, AcknowledgeErrors) {
  const auto missing = manager_->acknowledge(1, "ines", "");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  raise();
  ASSERT_TRUE(manager_->acknowledge(1, "ines", ""));
  const auto twice = manager_->acknowledge(1, "omar", "");
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code, ErrorCode::kConflict);
  EXPECT_THAT(twice.error().message, HasSubstr("ines"));
  clear();
  const auto closed = manager_->acknowledge(1, "omar", "");
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, ErrorCode::kConflict);
  EXPECT_EQ(now().acknowledged_by, "ines");
}

// ---- lists and limits -----------------------------------------------------------------------------------------------

TEST_F(AlarmManagerTest, ListsNewestFirstWithFilterAndPages) {
  for (int i = 0; i < 10; ++i) {
    Signal signal = overheat();
    signal.condition = "condition-" + std::to_string(i);
    if (i % 2 == 1) {
      signal.machine = {};
      signal.sensor = {};
    }
    ASSERT_TRUE(manager_->signal(signal));
    signal.in_alarm = false;
    if (i >= 6) {
      ASSERT_TRUE(manager_->signal(signal));
    }
  }
  const auto ids = [](const std::vector<Alarm>& alarms) {
    std::vector<std::uint64_t> all;
    for (const Alarm& alarm : alarms) all.push_back(alarm.id);
    return all;
  };
  EXPECT_THAT(ids(manager_->list({})), ElementsAre(10, 9, 8, 7, 6, 5, 4, 3, 2, 1));
  EXPECT_THAT(ids(manager_->list(active_only(true))), ElementsAre(6, 5, 4, 3, 2, 1));
  EXPECT_THAT(ids(manager_->list(active_only(false))), ElementsAre(10, 9, 8, 7));
  Filter page;
  page.machine = "pump-1";
  page.limit = 2;
  EXPECT_THAT(ids(manager_->list(page)), ElementsAre(9, 7));
  page.before_id = 7;
  EXPECT_THAT(ids(manager_->list(page)), ElementsAre(5, 3));
}

TEST_F(AlarmManagerTest, KeepsOpenAlarmsAndForgetsTheOldestClosed) {
  raise();
  Signal other = overheat();
  other.condition = "flutter";
  for (std::size_t i = 0; i < kClosedMax + 5; ++i) {
    other.in_alarm = true;
    const auto alarm = manager_->signal(other);
    ASSERT_TRUE(manager_->acknowledge(alarm->id, "ines", ""));
    other.in_alarm = false;
    ASSERT_TRUE(manager_->signal(other));
  }
  Filter all;
  all.limit = SIZE_MAX;
  const auto alarms = manager_->list(all);
  EXPECT_EQ(alarms.size(), kClosedMax + 1);
  EXPECT_EQ(alarms.back().condition, kOverheat);  // the oldest of all, and open
  EXPECT_EQ(alarms[alarms.size() - 2].id, 2 + 5U);
  EXPECT_EQ(manager_->acknowledge(2, "ines", "").error().code, ErrorCode::kNotFound);
}

// ---- restart --------------------------------------------------------------------------------------------------------

TEST_F(AlarmManagerTest, EveryStateSurvivesARestart) {
  raise();
  ASSERT_TRUE(manager_->acknowledge(1, "ines", "seen"));
  clear();
  raise();  // 2: unacknowledged
  Signal other = overheat();
  other.condition = "returned";
  manager_->signal(other);  // 3
  other.in_alarm = false;
  manager_->signal(other);
  other.condition = "acknowledged";
  other.in_alarm = true;
  manager_->signal(other);  // 4
  ASSERT_TRUE(manager_->acknowledge(4, "omar", "ok"));
  const auto before = manager_->list({});
  clock_.advance(kSecond);
  restart();
  const auto after = manager_->list({});
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_EQ(encode(after[i]), encode(before[i])) << i;
  EXPECT_EQ(manager_->active_count(), 2U);
  EXPECT_THAT(metrics_.text(), HasSubstr("millwright_alarms_active 2"));
  // The detectors speak again: what is still so changes nothing, ids and versions go on.
  EXPECT_FALSE(manager_->signal(overheat()));
  other.condition = "new";
  const auto next = manager_->signal(other);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->id, 5U);
  EXPECT_EQ(next->version, before.front().version + 1);
}

TEST_F(AlarmManagerTest, ACrashLosesNoCommittedChange) {
  raise();
  commit();
  ASSERT_TRUE(manager_->acknowledge(1, "ines", ""));  // not committed
  disk_.cut_power();
  manager_.reset();
  journal_.reset();
  open();
  EXPECT_EQ(now().state, State::kUnacknowledged);
}

TEST_F(AlarmManagerTest, ReplayBeginsAtTheCheckpoint) {
  options_.segment_bytes = 500'000;  // a checkpoint takes about half
  manager_.reset();
  journal_.reset();
  open();
  raise();  // stays open throughout
  Signal other = overheat();
  std::uint64_t last = 0;
  for (int i = 0; i < 3000; ++i) {
    other.condition = "flutter-" + std::to_string(i % 7);
    other.in_alarm = true;
    last = manager_->signal(other)->id;
    ASSERT_TRUE(manager_->acknowledge(last, "ines", ""));
    other.in_alarm = false;
    ASSERT_TRUE(manager_->signal(other));
    if (i % 50 == 0) commit();
  }
  commit();
  const auto version = now().version;
  ASSERT_GT(journal_->segments().size(), 2U);
  // Only the newest two segments are left, as retention might have it.
  while (journal_->segments().size() > 2) ASSERT_TRUE(journal_->drop_oldest());
  restart();
  Filter all;
  all.limit = SIZE_MAX;
  const auto alarms = manager_->list(all);
  EXPECT_GE(alarms.size(), 1001U);
  EXPECT_LT(alarms.size(), 3001U);
  EXPECT_EQ(alarms.front().id, last);
  EXPECT_EQ(alarms.back().condition, kOverheat);
  EXPECT_EQ(alarms.back().state, State::kUnacknowledged);
  EXPECT_EQ(manager_->active_count(), 1U);
  other.in_alarm = true;
  const auto next = manager_->signal(other);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->id, last + 1);
  EXPECT_EQ(next->version, version + 1);
}

TEST_F(AlarmManagerTest, AnUnfinishedCheckpointIsPassedOver) {
  raise();
  commit();
  manager_.reset();
  journal_.reset();
  // A segment that has a part of a checkpoint only, as after a power cut.
  auto journal = journal::Journal::open(disk_, clock_, "/data/alarms", 1, options_);
  ASSERT_TRUE(journal);
  Alarm closed;
  closed.id = 9;
  closed.condition = "other";
  closed.version = 20;
  ASSERT_TRUE((*journal)->append(kCheckpointRecord, encode(closed)));
  ASSERT_TRUE((*journal)->commit());
  journal->reset();
  open();
  EXPECT_EQ(manager_->list({}).size(), 2U);
  EXPECT_EQ(manager_->active_count(), 1U);
}

TEST_F(AlarmManagerTest, AnAlarmOfARemovedSensorDoesNotStayForEver) {
  raise();
  Signal other = overheat();
  other.condition = "current#low";
  other.sensor = core::SensorId(1);
  ASSERT_TRUE(manager_->signal(other));
  ASSERT_TRUE(manager_->acknowledge(2, "ines", ""));
  commit();
  model_ = model_with({"temperature"});
  clock_.advance(kSecond);
  restart();
  EXPECT_EQ(manager_->active_count(), 1U);
  const Alarm gone = now();
  EXPECT_EQ(gone.state, State::kNormal);
  EXPECT_EQ(gone.cleared, clock_.now());
  // Versions go on, also for those who listen.
  std::vector<std::uint64_t> versions;
  manager_->add_listener([&](const Alarm& alarm) { versions.push_back(alarm.version); });
  clear();
  EXPECT_THAT(versions, ElementsAre(gone.version + 1));
}

TEST_F(AlarmManagerTest, ALaterVersionsRecordsAreRefused) {
  raise();
  auto later = encode(now());
  later[0] = std::byte{3};
  ASSERT_TRUE(journal_->append(kChangeRecord, later));
  commit();
  manager_.reset();
  const auto refused = AlarmManager::open(model_, *journal_, clock_, {}, metrics_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
}

TEST_F(AlarmManagerTest, AStoppedJournalHoldsUpNoAlarm) {
  raise();
  disk_.fail_syncs(2);
  ASSERT_FALSE(journal_->commit());
  int told = 0;
  manager_->add_listener([&](const Alarm&) { ++told; });
  Signal other = overheat();
  other.condition = "other";
  ASSERT_TRUE(manager_->signal(other));
  EXPECT_EQ(told, 1);
  EXPECT_EQ(manager_->active_count(), 2U);
  EXPECT_THAT(metrics_.text(), HasSubstr("millwright_alarms_unsaved 1"));
}

TEST_F(AlarmManagerTest, AFullJournalTakesTheChangesLater) {
  options_.buffer_bytes = 500;
  manager_.reset();
  journal_.reset();
  open();
  Signal signal = overheat();
  for (int i = 0; i < 10; ++i) {
    signal.condition = "condition-" + std::to_string(i);
    ASSERT_TRUE(manager_->signal(signal));
  }
  EXPECT_LT(journal_->appended(), 10U);
  for (int i = 0; i < 20; ++i) {  // two records go into the buffer at a time
    commit();
    signal.condition = "condition-0";
    signal.in_alarm = !signal.in_alarm;
    ASSERT_TRUE(manager_->signal(signal));
  }
  EXPECT_THAT(metrics_.text(), HasSubstr("millwright_alarms_unsaved 0"));
  const auto active = manager_->active_count();
  restart();
  EXPECT_EQ(manager_->active_count(), active);
  EXPECT_EQ(manager_->list({}).size(), 10U);
}

// ---- metrics and listeners ------------------------------------------------------------------------------------------

TEST_F(AlarmManagerTest, MeasuresFromReceivedToPublished) {
  EXPECT_EQ(manager_->latency().count, 0U);
  EXPECT_TRUE(std::isnan(manager_->latency().p50_ms));
  for (int i = 1; i <= 100; ++i) {
    Signal signal = overheat();
    signal.condition = "condition-" + std::to_string(i);
    signal.received = clock_.now() - i * kMillisecond;
    ASSERT_TRUE(manager_->signal(signal));
  }
  const Latency latency = manager_->latency();
  EXPECT_EQ(latency.count, 100U);
  EXPECT_NEAR(latency.p50_ms, 50, 1e-9);
  EXPECT_NEAR(latency.p99_ms, 99, 1e-9);
  const std::string text = metrics_.text();
  EXPECT_THAT(text, HasSubstr("millwright_alarms_raised_total 100"));
  EXPECT_THAT(text, HasSubstr("millwright_alarms_active 100"));
  EXPECT_THAT(text, HasSubstr("millwright_alarm_latency_seconds_bucket{le=\"0.05\"} 50"));
}

TEST_F(AlarmManagerTest, LatencyIsOfTheLastOnes) {
  Signal signal = overheat();
  for (std::size_t i = 0; i < kLatencyWindow + 10; ++i) {
    signal.in_alarm = true;
    signal.received = clock_.now() - (i < 10 ? kSecond : kMillisecond);
    ASSERT_TRUE(manager_->signal(signal));
    signal.in_alarm = false;
    ASSERT_TRUE(manager_->signal(signal));
  }
  const Latency latency = manager_->latency();
  EXPECT_EQ(latency.count, kLatencyWindow);
  EXPECT_NEAR(latency.p50_ms, 1, 1e-9);
}

TEST_F(AlarmManagerTest, ListenersHearEveryChangeInOrderFromManyThreads) {
  std::vector<std::uint64_t> first;
  std::vector<std::uint64_t> second;  // no lock: one at a time, or ThreadSanitizer tells
  manager_->add_listener([&](const Alarm& alarm) { first.push_back(alarm.version); });
  manager_->add_listener([&](const Alarm& alarm) { second.push_back(alarm.version); });
  std::atomic<bool> done{false};
  std::thread committer([&] {
    while (!done) {
      EXPECT_TRUE(journal_->commit());
      static_cast<void>(manager_->list({}));
      static_cast<void>(manager_->latency());
    }
  });
  constexpr int kThreads = 4;
  constexpr int kRounds = 300;
  std::atomic<int> changes{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Signal signal = platform_signal("condition-" + std::to_string(t % 3), false);
      for (int i = 0; i < kRounds; ++i) {
        signal.in_alarm = !signal.in_alarm;
        const auto changed = manager_->signal(signal);
        if (!changed) continue;
        ++changes;
        if (manager_->acknowledge(changed->id, "ines", "")) ++changes;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  done = true;
  committer.join();
  ASSERT_EQ(first.size(), static_cast<std::size_t>(changes));
  for (std::size_t i = 0; i < first.size(); ++i) ASSERT_EQ(first[i], i + 1);
  EXPECT_EQ(second, first);
  const auto before = manager_->list({});
  restart();
  EXPECT_EQ(manager_->list({}).size(), before.size());
}

// ---- the parts ------------------------------------------------------------------------------------------------------

Alarm occurrence(std::uint64_t id, State state, std::uint64_t version) {
  Alarm alarm;
  alarm.id = id;
  alarm.condition = kOverheat;
  alarm.state = state;
  alarm.version = version;
  return alarm;
}

TEST(AlarmBook, ALostEndLeavesNoSecondOpenOccurrence) {
  AlarmBook book;
  book.put(occurrence(1, State::kUnacknowledged, 1));
  book.put(occurrence(2, State::kUnacknowledged, 5));
  EXPECT_EQ(book.active_count(), 1U);
  EXPECT_EQ(book.open(kOverheat)->id, 2U);
  EXPECT_EQ(book.find(1)->state, State::kNormal);
}

TEST(AlarmBook, AnOlderVersionChangesNothing) {
  AlarmBook book;
  book.put(occurrence(1, State::kAcknowledged, 4));
  book.put(occurrence(1, State::kUnacknowledged, 3));
  EXPECT_EQ(book.find(1)->state, State::kAcknowledged);
  book.put(occurrence(1, State::kNormal, 5));
  book.put(occurrence(1, State::kNormal, 5));
  EXPECT_EQ(book.essence(10).size(), 1U);
  EXPECT_EQ(book.active_count(), 0U);
}

TEST(AlarmRecord, ReadsBackAndRefusesAnythingShorterOrLonger) {
  Alarm alarm = occurrence(77, State::kReturnedUnacknowledged, 99);
  alarm.message = "98 °C";
  alarm.comment = std::string(300, 'c');
  alarm.value = -0.5;
  alarm.cleared = 5;
  auto bytes = encode(alarm);
  const auto read = decode_alarm(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(encode(*read), bytes);
  EXPECT_EQ(read->message, alarm.message);
  EXPECT_EQ(read->comment, alarm.comment);
  for (std::size_t n = 0; n < bytes.size(); ++n) EXPECT_FALSE(decode_alarm(std::span(bytes).first(n))) << n;
  bytes.push_back(std::byte{0});
  EXPECT_FALSE(decode_alarm(bytes));
  bytes.pop_back();
  bytes[1] = std::byte{6};  // a state that does not exist
  EXPECT_FALSE(decode_alarm(bytes));
}

// The layout of docs/format/alarms.md, byte by byte.
TEST(AlarmRecord, IsLaidOutAsDocumented) {
  Alarm alarm = occurrence(1, State::kAcknowledged, 2);
  alarm.condition = "c";
  alarm.priority = Priority::kCritical;
  alarm.raised = 3;
  alarm.published = 4;
  alarm.cleared = 5;
  alarm.acknowledged = 6;
  alarm.machine = "m";
  alarm.suppression = Suppression::kByDesign;
  alarm.first_out = true;
  alarm.suppressed_until = 7;
  alarm.consequence_of = 8;
  alarm.raises = 9;
  const auto bytes = encode(alarm);
  std::vector<int> expected = {2, 2, 3};
  for (const int number : {1, 2, 3, 4, 5, 6, 0, 0}) {
    expected.push_back(number);
    expected.insert(expected.end(), 7, 0);
  }
  for (const int byte : {1, static_cast<int>('c'), 1, static_cast<int>('m'), 0, 0, 0, 0, 0}) expected.push_back(byte);
  const std::vector<int> texts_end = expected;
  for (const int byte : {2, 1, 7, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0}) expected.push_back(byte);
  std::vector<int> got;
  for (const std::byte b : bytes) got.push_back(std::to_integer<int>(b));
  EXPECT_EQ(got, expected);

  // Version 1 ended after the texts, and is read as long as there are journals of it.
  std::vector<std::byte> first;
  for (const int byte : texts_end) first.push_back(static_cast<std::byte>(byte));
  first[0] = std::byte{1};
  const auto read = decode_alarm(first);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->machine, "m");
  EXPECT_EQ(read->suppression, Suppression::kNone);
  EXPECT_EQ(read->raises, 1u);
}

}  // namespace
}  // namespace millwright::alarms
