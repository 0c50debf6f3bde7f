#include "io/network.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/dead_peer.hpp"

namespace millwright::io {
namespace {

// Who connected and is gone without a word: longer than what a peer that connects itself needs, for a busy one may not
// read for a while.
constexpr core::DurationNs kAcceptedDeadAfter = 30 * core::kSecond;

using core::DurationNs;
using core::ErrorCode;
using core::unexpected;
using std::chrono::steady_clock;

std::string reason(int error) {
  return std::generic_category().message(error);
}

class Deadline {
 public:
  explicit Deadline(DurationNs timeout) : at_(steady_clock::now() + std::chrono::nanoseconds(timeout)) {}
  // For poll(): rounded up, so that it never spins on the last fraction.
  [[nodiscard]] int left_ms() const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(at_ - steady_clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000'000));
  }

 private:
  steady_clock::time_point at_;
};

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int fd() const { return fd_; }

  core::Status wait(short events, const Deadline& deadline, const std::string& what) const {
    for (;;) {
      pollfd entry{fd_, events, 0};
      const int n = ::poll(&entry, 1, deadline.left_ms());
      if (n > 0) return {};
      if (n == 0) return unexpected(ErrorCode::kTimeout, what + ": timed out");
      if (errno != EINTR) return unexpected(ErrorCode::kIo, what + ": " + reason(errno));
    }
  }

 private:
  int fd_;
};

class RealStream final : public Stream {
 public:
  RealStream(Socket socket, std::string peer) : socket_(std::move(socket)), peer_(std::move(peer)) {
    const int on = 1;
    ::setsockopt(socket_.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }

  core::Result<std::size_t> read_some(std::span<std::byte> out, DurationNs timeout) override {
    const Deadline deadline(timeout);
    for (;;) {
      const ssize_t n = ::recv(socket_.fd(), out.data(), out.size(), MSG_DONTWAIT);
      if (n > 0) return static_cast<std::size_t>(n);
      if (n == 0) return unexpected(ErrorCode::kClosed, peer_ + " closed the connection");
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return failed("reading from");
      if (auto ready = socket_.wait(POLLIN, deadline, "reading from " + peer_); !ready)
        return unexpected(ready.error());
    }
  }

  core::Status write_all(std::span<const std::byte> bytes, DurationNs timeout) override {
    const Deadline deadline(timeout);
    while (!bytes.empty()) {
      const ssize_t n = ::send(socket_.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n >= 0) {
        bytes = bytes.subspan(static_cast<std::size_t>(n));
        continue;
      }
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return failed("writing to");
      if (auto ready = socket_.wait(POLLOUT, deadline, "writing to " + peer_); !ready) return ready;
    }
    return {};
  }

  void shut_down() override { ::shutdown(socket_.fd(), SHUT_RDWR); }
  [[nodiscard]] std::string peer() const override { return peer_; }

 private:
  [[nodiscard]] core::Unexpected failed(std::string_view what) const {
    const bool gone = errno == ECONNRESET || errno == EPIPE || errno == ENOTCONN;
    return unexpected(gone ? ErrorCode::kClosed : ErrorCode::kIo, fmt::format("{} {}: {}", what, peer_, reason(errno)));
  }
  Socket socket_;
  std::string peer_;
};

// The address as the socket calls want it. Names are resolved; IPv4 and IPv6.
struct Resolved {
  sockaddr_storage storage{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

core::Result<Resolved> resolve(const Address& address, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &list);
  if (error != 0) {
    return unexpected(ErrorCode::kUnavailable,
                      fmt::format("cannot resolve {}: {}", address.host, ::gai_strerror(error)));
  }
  Resolved resolved;
  resolved.size = list->ai_addrlen;
  std::memcpy(&resolved.storage, list->ai_addr, list->ai_addrlen);
  ::freeaddrinfo(list);
  return resolved;
}

std::string name_of(const sockaddr_storage& storage) {
  char host[INET6_ADDRSTRLEN] = {};
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    ::inet_ntop(AF_INET, &v4.sin_addr, host, sizeof(host));
    return fmt::format("{}:{}", host, ntohs(v4.sin_port));
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  ::inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof(host));
  return fmt::format("[{}]:{}", host, ntohs(v6.sin6_port));
}

class RealListener final : public Listener {
 public:
  RealListener(Socket socket, std::uint16_t port) : socket_(std::move(socket)), port_(port) {}

  core::Result<std::unique_ptr<Stream>> accept(DurationNs timeout) override {
    const Deadline deadline(timeout);
    for (;;) {
      sockaddr_storage from{};
      socklen_t size = sizeof(from);
      const int fd = ::accept4(socket_.fd(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd >= 0) {
        notice_dead_peer(fd, kAcceptedDeadAfter);
        return std::unique_ptr<Stream>(std::make_unique<RealStream>(Socket(fd), name_of(from)));
      }
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return unexpected(ErrorCode::kIo, "accept: " + reason(errno));
      if (auto ready = socket_.wait(POLLIN, deadline, "accept"); !ready) return unexpected(ready.error());
    }
  }
  [[nodiscard]] std::uint16_t port() const override { return port_; }

 private:
  Socket socket_;
  std::uint16_t port_;
};

}  // namespace

std::string to_string(const Address& address) {
  return fmt::format("{}:{}", address.host, address.port);
}

core::Result<std::unique_ptr<Listener>> RealNetwork::listen(const Address& address) {
  const auto resolved = resolve(address, AI_PASSIVE);
  if (!resolved) return unexpected(resolved.error());
  Socket socket(::socket(resolved->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (::bind(socket.fd(), resolved->get(), resolved->size) != 0 || ::listen(socket.fd(), 128) != 0) {
    const bool taken = errno == EADDRINUSE;
    return unexpected(taken ? ErrorCode::kConflict : ErrorCode::kIo,
                      fmt::format("cannot listen on {}: {}{}", to_string(address), reason(errno),
                                  taken ? "; stop what uses the port, or configure another" : ""));
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  ::getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&bound), &size);
  const std::uint16_t port = bound.ss_family == AF_INET ? ntohs(reinterpret_cast<sockaddr_in&>(bound).sin_port)
                                                        : ntohs(reinterpret_cast<sockaddr_in6&>(bound).sin6_port);
  return std::unique_ptr<Listener>(std::make_unique<RealListener>(std::move(socket), port));
}

core::Result<std::unique_ptr<Stream>> RealNetwork::connect(const Address& address, DurationNs timeout) {
  const auto resolved = resolve(address, 0);
  if (!resolved) return unexpected(resolved.error());
  Socket socket(::socket(resolved->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const std::string what = "connecting to " + to_string(address);
  if (::connect(socket.fd(), resolved->get(), resolved->size) != 0) {
    if (errno != EINPROGRESS) return unexpected(ErrorCode::kUnavailable, what + ": " + reason(errno));
    if (auto ready = socket.wait(POLLOUT, Deadline(timeout), what); !ready) return unexpected(ready.error());
    int error = 0;
    socklen_t size = sizeof(error);
    ::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return unexpected(ErrorCode::kUnavailable, what + ": " + reason(error));
  }
  return std::unique_ptr<Stream>(std::make_unique<RealStream>(std::move(socket), to_string(address)));
}

}  // namespace millwright::io
