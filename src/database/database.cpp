#include "database/database.hpp"

#include <cerrno>
#include <deque>
#include <fstream>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <unistd.h>

#include "core/assert.hpp"
#include "core/mutex.hpp"
#include "core/text.hpp"

namespace millwright::database {
namespace {

using core::ErrorCode;
using core::unexpected;

// Of SQLite's result codes, the low byte (sqlite.org/rescode.html).
ErrorCode code_of_sqlite(int result) {
  switch (result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorCode::kUnavailable;
    case SQLITE_CONSTRAINT:
      return ErrorCode::kConflict;
    case SQLITE_FULL:
      return ErrorCode::kFull;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::kCorrupt;
    default:
      return ErrorCode::kIo;
  }
}

ErrorCode code_of(const soci::soci_error& error) {
  if (const auto* sqlite = dynamic_cast<const soci::sqlite3_soci_error*>(&error))
    return code_of_sqlite(sqlite->result());
  switch (error.get_error_category()) {
    case soci::soci_error::connection_error:
    case soci::soci_error::system_error:
      return ErrorCode::kUnavailable;
    case soci::soci_error::constraint_violation:
      return ErrorCode::kConflict;
    default:
      return ErrorCode::kIo;
  }
}

core::Unexpected failed(const soci::soci_error& error) {
  return unexpected(code_of(error), fmt::format("database: {}", error.what()));
}

// Third-party exceptions stop here.
template <typename Work>
auto guarded(const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const soci::soci_error& error) {
    return failed(error);
  } catch (const std::exception& error) {
    return unexpected(ErrorCode::kIo, fmt::format("database: {}", error.what()));
  }
}

// Binds by reference: the values stay where they are until the statement has run.
class Binding {
 public:
  Binding(soci::statement& statement, std::span<const Parameter> values) {
    for (const Parameter& parameter : values) std::visit([&](const auto& v) { bind(statement, v); }, parameter.value);
  }

 private:
  void bind(soci::statement& statement, std::monostate) {
    texts_.emplace_back();
    indicators_.push_back(soci::i_null);
    statement.exchange(soci::use(texts_.back(), indicators_.back()));
  }
  void bind(soci::statement& statement, std::int64_t value) {
    statement.exchange(soci::use(integers_.emplace_back(value)));
  }
  void bind(soci::statement& statement, double value) { statement.exchange(soci::use(numbers_.emplace_back(value))); }
  void bind(soci::statement& statement, const std::string& value) {
    statement.exchange(soci::use(texts_.emplace_back(value)));
  }

  std::deque<long long> integers_;  // the library's own word for 64 bits
  std::deque<double> numbers_;
  std::deque<std::string> texts_;
  std::deque<soci::indicator> indicators_;
};

Value value_of(const soci::row& row, std::size_t column) {
  if (row.get_indicator(column) == soci::i_null) return {};
  switch (row.get_properties(column).get_data_type()) {
    case soci::dt_integer:
      return std::int64_t{row.get<int>(column)};
    case soci::dt_long_long:
      return std::int64_t{row.get<long long>(column)};
    case soci::dt_unsigned_long_long:
      return static_cast<std::int64_t>(row.get<unsigned long long>(column));
    case soci::dt_double:
      return row.get<double>(column);
    default:
      return row.get<std::string>(column);
  }
}

// As an address's query takes it.
std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return out;
}

core::Status make_private_file(const std::string& file) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return unexpected(ErrorCode::kIo, fmt::format("database {}: {}", file, std::generic_category().message(errno)));
  }
  ::close(descriptor);
  return {};
}

}  // namespace

struct Connection::Session {
  core::Mutex mutex;
  soci::session soci;
};

bool Row::is_null(std::size_t column) const {
  return std::holds_alternative<std::monostate>(values_.at(column));
}

