// What peers and files hand to the security module: certificates, chains, lists of revocations, users' files.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/assert.hpp"
#include "security/certificate.hpp"
#include "security/users.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millwright::security;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto info = describe(bytes);
  const auto leaf = leaf_of(bytes);
  ASSERT(info.has_value() == leaf.has_value(), "a certificate is described, or is none");
  if (info) ASSERT(info->subject.size() <= kTextLongest && info->thumbprint.size() == 40, "bounded for the log");
  static_cast<void>(to_der(bytes));
  static_cast<void>(key_to_der(bytes, bytes));
  const TrustLists lists{{std::string(bytes)}, {std::string(bytes)}, {std::string(bytes)}};
  static_cast<void>(verify(bytes, lists, 1'700'000'000'000'000'000));
  if (const auto users = parse_users(bytes, "users.txt")) ASSERT(users->size() <= kUsersMax, "as many as allowed");
  return 0;
}
