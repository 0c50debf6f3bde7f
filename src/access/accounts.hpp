// Accounts: users, their API tokens and their sessions, kept in the database and held in memory, so that to know who
// asks is one look into a table.
//
// Another process may change the same database (`millwright user add` beside a running plant): refresh() looks whether
// one did, and whoever owns this calls it every second or so.
//
// Threads: any. find() and the other readers never wait for the disk; what changes something does, and what hashes a
// password takes its 60 ms.
// Limits: kUsersMax users, kTokensMax API tokens and kSessionsMax sessions each (the oldest session ends for a new
// one). Errors: kInvalid, kNotFound, kConflict with what to do; else the database's.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "access/role.hpp"
#include "access/token.hpp"
#include "core/mutex.hpp"
#include "core/result.hpp"
#include "core/snapshot.hpp"
#include "database/database.hpp"
#include "io/clock.hpp"

namespace millwright::access {

struct User {
  std::string name;
  Role role = Role::kViewer;
  Scope scope;
  std::string password;  // its hash
  core::TimeNs created = 0;
  core::TimeNs changed = 0;
};

struct ApiToken {
  std::string id{};
  std::string name{};   // what it is for
  std::string owner{};  // a user; never more than he or she may
  Role role = Role::kViewer;
  Scope scope{};
  core::TimeNs created = 0;
  core::TimeNs expires = 0;
};

// What may be changed of a user; what is not given stays.
struct UserChange {
  std::optional<Role> role{};
  std::optional<Scope> scope{};
  std::optional<std::string> password{};
};

struct NewSecret {
  std::string id{};
  std::string secret{};  // shown once, kept nowhere
  core::TimeNs expires = 0;
};

class Accounts {
 public:
  static constexpr std::size_t kUsersMax = 10'000;
  static constexpr std::size_t kTokensMax = 200;
  static constexpr std::size_t kSessionsMax = 20;
  static constexpr core::DurationNs kTokenLongest = 10 * 365 * 24 * core::kHour;

  static core::Result<std::unique_ptr<Accounts>> open(database::Database& database, const io::Clock& clock);

  // Who has this token or session; nothing where nobody has, or not any more.
  [[nodiscard]] std::shared_ptr<const Principal> find(const Digest& digest) const;
  [[nodiscard]] bool empty() const;
  [[nodiscard]] std::vector<User> users() const;
  [[nodiscard]] std::optional<User> user(std::string_view name) const;
  [[nodiscard]] std::vector<ApiToken> tokens() const;

  core::Status add_user(const std::string& name, std::string_view password, Role role, const Scope& scope);
  // The plant keeps one who may administer all of it. A new password ends the user's sessions.
  core::Status change_user(const std::string& name, const UserChange& change);
  // The same password at today's cost.
  core::Status renew_hash(const std::string& name, std::string_view password);
  // With its tokens and sessions.
  core::Status remove_user(const std::string& name);

  core::Result<NewSecret> add_token(const ApiToken& token);
  core::Status remove_token(const std::string& id);

  core::Result<NewSecret> start_session(const std::string& user, core::DurationNs lifetime);
  core::Status end_session(const std::string& id);

  // A plant without users has a set-up token, of which only the hash is kept; each call makes a new one. kConflict
  // where there are users.
  core::Result<std::string> make_setup_token();
  // The first user, an admin of the whole plant. kInvalid for a wrong token.
  core::Status set_up(std::string_view token, const std::string& name, std::string_view password);

  // Takes over what other processes have changed, and forgets what has expired.
  core::Status refresh();

  // The newest record of the audit log, as the database remembers it.
  core::Status keep_head(std::uint64_t number, const Digest& seal);
  [[nodiscard]] core::Result<std::pair<std::uint64_t, Digest>> kept_head();

 private:
  struct Table {
    std::int64_t version = -1;
    std::map<std::string, User, std::less<>> users;
    std::vector<ApiToken> tokens;
    std::unordered_map<Digest, std::shared_ptr<const Principal>, DigestHash> by_digest;
  };
  Accounts(database::Database& database, const io::Clock& clock);
  core::Status load();
  core::Status change(const database::Database::Work& work);
  static core::Status load_users(database::Connection& connection, Table& table);
  static core::Status load_tokens(database::Connection& connection, Table& table);
  static core::Status load_sessions(database::Connection& connection, Table& table);

  database::Database& database_;
  const io::Clock& clock_;
  core::Snapshot<Table> table_;
  core::Mutex load_mutex_;  // one loads at a time, so that an older table never replaces a newer one
};

}  // namespace millwright::access
