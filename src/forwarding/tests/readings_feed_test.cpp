// Readings from a history on a simulated disk to a receiver that fails: nothing is lost, order is kept, what comes
// twice has the same identity; live first, the backlog behind it at its rate.
#include "forwarding/readings_feed.hpp"

#include <map>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/metrics.hpp"
#include "forwarding/lane.hpp"
#include "historian/historian.hpp"
#include "io/random.hpp"
#include "io/sim_disk.hpp"
#include "journal/group_commit.hpp"

namespace millwright::forwarding {
namespace {

using core::kMillisecond;
using core::kSecond;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Json = nlohmann::json;

constexpr core::TimeNs kStart = 1'795'000'000 * kSecond;

asset::Model two_pumps() {
  std::vector<asset::Machine> machines;
  std::vector<asset::Sensor> sensors;
  for (std::size_t m = 0; m < 2; ++m) {
    asset::Machine machine;
    machine.id = core::MachineId(m);
    machine.name = fmt::format("pump-{}", m);
    machine.path = "acme/lyon/hall/one/cell/" + machine.name;
    asset::Sensor sensor;
    sensor.id = core::SensorId(m);
    sensor.machine = machine.id;
    sensor.name = "current";
    sensor.path = machine.path + "/motor/current";
    sensor.type = core::ValueType::kFloat64;
    machine.sensors.push_back(sensor.id);
    sensors.push_back(sensor);
    machines.push_back(machine);
  }
  return {std::move(machines), std::move(sensors)};
}

// What the receiver got, reading by reading; it outlives the lanes.
struct Receiver {
  struct Got {
    std::int64_t number = 0;  // of the reading: its value
    bool historical = false;
  };
  bool away = false;
  std::uint64_t fail_after = UINT64_MAX;                         // events taken, of which the last is not confirmed
  std::map<std::string, std::vector<Got>> got;                   // by machine
  std::map<std::string, std::string> identities;                 // the readings of each row, by its identity
  bool contradicted = false;                                     // one identity with two contents
  std::map<std::pair<std::string, core::TimeNs>, Json> seconds;  // the last roll-up of each
  std::size_t told = 0;                                          // roll-ups
};

class Transport0 final : public Transport {
 public:
  explicit Transport0(Receiver& receiver) : receiver_(receiver) {}
  [[nodiscard]] std::string peer() const override { return "receiver"; }
  core::Status connect(const Stopping&) override {
    if (receiver_.away) return core::unexpected(core::ErrorCode::kUnavailable, "nobody is there");
    return {};
  }
  Delivery deliver(std::span<const Event> events, const Stopping&) override {
    for (std::size_t i = 0; i < events.size(); ++i) {
      take(events[i]);
      if (receiver_.fail_after == 0 || --receiver_.fail_after == 0) {
        receiver_.fail_after = UINT64_MAX;
        return Delivery::retry(i, "the line is dead");
      }
    }
    return {events.size(), std::nullopt};
  }

 private:
  void take(const Event& event) {
    for (std::size_t at = 0; at < event.body.size();) {
      const std::size_t end = event.body.find('\n', at);
      const Json row = Json::parse(event.body.substr(at, end - at));
      at = end + 1;
      if (row.contains("tier")) {
        ++receiver_.told;
        receiver_.seconds[{event.machine, row["t"].get<std::int64_t>()}] = row;
        continue;
      }
      EXPECT_EQ(row["machine"], event.machine);
      EXPECT_EQ(row["sensor"], "motor/current");
      EXPECT_EQ(row["t"].size(), row["v"].size());
      EXPECT_EQ(row["t"].size(), row["q"].size());
      const std::string identity = fmt::format("{} {} {} {} {}", row["stream"].get<std::string>(), row["epoch"].dump(),
                                               row["sequence"].dump(), row["block"].dump(), row["index"].dump());
      const auto [known, added] = receiver_.identities.try_emplace(identity, row["v"].dump());
      if (!added && known->second != row["v"].dump()) receiver_.contradicted = true;
      for (const Json& value : row["v"]) {
        receiver_.got[event.machine].push_back({value.get<std::int64_t>(), event.historical});
      }
    }
  }
  Receiver& receiver_;
};

class ReadingsFeedTest : public ::testing::Test {
 protected:
  ReadingsFeedTest() {
    history_options_.directory = "data/history";
    history_options_.journal.segment_bytes = 64 * 1024;
    history_options_.journal.reserve_bytes = 0;
    open();
  }
  ~ReadingsFeedTest() override { close(); }

