// What tests of sealed history share: readings are sent and remembered, and every answer is held against the plain way
// to work it out.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "historian/reading_order.hpp"
#include "historian/tests/historian_fixture.hpp"

namespace millwright::historian {

class SealingTest : public HistorianTest {
 protected:
  SealingTest() {
    options_.journal.segment_bytes = 8 * 1024;
    options_.disk_quota_bytes = 0;
    options_.retention.raw = 0;
  }

  // Sends readings of one sensor and remembers them, as a block each.
  // Up to `most` readings in a row of those that were sent, once more.
  void send_again(std::size_t machine, std::size_t most) {
    const auto& sent = sent_[machine];
    if (sent.empty()) return;
    const auto from = sent.begin() + static_cast<std::ptrdiff_t>(random_.below(sent.size()));
    const auto left = static_cast<std::size_t>(sent.end() - from);
    send_readings(machine, {from, from + static_cast<std::ptrdiff_t>(std::min(left, most))});
  }
  void send_readings(std::size_t machine, const std::vector<Reading>& readings) {
    core::BlockBatch one = batch(++sequence_);
    core::Block& block = one.add(temperature(machine), core::ValueType::kFloat32,
                                 static_cast<std::uint32_t>(readings.size()), 0, 0, clock_.now());
    auto* times = one.allocate_array<core::TimeNs>(readings.size());
    std::vector<core::QualityRun> runs;
    for (std::size_t i = 0; i < readings.size(); ++i) {
      times[i] = readings[i].time;
      const auto bits = static_cast<std::uint32_t>(readings[i].bits);
      std::memcpy(block.values + i * 4, &bits, 4);
      runs.push_back({1, readings[i].quality});
    }
    block.start = times[0];
    block.times = times;
    one.set_runs(block, runs);
    send(0, std::move(one));
    auto& known = sent_[machine];
    known.insert(known.end(), readings.begin(), readings.end());
  }

  static Reading reading(core::TimeNs time, float value, core::Quality quality = core::kGood) {
    Reading one{.time = time, .bits = 0, .quality = quality};
    std::memcpy(&one.bits, &value, sizeof(value));
    return one;
  }
  static double value_of(const Reading& one) {
    float value = 0;
    std::memcpy(&value, &one.bits, sizeof(value));
    return static_cast<double>(value);
  }

