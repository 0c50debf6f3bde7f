// Between open62541 and the plant's certificates: security policies, and the check of a peer's certificate as its
// plug-in.
//
// Threads: as open62541 calls it, the client's or server's own. A PeerCheck outlives the client or server it is in.
// Errors: UA status codes, as open62541 asks; the reason in words is in last_problem().
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include <open62541/plugin/pki.h>
#include <open62541/plugin/securitypolicy.h>
#include <open62541/types.h>

#include "core/result.hpp"
#include "security/certificate_store.hpp"

namespace millwright::security {

// OPC 10000-7. What is older (Basic128Rsa15, Basic256) is withdrawn and not offered.
enum class Policy : std::size_t { kNone, kBasic256Sha256, kAes128Sha256RsaOaep, kAes256Sha256RsaPss };
// As they are written in the configuration, by Policy.
inline constexpr std::array<std::string_view, 4> kPolicyNames{"none", "basic256sha256", "aes128_sha256_rsaoaep",
                                                              "aes256_sha256_rsapss"};
std::string_view uri_of(Policy policy);

// Not to be cleared; points into `bytes`.
UA_ByteString borrow_bytes(std::string_view bytes);

// Makes a policy that signs and encrypts; kNone is not for here.
UA_StatusCode make_policy(Policy policy, const OwnCertificate& own, const UA_Logger* logger, UA_SecurityPolicy* out);

class PeerCheck {
 public:
  // `told` hears why a peer is turned away; of one that keeps asking, once.
  PeerCheck(CertificateStore& store, std::function<void(const std::string&)> told);
  PeerCheck(const PeerCheck&) = delete;
  PeerCheck& operator=(const PeerCheck&) = delete;

  // Replaces what `plugin` was.
  void put_into(UA_CertificateVerification& plugin);
  [[nodiscard]] const std::string& last_problem() const { return problem_; }

 private:
  static UA_StatusCode verify(const UA_CertificateVerification* plugin, const UA_ByteString* certificate);
  static UA_StatusCode verify_uri(const UA_CertificateVerification* plugin, const UA_ByteString* certificate,
                                  const UA_String* uri);
  static UA_StatusCode expiry(UA_DateTime* when, UA_ByteString* certificate);
  static UA_StatusCode subject(UA_String* subject, UA_ByteString* certificate);
  UA_StatusCode refuse(std::string why, UA_StatusCode code);

  CertificateStore& store_;
  std::function<void(const std::string&)> told_;
  std::string problem_;
};

}  // namespace millwright::security
