#include <cstring>

#include <fmt/format.h>
#include <openssl/ssl.h>

#include "io/tls.hpp"
#include "io/tls_error.hpp"

namespace millwright::io {
namespace {

using core::ErrorCode;
using core::unexpected;

constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";  // of TLS 1.2; 1.3 has no others

core::Unexpected refused(const std::string& what, const std::string& file) {
  return unexpected(ErrorCode::kInvalid, fmt::format("TLS with {} {}: {}", what, file, take_tls_error()));
}

core::Result<TlsContext> fresh(const SSL_METHOD* method) {
  ERR_clear_error();
  TlsContext context(SSL_CTX_new(method), SSL_CTX_free);
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context.get(), kCiphers) != 1) {
    return unexpected(ErrorCode::kIo, "TLS: " + take_tls_error());
  }
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  // A key with a passphrase is refused; nobody is there to ask.
  SSL_CTX_set_default_passwd_cb(context.get(), [](char*, int, int, void*) { return -1; });
  return context;
}

core::Status use(SSL_CTX* context, const std::string& certificate, const std::string& key) {
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) return refused("certificate", certificate);
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) return refused("key", key);
  return {};
}

}  // namespace

core::Result<TlsContext> tls_context(const TlsFiles& files) {
  auto context = fresh(TLS_server_method());
  if (!context) return context;
  SSL_CTX* c = context->get();
  if (auto used = use(c, files.certificate, files.key); !used) return unexpected(used.error());
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  static constexpr unsigned char kSessions[] = "millwright";
  SSL_CTX_set_session_id_context(c, kSessions, sizeof kSessions - 1);  // else a client that resumes is refused
  if (files.client_ca.empty()) return context;
  if (SSL_CTX_load_verify_file(c, files.client_ca.c_str()) != 1) return refused("client_ca_file", files.client_ca);
  SSL_CTX_set_client_CA_list(c, SSL_load_client_CA_file(files.client_ca.c_str()));
  SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return context;
}

core::Result<TlsContext> tls_context(const TlsTrust& trust) {
  auto context = fresh(TLS_client_method());
  if (!context) return context;
  SSL_CTX* c = context->get();
  if (trust.ca.empty()) {
    SSL_CTX_set_default_verify_paths(c);
  } else if (SSL_CTX_load_verify_file(c, trust.ca.c_str()) != 1) {
    return refused("ca_file", trust.ca);
  }
  SSL_CTX_set_verify(c, SSL_VERIFY_PEER, nullptr);
  if (!trust.certificate.empty()) {
    if (auto used = use(c, trust.certificate, trust.key); !used) return unexpected(used.error());
  }
  return context;
}

}  // namespace millwright::io
