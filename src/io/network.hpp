// Network: the seam to stream sockets. Real TCP, or simulated inside the process (sim_network.hpp).
// Blocking calls with a deadline, one thread per connection: connections are few (edge nodes, devices) and fat.
//
// Threads: Network from any thread. A Stream may be read by one thread and written by another; shut_down() from any.
// Errors: kClosed (the peer ended it, or shut_down), kTimeout, kUnavailable (refused, unreachable), kConflict (port in
// use), kIo. The message names the address.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::io {

struct Address {
  std::string host;
  std::uint16_t port = 0;
};
std::string to_string(const Address& address);  // "127.0.0.1:4850"

class Stream {
 public:
  virtual ~Stream() = default;
  // At least one byte, or an error. kClosed at the end of the stream, kTimeout after `timeout`.
  virtual core::Result<std::size_t> read_some(std::span<std::byte> out, core::DurationNs timeout) = 0;
  virtual core::Status write_all(std::span<const std::byte> bytes, core::DurationNs timeout) = 0;
  // Ends both directions; a thread blocked in read or write returns kClosed.
  virtual void shut_down() = 0;
  [[nodiscard]] virtual std::string peer() const = 0;
};

class Listener {
 public:
  virtual ~Listener() = default;
  virtual core::Result<std::unique_ptr<Stream>> accept(core::DurationNs timeout) = 0;
  // The port it got; useful where 0 was asked for.
  [[nodiscard]] virtual std::uint16_t port() const = 0;
};

class Network {
 public:
  virtual ~Network() = default;
  virtual core::Result<std::unique_ptr<Listener>> listen(const Address& address) = 0;
  virtual core::Result<std::unique_ptr<Stream>> connect(const Address& address, core::DurationNs timeout) = 0;
};

class RealNetwork final : public Network {
 public:
  core::Result<std::unique_ptr<Listener>> listen(const Address& address) override;
  core::Result<std::unique_ptr<Stream>> connect(const Address& address, core::DurationNs timeout) override;
};

}  // namespace millwright::io
