// A simulated factory seen from outside: its OPC UA server by open62541's client, its burst stream by a socket.
#include <atomic>
#include <deque>
#include <fstream>
#include <future>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>

#include "io/tests/foreign_server.hpp"
#include "protocol/burst.hpp"
#include "simulator/simulator.hpp"
#include "support.hpp"

namespace millwright::simulator {
namespace {

using io::free_port;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::TemporaryDirectory;
using testing::TestClient;
using ::testing::UnorderedElementsAre;

namespace burst = protocol::burst;

class Simulating {
 public:
  Simulating(std::uint16_t opcua_port, std::uint16_t burst_port, SimulateOptions options = {}) {
    using Kind = SimulatedConnector::Kind;
    connectors_ = {{"plc", Kind::kOpcUa, opcua_port}, {"vibration", Kind::kBurst, burst_port}};
    thread_ = std::thread([this, options] { result_.set_value(simulate(model_, connectors_, options, stop_, out_)); });
  }
  ~Simulating() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  core::Status finish() {
    stop_ = true;
    thread_.join();
    return result_.get_future().get();
  }
  [[nodiscard]] std::string output() const { return out_.str(); }  // after finish()

 private:
  asset::Model model_ = testing::small_plant();
  std::vector<SimulatedConnector> connectors_;
  std::atomic<bool> stop_{false};
  std::ostringstream out_;
  std::promise<core::Status> result_;
  std::thread thread_;
};

// The server may not be listening yet.
std::unique_ptr<TestClient> connect(std::uint16_t port) {
  for (int i = 0; i < 200; ++i) {
    auto client = std::make_unique<TestClient>(port);
    if (client->connected()) return client;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return nullptr;
}

// What a plant does with the burst stream, in as few lines as the format allows.
class Receiver {
 public:
  explicit Receiver(std::uint16_t port) { listener_ = std::move(*network_.listen({"127.0.0.1", port})); }
  [[nodiscard]] std::uint16_t port() const { return listener_->port(); }

  // Takes a connection and says that everything up to `durable` is on disk.
  void accept(std::uint64_t durable) {
    auto stream = listener_->accept(core::kMinute);
    ASSERT_TRUE(stream) << stream.error().message;
    stream_ = std::move(*stream);
    reader_ = burst::FrameReader();
    const burst::Frame frame = next();
    const auto hello = burst::decode_hello(frame);
    ASSERT_TRUE(hello);
    source_ = hello->source;
    std::vector<std::byte> out;
    encode(burst::Welcome{hello->epoch, durable, 1 << 20, 30'000, "test"}, out);
    ASSERT_TRUE(stream_->write_all(out, core::kMinute));
  }
  void hang_up() { stream_.reset(); }

  // The next data frame's blocks into `channels`; gives its sequence.
  std::uint64_t take() {
    for (;;) {
      const burst::Frame frame = next();
      if (frame.type == burst::MessageType::kDeclare) {
        std::vector<burst::Declaration> declarations;
        EXPECT_TRUE(decode_declare(frame, declarations));
        for (const auto& declaration : declarations) names_[declaration.channel] = declaration.name;
      } else if (frame.type == burst::MessageType::kData) {
        std::vector<burst::DataBlock> blocks;
        EXPECT_TRUE(decode_data(frame, blocks));
        for (const auto& block : blocks)
          starts[names_.at(block.channel)].push_back({block.start, block.count, block.period});
        return frame.sequence;
      }
    }
  }

  struct Piece {
    core::TimeNs start;
    std::uint32_t count;
    core::DurationNs period;
  };
  std::map<std::string, std::vector<Piece>> starts;
  [[nodiscard]] const std::string& source() const { return source_; }

 private:
  burst::Frame next() {
    for (;;) {
      auto frame = reader_.next();
      if (!frame) throw std::runtime_error(frame.error().message);
      if (*frame) return **frame;
      const auto space = reader_.space();
      const auto read = stream_->read_some(space, core::kMinute);
      if (!read) throw std::runtime_error(read.error().message);
      reader_.filled(*read);
    }
  }

  io::RealNetwork network_;
  std::unique_ptr<io::Listener> listener_;
  std::unique_ptr<io::Stream> stream_;
  burst::FrameReader reader_;
  std::string source_;
  std::map<std::uint32_t, std::string> names_;
};

TEST(Simulate, ServesTheModelsAddressesInFolders) {
  const std::uint16_t port = free_port();
  Simulating simulating(port, free_port(), {.seed = 42, .faults = {"cavitation:pump-1:start=1h"}});
  const auto client = connect(port);
  ASSERT_NE(client, nullptr);
  EXPECT_THAT(client->browse({}), ::testing::IsSupersetOf({"pump-1", "pump-2", "press-1"}));
  EXPECT_THAT(client->browse({"pump-1"}), UnorderedElementsAre("state", "motor", "pump"));
  EXPECT_THAT(client->browse({"pump-1", "motor"}), UnorderedElementsAre("speed", "current", "power"));
  EXPECT_TRUE(client->run_until([&] { return client->read("pump-1.motor.current").has_value; }));

  ASSERT_TRUE(client->subscribe({"pump-1.motor.current", "pump-2.pump.flow"}, 1000));
  ASSERT_TRUE(client->run_until([&] { return client->told("pump-2.pump.flow").size() > 20; }));
  const auto& flow = client->told("pump-2.pump.flow");
  for (std::size_t i = 0; i < flow.size(); ++i) {
    if (!flow[i].has_value) continue;
    EXPECT_EQ(flow[i].source_time % (100 * core::kMillisecond), 0);
    EXPECT_GT(flow[i].value, 100);
    EXPECT_LT(flow[i].value, 200);
    if (i > 1) {
      EXPECT_GT(flow[i].source_time, flow[i - 1].source_time);
    }
  }
  const auto status = simulating.finish();
  EXPECT_TRUE(status) << status.error().message;
  EXPECT_THAT(simulating.output(), HasSubstr("Simulating 3 machines, 21 sensors, seed 42"));
  EXPECT_THAT(simulating.output(), HasSubstr("opc.tcp://127.0.0.1:" + std::to_string(port)));
  EXPECT_THAT(simulating.output(), HasSubstr("fault cavitation:pump-1:start=1h"));
}

TEST(Simulate, SendsTenthsOfASecondAndResumesAfterTheReceiverWasGone) {
  Receiver receiver(0);
  Simulating simulating(free_port(), receiver.port());
  receiver.accept(0);
  EXPECT_EQ(receiver.source(), "simulator");
  std::uint64_t last = 0;
  for (int i = 0; i < 5; ++i) last = receiver.take();
  receiver.hang_up();
  receiver.accept(last - 2);  // the last two were not durable yet: they come again
  EXPECT_EQ(receiver.take(), last - 1);
  EXPECT_EQ(receiver.take(), last);
  while (receiver.take() < last + 10) {
  }
  ASSERT_EQ(receiver.starts.size(), 2U);
  for (const auto& [channel, pieces] : receiver.starts) {
    EXPECT_THAT(channel, HasSubstr(".pump.vibration-de"));
    std::set<core::TimeNs> starts;
    for (const auto& piece : pieces) {
      EXPECT_EQ(piece.count % 100, 0U);
      EXPECT_EQ(piece.period, core::kMillisecond);
      for (std::uint32_t i = 0; i < piece.count; i += 100) starts.insert(piece.start + i * piece.period);
    }
    // No tenth of a second is missing.
    EXPECT_EQ(*starts.rbegin() - *starts.begin(),
              static_cast<core::DurationNs>(starts.size() - 1) * 100 * core::kMillisecond);
  }
  EXPECT_TRUE(simulating.finish());
}

TEST(Simulate, ANetworkLossHangsUpAndNothingIsLostOnTheStream) {
  Receiver receiver(0);
  Simulating simulating(free_port(), receiver.port(), {.faults = {"network-loss:vibration:start=1s:duration=1s"}});
  receiver.accept(0);
  std::uint64_t last = 0;
  EXPECT_THROW(
      {
        for (;;) last = receiver.take();
      },
      std::runtime_error);
  EXPECT_GT(last, 0U);
  receiver.accept(last);
  EXPECT_EQ(receiver.take(), last + 1);
  EXPECT_TRUE(simulating.finish());
}

TEST(Simulate, ANetworkLossSilencesTheServer) {
  const std::uint16_t port = free_port();
  Simulating simulating(port, free_port(), {.faults = {"network-loss:plc:start=3s:duration=6s"}});
  const auto client = connect(port);
  ASSERT_NE(client, nullptr);
  ASSERT_TRUE(client->subscribe({"pump-1.motor.speed"}, 1000));
  // Told in bursts: nothing for seconds, then all that was measured meanwhile.
  const auto& told = client->told("pump-1.motor.speed");
  std::size_t before = 0;
  std::size_t jump = 0;
  ASSERT_TRUE(client->run_until([&] {
    jump = std::max(jump, told.size() - before);
    before = told.size();
    return jump > 30;
  })) << jump;
  EXPECT_TRUE(simulating.finish());
}

TEST(Simulate, MistakesAreErrors) {
  const asset::Model model = testing::small_plant();
  const std::atomic<bool> stop{true};
  std::ostringstream out;
  using Kind = SimulatedConnector::Kind;
  const std::vector<SimulatedConnector> connectors = {{"plc", Kind::kOpcUa, free_port()}};
  const auto error = [&](const std::vector<SimulatedConnector>& given, const SimulateOptions& options) {
    const auto status = simulate(model, given, options, stop, out);
    return status ? std::string("ran") : status.error().message;
  };
  EXPECT_EQ(error(connectors, {}), "ran");
  EXPECT_THAT(out.str(), HasSubstr("2 sensors are on connectors of other types"));
  EXPECT_THAT(error(connectors, {.faults = {"cavitation:pump-9"}}), HasSubstr("no machine 'pump-9'"));
  EXPECT_THAT(error(connectors, {.speed = 0}), HasSubstr("speed"));
  EXPECT_THAT(error({{"plc", Kind::kOther, 0}}, {}), HasSubstr("nothing to simulate"));
}

TEST(Simulate, ReadsAPlantFile) {
  const TemporaryDirectory directory;
  const std::uint16_t port = free_port();
  const std::string plant =
      directory.write("plant.yaml",
                      "connectors:\n"
                      "  - {name: plc, type: opcua, endpoint: \"opc.tcp://127.0.0.1:" +
                          std::to_string(port) +
                          "\"}\n"
                          "  - {name: vibration, type: burst, port: " +
                          std::to_string(free_port()) +
                          "}\n"
                          "assets:\n"
                          "  enterprise: acme\n"
                          "  streams:\n"
                          "    default: {connector: plc, address_prefix: "
                          "\"nsu=urn:millwright:simulator;s=\"}\n"
                          "    high-rate: vibration\n"
                          "  sites:\n"
                          "    - name: lyon\n"
                          "      areas:\n"
                          "        - name: a\n"
                          "          lines:\n"
                          "            - name: l\n"
                          "              cells:\n"
                          "                - name: c\n"
                          "                  machines:\n"
                          "                    - {name: pump-1, type: centrifugal-pump}\n"
                          "                    - {name: spindle-1, type: cnc-spindle}\n"
                          "                    - {name: compressor-1, type: screw-compressor}\n"
                          "                    - {name: conveyor-1, type: conveyor}\n"
                          "                    - {name: mixer-1, type: induction-motor-gearbox}\n");
  const std::vector<std::string> types = {std::string(MILLWRIGHT_SOURCE_DIR) + "/share/machine-types"};
  std::atomic<bool> stop{false};
  std::ostringstream out;
  auto running = std::async(std::launch::async, [&] { return simulate(plant, types, {}, {}, stop, out); });
  const auto client = connect(port);
  EXPECT_NE(client, nullptr);
  if (client != nullptr) {
    EXPECT_TRUE(client->run_until([&] { return client->read("compressor-1.air-end.flow").has_value; }));
    EXPECT_THAT(client->browse({"spindle-1"}), Contains("coolant"));
  }
  stop = true;
  const auto status = running.get();
  EXPECT_TRUE(status) << status.error().message;
  EXPECT_THAT(out.str(), HasSubstr("Simulating 5 machines"));

  const auto missing = simulate(directory.file("none.yaml"), types, {}, {}, stop, out);
  EXPECT_FALSE(missing);
}

}  // namespace
}  // namespace millwright::simulator
