#include "connectors/opcua_client.hpp"

#include <bit>
#include <cmath>
#include <deque>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/opcua_client_values.hpp"
#include "connectors/tests/opcua_test_server.hpp"
#include "core/mutex.hpp"
#include "pipeline/live_stage.hpp"

namespace millwright::connectors {
namespace {

using core::TimeNs;
using core::ValueType;
using testing::HasSubstr;

constexpr TimeNs kStart = 1'700'000'000'000'000'000;  // 2023-11-14

struct Taken {
  core::SensorId sensor;
  TimeNs time = 0;
  std::uint64_t bits = 0;
  core::Quality quality;
};

// Keeps every reading that comes by.
class Collector final : public pipeline::Stage {
 public:
  struct Shared {
    core::Mutex mutex;
    std::vector<Taken> readings GUARDED_BY(mutex);
    std::vector<std::pair<std::uint64_t, std::uint64_t>> identities GUARDED_BY(mutex);
  };
  explicit Collector(Shared& shared) : shared_(shared) {}
  void on_batch(core::BlockBatch& batch) override {
    if (batch.purpose != core::BatchPurpose::kReadings) return;
    core::MutexLock lock(shared_.mutex);
    shared_.identities.emplace_back(batch.identity.epoch, batch.identity.sequence);
    for (const core::Block& block : batch.blocks) {
      std::uint32_t i = 0;
      for (const core::QualityRun& run : block.qualities()) {
        for (std::uint32_t k = 0; k < run.count; ++k, ++i) {
          std::uint64_t bits = 0;
          std::memcpy(&bits, block.values + i * core::width(block.type), core::width(block.type));
          shared_.readings.push_back({block.sensor, block.time(i), bits, run.quality});
        }
      }
    }
  }

 private:
  Shared& shared_;
};

struct SensorSpec {
  std::string name;
  std::string address;
  ValueType type = ValueType::kFloat64;
};

asset::Model make_model(const std::vector<SensorSpec>& specs) {
  asset::Machine machine;
  machine.id = core::MachineId(0U);
  machine.name = "m1";
  machine.path = "acme/lyon/a/l/c/m1";
  std::vector<asset::Sensor> sensors;
  for (const SensorSpec& spec : specs) {
    asset::Sensor sensor;
    sensor.id = core::SensorId(sensors.size());
    sensor.machine = machine.id;
    sensor.name = spec.name;
    sensor.path = machine.path + "/" + spec.name;
    sensor.type = spec.type;
    sensor.source = {"plc", spec.address};
    if (spec.type == ValueType::kState) sensor.states = {{0, "idle"}, {1, "running"}, {7, "down"}};
    machine.sensors.push_back(sensor.id);
    sensors.push_back(std::move(sensor));
  }
  return {{machine}, std::move(sensors)};
}

class Rig {
 public:
  explicit Rig(const std::vector<SensorSpec>& specs)
      : model(make_model(specs)),
        live(specs.size()),
        machines_(specs.size(), core::MachineId(0U)),
        pipeline(
            {.shards = 1, .ring_batches = 1024}, machines_, [this] { return clock.now(); }, metrics) {
    pipeline.add_stage(0, std::make_unique<pipeline::LiveStage>(live));
    pipeline.add_stage(0, std::make_unique<Collector>(shared));
    pipeline.start();
    options.publishing_interval = 20 * core::kMillisecond;
    options.retry_min = 50 * core::kMillisecond;
    options.retry_max = 200 * core::kMillisecond;
    options.bad_node_retry = 200 * core::kMillisecond;
  }
  ~Rig() {
    connector.reset();
    pipeline.stop();
  }

