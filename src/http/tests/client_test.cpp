// The client against a real server of this module, and against peers that misbehave; who may be asked.
#include "http/client.hpp"

#include <atomic>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/transport.hpp"
#include "http/url.hpp"
#include "io/network.hpp"

namespace millwright::http {
namespace {

using core::ErrorCode;
using ::testing::HasSubstr;
using ::testing::Not;

// Says what it was asked; /long answers 100 kB, /moved sends elsewhere, /late waits.
class Server {
 public:
  Server() {
    EXPECT_TRUE(transport_.start([this](Request request, std::shared_ptr<Exchange> exchange) {
      ++asked;
      Response response;
      response.fields = {{"X-Kind", "Echo"}};
      response.body = fmt::format("{}|{}|{}", request.content_type, request.accept, request.body);
      if (request.path == "/long") response.body = std::string(100'000, 'x');
      if (request.path == "/refused") response.status = 409;
      if (request.path == "/moved") {
        response.status = 302;
        response.fields = {{"Location", url("/")}};
      }
      if (request.path == "/late") std::this_thread::sleep_for(std::chrono::milliseconds(700));
      exchange->respond(std::move(response));
    }));
  }
  [[nodiscard]] std::string url(const std::string& path) const {
    return fmt::format("http://127.0.0.1:{}{}", transport_.port(), path);
  }
  std::atomic<int> asked{0};

 private:
  Transport transport_{TransportOptions{}};
};

// Takes one connection, reads what comes, answers `text` and ends it.
class OneAnswer {
 public:
  explicit OneAnswer(std::string text) {
    auto listener = io::RealNetwork().listen({"127.0.0.1", 0});
    EXPECT_TRUE(listener);
    port_ = (*listener)->port();
    thread_ = std::thread([this, listener = std::move(*listener), text = std::move(text)] {
      auto stream = listener->accept(5 * core::kSecond);
      if (!stream) return;
      std::byte bytes[8192];
      if (const auto read = (*stream)->read_some(bytes, 5 * core::kSecond)) {
        asked_.assign(reinterpret_cast<const char*>(bytes), *read);
      }
      EXPECT_TRUE((*stream)->write_all({reinterpret_cast<const std::byte*>(text.data()), text.size()}, core::kSecond));
    });
  }
  ~OneAnswer() { asked(); }
  const std::string& asked() {
    if (thread_.joinable()) thread_.join();
    return asked_;
  }
  [[nodiscard]] std::string url() const { return fmt::format("http://127.0.0.1:{}/a?token=secret", port_); }

 private:
  std::uint16_t port_ = 0;
  std::string asked_;
  std::thread thread_;
};

// On each connection answers the first request, reads the second and ends without a word, as one that dies does.
class DyingServer {
 public:
  DyingServer() {
    auto listener = io::RealNetwork().listen({"127.0.0.1", 0});
    EXPECT_TRUE(listener);
    port_ = (*listener)->port();
    thread_ = std::thread([this, listener = std::move(*listener)] {
      while (!stopping_) {
        auto stream = listener->accept(50 * core::kMillisecond);
        if (!stream) continue;
        static constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        if (!read_one(**stream)) continue;
        EXPECT_TRUE((*stream)->write_all(std::as_bytes(std::span(kAnswer)), core::kSecond));
        read_one(**stream);
      }
    });
  }
  ~DyingServer() {
    stopping_ = true;
    thread_.join();
  }
  [[nodiscard]] std::string url() const { return fmt::format("http://127.0.0.1:{}/", port_); }
  std::atomic<int> asked{0};