  void open() {
    metrics_ = std::make_unique<core::Metrics>();
    sources_ = std::make_unique<pipeline::Sources>();
    const std::vector<core::MachineId> machine_of{core::MachineId(0), core::MachineId(1)};
    pipeline_ = std::make_unique<pipeline::Pipeline>(
        pipeline::PipelineOptions{.shards = 2}, machine_of, [this] { return clock_.now(); }, *metrics_);
    live_ = std::make_unique<pipeline::LiveTable>(2);
    auto history =
        historian::Historian::open(model_, *pipeline_, *sources_, *live_, disk_, clock_, history_options_, *metrics_);
    ASSERT_TRUE(history) << history.error().message;
    history_ = std::move(*history);
    for (std::size_t i = 0; i < 2; ++i) recorders_.push_back(history_->recorder(i));
    seconds_.emplace(*history_, model_);
    auto feed = ReadingsFeed::open(options_, history_->follow(), std::make_unique<JsonRows>(),
                                   {.files = disk_,
                                    .clock = clock_,
                                    .directory = "data/outputs/hq",
                                    .name = "hq",
                                    .stream = "lyon",
                                    .seconds = &*seconds_});
    ASSERT_TRUE(feed) << feed.error().message;
    lane_ = std::make_unique<Lane>(LaneOptions{.name = "hq", .kind = "kafka", .retry_max = kSecond, .seed = 7},
                                   "data/outputs/hq", std::move(*feed), std::make_unique<Transport0>(receiver_), disk_,
                                   clock_, *metrics_);
  }
  void close() {
    lane_.reset();
    recorders_.clear();
    history_.reset();
    pipeline_.reset();
  }
  void crash() {
    disk_.cut_power();
    close();
    open();
  }

  // `n` readings of each machine, numbered on, within 100 ms, on disk.
  void record(std::uint32_t n = 10) { record_at(clock_.now(), n); }
  void record_at(core::TimeNs time, std::uint32_t n) {
    for (std::size_t machine = 0; machine < 2; ++machine) {
      core::BlockBatch batch;
      core::Block& block =
          batch.add(core::SensorId(machine), core::ValueType::kFloat64, n, time, kMillisecond, clock_.now());
      for (std::uint32_t i = 0; i < n; ++i) block.as<double>()[i] = static_cast<double>(recorded_ + i);
      recorders_[machine]->on_batch(batch);
      recorders_[machine]->on_tick(clock_.now());
    }
    recorded_ += n;
    journal::GroupCommit once(kSecond, *metrics_);
    history_->join(once);
    once.stop();
    clock_.advance(100 * kMillisecond);
  }
  // The lane's turns until it has nothing to do, or pauses.
  void send() {
    for (int i = 0; i < 10'000 && lane_->turn() == 0; ++i) {
    }
  }
  std::vector<std::int64_t> numbers(bool historical, const std::string& machine = "acme/lyon/hall/one/cell/pump-0") {
    std::vector<std::int64_t> all;
    for (const Receiver::Got& one : receiver_.got[machine]) {
      if (one.historical == historical) all.push_back(one.number);
    }
    return all;
  }
  static std::vector<std::int64_t> count(std::int64_t from, std::int64_t to) {
    std::vector<std::int64_t> all;
    for (; from < to; ++from) all.push_back(from);
    return all;
  }
  // Each reading came, at least once, and none under two identities.
  void expect_all() {
    for (const auto& [machine, got] : receiver_.got) {
      std::set<std::int64_t> numbers;
      for (const Receiver::Got& one : got) numbers.insert(one.number);
      EXPECT_EQ(numbers.size(), static_cast<std::size_t>(recorded_)) << machine;
    }
    EXPECT_EQ(receiver_.got.size(), 2U);
    EXPECT_FALSE(receiver_.contradicted);
    std::size_t readings = 0;
    for (const auto& [identity, values] : receiver_.identities) readings += Json::parse(values).size();
    EXPECT_EQ(readings, 2 * static_cast<std::size_t>(recorded_));
  }