  void connect(const std::string& endpoint) {
    options.endpoint = endpoint;
    connector = make_opcua_client("plc", options, context());
    ASSERT_TRUE(connector->start());
  }
  ConnectorContext context() {
    return {model, pipeline, sources, live, clock, network, metrics, texts, [this](core::SourceId) { return durable; }};
  }
  std::vector<Taken> taken(std::size_t sensor) {
    core::MutexLock lock(shared.mutex);
    std::vector<Taken> out;
    for (const Taken& t : shared.readings) {
      if (t.sensor.value == sensor) out.push_back(t);
    }
    return out;
  }
  template <typename Condition>
  bool eventually(Condition condition, core::DurationNs within = 20 * core::kSecond) {
    const TimeNs deadline = clock.monotonic() + within;
    while (!condition()) {
      if (clock.monotonic() > deadline) return false;
      clock.sleep(5 * core::kMillisecond);
    }
    return true;
  }
  bool connected() {
    return eventually([&] { return connector->status().state == ConnectorState::kConnected; });
  }
  bool arrived(std::size_t sensor, std::size_t count) {
    return eventually([&] { return taken(sensor).size() >= count; });
  }
  core::Quality live_quality(std::size_t sensor) { return live.read(core::SensorId(sensor)).quality; }

  io::RealClock clock;
  io::RealNetwork network;
  core::Metrics metrics;
  core::TextTable texts;
  asset::Model model;
  pipeline::LiveTable live;
  pipeline::Sources sources;
  Collector::Shared shared;

 private:
  std::vector<core::MachineId> machines_;

 public:
  pipeline::Pipeline pipeline;
  OpcUaClientOptions options;
  pipeline::LanePosition durable;
  std::unique_ptr<Connector> connector;
};

std::string nsu(std::string_view name) {
  return "nsu=urn:test:plc;s=" + std::string(name);
}
std::uint64_t bits(double value) {
  return std::bit_cast<std::uint64_t>(value);
}

// Against a server

TEST(OpcUaClient, EveryValueArrivesInOrderAndBitForBit) {
  TestServer server(free_port());
  server.add("a");
  server.write_double("a", 7, kStart - 1000);
  server.start();
  Rig rig({{"a", nsu("a")}});
  rig.connect(server.endpoint());
  ASSERT_TRUE(rig.arrived(0, 1));
  std::vector<double> sent;
  for (int i = 0; i < 1000; ++i) sent.push_back(std::ldexp(1.0 + i * 0.0123456789, i % 600 - 300));
  sent[1] = -0.0;
  sent[2] = 4.9e-324;
  sent[3] = 0.1 + 0.2;
  for (std::size_t i = 0; i < sent.size(); ++i) {
    server.write_double("a", sent[i], kStart + static_cast<TimeNs>(i) * 1'000'123);
  }
  ASSERT_TRUE(rig.arrived(0, sent.size() + 1));
  std::vector<Taken> all = rig.taken(0);
  ASSERT_EQ(all.size(), sent.size() + 1);
  all.erase(all.begin());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    ASSERT_EQ(all[i].bits, bits(sent[i])) << i;
    ASSERT_EQ(all[i].time, kStart + static_cast<TimeNs>(i) * 1'000'123) << i;
    ASSERT_EQ(all[i].quality, core::kGood) << i;
  }
  core::MutexLock lock(rig.shared.mutex);
  std::uint64_t last = 0;
  for (const auto& [epoch, sequence] : rig.shared.identities) {
    EXPECT_EQ(epoch, rig.shared.identities.front().first);
    EXPECT_GT(sequence, last);
    last = sequence;
  }
}

TEST(OpcUaClient, TypesStatusCodesAndNaN) {
  TestServer server(free_port());
  for (const char* name : {"int", "bool", "state", "wrong", "double"}) server.add(name);
  server.start();
  Rig rig({{"int", nsu("int"), ValueType::kInt64},
           {"bool", nsu("bool"), ValueType::kBool},
           {"state", nsu("state"), ValueType::kState},
           {"wrong", nsu("wrong")},
           {"double", nsu("double")}});
  TimeNs t = kStart;
  server.write<UA_Int16>("int", -7, UA_TYPES_INT16, t);
  server.write<UA_Boolean>("bool", true, UA_TYPES_BOOLEAN, t);
  server.write<UA_Int32>("state", 7, UA_TYPES_INT32, t);
  server.write<UA_String>("wrong", opcua_detail::borrow("hello"), UA_TYPES_STRING, t);
  server.write_double("double", 1.5, t, 0x40900000);
  rig.connect(server.endpoint());
  ASSERT_TRUE(rig.arrived(4, 1));
  ASSERT_TRUE(rig.arrived(0, 1) && rig.arrived(1, 1) && rig.arrived(2, 1) && rig.arrived(3, 1));
  EXPECT_EQ(rig.taken(0)[0].bits, static_cast<std::uint64_t>(-7LL));
  EXPECT_EQ(rig.taken(1)[0].bits, 1U);
  EXPECT_EQ(rig.taken(2)[0].bits, 7U);
  EXPECT_EQ(rig.taken(3)[0].quality, core::kBadTypeMismatch);
  EXPECT_EQ(rig.connector->status().refused, 1U);
  EXPECT_EQ(rig.taken(4)[0].quality, core::kUncertainLastUsable);
  // A bad one without a value keeps the last; NaN is a sensor's failure.
  server.write_nothing("double", t + 100, 0x808C0000);
  server.write_double("double", std::nan(""), t + 200);
  server.write_double("double", 2.5, t + 300);
  ASSERT_TRUE(rig.arrived(4, 4));
  const auto taken = rig.taken(4);
  EXPECT_EQ(taken[1].quality, core::kBadSensorFailure);
  EXPECT_EQ(taken[1].bits, bits(1.5));
  EXPECT_EQ(taken[2].quality, core::kBadSensorFailure);
  EXPECT_TRUE(std::isnan(std::bit_cast<double>(taken[2].bits)));
  EXPECT_EQ(taken[3].quality, core::kGood);
  EXPECT_EQ(rig.connector->status().readings, 8U);
}

TEST(OpcUaClient, ABadNodeIsAloneAndComesLater) {
  TestServer server(free_port());
  server.add("good");
  server.write_double("good", 1, kStart);
  server.start();
  Rig rig(
      {{"missing", nsu("late")}, {"good", nsu("good")}, {"elsewhere", "nsu=urn:nobody;s=x"}, {"broken", "ns=2;i=x"}});
  rig.connect(server.endpoint());
  ASSERT_TRUE(rig.arrived(1, 1));
  ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(0) == core::kBadNodeIdUnknown; }));
  ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(2) == core::kBadNodeIdUnknown; }));
  ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(3).code == UA_STATUSCODE_BADNODEIDINVALID; }));
  ASSERT_TRUE(rig.connected());
  EXPECT_THAT(rig.connector->status().detail, HasSubstr("1 of 4 sensors"));
  server.add("late");
  server.write_double("late", 5, kStart + 1);
  ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(0) == core::kGood; }));
  EXPECT_EQ(rig.taken(0).back().bits, bits(5));
  EXPECT_EQ(rig.taken(1).size(), 1U);
}

