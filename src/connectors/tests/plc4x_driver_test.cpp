#include "connectors/plc4x_driver.hpp"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "connectors/tests/test_plant.hpp"
#include "connectors/tests/test_section.hpp"

namespace millwright::connectors {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Plc4xOptions read(const std::string& yaml, std::vector<std::string>& problems) {
  return test::read_section(yaml, problems,
                            [](config::Section& section) { return read_plc4x_options(section, "/plants"); });
}

TEST(Plc4x, ReadsItsPartOfTheFile) {
  std::vector<std::string> problems;
  const Plc4xOptions options = read(R"(
java: /opt/jdk/bin/java
jar: drivers/plc4x.jar
timeout: 2s
spool_size: 64MiB
devices:
  - {name: press, connection: "s7://10.0.0.5?remote-rack=0", period: 100ms}
  - {name: meter, connection: "knxnet-ip://10.0.0.6", mode: changes}
)",
                                    problems);
  EXPECT_THAT(problems, IsEmpty());
  EXPECT_EQ(options.java, "/opt/jdk/bin/java");
  EXPECT_EQ(options.jar, "/plants/drivers/plc4x.jar");
  EXPECT_EQ(options.timeout, 2 * core::kSecond);
  EXPECT_EQ(options.spool_bytes, 64U << 20U);
  ASSERT_EQ(options.devices.size(), 2U);
  EXPECT_EQ(options.devices[0].mode, "poll");
  EXPECT_EQ(options.devices[0].period, 100 * core::kMillisecond);
  EXPECT_EQ(options.devices[1].mode, "changes");
  EXPECT_EQ(options.devices[1].period, 0);
}

TEST(Plc4x, TellsEveryMistake) {
  std::vector<std::string> problems;
  read(R"(
devices:
  - {name: a/b, connection: "s7://10.0.0.5"}
  - {name: c, connection: "10.0.0.5?password=secret", mode: guess}
  - {name: c, connection: "s7://10.0.0.5", period: 1us}
)",
       problems);
  EXPECT_THAT(problems, ElementsAre(HasSubstr("devices[0].name: may not hold a '/'"),
                                    HasSubstr("devices[1].connection: '10.0.0.5' is not a PLC4X connection"),
                                    HasSubstr("devices[1].mode"), HasSubstr("devices[2].period"),
                                    HasSubstr("devices[2].name: there is a device 'c' already")));
  problems.clear();
  read("memory: 128MiB\n", problems);
  EXPECT_THAT(problems, ElementsAre(HasSubstr("devices: no devices")));
}

