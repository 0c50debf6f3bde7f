#include "security/certificate_store.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "core/text.hpp"

namespace millwright::security {
namespace {

using core::ErrorCode;
using core::unexpected;

constexpr int kYears = 10;
constexpr int kKeyBitsMin = 2048;  // OPC 10000-7, of all policies that are not withdrawn
constexpr std::size_t kPrefixMin = 8;

}  // namespace

std::string_view to_string(Folder folder) {
  switch (folder) {
    case Folder::kTrusted:
      return "trusted";
    case Folder::kIssuers:
      return "issuers";
    case Folder::kRejected:
      return "rejected";
  }
  return "rejected";
}

Identity identity_of(const std::string& name, const std::string& host) {
  char buffer[256] = "localhost";
  static_cast<void>(::gethostname(buffer, sizeof buffer - 1));
  const std::string machine = core::lower(buffer);
  Identity identity{.name = "Millwright " + name,
                    .application_uri = fmt::format("urn:{}:millwright:{}", machine, name),
                    .hosts = {machine, "localhost", "127.0.0.1"}};
  const bool wildcard = host.empty() || host == "0.0.0.0" || host == "::";
  if (!wildcard && std::find(identity.hosts.begin(), identity.hosts.end(), host) == identity.hosts.end()) {
    identity.hosts.push_back(host);
  }
  return identity;
}

CertificateStore::CertificateStore(std::string directory, Identity identity, io::FileSystem& files, io::Clock& clock)
    : directory_(std::move(directory)), identity_(std::move(identity)), files_(files), clock_(clock) {}

std::string CertificateStore::folder(Folder folder) const {
  return fmt::format("{}/{}/certs", directory_, to_string(folder));
}

core::Result<std::string> CertificateStore::read(const std::string& file) {
  const auto bytes = io::read_file(files_, file);
  if (!bytes) return unexpected(bytes.error());
  if (bytes->size() > kFileLongest) return unexpected(ErrorCode::kInvalid, file + " is too large for a certificate");
  return std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
}

core::Result<OwnCertificate> CertificateStore::own() {
  core::MutexLock lock(mutex_);
  const std::string file = directory_ + "/own/certs/own.der";
  const std::string key_file = directory_ + "/own/private/own.pem";
  if (!files_.exists(file) && !files_.exists(key_file)) {
    if (auto made = make_own(); !made) return made;
  }
  const auto certificate_file = read(file);
  if (!certificate_file) return unexpected(certificate_file.error());
  const auto pem = read(key_file);
  if (!pem) return unexpected(pem.error());
  auto certificate = to_der(*certificate_file);
  if (!certificate) return unexpected(ErrorCode::kInvalid, file + " " + certificate.error().message);
  auto key = key_to_der(*pem, *certificate);
  if (!key) return unexpected(ErrorCode::kInvalid, key_file + " " + key.error().message);
  auto info = describe(*certificate);
  if (!info) return unexpected(ErrorCode::kInvalid, file + " " + info.error().message);
  if (auto usable = check_own(*info); !usable) return unexpected(usable.error().within(file));
  return OwnCertificate{std::move(*certificate), std::move(*key), std::move(*info)};
}

core::Status CertificateStore::check_own(const CertificateInfo& info) const {
  if (clock_.now() > info.valid_until) {
    return unexpected(ErrorCode::kInvalid, fmt::format("valid until {} only: move it and its key away and a new one is "
                                                       "made, or put another in their place",
                                                       core::format_time(info.valid_until)));
  }
  if (info.application_uri.empty()) {
    return unexpected(ErrorCode::kInvalid, "has no URI among its alternative names, which OPC UA asks for");
  }
  return {};
}

// The key first: a crash in between leaves a key without certificate, which is told.
core::Result<OwnCertificate> CertificateStore::make_own() {
  const auto made = make_certificate(identity_, clock_.now(), kYears);
  if (!made) return unexpected(made.error());
  const std::string certs = directory_ + "/own/certs";
  const std::string keys = directory_ + "/own/private";
  for (const std::string& each : {certs, keys}) {
    if (auto there = files_.make_directories(each); !there) return unexpected(there.error());
  }
  std::error_code refused;
  std::filesystem::permissions(keys, std::filesystem::perms::owner_all, refused);
  if (refused) return unexpected(ErrorCode::kIo, fmt::format("{}: {}", keys, refused.message()));
  if (auto kept = io::write_file_atomically(files_, keys + "/own.pem", made->key); !kept) {
    return unexpected(kept.error());
  }
  std::filesystem::permissions(keys + "/own.pem",
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, refused);
  if (auto kept = io::write_file_atomically(files_, certs + "/own.der", made->certificate); !kept) {
    return unexpected(kept.error());
  }
  return OwnCertificate{};
}

std::vector<std::string> CertificateStore::read_all(const std::string& directory) {
  std::vector<std::string> all;
  const auto names = files_.list(directory);
  if (!names) return all;
  for (std::size_t i = 0; i < std::min(names->size(), kFilesMax); ++i) {
    auto content = read(directory + "/" + (*names)[i]);
    if (!content) continue;
    auto der = to_der(*content);
    all.push_back(der ? std::move(*der) : std::move(*content));  // a CRL is no certificate
  }
  return all;
}

core::Status CertificateStore::check(std::string_view chain) {
  const auto info = describe(chain);
  if (!info) return unexpected(info.error().within("the peer's certificate"));
  const std::string who = fmt::format("the certificate {} of '{}'", info->thumbprint, info->subject);
  if (info->key_bits < kKeyBitsMin || info->weak_hash) {
    return unexpected(
        ErrorCode::kInvalid,
        fmt::format("{} is too weak: it takes an RSA key of at least {} bits, signed with SHA-256", who, kKeyBitsMin));
  }
  TrustLists lists;
  lists.trusted = read_all(folder(Folder::kTrusted));
  lists.issuers = read_all(folder(Folder::kIssuers));
  lists.revocations = read_all(directory_ + "/trusted/crl");
  for (std::string& each : read_all(directory_ + "/issuers/crl")) lists.revocations.push_back(std::move(each));
  const Verdict verdict = verify(chain, lists, clock_.now());
  switch (verdict.trust) {
    case Trust::kTrusted:
      return {};
    case Trust::kOutOfDate:
      return unexpected(ErrorCode::kInvalid,
                        fmt::format("{} is valid from {} to {}, which is not now: renew it, or set the clock right",
                                    who, core::format_time(info->valid_from), core::format_time(info->valid_until)));
    case Trust::kRevoked:
      return unexpected(ErrorCode::kInvalid, who + " was revoked by the authority that issued it");
    case Trust::kUntrusted:
      break;
  }
  const auto leaf = leaf_of(chain);
  return reject(leaf ? *leaf : std::string(), *info, verdict.reason);
}

core::Status CertificateStore::reject(std::string_view leaf, const CertificateInfo& info, const std::string& reason) {
  core::MutexLock lock(mutex_);
  const std::string directory = folder(Folder::kRejected);
  const std::string file = fmt::format("{}/{}.der", directory, info.thumbprint);
  std::string what = fmt::format(
      "the certificate of '{}' ({}) is not trusted ({}). If it is the one you expect: "
      "millwright opcua trust {}",
      info.subject, info.application_uri, reason, info.thumbprint);
  if (!files_.exists(file) && leaf.size() <= kFileLongest) {
    const auto names = files_.list(directory);
    if (names && names->size() >= kRejectedMax) {
      what += fmt::format(" (not possible yet: {} is full, remove what is not needed)", directory);
    } else if (files_.make_directories(directory)) {
      if (auto kept = io::write_file_atomically(files_, file, leaf); !kept) what += ": " + kept.error().message;
    }
  }
  return unexpected(ErrorCode::kUnavailable, std::move(what));
}

core::Result<std::vector<StoredCertificate>> CertificateStore::list(Folder where) {
  std::vector<StoredCertificate> all;
  const std::string directory = folder(where);
  if (!std::filesystem::exists(directory)) return all;
  const auto names = files_.list(directory);
  if (!names) return unexpected(names.error());
  for (const std::string& name : *names) {
    const auto content = read(directory + "/" + name);
    if (!content) continue;
    const auto der = to_der(*content);
    if (!der) continue;
    if (auto info = describe(*der)) all.push_back({where, directory + "/" + name, std::move(*info)});
  }
  return all;
}

core::Result<std::vector<StoredCertificate>> CertificateStore::list() {
  std::vector<StoredCertificate> all;
  for (const Folder where : {Folder::kTrusted, Folder::kIssuers, Folder::kRejected}) {
    auto some = list(where);
    if (!some) return some;
    std::move(some->begin(), some->end(), std::back_inserter(all));
  }
  return all;
}

core::Result<StoredCertificate> CertificateStore::keep_as_trusted(const std::string& der) {
  auto info = describe(der);
  if (!info) return unexpected(info.error());
  const std::string directory = folder(Folder::kTrusted);
  if (auto there = files_.make_directories(directory); !there) return unexpected(there.error());
  StoredCertificate stored{Folder::kTrusted, fmt::format("{}/{}.der", directory, info->thumbprint), std::move(*info)};
  if (auto kept = io::write_file_atomically(files_, stored.file, der); !kept) return unexpected(kept.error());
  return stored;
}

core::Result<StoredCertificate> CertificateStore::trust(std::string_view thumbprint) {
  const std::string wanted = core::lower(thumbprint);
  if (wanted.size() < kPrefixMin) {
    return unexpected(ErrorCode::kInvalid,
                      fmt::format("'{}': give at least the first {} digits", thumbprint, kPrefixMin));
  }
  auto rejected = list(Folder::kRejected);
  if (!rejected) return unexpected(rejected.error());
  std::erase_if(*rejected, [&](const StoredCertificate& c) { return !c.info.thumbprint.starts_with(wanted); });
  if (rejected->size() != 1) {
    return unexpected(rejected->empty() ? ErrorCode::kNotFound : ErrorCode::kConflict,
                      fmt::format("{} certificates under {} begin with '{}'; `millwright opcua list` shows them",
                                  rejected->empty() ? "no" : "several", folder(Folder::kRejected), thumbprint));
  }
  const auto content = read(rejected->front().file);
  if (!content) return unexpected(content.error());
  core::MutexLock lock(mutex_);
  auto stored = keep_as_trusted(*content);
  if (!stored) return stored;
  if (auto removed = files_.remove(rejected->front().file); !removed) return unexpected(removed.error());
  return stored;
}

core::Result<StoredCertificate> CertificateStore::trust_file(const std::string& file) {
  const auto content = read(file);
  if (!content) return unexpected(content.error());
  const auto der = to_der(*content);
  if (!der) return unexpected(ErrorCode::kInvalid, file + " " + der.error().message);
  core::MutexLock lock(mutex_);
  auto stored = keep_as_trusted(*der);
  if (!stored) return unexpected(stored.error().within(file));
  return stored;
}

}  // namespace millwright::security
