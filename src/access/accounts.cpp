#include "access/accounts.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <openssl/crypto.h>

#include "access/password.hpp"

namespace millwright::access {
namespace {

using core::ErrorCode;
using core::unexpected;
using database::Connection;

// Steps are only ever added. Places are texts as Scope::text() gives them; hashes are in hexadecimal.
constexpr std::array<std::string_view, 5> kSteps = {
    "CREATE TABLE access_users (name TEXT PRIMARY KEY, role TEXT NOT NULL, places TEXT NOT NULL, password TEXT NOT "
    "NULL, "
    "created BIGINT NOT NULL, changed BIGINT NOT NULL)",
    "CREATE TABLE access_tokens (id TEXT PRIMARY KEY, digest TEXT NOT NULL UNIQUE, name TEXT NOT NULL, owner TEXT NOT "
    "NULL, role TEXT NOT NULL, places TEXT NOT NULL, created BIGINT NOT NULL, expires BIGINT NOT NULL)",
    "CREATE TABLE access_sessions (id TEXT PRIMARY KEY, digest TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, created "
    "BIGINT "
    "NOT NULL, expires BIGINT NOT NULL)",
    "CREATE TABLE access_state (id BIGINT PRIMARY KEY, version BIGINT NOT NULL, setup TEXT NOT NULL, audit_number "
    "BIGINT "
    "NOT NULL, audit_seal TEXT NOT NULL)",
    "INSERT INTO access_state VALUES (1, 0, '', 0, '')"};

constexpr std::string_view kNextVersion = "UPDATE access_state SET version = version + 1 WHERE id = 1";

core::Unexpected damaged(std::string_view table, const std::string& name, const std::string& why) {
  return unexpected(ErrorCode::kCorrupt, fmt::format("{} '{}' in the database: {}", table, name, why));
}

core::Unexpected no_user(std::string_view name) {
  return unexpected(ErrorCode::kNotFound, fmt::format("there is no user '{}'", name));
}

core::Status done(const core::Result<std::int64_t>& changed) {
  return changed ? core::Status() : unexpected(changed.error());
}

core::Result<std::int64_t> count(Connection& connection, std::string_view sql,
                                 std::initializer_list<database::Parameter> values = {}) {
  const auto rows = connection.query(sql, values);
  if (!rows) return unexpected(rows.error());
  return rows->front().integer(0);
}

// Somebody must be left who can give rights to others.
core::Status keeps_an_admin(Connection& connection) {
  const auto admins = count(connection, "SELECT COUNT(*) FROM access_users WHERE role = 'admin' AND places = '*'");
  if (!admins) return unexpected(admins.error());
  if (*admins > 0) return {};
  return unexpected(ErrorCode::kConflict,
                    "this would leave nobody who administers the whole plant; give another user the role admin and the "
                    "place '*' first");
}

core::Status insert_user(Connection& connection, const User& user) {
  const auto users = count(connection, "SELECT COUNT(*) FROM access_users");
  if (!users) return unexpected(users.error());
  if (*users >= static_cast<std::int64_t>(Accounts::kUsersMax)) {
    return unexpected(ErrorCode::kFull, fmt::format("there are {} users, which is the most", Accounts::kUsersMax));
  }
  const auto same = count(connection, "SELECT COUNT(*) FROM access_users WHERE LOWER(name) = LOWER(:a)", {user.name});
  if (!same) return unexpected(same.error());
  if (*same > 0) return unexpected(ErrorCode::kConflict, fmt::format("there is a user '{}' already", user.name));
  return done(connection.execute(
      "INSERT INTO access_users (name, role, places, password, created, changed) VALUES (:a, :b, :c, :d, :e, :f)",
      {user.name, to_string(user.role), user.scope.text(), user.password, user.created, user.changed}));
}

core::Result<User> make_user(const std::string& name, std::string_view password, Role role, const Scope& scope,
                             core::TimeNs now) {
  if (auto good = check_user_name(name); !good) return unexpected(good.error());
  if (auto good = check_password(name, password); !good) return unexpected(good.error());
  auto hash = hash_password(password);
  if (!hash) return unexpected(hash.error());
  return User{name, role, scope, std::move(*hash), now, now};
}

}  // namespace

Accounts::Accounts(database::Database& database, const io::Clock& clock)
    : database_(database), clock_(clock), table_(std::make_shared<const Table>()) {}

core::Result<std::unique_ptr<Accounts>> Accounts::open(database::Database& database, const io::Clock& clock) {
  if (auto ready = database.migrate("access", kSteps); !ready) return unexpected(ready.error());
  std::unique_ptr<Accounts> accounts(new Accounts(database, clock));
  if (auto loaded = accounts->load(); !loaded) return unexpected(loaded.error());
  return accounts;
}

core::Status Accounts::load_users(Connection& connection, Table& table) {
  const auto rows = connection.query("SELECT name, role, places, password, created, changed FROM access_users");
  if (!rows) return unexpected(rows.error());
  for (const database::Row& row : *rows) {
    const auto role = parse_role(row.text(1));
    const auto scope = Scope::parse(row.text(2));
    if (!role) return damaged("user", row.text(0), role.error().message);
    if (!scope) return damaged("user", row.text(0), scope.error().message);
    table.users[row.text(0)] = {row.text(0), *role, *scope, row.text(3), row.integer(4), row.integer(5)};
  }
  return {};
}

// A token has never more than its owner has by now.
core::Status Accounts::load_tokens(Connection& connection, Table& table) {
  const auto rows = connection.query(
      "SELECT id, digest, name, owner, role, places, created, expires FROM access_tokens ORDER BY created");
  if (!rows) return unexpected(rows.error());
  for (const database::Row& row : *rows) {
    const auto digest = digest_from_hex(row.text(1));
    const auto role = parse_role(row.text(4));
    const auto scope = Scope::parse(row.text(5));
    if (!digest || !role || !scope) return damaged("token", row.text(0), "its row makes no sense");
    const auto owner = table.users.find(row.text(3));
    if (owner == table.users.end()) continue;
    table.tokens.push_back({row.text(0), row.text(2), row.text(3), *role, *scope, row.integer(6), row.integer(7)});
    table.by_digest[*digest] = std::make_shared<const Principal>(Principal{.name = owner->first,
                                                                           .role = std::min(*role, owner->second.role),
                                                                           .scope = scope->common(owner->second.scope),
                                                                           .proof = Proof::kToken,
                                                                           .credential = row.text(0),
                                                                           .token_name = row.text(2),
                                                                           .expires = row.integer(7),
                                                                           .digest = *digest});
  }
  return {};
}

core::Status Accounts::load_sessions(Connection& connection, Table& table) {
  const auto rows = connection.query("SELECT id, digest, owner, expires FROM access_sessions");
  if (!rows) return unexpected(rows.error());
  for (const database::Row& row : *rows) {
    const auto digest = digest_from_hex(row.text(1));
    const auto owner = table.users.find(row.text(2));
    if (!digest || owner == table.users.end()) continue;
    table.by_digest[*digest] = std::make_shared<const Principal>(Principal{.name = owner->first,
                                                                           .role = owner->second.role,
                                                                           .scope = owner->second.scope,
                                                                           .proof = Proof::kSession,
                                                                           .credential = row.text(0),
                                                                           .expires = row.integer(3),
                                                                           .digest = *digest});
  }
  return {};
}

core::Status Accounts::load() {
  core::MutexLock lock(load_mutex_);
  auto table = std::make_shared<Table>();
  auto read = database_.transaction([&](Connection& connection) -> core::Status {
    const auto version = count(connection, "SELECT version FROM access_state WHERE id = 1");
    if (!version) return unexpected(version.error());
    table->version = *version;
    if (auto loaded = load_users(connection, *table); !loaded) return loaded;
    if (auto loaded = load_tokens(connection, *table); !loaded) return loaded;
    return load_sessions(connection, *table);
  });
  if (read) table_.set(std::move(table));
  return read;
}

core::Status Accounts::change(const database::Database::Work& work) {
  auto changed = database_.transaction([&](Connection& connection) -> core::Status {
    if (auto worked = work(connection); !worked) return worked;
    return done(connection.execute(kNextVersion));
  });
  return changed ? load() : changed;
}

core::Status Accounts::refresh() {
  const core::TimeNs now = clock_.now();
  const auto table = table_.get();
  const bool expired = std::any_of(table->by_digest.begin(), table->by_digest.end(), [&](const auto& entry) {
    return entry.second->proof == Proof::kSession && entry.second->expires <= now;
  });
  if (expired) {
    return change([&](Connection& connection) {
      return done(connection.execute("DELETE FROM access_sessions WHERE expires <= :a", {now}));
    });
  }
  const auto rows = database_.query("SELECT version FROM access_state WHERE id = 1");
  if (!rows) return unexpected(rows.error());
  return rows->front().integer(0) == table->version ? core::Status() : load();
}

std::shared_ptr<const Principal> Accounts::find(const Digest& digest) const {
  const auto table = table_.get();
  const auto found = table->by_digest.find(digest);
  if (found == table->by_digest.end() || found->second->expires <= clock_.now()) return nullptr;
  return found->second;
}

bool Accounts::empty() const {
  return table_.get()->users.empty();
}

std::vector<User> Accounts::users() const {
  std::vector<User> all;
  for (const auto& [name, user] : table_.get()->users) all.push_back(user);
  return all;
}

std::optional<User> Accounts::user(std::string_view name) const {
  const auto table = table_.get();
  const auto found = table->users.find(name);
  return found == table->users.end() ? std::nullopt : std::optional(found->second);
}

std::vector<ApiToken> Accounts::tokens() const {
  return table_.get()->tokens;
}

core::Status Accounts::add_user(const std::string& name, std::string_view password, Role role, const Scope& scope) {
  const auto user = make_user(name, password, role, scope, clock_.now());
  if (!user) return unexpected(user.error());
  return change([&](Connection& connection) { return insert_user(connection, *user); });
}

core::Status Accounts::change_user(const std::string& name, const UserChange& asked) {
  auto user = this->user(name);
  if (!user) return no_user(name);
  if (asked.password) {
    if (auto good = check_password(name, *asked.password); !good) return good;
    auto hash = hash_password(*asked.password);
    if (!hash) return unexpected(hash.error());
    user->password = std::move(*hash);
  }
  if (asked.role) user->role = *asked.role;
  if (asked.scope) user->scope = *asked.scope;
  return change([&](Connection& connection) -> core::Status {
    const auto changed = connection.execute(
        "UPDATE access_users SET role = :a, places = :b, password = :c, changed = :d WHERE name = :e",
        {to_string(user->role), user->scope.text(), user->password, clock_.now(), name});
    if (!changed) return unexpected(changed.error());
    if (*changed == 0) return no_user(name);
    if (asked.password) {
      auto ended = done(connection.execute("DELETE FROM access_sessions WHERE owner = :a", {name}));
      if (!ended) return ended;
    }
    return keeps_an_admin(connection);
  });
}

core::Status Accounts::renew_hash(const std::string& name, std::string_view password) {
  const auto hash = hash_password(password);
  if (!hash) return unexpected(hash.error());
  return change([&](Connection& connection) {
    return done(connection.execute("UPDATE access_users SET password = :a WHERE name = :b", {*hash, name}));
  });
}

core::Status Accounts::remove_user(const std::string& name) {
  return change([&](Connection& connection) -> core::Status {
    const auto removed = connection.execute("DELETE FROM access_users WHERE name = :a", {name});
    if (!removed) return unexpected(removed.error());
    if (*removed == 0) return no_user(name);
    for (const std::string_view sql :
         {"DELETE FROM access_tokens WHERE owner = :a", "DELETE FROM access_sessions WHERE owner = :a"}) {
      if (auto gone = done(connection.execute(sql, {name})); !gone) return gone;
    }
    return keeps_an_admin(connection);
  });
}

core::Result<NewSecret> Accounts::add_token(const ApiToken& token) {
  const auto owner = user(token.owner);
  if (!owner) return no_user(token.owner);
  if (token.role > owner->role || !owner->scope.covers(token.scope)) {
    return unexpected(ErrorCode::kInvalid, fmt::format("a token has at most its owner's rights: {} is {} of {}",
                                                       owner->name, to_string(owner->role), owner->scope.text()));
  }
  const core::TimeNs now = clock_.now();
  if (token.expires <= now || token.expires > now + kTokenLongest) {
    return unexpected(ErrorCode::kInvalid, "a token ends in the future, within ten years");
  }
  NewSecret made{make_id(), make_token(kApiToken), token.expires};
  auto added = change([&](Connection& connection) -> core::Status {
    const auto owned = count(connection, "SELECT COUNT(*) FROM access_tokens WHERE owner = :a", {token.owner});
    if (!owned) return unexpected(owned.error());
    if (*owned >= static_cast<std::int64_t>(kTokensMax)) {
      return unexpected(ErrorCode::kFull, fmt::format("{} has {} tokens, which is the most; revoke those that nothing "
                                                      "uses any more",
                                                      token.owner, kTokensMax));
    }
    return done(
        connection.execute("INSERT INTO access_tokens (id, digest, name, owner, role, places, created, expires) "
                           "VALUES (:a, :b, :c, :d, :e, :f, :g, :h)",
                           {made.id, to_hex(sha256(made.secret)), token.name, token.owner, to_string(token.role),
                            token.scope.text(), now, token.expires}));
  });
  if (!added) return unexpected(added.error());
  return made;
}

core::Status Accounts::remove_token(const std::string& id) {
  return change([&](Connection& connection) -> core::Status {
    const auto removed = connection.execute("DELETE FROM access_tokens WHERE id = :a", {id});
    if (!removed) return unexpected(removed.error());
    if (*removed == 0) return unexpected(ErrorCode::kNotFound, fmt::format("there is no token '{}'", id));
    return {};
  });
}

core::Result<NewSecret> Accounts::start_session(const std::string& user, core::DurationNs lifetime) {
  const core::TimeNs now = clock_.now();
  NewSecret made{make_id(), make_token(kSessionToken), now + lifetime};
  auto added = change([&](Connection& connection) -> core::Status {
    const auto open =
        connection.query("SELECT id FROM access_sessions WHERE owner = :a ORDER BY created DESC, id", {user});
    if (!open) return unexpected(open.error());
    for (std::size_t i = kSessionsMax - 1; i < open->size(); ++i) {
      auto ended = done(connection.execute("DELETE FROM access_sessions WHERE id = :a", {(*open)[i].text(0)}));
      if (!ended) return ended;
    }
    return done(
        connection.execute("INSERT INTO access_sessions (id, digest, owner, created, expires) VALUES (:a, :b, "
                           ":c, :d, :e)",
                           {made.id, to_hex(sha256(made.secret)), user, now, made.expires}));
  });
  if (!added) return unexpected(added.error());
  return made;
}

core::Status Accounts::end_session(const std::string& id) {
  return change([&](Connection& connection) {
    return done(connection.execute("DELETE FROM access_sessions WHERE id = :a", {id}));
  });
}

core::Result<std::string> Accounts::make_setup_token() {
  std::string token = make_token(kSetupToken);
  auto kept = database_.transaction([&](Connection& connection) -> core::Status {
    const auto users = count(connection, "SELECT COUNT(*) FROM access_users");
    if (!users) return unexpected(users.error());
    if (*users > 0) return unexpected(ErrorCode::kConflict, "there are users already");
    return done(connection.execute("UPDATE access_state SET setup = :a WHERE id = 1", {to_hex(sha256(token))}));
  });
  if (!kept) return unexpected(kept.error());
  return token;
}

core::Status Accounts::set_up(std::string_view token, const std::string& name, std::string_view password) {
  const std::string given = to_hex(sha256(token));
  const auto is_right = [&](Connection& connection) -> core::Status {
    const auto users = count(connection, "SELECT COUNT(*) FROM access_users");
    if (!users) return unexpected(users.error());
    if (*users > 0) return unexpected(ErrorCode::kConflict, "the plant has users already: sign in instead");
    const auto kept = connection.query("SELECT setup FROM access_state WHERE id = 1");
    if (!kept) return unexpected(kept.error());
    const std::string& right = kept->front().text(0);
    if (right.size() == given.size() && CRYPTO_memcmp(right.data(), given.data(), given.size()) == 0) return {};
    return unexpected(ErrorCode::kInvalid,
                      "the set-up token is wrong; the plant printed it when it started, and prints a new one at each "
                      "start until it was used");
  };
  // Before the password is hashed, so that a wrong token costs little.
  if (auto right = database_.transaction(is_right); !right) return right;
  const auto user = make_user(name, password, Role::kAdmin, Scope::whole_plant(), clock_.now());
  if (!user) return unexpected(user.error());
  return change([&](Connection& connection) -> core::Status {
    if (auto right = is_right(connection); !right) return right;
    if (auto used = done(connection.execute("UPDATE access_state SET setup = '' WHERE id = 1")); !used) return used;
    return insert_user(connection, *user);
  });
}

core::Status Accounts::keep_head(std::uint64_t number, const Digest& seal) {
  return done(database_.execute("UPDATE access_state SET audit_number = :a, audit_seal = :b WHERE id = 1",
                                {number, to_hex(seal)}));
}

core::Result<std::pair<std::uint64_t, Digest>> Accounts::kept_head() {
  const auto rows = database_.query("SELECT audit_number, audit_seal FROM access_state WHERE id = 1");
  if (!rows) return unexpected(rows.error());
  const auto number = static_cast<std::uint64_t>(rows->front().integer(0));
  return std::pair(number, digest_from_hex(rows->front().text(1)).value_or(Digest{}));
}

}  // namespace millwright::access