TEST(Plc4x, TheDriversTagsAreTheSensorsOfTheModel) {
  Plc4xOptions options;
  options.folder = "/data/plc4x/line";
  options.devices = {{"press", "s7://10.0.0.5", "poll", 0}, {"bus", "knxnet-ip://10.0.0.6", "changes", core::kMinute}};
  const auto model = test::make_model({{"press/%DB1.DBD0:REAL"},
                                       {"bus/1/2/3:DPT_Value_Temp", core::ValueType::kFloat64},
                                       {"press/%DB1.DBD0:REAL", core::ValueType::kFloat32},
                                       {"oven/%DB1.DBD0:REAL"},
                                       {"press"},
                                       {"press/%DB1.DBB8:STRING", core::ValueType::kText},
                                       {"press/other", core::ValueType::kBool, "another-connector"}});
  std::vector<std::string> unread;
  const auto json = nlohmann::json::parse(plc4x_settings(options, model, "line", 4850, unread));
  EXPECT_THAT(unread, ElementsAre(HasSubstr("m-3/s: address 'oven/%DB1.DBD0:REAL' names no device"),
                                  HasSubstr("m-4/s: address 'press' names no device"), HasSubstr("m-5/s: texts")));
  EXPECT_EQ(json["plant"], "127.0.0.1:4850");
  EXPECT_EQ(json["spool"], "/data/plc4x/line/spool");
  ASSERT_EQ(json["devices"].size(), 2U);
  ASSERT_EQ(json["devices"][0]["tags"].size(), 1U);
  const auto& tag = json["devices"][0]["tags"][0];
  EXPECT_EQ(tag["channel"], "press/%DB1.DBD0:REAL");
  EXPECT_EQ(tag["address"], "%DB1.DBD0:REAL");
  EXPECT_EQ(tag["type"], "float32");
  EXPECT_EQ(tag["period_ms"], 1000);  // the model's 1 Hz
  EXPECT_EQ(json["devices"][1]["tags"][0]["address"], "1/2/3:DPT_Value_Temp");
  EXPECT_EQ(json["devices"][1]["tags"][0]["period_ms"], 60'000);
}

// The connector with a program in Java's place.
class Plc4xProcess : public ::testing::Test {
 protected:
  Plc4xProcess() {
    std::filesystem::create_directories(folder_);
    options_.folder = folder_ / "driver";
    options_.devices = {{"press", "s7://10.0.0.5", "poll", 0}};
    options_.java = folder_ / "java";
    options_.jar = folder_ / "driver.jar";
  }
  ~Plc4xProcess() override { std::filesystem::remove_all(folder_); }

  void write_java(const std::string& script) {
    std::ofstream(options_.java) << "#!/bin/sh\n" << script;
    std::filesystem::permissions(options_.java, std::filesystem::perms::owner_all);
  }
  void write_jar() { std::ofstream(options_.jar) << "jar"; }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("millwright-plc4x-" + std::to_string(::getpid()));
  Plc4xOptions options_;
  asset::Model model_ = test::make_model({{"press/x"}});
  io::RealClock clock_;
  io::RealNetwork network_;
  test::Disk disk_;
  test::Node node_{model_, network_, clock_, disk_};
};

TEST_F(Plc4xProcess, WhatIsMissingIsSaidAndMends) {
  const auto connector = make_plc4x("line", options_, node_.context());
  ASSERT_TRUE(connector->start());
  const auto says = [&](const std::string& what) {
    return test::eventually([&] { return connector->status().detail.find(what) != std::string::npos; });
  };
  EXPECT_TRUE(says("install Java 17"));
  EXPECT_EQ(connector->status().state, ConnectorState::kBackingOff);
  write_java("exec sleep 600\n");
  EXPECT_TRUE(says("build it (make plc4x)"));
  write_jar();
  EXPECT_TRUE(says("the driver runs"));
  EXPECT_EQ(connector->status().state, ConnectorState::kConnecting);
  EXPECT_EQ(connector->status().kind, "plc4x");
  connector->stop();
  EXPECT_EQ(connector->status().state, ConnectorState::kStopped);
}

TEST_F(Plc4xProcess, ADriverThatEndsIsStartedAgain) {
  write_jar();
  write_java("echo \"$@\" >> " + (folder_ / "starts").string() + "\nexit 3\n");
  const auto connector = make_plc4x("line", options_, node_.context());
  ASSERT_TRUE(connector->start());
  EXPECT_TRUE(test::eventually([&] { return connector->status().reconnects >= 1; }));
  EXPECT_TRUE(test::eventually([&] {
    const ConnectorStatus now = connector->status();
    return now.state == ConnectorState::kBackingOff && now.detail.find("ended with exit code 3") != std::string::npos;
  }));
  connector->stop();
  std::ifstream starts(folder_ / "starts");
  std::string line;
  std::getline(starts, line);
  EXPECT_EQ(line, "-XX:+UseSerialGC -Xmx262144k -jar " + options_.jar + " " + options_.folder + "/driver.yaml");
}

TEST(Plc4xAddress, IsWhereADeviceListens) {
  const auto of = [](const std::string& connection) {
    const auto address = plc4x_address(connection);
    return address ? io::to_string(*address) : std::string();
  };
  EXPECT_EQ(of("s7://10.0.0.5?remote-rack=0&remote-slot=1"), "10.0.0.5:102");
  EXPECT_EQ(of("modbus-tcp:tcp://plc:5020?default-unit-identifier=1"), "plc:5020");
  EXPECT_EQ(of("opcua:tcp://server:4841/path?discovery=true"), "server:4841");
  EXPECT_EQ(of("ads://me:secret@10.0.0.9/?amsPort=851"), "10.0.0.9:48898");
  EXPECT_EQ(plc4x_address("eip://[fe80::1]:44819")->host, "fe80::1");
  EXPECT_EQ(plc4x_address("eip://[fe80::1]:44819")->port, 44819);
  EXPECT_EQ(plc4x_address("eip://[fe80::1]")->port, 44818);
  for (const char* other : {"knxnet-ip://10.0.0.7", "bacnet-ip:udp://10.0.0.7", "modbus-rtu:serial:///dev/ttyS0",
                            "s7:pcap:///file", "s7", "s7://", "s7://plc:x", "s7://plc:99999"}) {
    EXPECT_FALSE(plc4x_address(other)) << other;
  }
}

}  // namespace
}  // namespace millwright::connectors
