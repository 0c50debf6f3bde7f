// A small HTTP client of the tests: real bytes over a real socket.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/time.hpp"
#include "io/network.hpp"

namespace millwright::api::testing {

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
};

using Fields = std::vector<std::pair<std::string, std::string>>;
// One request on a connection of its own. Host is 127.0.0.1 and the port unless `fields` say otherwise ("" leaves it
// out).
Reply ask(std::uint16_t port, const std::string& method, const std::string& target, const Fields& fields = {},
          const std::string& body = {});
std::string request_text(std::uint16_t port, const std::string& method, const std::string& target,
                         const Fields& fields = {}, const std::string& body = {});

}  // namespace millwright::api::testing
