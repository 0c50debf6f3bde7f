// A lane against a receiver that is made to fail, on a simulated disk and clock: order, cursor, pauses, dead letters,
// crashes.
#include "forwarding/lane.hpp"

#include <functional>
#include <map>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "forwarding/event_feed.hpp"
#include "io/sim_disk.hpp"

namespace millwright::forwarding {
namespace {

using core::kSecond;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr core::TimeNs kStart = 1'700'000'000 * kSecond;

class ListSource final : public EventSource {
 public:
  void add(std::uint64_t lost_before = 0) {
    const std::uint64_t id = all_.empty() ? 1 + lost_before : all_.back().id + 1 + lost_before;
    all_.push_back({.sequence = id * 10,
                    .id = id,
                    .lost_before = lost_before,
                    .kind = "alarm",
                    .machine = "pump-1",
                    .component = {},
                    .sensor = {},
                    .body = fmt::format("{{\"version\":{}}}", id)});
  }
  void clear() { all_.clear(); }
  void count_last_as(std::uint64_t count) { all_.back().count = count; }
  [[nodiscard]] core::Result<Batch> read(const Position& after, std::size_t count_max) const override {
    Batch batch{.events = {}, .end = after};
    for (const Event& event : all_) {
      if (event.sequence <= after.sequence || batch.events.size() == count_max) continue;
      batch.events.push_back(event);
      batch.end = {event.sequence, event.id};
    }
    return batch;
  }
  [[nodiscard]] Position newest() const override {
    return all_.empty() ? Position{} : Position{all_.back().sequence, all_.back().id};
  }

 private:
  std::vector<Event> all_;
};

// What the receiver got and how it is to behave; it outlives the lanes, as a real one does.
struct Receiver {
  bool away = false;
  std::map<std::uint64_t, Delivery::Failure> failing;  // by event
  std::map<std::uint64_t, std::string> partly;         // by event: a part that is refused
  std::vector<std::string> got;                        // keys
  std::uint64_t unconfirmed_from = UINT64_MAX;         // taken, but the answer is lost
  std::vector<std::string> troubles;                   // that a delivery meets and gets over
  std::function<void()> looked = [] {};                // at the lane, after each of them
};

class FakeTransport final : public Transport {
 public:
  explicit FakeTransport(Receiver& receiver) : receiver_(receiver) {}
  [[nodiscard]] std::string peer() const override { return "receiver"; }
  core::Status connect(const Stopping&) override {
    if (receiver_.away) return core::unexpected(core::ErrorCode::kUnavailable, "nobody is there");
    return {};
  }
  Delivery deliver(std::span<const Event> events, const Stopping&) override {
    for (const std::string& trouble : receiver_.troubles) {
      tell(trouble);
      receiver_.looked();
    }
    Delivery done{.delivered = events.size(), .failure = {}};
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (const auto part = receiver_.partly.find(events[i].id); part != receiver_.partly.end()) {
        done.refused_parts.push_back({i, "no such topic", part->second, 2});
      }
      if (const auto failing = receiver_.failing.find(events[i].id); failing != receiver_.failing.end()) {
        std::erase_if(done.refused_parts, [&](const auto& part) { return part.event >= i; });
        return {i, failing->second, std::move(done.refused_parts)};
      }
      receiver_.got.push_back(events[i].key);
      if (events[i].id >= receiver_.unconfirmed_from) return Delivery::retry(i, "the line is dead");
    }
    return done;
  }

 private:
  Receiver& receiver_;
};

class LaneTest : public ::testing::Test {
 protected:
  LaneTest() { open(); }

