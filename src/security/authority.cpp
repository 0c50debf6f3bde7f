#include "security/authority.hpp"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/ec.h>
#include <openssl/sha.h>

#include "security/x509.hpp"

namespace millwright::security {
namespace {

using core::ErrorCode;
using core::unexpected;
using namespace x509;  // NOLINT: this module's own

constexpr std::size_t kHostsMax = 100;

bool is_host(const std::string& host) {
  return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == ':' || c == '*';
  });
}

Certificate certificate_of(std::string_view pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return Certificate(bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr);
}

Key key_of(std::string_view pem) {
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return Key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
}

core::TimeNs to_ns(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return std::min<std::int64_t>(::timegm(&parts), 7'258'118'400) * core::kSecond;
}

std::string name_text(const X509_NAME* name) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_ONELINE) < 0) return {};
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string alternative_names(const X509* certificate) {
  const int at = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1);
  const Bio bio(BIO_new(BIO_s_mem()));
  if (at < 0 || !bio || X509V3_EXT_print(bio.get(), X509_get_ext(certificate, at), 0, 0) != 1) return {};
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

core::Result<PemPair> to_pem(X509* certificate, EVP_PKEY* key) {
  PemPair pair{pem_of(certificate), pem_of(key)};
  if (pair.certificate.empty() || pair.key.empty()) return unexpected(ErrorCode::kIo, "out of memory");
  return pair;
}

}  // namespace

core::Result<PemPair> make_authority(const std::string& name, core::TimeNs now, int days) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate made(X509_new());
  X509* c = made.get();
  const bool good =
      key && made && set_serial(c) && X509_set_version(c, 2) == 1 && set_validity(c, now, days) &&
      set_subject(c, name) && X509_set_issuer_name(c, X509_get_subject_name(c)) == 1 &&
      X509_set_pubkey(c, key.get()) == 1 && add_extension(c, c, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
      add_extension(c, c, NID_key_usage, "critical,keyCertSign,cRLSign") &&
      add_extension(c, c, NID_subject_key_identifier, "hash") &&
      add_extension(c, c, NID_authority_key_identifier, "keyid:always") && X509_sign(c, key.get(), EVP_sha256()) > 0;
  if (!good) return unexpected(ErrorCode::kInvalid, fmt::format("making the authority '{}' failed", name));
  return to_pem(c, key.get());
}

core::Result<PemPair> issue(const PemPair& authority, const std::vector<std::string>& hosts, core::TimeNs now,
                            int days) {
  if (hosts.empty() || hosts.size() > kHostsMax) {
    return unexpected(ErrorCode::kInvalid, fmt::format("a certificate is for 1 to {} names or addresses", kHostsMax));
  }
  if (const auto bad = std::find_if_not(hosts.begin(), hosts.end(), is_host); bad != hosts.end()) {
    return unexpected(ErrorCode::kInvalid, fmt::format("'{}' is no name of a host and no address", *bad));
  }
  const Certificate issuer = certificate_of(authority.certificate);
  const Key issuer_key = key_of(authority.key);
  if (!issuer || !issuer_key || X509_check_private_key(issuer.get(), issuer_key.get()) != 1 ||
      X509_check_ca(issuer.get()) == 0) {
    return unexpected(ErrorCode::kInvalid, "the authority's certificate and key do not belong together, or are none");
  }
  if (to_ns(X509_get0_notAfter(issuer.get())) < now) {
    return unexpected(ErrorCode::kInvalid, "the authority's certificate has expired; make a new one");
  }
  const Key key(EVP_EC_gen("P-256"));
  const Certificate made(X509_new());
  X509* c = made.get();
  X509* by = issuer.get();
  const bool good =
      key && made && set_serial(c) && X509_set_version(c, 2) == 1 && set_validity(c, now, days) &&
      set_subject(c, hosts.front()) && X509_set_issuer_name(c, X509_get_subject_name(by)) == 1 &&
      X509_set_pubkey(c, key.get()) == 1 && add_extension(c, by, NID_basic_constraints, "critical,CA:FALSE") &&
      add_extension(c, by, NID_key_usage, "critical,digitalSignature") &&
      add_extension(c, by, NID_ext_key_usage, "serverAuth,clientAuth") &&
      add_extension(c, by, NID_subject_key_identifier, "hash") &&
      add_extension(c, by, NID_authority_key_identifier, "keyid:always") &&
      add_extension(c, by, NID_subject_alt_name, names_of(hosts)) && X509_sign(c, issuer_key.get(), EVP_sha256()) > 0;
  if (!good) return unexpected(ErrorCode::kInvalid, fmt::format("making a certificate for {} failed", hosts.front()));
  return to_pem(c, key.get());
}

core::Result<PemInfo> describe_pem(std::string_view pem) {
  const Certificate certificate = certificate_of(pem);
  if (!certificate) return unexpected(ErrorCode::kInvalid, "is no certificate in PEM");
  unsigned char digest[SHA256_DIGEST_LENGTH];
  unsigned int size = 0;
  X509_digest(certificate.get(), EVP_sha256(), digest, &size);
  return PemInfo{.subject = name_text(X509_get_subject_name(certificate.get())),
                 .issuer = name_text(X509_get_issuer_name(certificate.get())),
                 .names = alternative_names(certificate.get()),
                 .fingerprint = fmt::format("{:02x}", fmt::join(digest, ":")),
                 .valid_from = to_ns(X509_get0_notBefore(certificate.get())),
                 .valid_until = to_ns(X509_get0_notAfter(certificate.get())),
                 .authority = X509_check_ca(certificate.get()) != 0};
}

}  // namespace millwright::security
