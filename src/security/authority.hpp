// A plant's own certificate authority, and the certificates of servers that it signs, so that TLS needs nobody outside.
// ECDSA on P-256, in PEM.
//
// Threads: free functions, any. Errors: kInvalid with what is wrong.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::security {

struct PemPair {
  std::string certificate;
  std::string key;  // without a passphrase
};

inline constexpr int kAuthorityDays = 10 * 365;
// As long as browsers accept.
inline constexpr int kServerDays = 397;

core::Result<PemPair> make_authority(const std::string& name, core::TimeNs now, int days = kAuthorityDays);
// For a server that is reached by these names and addresses.
core::Result<PemPair> issue(const PemPair& authority, const std::vector<std::string>& hosts, core::TimeNs now,
                            int days = kServerDays);

struct PemInfo {
  std::string subject;
  std::string issuer;
  std::string names;        // "DNS:plant.local, IP Address:10.0.0.5"
  std::string fingerprint;  // SHA-256, "3f:9a:…"
  core::TimeNs valid_from = 0;
  core::TimeNs valid_until = 0;
  bool authority = false;
};
core::Result<PemInfo> describe_pem(std::string_view pem);

}  // namespace millwright::security
