// The burst server against a sender that speaks the protocol by hand, right and wrong.
#include "connectors/burst_server.hpp"

#include <array>
#include <chrono>
#include <optional>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/tests/test_certificates.hpp"
#include "connectors/tests/test_plant.hpp"
#include "io/sim_network.hpp"

namespace millwright::connectors {
namespace {

namespace burst = protocol::burst;
using burst::ErrorNumber;
using burst::MessageType;
using core::kSecond;
using core::ValueType;
using test::eventually;
using ::testing::HasSubstr;
using Bytes = std::vector<std::byte>;

constexpr core::TimeNs kStart = 1'763'712'000'000'000'000;

// What came back, with the texts copied.
struct Answer {
  MessageType type = MessageType::kPing;
  burst::Welcome welcome;
  burst::Ack ack;
  ErrorNumber error = ErrorNumber::kMalformed;
  std::uint32_t channel = 0;
  std::string text;
  std::uint64_t token = 0;
};

class Peer {
 public:
  Peer(io::Network& network, std::uint16_t port)
      : stream_(std::move(*network.connect({"127.0.0.1", port}, 10 * kSecond))) {}

  template <typename Message>
  void say(const Message& message) {
    Bytes bytes;
    burst::encode(message, bytes);
    raw(bytes);
  }
  void raw(const Bytes& bytes) { ASSERT_TRUE(stream_->write_all(bytes, 10 * kSecond)); }
  void hello(const std::string& source = "press", std::uint64_t epoch = 7, std::uint64_t oldest = 1) {
    say(burst::Hello{epoch, oldest, 0, source, "by hand"});
  }
  void declare(std::uint32_t channel, const std::string& name, ValueType type = ValueType::kFloat32) {
    const std::array message{burst::Declaration{channel, type, name}};
    say(std::span<const burst::Declaration>(message));
  }
  static Bytes data_frame(std::uint64_t sequence, float value = 1) {
    Bytes bytes;
    const std::array block{burst::OutBlock{
        0, ValueType::kFloat32, 1, kStart + static_cast<core::TimeNs>(sequence), 0, nullptr, &value, {}}};
    burst::encode_data(sequence, block, bytes);
    return bytes;
  }
  void data(std::uint64_t sequence, float value = 1) { raw(data_frame(sequence, value)); }

  // The next message, or nothing at the end of the stream.
  std::optional<Answer> next() {
    for (;;) {
      const auto frame = reader_.next();
      EXPECT_TRUE(frame);
      if (*frame) return understood(**frame);
      const auto read = stream_->read_some(reader_.space(), 60 * kSecond);
      if (!read) {
        EXPECT_EQ(read.error().code, core::ErrorCode::kClosed) << read.error().message;
        return std::nullopt;
      }
      reader_.filled(*read);
    }
  }
  // The next message of a type; acks may come at any time.
  std::optional<Answer> next(MessageType type) {
    for (;;) {
      auto answer = next();
      if (!answer || answer->type == type) return answer;
    }
  }
  bool acked(std::uint64_t sequence) {
    for (;;) {
      const auto ack = next(MessageType::kAck);
      if (!ack) return false;
      EXPECT_LE(ack->ack.sequence, sequence);
      if (ack->ack.sequence == sequence) return true;
    }
  }
  // The connection ends with this error.
  void expect_end(ErrorNumber number, const std::string& text) {
    const auto error = next(MessageType::kError);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->error, number) << error->text;
    EXPECT_THAT(error->text, HasSubstr(text));
    EXPECT_FALSE(next(MessageType::kError));
  }

 private:
  static Answer understood(const burst::Frame& frame) {
    Answer answer;
    answer.type = frame.type;
    if (frame.type == MessageType::kWelcome) answer.welcome = *burst::decode_welcome(frame);
    if (frame.type == MessageType::kAck) answer.ack = *burst::decode_ack(frame);
    if (frame.type == MessageType::kPong) answer.token = burst::decode_pong(frame)->token;
    if (frame.type == MessageType::kError) {
      const auto error = *burst::decode_error(frame);
      answer.error = error.number;
      answer.channel = error.channel;
      answer.text = std::string(error.text);
    }
    return answer;
  }
  std::unique_ptr<io::Stream> stream_;
  burst::FrameReader reader_;
};

class BurstServerTest : public ::testing::Test {
 protected:
  void SetUp() override { start({}); }
  void TearDown() override {
    node_.behaviour.set_closed(false);
    server_->stop();
  }
  void start(BurstServerOptions options) {
    options.port = 0;
    server_ = std::make_unique<BurstServer>("line", options, node_.context());
    ASSERT_TRUE(server_->start());
  }
  Peer connect() { return {network_, server_->port()}; }
  Peer welcomed(const std::string& source = "press", std::uint64_t epoch = 7) {
    Peer peer = connect();
    peer.hello(source, epoch);
    EXPECT_EQ(peer.next()->type, MessageType::kWelcome);
    peer.declare(0, "vibration");
    return peer;
  }