TEST(OpcUaClient, FindsNodesByPath) {
  TestServer server(free_port(), 3);
  server.add_folder("line");
  server.add_folder("line/press", "line");
  server.add("line/press/force", "line/press");
  server.add("line/press/speed", "line/press");
  server.write_double("line/press/force", 4.25, kStart);
  server.start();
  Rig rig({{"force", "line/press/force"}, {"speed", "Objects/2:line/press/speed"}, {"none", "line/press/none"}});
  rig.connect(server.endpoint());
  ASSERT_TRUE(rig.arrived(0, 1));
  EXPECT_EQ(rig.taken(0)[0].bits, bits(4.25));
  server.write_double("line/press/speed", 9, rig.clock.now());
  ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(1) == core::kGood; }));
  ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(2) == core::kBadNodeIdUnknown; }));
}

TEST(OpcUaClient, ComesBackAfterTheServerWithNothingDoubled) {
  const std::uint16_t port = free_port();
  Rig rig({{"a", nsu("a")}});
  const auto serve = [&](double value, TimeNs time) {
    auto server = std::make_unique<TestServer>(port);
    server->add("a");
    server->write_double("a", value, time);
    server->start();
    return server;
  };
  auto server = serve(1.5, kStart);
  rig.connect(server->endpoint());
  ASSERT_TRUE(rig.arrived(0, 1));
  server.reset();
  ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(0) == core::kBadNoCommunication; }));
  ASSERT_TRUE(rig.eventually([&] { return rig.connector->status().state == ConnectorState::kBackingOff; }));
  ASSERT_TRUE(rig.eventually([&] {
    return rig.connector->status().detail.find("connection refused; trying again in") != std::string::npos;
  })) << rig.connector->status().detail;
  // The same value with the same time: it is known, but the sensor is back.
  server = serve(1.5, kStart);
  ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(0) == core::kGood; }));
  EXPECT_EQ(rig.taken(0).size(), 1U);
  EXPECT_GE(rig.connector->status().reconnects, 1U);
  server->write_double("a", 2.5, kStart + 100);
  ASSERT_TRUE(rig.arrived(0, 2));
  EXPECT_EQ(rig.taken(0)[1].bits, bits(2.5));
  // A new connector, as after a restart, knows from the live table what was taken.
  rig.connector->stop();
  EXPECT_EQ(rig.connector->status().state, ConnectorState::kStopped);
  rig.connect(server->endpoint());
  ASSERT_TRUE(rig.connected());
  server->write_double("a", 3.5, kStart + 200);
  ASSERT_TRUE(rig.arrived(0, 3));
  EXPECT_EQ(rig.taken(0)[2].bits, bits(3.5));
}

