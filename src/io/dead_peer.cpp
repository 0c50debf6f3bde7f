#include "io/dead_peer.hpp"

#include <algorithm>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace millwright::io {
namespace {

void set(int socket, int level, int option, int value) {
  static_cast<void>(::setsockopt(socket, level, option, &value, sizeof value));
}

}  // namespace

void notice_dead_peer(int socket, core::DurationNs after) {
  constexpr int kProbes = 3;
  const int seconds = std::max(2, static_cast<int>(after / core::kSecond));
  set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(socket, IPPROTO_TCP, TCP_KEEPIDLE, std::max(1, seconds - kProbes));
  set(socket, IPPROTO_TCP, TCP_KEEPINTVL, 1);
  set(socket, IPPROTO_TCP, TCP_KEEPCNT, kProbes);
  set(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(after / core::kMillisecond));
}

}  // namespace millwright::io
