// Transport: HTTP/1.1 over TCP or TLS by RESTinio, which stays inside transport.cpp.
//
// Threads: `handler` is called on the transport's own threads and must not wait; an Exchange may be answered from any
// thread. stop(), then close(), from one thread.
// Errors: start() gives kConflict where the port is in use, kInvalid where certificate or key are none. A request over
// the hard limits below, or that is no HTTP, ends its connection without an answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/result.hpp"
#include "core/time.hpp"
#include "http/message.hpp"
#include "io/tls.hpp"

namespace millwright::http {

using TlsFiles = io::TlsFiles;

struct TransportOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::string port_setting = "port";  // what a message calls it
  TlsFiles tls;                       // empty: in the clear
  std::size_t threads = 2;
  std::size_t connections_max = 512;  // of each thread
  std::size_t url_bytes_max = 16 * 1024;
  std::size_t body_bytes_max = 1024 * 1024;
  std::size_t buffer_bytes = 4 * 1024;  // what a connection reads at a time
  std::size_t field_count_max = 100;
  std::size_t field_bytes_max = 8 * 1024;
  core::DurationNs request_read_max = 30 * core::kSecond;  // also how long an idle connection is kept
  core::DurationNs response_write_max = 30 * core::kSecond;
  core::DurationNs handling_max = 5 * core::kMinute;
};

class Transport {
 public:
  using Handler = std::function<void(Request, std::shared_ptr<Exchange>)>;

  explicit Transport(TransportOptions options);
  ~Transport();  // closes

  core::Status start(Handler handler);
  // Takes nothing more in and ends the threads; connections stay as they are.
  void stop();
  // Ends all connections. No Exchange and no StreamSink may be left.
  void close();
  [[nodiscard]] std::uint16_t port() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millwright::http
