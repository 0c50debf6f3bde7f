// Database: DuckDB in memory, for one command. Rows: the answer to a query, a chunk at a time.
//
// Threads: one owner; DuckDB uses threads of its own. Errors: kInvalid with DuckDB's own words. Memory: what a query
// holds (sorts, joins) may go to a temporary folder, which is removed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "history/duckdb_library.hpp"

namespace millwright::history {

class Rows {
 public:
  Rows(const DuckDb& api, duckdb_result result);
  Rows(Rows&& other) noexcept;
  Rows& operator=(Rows&&) = delete;
  ~Rows();

  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  [[nodiscard]] const std::vector<duckdb_type>& types() const { return types_; }
  // The next chunk of rows. False: there is no more.
  core::Result<bool> next();
  [[nodiscard]] std::size_t size() const { return size_; }  // of the chunk

  [[nodiscard]] bool is_null(std::size_t column, std::size_t row) const;
  // T as DuckDB stores the column's type.
  template <typename T>
  [[nodiscard]] T value(std::size_t column, std::size_t row) const {
    return static_cast<const T*>(columns_[column].data)[row];
  }
  [[nodiscard]] std::string_view text(std::size_t column, std::size_t row) const;  // of a VARCHAR

 private:
  struct Column {
    void* data = nullptr;
    const std::uint64_t* validity = nullptr;  // nullptr: no nulls
  };
  void drop_chunk();

  const DuckDb& api_;
  duckdb_result result_;
  bool owned_ = true;
  std::vector<std::string> names_;
  std::vector<duckdb_type> types_;
  duckdb_data_chunk chunk_ = nullptr;
  std::size_t size_ = 0;
  std::vector<Column> columns_;
};

class Database {
 public:
  static core::Result<std::unique_ptr<Database>> open();
  ~Database();

  core::Status execute(const std::string& sql);
  core::Result<Rows> query(const std::string& sql);  // one statement

  // What a statement is, and the types of its answer.
  struct Shape {
    duckdb_statement_type kind = DUCKDB_STATEMENT_TYPE_INVALID;
    std::vector<duckdb_type> types;
  };
  core::Result<Shape> shape_of(const std::string& sql);

  [[nodiscard]] const DuckDb& api() const { return api_; }
  [[nodiscard]] duckdb_connection connection() const { return connection_; }

 private:
  explicit Database(const DuckDb& api) : api_(api) {}
  core::Result<duckdb_prepared_statement> prepare(const std::string& sql);

  const DuckDb& api_;
  duckdb_database database_ = nullptr;
  duckdb_connection connection_ = nullptr;
  std::string scratch_;
};

bool is_number(duckdb_type type);
// 'it''s'
std::string sql_text(std::string_view text);
// "a ""name"""
std::string sql_name(std::string_view name);

}  // namespace millwright::history