// SQLite declares no type for an expression, and SOCI then gives its text.
std::int64_t Row::integer(std::size_t column) const {
  const Value& value = values_.at(column);
  if (is_null(column)) return 0;
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  if (const auto* number = std::get_if<double>(&value)) return static_cast<std::int64_t>(*number);
  const auto parsed = core::parse_int(std::get<std::string>(value));
  ASSERT(parsed.has_value(), "a column that is read as a whole number holds other text");
  return *parsed;
}

double Row::number(std::size_t column) const {
  const Value& value = values_.at(column);
  if (is_null(column)) return 0;
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* number = std::get_if<std::int64_t>(&value)) return static_cast<double>(*number);
  const auto parsed = core::parse_double(std::get<std::string>(value));
  ASSERT(parsed.has_value(), "a column that is read as a number holds other text");
  return *parsed;
}

const std::string& Row::text(std::size_t column) const {
  static const std::string kNothing;
  if (is_null(column)) return kNothing;
  ASSERT(std::holds_alternative<std::string>(values_.at(column)), "a column of text holds numbers");
  return std::get<std::string>(values_.at(column));
}

core::Result<Rows> Connection::query(std::string_view sql, std::initializer_list<Parameter> values) {
  return query(sql, std::span(values.begin(), values.size()));
}

core::Result<Rows> Connection::query(std::string_view sql, std::span<const Parameter> values) {
  return guarded([&]() -> core::Result<Rows> {
    soci::statement statement(session_.soci);
    const Binding binding(statement, values);
    soci::row row;
    statement.exchange(soci::into(row));
    statement.alloc();
    statement.prepare(std::string(sql));
    statement.define_and_bind();
    Rows rows;
    for (bool more = statement.execute(true); more; more = statement.fetch()) {
      if (rows.size() == kRowsMax) {
        return unexpected(ErrorCode::kFull, fmt::format("database: more than {} rows: {}", kRowsMax, sql));
      }
      std::vector<Value> cells(row.size());
      for (std::size_t i = 0; i < cells.size(); ++i) cells[i] = value_of(row, i);
      rows.emplace_back(std::move(cells));
    }
    return rows;
  });
}

core::Result<std::int64_t> Connection::execute(std::string_view sql, std::initializer_list<Parameter> values) {
  return execute(sql, std::span(values.begin(), values.size()));
}

core::Result<std::int64_t> Connection::execute(std::string_view sql, std::span<const Parameter> values) {
  return guarded([&]() -> core::Result<std::int64_t> {
    soci::statement statement(session_.soci);
    const Binding binding(statement, values);
    statement.alloc();
    statement.prepare(std::string(sql));
    statement.define_and_bind();
    statement.execute(true);
    return std::int64_t{statement.get_affected_rows()};
  });
}

namespace {

core::Status open_postgresql(soci::session& session, const Options& options) {
  const auto password = options.password.read();
  if (!password) return unexpected(password.error().within("database"));
  std::string target = options.postgresql;
  target += target.find('?') == std::string::npos ? "?connect_timeout=10" : "&connect_timeout=10";
  if (*password) target += "&password=" + percent_encoded(**password);
  try {
    session.open(soci::postgresql, target);
  } catch (const std::exception&) {  // its message may repeat what it was given, the password too
    return unexpected(ErrorCode::kUnavailable,
                      fmt::format("database: {} takes no connection: is PostgreSQL running, and may this user in?",
                                  options.postgresql));
  }
  return {};
}

// SOCI tells late, and leaks its connection.
core::Status check_header(const std::string& file) {
  static constexpr std::string_view kHeader("SQLite format 3\0", 16);  // sqlite.org/fileformat.html
  std::string head(kHeader.size(), ' ');
  std::ifstream in(file, std::ios::binary);
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  if (in.gcount() == 0 || head == kHeader) return {};
  return unexpected(ErrorCode::kCorrupt, "is no SQLite database");
}

core::Status open_sqlite(soci::session& session, const std::string& file) {
  if (auto made = make_private_file(file); !made) return made;
  if (auto whole = check_header(file); !whole) return whole;
  return guarded([&]() -> core::Status {
    session.open(soci::sqlite3, fmt::format("db=\"{}\" timeout=10 synchronous=full", file));
    session << "PRAGMA journal_mode = WAL";
    session << "PRAGMA foreign_keys = ON";
    return {};
  });
}

}  // namespace

