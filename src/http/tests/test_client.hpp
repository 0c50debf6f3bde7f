// A small HTTP client for tests, also those of other modules: real bytes over a real socket.
#pragma once

#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/text.hpp"
#include "core/time.hpp"
#include "io/network.hpp"

namespace millwright::http::testing {

struct Reply {
  int status = 0;
  std::map<std::string, std::string> fields;  // names in lower case
  std::string body;
  [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(body, nullptr, false); }
  [[nodiscard]] std::string field(const std::string& name) const {
    const auto at = fields.find(name);
    return at == fields.end() ? std::string() : at->second;
  }
};

struct Event {
  std::string name;
  std::string id;
  std::string data;
  std::string comment;
  [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(data, nullptr, false); }
};

class Connection {
 public:
  explicit Connection(std::uint16_t port);
  [[nodiscard]] bool connected() const { return stream_ != nullptr; }
  void send(std::string_view bytes);
  // A whole reply by its Content-Length; status 0 where the connection ended before.
  Reply read_reply(bool head_only = false);
  // The head of a reply, leaving the body to read_event().
  Reply read_head();
  // The next event or comment of a chunked event stream; name, id, data and comment are empty at its end.
  Event read_event();
  // Whether the peer ends the connection within the time-out.
  bool ended();
  [[nodiscard]] bool at_end() const { return end_; }

 private:
  bool fill();
  std::string take_line();
  std::string take(std::size_t bytes);

  std::unique_ptr<io::Stream> stream_;
  std::string buffer_;
  std::string event_text_;
  bool end_ = false;
  bool timed_out_ = false;
  std::chrono::steady_clock::time_point give_up_at_;
};

using Fields = std::vector<std::pair<std::string, std::string>>;
// One request on a connection of its own. Host is 127.0.0.1 and the port unless `fields` say otherwise ("" leaves it
// out).
inline Reply ask(std::uint16_t port, const std::string& method, const std::string& target, const Fields& fields = {},
                 const std::string& body = {});
inline std::string request_text(std::uint16_t port, const std::string& method, const std::string& target,
                                const Fields& fields = {}, const std::string& body = {});

// ---- how ---------------------------------------------------------------------------------------------------------

inline constexpr core::DurationNs kClientTimeout = 20 * core::kSecond;
// A stream of events that never has the one that a test waits for would never time out.
inline constexpr std::chrono::minutes kConnectionLifeMax{2};

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

inline Connection::Connection(std::uint16_t port) : give_up_at_(std::chrono::steady_clock::now() + kConnectionLifeMax) {
  io::RealNetwork network;
  auto connected = network.connect({"127.0.0.1", port}, kClientTimeout);
  if (connected) stream_ = std::move(*connected);
  end_ = stream_ == nullptr;
}

inline void Connection::send(std::string_view bytes) {
  if (stream_ && !stream_->write_all(as_bytes(bytes), kClientTimeout)) end_ = true;
}

inline bool Connection::fill() {
  if (end_) return false;
  std::byte bytes[16384];
  const auto read = stream_->read_some(bytes, kClientTimeout);
  const bool too_late = std::chrono::steady_clock::now() > give_up_at_;
  if (!read || too_late) {
    timed_out_ = too_late || read.error().code == core::ErrorCode::kTimeout;
    end_ = true;
    return false;
  }
  buffer_.append(reinterpret_cast<const char*>(bytes), *read);
  return true;
}

inline std::string Connection::take_line() {
  std::size_t at = 0;
  while ((at = buffer_.find("\r\n")) == std::string::npos) {
    if (!fill()) return {};
  }
  std::string line = buffer_.substr(0, at);
  buffer_.erase(0, at + 2);
  return line;
}

inline std::string Connection::take(std::size_t bytes) {
  while (buffer_.size() < bytes && fill()) {
  }
  std::string taken = buffer_.substr(0, bytes);
  buffer_.erase(0, taken.size());
  return taken;
}

inline Reply Connection::read_head() {
  Reply reply;
  const std::string status = take_line();
  if (status.size() < 12) return reply;
  reply.status = static_cast<int>(core::parse_int(status.substr(9, 3)).value_or(0));
  for (std::string line = take_line(); !line.empty(); line = take_line()) {
    const auto colon = line.find(':');
    reply.fields[core::lower(line.substr(0, colon))] = core::trim(std::string_view(line).substr(colon + 1));
  }
  return reply;
}

inline Reply Connection::read_reply(bool head_only) {
  Reply reply = read_head();
  const auto length = core::parse_int(reply.field("content-length"));
  if (length && !head_only) reply.body = take(static_cast<std::size_t>(*length));
  return reply;
}

inline Event Connection::read_event() {
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

inline bool Connection::ended() {
  while (fill()) {
  }
  return !timed_out_;
}

inline std::string request_text(std::uint16_t port, const std::string& method, const std::string& target,
                                const Fields& fields, const std::string& body) {
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

inline Reply ask(std::uint16_t port, const std::string& method, const std::string& target, const Fields& fields,
                 const std::string& body) {
  Connection connection(port);
  connection.send(request_text(port, method, target, fields, body));
  return connection.read_reply(method == "HEAD");
}

}  // namespace millwright::http::testing
