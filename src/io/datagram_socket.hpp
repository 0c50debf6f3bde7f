// DatagramSocket: UDP datagrams in, unicast or of a multicast group. What the operating system had no room for is
// counted.
//
// Threads: one at a time. Limits: kDatagramBytesMax a datagram.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "core/result.hpp"
#include "core/time.hpp"
#include "io/network.hpp"

namespace millwright::io {

inline constexpr std::size_t kDatagramBytesMax = 65'535;

class DatagramSocket {
 public:
  // `address` is where datagrams come to: one of this machine's, or a multicast group, which is then joined on the
  // interface that has the address `interface` ("": the operating system's choice). Port 0: any free one.
  // Several sockets may listen to one group.
  static core::Result<DatagramSocket> open(const Address& address, const std::string& interface = {});
  DatagramSocket(DatagramSocket&& other) noexcept;
  DatagramSocket& operator=(DatagramSocket&& other) noexcept;
  ~DatagramSocket();

  // One datagram; gives its length. kTimeout where none came.
  core::Result<std::size_t> receive(std::span<std::byte> into, core::DurationNs timeout);
  [[nodiscard]] std::uint16_t port() const { return port_; }
  // Datagrams that came and were thrown away because nobody took them in time.
  [[nodiscard]] std::uint64_t overrun() const { return overrun_; }

 private:
  DatagramSocket(int fd, std::uint16_t port) : fd_(fd), port_(port) {}
  int fd_;
  std::uint16_t port_;
  std::uint64_t overrun_ = 0;
};

}  // namespace millwright::io
