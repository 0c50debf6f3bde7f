// OpenID Connect: bearer tokens that an identity provider signed, as principals. What a token says of its bearer is
// mapped by configuration: a claim names roles of the provider, which stand for roles of the plant, and a claim names
// places. Who has no role here, or no place, has no right.
//
// The keys come from a file or a URL and are read again every five minutes, and when a token names a key that is not
// known, at most every ten seconds. A token that was good is remembered until it ends.
//
// Threads: who() from any, without waiting for disk or network; refresh() from one, which waits for both.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "access/jwt.hpp"
#include "access/role.hpp"
#include "config/document.hpp"
#include "core/mutex.hpp"
#include "core/snapshot.hpp"
#include "io/clock.hpp"

namespace millwright::access {

struct OpenIdOptions {
  JwtRules rules;  // an empty issuer: none is configured
  std::string keys_file;
  std::string keys_url;
  std::string name_claim = "sub";
  std::string role_claim = "roles";   // "realm_access.roles": inside another
  std::map<std::string, Role> roles;  // of the provider; the highest that a token names counts
  std::string places_claim;           // ""; then `places` is everybody's
  Scope places;
};
// Reads `access.oidc`: issuer, audience, algorithms, leeway, jwks_file or jwks_url, name_claim, role_claim, roles,
// sites_claim, sites. Nothing where the section is absent.
OpenIdOptions read_open_id_options(config::Section section, const std::string& directory);

// Gets what is at a URL.
using Fetch = std::function<core::Result<std::string>(const std::string& url)>;

class OpenId {
 public:
  static constexpr std::size_t kRememberedMax = 10'000;

  OpenId(OpenIdOptions options, Fetch fetch, const io::Clock& clock);
  // The bearer; else why not.
  core::Result<std::shared_ptr<const Principal>> who(std::string_view token, const Digest& digest);
  // Whether what was shown with this digest still counts.
  [[nodiscard]] std::shared_ptr<const Principal> remembered(const Digest& digest) const;
  // Reads the keys anew where it is time to. On an error the old ones stay.
  core::Status refresh();

 private:
  [[nodiscard]] core::Result<KeySet> read_keys() const;
  [[nodiscard]] core::Result<std::shared_ptr<const Principal>> principal_of(const nlohmann::json& claims) const;

  const OpenIdOptions options_;
  const Fetch fetch_;
  const io::Clock& clock_;
  core::Snapshot<KeySet> keys_;
  std::atomic<bool> unknown_key_{true};
  core::TimeNs read_at_ = INT64_MIN / 2;
  mutable core::Mutex mutex_;
  std::unordered_map<Digest, std::shared_ptr<const Principal>, DigestHash> remembered_ GUARDED_BY(mutex_);
};

}  // namespace millwright::access
