// The transport over a real socket, and the tests' client.
#include "http/transport.hpp"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "http/tests/test_client.hpp"

namespace millwright::http {
namespace {

using testing::ask;
using testing::Connection;
using testing::request_text;

// Answers with what it was sent.
class Echo {
 public:
  explicit Echo(TransportOptions options = {}) : transport(std::move(options)) {
    EXPECT_TRUE(transport.start([](Request request, std::shared_ptr<Exchange> exchange) {
      Response response;
      response.status = request.path == "/empty" ? 204 : 200;
      if (response.status == 200) response.body = request.content_encoding + "|" + std::string(request.body);
      exchange->respond(std::move(response));
    }));
  }
  Transport transport;
};

TEST(Transport, TakesABodyOfManyReads) {
  TransportOptions options;
  options.buffer_bytes = 64 * 1024;
  options.body_bytes_max = 4 << 20;
  Echo echo(options);
  const std::string body(3 << 20, 'x');
  const auto reply = ask(echo.transport.port(), "POST", "/", {{"Content-Encoding", "gzip"}}, body);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "gzip|" + body);
}

TEST(Transport, KeepsAConnectionAndAnswersPipelinedRequestsInOrder) {
  Echo echo;
  Connection connection(echo.transport.port());
  for (int round = 0; round < 3; ++round) {
    std::string all;
    for (int i = 0; i < 4; ++i) all += request_text(1, "POST", "/", {}, std::to_string(i));
    connection.send(all);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(connection.read_reply().body, "|" + std::to_string(i));
  }
}

TEST(Transport, GoesOnAfterAnEmptyAnswer) {
  Echo echo;
  Connection connection(echo.transport.port());
  connection.send(request_text(1, "GET", "/empty"));
  EXPECT_EQ(connection.read_reply().status, 204);
  connection.send(request_text(1, "GET", "/"));
  EXPECT_EQ(connection.read_reply().status, 200);
}

TEST(Transport, TakesABodyInChunks) {
  Echo echo;
  Connection connection(echo.transport.port());
  connection.send(
      "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(connection.read_reply().body, "|abcde");
}

TEST(Transport, SaysWhichSettingAPortInUseIs) {
  Echo echo;
  TransportOptions options;
  options.port = echo.transport.port();
  options.port_setting = "some.port";
  Transport second(options);
  const auto started = second.start([](Request, std::shared_ptr<Exchange>) {});
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, core::ErrorCode::kConflict);
  EXPECT_NE(started.error().message.find("some.port"), std::string::npos);
}

TEST(Client, WritesARequest) {
  EXPECT_EQ(request_text(8, "POST", "/a", {{"X", "y"}}, "hi"),
            "POST /a HTTP/1.1\r\nX: y\r\nHost: 127.0.0.1:8\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_EQ(request_text(8, "GET", "/a", {{"Host", ""}}), "GET /a HTTP/1.1\r\n\r\n");
}

}  // namespace
}  // namespace millwright::http
