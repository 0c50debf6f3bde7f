// What making and reading certificates shares: OpenSSL's things with an owner, and the parts of a certificate. For this
// module's own sources.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "core/time.hpp"

namespace millwright::security::x509 {

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};
struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }
};
struct FreeText {
  void operator()(unsigned char* text) const { OPENSSL_free(text); }
};
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, Free<BIO_free>>;
using Store = std::unique_ptr<X509_STORE, Free<X509_STORE_free>>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, Free<X509_STORE_CTX_free>>;
using Crl = std::unique_ptr<X509_CRL, Free<X509_CRL_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Free<GENERAL_NAMES_free>>;
using Stack = std::unique_ptr<STACK_OF(X509), FreeStack>;
using Text = std::unique_ptr<unsigned char, FreeText>;

inline const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// Each gives false where OpenSSL refuses.
bool set_serial(X509* certificate);  // random
bool set_subject(X509* certificate, const std::string& name);
bool set_validity(X509* certificate, core::TimeNs now,
                  int days);  // from a day before, as clocks on a shop floor differ
bool add_extension(X509* certificate, X509* issuer, int id, const std::string& value);

// "DNS:plant.local,IP:10.0.0.5"
std::string names_of(const std::vector<std::string>& hosts);
std::string pem_of(X509* certificate);  // "": failed
std::string pem_of(EVP_PKEY* key);      // without a passphrase

}  // namespace millwright::security::x509
