// Replay over a real server, read by open62541's own client.
#include <atomic>
#include <bit>
#include <cstdlib>
#include <future>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>

#include "asset/load.hpp"
#include "config/document.hpp"
#include "core/quality.hpp"
#include "io/network.hpp"
#include "simulator/simulator.hpp"
#include "support.hpp"

namespace millwright::simulator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TemporaryDirectory;
using testing::TestClient;
using testing::Told;
using ::testing::UnorderedElementsAre;

// A replay in a thread of its own, stopped at the end.
class Playing {
 public:
  explicit Playing(ReplayOptions options) {
    options.port = 0;
    options.listening = [this](std::uint16_t port) { port_.set_value(port); };
    thread_ = std::thread([this, options] { result_.set_value(replay(options, stop_, out_)); });
  }
  ~Playing() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::uint16_t port() { return port_.get_future().get(); }
  // What it returned; stops it first unless it ends by itself.
  core::Result<ReplaySummary> finish(bool stop) {
    if (stop) stop_ = true;
    thread_.join();
    return result_.get_future().get();
  }
  [[nodiscard]] std::string output() const { return out_.str(); }  // after finish()

 private:
  std::atomic<bool> stop_{false};
  std::ostringstream out_;
  std::promise<std::uint16_t> port_;
  std::promise<core::Result<ReplaySummary>> result_;
  std::thread thread_;
};

// The notifications that carry a value, without the first one, which says that there is none yet.
std::vector<Told> values_of(const std::vector<Told>& told) {
  std::vector<Told> values;
  for (const Told& each : told) {
    if (each.has_value) values.push_back(each);
  }
  return values;
}

