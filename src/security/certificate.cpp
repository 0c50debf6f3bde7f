#include "security/certificate.hpp"

#include <algorithm>
#include <ctime>
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include "security/x509.hpp"

namespace millwright::security {
namespace {

using core::ErrorCode;
using core::unexpected;
using namespace x509;  // NOLINT: this module's own

constexpr std::size_t kChainLongest = 10;
constexpr int kKeyBits = 2048;

// Takes the first certificate off `chain`; nothing where it does not begin with one.
Certificate take(std::string_view& chain) {
  const unsigned char* at = bytes_of(chain);
  Certificate certificate(d2i_X509(nullptr, &at, static_cast<long>(chain.size())));
  if (certificate) chain.remove_prefix(static_cast<std::size_t>(at - bytes_of(chain)));
  return certificate;
}

core::Unexpected no_certificate() {
  return unexpected(ErrorCode::kInvalid, "is no X.509 certificate");
}

// What a peer wrote goes into our log: one line of printable characters.
std::string clean(std::string_view text) {
  std::string out(text.substr(0, kTextLongest));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return out;
}

core::TimeNs to_ns(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  // 2200 and later do not fit; a certificate that is valid so long is valid long enough.
  return std::min<std::int64_t>(::timegm(&parts), 7'258'118'400) * core::kSecond;
}

std::string subject_of(const X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0, XN_FLAG_ONELINE) < 0) return {};
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return clean({data, static_cast<std::size_t>(size)});
}

std::string uri_of(const X509* certificate) {
  const Names names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
    return clean(
        {reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)), static_cast<std::size_t>(ASN1_STRING_length(uri))});
  }
  return {};
}

core::Result<std::string> encoded(const X509* certificate) {
  unsigned char* raw = nullptr;
  const int size = i2d_X509(certificate, &raw);
  const Text owned(raw);
  if (size <= 0) return no_certificate();
  return std::string(reinterpret_cast<const char*>(raw), static_cast<std::size_t>(size));
}

std::string alternative_names(const Identity& identity) {
  return "URI:" + identity.application_uri + (identity.hosts.empty() ? "" : ",") + names_of(identity.hosts);
}

// OPC 10000-6, table 43: what peers look for in an application's certificate.
bool fill(X509* certificate, EVP_PKEY* key, const Identity& identity, core::TimeNs now, int years) {
  return set_serial(certificate) && X509_set_version(certificate, 2) == 1 &&
         set_validity(certificate, now, 365 * years) && set_subject(certificate, identity.name) &&
         X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) == 1 &&
         X509_set_pubkey(certificate, key) == 1 &&
         add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:FALSE") &&
         add_extension(certificate, certificate, NID_subject_key_identifier, "hash") &&
         add_extension(certificate, certificate, NID_authority_key_identifier, "keyid:always") &&
         add_extension(certificate, certificate, NID_key_usage,
                       "critical,digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment,keyCertSign") &&
         add_extension(certificate, certificate, NID_ext_key_usage, "serverAuth,clientAuth") &&
         add_extension(certificate, certificate, NID_subject_alt_name, alternative_names(identity)) &&
         X509_sign(certificate, key, EVP_sha256()) > 0;
}

// An authority that publishes no list of revocations has revoked nothing.
int forgive_missing_list(int ok, X509_STORE_CTX* context) {
  return ok == 1 || X509_STORE_CTX_get_error(context) == X509_V_ERR_UNABLE_TO_GET_CRL ? 1 : 0;
}

bool add_revocations(X509_STORE* store, const std::vector<std::string>& lists) {
  bool any = false;
  for (const std::string& list : lists) {
    const unsigned char* at = bytes_of(list);
    const Crl crl(d2i_X509_CRL(nullptr, &at, static_cast<long>(list.size())));
    any |= crl && X509_STORE_add_crl(store, crl.get()) == 1;
  }
  return any;
}

Trust trust_of(int error) {
  switch (error) {
    case X509_V_OK:
      return Trust::kTrusted;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return Trust::kOutOfDate;
    case X509_V_ERR_CERT_REVOKED:
      return Trust::kRevoked;
    default:
      return Trust::kUntrusted;
  }
}

}  // namespace

core::Result<CertificateInfo> describe(std::string_view der) {
  std::string_view rest = der;
  const Certificate certificate = take(rest);
  if (!certificate) return no_certificate();
  const std::string_view leaf = der.substr(0, der.size() - rest.size());
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(bytes_of(leaf), leaf.size(), digest);
  CertificateInfo info;
  info.thumbprint = fmt::format("{:02x}", fmt::join(digest, ""));
  info.subject = subject_of(certificate.get());
  info.application_uri = uri_of(certificate.get());
  info.valid_from = to_ns(X509_get0_notBefore(certificate.get()));
  info.valid_until = to_ns(X509_get0_notAfter(certificate.get()));
  const EVP_PKEY* key = X509_get0_pubkey(certificate.get());
  if (key != nullptr && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) info.key_bits = EVP_PKEY_get_bits(key);
  int hash = NID_undef;
  X509_get_signature_info(certificate.get(), &hash, nullptr, nullptr, nullptr);
  info.weak_hash = hash == NID_md5 || hash == NID_sha1;
  return info;
}

