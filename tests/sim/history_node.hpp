// What the simulations of the historian share: one that runs on any file system, a sender that sends again what was not
// acknowledged, and all that there is to know of what was sent.
//
// Threads: one. Batch number s holds readings of two machines (so of two shards, where there are two); their times and
// values follow from s, so that nothing invented can pass.
#pragma once

#include <cmath>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "core/log.hpp"
#include "historian/historian.hpp"
#include "historian/tests/historian_fixture.hpp"
#include "io/random.hpp"
#include "pipeline/duplicate_filter.hpp"

namespace millwright::historian {

// Segments of a few batches, so that sealing and merging never end; readings are kept for 100 minutes.
inline HistorianOptions small_history() {
  HistorianOptions options;
  options.journal.segment_bytes = 4 * 1024;
  options.journal.reserve_bytes = 0;
  options.retention = {.raw = 100 * core::kMinute};
  options.disk_quota_bytes = 0;
  return options;
}

class HistoryNode {
 public:
  HistoryNode(io::FileSystem& files, io::SimClock& clock, HistorianOptions options, std::size_t shards)
      : files_(files), clock_(clock), options_(std::move(options)), shards_(shards) {
    options_.directory = "data/history";
    for (const char* part : {"journal", "historian"}) core::logger(part)->set_level(spdlog::level::off);
  }
  ~HistoryNode() { stop(); }

  // Opens the history; what was not acknowledged is sent again.
  core::Status start() {
    std::vector<core::MachineId> machine_of;
    for (const asset::Sensor& sensor : model_.sensors()) machine_of.push_back(sensor.machine);
    sources_ = std::make_unique<pipeline::Sources>();
    metrics_ = std::make_unique<core::Metrics>();
    pipeline_ = std::make_unique<pipeline::Pipeline>(
        pipeline::PipelineOptions{.shards = shards_}, machine_of, [this] { return clock_.now(); }, *metrics_);
    live_ = std::make_unique<pipeline::LiveTable>(model_.sensors().size());
    auto opened = Historian::open(model_, *pipeline_, *sources_, *live_, files_, clock_, options_, *metrics_);
    if (!opened) return core::unexpected(opened.error());
    history_ = std::move(*opened);
    source_ = sources_->add("sender");
    for (std::size_t i = 0; i < shards_; ++i) {
      recorders_.push_back(history_->recorder(i));
      filters_.push_back(std::make_unique<pipeline::DuplicateFilter>(
          [this, i](core::SourceId source) { return history_->recovered(source, i); }, *metrics_));
    }
    if (give_up_when_full_) history_->stop_waiting();
    return {};
  }
  void send_again() {
    for (Batch& one : unacknowledged_) submit(one);
  }
  void stop() {
    filters_.clear();
    recorders_.clear();
    history_.reset();
    pipeline_.reset();
  }
  [[nodiscard]] bool running() const { return history_ != nullptr; }
  // A full disk holds nobody: for faults that no one ever mends, in tests without threads.
  void give_up_when_full() { give_up_when_full_ = true; }

  void send() {
    Batch one;
    one.number = ++sent_;
    one.recorded = clock_.now();
    for (const std::size_t machine : machines_of(one.number)) {
      auto& truth = truth_[machine];
      for (std::uint32_t i = 0; i < size_of(one.number); ++i) truth[time_of(one.number, i)] = one.number;
    }
    recorded_.push_back(clock_.now());
    submit(one);
    unacknowledged_.push_back(std::move(one));
  }
  void tick() {
    for (auto& recorder : recorders_) recorder->on_tick(clock_.now());
  }
  void commit() {
    tick();
    journal::GroupCommit once(core::kSecond, *metrics_);
    history_->join(once);
    once.stop();
    while (!unacknowledged_.empty()) {
      const Batch& first = unacknowledged_.front();
      ASSERT_LE(first.receipt->settled, first.expected) << "a receipt settled twice";
      if (first.receipt->settled < first.expected) break;
      acknowledged_ = first.number;
      unacknowledged_.pop_front();
    }
  }
  core::Status tidy() { return history_->tidy(); }

  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }
  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  [[nodiscard]] std::size_t waiting() const { return unacknowledged_.size(); }
  // Readings that were found gone for their age, in the last check: so that a test knows that retention was at work.
  [[nodiscard]] std::uint64_t expired() const { return expired_; }

  // What is acknowledged, and what the sender would be told that it need not send, is there, unless it is old enough to
  // be deleted; all in order, once, as it was sent. With `complete`, what was sent is all there.
  void check(bool complete) {
    std::uint64_t must = std::max(acknowledged_, complete ? sent_ : 0);
    const auto told = history_->durable(source_);
    if (told.epoch == kEpoch) must = std::max(must, told.sequence);
    EXPECT_GE(told.epoch == kEpoch ? told.sequence : 0, acknowledged_) << "the sender is told less than before";
    expired_ = 0;
    for (std::size_t machine = 0; machine < kMachines && !testing::Test::HasFailure(); ++machine) {
      check_readings(machine, must);
    }
  }
  // Roll-ups say of each interval how many readings were sent in it, also of those that are gone.
  void check_rollups(core::DurationNs width) {
    for (std::size_t machine = 0; machine < kMachines; ++machine) {
      std::map<core::TimeNs, Aggregate> want;
      for (const auto& [time, number] : truth_[machine]) {
        Aggregate& one = want[core::floor_to(time, width)];
        const double value = static_cast<double>(value_of(number, time));
        one.min = one.count == 0 ? value : std::min(one.min, value);
        one.max = one.count == 0 ? value : std::max(one.max, value);
        ++one.count;
      }
      const auto got = history_->aggregates(count(machine), {INT64_MIN, INT64_MAX}, width, 1'000'000, nullptr);
      ASSERT_TRUE(got) << got.error().message;
      ASSERT_EQ(got->size(), want.size()) << "machine " << machine;
      for (const Aggregate& one : *got) {
        const auto known = want.find(one.start);
        ASSERT_TRUE(known != want.end());
        ASSERT_EQ(one.count, known->second.count) << "machine " << machine << ", interval " << one.start;
        ASSERT_EQ(one.min, known->second.min);
        ASSERT_EQ(one.max, known->second.max);
      }
    }
  }