TEST(OpcUaClient, GoesToTheNextEndpointWhereOneIsLost) {
  const auto serve = [](double value) {
    auto server = std::make_unique<TestServer>(free_port());
    server->add("a");
    server->write_double("a", value, kStart + static_cast<TimeNs>(value) * 1000);
    server->start();
    return server;
  };
  auto first = serve(1);
  auto second = serve(2);
  Rig rig({{"a", nsu("a")}});
  rig.options.others = {second->endpoint()};
  rig.options.retry_min = rig.options.retry_max = core::kHour;
  rig.connect(first->endpoint());
  ASSERT_TRUE(rig.arrived(0, 1));
  EXPECT_EQ(rig.taken(0)[0].bits, bits(1));
  first.reset();
  // At once, without the pause before a second attempt.
  ASSERT_TRUE(rig.arrived(0, 2));
  EXPECT_EQ(rig.taken(0)[1].bits, bits(2));
  ASSERT_TRUE(rig.connected());
  EXPECT_THAT(rig.connector->status().detail, HasSubstr(second->endpoint()));
}

TEST(OpcUaClient, ItsEpochRisesAlsoWhenTheClockWasSetBack) {
  TestServer server(free_port());
  server.add("a");
  server.write_double("a", 1, kStart);
  server.start();
  Rig rig({{"a", nsu("a")}});
  const std::uint64_t before = static_cast<std::uint64_t>(rig.clock.now() + core::kHour);
  rig.durable = {.epoch = before, .sequence = 7};
  rig.connect(server.endpoint());
  ASSERT_TRUE(rig.arrived(0, 1));
  core::MutexLock lock(rig.shared.mutex);
  EXPECT_EQ(rig.shared.identities.front().first, before + 1);
}

asset::Command command_to(asset::CommandKind kind, const std::string& address) {
  asset::Command command;
  command.name = "go";
  command.kind = kind;
  command.target = {"plc", address};
  command.object = "i=85";
  return command;
}