core::Result<std::string> leaf_of(std::string_view chain) {
  const std::string_view whole = chain;
  if (!take(chain)) return no_certificate();
  return std::string(whole.substr(0, whole.size() - chain.size()));
}

core::Result<std::string> to_der(std::string_view file) {
  if (std::string_view rest = file; take(rest)) return std::string(file);
  const Bio bio(BIO_new_mem_buf(file.data(), static_cast<int>(file.size())));
  const Certificate certificate(bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr);
  if (!certificate) return no_certificate();
  return encoded(certificate.get());
}

core::Result<std::string> key_to_der(std::string_view file, std::string_view certificate) {
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  const auto* bytes = reinterpret_cast<const unsigned char*>(file.data());
  Key key(d2i_AutoPrivateKey(nullptr, &bytes, static_cast<long>(file.size())));
  if (!key) {
    const Bio bio(BIO_new_mem_buf(file.data(), static_cast<int>(file.size())));
    key.reset(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
  }
  if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) {
    return unexpected(ErrorCode::kInvalid, "holds no RSA key in PEM or DER without a passphrase");
  }
  const Certificate its = take(certificate);
  if (!its || X509_check_private_key(its.get(), key.get()) != 1) {
    return unexpected(ErrorCode::kInvalid, "is not the key of the certificate beside it");
  }
  unsigned char* raw = nullptr;
  const int size = i2d_PrivateKey(key.get(), &raw);
  const Text owned(raw);
  if (size <= 0) return unexpected(ErrorCode::kInvalid, "cannot be encoded");
  return std::string(reinterpret_cast<const char*>(raw), static_cast<std::size_t>(size));
}

core::Result<NewCertificate> make_certificate(const Identity& identity, core::TimeNs now, int years) {
  const auto failed =
      unexpected(ErrorCode::kInvalid, "making a certificate for '" + identity.application_uri + "' failed");
  const Key key(EVP_RSA_gen(kKeyBits));
  const Certificate certificate(X509_new());
  if (!key || !certificate || !fill(certificate.get(), key.get(), identity, now, years)) return failed;
  std::string pem = pem_of(key.get());
  auto der = encoded(certificate.get());
  if (!der || pem.empty()) return failed;
  return NewCertificate{std::move(*der), std::move(pem)};
}

// What is in the store is an anchor by itself, be it an application or an authority; issuers only fill the gap.
Verdict verify(std::string_view chain, const TrustLists& lists, core::TimeNs now) {
  const Certificate leaf = take(chain);
  if (!leaf) return {Trust::kUntrusted, "is no X.509 certificate"};
  const Store store(X509_STORE_new());
  const Stack others(sk_X509_new_null());
  const StoreContext context(X509_STORE_CTX_new());
  if (!store || !others || !context) return {Trust::kUntrusted, "out of memory"};
  for (std::string_view trusted : lists.trusted) {
    if (const Certificate anchor = take(trusted)) X509_STORE_add_cert(store.get(), anchor.get());
  }
  const auto push = [&](Certificate certificate) {
    if (certificate && sk_X509_push(others.get(), certificate.get()) > 0) static_cast<void>(certificate.release());
  };
  for (std::string_view issuer : lists.issuers) push(take(issuer));
  for (std::size_t i = 0; i < kChainLongest && !chain.empty(); ++i) {
    Certificate next = take(chain);
    if (!next) break;
    push(std::move(next));
  }
  unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;
  if (add_revocations(store.get(), lists.revocations)) flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
  if (X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), others.get()) != 1) {
    return {Trust::kUntrusted, "out of memory"};
  }
  X509_STORE_CTX_set_flags(context.get(), flags);
  X509_STORE_CTX_set_time(context.get(), 0, static_cast<std::time_t>(now / core::kSecond));
  X509_STORE_CTX_set_verify_cb(context.get(), forgive_missing_list);
  const bool good = X509_verify_cert(context.get()) == 1;
  const int error = good ? X509_V_OK : X509_STORE_CTX_get_error(context.get());
  const Trust trust = trust_of(error);
  return {good || trust != Trust::kTrusted ? trust : Trust::kUntrusted, X509_verify_cert_error_string(error)};
}

}  // namespace millwright::security
