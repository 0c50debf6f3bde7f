#include "history/database.hpp"

#include <filesystem>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

namespace millwright::history {
namespace {

core::Unexpected refused(const char* message) {
  return core::unexpected(core::ErrorCode::kInvalid, message != nullptr ? message : "DuckDB gives no reason");
}

std::string quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) out.append(c == quote ? 2 : 1, c);
  return out + quote;
}

}  // namespace

bool is_number(duckdb_type type) {
  switch (type) {
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT:
    case DUCKDB_TYPE_FLOAT:
    case DUCKDB_TYPE_DOUBLE:
    case DUCKDB_TYPE_DECIMAL:
      return true;
    default:
      return false;
  }
}

std::string sql_text(std::string_view text) {
  return quoted(text, '\'');
}
std::string sql_name(std::string_view name) {
  return quoted(name, '"');
}

Rows::Rows(const DuckDb& api, duckdb_result result) : api_(api), result_(result) {
  const idx_t columns = api_.column_count(&result_);
  for (idx_t i = 0; i < columns; ++i) {
    names_.emplace_back(api_.column_name(&result_, i));
    types_.push_back(api_.column_type(&result_, i));
  }
  columns_.resize(columns);
}

Rows::Rows(Rows&& other) noexcept
    : api_(other.api_),
      result_(other.result_),
      owned_(std::exchange(other.owned_, false)),
      names_(std::move(other.names_)),
      types_(std::move(other.types_)),
      chunk_(std::exchange(other.chunk_, nullptr)),
      size_(other.size_),
      columns_(std::move(other.columns_)) {}

Rows::~Rows() {
  drop_chunk();
  if (owned_) api_.destroy_result(&result_);
}

void Rows::drop_chunk() {
  if (chunk_ != nullptr) api_.destroy_data_chunk(&chunk_);
  chunk_ = nullptr;
  size_ = 0;
}

core::Result<bool> Rows::next() {
  drop_chunk();
  chunk_ = api_.fetch_chunk(result_);
  if (chunk_ == nullptr) {
    const char* error = api_.result_error(&result_);
    if (error != nullptr && *error != '\0') return refused(error);
    return false;
  }
  size_ = api_.data_chunk_get_size(chunk_);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const duckdb_vector vector = api_.data_chunk_get_vector(chunk_, i);
    columns_[i] = {api_.vector_get_data(vector), api_.vector_get_validity(vector)};
  }
  return size_ > 0;
}

bool Rows::is_null(std::size_t column, std::size_t row) const {
  const std::uint64_t* const validity = columns_[column].validity;
  return validity != nullptr && (validity[row / 64] >> (row % 64) & 1) == 0;
}

std::string_view Rows::text(std::size_t column, std::size_t row) const {
  const auto& text = static_cast<const duckdb_string_t*>(columns_[column].data)[row];
  constexpr std::uint32_t kInlined = 12;
  const std::uint32_t length = text.value.inlined.length;
  return {length <= kInlined ? text.value.inlined.inlined : text.value.pointer.ptr, length};
}

core::Result<std::unique_ptr<Database>> Database::open() {
  const auto api = load_duckdb();
  if (!api) return core::unexpected(api.error());
  std::unique_ptr<Database> database(new Database(**api));
  std::error_code ignored;
  database->scratch_ =
      (std::filesystem::temp_directory_path(ignored) / fmt::format("millwright-sql-{}", ::getpid())).string();
  duckdb_config config = nullptr;
  if ((*api)->create_config(&config) != DuckDBSuccess) return refused("it takes no configuration");
  for (const auto& [name, value] :
       {std::pair("temp_directory", database->scratch_.c_str()), std::pair("autoinstall_known_extensions", "false")}) {
    (*api)->set_config(config, name, value);
  }
  char* error = nullptr;
  const auto opened = (*api)->open_ext(nullptr, &database->database_, config, &error);
  (*api)->destroy_config(&config);
  if (opened != DuckDBSuccess) {
    const std::string why = error != nullptr ? error : "";
    (*api)->free(error);
    return refused(why.c_str());
  }
  if ((*api)->connect(database->database_, &database->connection_) != DuckDBSuccess) return refused("no connection");
  return database;
}

Database::~Database() {
  if (connection_ != nullptr) api_.disconnect(&connection_);
  if (database_ != nullptr) api_.close(&database_);
  std::error_code ignored;
  if (!scratch_.empty()) std::filesystem::remove_all(scratch_, ignored);
}

core::Status Database::execute(const std::string& sql) {
  duckdb_result result;
  const bool done = api_.query(connection_, sql.c_str(), &result) == DuckDBSuccess;
  const Rows rows(api_, result);
  return done ? core::Status() : refused(api_.result_error(&result));
}

core::Result<duckdb_prepared_statement> Database::prepare(const std::string& sql) {
  duckdb_prepared_statement statement = nullptr;
  if (api_.prepare(connection_, sql.c_str(), &statement) == DuckDBSuccess) return statement;
  const std::string why = api_.prepare_error(statement);
  api_.destroy_prepare(&statement);
  return refused(why.c_str());
}

core::Result<Database::Shape> Database::shape_of(const std::string& sql) {
  auto statement = prepare(sql);
  if (!statement) return core::unexpected(statement.error());
  Shape shape{.kind = api_.prepared_statement_type(*statement), .types = {}};
  const idx_t columns = api_.prepared_statement_column_count(*statement);
  for (idx_t i = 0; i < columns; ++i) shape.types.push_back(api_.prepared_statement_column_type(*statement, i));
  api_.destroy_prepare(&*statement);
  return shape;
}

core::Result<Rows> Database::query(const std::string& sql) {
  auto statement = prepare(sql);
  if (!statement) return core::unexpected(statement.error());
  duckdb_pending_result pending = nullptr;
  duckdb_result result;
  bool done = api_.pending_prepared_streaming(*statement, &pending) == DuckDBSuccess;
  std::string why = done ? "" : api_.pending_error(pending);
  if (done) {
    done = api_.execute_pending(pending, &result) == DuckDBSuccess;
    if (!done) {
      why = api_.result_error(&result);
      api_.destroy_result(&result);
    }
  }
  api_.destroy_pending(&pending);
  api_.destroy_prepare(&*statement);
  if (!done) return refused(why.c_str());
  return Rows(api_, result);
}

}  // namespace millwright::history