TEST(OpcUaClient, CommandsWriteVariablesInTheServersType) {
  TestServer server(free_port());
  server.add_folder("Line");
  for (const char* name : {"whole", "real", "kept"}) server.add(std::string("Line/") + name, "Line");
  server.write("Line/whole", std::int16_t{1}, UA_TYPES_INT16, kStart);
  server.write_double("Line/real", 1, kStart);
  server.write_double("Line/kept", 1, kStart);
  server.make_read_only("Line/kept");
  server.start();
  Rig rig({{"whole", nsu("Line/whole"), ValueType::kInt64}, {"real", "Line/real"}});
  rig.connect(server.endpoint());
  ASSERT_TRUE(rig.connected());
  ASSERT_TRUE(rig.arrived(0, 1) && rig.arrived(1, 1));
  const auto give = [&](const std::string& address, asset::CommandValue value) {
    return rig.connector->execute(command_to(asset::CommandKind::kWrite, address), std::span(&value, 1),
                                  5 * core::kSecond);
  };
  ASSERT_TRUE(give(nsu("Line/whole"), std::int64_t{-7}));
  ASSERT_TRUE(rig.eventually([&] { return rig.taken(0).back().bits == core::to_bits(std::int64_t{-7}); }));
  const auto by_path = give("Line/real", 2.5);
  ASSERT_TRUE(by_path) << by_path.error().message;
  ASSERT_TRUE(rig.eventually([&] { return rig.taken(1).back().bits == bits(2.5); }));
  EXPECT_EQ(give(nsu("Line/whole"), std::int64_t{40'000}).error().code, core::ErrorCode::kInvalid);
  EXPECT_EQ(give(nsu("Line/whole"), 1.5).error().code, core::ErrorCode::kInvalid);
  EXPECT_THAT(give(nsu("Line/kept"), 1.5).error().message, HasSubstr("BadNotWritable"));
  EXPECT_EQ(give(nsu("Line/missing"), 1.5).error().code, core::ErrorCode::kNotFound);
}

TEST(OpcUaClient, CommandsCallMethodsAndSayWhatTheyAnswer) {
  TestServer server(free_port());
  server.add_method("add");
  server.add("a");
  server.start();
  Rig rig({{"a", nsu("a")}});
  rig.connect(server.endpoint());
  ASSERT_TRUE(rig.connected());
  const auto call = [&](std::vector<asset::CommandValue> values) {
    return rig.connector->execute(command_to(asset::CommandKind::kCall, nsu("add")), values, 5 * core::kSecond);
  };
  const auto sum = call({1.5, std::int64_t{40}});
  ASSERT_TRUE(sum) << sum.error().message;
  EXPECT_THAT(*sum, HasSubstr("41.5"));
  EXPECT_EQ(call({1.5, std::int64_t{-1}}).error().code, core::ErrorCode::kInvalid);
  EXPECT_EQ(call({1.5}).error().code, core::ErrorCode::kInvalid);
  server.stop();
  ASSERT_TRUE(rig.eventually([&] { return rig.connector->status().state == ConnectorState::kBackingOff; }));
  EXPECT_EQ(call({1.5, std::int64_t{40}}).error().code, core::ErrorCode::kUnavailable);
}

TEST(OpcUaClient, SaysWhyItCannotConnect) {
  Rig rig({{"a", nsu("a")}});
  const std::uint16_t port = free_port();
  rig.connect("opc.tcp://127.0.0.1:" + std::to_string(port));
  ASSERT_TRUE(rig.eventually([&] { return rig.connector->status().state == ConnectorState::kBackingOff; }));
  EXPECT_THAT(rig.connector->status().detail, HasSubstr("connecting to opc.tcp://127.0.0.1:" + std::to_string(port)));
  EXPECT_THAT(rig.connector->status().detail, HasSubstr("connection refused; trying again in"));
  ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(0) == core::kBadNoCommunication; }));
}

// Passes bytes both ways until it is told to say nothing more, with the connections left open.
class Proxy {
 public:
  Proxy(io::Network& network, io::Address target) : network_(network), target_(std::move(target)) {
    auto listener = network.listen({"127.0.0.1", 0});
    EXPECT_TRUE(listener);
    listener_ = std::move(*listener);
    threads_.emplace_back([this] { accept(); });
  }
  ~Proxy() {
    stop_ = true;
    threads_.front().join();
    for (const auto& stream : streams_) stream->shut_down();
    for (std::size_t i = 1; i < threads_.size(); ++i) threads_[i].join();
  }
  [[nodiscard]] std::uint16_t port() const { return listener_->port(); }
  void set_silent(bool silent) { silent_ = silent; }

 private:
  void accept() {
    while (!stop_) {
      auto client = listener_->accept(20 * core::kMillisecond);
      if (!client) continue;
      auto server = network_.connect(target_, core::kSecond);
      if (!server) continue;
      io::Stream* a = streams_.emplace_back(std::move(*client)).get();
      io::Stream* b = streams_.emplace_back(std::move(*server)).get();
      threads_.emplace_back([this, a, b] { pass(*a, *b); });
      threads_.emplace_back([this, a, b] { pass(*b, *a); });
    }
  }
  void pass(io::Stream& from, io::Stream& to) {
    std::vector<std::byte> bytes(65536);
    while (!stop_) {
      const auto n = from.read_some(bytes, 50 * core::kMillisecond);
      if (!n && n.error().code == core::ErrorCode::kTimeout) continue;
      if (!n) break;
      if (silent_) continue;
      if (!to.write_all(std::span(bytes).first(*n), core::kSecond)) break;
    }
    if (!silent_) to.shut_down();
  }
  io::Network& network_;
  io::Address target_;
  std::unique_ptr<io::Listener> listener_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> silent_{false};
  std::deque<std::unique_ptr<io::Stream>> streams_;
  std::deque<std::thread> threads_;
};

