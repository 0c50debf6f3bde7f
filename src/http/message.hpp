// What servers see of HTTP: a request, a response, and a stream of text that stays open. The transport (transport.hpp)
// turns these into bytes, so that nothing else knows the HTTP library.
//
// Threads: Request and Response are values; a Request's body lives as long as its Exchange. An Exchange is answered
// once, from any thread. A StreamSink has one owner.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millwright::http {

enum class Method { kGet, kHead, kPost, kPut, kPatch, kDelete, kOther };

// Header fields that are absent are empty.
struct Request {
  Method method = Method::kOther;
  std::string path;   // as sent, percent-encoded
  std::string query;  // as sent, without '?'
  std::string_view body;
  std::string peer;     // the address that it came from, without the port
  bool secure = false;  // came over TLS
  std::string host;
  std::string authorization;
  std::string cookie;
  std::string idempotency_key;
  std::string origin;
  std::string fetch_site;  // Sec-Fetch-Site
  std::string accept;
  std::string content_type;
  std::string content_encoding;
  std::string if_match;
  std::string if_none_match;
  std::string last_event_id;
};

using HeaderFields = std::vector<std::pair<std::string, std::string>>;

struct Response {
  int status = 200;
  std::string content_type;
  std::string body;
  HeaderFields fields;
  bool body_omitted = false;  // the length is told, the body is not sent (HEAD, 304)
};

// A response that goes on until one side ends it.
class StreamSink {
 public:
  virtual ~StreamSink() = default;  // ends the stream where finish() was not called
  // Queues `text`; the caller bounds what it queues by queued_bytes().
  virtual void send(std::shared_ptr<const std::string> text) = 0;
  // Bytes handed to send() that the socket has not taken yet.
  [[nodiscard]] virtual std::size_t queued_bytes() const = 0;
  // The peer has gone.
  [[nodiscard]] virtual bool closed() const = 0;
  // Sends `last_words` and ends the connection.
  virtual void finish(std::string last_words) = 0;
};

class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual void respond(Response response) = 0;
  // The status goes out with the first text, so that who reads it knows that the stream has begun.
  virtual std::unique_ptr<StreamSink> open_stream(const std::string& content_type, const HeaderFields& fields) = 0;
};

std::string_view method_name(Method method);
// "Not Found" for 404.
std::string_view reason_phrase(int status);

}  // namespace millwright::http