  asset::Model model_ = test::make_model({{"vibration"}, {"current"}});
  io::SimClock clock_{kStart};
  io::RealNetwork network_;
  test::Disk disk_;
  test::Node node_{model_, network_, clock_, disk_};
  std::unique_ptr<BurstServer> server_;
};

TEST_F(BurstServerTest, WelcomesWithItsLimitsAndAcknowledges) {
  Peer peer = connect();
  peer.hello();
  const auto welcome = peer.next();
  ASSERT_TRUE(welcome);
  ASSERT_EQ(welcome->type, MessageType::kWelcome);
  EXPECT_EQ(welcome->welcome.epoch, 7U);
  EXPECT_EQ(welcome->welcome.sequence, 0U);
  EXPECT_EQ(welcome->welcome.frame_bytes_max, burst::kPayloadBytesMax);
  EXPECT_EQ(welcome->welcome.idle_timeout_ms, 30'000U);
  peer.declare(0, "vibration");
  for (std::uint64_t i = 1; i <= 20; ++i) peer.data(i);
  EXPECT_TRUE(peer.acked(20));
  EXPECT_EQ(disk_.of(0).size(), 20U);
  EXPECT_EQ(disk_.position("line/press", 0).sequence, 20U);
}

TEST_F(BurstServerTest, ServesThoseWhoseCertificateItKnows) {
  test::Certificates plant;
  BurstServerOptions options;
  options.tls = plant.listener();
  start(options);
  io::TlsNetwork known(network_, *io::tls_context(plant.client()));
  Peer peer(known, server_->port());
  peer.hello();
  ASSERT_EQ(peer.next()->type, MessageType::kWelcome);
  peer.declare(0, "vibration");
  for (std::uint64_t i = 1; i <= 20; ++i) peer.data(i);
  EXPECT_TRUE(peer.acked(20));

  Peer plain = connect();
  plain.hello("another");
  EXPECT_FALSE(plain.next());
  // Without a certificate the handshake seems done to the client, and then the server goes.
  io::TlsNetwork nobody(network_, *io::tls_context(io::TlsTrust{plant.client().ca, "", ""}));
  const auto stream = nobody.connect({"127.0.0.1", server_->port()}, 10 * kSecond);
  Bytes got(100);
  EXPECT_FALSE(stream && (*stream)->read_some(got, 10 * kSecond));
  EXPECT_EQ(disk_.of(0).size(), 20U);
}

TEST_F(BurstServerTest, DoesNotStartWithFilesThatWillNotDo) {
  BurstServerOptions options;
  options.port = 0;
  options.tls = {"/nowhere/plant.crt", "/nowhere/plant.key", ""};
  BurstServer server("line", options, node_.context());
  const auto started = server.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("connector line: TLS with certificate /nowhere/plant.crt"));
}

TEST_F(BurstServerTest, AcknowledgesOnlyWhatIsDurable) {
  node_.behaviour.set_commits(false);
  Peer peer = welcomed();
  for (std::uint64_t i = 1; i <= 20; ++i) peer.data(i);
  // The repeated ack comes once a second, and says 0 until the disk has it.
  EXPECT_EQ(peer.next(MessageType::kAck)->ack.sequence, 0U);
  EXPECT_EQ(peer.next(MessageType::kAck)->ack.sequence, 0U);
  node_.behaviour.set_commits(true);
  EXPECT_TRUE(peer.acked(20));
}

TEST_F(BurstServerTest, DropsWhatItHasBeforeThatIsDurable) {
  node_.behaviour.set_commits(false);
  Peer first = welcomed();
  for (std::uint64_t i = 1; i <= 3; ++i) first.data(i);
  ASSERT_TRUE(eventually([&] { return server_->status().readings == 3; }));
  Peer second = connect();
  second.hello();
  EXPECT_EQ(second.next()->welcome.sequence, 0U);
  second.declare(0, "vibration");
  for (std::uint64_t i = 1; i <= 4; ++i) second.data(i);
  ASSERT_TRUE(eventually([&] { return server_->status().readings == 4; }));
  node_.behaviour.set_commits(true);
  EXPECT_TRUE(second.acked(4));
  EXPECT_EQ(disk_.of(0).size(), 4U);
}

TEST_F(BurstServerTest, RefusesAGapAndTakesTheResend) {
  Peer first = welcomed();
  first.data(1);
  first.data(3);
  first.expect_end(ErrorNumber::kSequenceGap, "frame 3 came after 1; resend from the last ack");
  Peer second = welcomed();
  for (std::uint64_t i = 1; i <= 3; ++i) second.data(i);
  EXPECT_TRUE(second.acked(3));
  EXPECT_EQ(disk_.of(0).size(), 3U);
}

TEST_F(BurstServerTest, ClosesOnBytesThatAreWrong) {
  Peer corrupt = welcomed();
  Bytes bytes = Peer::data_frame(1);
  bytes.back() ^= std::byte{1};
  corrupt.raw(bytes);
  corrupt.expect_end(ErrorNumber::kCorrupt, "fails its checksum");

  Peer http = connect();
  const std::string get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  http.raw(Bytes(reinterpret_cast<const std::byte*>(get.data()), reinterpret_cast<const std::byte*>(get.data()) + 27));
  http.expect_end(ErrorNumber::kMalformed, "magic");

  Peer newer = connect();
  Bytes version;
  burst::encode(burst::Hello{1, 1, 0, "a", ""}, version);
  version[4] = std::byte{2};
  newer.raw(version);
  newer.expect_end(ErrorNumber::kOtherVersion, "speaks 1");

  Peer odd = welcomed();
  Bytes data = Peer::data_frame(1);
  data[burst::kHeaderBytes] = std::byte{2};  // two blocks are claimed
  burst::seal_data(data, 1);
  odd.raw(data);
  odd.expect_end(ErrorNumber::kMalformed, "block");
  EXPECT_EQ(disk_.total(), 0U);
  EXPECT_EQ(server_->status().refused, 4U);
  EXPECT_THAT(node_.metrics().text(), HasSubstr("millwright_burst_corrupt_frames_total{connector=\"line\"} 4"));
}

TEST_F(BurstServerTest, WantsMessagesInTheirPlace) {
  Peer hasty = connect();
  hasty.data(1);
  hasty.expect_end(ErrorNumber::kUnexpected, "must be a hello");
  Peer twice = welcomed();
  twice.hello();
  twice.expect_end(ErrorNumber::kUnexpected, "second hello");
  Peer wrong_side = welcomed();
  wrong_side.say(burst::Ack{7, 1});
  wrong_side.expect_end(ErrorNumber::kUnexpected, "only a receiver");
}

TEST_F(BurstServerTest, RefusesAnEpochThatIsUsedUp) {
  Peer now = welcomed("press", 7);
  now.data(1);
  EXPECT_TRUE(now.acked(1));
  Peer stale = connect();
  stale.hello("press", 6);
  const auto welcome = stale.next();
  EXPECT_EQ(welcome->welcome.epoch, 7U);
  EXPECT_EQ(welcome->welcome.sequence, 1U);
  stale.expect_end(ErrorNumber::kStaleEpoch, "greater than 7");
}

TEST_F(BurstServerTest, BeginsAgainWithANewEpoch) {
  Peer before = welcomed("press", 7);
  before.data(1);
  EXPECT_TRUE(before.acked(1));
  Peer after = welcomed("press", 8);
  after.data(1, 2);
  EXPECT_TRUE(after.acked(1));
  EXPECT_EQ(disk_.of(0).size(), 2U);
}

TEST_F(BurstServerTest, LetsTheNewerConnectionOfASourceIn) {
  Peer older = welcomed();
  older.data(1);
  EXPECT_TRUE(older.acked(1));
  Peer other = welcomed("another");
  Peer newer = connect();
  newer.hello("press", 7, 2);
  older.expect_end(ErrorNumber::kReplaced, "newer connection");
  EXPECT_EQ(newer.next(MessageType::kWelcome)->welcome.sequence, 1U);
  newer.declare(0, "vibration");
  newer.data(2);
  EXPECT_TRUE(newer.acked(2));
  other.data(1);
  EXPECT_TRUE(other.acked(1));
  EXPECT_EQ(server_->status().reconnects, 1U);
  EXPECT_EQ(node_.behaviour.statuses(), 0U);  // the sensors' source was never gone
}

// The older connection holds a frame that the pipeline has no room for: the newer must wait, or frames would overtake.
TEST_F(BurstServerTest, KeepsTheOrderWhenItIsReplacedUnderPressure) {
  node_.behaviour.set_closed(true);
  Peer older = welcomed();
  constexpr std::uint64_t kFrames = 1200;  // more than the ring holds
  for (std::uint64_t i = 1; i <= kFrames; ++i) older.data(i);
  ASSERT_TRUE(eventually([&] { return server_->status().readings > pipeline::PipelineOptions{}.ring_batches; }));
  Peer newer = connect();
  newer.hello();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  node_.behaviour.set_closed(false);
  ASSERT_TRUE(newer.next(MessageType::kWelcome));
  newer.declare(0, "vibration");
  for (std::uint64_t i = 1; i <= kFrames + 1; ++i) newer.data(i);
  EXPECT_TRUE(newer.acked(kFrames + 1));
  const auto got = disk_.of(0);
  ASSERT_EQ(got.size(), kFrames + 1);
  for (std::uint64_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i].time, kStart + static_cast<core::TimeNs>(i) + 1);
}

