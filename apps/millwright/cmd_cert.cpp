// cert: a certificate authority of the plant's own, and certificates for its listeners.

#include <filesystem>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sys/stat.h>

#include "commands.hpp"
#include "core/time.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"
#include "security/authority.hpp"

namespace millwright::app {
namespace {

struct CertArguments {
  std::string directory = "pki";
  std::string name = "Millwright plant CA";
  std::vector<std::string> hosts;
  std::string file;
  int days = security::kServerDays;
};

core::Result<std::string> read(const std::string& file) {
  io::RealFileSystem files;
  const auto bytes = io::read_file(files, file);
  if (!bytes) return core::unexpected(bytes.error());
  return std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
}

// NAME.crt, which everybody may read, and NAME.key, which only its owner may: from the first byte on.
core::Status write(const std::string& base, const security::PemPair& pair) {
  io::RealFileSystem files;
  if (files.exists(base + ".key") || files.exists(base + ".crt")) {
    return core::unexpected(core::ErrorCode::kConflict, base + ".crt or .key exists; move both away first");
  }
  const mode_t before = ::umask(S_IRWXG | S_IRWXO);
  auto written = io::write_file_atomically(files, base + ".key", pair.key);
  ::umask(before);
  return written ? io::write_file_atomically(files, base + ".crt", pair.certificate) : written;
}

int init_authority(const CertArguments& a) {
  io::RealFileSystem files;
  io::RealClock clock;
  if (auto made = files.make_directories(a.directory); !made) return fail(made.error());
  const auto authority = security::make_authority(a.name, clock.now());
  if (!authority) return fail(authority.error());
  if (auto written = write(a.directory + "/ca", *authority); !written) return fail(written.error());
  fmt::print(
      "{0}/ca.crt: give it to browsers and programs that shall trust the plant\n"
      "{0}/ca.key: keep it away from the plant; it signs whatever it is asked to\n",
      a.directory);
  return kDone;
}

int issue(const CertArguments& a) {
  io::RealClock clock;
  const auto certificate = read(a.directory + "/ca.crt");
  const auto key = read(a.directory + "/ca.key");
  if (!certificate) return fail(certificate.error().within("`millwright cert init-ca` makes an authority"));
  if (!key) return fail(key.error());
  const auto issued = security::issue({*certificate, *key}, a.hosts, clock.now(), a.days);
  if (!issued) return fail(issued.error());
  const std::string base = a.directory + "/" + a.name;
  if (auto written = write(base, *issued); !written) return fail(written.error());
  fmt::print(
      "{0}.crt and {0}.key: name them as certificate_file and key_file in a `tls` of the plant's file, or of a "
      "sender\n",
      base);
  return kDone;
}

int show(const CertArguments& a) {
  const auto pem = read(a.file);
  if (!pem) return fail(pem.error());
  const auto info = security::describe_pem(*pem);
  if (!info) return fail(info.error().within(a.file));
  fmt::print("{}\n  issued by    {}\n  for          {}\n  valid        {:.10} to {:.10}\n  SHA-256      {}\n",
             info->subject, info->issuer, info->authority ? "signing certificates" : info->names,
             core::format_time(info->valid_from), core::format_time(info->valid_until), info->fingerprint);
  return kDone;
}

}  // namespace

void add_cert(CLI::App& app, const SetCommand& set) {
  auto* cert = app.add_subcommand("cert", "a certificate authority of the plant's own, and certificates for TLS");
  cert->require_subcommand(1);
  auto ca = std::make_shared<CertArguments>();
  auto* init = cert->add_subcommand("init-ca", "make the authority");
  init->add_option("--dir", ca->directory, "where it goes")->capture_default_str();
  init->add_option("--name", ca->name, "what it is called")->capture_default_str();
  init->callback([=] { set([=] { return init_authority(*ca); }); });
  auto server = std::make_shared<CertArguments>();
  server->name = "plant";
  auto* give = cert->add_subcommand("issue", "make a certificate and key for a listener, or for a sender to it");
  give->add_option("--dir", server->directory, "where the authority is, and the certificate goes")
      ->capture_default_str();
  give->add_option("--name", server->name, "of the files")->capture_default_str();
  give->add_option("--hosts", server->hosts, "names and addresses by which it is reached")->delimiter(',')->required();
  give->add_option("--days", server->days, "how long it is valid")->check(CLI::Range(1, 3650))->capture_default_str();
  give->callback([=] { set([=] { return issue(*server); }); });
  auto* look = cert->add_subcommand("show", "what a certificate says");
  look->add_option("file", server->file, "in PEM")->required();
  look->callback([=] { set([=] { return show(*server); }); });
}

}  // namespace millwright::app
