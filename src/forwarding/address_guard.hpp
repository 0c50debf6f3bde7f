// AddressGuard: which addresses a webhook may go to. The public Internet is open; this machine, private networks,
// link-local and metadata addresses are closed unless they are named: whoever can change a name's address, or a plant's
// file, must not reach what only this machine can reach.
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

namespace millwright::forwarding {

// IPv4 as ::ffff:a.b.c.d.
using IpAddress = std::array<std::uint8_t, 16>;
std::optional<IpAddress> parse_ip(std::string_view text);
// On the public Internet, also where IPv6 carries an IPv4 address.
bool is_public(const IpAddress& address);

class AddressGuard {
 public:
  // Entries are host names ("hooks.plant.local", in any case), addresses, or networks ("10.1.0.0/16").
  static core::Result<AddressGuard> parse(std::span<const std::string> allow);
  // Whether `host`, which has this address, may be asked.
  [[nodiscard]] bool permits(std::string_view host, const IpAddress& address) const;

 private:
  struct Network {
    IpAddress address{};
    int bits = 128;
  };
  std::vector<std::string> hosts_;
  std::vector<Network> networks_;
};

// The addresses of a host that the guard permits, as text, for one connection: asked once, so that the answer cannot
// change between the check and the connection. kInvalid where there are only others. May take seconds.
core::Result<std::vector<std::string>> resolve(const AddressGuard& guard, const std::string& host);

}  // namespace millwright::forwarding
