// The certificates of one plant on disk, in the folders that OPC 10000-12 (F.1) names: the plant's own, whom it trusts,
// and whom it turned away until somebody says otherwise.
//
//   pki/own/certs/own.der            made when first needed; another, with its key, may be put in its place
//   pki/own/private/own.pem          its key, readable by the owner only
//   pki/trusted/certs, trusted/crl   applications and authorities that are trusted, and what authorities revoked
//   pki/issuers/certs, issuers/crl   authorities that only complete a chain
//   pki/rejected/certs               peers that asked and are not trusted: <thumbprint>.der
//
// The folders are read at every check, so that trusting somebody counts from the next attempt on, without a restart.
// Threads: any. Limits: kFilesMax certificates a folder, kFileLongest bytes each; rejected/ takes kRejectedMax.
// Errors: with the file's path.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/mutex.hpp"
#include "core/result.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"
#include "security/certificate.hpp"

namespace millwright::security {

struct OwnCertificate {
  std::string certificate;  // DER
  std::string key;          // DER
  CertificateInfo info;
};

enum class Folder { kTrusted, kIssuers, kRejected };
std::string_view to_string(Folder folder);  // "trusted", …

struct StoredCertificate {
  Folder folder = Folder::kTrusted;
  std::string file;
  CertificateInfo info;
};

class CertificateStore {
 public:
  static constexpr std::size_t kFilesMax = 1000;
  static constexpr std::size_t kFileLongest = 65'536;
  static constexpr std::size_t kRejectedMax = 100;

  // Touches nothing yet. `identity` is for a certificate that has to be made.
  CertificateStore(std::string directory, Identity identity, io::FileSystem& files, io::Clock& clock);

  core::Result<OwnCertificate> own();
  // Whether a peer with this chain may talk to us. Error: why not, and what to do. One that is not trusted is kept
  // under rejected/. kUnavailable, as trusting it mends it.
  core::Status check(std::string_view chain);
  // Moves what was rejected, named by at least eight digits of its thumbprint, to trusted/.
  core::Result<StoredCertificate> trust(std::string_view thumbprint);
  // The same with a certificate in a file.
  core::Result<StoredCertificate> trust_file(const std::string& file);
  [[nodiscard]] core::Result<std::vector<StoredCertificate>> list();

 private:
  [[nodiscard]] std::string folder(Folder folder) const;
  core::Result<OwnCertificate> make_own();
  core::Status check_own(const CertificateInfo& info) const;
  core::Result<std::vector<StoredCertificate>> list(Folder folder);
  core::Result<std::string> read(const std::string& file);
  std::vector<std::string> read_all(const std::string& directory);
  core::Status reject(std::string_view leaf, const CertificateInfo& info, const std::string& reason);
  core::Result<StoredCertificate> keep_as_trusted(const std::string& der);

  const std::string directory_;
  const Identity identity_;
  io::FileSystem& files_;
  io::Clock& clock_;
  core::Mutex mutex_;  // one change of the folders at a time
};

// Of the plant `name` on this machine, reached as `host`.
Identity identity_of(const std::string& name, const std::string& host);

}  // namespace millwright::security
