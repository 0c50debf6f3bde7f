#include "connectors/pubsub_client.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connectors/tests/test_plant.hpp"
#include "connectors/tests/test_section.hpp"
#include "io/datagram_socket.hpp"

namespace millwright::connectors {
namespace {

using core::ValueType;
using test::eventually;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Bytes = std::vector<std::uint8_t>;

PubSubOptions read(const std::string& yaml, std::vector<std::string>& problems) {
  return test::read_section(yaml, problems,
                            [](config::Section& section) { return read_pubsub_options(section, "/plant"); });
}

TEST(PubSub, ReadsItsPartOfTheFile) {
  std::vector<std::string> problems;
  const PubSubOptions options = read(R"(
address: 239.0.0.1
interface: 10.0.0.2
publisher: 42
group: 100
timeout: 2s
writers:
  - {id: 1, name: press, fields: [{name: force, type: float}, {name: count}]}
  - {id: 2}
)",
                                     problems);
  EXPECT_THAT(problems, IsEmpty());
  EXPECT_EQ(options.port, 4840);
  EXPECT_EQ(std::get<std::uint64_t>(options.publisher), 42U);
  EXPECT_EQ(options.group, 100);
  ASSERT_EQ(options.writers.size(), 2U);
  EXPECT_EQ(options.writers[0].fields[0].type, protocol::uadp::Type::kFloat);
  EXPECT_FALSE(options.writers[0].fields[1].type);
  EXPECT_EQ(options.writers[1].name, "2");
}

TEST(PubSub, TellsEveryMistake) {
  std::vector<std::string> problems;
  const PubSubOptions options = read(R"(
address: 10.0.0.2
publisher: press-7
writers:
  - {id: 1, name: a/b}
  - {id: 1, name: c, fields: [{name: x, type: lreal}, {name: x}]}
)",
                                     problems);
  EXPECT_EQ(std::get<std::string>(options.publisher), "press-7");
  EXPECT_THAT(problems,
              ElementsAre(HasSubstr("writers[0].name: may not be empty or hold a '/'"), HasSubstr("fields[0].type"),
                          HasSubstr("there is a field 'x' already"), HasSubstr("there is a writer 1 already")));
  problems.clear();
  read("address: 10.0.0.2\n", problems);
  EXPECT_THAT(problems, ElementsAre(HasSubstr("writers: no writers")));
}

// A publisher by hand, to a connector on a port of its own.
class PubSubStream : public ::testing::Test {
 protected:
  PubSubStream() {
    options_.address = "127.0.0.1";
    options_.port = io::DatagramSocket::open({"127.0.0.1", 0})->port();
    options_.publisher = std::uint64_t{3};
    options_.timeout = 400 * core::kMillisecond;
    options_.writers = {
        {1, "press", {{"force", protocol::uadp::Type::kFloat}, {"count", protocol::uadp::Type::kInt32}}}};
    fd_ = ::socket(AF_INET, SOCK_DGRAM, 0);
  }
  ~PubSubStream() override { ::close(fd_); }

  void send(const Bytes& bytes) const {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(options_.port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::sendto(fd_, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof(to)),
              static_cast<ssize_t>(bytes.size()));
  }
  // A delta frame of field 1, as int32.
  static Bytes count(std::uint8_t sequence, std::uint8_t value, std::uint8_t publisher = 3) {
    return {0x51, publisher, 0x01, 0x01, 0x00, 0x89, 0x01, sequence, 0, 1, 0, 1, 0, 6, value, 0, 0, 0};
  }
  static Bytes keep_alive(std::uint8_t next) { return {0x51, 3, 0x01, 0x01, 0x00, 0x89, 0x03, next, 0}; }
  double lost() {
    return node_.metrics().counter("millwright_pubsub_lost_messages_total", "", {{"connector", "line"}}).Value();
  }
  double refused(const char* reason) {
    return node_.metrics()
        .counter("millwright_pubsub_refused_messages_total", "", {{"connector", "line"}, {"reason", reason}})
        .Value();
  }

  PubSubOptions options_;
  int fd_ = -1;
  asset::Model model_ = test::make_model({{"press/force"}, {"1/1", ValueType::kInt64}, {"press/speed"}, {"oven/x"}});
  io::RealClock clock_;
  io::RealNetwork network_;
  test::Disk disk_;
  test::Node node_{model_, network_, clock_, disk_};
};