TEST(Replay, EveryRowArrivesInOrderBitForBitWithItsOwnTime) {
  const TemporaryDirectory directory;
  // Values that repeat, that no decimal text hits exactly, that are huge, tiny and negative zero.
  const std::vector<std::string> texts = {
      "1.5", "1.5", "1.5", "0.1", "-0.0", "0", "1e308", "4.9406564584124654e-324", "3.141592653589793", "-273.15"};
  std::string csv = "datetime;Volume Flow RateRMS;Current\n";
  constexpr int kRows = 2000;
  for (int i = 0; i < kRows; ++i) {
    csv += std::to_string(1'700'000'000 + i) + ".0000001;" + texts[static_cast<std::size_t>(i) % texts.size()] + ";" +
           (i % 4 == 1 ? "" : std::to_string(i) + ".25") + "\n";
  }
  Playing playing({.file = directory.write("pump loop.csv", csv), .speed = 2000, .exit = true});
  TestClient client(playing.port());
  ASSERT_TRUE(client.connected());
  EXPECT_THAT(client.browse({"pump loop"}), UnorderedElementsAre("Volume Flow RateRMS", "Current"));
  const Told before = client.read("Current");
  EXPECT_EQ(before.status, core::kBadWaitingForInitialData.code);
  EXPECT_FALSE(before.has_value);

  ASSERT_TRUE(client.subscribe({"Volume Flow RateRMS", "Current"}, 100'000));
  EXPECT_TRUE(client.run_until([&] {
    return client.told("Current").size() >= kRows * 3 / 4 + 1 && client.told("Volume Flow RateRMS").size() >= kRows + 1;
  }));
  ASSERT_FALSE(client.told("Current").empty());
  EXPECT_EQ(client.told("Current")[0].status, core::kBadWaitingForInitialData.code);

  const auto flow = values_of(client.told("Volume Flow RateRMS"));
  ASSERT_EQ(flow.size(), kRows);
  for (std::size_t i = 0; i < flow.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint64_t>(flow[i].value),
              std::bit_cast<std::uint64_t>(std::strtod(texts[i % texts.size()].c_str(), nullptr)))
        << i;
    ASSERT_EQ(flow[i].source_time, (1'700'000'000 + static_cast<core::TimeNs>(i)) * core::kSecond + 100) << i;
    ASSERT_EQ(flow[i].status, 0U);
  }
  const auto current = values_of(client.told("Current"));
  ASSERT_EQ(current.size(), kRows * 3 / 4);
  for (std::size_t i = 0; i < current.size(); ++i) {
    const auto row = i / 3 * 4 + (i % 3 == 0 ? 0 : i % 3 + 1);
    ASSERT_EQ(current[i].value, static_cast<double>(row) + 0.25);
    ASSERT_EQ(current[i].source_time, (1'700'000'000 + static_cast<core::TimeNs>(row)) * core::kSecond + 100);
  }
  const auto summary = playing.finish(false);
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->rows, kRows);
  EXPECT_EQ(summary->values, kRows + kRows * 3 / 4);
  EXPECT_EQ(summary->bad_rows, 0U);
  EXPECT_FALSE(summary->stopped);
}

TEST(Replay, KeepsServingTheLastValuesUntilStopped) {
  const TemporaryDirectory directory;
  Playing playing({.file = directory.write("a.csv", "t,x\n1,10\n1.5,20\n"), .wait = 0});
  TestClient client(playing.port());
  ASSERT_TRUE(client.connected());
  ASSERT_TRUE(client.run_until([&] { return client.read("x").value == 20; }));
  EXPECT_EQ(client.read("x").source_time, 1'500 * core::kMillisecond);
  const auto summary = playing.finish(true);
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->rows, 2U);
  EXPECT_FALSE(summary->stopped);
  EXPECT_THAT(playing.output(), HasSubstr("The last values stay on the server"));
}

TEST(Replay, ASessionWithoutSubscriptionStartsTheRowsToo) {
  const TemporaryDirectory directory;
  Playing playing({.file = directory.write("a.csv", "t,x\n1,10\n"), .wait = core::kHour});
  TestClient client(playing.port());
  ASSERT_TRUE(client.connected());
  EXPECT_TRUE(client.run_until([&] { return client.read("x").has_value; }));
}

TEST(Replay, WithoutAnybodyNothingIsPlayedBeforeTheWaitIsOver) {
  const TemporaryDirectory directory;
  Playing playing({.file = directory.write("a.csv", "t,x\n1,10\n"), .wait = core::kHour});
  playing.port();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const auto summary = playing.finish(true);
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->rows, 0U);
  EXPECT_TRUE(summary->stopped);
}

TEST(Replay, TimesCanBeShiftedToNow) {
  const TemporaryDirectory directory;
  const core::TimeNs before =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  Playing playing({.file = directory.write("a.csv", "t,x\n2020-01-01T00:00:00Z,1\n2020-01-01T00:00:00.5Z,2\n"),
                   .times = ReplayOptions::Times::kNow});
  TestClient client(playing.port());
  ASSERT_TRUE(client.subscribe({"x"}, 10));
  ASSERT_TRUE(client.run_until([&] { return values_of(client.told("x")).size() == 2; }));
  const auto values = values_of(client.told("x"));
  EXPECT_GE(values[0].source_time, before - 100);
  EXPECT_LT(values[0].source_time, before + core::kMinute);
  EXPECT_EQ(values[1].source_time - values[0].source_time, 500 * core::kMillisecond);
}

TEST(Replay, ALoopGoesOnWithRisingTimes) {
  const TemporaryDirectory directory;
  Playing playing({.file = directory.write("a.csv", "t,x\n100,1\n101,2\n102,3\n"), .speed = 100, .loop = true});
  TestClient client(playing.port());
  ASSERT_TRUE(client.subscribe({"x"}, 1000));
  ASSERT_TRUE(client.run_until([&] { return values_of(client.told("x")).size() >= 7; }));
  const auto values = values_of(client.told("x"));
  for (std::size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(values[i].value, static_cast<double>(i % 3 + 1));
    EXPECT_EQ(values[i].source_time, (100 + static_cast<core::TimeNs>(i)) * core::kSecond);
  }
}

TEST(Replay, BadRowsAreToldSkippedAndCounted) {
  const TemporaryDirectory directory;
  const std::string file = directory.write("bad.csv",
                                           "time,x,y\n"
                                           "1,10,20\n"
                                           "2,10\n"
                                           "3,ten,20\n"
                                           "yesterday,1,2\n"
                                           "5,11,21\n");
  Playing playing({.file = file, .speed = 1000, .wait = 0, .exit = true});
  const auto summary = playing.finish(false);
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->rows, 2U);
  EXPECT_EQ(summary->bad_rows, 3U);
  EXPECT_THAT(playing.output(), HasSubstr(file + ":3"));
  EXPECT_THAT(playing.output(), HasSubstr(file + ":4: column 2"));
  EXPECT_THAT(playing.output(), HasSubstr(file + ":5: column 1"));
  EXPECT_THAT(playing.output(), HasSubstr("Played 2 rows, 4 values; 3 bad rows skipped"));
}

TEST(Replay, FilesThatCannotBePlayedAreErrors) {
  const TemporaryDirectory directory;
  const std::atomic<bool> stop{false};
  const auto error = [&](const std::string& file, double speed = 1) {
    std::ostringstream out;
    const auto result = replay({.file = file, .speed = speed, .port = 0}, stop, out);
    return result ? std::string("played") : result.error().message;
  };
  EXPECT_THAT(error(directory.file("none.csv")), HasSubstr("no such file"));
  EXPECT_THAT(error(directory.write("empty.csv", "")), HasSubstr("empty.csv"));
  EXPECT_THAT(error(directory.write("headless.csv", "1,2\n2,3\n")), HasSubstr("headless.csv:1"));
  EXPECT_THAT(error(directory.write("twice.csv", "t,x,x\n1,2,3\n")), HasSubstr("twice.csv:1"));
  EXPECT_THAT(error(directory.write("bare.csv", "t,x\n")), HasSubstr("no row"));
  EXPECT_THAT(error(directory.write("good.csv", "t,x\n1,2\n"), 0), HasSubstr("speed"));
}

TEST(Replay, APortInUseIsAnError) {
  const TemporaryDirectory directory;
  io::RealNetwork network;
  auto listener = network.listen({"127.0.0.1", 0});
  ASSERT_TRUE(listener);
  const std::atomic<bool> stop{false};
  std::ostringstream out;
  const auto result = replay({.file = directory.write("a.csv", "t,x\n1,2\n"), .port = (*listener)->port()}, stop, out);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, core::ErrorCode::kConflict) << result.error().message;
}

TEST(WritePlant, FitsTheFile) {
  const TemporaryDirectory directory;
  const std::string csv =
      directory.write("Anomaly Free (2).csv",
                      "datetime;Volume Flow RateRMS;Accelerometer1RMS;\"a \"\"b\"\"\\\";A-B;\xC3\xA9\n"
                      "2020-02-08 13:30:47;1;2;3;4;5\n"
                      "2020-02-08 13:30:47.5;1;2;3;4;5\n");
  const std::string plant = directory.file("plant.yaml");
  std::ostringstream out;
  const auto written = write_plant(csv, plant, 4999, out);
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_THAT(out.str(), HasSubstr("millwright run " + plant));

  auto document = config::Document::load(plant);
  ASSERT_TRUE(document) << document.error().message;
  config::Section root = document->root();
  auto connectors = root.sections("connectors");
  ASSERT_EQ(connectors.size(), 1U);
  EXPECT_EQ(connectors[0].text("endpoint"), "opc.tcp://127.0.0.1:4999");
  const asset::Model model = asset::load(*document, root.section("assets"), {connectors[0].text("name")}, {});
  ASSERT_TRUE(document->check()) << document->check().error().message;
  ASSERT_EQ(model.machines().size(), 1U);
  EXPECT_EQ(model.machines()[0].name, "anomaly-free-2");
  std::vector<std::string> names;
  std::vector<std::string> addresses;
  for (const asset::Sensor& sensor : model.sensors()) {
    names.push_back(sensor.name);
    addresses.push_back(sensor.source.address);
    EXPECT_EQ(sensor.rate_hz, 2);
    EXPECT_EQ(sensor.type, core::ValueType::kFloat64);
  }
  EXPECT_THAT(names, ElementsAre("volume-flow-rate-rms", "accelerometer1-rms", "a-b", "a-b-2", "column-6"));
  EXPECT_THAT(addresses, ElementsAre("nsu=urn:millwright:simulator;s=Volume Flow RateRMS",
                                     "nsu=urn:millwright:simulator;s=Accelerometer1RMS",
                                     "nsu=urn:millwright:simulator;s=a \"b\"\\", "nsu=urn:millwright:simulator;s=A-B",
                                     "nsu=urn:millwright:simulator;s=\xC3\xA9"));

  // Writing the same again is fine; overwriting something else is not.
  EXPECT_TRUE(write_plant(csv, plant, 4999, out));
  const auto other = write_plant(csv, plant, 5000, out);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, core::ErrorCode::kConflict);
}

}  // namespace
}  // namespace millwright::simulator
