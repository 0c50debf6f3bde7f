#include "io/datagram_socket.hpp"

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace millwright::io {
namespace {

void send(const char* host, std::uint16_t port, const char* text) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  const in_addr loopback{htonl(INADDR_LOOPBACK)};
  ::setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &loopback, sizeof(loopback));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  ::inet_pton(AF_INET, host, &to.sin_addr);
  EXPECT_GT(::sendto(fd, text, std::strlen(text), 0, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
  ::close(fd);
}

TEST(DatagramSocket, TakesWhatIsSentToIt) {
  auto socket = DatagramSocket::open({"127.0.0.1", 0});
  ASSERT_TRUE(socket);
  std::array<std::byte, 16> bytes{};
  EXPECT_EQ(socket->receive(bytes, core::kMillisecond).error().code, core::ErrorCode::kTimeout);
  send("127.0.0.1", socket->port(), "abc");
  const auto length = socket->receive(bytes, core::kSecond);
  ASSERT_TRUE(length);
  EXPECT_EQ(*length, 3U);
  EXPECT_EQ(bytes[2], std::byte{'c'});
}

TEST(DatagramSocket, TwoMayListenToOneGroup) {
  auto one = DatagramSocket::open({"239.255.77.1", 0}, "127.0.0.1");
  ASSERT_TRUE(one) << one.error().message;
  auto other = DatagramSocket::open({"239.255.77.1", one->port()}, "127.0.0.1");
  ASSERT_TRUE(other) << other.error().message;
  send("239.255.77.1", one->port(), "abc");
  std::array<std::byte, 16> bytes{};
  EXPECT_TRUE(one->receive(bytes, core::kSecond));
  EXPECT_TRUE(other->receive(bytes, core::kSecond));
}

TEST(DatagramSocket, SaysWhyItCannotListen) {
  auto socket = DatagramSocket::open({"127.0.0.1", 0});
  EXPECT_EQ(DatagramSocket::open({"127.0.0.1", socket->port()}).error().code, core::ErrorCode::kConflict);
  EXPECT_FALSE(DatagramSocket::open({"192.0.2.1", 0}));
  EXPECT_FALSE(DatagramSocket::open({"239.255.77.1", 0}, "192.0.2.1"));
}

TEST(DatagramSocket, CountsWhatItHadNoRoomFor) {
  auto socket = DatagramSocket::open({"127.0.0.1", 0});
  const std::string large(60'000, 'x');
  for (int i = 0; i < 400; ++i) send("127.0.0.1", socket->port(), large.c_str());
  std::vector<std::byte> bytes(kDatagramBytesMax);
  while (socket->receive(bytes, core::kMillisecond)) {
  }
  send("127.0.0.1", socket->port(), "abc");
  ASSERT_TRUE(socket->receive(bytes, core::kSecond));
  EXPECT_GT(socket->overrun(), 0U);
}

}  // namespace
}  // namespace millwright::io