TEST_F(BurstServerTest, TellsTheNearestNameOfAnUnknownChannel) {
  Peer peer = welcomed();
  peer.declare(1, "vibratoin");
  const auto error = peer.next(MessageType::kError);
  EXPECT_EQ(error->error, ErrorNumber::kUnknownChannel);
  EXPECT_EQ(error->channel, 1U);
  EXPECT_EQ(error->text, "no sensor has the channel 'vibratoin' as its address (did you mean 'vibration'?)");
  peer.data(1);
  EXPECT_TRUE(peer.acked(1));
}

TEST_F(BurstServerTest, AcknowledgesAFrameOfWhichNothingWasWanted) {
  Peer peer = connect();
  peer.hello();
  peer.declare(0, "nobody-knows");
  for (std::uint64_t i = 1; i <= 5; ++i) peer.data(i);
  EXPECT_TRUE(peer.acked(5));
  EXPECT_EQ(server_->status().refused, 5U);
  // The disk knows nothing of these, the sender does: it goes on where it was.
  server_->stop();
  start({});
  Peer again = connect();
  again.hello("press", 7, 6);
  EXPECT_EQ(again.next()->welcome.sequence, 5U);
  again.declare(0, "vibration");
  again.data(6);
  EXPECT_TRUE(again.acked(6));
}