TEST(OpcUaClient, NoticesAHalfOpenConnection) {
  const std::uint16_t port = free_port();
  TestServer server(port);
  server.add("a");
  server.write_double("a", 1, kStart);
  server.start();
  Rig rig({{"a", nsu("a")}});
  Proxy proxy(rig.network, {"127.0.0.1", port});
  rig.options.keep_alive = 100 * core::kMillisecond;
  rig.options.request_timeout = 2 * core::kSecond;
  rig.connect("opc.tcp://127.0.0.1:" + std::to_string(proxy.port()));
  ASSERT_TRUE(rig.arrived(0, 1));
  // Quiet, but alive: keep-alives hold the connection.
  rig.clock.sleep(3 * core::kSecond);
  EXPECT_EQ(rig.connector->status().state, ConnectorState::kConnected);
  EXPECT_EQ(rig.connector->status().reconnects, 0U);
  proxy.set_silent(true);
  ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(0) == core::kBadNoCommunication; }));
  proxy.set_silent(false);
  ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(0) == core::kGood; }));
  server.write_double("a", 2, kStart + 100);
  ASSERT_TRUE(rig.arrived(0, 2));
  EXPECT_EQ(rig.taken(0).size(), 2U);
}

TEST(OpcUaClient, CountsOverflows) {
  TestServer server(free_port());
  server.add("a");
  server.write_double("a", 0, kStart);
  server.start();
  Rig rig({{"a", nsu("a")}});
  rig.options.queue_size = 2;
  rig.options.publishing_interval = 500 * core::kMillisecond;
  rig.connect(server.endpoint());
  ASSERT_TRUE(rig.arrived(0, 1));
  for (int i = 1; i <= 50; ++i) server.write_double("a", i, kStart + i * 100);
  ASSERT_TRUE(rig.eventually([&] { return !rig.taken(0).empty() && rig.taken(0).back().bits == bits(50); }));
  EXPECT_LT(rig.taken(0).size(), 50U);
  EXPECT_GE(rig.metrics.counter("millwright_opcua_client_overflows_total", "", {{"connector", "plc"}}).Value(), 1);
  for (const Taken& t : rig.taken(0)) EXPECT_TRUE(t.quality.is_good());
}

TEST(OpcUaClient, ElementsAndFieldsOfOneNodeShareItsMonitoredItem) {
  TestServer server(free_port());
  server.add("curve");
  server.add("limits");
  const auto write_curve = [&](std::vector<double> values, TimeNs time) {
    UA_DataValue data;
    UA_DataValue_init(&data);
    UA_Variant_setArray(&data.value, values.data(), values.size(), &UA_TYPES[UA_TYPES_DOUBLE]);
    data.hasValue = data.hasSourceTimestamp = true;
    data.sourceTimestamp = time / 100 + UA_DATETIME_UNIX_EPOCH;
    server.write("curve", data);
  };
  write_curve({1, 2, 3}, kStart);
  server.write("limits", UA_Range{-5, 5}, UA_TYPES_RANGE, kStart);
  server.start();
  Rig rig({{"first", nsu("curve [index=0]")},
           {"last", nsu("curve [index=2]")},
           {"none", nsu("curve [index=7]")},
           {"whole", nsu("curve")},
           {"low", nsu("limits [field=Low]")},
           {"wrong", nsu("limits [field=Middle]")}});
  rig.connect(server.endpoint());
  for (std::size_t i = 0; i < 6; ++i) ASSERT_TRUE(rig.arrived(i, 1)) << i;
  EXPECT_EQ(rig.taken(0)[0].bits, bits(1));
  EXPECT_EQ(rig.taken(1)[0].bits, bits(3));
  EXPECT_EQ(rig.taken(1)[0].time, kStart);
  EXPECT_EQ(rig.taken(2)[0].quality.code, UA_STATUSCODE_BADINDEXRANGENODATA);
  EXPECT_EQ(rig.taken(3)[0].quality, core::kBadTypeMismatch);
  EXPECT_EQ(rig.taken(4)[0].bits, bits(-5));
  EXPECT_EQ(rig.taken(5)[0].quality.code, UA_STATUSCODE_BADNOTFOUND);
  ASSERT_TRUE(rig.eventually([&] {
    return rig.connector->status().detail.find("there is no '[7]'") != std::string::npos;
  })) << rig.connector->status().detail;
  EXPECT_THAT(rig.connector->status().detail, HasSubstr("6 of 6 sensors"));
  EXPECT_EQ(server.monitored_items(), 2U);
  // A longer array mends what asked for too much.
  write_curve({4, 5, 6, 7, 8, 9, 10, 11}, kStart + 100);
  ASSERT_TRUE(rig.arrived(2, 2));
  EXPECT_EQ(rig.taken(2)[1].bits, bits(11));
  EXPECT_EQ(rig.taken(0)[1].bits, bits(4));
}

