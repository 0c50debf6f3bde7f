// AddressGuard: which addresses may be asked for a URL that a plant's file names (web hooks, ERPs). The public Internet
// is open; this machine, private networks, link-local and metadata addresses are closed unless they are named: whoever
// can change a name's address, or a plant's file, must not reach what only this machine can reach.
//
// Threads: values. Source: IANA's special-purpose address registries (RFC 6890 and its updates).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

struct sockaddr;

namespace millwright::http {

// IPv4 as ::ffff:a.b.c.d.
using IpAddress = std::array<std::uint8_t, 16>;
std::optional<IpAddress> parse_ip(std::string_view text);
std::optional<IpAddress> ip_of(const sockaddr& address);  // none: neither IPv4 nor IPv6
std::string to_text(const IpAddress& address);
// On the public Internet, also where IPv6 carries an IPv4 address.
bool is_public(const IpAddress& address);

class AddressGuard {
 public:
  // Entries are host names ("hooks.plant.local", in any case), addresses, or networks ("10.1.0.0/16").
  static core::Result<AddressGuard> parse(std::span<const std::string> allow);
  // Whether `host`, which has this address, may be asked.
  [[nodiscard]] bool permits(std::string_view host, const IpAddress& address) const;
  // What to say where it may not.
  static core::Error refusal(std::string_view host, const IpAddress& address);

 private:
  struct Network {
    IpAddress address{};
    int bits = 128;
  };
  std::vector<std::string> hosts_;
  std::vector<Network> networks_;
};

// Whether the host has an address that may be asked: kInvalid where it has others only. A name's address may change, so
// the client checks again what it connects to. May take seconds.
core::Status check_host(const AddressGuard& guard, const std::string& host);

}  // namespace millwright::http