  // A stretch of readings as a sensor makes them: mostly regular and good, now and then not.
  std::vector<Reading> stretch(core::TimeNs from, std::size_t n, core::DurationNs period) {
    std::vector<Reading> made;
    const bool jitter = random_.below(4) == 0;
    for (std::size_t i = 0; i < n; ++i) {
      const core::TimeNs time =
          from + static_cast<core::TimeNs>(i) * period +
          (jitter ? static_cast<core::TimeNs>(random_.below(static_cast<std::uint64_t>(period / 2))) : 0);
      auto value = static_cast<float>(std::round(random_.uniform() * 10'000) / 100);
      core::Quality quality = core::kGood;
      if (random_.below(50) == 0) quality = core::kUncertain;
      if (random_.below(60) == 0) quality = core::kBadSensorFailure;
      if (random_.below(200) == 0) value = std::numeric_limits<float>::quiet_NaN();
      made.push_back(reading(time, value, quality));
    }
    return made;
  }

  std::vector<Reading> expected(std::size_t machine, Range range) {
    std::vector<Reading> all;
    for (const Reading& one : sent_[machine]) {
      if (one.time >= range.from && one.time < range.to) all.push_back(one);
    }
    sort_and_thin(all);
    return all;
  }

  // The plain way: one reading after the other.
  std::vector<Aggregate> expected_aggregates(std::size_t machine, Range range, core::DurationNs width) {
    std::vector<Aggregate> all;
    double held_value = 0;
    for (const Reading& one : expected(machine, range)) {
      if (one.quality == core::kBadInvalidTimestamp) continue;
      const core::TimeNs start = core::floor_to(one.time, width);
      if (all.empty() || all.back().start != start) all.push_back({.start = start});
      Aggregate& a = all.back();
      const double value = value_of(one);
      if (one.quality.is_bad() || std::isnan(value)) {
        ++a.bad_count;
        continue;
      }
      if (a.count == 0) {
        a.min = a.max = a.first = value;
        a.first_time = one.time;
      } else {
        a.held += held_value * static_cast<double>(one.time - a.last_time) * 1e-9;
      }
      const double before = a.count == 0 ? 0 : a.mean();
      ++a.count;
      a.sum += value;
      if (a.count > 1) a.squares += (value - before) * (value - a.mean());
      a.min = std::min(a.min, value);
      a.max = std::max(a.max, value);
      a.last = held_value = value;
      a.last_time = one.time;
    }
    return all;
  }

  void check(std::size_t machine, Range range, core::DurationNs width, const char* when) {
    SCOPED_TRACE(fmt::format("{}: machine {}, {} to {}, width {}", when, machine, range.from, range.to, width));
    if (width == 0) {
      const auto want = expected(machine, range);
      const auto got = raw(temperature(machine), range);
      ASSERT_EQ(got.size(), want.size());
      for (std::size_t i = 0; i < got.size(); ++i) {
        ASSERT_EQ(got[i].time, want[i].time) << i;
        ASSERT_EQ(got[i].bits, want[i].bits) << i;
        ASSERT_EQ(got[i].quality.code, want[i].quality.code) << i;
      }
      return;
    }
    const auto want = expected_aggregates(machine, range, width);
    std::vector<Aggregate> got;
    Range rest = range;
    for (std::optional<core::TimeNs> next = range.from; next; rest.from = next.value_or(0)) {
      const std::size_t page = 1 + random_.below(1000);
      auto part = history_->aggregates(temperature(machine), rest, width, page, &next);
      ASSERT_TRUE(part) << part.error().message;
      got.insert(got.end(), part->begin(), part->end());
      ASSERT_TRUE(!next || part->size() == page);
    }
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < got.size(); ++i) compare(got[i], want[i]);
  }

  static void compare(const Aggregate& got, const Aggregate& want) {
    ASSERT_EQ(got.start, want.start);
    ASSERT_EQ(got.count, want.count);
    ASSERT_EQ(got.bad_count, want.bad_count);
    if (want.count == 0) return;
    ASSERT_EQ(got.min, want.min);
    ASSERT_EQ(got.max, want.max);
    ASSERT_EQ(got.first, want.first);
    ASSERT_EQ(got.last, want.last);
    ASSERT_EQ(got.first_time, want.first_time);
    ASSERT_EQ(got.last_time, want.last_time);
    ASSERT_NEAR(got.sum, want.sum, std::abs(want.sum) * 1e-12);
    // Rows of float32 keep it so.
    ASSERT_NEAR(got.squares, want.squares, 1e-7 * (1 + want.squares));
    ASSERT_NEAR(got.held, want.held, 1e-9 * (1 + std::abs(want.held)));
  }

  void check_all(const char* when) {
    for (std::size_t machine = 0; machine < 2; ++machine) {
      check(machine, {INT64_MIN, INT64_MAX}, 0, when);
      for (const core::DurationNs width : {core::kSecond, core::kMinute, core::kHour, 5 * core::kMinute,
                                           24 * core::kHour, 90 * core::kSecond, 250 * core::kMillisecond}) {
        check(machine, {INT64_MIN, INT64_MAX}, width, when);
        const core::TimeNs from = kStart + static_cast<core::TimeNs>(random_.below(3 * core::kHour));
        check(machine, {from, from + static_cast<core::TimeNs>(random_.below(2 * core::kHour))}, width, when);
      }
      const core::TimeNs from = kStart + static_cast<core::TimeNs>(random_.below(3 * core::kHour));
      check(machine, {from, from + static_cast<core::TimeNs>(random_.below(core::kHour))}, 0, when);
    }
  }

  void tidy() { ASSERT_TRUE(history_->tidy()); }

  io::Random random_{20261121};
  std::uint64_t sequence_ = 0;
  std::map<std::size_t, std::vector<Reading>> sent_;
};

}  // namespace millwright::historian
