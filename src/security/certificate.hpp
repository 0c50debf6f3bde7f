// X.509 certificates as OPC UA applications use them (OPC 10000-6, 6.2.2): what one says, and a self-signed one of our
// own. libcrypto does the work and stays inside.
//
// Threads: values and pure functions. Shapes: DER, where nothing else is said.
// Errors: kInvalid for what is no certificate. Texts of a certificate are the peer's: they are cleaned for logs here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::security {

struct CertificateInfo {
  std::string thumbprint;       // SHA-1 of the DER, 40 lower-case hexadecimal digits, as OPC UA tools show it
  std::string subject;          // "CN=plc-7, O=Acme", cut at kTextLongest
  std::string application_uri;  // the first URI among the alternative names; "" where there is none
  core::TimeNs valid_from = 0;
  core::TimeNs valid_until = 0;
  int key_bits = 0;        // 0: not an RSA key
  bool weak_hash = false;  // signed with MD5 or SHA-1
};
inline constexpr std::size_t kTextLongest = 200;

// Of the first certificate in `der`; others may follow (a chain).
core::Result<CertificateInfo> describe(std::string_view der);
// The first certificate of a chain alone.
core::Result<std::string> leaf_of(std::string_view chain);
// The DER of a file that is DER or PEM.
core::Result<std::string> to_der(std::string_view file);
// The DER of a private RSA key in PEM or DER that `certificate` is for.
core::Result<std::string> key_to_der(std::string_view file, std::string_view certificate);

// Who an application is. The URI is unique in the world and is what peers compare with the one it says it has.
struct Identity {
  std::string name;                // "Millwright line-1"
  std::string application_uri;     // "urn:host:millwright:line-1"
  std::vector<std::string> hosts;  // names and IP addresses by which it is reached
};

struct NewCertificate {
  std::string certificate;  // DER
  std::string key;          // PEM, without a passphrase
};
// RSA, 2048 bits, SHA-256, self-signed, `years` from `now` on.
core::Result<NewCertificate> make_certificate(const Identity& identity, core::TimeNs now, int years);

// Checks a peer's chain against certificates of the plant (OPC 10000-4, 6.1.3).
struct TrustLists {
  std::vector<std::string> trusted;      // applications or authorities
  std::vector<std::string> issuers;      // complete a chain, but are not trusted by themselves
  std::vector<std::string> revocations;  // CRLs
};
enum class Trust { kTrusted, kUntrusted, kOutOfDate, kRevoked };
struct Verdict {
  Trust trust = Trust::kUntrusted;
  std::string reason;  // "self-signed certificate", …
};
// An authority without a list of revocations has revoked nothing.
Verdict verify(std::string_view chain, const TrustLists& lists, core::TimeNs now);

}  // namespace millwright::security
