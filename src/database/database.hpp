// Database: where records are kept that people and services change: accounts, work orders, twins, downtime. SQLite in
// one file by default, PostgreSQL where that is configured; the same SQL for both, through SOCI, which stays inside.
//
//   auto database = database::Database::open({.file = data_directory + "/plant.db"});
//   if (auto ready = (*database)->migrate("maintenance", kSteps); !ready) …
//   auto rows = (*database)->query("SELECT id, state FROM maintenance_orders WHERE machine = :a", {"pump-1"});
//   auto done = (*database)->transaction([&](database::Connection& c) -> core::Status {
//     if (auto changed = c.execute("UPDATE maintenance_orders SET state = :a WHERE id = :b", {"sent", id}); !changed)
//       return core::unexpected(changed.error());
//     return {};
//   });
//
// Threads: any; one statement or transaction at a time, which a caller waits for, and then for the disk: never from a
// shard or a thread that must not wait. A transaction's work calls nothing of the Database itself.
// SQL: what both engines know; columns are BIGINT, DOUBLE PRECISION and TEXT (times: BIGINT, ns UTC). Values stand
// as :a, :b, … in the order of the list, each once. A part's tables begin with its name.
// Errors: kConflict where a constraint refuses, kUnavailable where the engine does not answer or is busy for ten
// seconds, kFull, kCorrupt, else kIo; a statement that fails undoes its transaction. What was committed is on disk.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/document.hpp"
#include "config/secret.hpp"
#include "core/result.hpp"

namespace millwright::database {

struct Options {
  std::string file;         // of SQLite; made where it is absent, for its owner alone
  std::string postgresql;   // or "postgresql://user@host/name"; then `file` does not count
  config::Secret password;  // of PostgreSQL
};
// Reads the `database` section: engine, url, password_file, password_env. `file` is SQLite's.
Options read_options(config::Section section, const std::string& directory, std::string file);

using Value = std::variant<std::monostate, std::int64_t, double, std::string>;

// Makes a Value of what callers have at hand; nothing (std::nullopt, an empty optional) is SQL's NULL.
struct Parameter {
  Parameter(std::nullptr_t) {}                                                   // NOLINT: implicit by design
  Parameter(std::int64_t number) : value(number) {}                              // NOLINT
  Parameter(std::uint64_t number) : value(static_cast<std::int64_t>(number)) {}  // NOLINT
  Parameter(int number) : value(std::int64_t{number}) {}                         // NOLINT
  Parameter(bool truth) : value(std::int64_t{truth}) {}                          // NOLINT
  Parameter(double number) : value(number) {}                                    // NOLINT
  Parameter(std::string text) : value(std::move(text)) {}                        // NOLINT
  Parameter(std::string_view text) : value(std::string(text)) {}                 // NOLINT
  Parameter(const char* text) : value(std::string(text)) {}                      // NOLINT
  Parameter(Value any) : value(std::move(any)) {}                                // NOLINT
  Value value;
};

// A row of an answer, by column index from 0.
class Row {
 public:
  explicit Row(std::vector<Value> values) : values_(std::move(values)) {}
  [[nodiscard]] std::size_t size() const { return values_.size(); }
  [[nodiscard]] bool is_null(std::size_t column) const;
  // 0, 0.0 and "" for NULL; numbers are converted to each other, anything else is a bug (ASSERT). Of an expression
  // (COUNT, SUM) SQLite gives whole numbers exactly and others with 15 digits.
  [[nodiscard]] std::int64_t integer(std::size_t column) const;
  [[nodiscard]] double number(std::size_t column) const;
  [[nodiscard]] const std::string& text(std::size_t column) const;

 private:
  std::vector<Value> values_;
};
using Rows = std::vector<Row>;

// What a transaction's work does its statements by.
class Connection {
 public:
  // At most kRowsMax rows: ask for pages.
  core::Result<Rows> query(std::string_view sql, std::initializer_list<Parameter> values = {});
  core::Result<Rows> query(std::string_view sql, std::span<const Parameter> values);
  // Gives how many rows changed.
  core::Result<std::int64_t> execute(std::string_view sql, std::initializer_list<Parameter> values = {});
  core::Result<std::int64_t> execute(std::string_view sql, std::span<const Parameter> values);

  static constexpr std::size_t kRowsMax = 1'000'000;

 private:
  friend class Database;
  struct Session;
  explicit Connection(Session& session) : session_(session) {}
  Session& session_;
};

class Database {
 public:
  static core::Result<std::unique_ptr<Database>> open(const Options& options);
  ~Database();

  // Brings a part's tables to the newest form: runs the steps (one statement each) that this database has not seen.
  // Steps are only ever added. kUnsupported where the database is of a newer program.
  core::Status migrate(std::string_view part, std::span<const std::string_view> steps);

  using Work = std::function<core::Status(Connection&)>;
  // Commits where `work` succeeds, else undoes all of it and gives its error.
  core::Status transaction(const Work& work);
  // A transaction of one statement.
  core::Result<Rows> query(std::string_view sql, std::initializer_list<Parameter> values = {});
  core::Result<std::int64_t> execute(std::string_view sql, std::initializer_list<Parameter> values = {});

 private:
  explicit Database(std::unique_ptr<Connection::Session> session);
  std::unique_ptr<Connection::Session> session_;
};

// A copy of a SQLite file as it is at one moment, while others use it; `to` must not be there.
core::Status copy_file(const std::string& from, const std::string& to);

}  // namespace millwright::database