  void open() { lane_ = make("/data/outputs/hook", clock_); }
  std::unique_ptr<Lane> make(const std::string& directory, const io::Clock& clock) {
    auto feed = EventFeed::open(source_, disk_, clock, directory, options_.name);
    EXPECT_TRUE(feed) << feed.error().message;
    return std::make_unique<Lane>(options_, directory, std::move(*feed), std::make_unique<FakeTransport>(receiver_),
                                  disk_, clock, metrics_);
  }
  void crash() {
    disk_.cut_power();
    lane_.reset();
    open();
  }
  // The ids that arrived.
  std::vector<std::string> got() const {
    std::vector<std::string> ids;
    for (const std::string& key : receiver_.got) ids.push_back(key.substr(key.find('-') + 1));
    return ids;
  }
  std::string dead_letters(const std::string& name = "dead-letters.jsonl") {
    const auto bytes = io::read_file(disk_, "/data/outputs/hook/" + name);
    if (!bytes) return "";
    return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
  }

  io::SimDisk disk_{1};
  io::SimClock clock_{kStart};
  core::Metrics metrics_;
  LaneOptions options_{.name = "hook", .kind = "webhook", .seed = 7};
  ListSource source_;
  Receiver receiver_;
  std::unique_ptr<Lane> lane_;
};

TEST_F(LaneTest, ADeliveryThatTakesLongTellsHowItStands) {
  source_.add();
  receiver_.troubles = {"", "1 of 1 brokers is down", ""};
  std::vector<std::string> seen;
  receiver_.looked = [&] {
    const LaneStatus status = lane_->status();
    seen.push_back(fmt::format("{}: {}", to_string(status.state), status.detail));
  };
  lane_->turn();
  EXPECT_THAT(seen, ElementsAre(HasSubstr("stopped"), "backing-off: 1 of 1 brokers is down",
                                "backing-off: 1 of 1 brokers is down"));
  EXPECT_EQ(lane_->status().state, LaneState::kConnected);
  EXPECT_EQ(lane_->status().last_error, "1 of 1 brokers is down");
  EXPECT_EQ(got().size(), 1U);
}

TEST_F(LaneTest, DeliversInOrderAndGoesOnAfterACrash) {
  for (int i = 0; i < 3; ++i) source_.add();
  EXPECT_EQ(lane_->status().backlog.count, 3U);
  EXPECT_EQ(lane_->turn(), 0);
  EXPECT_GT(lane_->turn(), 0);
  EXPECT_THAT(receiver_.got, ElementsAre("1700000000000-1", "1700000000000-2", "1700000000000-3"));
  EXPECT_EQ(lane_->status().state, LaneState::kConnected);
  EXPECT_EQ(lane_->status().backlog.count, 0U);
  clock_.advance(kSecond);
  crash();
  source_.add();
  lane_->turn();
  EXPECT_EQ(receiver_.got.back(), "1700000000000-4");  // the epoch stays
  EXPECT_EQ(receiver_.got.size(), 4U);
}

TEST_F(LaneTest, APartThatIsRefusedIsBuriedAlone) {
  for (int i = 0; i < 3; ++i) {
    source_.add();
    source_.count_last_as(5);
  }
  receiver_.partly[2] = R"({"v":21.5})";
  receiver_.failing[3] = {Delivery::Fate::kRetry, "not now"};
  lane_->turn();
  EXPECT_EQ(lane_->status().delivered, 8U);
  EXPECT_EQ(lane_->status().dead, 2U);
  EXPECT_THAT(dead_letters(), HasSubstr(R"("key":"1700000000000-2","reason":"no such topic","event":{"v":21.5}})"));
  receiver_.failing.clear();
  clock_.advance(kSecond);
  lane_->turn();
  EXPECT_THAT(got(), ElementsAre("1", "2", "3"));
  EXPECT_EQ(lane_->status().delivered, 13U);
  EXPECT_EQ(lane_->status().dead, 2U);
}

// A feed that says why something of it is lost.
class LossyFeed final : public Feed {
 public:
  core::Result<Batch> next() override { return Batch{.events = {}, .lost = 2, .wait = kSecond, .problem = "block 7"}; }
  void pass(const Event&) override {}
  void done() override {}
  core::Status keep(When) override { return {}; }
  [[nodiscard]] Backlog backlog() const override { return {}; }
  [[nodiscard]] std::string_view unit() const override { return "records"; }
};

TEST_F(LaneTest, WhatCannotBeReadIsLostAndSaysWhy) {
  Lane lane(options_, "/data/outputs/hook", std::make_unique<LossyFeed>(), std::make_unique<FakeTransport>(receiver_),
            disk_, clock_, metrics_);
  lane.turn();
  EXPECT_EQ(lane.status().lost, 2U);
  EXPECT_EQ(lane.status().last_error, "block 7");
  EXPECT_EQ(lane.status().last_error_time, kStart);
  EXPECT_EQ(lane.status().state, LaneState::kConnected);
}

TEST_F(LaneTest, WhatWasThereBeforeTheOutputIsNotTold) {
  lane_.reset();
  for (int i = 0; i < 3; ++i) source_.add();
  options_.name = "late";
  const auto late = make("/data/outputs/late", clock_);
  source_.add();
  late->turn();
  EXPECT_THAT(got(), ElementsAre("4"));
}

TEST_F(LaneTest, WhatIsInDoubtIsSentAgain) {
  for (int i = 0; i < 4; ++i) source_.add();
  receiver_.unconfirmed_from = 3;
  lane_->turn();
  EXPECT_THAT(got(), ElementsAre("1", "2", "3"));
  EXPECT_EQ(lane_->status().backlog.count, 2U);
  receiver_.unconfirmed_from = UINT64_MAX;
  crash();
  lane_->turn();
  EXPECT_THAT(got(), ElementsAre("1", "2", "3", "3", "4"));
}

TEST_F(LaneTest, PausesGrowAndEndWithTheFirstSuccess) {
  source_.add();
  receiver_.away = true;
  core::DurationNs wait = lane_->turn();
  EXPECT_EQ(wait, std::clamp(wait, options_.retry_min, options_.retry_min * 5 / 4));
  // A wake-up does not cut the pause short.
  EXPECT_EQ(lane_->turn(), wait);
  for (int i = 0; i < 10; ++i) {
    clock_.advance(wait);
    wait = lane_->turn();
  }
  EXPECT_EQ(wait, std::clamp(wait, options_.retry_max * 3 / 4, options_.retry_max));
  EXPECT_EQ(lane_->status().state, LaneState::kBackingOff);
  EXPECT_EQ(lane_->status().last_error, "nobody is there");
  receiver_.away = false;
  clock_.advance(wait);
  lane_->turn();
  EXPECT_THAT(got(), ElementsAre("1"));
  EXPECT_EQ(lane_->status().state, LaneState::kConnected);
  source_.add();
  receiver_.away = true;
  EXPECT_LE(lane_->turn(), options_.retry_min * 5 / 4);
}

TEST_F(LaneTest, ARefusedEventBecomesADeadLetterAndTheRestGoesOn) {
  for (int i = 0; i < 3; ++i) source_.add();
  receiver_.failing[2] = {Delivery::Fate::kRefused, "HTTP 400: \"no\""};
  lane_->turn();
  EXPECT_THAT(got(), ElementsAre("1", "3"));
  EXPECT_EQ(dead_letters(),
            "{\"time\":\"2023-11-14T22:13:20Z\",\"key\":\"1700000000000-2\",\"reason\":\"HTTP 400: \\\"no\\\"\","
            "\"event\":{\"version\":2}}\n");
  EXPECT_EQ(lane_->status().dead, 1U);
  EXPECT_EQ(lane_->status().backlog.count, 0U);
  crash();
  lane_->turn();
  EXPECT_THAT(got(), ElementsAre("1", "3"));
}

TEST_F(LaneTest, DeadLettersAreBounded) {
  options_.dead_letters_bytes = 300;
  lane_.reset();
  open();
  for (std::uint64_t i = 1; i <= 50; ++i) {
    source_.add();
    receiver_.failing[i] = {Delivery::Fate::kRefused, "HTTP 400"};
  }
  lane_->turn();
  EXPECT_LE(dead_letters().size(), 300U);
  EXPECT_LE(dead_letters("dead-letters.old.jsonl").size(), 300U);
  EXPECT_THAT(dead_letters(), HasSubstr("1700000000000-50"));
  EXPECT_EQ(lane_->status().dead, 50U);
}

TEST_F(LaneTest, ADeadLetterFollowsOneThatACrashCutShort) {
  ASSERT_TRUE(io::write_file_atomically(disk_, "/data/outputs/hook/dead-letters.jsonl", R"({"time":"2023)"));
  source_.add();
  receiver_.failing[1] = {Delivery::Fate::kRefused, "HTTP 400"};
  lane_->turn();
  EXPECT_THAT(dead_letters(), HasSubstr("{\"time\":\"2023\n{\"time\":\"2023-11-14T22:13:20Z\""));
}

TEST_F(LaneTest, LossIsCounted) {
  source_.add();
  source_.add(5);
  receiver_.failing[7] = {Delivery::Fate::kRetry, "HTTP 503"};
  clock_.advance(lane_->turn());
  EXPECT_EQ(lane_->status().lost, 0U);
  receiver_.failing.clear();
  lane_->turn();
  EXPECT_THAT(got(), ElementsAre("1", "7"));
  EXPECT_EQ(lane_->status().lost, 5U);
  EXPECT_THAT(metrics_.text(), HasSubstr("millwright_output_lost_total{output=\"hook\"} 5"));
}

TEST_F(LaneTest, AnotherJournalBeginsANewEpoch) {
  for (int i = 0; i < 3; ++i) source_.add();
  lane_->turn();
  source_.clear();
  source_.add();
  crash();
  lane_->turn();
  source_.add();
  lane_->turn();
  EXPECT_EQ(receiver_.got.back(), "1700000000001-2");
  EXPECT_THAT(got(), ElementsAre("1", "2", "3", "2"));
}

TEST_F(LaneTest, ADamagedCursorSendsAgainRatherThanLose) {
  source_.add();
  source_.add();
  lane_->turn();
  ASSERT_TRUE(io::write_file_atomically(disk_, "/data/outputs/hook/cursor.json", R"({"epoch":1)"));
  crash();
  lane_->turn();
  EXPECT_THAT(got(), ElementsAre("1", "2", "1", "2"));
}

TEST_F(LaneTest, AFullDiskKeepsNothingUp) {
  disk_.set_capacity(disk_.used_bytes());
  for (int i = 0; i < 3; ++i) source_.add();
  receiver_.failing[2] = {Delivery::Fate::kRefused, "HTTP 400"};
  lane_->turn();
  EXPECT_THAT(got(), ElementsAre("1", "3"));
  disk_.set_capacity(UINT64_MAX);
  lane_->turn();
  crash();
  lane_->turn();
  EXPECT_THAT(got(), ElementsAre("1", "3"));  // the place was kept as soon as there was room
}

TEST_F(LaneTest, ItsThreadDeliversWhenWoken) {
  const io::RealClock clock;
  const auto lane = make("/data/outputs/other", clock);
  source_.add();
  lane->start();
  io::RealClock waiting;
  for (int i = 0; i < 500 && lane->status().delivered != 1; ++i) waiting.sleep(10 * core::kMillisecond);
  lane->stop();
  EXPECT_THAT(got(), ElementsAre("1"));
  EXPECT_EQ(lane->status().state, LaneState::kStopped);
}

TEST(Cursor, RefusesWhatMakesNoSense) {
  EXPECT_EQ(parse_cursor(R"({"epoch":1,"sequence":2,"id":3})")->position, (Position{2, 3}));
  for (const char* text :
       {"", "[]", "{}", R"({"epoch":-1,"sequence":2,"id":3})", R"({"epoch":"1","sequence":2,"id":3})"}) {
    EXPECT_EQ(parse_cursor(text).error().code, core::ErrorCode::kCorrupt) << text;
  }
}

}  // namespace
}  // namespace millwright::forwarding
