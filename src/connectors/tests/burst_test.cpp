// Server and client of the burst stream together, over simulated and real TCP: nothing lost, nothing doubled.
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/burst_client.hpp"
#include "connectors/burst_server.hpp"
#include "connectors/tests/test_plant.hpp"
#include "io/sim_network.hpp"

namespace millwright::connectors {
namespace {

namespace burst = protocol::burst;
using core::kMillisecond;
using core::kSecond;
using core::ValueType;
using test::Disk;
using test::eventually;
using test::Node;
using test::Reading;

constexpr core::TimeNs kStart = 1'763'712'000'000'000'000;

// Sends numbered readings: reading i of a channel has the time kStart + i and the value i.
class Numbered {
 public:
  explicit Numbered(std::uint32_t channels) : channels_(channels) {}

  static std::vector<BurstClient::Channel> declarations(std::uint32_t channels) {
    std::vector<BurstClient::Channel> all;
    for (std::uint32_t i = 0; i < channels; ++i) all.push_back({i, ValueType::kFloat32, "ch-" + std::to_string(i)});
    return all;
  }
  core::Status send(BurstClient& client, std::uint32_t readings, core::DurationNs timeout = 60 * kSecond) {
    std::vector<float> values(readings);
    for (std::uint32_t i = 0; i < readings; ++i) values[i] = static_cast<float>(next_ + i);
    std::vector<burst::OutBlock> blocks;
    for (std::uint32_t c = 0; c < channels_; ++c) {
      blocks.push_back(
          {c, ValueType::kFloat32, readings, kStart + static_cast<core::TimeNs>(next_), 1, nullptr, values.data(), {}});
    }
    auto sent = client.send(blocks, timeout);
    if (sent) next_ += readings;
    return sent;
  }
  [[nodiscard]] std::uint64_t sent() const { return next_; }

