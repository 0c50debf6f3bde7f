// What goes in comes out: recording and queries.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "historian/tests/historian_fixture.hpp"

namespace millwright::historian {
namespace {

using core::kMillisecond;
using core::kSecond;
using core::TimeNs;
using core::ValueType;
using testing::ElementsAre;

TEST_F(HistorianTest, AnswersWithWhatIsCommitted) {
  open();
  core::BlockBatch one = batch(1);
  add_block(one, temperature(0), 100, kStart, 10 * kMillisecond);
  core::Block& counts = one.add(count(0), ValueType::kInt64, 50, kStart, kSecond, kStart);
  for (std::uint32_t i = 0; i < 50; ++i) counts.as<std::int64_t>()[i] = 1000 + i;
  std::vector<float> sent(one.blocks[0].as<float>().begin(), one.blocks[0].as<float>().end());
  send(0, std::move(one));
  tick();
  EXPECT_TRUE(raw(temperature(0)).empty()) << "not committed yet";
  commit();

  const auto answer = raw(temperature(0));
  ASSERT_EQ(answer.size(), 100U);
  for (std::uint32_t i = 0; i < 100; ++i) {
    EXPECT_EQ(answer[i].time, kStart + i * 10 * kMillisecond);
    float value = 0;
    std::memcpy(&value, &answer[i].bits, sizeof(value));
    EXPECT_EQ(value, sent[i]);
    EXPECT_EQ(answer[i].bits >> 32, 0U);
    EXPECT_EQ(answer[i].quality, core::kGood);
  }
  EXPECT_EQ(raw(count(0)).size(), 50U);
  EXPECT_EQ(raw(count(0)).back().bits, 1049U);
  EXPECT_TRUE(raw(temperature(1)).empty());
  EXPECT_EQ(history_->stats().readings, 150U);
  EXPECT_EQ(metric("millwright_history_readings_total"), 150);
  EXPECT_GT(metric("millwright_history_bytes_total"), 0);
  EXPECT_GT(history_->stats().disk_bytes, history_->stats().bytes);
  EXPECT_GT(metric("millwright_history_disk_bytes"), 0);
}

TEST_F(HistorianTest, TextsOutliveAPowerCut) {
  std::vector<asset::Sensor> sensors(model_.sensors().begin(), model_.sensors().end());
  for (asset::Sensor& sensor : sensors) {
    if (sensor.name == "count") sensor.type = ValueType::kText;
  }
  model_ = asset::Model({model_.machines().begin(), model_.machines().end()}, std::move(sensors));
  const std::vector<std::string> sent = {"B-1", "B-2", "", "B-1", "café"};
  open();
  core::BlockBatch one = batch(1);
  for (std::size_t i = 0; i < sent.size(); ++i) {
    const auto number = history_->texts().number(sent[i]);
    ASSERT_TRUE(number);
    one.add_reading(count(0), ValueType::kText, *number, kStart + static_cast<TimeNs>(i) * kSecond, core::kGood,
                    kStart);
  }
  send(0, std::move(one));
  tick_and_commit();
  const auto texts = [&] {
    std::vector<std::string> got;
    for (const Reading& reading : raw(count(0))) got.emplace_back(history_->texts().of(reading.bits));
    return got;
  };
  EXPECT_EQ(texts(), sent);
  restart_after_power_cut();
  EXPECT_EQ(texts(), sent);
  EXPECT_EQ(history_->texts().of(live_->read(count(0)).bits), "café");
  EXPECT_EQ(*history_->texts().number("B-1"), core::from_bits<std::int32_t>(raw(count(0)).front().bits));
  EXPECT_FALSE(history_->texts().number("caf\xe9"));
}

TEST_F(HistorianTest, RangesAreHalfOpen) {
  open();
  record(1, 100, kStart, kSecond);
  tick_and_commit();
  EXPECT_EQ(raw(temperature(0), {kStart + 10 * kSecond, kStart + 20 * kSecond}).size(), 10U);
  EXPECT_EQ(raw(temperature(0), {kStart + 10 * kSecond, kStart + 10 * kSecond}).size(), 0U);
  EXPECT_EQ(raw(temperature(0), {kStart + 20 * kSecond, kStart + 10 * kSecond}).size(), 0U);
  EXPECT_EQ(raw(temperature(0), {kStart + 100 * kSecond, kStart + 200 * kSecond}).size(), 0U);
  EXPECT_EQ(raw(temperature(0), {INT64_MIN, kStart + 1}).size(), 1U);
}

TEST_F(HistorianTest, RefusesWhatItCannotAnswer) {
  open();
  EXPECT_EQ(history_->raw(core::SensorId(999), {0, 1}, 10, nullptr).error().code, core::ErrorCode::kNotFound);
  EXPECT_EQ(history_->raw(temperature(0), {0, 1}, 0, nullptr).error().code, core::ErrorCode::kInvalid);
  EXPECT_EQ(history_->raw(temperature(0), {0, 1}, 10'000'001, nullptr).error().code, core::ErrorCode::kInvalid);
  EXPECT_EQ(history_->aggregates(temperature(0), {0, 1}, 0, 10, nullptr).error().code, core::ErrorCode::kInvalid);
}

TEST_F(HistorianTest, GathersSingleReadingsIntoBlocks) {
  open();
  for (std::uint64_t i = 0; i < 5000; ++i) {
    core::BlockBatch one = batch(i + 1);
    const TimeNs time = kStart + static_cast<TimeNs>(i) * kMillisecond;
    const auto quality = i % 1000 == 999 ? core::kBadSensorFailure : core::kGood;
    one.add_reading(temperature(i % 2), ValueType::kFloat32, static_cast<float>(i % 50), time, quality, time + 500);
    send(0, std::move(one));
  }
  tick_and_commit();
  EXPECT_LT(history_->stats().bytes, 5000U * 3) << "singles were not merged";
  const auto even = raw(temperature(0));
  const auto odd = raw(temperature(1));
  ASSERT_EQ(even.size(), 2500U);
  ASSERT_EQ(odd.size(), 2500U);
  EXPECT_EQ(odd[499].quality, core::kBadSensorFailure);
  EXPECT_EQ(even[3].time, kStart + 6 * kMillisecond);
}

TEST_F(HistorianTest, SmallReadingsOutOfOrderComeOutInOrder) {
  open();
  core::BlockBatch one = batch(1);
  for (const int at : {5, 3, 4, 1, 2, 9, 7}) {
    one.add_reading(temperature(0), ValueType::kFloat32, static_cast<float>(at), kStart + at, core::kGood, kStart);
  }
  send(0, std::move(one));
  tick_and_commit();
  EXPECT_THAT(times(raw(temperature(0))),
              ElementsAre(kStart + 1, kStart + 2, kStart + 3, kStart + 4, kStart + 5, kStart + 7, kStart + 9));
}

TEST_F(HistorianTest, StatusIsNoHistory) {
  open();
  core::BlockBatch status;
  status.purpose = core::BatchPurpose::kStatus;
  status.add_reading(temperature(0), ValueType::kFloat32, 0.0F, kStart, core::kBadNotConnected, kStart);
  send(0, std::move(status));
  tick_and_commit();
  EXPECT_TRUE(raw(temperature(0)).empty());
}

TEST_F(HistorianTest, LateDataComesOutInItsPlace) {
  open();
  record(1, 100, kStart + 1000 * kSecond, kSecond);
  tick_and_commit();
  record(2, 100, kStart, kSecond);
  tick_and_commit();
  record(3, 50, kStart + 1000 * kSecond + kSecond / 2, kSecond);
  tick_and_commit();
  const auto all = raw(temperature(0));
  ASSERT_EQ(all.size(), 250U);
  EXPECT_TRUE(
      std::is_sorted(all.begin(), all.end(), [](const Reading& a, const Reading& b) { return a.time < b.time; }));
  EXPECT_EQ(raw(temperature(0), {kStart, kStart + 500 * kSecond}).size(), 100U);
}

TEST_F(HistorianTest, TheSameReadingTwiceIsAnsweredOnce) {
  open();
  record(1, 100, kStart, kSecond);
  record(2, 100, kStart, kSecond);
  core::BlockBatch other = batch(3);  // the same time, another value; and another quality
  other.add_reading(temperature(0), ValueType::kFloat32, -1.0F, kStart, core::kGood, kStart);
  other.add_reading(temperature(0), ValueType::kFloat32, -1.0F, kStart, core::kBad, kStart);
  other.add_reading(temperature(0), ValueType::kFloat32, -1.0F, kStart, core::kGood, kStart);
  send(0, std::move(other));
  tick_and_commit();
  EXPECT_EQ(raw(temperature(0)).size(), 102U);
}

TEST_F(HistorianTest, ManyReadingsOfOneTime) {
  open();
  core::BlockBatch one = batch(1);
  core::Block& block = one.add(temperature(0), ValueType::kFloat32, 2000, kStart, 0, kStart);
  for (std::uint32_t i = 0; i < 2000; ++i) block.as<float>()[i] = static_cast<float>(i % 500);
  add_block(one, temperature(0), 100, kStart + 1, 1);
  send(0, std::move(one));
  tick_and_commit();
  EXPECT_EQ(raw(temperature(0)).size(), 600U);
  // An answer does not end inside a time, even where that makes it longer than asked for.
  std::optional<TimeNs> next;
  EXPECT_EQ(raw(temperature(0), {INT64_MIN, INT64_MAX}, 10, &next).size(), 500U);
  EXPECT_EQ(next, kStart + 1);
}

TEST_F(HistorianTest, PagesAddUpToTheWhole) {
  options_.journal.segment_bytes = 4096;
  open();
  io::Random random(7);
  for (std::uint64_t i = 0; i < 300; ++i) {
    const TimeNs late = random.below(10) == 0 ? static_cast<TimeNs>(random.below(100)) * kSecond : 0;
    record(i + 1, 40, kStart + static_cast<TimeNs>(i) * kSecond - late, 20 * kMillisecond);
    if (i % 10 == 9) tick_and_commit();
  }
  tick_and_commit();
  const auto whole = times(raw(temperature(0)));
  for (const std::size_t limit : {1U, 7U, 100U, 5000U, 100'000U}) {
    std::vector<TimeNs> pages;
    std::optional<TimeNs> next = INT64_MIN;
    while (next) {
      const auto page = raw(temperature(0), {*next, INT64_MAX}, limit, &next);
      if (limit > 1) {
        ASSERT_LE(page.size(), limit);
      }
      for (const Reading& reading : page) pages.push_back(reading.time);
      if (limit == 1 && pages.size() > 200) break;
    }
    if (limit == 1) {
      EXPECT_TRUE(std::equal(pages.begin(), pages.end(), whole.begin()));
    } else {
      EXPECT_EQ(pages, whole) << limit;
    }
  }
}

TEST_F(HistorianTest, AggregatesAreThoseOfTheReadings) {
  open();
  io::Random random(11);
  struct Sent {
    TimeNs time;
    float value;
    core::Quality quality;
  };
  std::vector<Sent> sent;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    const core::Quality qualities[] = {core::kGood, core::kGood, core::kUncertainEuExceeded, core::kBadSensorFailure};
    sent.push_back({kStart + static_cast<TimeNs>(random.below(600'000)) * kMillisecond * 10 + static_cast<TimeNs>(i),
                    static_cast<float>(random.below(1000)) / 10, qualities[random.below(4)]});
    core::BlockBatch one = batch(i + 1);
    one.add_reading(temperature(0), ValueType::kFloat32, sent.back().value, sent.back().time, sent.back().quality,
                    kStart);
    send(0, std::move(one));
    if (i % 100 == 0) tick_and_commit();
  }
  tick_and_commit();
  std::sort(sent.begin(), sent.end(), [](const Sent& a, const Sent& b) { return a.time < b.time; });
  std::map<TimeNs, Aggregate> expected;
  for (const Sent& one : sent) {
    Aggregate& a = expected[core::floor_to(one.time, core::kMinute)];
    if (one.quality.is_bad()) {
      ++a.bad_count;
      continue;
    }
    const auto value = static_cast<double>(one.value);
    if (a.count++ == 0) a.min = a.max = a.first = value;
    a.min = std::min(a.min, value);
    a.max = std::max(a.max, value);
    a.sum += value;
    a.last = value;
  }
  for (const std::size_t limit : {10'000U, 7U}) {
    std::vector<Aggregate> got;
    std::optional<TimeNs> next = kStart;
    while (next) {
      auto page = history_->aggregates(temperature(0), {*next, INT64_MAX}, core::kMinute, limit, &next);
      ASSERT_TRUE(page);
      ASSERT_LE(page->size(), limit);
      got.insert(got.end(), page->begin(), page->end());
    }
    ASSERT_EQ(got.size(), expected.size());
    auto want = expected.begin();
    for (const Aggregate& a : got) {
      EXPECT_EQ(a.start, want->first);
      EXPECT_EQ(a.count, want->second.count);
      EXPECT_EQ(a.bad_count, want->second.bad_count);
      EXPECT_EQ(a.min, want->second.min);
      EXPECT_EQ(a.max, want->second.max);
      EXPECT_EQ(a.first, want->second.first);
      EXPECT_EQ(a.last, want->second.last);
      EXPECT_DOUBLE_EQ(a.sum, want->second.sum);
      ++want;
    }
  }
}

// Times at the far ends are nonsense, but somebody's clock will send them.
TEST_F(HistorianTest, ReadingsAtTheEndsOfTime) {
  open();
  core::BlockBatch one = batch(1);
  for (const TimeNs time : {INT64_MIN, TimeNs{0}, INT64_MAX}) {
    one.add_reading(temperature(0), ValueType::kFloat32, 1.0F, time, core::kGood, kStart);
  }
  send(0, std::move(one));
  tick_and_commit();
  EXPECT_EQ(raw(temperature(0)).size(), 2U);  // ranges end before INT64_MAX
  std::optional<TimeNs> next;
  const auto hours = history_->aggregates(temperature(0), {INT64_MIN, INT64_MAX}, core::kHour, 100, &next);
  ASSERT_TRUE(hours);
  EXPECT_EQ(hours->size(), 2U);
}

TEST_F(HistorianTest, AnotherTypeThanTheModelsIsAnotherSeries) {
  open();
  core::BlockBatch one = batch(1);
  one.add_reading(temperature(0), ValueType::kFloat64, 1.5, kStart, core::kGood, kStart);
  one.add_reading(temperature(0), ValueType::kFloat32, 2.5F, kStart + 1, core::kGood, kStart);
  send(0, std::move(one));
  tick_and_commit();
  EXPECT_EQ(raw(temperature(0)).size(), 1U);
  EXPECT_EQ(history_->stats().readings, 2U);
}

TEST(HistorianOptions, ReadsItsSection) {
  auto document = config::Document::parse(
      "history: {raw_retention: 24h, disk_quota: 1GiB, segment_size: 16MiB, buffer_size: 8MiB, disk_reserve: 1MiB, "
      "when_full: drop-oldest}",
      "plant.yaml");
  ASSERT_TRUE(document);
  const HistorianOptions options = read_options(document->root().section("history"));
  EXPECT_TRUE(document->check());
  EXPECT_EQ(options.retention.raw, 24 * core::kHour);
  EXPECT_EQ(options.disk_quota_bytes, 1ULL << 30);
  EXPECT_EQ(options.journal.segment_bytes, 16U << 20);
  EXPECT_EQ(options.journal.buffer_bytes, 8U << 20);
  EXPECT_EQ(options.journal.reserve_bytes, 1U << 20);
  EXPECT_EQ(options.journal.when_full, journal::FullPolicy::kDropOldest);

  auto wrong = config::Document::parse("history: {raw_retention: soon, when_ful: x}", "plant.yaml");
  ASSERT_TRUE(wrong);
  EXPECT_EQ(read_options(wrong->root().section("history")).retention.raw, 7 * 24 * core::kHour);
  EXPECT_EQ(wrong->problems().size(), 2U);
}

}  // namespace
}  // namespace millwright::historian