TEST_F(PubSubStream, TakesWhatIsPublishedAndCountsWhatIsLost) {
  const auto connector = make_pubsub_client("line", options_, node_.context());
  ASSERT_TRUE(connector->start());
  ASSERT_TRUE(eventually([&] { return connector->status().detail.find("0 of 1 writers") != std::string::npos; }));
  send(count(5, 1));
  send(count(5, 1));  // twice on the way
  send(count(6, 2));
  send(count(7, 99, 4));  // another publisher
  send(count(9, 3));      // two did not come
  ASSERT_TRUE(eventually([&] { return disk_.of(1).size() == 3; }));
  EXPECT_EQ(disk_.of(1)[2].value, 3);
  EXPECT_EQ(lost(), 2);
  EXPECT_EQ(connector->status().state, ConnectorState::kConnected);
  EXPECT_THAT(connector->status().detail, HasSubstr("2 messages lost"));

  // Key frames: raw, by the types of the file.
  send({0x51, 3, 0x01, 0x01, 0x00, 0x0B, 10, 0, 0, 0, 0xC0, 0x3F, 4, 0, 0, 0});
  ASSERT_TRUE(eventually([&] { return disk_.of(1).size() == 4 && disk_.of(0).size() == 1; }));
  EXPECT_EQ(disk_.of(0)[0].value, 1.5);

  // What is secured, or no message at all, is counted.
  send({0xD1, 0x10, 3, 1, 1, 0, 3, 9, 0, 0, 0, 0});
  send({0x00});
  ASSERT_TRUE(eventually([&] { return refused("unsupported") == 1 && refused("malformed") == 1; }));
  EXPECT_EQ(connector->status().refused, 2U);
  connector->stop();
  EXPECT_EQ(connector->status().state, ConnectorState::kStopped);
}

TEST_F(PubSubStream, WhatIsOvertakenOnItsWayCountsAndCostsNothing) {
  const auto connector = make_pubsub_client("line", options_, node_.context());
  ASSERT_TRUE(connector->start());
  ASSERT_TRUE(eventually([&] { return connector->status().detail.find("0 of 1 writers") != std::string::npos; }));
  for (const std::uint8_t sequence : Bytes{5, 7, 6, 8}) send(count(sequence, sequence));
  ASSERT_TRUE(eventually([&] { return disk_.of(1).size() == 4; }));
  EXPECT_EQ(lost(), 1) << "the one that was late";
  connector->stop();
}

TEST_F(PubSubStream, PutsChunksTogether) {
  const auto connector = make_pubsub_client("line", options_, node_.context());
  ASSERT_TRUE(connector->start());
  ASSERT_TRUE(eventually([&] { return connector->status().detail.find("0 of 1 writers") != std::string::npos; }));
  const Bytes set = count(5, 77);  // its DataSetMessage is cut into three, from byte 5 on
  const auto chunk = [&](std::uint8_t from, std::uint8_t size) {
    Bytes bytes{0xD1, 0x80, 0x01, 3, 1, 0, 1, 0, from, 0, 0, 0, 13, 0, 0, 0, size, 0, 0, 0};
    bytes.insert(bytes.end(), set.begin() + 5 + from, set.begin() + 5 + from + size);
    return bytes;
  };
  send(chunk(8, 5));
  send(chunk(0, 3));
  send(chunk(0, 3));  // twice on the way
  send(chunk(2, 6));  // overlaps
  ASSERT_TRUE(eventually([&] { return connector->status().refused == 1; }));
  EXPECT_TRUE(disk_.of(1).empty());
  send(chunk(3, 5));
  ASSERT_TRUE(eventually([&] { return disk_.of(1).size() == 1; }));
  EXPECT_EQ(disk_.of(1)[0].value, 77);
  connector->stop();
}

TEST_F(PubSubStream, SilenceIsSaid) {
  const auto connector = make_pubsub_client("line", options_, node_.context());
  ASSERT_TRUE(connector->start());
  ASSERT_TRUE(eventually([&] { return connector->status().detail.find("0 of 1 writers") != std::string::npos; }));
  send(count(1, 1));
  for (int i = 0; i < 4; ++i) {  // keep-alives are enough
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    send(keep_alive(2));
  }
  EXPECT_EQ(node_.behaviour.statuses(), 0U);
  ASSERT_TRUE(eventually([&] { return node_.behaviour.statuses() == 3; }));  // its sensors
  EXPECT_EQ(connector->status().state, ConnectorState::kConnecting);
  send(count(1, 4));  // begun anew
  ASSERT_TRUE(eventually([&] { return connector->status().state == ConnectorState::kConnected; }));
  EXPECT_EQ(lost(), 0);
  connector->stop();
}

}  // namespace
}  // namespace millwright::connectors
