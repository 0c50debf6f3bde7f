#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "core/assert.hpp"
#include "io/tls_stream.hpp"

namespace millwright::io {
namespace {

using core::DurationNs;
using core::unexpected;

class TlsListener final : public Listener {
 public:
  TlsListener(std::unique_ptr<Listener> below, TlsContext context, const TlsLimits& limits)
      : below_(std::move(below)),
        context_(std::move(context)),
        limits_(limits),
        handshakes_(std::make_shared<Handshakes>(limits.handshakes_max)) {}

  core::Result<std::unique_ptr<Stream>> accept(DurationNs timeout) override {
    auto stream = below_->accept(timeout);
    if (!stream) return stream;
    TlsStream::Ssl ssl(SSL_new(context_.get()));
    ASSERT(ssl != nullptr, "out of memory");
    SSL_set_accept_state(ssl.get());
    return std::unique_ptr<Stream>(
        std::make_unique<TlsStream>(std::move(*stream), std::move(ssl), limits_.handshake_max, handshakes_));
  }
  [[nodiscard]] std::uint16_t port() const override { return below_->port(); }

 private:
  const std::unique_ptr<Listener> below_;
  const TlsContext context_;
  const TlsLimits limits_;
  const std::shared_ptr<Handshakes> handshakes_;
};

bool is_address(const std::string& host) {
  in6_addr any{};
  return ::inet_pton(AF_INET, host.c_str(), &any) == 1 || ::inet_pton(AF_INET6, host.c_str(), &any) == 1;
}

// Whose certificate it has to be.
void expect_host(SSL* ssl, const std::string& host) {
  SSL_set_connect_state(ssl);
  if (is_address(host)) {
    ASSERT(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1, "it is an address");
    return;
  }
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const bool named =
      SSL_set1_host(ssl, host.c_str()) == 1 &&
      SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(host.c_str())) == 1;
  ASSERT(named, "a host that was resolved has a name");
}

}  // namespace

TlsNetwork::TlsNetwork(Network& below, TlsContext context, TlsLimits limits)
    : below_(below), context_(std::move(context)), limits_(limits) {}

core::Result<std::unique_ptr<Listener>> TlsNetwork::listen(const Address& address) {
  auto listener = below_.listen(address);
  if (!listener) return listener;
  return std::unique_ptr<Listener>(std::make_unique<TlsListener>(std::move(*listener), context_, limits_));
}

core::Result<std::unique_ptr<Stream>> TlsNetwork::connect(const Address& address, DurationNs timeout) {
  auto below = below_.connect(address, timeout);
  if (!below) return below;
  TlsStream::Ssl ssl(SSL_new(context_.get()));
  ASSERT(ssl != nullptr, "out of memory");
  expect_host(ssl.get(), address.host);
  auto stream = std::make_unique<TlsStream>(std::move(*below), std::move(ssl), limits_.handshake_max, nullptr);
  if (auto shaken = stream->handshake(timeout); !shaken) return unexpected(shaken.error());
  return std::unique_ptr<Stream>(std::move(stream));
}

}  // namespace millwright::io