 private:
  bool read_one(io::Stream& stream) {
    std::byte bytes[8192];
    const auto read = stream.read_some(bytes, core::kSecond);
    if (!read || *read == 0) return false;
    ++asked;
    return true;
  }
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

TEST(Client, SendsWhatChangesSomethingOnce) {
  DyingServer server;
  Client client;
  ASSERT_TRUE(client.ask({.url = server.url()}));
  // On a connection of its own, though one is open; that one the server ends without an answer.
  ASSERT_TRUE(client.ask({.method = "POST", .url = server.url(), .body = "a"}));
  EXPECT_EQ(server.asked, 2);
}

TEST(Client, AsksAgainWhereThatDoesNoHarm) {
  DyingServer server;
  Client client;
  ASSERT_TRUE(client.ask({.url = server.url()}));
  ASSERT_TRUE(client.ask({.method = "POST", .url = server.url(), .body = "a", .sends = Sends::kMaybeAgain}));
  EXPECT_EQ(server.asked, 3);
}

TEST(Client, AsksAndReadsTheAnswer) {
  Server server;
  Client client;
  const std::string body = "hello";
  const auto posted = client.ask({.method = "POST",
                                  .url = server.url("/"),
                                  .fields = {{"Content-Type", "text/plain"}, {"Accept", "a/b"}},
                                  .body = body});
  ASSERT_TRUE(posted) << posted.error().message;
  EXPECT_EQ(posted->status, 200);
  EXPECT_TRUE(posted->ok());
  EXPECT_EQ(posted->body, "text/plain|a/b|hello");
  EXPECT_EQ(posted->field("x-kind"), "Echo");
  EXPECT_EQ(posted->field("absent"), "");
  // Nothing of a request is left for the next one.
  const auto got = client.ask({.url = server.url("/")});
  ASSERT_TRUE(got);
  EXPECT_EQ(got->body, "|*/*|");
  const auto refused = client.ask({.method = "PATCH", .url = server.url("/refused"), .body = ""});
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 409);
  EXPECT_FALSE(refused->ok());
}

TEST(Client, SendsWhatItWasGiven) {
  OneAnswer peer("HTTP/1.1 204 No Content\r\n\r\n");
  Client client;
  const auto answer = client.ask({.method = "DELETE",
                                  .url = peer.url(),
                                  .fields = {{"X-Empty", ""}},
                                  .credentials = {.user = "Aladdin", .password = "open sesame", .bearer = {}}});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_THAT(peer.asked(), HasSubstr("DELETE /a?token=secret HTTP/1.1\r\n"));
  EXPECT_THAT(peer.asked(), HasSubstr("X-Empty:\r\n"));
  EXPECT_THAT(peer.asked(), HasSubstr("Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));

  OneAnswer second("HTTP/1.1 204 No Content\r\n\r\n");
  ASSERT_TRUE(client.ask({.url = second.url(), .credentials = {.user = {}, .password = {}, .bearer = "abc.def"}}));
  EXPECT_THAT(second.asked(), HasSubstr("Authorization: Bearer abc.def\r\n"));
}

TEST(Client, KeepsCookiesWhereAsked) {
  for (const bool kept : {true, false}) {
    OneAnswer first(
        "HTTP/1.1 200 OK\r\nSet-Cookie: session=17; Path=/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    ClientOptions options;
    options.cookies = kept ? Cookies::kKept : Cookies::kIgnored;
    Client client(options);
    ASSERT_TRUE(client.ask({.url = first.url()}));
    OneAnswer second("HTTP/1.1 204 No Content\r\n\r\n");
    ASSERT_TRUE(client.ask({.url = second.url()}));
    EXPECT_EQ(second.asked().find("session=17") != std::string::npos, kept);
  }
}

TEST(Client, FollowsNoRedirect) {
  Server server;
  Client client;
  const auto answer = client.ask({.url = server.url("/moved")});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 302);
  EXPECT_EQ(server.asked, 1);
}

TEST(Client, LimitsTheAnswer) {
  Server server;
  ClientOptions options;
  options.answer_bytes_max = 1000;
  const auto refused = Client(options).ask({.url = server.url("/long")});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kFull);
  EXPECT_THAT(refused.error().message, HasSubstr("longer than 1000 bytes"));
  options.long_answer = LongAnswer::kCutOff;
  const auto cut = Client(options).ask({.url = server.url("/long")});
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->body, std::string(1000, 'x'));
}

TEST(Client, GivesUpInTime) {
  Server server;
  ClientOptions options;
  options.timeout = 100 * core::kMillisecond;
  const auto late = Client(options).ask({.url = server.url("/late?token=secret")});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kTimeout);
  EXPECT_THAT(late.error().message, HasSubstr("/late: "));
  EXPECT_THAT(late.error().message, Not(HasSubstr("secret")));
  const auto stopped = Client().ask({.url = server.url("/late")}, [] { return true; });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::kClosed);
}

TEST(Client, SaysWhatIsWrong) {
  Client client;
  std::uint16_t closed_port = 0;
  {
    auto listener = io::RealNetwork().listen({"127.0.0.1", 0});
    ASSERT_TRUE(listener);
    closed_port = (*listener)->port();
  }
  const auto nobody = client.ask({.url = fmt::format("http://127.0.0.1:{}/", closed_port)});
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, ErrorCode::kUnavailable);
  for (const char* wrong : {"", "ftp://a/b", "file:///etc/passwd", "http://me:secret@b/c", "no url"}) {
    const auto answer = client.ask({.url = wrong});
    ASSERT_FALSE(answer) << wrong;
    EXPECT_EQ(answer.error().code, ErrorCode::kInvalid) << wrong;
  }
  const auto injected = client.ask({.url = "http://127.0.0.1/", .fields = {{"X", "a\r\nY: b"}}});
  ASSERT_FALSE(injected);
  EXPECT_EQ(injected.error().code, ErrorCode::kInvalid);
  OneAnswer cut("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  const auto answer = client.ask({.url = cut.url()});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
}

TEST(Client, ConnectsOnlyWhereTheGuardPermits) {
  Server server;
  ClientOptions options;
  options.guard.emplace();
  const auto refused = Client(options).ask({.url = server.url("/")});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(refused.error().message, HasSubstr("127.0.0.1, which is not on the public Internet"));
  EXPECT_EQ(server.asked, 0);
  const std::vector<std::string> allow{"127.0.0.0/8"};
  options.guard = *AddressGuard::parse(allow);
  EXPECT_TRUE(Client(options).ask({.url = server.url("/")}));
}

TEST(WebAddress, IsTakenApart) {
  const auto plain = parse_web_address("https://[2606:4700::1]/alarms");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->host, "2606:4700::1");
  EXPECT_EQ(plain->port, 443);
  EXPECT_EQ(parse_web_address("http://erp.local:8000")->port, 8000);
  EXPECT_FALSE(parse_web_address("https://me@erp.local"));
}