TEST(OpcUaClient, ADeadBandHoldsAtTheServer) {
  TestServer server(free_port());
  for (const char* name : {"wide", "narrow", "ranged"}) {
    server.add(name);
    server.write_double(name, 0, kStart);
  }
  server.start();
  Rig rig({{"wide", nsu("wide [dead_band=10]")}, {"narrow", nsu("narrow")}, {"ranged", nsu("ranged [dead_band=1%]")}});
  rig.options.dead_band = {.value = 0.5, .is_percent = false};
  rig.connect(server.endpoint());
  for (std::size_t i = 0; i < 3; ++i) ASSERT_TRUE(rig.arrived(i, 1)) << i;
  for (int i = 1; i <= 25; ++i) {
    for (const char* name : {"wide", "narrow", "ranged"}) server.write_double(name, i, kStart + i * 100);
    server.write_double("narrow", i + 0.25, kStart + i * 100 + 50);
  }
  // A range is what the percent are of, and this node has none: the server says so, and every change comes.
  ASSERT_TRUE(rig.arrived(2, 26));
  ASSERT_TRUE(rig.arrived(1, 26));
  EXPECT_THAT(rig.connector->status().detail, HasSubstr("takes no dead-band for 1 nodes"));
  const auto wide = rig.taken(0);
  ASSERT_EQ(wide.size(), 3U);
  EXPECT_EQ(wide[1].bits, bits(11));
  EXPECT_EQ(wide[2].bits, bits(22));
  EXPECT_EQ(rig.taken(1).size(), 26U);  // the quarters are within its dead-band, the connector's
}

TEST(OpcUaClient, TenThousandNodesInSmallCalls) {
  constexpr int kNodes = 10'000;
  TestServer server(free_port(), 300);
  std::vector<SensorSpec> specs;
  for (int i = 0; i < kNodes; ++i) {
    const std::string name = "n" + std::to_string(i);
    server.add(name);
    server.write_double(name, i, kStart);
    specs.push_back({name, nsu(name)});
  }
  server.start();
  Rig rig(specs);
  const TimeNs begin = rig.clock.monotonic();
  rig.connect(server.endpoint());
  ASSERT_TRUE(rig.eventually([&] { return rig.connector->status().readings == kNodes; }, 60 * core::kSecond))
      << rig.connector->status().readings << " " << rig.connector->status().detail;
  RecordProperty("subscribe_ms", static_cast<int>((rig.clock.monotonic() - begin) / core::kMillisecond));
  ASSERT_TRUE(rig.connected());
  for (int i = 0; i < kNodes; ++i) {
    ASSERT_TRUE(
        rig.eventually([&] { return rig.live.read(core::SensorId(static_cast<std::size_t>(i))).readings == 1; }));
    ASSERT_EQ(rig.live.read(core::SensorId(static_cast<std::size_t>(i))).as<double>(), i);
  }
}

}  // namespace
}  // namespace millwright::connectors