 private:
  static constexpr std::uint64_t kEpoch = 1;
  struct Batch {
    std::uint64_t number = 0;
    core::TimeNs recorded = 0;
    std::shared_ptr<CountingReceipt> receipt;
    int expected = 0;
  };

  static std::array<std::size_t, 2> machines_of(std::uint64_t number) {
    return {number % kMachines, (number + 1) % kMachines};
  }
  // Large enough to be encoded at once, or so small that it is gathered.
  static std::uint32_t size_of(std::uint64_t number) {
    return number % 3 == 0 ? 40 : static_cast<std::uint32_t>(1 + number % 5);
  }
  // A second a batch; every ninth comes late, among what was sent long before.
  static core::TimeNs time_of(std::uint64_t number, std::uint32_t i) {
    const bool late = number % 9 == 0 && number > 40;
    return kStart + static_cast<core::TimeNs>(late ? number - 37 : number) * core::kSecond +
           (late ? core::kSecond / 2 : 0) + i * core::kMillisecond;
  }
  static std::int64_t value_of(std::uint64_t number, core::TimeNs time) {
    std::uint64_t x = number * 0x9E37'79B9'7F4A'7C15 ^ static_cast<std::uint64_t>(time);
    x = (x ^ (x >> 31)) * 0xBF58'476D'1CE4'E5B9;
    return static_cast<std::int64_t>(x ^ (x >> 29));
  }

  void submit(Batch& one) {
    one.receipt = std::make_shared<CountingReceipt>();
    one.expected = 0;
    for (std::size_t shard = 0; shard < shards_; ++shard) {
      core::BlockBatch out;
      out.identity = {.source = source_, .epoch = kEpoch, .sequence = one.number};
      out.receipt = one.receipt;
      for (const std::size_t machine : machines_of(one.number)) {
        if (machine % shards_ != shard) continue;
        const std::uint32_t n = size_of(one.number);
        core::Block& block = out.add(count(machine), core::ValueType::kInt64, n, time_of(one.number, 0),
                                     core::kMillisecond, clock_.now());
        for (std::uint32_t i = 0; i < n; ++i) {
          block.as<std::int64_t>()[i] = value_of(one.number, time_of(one.number, i));
        }
      }
      if (out.blocks.empty()) continue;
      ++one.expected;
      filters_[shard]->on_batch(out);
      recorders_[shard]->on_batch(out);
    }
  }

  void check_readings(std::size_t machine, std::uint64_t must) {
    const auto ask = [&] { return history_->raw(count(machine), {INT64_MIN, INT64_MAX}, 10'000'000, nullptr); };
    auto got = ask();
    if (!got) got = ask();  // the fault may have met the query, which says so
    ASSERT_TRUE(got) << got.error().message;
    auto want = truth_[machine].begin();
    const auto missing = [&] {
      const std::uint64_t number = want->second;
      const bool old = options_.retention.raw != 0 && clock_.now() - recorded_[number - 1] >= options_.retention.raw;
      if (number <= must && old) ++expired_;
      ASSERT_TRUE(number > must || old) << "batch " << number << " of " << sent_ << " is gone; acknowledged "
                                        << acknowledged_ << ", machine " << machine << ", time " << want->first
                                        << ", sent " << (clock_.now() - recorded_[number - 1]) / core::kSecond
                                        << " s ago";
    };
    core::TimeNs last = INT64_MIN;
    for (const Reading& one : *got) {
      ASSERT_GT(one.time, last) << "out of order, or twice";
      last = one.time;
      for (; want != truth_[machine].end() && want->first < one.time; ++want) {
        missing();
        if (testing::Test::HasFatalFailure()) return;
      }
      ASSERT_TRUE(want != truth_[machine].end() && want->first == one.time) << "a reading that nobody sent";
      ASSERT_EQ(static_cast<std::int64_t>(one.bits), value_of(want->second, one.time)) << "another value";
      ASSERT_EQ(one.quality, core::kGood);
      ++want;
    }
    for (; want != truth_[machine].end(); ++want) {
      missing();
      if (testing::Test::HasFatalFailure()) return;
    }
  }

  io::FileSystem& files_;
  io::SimClock& clock_;
  HistorianOptions options_;
  const std::size_t shards_;
  const asset::Model model_ = test_model();
  bool give_up_when_full_ = false;

  core::SourceId source_;
  std::unique_ptr<core::Metrics> metrics_;
  std::unique_ptr<pipeline::Sources> sources_;
  std::unique_ptr<pipeline::Pipeline> pipeline_;
  std::unique_ptr<pipeline::LiveTable> live_;
  std::unique_ptr<Historian> history_;
  std::vector<std::unique_ptr<pipeline::Stage>> recorders_;
  std::vector<std::unique_ptr<pipeline::DuplicateFilter>> filters_;

  std::uint64_t sent_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t expired_ = 0;
  std::deque<Batch> unacknowledged_;
  std::vector<core::TimeNs> recorded_;                                  // when a batch was sent first
  std::array<std::map<core::TimeNs, std::uint64_t>, kMachines> truth_;  // number of the batch, by time
};

}  // namespace millwright::historian
