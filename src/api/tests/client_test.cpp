// The tests' HTTP client (test_client.hpp), and its own test.
#include <algorithm>
#include <cctype>

#include <gtest/gtest.h>

#include "api/tests/test_client.hpp"
#include "core/text.hpp"

namespace millwright::api::testing {
namespace {

constexpr core::DurationNs kTimeout = 20 * core::kSecond;

std::span<const std::byte> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

Connection::Connection(std::uint16_t port) {
  io::RealNetwork network;
  auto connected = network.connect({"127.0.0.1", port}, kTimeout);
  if (connected) stream_ = std::move(*connected);
  end_ = stream_ == nullptr;
}

void Connection::send(std::string_view bytes) {
  if (stream_ && !stream_->write_all(as_bytes(bytes), kTimeout)) end_ = true;
}

bool Connection::fill() {
  if (end_) return false;
  std::byte bytes[16384];
  const auto read = stream_->read_some(bytes, kTimeout);
  if (!read) {
    timed_out_ = read.error().code == core::ErrorCode::kTimeout;
    end_ = true;
    return false;
  }
  buffer_.append(reinterpret_cast<const char*>(bytes), *read);
  return true;
}

std::string Connection::take_line() {
  std::size_t at = 0;
  while ((at = buffer_.find("\r\n")) == std::string::npos) {
    if (!fill()) return {};
  }
  std::string line = buffer_.substr(0, at);
  buffer_.erase(0, at + 2);
  return line;
}

std::string Connection::take(std::size_t bytes) {
  while (buffer_.size() < bytes && fill()) {
  }
  std::string taken = buffer_.substr(0, bytes);
  buffer_.erase(0, taken.size());
  return taken;
}

Reply Connection::read_head() {
  Reply reply;
  const std::string status = take_line();
  if (status.size() < 12) return reply;
  reply.status = static_cast<int>(core::parse_int(status.substr(9, 3)).value_or(0));
  for (std::string line = take_line(); !line.empty(); line = take_line()) {
    const auto colon = line.find(':');
    reply.fields[lower(line.substr(0, colon))] = core::trim(std::string_view(line).substr(colon + 1));
  }
  return reply;
}

Reply Connection::read_reply(bool head_only) {
  Reply reply = read_head();
  const auto length = core::parse_int(reply.field("content-length"));
  if (length && !head_only) reply.body = take(static_cast<std::size_t>(*length));
  return reply;
}

Event Connection::read_event() {
  std::size_t at = 0;
  while ((at = event_text_.find("\n\n")) == std::string::npos) {
    const std::string size_line = take_line();
    std::size_t size = 0;
    if (size_line.empty() || std::sscanf(size_line.c_str(), "%zx", &size) != 1 || size == 0) {
      end_ = true;
      return {};
    }
    event_text_ += take(size);
    take(2);
  }
  Event event;
  for (const std::string_view line : core::split(std::string_view(event_text_).substr(0, at), '\n')) {
    const auto colon = line.find(':');
    const std::string_view value = core::trim(line.substr(colon + 1));
    if (colon == 0) event.comment = value;
    if (line.starts_with("event:")) event.name = value;
    if (line.starts_with("id:")) event.id = value;
    if (line.starts_with("data:")) event.data = value;
    if (line.starts_with("retry:")) event.name = "retry";
  }
  event_text_.erase(0, at + 2);
  return event;
}

bool Connection::ended() {
  while (fill()) {
  }
  return !timed_out_;
}

std::string request_text(std::uint16_t port, const std::string& method, const std::string& target, const Fields& fields,
                         const std::string& body) {
  std::string text = method + " " + target + " HTTP/1.1\r\n";
  bool host = false;
  for (const auto& [name, value] : fields) {
    host = host || name == "Host";
    if (name != "Host" || !value.empty()) text += name + ": " + value + "\r\n";
  }
  if (!host) text += "Host: 127.0.0.1:" + std::to_string(port) + "\r\n";
  if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text + "\r\n" + body;
}

Reply ask(std::uint16_t port, const std::string& method, const std::string& target, const Fields& fields,
          const std::string& body) {
  Connection connection(port);
  connection.send(request_text(port, method, target, fields, body));
  return connection.read_reply(method == "HEAD");
}

TEST(Client, WritesARequest) {
  EXPECT_EQ(request_text(8, "POST", "/a", {{"X", "y"}}, "hi"),
            "POST /a HTTP/1.1\r\nX: y\r\nHost: 127.0.0.1:8\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_EQ(request_text(8, "GET", "/a", {{"Host", ""}}), "GET /a HTTP/1.1\r\n\r\n");
}

}  // namespace millwright::api::testing
