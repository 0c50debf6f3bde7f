#include "io/datagram_socket.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace millwright::io {
namespace {

constexpr int kBufferBytes = 4 << 20;  // bursts of publishers, while nobody reads

core::Unexpected failed(const Address& address, const std::string& what) {
  const int error = errno;
  const auto code = error == EADDRINUSE ? core::ErrorCode::kConflict : core::ErrorCode::kIo;
  return core::unexpected(code, to_string(address) + ": " + what + ": " + std::generic_category().message(error));
}

core::Result<in_addr> resolve(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); error != 0) {
    return core::unexpected(core::ErrorCode::kNotFound, "'" + host + "': " + ::gai_strerror(error));
  }
  sockaddr_in address{};
  std::memcpy(&address, found->ai_addr, sizeof(address));
  ::freeaddrinfo(found);
  return address.sin_addr;
}

}  // namespace

core::Result<DatagramSocket> DatagramSocket::open(const Address& address, const std::string& interface) {
  const auto host = resolve(address.host);
  if (!host) return core::unexpected(host.error());
  DatagramSocket socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), address.port);
  if (socket.fd_ < 0) return failed(address, "no socket");
  const int yes = 1;
  const bool is_group = IN_MULTICAST(ntohl(host->s_addr));
  if (is_group) ::setsockopt(socket.fd_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  ::setsockopt(socket.fd_, SOL_SOCKET, SO_RXQ_OVFL, &yes, sizeof(yes));
  ::setsockopt(socket.fd_, SOL_SOCKET, SO_RCVBUF, &kBufferBytes, sizeof(kBufferBytes));
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_port = htons(address.port);
  local.sin_addr = *host;
  socklen_t size = sizeof(local);
  if (::bind(socket.fd_, reinterpret_cast<const sockaddr*>(&local), size) != 0) return failed(address, "cannot listen");
  if (is_group) {
    ip_mreq group{};
    group.imr_multiaddr = *host;
    if (!interface.empty()) {
      const auto at = resolve(interface);
      if (!at) return core::unexpected(at.error());
      group.imr_interface = *at;
    }
    if (::setsockopt(socket.fd_, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)) != 0) {
      return failed(address, "cannot join the multicast group on '" + interface + "'");
    }
  }
  if (::getsockname(socket.fd_, reinterpret_cast<sockaddr*>(&local), &size) != 0) return failed(address, "no address");
  socket.port_ = ntohs(local.sin_port);
  return socket;
}

DatagramSocket::DatagramSocket(DatagramSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), port_(other.port_), overrun_(other.overrun_) {}

DatagramSocket& DatagramSocket::operator=(DatagramSocket&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(port_, other.port_);
  std::swap(overrun_, other.overrun_);
  return *this;
}

DatagramSocket::~DatagramSocket() {
  if (fd_ >= 0) ::close(fd_);
}

core::Result<std::size_t> DatagramSocket::receive(std::span<std::byte> into, core::DurationNs timeout) {
  pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
  const int ready = ::poll(&waiting, 1, static_cast<int>(timeout / core::kMillisecond));
  if (ready == 0) return core::unexpected(core::ErrorCode::kTimeout, "no datagram came");
  iovec bytes{.iov_base = into.data(), .iov_len = into.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(std::uint32_t))> control{};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t length = ::recvmsg(fd_, &message, 0);
  if (length < 0) {
    if (errno == EAGAIN || errno == EINTR) return core::unexpected(core::ErrorCode::kTimeout, "no datagram came");
    return core::unexpected(core::ErrorCode::kIo, "receiving: " + std::generic_category().message(errno));
  }
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SO_RXQ_OVFL) continue;
    std::uint32_t all = 0;  // since the socket was opened
    std::memcpy(&all, CMSG_DATA(part), sizeof(all));
    overrun_ = all;
  }
  return static_cast<std::size_t>(length);
}

}  // namespace millwright::io