core::Result<std::unique_ptr<Database>> Database::open(const Options& options) {
  auto session = std::make_unique<Connection::Session>();
  const auto opened =
      options.postgresql.empty() ? open_sqlite(session->soci, options.file) : open_postgresql(session->soci, options);
  if (!opened) {
    return unexpected(options.postgresql.empty() ? opened.error().within(options.file) : opened.error());
  }
  return std::unique_ptr<Database>(new Database(std::move(session)));
}

Database::Database(std::unique_ptr<Connection::Session> session) : session_(std::move(session)) {}
Database::~Database() = default;

core::Status Database::transaction(const Work& work) {
  core::MutexLock lock(session_->mutex);
  Connection connection(*session_);
  return guarded([&]() -> core::Status {
    // A server that was restarted is asked anew, before anything is begun.
    if (!session_->soci.is_connected()) session_->soci.reconnect();
    soci::transaction transaction(session_->soci);  // undone where it is not committed
    if (auto done = work(connection); !done) return done;
    transaction.commit();
    return {};
  });
}

core::Result<Rows> Database::query(std::string_view sql, std::initializer_list<Parameter> values) {
  Rows rows;
  auto done = transaction([&](Connection& connection) -> core::Status {
    auto found = connection.query(sql, values);
    if (!found) return unexpected(found.error());
    rows = std::move(*found);
    return {};
  });
  if (!done) return unexpected(done.error());
  return rows;
}

core::Result<std::int64_t> Database::execute(std::string_view sql, std::initializer_list<Parameter> values) {
  std::int64_t changed = 0;
  auto done = transaction([&](Connection& connection) -> core::Status {
    auto counted = connection.execute(sql, values);
    if (!counted) return unexpected(counted.error());
    changed = *counted;
    return {};
  });
  if (!done) return unexpected(done.error());
  return changed;
}

core::Status Database::migrate(std::string_view part, std::span<const std::string_view> steps) {
  return transaction([&](Connection& connection) -> core::Status {
    const auto made = connection.execute(
        "CREATE TABLE IF NOT EXISTS database_parts (part TEXT PRIMARY KEY, version BIGINT NOT NULL)");
    if (!made) return unexpected(made.error());
    const auto rows = connection.query("SELECT version FROM database_parts WHERE part = :a", {part});
    if (!rows) return unexpected(rows.error());
    const auto seen = rows->empty() ? std::size_t{0} : static_cast<std::size_t>(rows->front().integer(0));
    if (seen > steps.size()) {
      return unexpected(ErrorCode::kUnsupported,
                        fmt::format("database: its tables of {} have version {}, this program knows {}: it was used by "
                                    "a newer program; run that one, or restore a backup",
                                    part, seen, steps.size()));
    }
    for (std::size_t i = seen; i < steps.size(); ++i) {
      if (const auto done = connection.execute(steps[i]); !done) {
        return unexpected(done.error().within(fmt::format("{}: migration step {}", part, i + 1)));
      }
    }
    if (seen == steps.size()) return {};
    const auto kept = connection.execute(
        "INSERT INTO database_parts (part, version) VALUES (:a, :b) "
        "ON CONFLICT (part) DO UPDATE SET version = excluded.version",
        {part, static_cast<std::int64_t>(steps.size())});
    if (!kept) return unexpected(kept.error());
    return {};
  });
}

core::Status copy_file(const std::string& from, const std::string& to) {
  soci::session session;
  if (auto opened = open_sqlite(session, from); !opened) return core::unexpected(opened.error().within(from));
  if (auto made = make_private_file(to); !made) return made;
  return guarded([&]() -> core::Status {
    session << "VACUUM INTO :a", soci::use(to);
    return {};
  });
}

}  // namespace millwright::database