 private:
  std::uint32_t channels_;
  std::uint64_t next_ = 0;
};

void expect_all_once(const Disk& disk, std::uint32_t channels, std::uint64_t count) {
  for (std::uint32_t c = 0; c < channels; ++c) {
    const std::vector<Reading> got = disk.of(c);
    ASSERT_EQ(got.size(), count) << "channel " << c;
    for (std::uint64_t i = 0; i < count; ++i) {
      ASSERT_EQ(got[i].time, kStart + static_cast<core::TimeNs>(i)) << "channel " << c;
      ASSERT_EQ(got[i].value, static_cast<double>(i));
    }
  }
}

std::vector<test::SensorSpec> channel_specs(std::uint32_t channels) {
  std::vector<test::SensorSpec> specs;
  for (std::uint32_t i = 0; i < channels; ++i) specs.push_back({"ch-" + std::to_string(i)});
  return specs;
}

BurstClientOptions client_options(std::uint16_t port, std::string source = "press-7") {
  BurstClientOptions options;
  options.address = {"127.0.0.1", port};
  options.source = std::move(source);
  options.retry_min = 5 * kMillisecond;
  options.retry_max = 50 * kMillisecond;
  options.silence_timeout = 3 * kSecond;
  options.seed = 1;
  return options;
}

BurstServerOptions any_port() {
  BurstServerOptions options;
  options.port = 0;
  return options;
}

template <typename T>
class BurstOver : public ::testing::Test {
 protected:
  T network_;
  io::RealClock clock_;
  Disk disk_;
};
using Networks = ::testing::Types<io::RealNetwork, io::SimNetwork>;
TYPED_TEST_SUITE(BurstOver, Networks);

TYPED_TEST(BurstOver, CarriesReadingsToTheShardsAndAcknowledges) {
  const auto model = test::make_model(channel_specs(8));
  Node node(model, this->network_, this->clock_, this->disk_, {.shards = 2});
  BurstServer server("line", any_port(), node.context());
  ASSERT_TRUE(server.start());
  BurstClient client(client_options(server.port()), this->network_, this->clock_);
  client.declare(Numbered::declarations(8));
  client.start();
  Numbered numbered(8);
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(numbered.send(client, 100));
  ASSERT_TRUE(client.flush(60 * kSecond));
  expect_all_once(this->disk_, 8, numbered.sent());
  const BurstClientStatistics statistics = client.statistics();
  EXPECT_TRUE(statistics.connected);
  EXPECT_EQ(statistics.frames_sent, 200U);
  EXPECT_EQ(statistics.frames_acked, 200U);
  EXPECT_EQ(statistics.frames_resent, 0U);
  EXPECT_EQ(statistics.readings_acked, 200U * 100 * 8);
  EXPECT_EQ(statistics.unacked_bytes, 0U);
  EXPECT_EQ(server.status().readings, 200U * 100 * 8);
  EXPECT_EQ(server.status().refused, 0U);
  EXPECT_EQ(server.status().state, ConnectorState::kConnected);
  client.stop();
  EXPECT_TRUE(eventually([&] { return server.status().state == ConnectorState::kConnecting; }));
  // The sensors' live values say that their source is gone.
  EXPECT_TRUE(eventually([&] { return node.behaviour.statuses() == 8; }));
  server.stop();
  EXPECT_EQ(server.status().state, ConnectorState::kStopped);
}

TYPED_TEST(BurstOver, CarriesEveryTypeTimesAndQuality) {
  const auto model = test::make_model({{"f32", ValueType::kFloat32},
                                       {"f64", ValueType::kFloat64},
                                       {"i64", ValueType::kInt64},
                                       {"bool", ValueType::kBool},
                                       {"state", ValueType::kState},
                                       {"f64", ValueType::kFloat64}});
  Node node(model, this->network_, this->clock_, this->disk_, {.shards = 2});
  BurstServer server("line", any_port(), node.context());
  ASSERT_TRUE(server.start());
  BurstClient client(client_options(server.port()), this->network_, this->clock_);
  client.declare({{0, ValueType::kFloat32, "f32"},
                  {1, ValueType::kFloat32, "f64"},
                  {2, ValueType::kState, "i64"},
                  {3, ValueType::kBool, "bool"},
                  {4, ValueType::kInt64, "state"}});
  client.start();
  const std::array<float, 3> real{0.1F, std::numeric_limits<float>::quiet_NaN(), -2};
  const std::array<std::int32_t, 1> state{-5};
  const std::array<std::uint8_t, 2> boolean{1, 200};
  const std::array<std::int64_t, 1> code{7};
  const std::array<core::TimeNs, 3> times{kStart + 5, kStart + 1, kStart + 400'000'000'000'000'000};
  const std::array<core::QualityRun, 2> runs{{{2, core::kUncertain}, {1, core::kGood}}};
  ASSERT_TRUE(
      client.send(std::array<burst::OutBlock, 5>{{{0, ValueType::kFloat32, 3, 0, 0, times.data(), real.data(), runs},
                                                  {1, ValueType::kFloat32, 1, kStart, 0, nullptr, real.data(), {}},
                                                  {2, ValueType::kState, 1, kStart, 0, nullptr, state.data(), {}},
                                                  {3, ValueType::kBool, 2, kStart, 10, nullptr, boolean.data(), {}},
                                                  {4, ValueType::kInt64, 1, kStart, 0, nullptr, code.data(), {}}}}));
  ASSERT_TRUE(client.flush(60 * kSecond));
  const auto f32 = this->disk_.of(0);
  ASSERT_EQ(f32.size(), 3U);
  EXPECT_EQ(f32[0], (Reading{kStart + 5, static_cast<double>(0.1F), core::kUncertain}));
  EXPECT_EQ(f32[1].quality, core::kBadSensorFailure);
  EXPECT_EQ(f32[1].time, kStart + 1);
  EXPECT_EQ(f32[2], (Reading{kStart + 400'000'000'000'000'000, -2, core::kBadInvalidTimestamp}));
  // One channel feeds both sensors that name it.
  EXPECT_EQ(this->disk_.of(1), (std::vector<Reading>{{kStart, static_cast<double>(0.1F), core::kGood}}));
  EXPECT_EQ(this->disk_.of(5), this->disk_.of(1));
  EXPECT_EQ(this->disk_.of(2), (std::vector<Reading>{{kStart, -5, core::kGood}}));
  EXPECT_EQ(this->disk_.of(3), (std::vector<Reading>{{kStart, 1, core::kGood}, {kStart + 10, 1, core::kGood}}));
  EXPECT_EQ(this->disk_.of(4), (std::vector<Reading>{{kStart, 7, core::kGood}}));
}

TYPED_TEST(BurstOver, SkipsUnknownChannelsAndUnfitTypesAndTakesTheRest) {
  const auto model = test::make_model({{"vibration"}, {"narrow", ValueType::kFloat32}, {"count", ValueType::kInt64}});
  Node node(model, this->network_, this->clock_, this->disk_);
  BurstServer server("line", any_port(), node.context());
  ASSERT_TRUE(server.start());
  BurstClient client(client_options(server.port()), this->network_, this->clock_);
  client.declare({{0, ValueType::kFloat32, "vibration"},
                  {1, ValueType::kFloat32, "vibratoin"},
                  {2, ValueType::kFloat64, "narrow"},
                  {3, ValueType::kFloat32, "count"}});
  client.start();
  const std::array<float, 1> f32{1.5F};
  const std::array<float, 1> whole{3};
  const std::array<double, 1> exact{0.5};
  const std::array<double, 1> inexact{0.1};
  const auto frame = [&](const double* narrow, const float* count) {
    return std::array<burst::OutBlock, 5>{{{0, ValueType::kFloat32, 1, kStart, 0, nullptr, f32.data(), {}},
                                           {1, ValueType::kFloat32, 1, kStart, 0, nullptr, f32.data(), {}},
                                           {2, ValueType::kFloat64, 1, kStart, 0, nullptr, narrow, {}},
                                           {3, ValueType::kFloat32, 1, kStart, 0, nullptr, count, {}},
                                           {77, ValueType::kFloat32, 1, kStart, 0, nullptr, f32.data(), {}}}};
  };
  ASSERT_TRUE(client.send(frame(exact.data(), whole.data())));
  ASSERT_TRUE(client.send(frame(inexact.data(), f32.data())));
  ASSERT_TRUE(client.send(frame(exact.data(), whole.data())));
  ASSERT_TRUE(client.flush(60 * kSecond));
  EXPECT_EQ(this->disk_.of(0).size(), 3U);
  EXPECT_EQ(this->disk_.of(1), (std::vector<Reading>{{kStart, 0.5, core::kGood}}));
  EXPECT_EQ(this->disk_.of(2), (std::vector<Reading>{{kStart, 3, core::kGood}}));
  EXPECT_EQ(server.status().refused, 3U + 3 + 2 + 2);  // unknown, undeclared, and two from the misfit on
  EXPECT_EQ(server.status().readings, 5U);
  EXPECT_TRUE(eventually([&] { return client.statistics().channels_refused == 4; }));
  EXPECT_TRUE(client.statistics().connected);
}

TYPED_TEST(BurstOver, PushesBackAndLosesNothing) {
  const auto model = test::make_model(channel_specs(2));
  Node node(model, this->network_, this->clock_, this->disk_, {.shards = 1, .ring_batches = 2});
  BurstServer server("line", any_port(), node.context());
  ASSERT_TRUE(server.start());
  auto options = client_options(server.port());
  options.window_bytes = 400'000;
  BurstClient client(options, this->network_, this->clock_);
  client.declare(Numbered::declarations(2));
  client.start();
  node.behaviour.set_closed(true);
  Numbered numbered(2);
  while (numbered.send(client, 1000, 100 * kMillisecond)) {
  }
  // The window is full and stays full, the connection stands, and few frames have gone in.
  EXPECT_LE(client.statistics().unacked_bytes, 400'000U);
  EXPECT_LE(numbered.sent() * 2, 100'000U);
  EXPECT_EQ(client.statistics().readings_dropped, 0U);
  node.behaviour.set_closed(false);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(numbered.send(client, 1000));
  ASSERT_TRUE(client.flush(60 * kSecond));
  expect_all_once(this->disk_, 2, numbered.sent());
  EXPECT_EQ(client.statistics().connects, 1U);
}

TYPED_TEST(BurstOver, ResumesAfterTheServerCrashed) {
  const auto model = test::make_model(channel_specs(3));
  Numbered numbered(3);
  std::uint16_t port = 0;
  std::unique_ptr<BurstClient> client;
  for (int life = 0; life < 4; ++life) {
    Node node(model, this->network_, this->clock_, this->disk_);
    auto options = any_port();
    options.port = port;
    BurstServer server("line", options, node.context());
    ASSERT_TRUE(eventually([&] { return server.start().has_value(); }));
    port = server.port();
    if (!client) {
      client = std::make_unique<BurstClient>(client_options(port), this->network_, this->clock_);
      client->declare(Numbered::declarations(3));
      client->start();
    }
    const std::uint64_t acked_before = client->statistics().frames_acked;
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(numbered.send(*client, 20));
    if (life == 3) {
      ASSERT_TRUE(client->flush(60 * kSecond));
      EXPECT_GT(server.status().readings, 0U);
      break;
    }
    // Some of it becomes durable; then the disk keeps nothing more, and what is under way dies with the node.
    ASSERT_TRUE(eventually([&] {
      const auto now = client->statistics();
      return now.connects == static_cast<std::uint64_t>(life) + 1 && now.frames_acked > acked_before;
    }));
    node.behaviour.set_commits(false);
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(numbered.send(*client, 20));
    server.stop();
  }
  expect_all_once(this->disk_, 3, numbered.sent());
  const auto statistics = client->statistics();
  EXPECT_EQ(statistics.frames_acked, statistics.frames_sent);
  EXPECT_GT(statistics.frames_resent, 0U);
  EXPECT_EQ(statistics.connects, 4U);
}

TYPED_TEST(BurstOver, GivesUpTheOldestWhereItMayAndSaysSo) {
  const auto model = test::make_model(channel_specs(1));
  Node node(model, this->network_, this->clock_, this->disk_);
  BurstServer server("line", any_port(), node.context());
  ASSERT_TRUE(server.start());
  auto options = client_options(server.port());
  options.overflow = WindowOverflow::kDropOldest;
  options.window_bytes = 20'000;
  BurstClient client(options, this->network_, this->clock_);
  client.declare(Numbered::declarations(1));
  Numbered numbered(1);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(numbered.send(client, 1000));
  client.start();
  ASSERT_TRUE(client.flush(60 * kSecond));
  const auto got = this->disk_.of(0);
  ASSERT_EQ(got.size(), 4000U);
  EXPECT_EQ(got.front().value, 16'000);
  EXPECT_EQ(client.statistics().readings_dropped, 16'000U);
  EXPECT_NE(node.metrics().text().find("millwright_burst_sender_dropped_readings_total{connector=\"line\"} 16000"),
            std::string::npos);
}

// Frames were on their way and unacknowledged when the cable was pulled; some of them were given up before it came
// back.
TEST(BurstSim, GivesUpWhatWasSentAndGoesOnWithoutAGap) {
  io::SimNetwork network;
  io::RealClock clock;
  Disk disk;
  const auto model = test::make_model(channel_specs(1));
  Node node(model, network, clock, disk);
  BurstServer server("line", any_port(), node.context());
  ASSERT_TRUE(server.start());
  auto options = client_options(server.port());
  options.overflow = WindowOverflow::kDropOldest;
  options.window_bytes = 20'000;
  BurstClient client(options, network, clock);
  client.declare(Numbered::declarations(1));
  client.start();
  Numbered numbered(1);
  ASSERT_TRUE(numbered.send(client, 1000));
  ASSERT_TRUE(client.flush(60 * kSecond));
  network.pull_cable(io::SimNetwork::Cut::kSilent);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(numbered.send(client, 1000));
  ASSERT_TRUE(eventually([&] { return client.statistics().frames_sent == 4; }));
  network.pull_cable(io::SimNetwork::Cut::kReset);  // what was sent is gone
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(numbered.send(client, 1000));
  network.plug_cable();
  ASSERT_TRUE(client.flush(60 * kSecond));
  const auto got = disk.of(0);
  ASSERT_EQ(got.size(), 5000U);
  EXPECT_EQ(got[999].value, 999);
  EXPECT_EQ(got[1000].value, 6000);
  EXPECT_EQ(client.statistics().readings_dropped, 5000U);
}

TEST(BurstSim, LosesAndDoublesNothingThroughPulledCables) {
  io::SimNetwork network;
  io::RealClock clock;
  Disk disk;
  const auto model = test::make_model(channel_specs(4));
  Node node(model, network, clock, disk, {.shards = 2});
  auto server_options = any_port();
  server_options.idle_timeout = kSecond;
  BurstServer server("line", server_options, node.context());
  ASSERT_TRUE(server.start());
  auto options = client_options(server.port());
  options.silence_timeout = 1500 * kMillisecond;
  options.window_bytes = 1 << 20;
  BurstClient client(options, network, clock);
  client.declare(Numbered::declarations(4));
  client.start();
  Numbered numbered(4);
  const std::uint64_t seed = io::entropy();
  SCOPED_TRACE("seed " + std::to_string(seed));
  io::Random random(seed);
  for (int cut = 0; cut < 12; ++cut) {
    ASSERT_TRUE(eventually([&] { return client.statistics().connected; }));
    for (std::uint64_t i = 20 + random.below(200); i > 0; --i)
      ASSERT_TRUE(numbered.send(client, 1 + static_cast<std::uint32_t>(random.below(50))));
    const bool silent = cut % 4 == 3;
    network.pull_cable(silent ? io::SimNetwork::Cut::kSilent : io::SimNetwork::Cut::kReset);
    for (std::uint64_t i = random.below(50); i > 0; --i)
      ASSERT_TRUE(numbered.send(client, 1 + static_cast<std::uint32_t>(random.below(50))));
    // A silent cable is sometimes back before anybody noticed, sometimes not.
    std::this_thread::sleep_for(std::chrono::milliseconds(silent && cut % 8 == 3 ? 2500 : random.below(40)));
    network.plug_cable();
  }
  ASSERT_TRUE(client.flush(60 * kSecond));
  expect_all_once(disk, 4, numbered.sent());
  EXPECT_GE(client.statistics().connects, 9U);
  EXPECT_EQ(client.statistics().readings_acked, numbered.sent() * 4);
}

TYPED_TEST(BurstOver, ServesManySendersAtOnce) {
  constexpr std::uint32_t kSenders = 12;
  const auto model = test::make_model(channel_specs(kSenders));
  Node node(model, this->network_, this->clock_, this->disk_, {.shards = 2});
  BurstServer server("line", any_port(), node.context());
  ASSERT_TRUE(server.start());
  std::vector<std::unique_ptr<BurstClient>> clients;
  for (std::uint32_t c = 0; c < kSenders; ++c) {
    const auto source = "press-" + std::to_string(c);
    clients.push_back(
        std::make_unique<BurstClient>(client_options(server.port(), source), this->network_, this->clock_));
    clients.back()->declare({{0, ValueType::kFloat32, "ch-" + std::to_string(c)}});
    clients.back()->start();
  }
  std::vector<Numbered> numbered(kSenders, Numbered(1));
  for (int i = 0; i < 50; ++i) {
    for (std::uint32_t c = 0; c < kSenders; ++c) ASSERT_TRUE(numbered[c].send(*clients[c], 10));
  }
  for (auto& client : clients) ASSERT_TRUE(client->flush(60 * kSecond));
  expect_all_once(this->disk_, kSenders, 500);
  EXPECT_THAT(server.status().detail, ::testing::HasSubstr("12 senders"));
}

TEST(BurstClient, KeepsTryingUntilTheServerIsThere) {
  io::SimNetwork network;
  io::RealClock clock;
  Disk disk;
  const auto model = test::make_model(channel_specs(1));
  auto options = client_options(45'000);
  BurstClient client(options, network, clock);
  client.declare(Numbered::declarations(1));
  client.start();
  Numbered numbered(1);
  ASSERT_TRUE(numbered.send(client, 5));
  EXPECT_TRUE(eventually([&] { return !client.statistics().last_error.empty(); }));
  EXPECT_FALSE(client.statistics().connected);
  Node node(model, network, clock, disk);
  auto server_options = any_port();
  server_options.port = 45'000;
  BurstServer server("line", server_options, node.context());
  ASSERT_TRUE(server.start());
  ASSERT_TRUE(client.flush(60 * kSecond));
  expect_all_once(disk, 1, 5);
}

TEST(BurstClient, TakesAGreaterEpochWhereItsOwnIsUsedUp) {
  io::SimNetwork network;
  io::RealClock clock;
  Disk disk;
  const auto model = test::make_model(channel_specs(1));
  Node node(model, network, clock, disk);
  BurstServer server("line", any_port(), node.context());
  ASSERT_TRUE(server.start());
  Numbered numbered(1);
  // The second starts with a clock that went back, the third with the very same epoch.
  for (const std::uint64_t epoch : {100U, 50U, 101U}) {
    auto options = client_options(server.port());
    options.epoch = epoch;
    BurstClient client(options, network, clock);
    client.declare(Numbered::declarations(1));
    client.start();
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(numbered.send(client, 3));
    ASSERT_TRUE(client.flush(60 * kSecond));
  }
  expect_all_once(disk, 1, 90);
}

TEST(BurstClient, RefusesAFrameThatIsTooLarge) {
  io::SimNetwork network;
  io::RealClock clock;
  BurstClient client(client_options(1), network, clock);
  const std::vector<double> values(core::kMaxBlockReadings);
  const std::vector<burst::OutBlock> blocks(
      70, {0, ValueType::kFloat64, core::kMaxBlockReadings, kStart, 1, nullptr, values.data(), {}});
  EXPECT_EQ(client.send(blocks).error().code, core::ErrorCode::kInvalid);
  client.stop();
  EXPECT_EQ(client.send(std::span(blocks).first(1)).error().code, core::ErrorCode::kClosed);
}

}  // namespace
}  // namespace millwright::connectors
