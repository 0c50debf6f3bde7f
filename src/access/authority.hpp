// Authority: who asks, and whether they may sign in. The face of this module to the API: accounts, sessions, tokens,
// OpenID Connect, limits and the audit log in one.
//
//   auto authority = Authority::open(options, database, data_directory, clock, fetch);
//   auto who = (*authority)->bearer("mw_…");                        // one look into a table
//   auto signed_in = (*authority)->sign_in("anna", password, "10.0.0.7");
//
// Threads: any. bearer(), session() and again() never wait; sign_in(), set_up() and what changes accounts do. start()
// and stop() from one thread: in between a thread looks every second for what other processes changed.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "access/accounts.hpp"
#include "access/audit.hpp"
#include "access/limits.hpp"
#include "access/openid.hpp"
#include "access/role.hpp"
#include "config/document.hpp"
#include "core/mutex.hpp"
#include "database/database.hpp"
#include "io/clock.hpp"

namespace millwright::access {

enum class Mode { kAccounts, kLocal };

struct Options {
  Mode mode = Mode::kAccounts;  // kLocal: who is on this machine may do everything
  core::DurationNs session_lifetime = 12 * core::kHour;
  double reads_per_s = 50'000;  // of each principal; 0: no limit
  OpenIdOptions open_id{};
};
// Reads the `access` section: mode, session_lifetime, reads_per_s, oidc.
Options read_options(config::Section section, const std::string& directory);

// A password that somebody gave. Nobody: it or the name is wrong, or, with a wait, it was not looked at.
struct Tried {
  std::optional<User> user;
  core::DurationNs wait = 0;  // too many tries: how long nothing is looked at
};
struct SignIn {
  std::shared_ptr<const Principal> who;  // nobody: as above
  core::DurationNs wait = 0;
  NewSecret session{};
};

class Authority {
 public:
  // A dear read (one that goes to the disk) costs as much as this many cheap ones.
  static constexpr double kSlowReadCost = 100;

  static core::Result<std::unique_ptr<Authority>> open(Options options, database::Database& database,
                                                       const std::string& data_directory, const io::Clock& clock,
                                                       Fetch fetch = {});
  ~Authority();  // stops
  // Prints the set-up token of a plant without users, once.
  core::Status start();
  void stop();

  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] bool needs_set_up() const { return options_.mode == Mode::kAccounts && accounts_->empty(); }
  [[nodiscard]] Accounts& accounts() { return *accounts_; }
  [[nodiscard]] AuditLog& audit() { return *audit_; }
  [[nodiscard]] const std::string& audit_file() const { return audit_file_; }

  // Nothing: nobody that is known, or not any more.
  std::shared_ptr<const Principal> bearer(std::string_view token);
  [[nodiscard]] std::shared_ptr<const Principal> session(std::string_view token) const;
  // The same principal as of now: with other rights if these changed, nothing where the proof has ended.
  [[nodiscard]] std::shared_ptr<const Principal> again(const Principal& principal) const;

  core::Result<SignIn> sign_in(const std::string& name, const std::string& password, const std::string& address);
  // A wait, where this address has tried too often; else done or refused.
  core::Result<core::DurationNs> set_up(std::string_view token, const std::string& name, std::string_view password,
                                        const std::string& address);
  Tried try_password(const std::string& name, const std::string& password, const std::string& address);

  [[nodiscard]] std::optional<core::DurationNs> limit(const Principal& principal, bool slow);

 private:
  Authority(Options options, std::unique_ptr<Accounts> accounts, std::unique_ptr<AuditLog> audit,
            std::string audit_file, const io::Clock& clock, Fetch fetch);
  void watch();

  const Options options_;
  const io::Clock& clock_;
  std::unique_ptr<Accounts> accounts_;
  std::unique_ptr<AuditLog> audit_;
  const std::string audit_file_;
  std::unique_ptr<OpenId> open_id_;
  LoginGuard guard_;
  ReadLimiter reads_;
  core::Mutex mutex_;
  core::Condition wake_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

// Where a plant's audit log is.
std::string audit_file(const std::string& data_directory);
// Opens the log so that the database remembers its end. `accounts` outlives it.
core::Result<std::unique_ptr<AuditLog>> open_audit(const std::string& data_directory, Accounts& accounts);

}  // namespace millwright::access
