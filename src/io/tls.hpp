// TLS over any stream: a TlsNetwork is a Network whose streams speak TLS over those of another, real or simulated, so
// that servers and clients of streams need not know. By OpenSSL, which stays inside. TLS 1.2 and newer, ciphers with
// forward secrecy and authentication alone, no renegotiation.
//
// Threads: as network.hpp says. A listener's handshake is made by whoever first reads or writes the stream, in slices
// of that call's timeout, so a peer that says nothing holds up no other; a client's is made by connect(). An end of the
// stream without TLS's farewell is an end like another: who needs to know where data end frames them.
// Errors: those of the stream below; kInvalid where the peer speaks no TLS or shows a certificate that will not do, and
// for files that cannot be used. A handshake that takes longer than `handshake_max` ends the connection (kClosed).
// Limits: `handshakes_max` of a listener at a time; one more ends the oldest, for honest peers are done in a moment.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "core/time.hpp"
#include "io/network.hpp"

struct ssl_ctx_st;

namespace millwright::io {

// A listener's files in PEM: the certificate with those between it and its authority, and its key without a passphrase.
struct TlsFiles {
  std::string certificate{};  // "": in the clear
  std::string key{};
  std::string client_ca{};  // whose certificates clients must show; "": they need none
  [[nodiscard]] bool given() const { return !certificate.empty(); }
  // Whether both sides know each other.
  [[nodiscard]] bool mutual() const { return given() && !client_ca.empty(); }
};

// A client's: whom it trusts, and what it shows.
struct TlsTrust {
  std::string ca{};  // "": the system's authorities
  std::string certificate{};
  std::string key{};
};

using TlsContext = std::shared_ptr<ssl_ctx_st>;
core::Result<TlsContext> tls_context(const TlsFiles& files);
core::Result<TlsContext> tls_context(const TlsTrust& trust);

struct TlsLimits {
  core::DurationNs handshake_max = 10 * core::kSecond;
  std::size_t handshakes_max = 64;
};

// Listens, or connects, as its context is for.
class TlsNetwork final : public Network {
 public:
  TlsNetwork(Network& below, TlsContext context, TlsLimits limits = {});

  core::Result<std::unique_ptr<Listener>> listen(const Address& address) override;
  // The certificate has to be for the address's host.
  core::Result<std::unique_ptr<Stream>> connect(const Address& address, core::DurationNs timeout) override;

 private:
  Network& below_;
  TlsContext context_;
  TlsLimits limits_;
};

}  // namespace millwright::io
