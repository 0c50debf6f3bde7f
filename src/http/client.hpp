// Client: asks HTTP servers, by libcurl, which stays inside client.cpp. HTTP and HTTPS only; redirects are answers, not
// followed; no proxy from the environment; TLS 1.2 at least, the server's certificate and name always checked.
//
// Threads: a Client belongs to one thread at a time. It keeps connections open from one request to the next.
// Errors: kInvalid for a URL or field that is none, or an address that the guard closes; kTimeout; kFull where the
// answer is longer than allowed; kClosed where `stopping` said so; kUnavailable for all else between here and there. An
// answer of any status is no error. Messages name the address without its query.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "core/time.hpp"
#include "http/address_guard.hpp"
#include "http/message.hpp"

namespace millwright::http {

enum class Cookies : std::uint8_t { kIgnored, kKept };       // kept: in memory, as long as the Client lives
enum class LongAnswer : std::uint8_t { kRefused, kCutOff };  // what to do with more than answer_bytes_max

struct ClientOptions {
  core::DurationNs connect_timeout = 10 * core::kSecond;
  core::DurationNs timeout = 30 * core::kSecond;  // of a whole request
  std::size_t answer_bytes_max = 16 * 1024 * 1024;
  LongAnswer long_answer = LongAnswer::kRefused;
  Cookies cookies = Cookies::kIgnored;
  std::string ca_file;                // PEM; "": the system's
  std::string certificate_file;       // PEM, of this client; "": none
  std::string key_file;               // PEM, without a pass phrase
  std::optional<AddressGuard> guard;  // none: any address
};

// At most one of the two; all empty: nobody.
struct Credentials {
  std::string user;  // with its password: HTTP Basic
  std::string password;
  std::string bearer;
};

// libcurl sends a request again, on another connection, where one that was kept open ends without an answer; the server
// may have taken it. kOnce keeps it from that by a new connection for each request that has a body.
enum class Sends : std::uint8_t { kOnce, kMaybeAgain };

// Every member has a default, so that a request may name only what it needs.
struct ClientRequest {
  std::string method = "GET";
  std::string url{};
  HeaderFields fields{};
  std::optional<std::string_view> body{};  // outlives ask()
  Credentials credentials{};
  Sends sends = Sends::kOnce;
};

struct Answer {
  int status = 0;
  HeaderFields fields;  // names in lower case
  std::string body;

  [[nodiscard]] bool ok() const { return status >= 200 && status < 300; }
  // The first of that name (in lower case), or "".
  [[nodiscard]] std::string_view field(std::string_view name) const;
};

class Client {
 public:
  using Stopping = std::function<bool()>;

  explicit Client(ClientOptions options = {});
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  // `stopping` is asked several times a second; empty: never.
  core::Result<Answer> ask(const ClientRequest& request, const Stopping& stopping = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millwright::http