  asset::Model model_ = two_pumps();
  io::SimDisk disk_{20261121};
  io::SimClock clock_{kStart};
  historian::HistorianOptions history_options_;
  ReadingsOptions options_;
  Receiver receiver_;
  std::int64_t recorded_ = 0;
  std::unique_ptr<core::Metrics> metrics_;
  std::unique_ptr<pipeline::Sources> sources_;
  std::unique_ptr<pipeline::Pipeline> pipeline_;
  std::unique_ptr<pipeline::LiveTable> live_;
  std::unique_ptr<historian::Historian> history_;
  std::vector<std::unique_ptr<pipeline::Stage>> recorders_;
  std::optional<SecondRollups> seconds_;
  std::unique_ptr<Lane> lane_;
};

TEST_F(ReadingsFeedTest, SendsWhatIsRecordedInOrder) {
  for (int i = 0; i < 20; ++i) {
    record();
    send();
  }
  EXPECT_EQ(numbers(false), count(0, 200));
  EXPECT_THAT(numbers(true), IsEmpty());
  EXPECT_EQ(lane_->status().delivered, 400U);
  EXPECT_EQ(lane_->status().backlog.count, 0U);
  expect_all();
}

TEST_F(ReadingsFeedTest, AfterAnOutageLiveGoesFirstAndTheBacklogBehindIt) {
  record();
  send();
  receiver_.away = true;
  for (int i = 0; i < 100; ++i) {
    record();
    send();
  }
  EXPECT_EQ(lane_->status().state, LaneState::kBackingOff);
  EXPECT_GE(lane_->status().backlog.count, 200U);
  EXPECT_GT(lane_->status().backlog.bytes, 2000U);
  receiver_.away = false;
  clock_.advance(kSecond);
  lane_->turn();  // finds that it is late
  record();
  lane_->turn();
  EXPECT_EQ(numbers(false), [&] {
    auto all = count(0, 10);
    for (const auto number : count(1010, 1020)) all.push_back(number);
    return all;
  }());
  send();
  EXPECT_EQ(numbers(true), count(10, 1010));
  EXPECT_EQ(lane_->status().backlog.count, 0U);
  expect_all();
}

TEST_F(ReadingsFeedTest, TheBacklogKeepsToItsRate) {
  options_.backlog_rate = 100;  // readings/s, of both machines
  crash();
  receiver_.away = true;
  for (int i = 0; i < 100; ++i) {
    record();
    send();
  }
  receiver_.away = false;
  clock_.advance(kSecond);
  send();  // what came until now is late
  const std::int64_t before = recorded_;
  for (int i = 0; i < 50; ++i) {  // five seconds
    record(1);
    send();
  }
  const std::size_t late = numbers(true).size() + numbers(true, "acme/lyon/hall/one/cell/pump-1").size();
  EXPECT_GT(late, 300U);
  EXPECT_LT(late, 700U);
  EXPECT_EQ(numbers(false), count(before, recorded_)) << "what is live never waits";
  EXPECT_GT(lane_->status().backlog.age, 10 * kSecond);
  EXPECT_GT(lane_->status().backlog.bytes_per_s, 0);
  for (int i = 0; i < 1000; ++i) {
    record(1);
    send();
  }
  EXPECT_EQ(lane_->status().backlog.age, 0);
  expect_all();
}

TEST_F(ReadingsFeedTest, SealedReadingsAreStillSent) {
  receiver_.away = true;
  for (int i = 0; i < 300; ++i) record(200);
  ASSERT_TRUE(history_->tidy());
  EXPECT_LT(history_->stats().unsealed_bytes, 200U * 1024);
  receiver_.away = false;
  crash();
  send();
  send();
  expect_all();
  EXPECT_EQ(lane_->status().lost, 0U);
}

TEST_F(ReadingsFeedTest, WhatGoesBeyondTheQuotaIsCounted) {
  history_options_.unsent_quota_bytes = 16 * 1024;
  history_options_.journal.segment_bytes = 8 * 1024;
  crash();
  receiver_.away = true;
  for (int i = 0; i < 600; ++i) record(200);
  ASSERT_TRUE(history_->tidy());
  for (int i = 0; i < 10; ++i) record(200);
  receiver_.away = false;
  send();
  send();
  EXPECT_GT(lane_->status().lost, 0U);
  EXPECT_LT(numbers(true).size(), 600U * 200);
  const auto newest = numbers(false);
  ASSERT_GE(newest.size(), 2000U);
  EXPECT_EQ(std::vector(newest.end() - 2000, newest.end()), count(recorded_ - 2000, recorded_));
}

TEST_F(ReadingsFeedTest, DeadbandAndExclusion) {
  options_.rules = {{.match = "**", .deadband = 4.5}, {.match = "**/pump-1/**", .send = false, .deadband = {}}};
  crash();
  record(20);
  send();
  EXPECT_EQ(numbers(false), (std::vector<std::int64_t>{0, 5, 10, 15}));
  EXPECT_THAT(numbers(false, "acme/lyon/hall/one/cell/pump-1"), IsEmpty());
  EXPECT_EQ(lane_->status().backlog.count, 0U);
}

TEST_F(ReadingsFeedTest, SecondsAreToldOnceTheyAreWhole) {
  options_.tier = Tier::kSecond;
  crash();
  for (int i = 0; i < 100; ++i) {  // ten seconds, 100 readings of each
    record();
    send();
  }
  EXPECT_GE(receiver_.seconds.size(), 2U * 7);
  EXPECT_LE(receiver_.seconds.size(), 2U * 9) << "the last seconds are not whole yet";
  for (int i = 0; i < 40; ++i) {
    clock_.advance(100 * kMillisecond);
    send();
  }
  ASSERT_EQ(receiver_.seconds.size(), 2U * 10);
  EXPECT_LE(receiver_.told, 2U * 11) << "each once, but where a second's end was near";
  std::int64_t number = 0;
  for (const auto& [key, row] : receiver_.seconds) {
    if (key.first != "acme/lyon/hall/one/cell/pump-0") continue;
    EXPECT_EQ(row["count"], 100);
    EXPECT_EQ(row["bad"], 0);
    EXPECT_EQ(row["min"], number);
    EXPECT_EQ(row["max"], number + 99);
    EXPECT_EQ(row["avg"], static_cast<double>(number) + 49.5);
    EXPECT_EQ(row["last"], number + 99);
    EXPECT_EQ(row["q"], 0);
    number += 100;
  }
  EXPECT_EQ(lane_->status().backlog.count, 0U);
}

TEST_F(ReadingsFeedTest, WhatComesLateCorrectsItsSecond) {
  options_.tier = Tier::kSecond;
  crash();
  const core::TimeNs start = clock_.now();
  record();
  for (int i = 0; i < 60; ++i) {
    clock_.advance(100 * kMillisecond);
    send();
  }
  const std::pair<std::string, core::TimeNs> key{"acme/lyon/hall/one/cell/pump-0", core::floor_to(start, kSecond)};
  ASSERT_EQ(receiver_.seconds[key]["count"], 10);
  const core::TimeNs now = clock_.now();
  record_at(start + 50 * kMillisecond, 5);
  EXPECT_GT(clock_.now(), now);
  for (int i = 0; i < 60; ++i) {
    clock_.advance(100 * kMillisecond);
    send();
  }
  EXPECT_EQ(receiver_.seconds[key]["count"], 15);
}

TEST_F(ReadingsFeedTest, SecondsOfAnOutageComeBehindWhatIsLive) {
  options_.tier = Tier::kSecond;
  crash();
  receiver_.away = true;
  for (int i = 0; i < 300; ++i) {
    record();
    send();
  }
  receiver_.away = false;
  crash();  // what was measured is known by the place alone
  for (int i = 0; i < 60; ++i) {
    clock_.advance(100 * kMillisecond);
    send();
  }
  EXPECT_EQ(receiver_.seconds.size(), 2U * 30);
  for (const auto& [key, row] : receiver_.seconds) EXPECT_EQ(row["count"], 100);
}

TEST_F(ReadingsFeedTest, ANewOutputBeginsWithWhatComesFromNowOn) {
  lane_.reset();
  record();
  ASSERT_TRUE(disk_.remove("data/outputs/hq/cursor.json"));
  close();
  open();
  record();
  send();
  EXPECT_EQ(numbers(false), count(10, 20));
}

TEST_F(ReadingsFeedTest, ADamagedCursorSendsAgainRatherThanLose) {
  for (int i = 0; i < 3; ++i) record();
  send();
  ASSERT_TRUE(io::write_file_atomically(disk_, "data/outputs/hq/cursor.json", R"({"epoch":1)"));
  crash();
  send();
  send();
  EXPECT_EQ(numbers(false).size() + numbers(true).size(), 60U);
}

// Whatever fails, and whenever: every reading arrives, and what comes twice has the identity of the first time.
class Chaos : public ReadingsFeedTest, public ::testing::WithParamInterface<std::uint64_t> {};

TEST_P(Chaos, NothingIsLostAndRepeatsAreKnown) {
  io::Random random(GetParam());
  for (int step = 0; step < 400; ++step) {
    const double what = random.uniform();
    if (what < 0.6) {
      record(1 + static_cast<std::uint32_t>(random.uniform() * 50));
    } else if (what < 0.8) {
      send();
    } else if (what < 0.9) {
      receiver_.fail_after = 1 + static_cast<std::uint64_t>(random.uniform() * 4);
      send();
    } else if (what < 0.94) {
      receiver_.away = !receiver_.away;
      clock_.advance(static_cast<core::DurationNs>(random.uniform() * 8e9));
    } else if (what < 0.97) {
      ASSERT_TRUE(history_->tidy());
    } else {
      crash();
    }
  }
  receiver_.away = false;
  receiver_.fail_after = UINT64_MAX;
  for (int i = 0; i < 10; ++i) {
    clock_.advance(kSecond);
    send();
  }
  expect_all();
  EXPECT_EQ(lane_->status().lost, 0U);
  EXPECT_EQ(lane_->status().backlog.count, 0U);
  // Without its repeats each of the two is in order.
  for (const bool historical : {false, true}) {
    std::vector<std::int64_t> first_time;
    std::set<std::int64_t> seen;
    for (const Receiver::Got& one : receiver_.got.begin()->second) {
      if (seen.insert(one.number).second && one.historical == historical) first_time.push_back(one.number);
    }
    EXPECT_TRUE(std::is_sorted(first_time.begin(), first_time.end()));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Chaos, ::testing::Range<std::uint64_t>(1, 13));

TEST(ReadingsCursor, IsReadAsItWasWritten) {
  const ReadingsCursor cursor{.epoch = 7,
                              .logs = {{.live = 41, .backlog = {{3, 9}, {12, 41}}}, {.live = 1, .backlog = {}}}};
  EXPECT_EQ(parse_readings_cursor(to_string(cursor)).value(), cursor);
  for (const char* text :
       {"", "[]", "{}", R"({"epoch":1})", R"({"epoch":-1,"logs":[]})", R"({"epoch":1,"logs":[{}]})",
        R"({"epoch":1,"logs":[{"live":0,"backlog":[]}]})", R"({"epoch":1,"logs":[{"live":9,"backlog":[[3,12]]}]})",
        R"({"epoch":1,"logs":[{"live":9,"backlog":[[5,7],[6,8]]}]})",
        R"({"epoch":1,"logs":[{"live":9,"backlog":[[5]]}]})"}) {
    EXPECT_EQ(parse_readings_cursor(text).error().code, core::ErrorCode::kCorrupt) << text;
  }
}

TEST(ReadingsCursor, HoldsNoMoreRangesThanItMay) {
  ReadingsCursor::Log log;
  for (journal::Sequence i = 1; i < 200; ++i) {
    log.live += i == 50 ? 1 : 5;  // was sent
    log.defer(log.live + 3);
  }
  EXPECT_EQ(log.backlog.size(), kRangesMax);
  EXPECT_EQ(log.oldest(), 6U);
  EXPECT_EQ(log.backlog.back().to, log.live);
  log.defer(log.live + 2);
  EXPECT_EQ(log.backlog.size(), kRangesMax) << "an outage that goes on is one";
}

TEST(JsonRows, HaveEveryTypeAndWhatIsNoNumber) {
  const auto text = [](std::int32_t) -> std::string_view { return "a \"b\""; };
  const auto row = [&](core::ValueType type, std::vector<std::uint64_t> bits) {
    historian::DecodedBlock block;
    block.type = type;
    block.count = static_cast<std::uint32_t>(bits.size());
    block.start = 1'000'000'000;
    block.period = 5;
    for (const std::uint64_t one : bits) {
      const auto* bytes = reinterpret_cast<const std::byte*>(&one);
      block.values.insert(block.values.end(), bytes, bytes + core::width(type));
    }
    block.quality = {{1, core::kGood}, {block.count - 1, core::kBad}};
    std::vector<std::uint32_t> picked;
    for (std::uint32_t i = 0; i < block.count; ++i) picked.push_back(i);
    std::string out;
    JsonRows().append({.series = {"acme/l/a/b/c/p", "m/s", type},
                       .stream = "lyon/0",
                       .epoch = 1,
                       .sequence = 2,
                       .block = 3,
                       .readings = block,
                       .picked = picked,
                       .text = text},
                      out);
    return out;
  };
  EXPECT_EQ(row(core::ValueType::kFloat64, {core::to_bits(1.5), core::to_bits(std::nan(""))}),
            "{\"machine\":\"acme/l/a/b/c/p\",\"sensor\":\"m/s\",\"type\":\"float64\",\"stream\":\"lyon/0\",\"epoch\":1,"
            "\"sequence\":2,\"block\":3,\"index\":0,\"t\":[1000000000,1000000005],\"v\":[1.5,null],"
            "\"q\":[0,2147483648]}\n");
  EXPECT_THAT(row(core::ValueType::kBool, {1, 0}), ::testing::HasSubstr("\"v\":[1,0]"));
  EXPECT_THAT(row(core::ValueType::kInt64, {7, core::to_bits<std::int64_t>(-9007199254740993)}),
              ::testing::HasSubstr("\"v\":[7,-9007199254740993]"));
  EXPECT_THAT(row(core::ValueType::kText, {1, 2}), ::testing::HasSubstr("\"s\":[\"a \\\"b\\\"\",\"a \\\"b\\\"\"]"));
  const std::string many = row(core::ValueType::kState, std::vector<std::uint64_t>(2500, 4));
  EXPECT_EQ(std::count(many.begin(), many.end(), '\n'), 3);
  EXPECT_THAT(many, ::testing::HasSubstr("\"index\":2048,"));
}

}  // namespace
}  // namespace millwright::forwarding
