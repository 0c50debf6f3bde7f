#include "http/address_guard.hpp"

#include <algorithm>
#include <cstring>
#include <memory>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include "core/text.hpp"

namespace millwright::http {
namespace {

using core::ErrorCode;

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr int kMappedBits = 96;

bool in_network(const IpAddress& address, const IpAddress& network, int bits) {
  const auto whole = static_cast<std::size_t>(bits / 8);
  if (!std::equal(address.begin(), address.begin() + static_cast<std::ptrdiff_t>(whole), network.begin())) return false;
  const int rest = bits % 8;
  return rest == 0 || ((address[whole] ^ network[whole]) >> (8 - rest)) == 0;
}

struct Named {
  const char* address;
  int bits;  // of 128
};

bool in_any(const IpAddress& address, std::span<const Named> networks) {
  return std::any_of(networks.begin(), networks.end(),
                     [&](const Named& one) { return in_network(address, *parse_ip(one.address), one.bits); });
}

IpAddress mapped(const std::uint8_t* four) {
  IpAddress address{};
  std::copy(kMapped.begin(), kMapped.end(), address.begin());
  std::copy(four, four + 4, address.begin() + 12);
  return address;
}

}  // namespace

std::optional<IpAddress> ip_of(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof(v4));
    std::uint8_t four[4];
    std::memcpy(four, &v4.sin_addr, sizeof(four));
    return mapped(four);
  }
  if (address.sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address, sizeof(v6));
  IpAddress ip{};
  std::memcpy(ip.data(), &v6.sin6_addr, ip.size());
  return ip;
}

std::string to_text(const IpAddress& address) {
  char text[INET6_ADDRSTRLEN] = {};
  const bool v4 = std::equal(kMapped.begin(), kMapped.end(), address.begin());
  ::inet_ntop(v4 ? AF_INET : AF_INET6, address.data() + (v4 ? 12 : 0), text, sizeof(text));
  return text;
}

std::optional<IpAddress> parse_ip(std::string_view text) {
  const std::string owned(text);
  std::uint8_t bytes[16];
  if (::inet_pton(AF_INET, owned.c_str(), bytes) == 1) return mapped(bytes);
  if (::inet_pton(AF_INET6, owned.c_str(), bytes) != 1) return std::nullopt;
  IpAddress address{};
  std::copy(std::begin(bytes), std::end(bytes), address.begin());
  return address;
}

bool is_public(const IpAddress& address) {
  static constexpr Named kClosed4[] = {
      {"0.0.0.0", 96 + 8},        // this network
      {"10.0.0.0", 96 + 8},       // private
      {"100.64.0.0", 96 + 10},    // shared by providers
      {"127.0.0.0", 96 + 8},      // loopback
      {"169.254.0.0", 96 + 16},   // link-local; metadata of clouds
      {"172.16.0.0", 96 + 12},    // private
      {"192.0.0.0", 96 + 24},     // protocol assignments
      {"192.0.2.0", 96 + 24},     // documentation
      {"192.88.99.0", 96 + 24},   // relays of old
      {"192.168.0.0", 96 + 16},   // private
      {"198.18.0.0", 96 + 15},    // benchmarks
      {"198.51.100.0", 96 + 24},  // documentation
      {"203.0.113.0", 96 + 24},   // documentation
      {"224.0.0.0", 96 + 4},      // multicast
      {"240.0.0.0", 96 + 4},      // reserved, broadcast
  };
  static constexpr Named kClosed6[] = {
      {"2001::", 23},      // protocol assignments, tunnels
      {"2001:db8::", 32},  // documentation
      {"3fff::", 20},      // documentation
  };
  if (in_network(address, mapped(address.data()), kMappedBits)) return !in_any(address, kClosed4);
  static const IpAddress kTranslated = *parse_ip("64:ff9b::");
  static const IpAddress kSixToFour = *parse_ip("2002::");
  if (in_network(address, kTranslated, 96)) return is_public(mapped(address.data() + 12));
  if (in_network(address, kSixToFour, 16)) return is_public(mapped(address.data() + 2));
  static const IpAddress kGlobal = *parse_ip("2000::");
  return in_network(address, kGlobal, 3) && !in_any(address, kClosed6);
}

core::Result<AddressGuard> AddressGuard::parse(std::span<const std::string> allow) {
  AddressGuard guard;
  for (const std::string& entry : allow) {
    const auto slash = entry.find('/');
    const auto address = parse_ip(std::string_view(entry).substr(0, slash));
    if (!address && slash == std::string::npos && !entry.empty()) {
      guard.hosts_.push_back(core::lower(entry));
      continue;
    }
    Network network;
    if (address) network.address = *address;
    const bool v4 = address && std::equal(kMapped.begin(), kMapped.end(), address->begin());
    if (slash != std::string::npos) {
      const auto bits = core::parse_int(std::string_view(entry).substr(slash + 1));
      if (!address || !bits || *bits < 0 || *bits > (v4 ? 32 : 128)) {
        return core::unexpected(ErrorCode::kInvalid,
                                fmt::format("'{}' is no host, address or network like 10.1.0.0/16", entry));
      }
      network.bits = static_cast<int>(*bits) + (v4 ? kMappedBits : 0);
    } else if (!address) {
      return core::unexpected(ErrorCode::kInvalid, "an empty text is no host");
    }
    guard.networks_.push_back(network);
  }
  return guard;
}

bool AddressGuard::permits(std::string_view host, const IpAddress& address) const {
  if (is_public(address)) return true;
  if (std::find(hosts_.begin(), hosts_.end(), core::lower(host)) != hosts_.end()) return true;
  return std::any_of(networks_.begin(), networks_.end(),
                     [&](const Network& one) { return in_network(address, one.address, one.bits); });
}

core::Error AddressGuard::refusal(std::string_view host, const IpAddress& address) {
  return {ErrorCode::kInvalid,
          fmt::format("{} is at {}, which is not on the public Internet; name it under `allow` if that is meant", host,
                      to_text(address))};
}

core::Status check_host(const AddressGuard& guard, const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list); error != 0) {
    return core::unexpected(ErrorCode::kUnavailable, fmt::format("no address for {}: {}", host, ::gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(list, ::freeaddrinfo);
  std::optional<IpAddress> closed;
  for (const addrinfo* found = list; found != nullptr; found = found->ai_next) {
    const auto address = ip_of(*found->ai_addr);
    if (!address) continue;
    if (guard.permits(host, *address)) return {};
    closed = address;
  }
  if (closed) return core::unexpected(AddressGuard::refusal(host, *closed));
  return core::unexpected(ErrorCode::kUnavailable, fmt::format("no address for {}", host));
}

}  // namespace millwright::http
