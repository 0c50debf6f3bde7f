// What a plant's authority issues, in use: TLS streams between honest peers, and against those that are not.
#include "io/tls.hpp"

#include <cstdio>
#include <fstream>
#include <future>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "io/sim_network.hpp"
#include "security/authority.hpp"

namespace millwright::security {
namespace {

using core::ErrorCode;
using core::kMillisecond;
using core::kSecond;
using testing::HasSubstr;
using Bytes = std::vector<std::byte>;
using StreamPtr = std::unique_ptr<io::Stream>;

constexpr core::DurationNs kDay = 24 * core::kHour;

core::TimeNs now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Bytes bytes_of(std::string_view text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

class TlsTest : public testing::Test {
 protected:
  TlsTest() {
    char name[] = "/tmp/millwright-tls-XXXXXX";
    folder_ = ::mkdtemp(name);
    plant_ = *make_authority("Plant", now());
    other_ = *make_authority("Other", now());
    put("ca.crt", plant_.certificate);
    put("other.crt", other_.certificate);
    files_ = issued("plant", plant_, {"localhost", "127.0.0.1"});
  }
  ~TlsTest() override { std::system(("rm -r " + folder_).c_str()); }  // NOLINT: a scratch folder

  std::string put(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_ + "/" + name; }
  io::TlsFiles issued(const std::string& name, const PemPair& by, const std::vector<std::string>& hosts,
                      core::TimeNs at = now(), int days = 30) {
    const auto pair = issue(by, hosts, at, days);
    EXPECT_TRUE(pair) << pair.error().message;
    return {put(name + ".crt", pair->certificate), put(name + ".key", pair->key), ""};
  }
  io::TlsTrust trust(const std::string& ca = "ca.crt", const io::TlsFiles& own = {}) const {
    return {file(ca), own.certificate, own.key};
  }

  void serve(const io::TlsFiles& files, const io::TlsLimits& limits = {}) {
    auto context = io::tls_context(files);
    ASSERT_TRUE(context) << context.error().message;
    secured_ = std::make_unique<io::TlsNetwork>(network_, *context, limits);
    auto listener = secured_->listen({"127.0.0.1", 0});
    ASSERT_TRUE(listener) << listener.error().message;
    listener_ = std::move(*listener);
  }
  core::Result<StreamPtr> connect(const io::TlsTrust& trust, const std::string& host = "127.0.0.1") {
    auto context = io::tls_context(trust);
    if (!context) return core::unexpected(context.error());
    return io::TlsNetwork(network_, *context).connect({host, listener_->port()}, 5 * kSecond);
  }
  StreamPtr plain() { return std::move(*network_.connect({"127.0.0.1", listener_->port()}, 5 * kSecond)); }
  StreamPtr accepted() { return std::move(*listener_->accept(5 * kSecond)); }
  // What the server's first read gives, with the client's connect beside it.
  struct Met {
    core::Result<StreamPtr> client;
    core::Result<std::size_t> served;
  };
  Met meet(const io::TlsTrust& by, const std::string& host = "127.0.0.1") {
    auto connecting = std::async(std::launch::async, [&] {
      auto client = connect(by, host);
      if (client) static_cast<void>((*client)->write_all(bytes_of("hello"), kSecond));
      return client;
    });
    const StreamPtr server = accepted();
    Bytes got(100);
    auto served = server->read_some(got, 5 * kSecond);
    return {connecting.get(), std::move(served)};
  }

  std::string folder_;
  PemPair plant_;
  PemPair other_;
  io::TlsFiles files_;
  io::RealNetwork network_;
  std::unique_ptr<io::TlsNetwork> secured_;
  std::unique_ptr<io::Listener> listener_;
};

core::Status read_all(io::Stream& stream, Bytes& into, std::size_t bytes) {
  Bytes part(100'000);
  while (into.size() < bytes) {
    const auto read = stream.read_some(part, 10 * kSecond);
    if (!read) return core::unexpected(read.error());
    into.insert(into.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(*read));
  }
  return {};
}

Bytes numbered(std::size_t bytes, unsigned seed) {
  Bytes out(bytes);
  for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<std::byte>((i * 2654435761U + seed) >> 13);
  return out;
}

// Both ways at a time, each with a reader and a writer of its own.
void exchange(io::Stream& client, io::Stream& server) {
  const Bytes up = numbered(3'000'000, 1);
  const Bytes down = numbered(3'000'000, 2);
  Bytes got_up;
  Bytes got_down;
  std::vector<std::thread> threads;
  threads.emplace_back([&] { EXPECT_TRUE(client.write_all(up, 20 * kSecond)); });
  threads.emplace_back([&] { EXPECT_TRUE(server.write_all(down, 20 * kSecond)); });
  threads.emplace_back([&] { EXPECT_TRUE(read_all(client, got_down, down.size())); });
  threads.emplace_back([&] { EXPECT_TRUE(read_all(server, got_up, up.size())); });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(got_up, up);
  EXPECT_EQ(got_down, down);
}

TEST_F(TlsTest, CarriesBytesBothWaysAndSaysWhenItEnds) {
  serve(files_);
  auto connecting = std::async(std::launch::async, [&] { return connect(trust()); });
  const StreamPtr server = accepted();
  // The handshake is made in the time of whatever call comes first, and goes on in the next.
  Bytes one(1);
  const auto early = server->read_some(one, 200 * kMillisecond);
  EXPECT_EQ(early.error().code, ErrorCode::kTimeout);
  auto client = connecting.get();
  ASSERT_TRUE(client) << client.error().message;
  exchange(**client, *server);
  (*client)->shut_down();
  EXPECT_EQ(server->read_some(one, 5 * kSecond).error().code, ErrorCode::kClosed);
  EXPECT_EQ((*client)->write_all(one, kSecond).error().code, ErrorCode::kClosed);
}

TEST_F(TlsTest, RunsOverSimulatedCables) {
  io::SimNetwork sim;
  io::TlsNetwork server_side(sim, *io::tls_context(files_));
  io::TlsNetwork client_side(sim, *io::tls_context(trust()));
  auto listener = server_side.listen({"localhost", 7});
  auto connecting = std::async(std::launch::async, [&] { return client_side.connect({"localhost", 7}, 5 * kSecond); });
  const StreamPtr server = std::move(*(*listener)->accept(5 * kSecond));
  Bytes got(10);
  auto serving = std::async(std::launch::async, [&] { return server->read_some(got, 5 * kSecond); });
  auto client = connecting.get();
  ASSERT_TRUE(client) << client.error().message;
  ASSERT_TRUE((*client)->write_all(bytes_of("x"), kSecond));
  EXPECT_EQ(*serving.get(), 1U);
  sim.pull_cable(io::SimNetwork::Cut::kReset);
  EXPECT_EQ(server->read_some(got, kSecond).error().code, ErrorCode::kClosed);
}

TEST_F(TlsTest, AClientTrustsNobodyElse) {
  serve(files_);
  const auto stranger = meet(trust("other.crt"));
  ASSERT_FALSE(stranger.client);
  EXPECT_EQ(stranger.client.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(stranger.client.error().message, HasSubstr("its certificate is refused: unable to get local issuer"));
  EXPECT_THAT(stranger.served.error().message, HasSubstr("unknown ca"));

  serve(issued("elsewhere", plant_, {"10.0.0.5"}));
  const auto elsewhere = meet(trust());
  ASSERT_FALSE(elsewhere.client);
  EXPECT_THAT(elsewhere.client.error().message, HasSubstr("IP address mismatch"));

  serve(issued("old", plant_, {"127.0.0.1"}, now() - 100 * kDay, 30));
  const auto old = meet(trust());
  ASSERT_FALSE(old.client);
  EXPECT_THAT(old.client.error().message, HasSubstr("certificate has expired"));
}

TEST_F(TlsTest, AServerKnowsItsClientsByTheirCertificates) {
  io::TlsFiles mutual = files_;
  mutual.client_ca = file("ca.crt");
  serve(mutual);
  const auto known = meet(trust("ca.crt", issued("press", plant_, {"press-7"})));
  ASSERT_TRUE(known.served) << known.served.error().message;
  EXPECT_EQ(*known.served, 5U);

  const auto nobody = meet(trust());
  ASSERT_FALSE(nobody.served);
  EXPECT_EQ(nobody.served.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(nobody.served.error().message, HasSubstr("did not return a certificate"));

  const auto stranger = meet(trust("ca.crt", issued("stranger", other_, {"press-7"})));
  ASSERT_FALSE(stranger.served);
  EXPECT_THAT(stranger.served.error().message, HasSubstr("its certificate is refused"));

  const auto old = meet(trust("ca.crt", issued("old", plant_, {"press-7"}, now() - 100 * kDay, 30)));
  ASSERT_FALSE(old.served);
  EXPECT_THAT(old.served.error().message, HasSubstr("certificate has expired"));
}

TEST_F(TlsTest, WhoSpeaksNoTlsIsToldApart) {
  serve(files_);
  Bytes got(100);
  for (const char* said : {"MWB1 hello", "GET / HTTP/1.1\r\n\r\n", "\x80"}) {
    const StreamPtr client = plain();
    const StreamPtr server = accepted();
    ASSERT_TRUE(client->write_all(bytes_of(said), kSecond));
    const auto read = server->read_some(got, 5 * kSecond);
    EXPECT_EQ(read.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(read.error().message, HasSubstr("spoke no TLS; this port takes nothing else"));
    EXPECT_THAT(server->write_all(got, kSecond).error().message, HasSubstr("spoke no TLS"));
  }
  const StreamPtr liar = plain();
  const StreamPtr server = accepted();
  ASSERT_TRUE(liar->write_all(bytes_of(std::string_view("\x16\x03\x01\0\5hello", 10)), kSecond));
  EXPECT_EQ(server->read_some(got, 5 * kSecond).error().code, ErrorCode::kInvalid);

  listener_ = std::move(*network_.listen({"127.0.0.1", 0}));
  auto connecting = std::async(std::launch::async, [&] { return connect(trust()); });
  const StreamPtr in_the_clear = accepted();
  ASSERT_TRUE(in_the_clear->write_all(bytes_of("MWB1 welcome"), kSecond));
  const auto client = connecting.get();
  ASSERT_FALSE(client);
  EXPECT_THAT(client.error().message, HasSubstr("spoke no TLS; does it listen without?"));
}

TEST_F(TlsTest, HalfOpenHandshakesAreFewAndShort) {
  serve(files_, {.handshake_max = kSecond, .handshakes_max = 4});
  std::vector<StreamPtr> silent;
  std::vector<StreamPtr> held;
  for (int i = 0; i < 10; ++i) {
    silent.push_back(plain());
    held.push_back(accepted());
  }
  Bytes got(10);
  // The oldest had to go; the newest may still come to it.
  EXPECT_EQ(held[0]->read_some(got, kSecond).error().code, ErrorCode::kClosed);
  EXPECT_EQ(silent[0]->read_some(got, kSecond).error().code, ErrorCode::kClosed);
  EXPECT_EQ(held[9]->read_some(got, 10 * kMillisecond).error().code, ErrorCode::kTimeout);
  const auto honest = meet(trust());
  EXPECT_TRUE(honest.served) << honest.served.error().message;
  const auto late = held[9]->read_some(got, 10 * kSecond);
  EXPECT_EQ(late.error().code, ErrorCode::kClosed);
  EXPECT_THAT(late.error().message, HasSubstr("did not finish its TLS handshake in time"));
}

TEST_F(TlsTest, FilesThatWillNotDoAreNamed) {
  EXPECT_THAT(io::tls_context(io::TlsFiles{file("none.crt"), files_.key, ""}).error().message,
              testing::AllOf(HasSubstr("none.crt"), HasSubstr("No such file")));
  const io::TlsFiles second = issued("second", plant_, {"localhost"});
  EXPECT_THAT(io::tls_context(io::TlsFiles{files_.certificate, second.key, ""}).error().message,
              testing::AllOf(HasSubstr("second.key"), HasSubstr("mismatch")));
  EXPECT_THAT(io::tls_context(io::TlsFiles{files_.certificate, files_.key, put("empty", "")}).error().message,
              HasSubstr("client_ca_file"));
  EXPECT_FALSE(io::tls_context(io::TlsTrust{file("none.crt"), "", ""}));
}

}  // namespace
}  // namespace millwright::security