TEST_F(BurstServerTest, AnswersPingsAndClosesTheSilent) {
  Peer peer = welcomed();
  peer.say(burst::Ping{42, 0});
  EXPECT_EQ(peer.next(MessageType::kPong)->token, 42U);
  clock_.advance(29 * kSecond);
  peer.say(burst::Ping{43, 0});
  EXPECT_EQ(peer.next(MessageType::kPong)->token, 43U);
  clock_.advance(29 * kSecond);
  peer.say(burst::Ping{44, 0});
  EXPECT_EQ(peer.next(MessageType::kPong)->token, 44U);
  EXPECT_EQ(node_.behaviour.statuses(), 0U);
  // Again and again: the server may note when it last heard of us after the clock has moved.
  std::jthread time([&](const std::stop_token& stop) {
    for (; !stop.stop_requested(); std::this_thread::sleep_for(std::chrono::milliseconds(20)))
      clock_.advance(31 * kSecond);
  });
  peer.expect_end(ErrorNumber::kIdle, "nothing came for 30s");
  EXPECT_TRUE(eventually([&] { return node_.behaviour.statuses() == 1; }));
}

TEST_F(BurstServerTest, TurnsAwayTooManyAndTakesThemLater) {
  server_->stop();
  BurstServerOptions options;
  options.clients_max = 2;
  start(options);
  auto first = std::make_unique<Peer>(welcomed("a"));
  Peer second = welcomed("b");
  {
    Peer third = connect();
    third.expect_end(ErrorNumber::kTooMany, "too many connections");
  }
  first.reset();
  EXPECT_TRUE(eventually([&] { return server_->status().detail.ends_with(" 1 sender"); }));
  Peer fourth = welcomed("c");
  fourth.data(1);
  EXPECT_TRUE(fourth.acked(1));
}

TEST_F(BurstServerTest, HoldsSendersToItsFrameSize) {
  server_->stop();
  BurstServerOptions options;
  options.frame_bytes_max = 1024;
  start(options);
  Peer peer = welcomed();
  const std::vector<float> values(1000);
  const std::array block{burst::OutBlock{0, ValueType::kFloat32, 1000, kStart, 1, nullptr, values.data(), {}}};
  Bytes bytes;
  burst::encode_data(1, block, bytes);
  peer.raw(bytes);
  peer.expect_end(ErrorNumber::kMalformed, "at most 1024");
}

TEST_F(BurstServerTest, SaysGoodbyeWhenItStops) {
  Peer peer = welcomed();
  server_->stop();
  const auto error = peer.next(MessageType::kError);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->error, ErrorNumber::kShuttingDown);
  EXPECT_EQ(node_.behaviour.statuses(), 0U);
}

TEST_F(BurstServerTest, SaysWhereThePortIsTaken) {
  BurstServerOptions options;
  options.port = server_->port();
  BurstServer second("other", options, node_.context());
  const auto started = second.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, core::ErrorCode::kConflict);
  EXPECT_THAT(started.error().message, HasSubstr("connector other: cannot listen on 127.0.0.1:"));
}

}  // namespace
}  // namespace millwright::connectors