TEST(AddressGuard, KnowsThePublicInternet) {
  for (const char* open :
       {"8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::1"}) {
    EXPECT_TRUE(is_public(*parse_ip(open))) << open;
  }
  for (const char* closed : {"127.0.0.1",
                             "127.255.0.1",
                             "0.0.0.0",
                             "10.1.2.3",
                             "172.16.0.1",
                             "172.31.255.255",
                             "192.168.1.1",
                             "169.254.169.254",
                             "100.64.0.1",
                             "198.18.0.1",
                             "224.0.0.1",
                             "255.255.255.255",
                             "::1",
                             "::",
                             "fe80::1",
                             "fd00:ec2::254",
                             "ff02::1",
                             "::ffff:127.0.0.1",
                             "::ffff:169.254.169.254",
                             "64:ff9b::7f00:1",
                             "2002:7f00:1::1",
                             "2001:db8::1",
                             "2001::1"}) {
    EXPECT_FALSE(is_public(*parse_ip(closed))) << closed;
  }
  EXPECT_FALSE(parse_ip("10.1"));
}

TEST(AddressGuard, OpensWhatIsNamed) {
  const std::vector<std::string> allow{"10.1.0.0/16", "fd00::/8", "192.168.7.9", "Hooks.Plant.Local"};
  const auto guard = AddressGuard::parse(allow);
  ASSERT_TRUE(guard) << guard.error().message;
  EXPECT_TRUE(guard->permits("x", *parse_ip("10.1.200.3")));
  EXPECT_FALSE(guard->permits("x", *parse_ip("10.2.0.1")));
  EXPECT_TRUE(guard->permits("x", *parse_ip("fd12::1")));
  EXPECT_TRUE(guard->permits("x", *parse_ip("192.168.7.9")));
  EXPECT_FALSE(guard->permits("x", *parse_ip("192.168.7.8")));
  EXPECT_FALSE(guard->permits("x", *parse_ip("127.0.0.1")));
  EXPECT_TRUE(guard->permits("hooks.plant.LOCAL", *parse_ip("10.2.0.1")));
}

TEST(AddressGuard, ChecksTheAddressBehindAName) {
  const AddressGuard closed;
  for (const char* name : {"127.0.0.1", "127.1", "0x7f.0.0.1", "localhost", "::1"}) {
    const auto checked = check_host(closed, name);
    ASSERT_FALSE(checked) << name;
    EXPECT_THAT(checked.error().message, HasSubstr("`allow`")) << name;
  }
  const std::vector<std::string> allow{"127.0.0.1"};
  EXPECT_TRUE(check_host(*AddressGuard::parse(allow), "127.0.0.1"));
}

}  // namespace
}  // namespace millwright::http
