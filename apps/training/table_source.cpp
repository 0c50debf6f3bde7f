#include "training/table_source.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "history/database.hpp"

namespace millwright::training {
namespace {

using backtest::Table;
using core::ErrorCode;
using core::Result;
using core::unexpected;

bool holds_numbers(duckdb_type type) {
  return history::is_number(type) || type == DUCKDB_TYPE_BOOLEAN || type == DUCKDB_TYPE_FLOAT ||
         type == DUCKDB_TYPE_DOUBLE || type == DUCKDB_TYPE_DECIMAL;
}

// The time as ns since 1970; a plain number is a row's, in seconds as a CSV has it.
std::string time_expression(const std::string& column, duckdb_type type) {
  const std::string name = history::sql_name(column);
  if (type == DUCKDB_TYPE_TIMESTAMP_TZ) return fmt::format("epoch_ns({})", name);
  if (holds_numbers(type)) return fmt::format("CAST(round(CAST({} AS DOUBLE) * 1e9) AS BIGINT)", name);
  return fmt::format("epoch_ns(CAST({} AS TIMESTAMP_NS))", name);
}

// A column for each name; what is ignored is not read.
Result<std::string> select_of(const std::string& path, const history::Rows& shape,
                              const std::vector<std::string>& ignore, Table& out) {
  const auto& names = shape.names();
  if (names.size() < 2)
    return unexpected(ErrorCode::kInvalid, path + ": the time first, then a column for each sensor");
  const std::string first = history::sql_name(names[0]);
  std::string select = fmt::format("{}, CAST({} AS VARCHAR)", time_expression(names[0], shape.types()[0]), first);
  for (std::size_t i = 1; i < names.size(); ++i) {
    out.columns.push_back(names[i]);
    const bool ignored = std::find(ignore.begin(), ignore.end(), names[i]) != ignore.end();
    if (!ignored && !holds_numbers(shape.types()[i])) {
      return unexpected(ErrorCode::kInvalid, fmt::format("{}: the column '{}' holds no numbers; leave it out with "
                                                         "--ignore-columns",
                                                         path, names[i]));
    }
    select += ignored ? ", CAST(NULL AS DOUBLE)" : fmt::format(", CAST({} AS DOUBLE)", history::sql_name(names[i]));
  }
  return select;
}

core::Status append_rows(const std::string& path, const history::Rows& rows, Table& out) {
  std::vector<double> values(out.columns.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (rows.is_null(0, row)) {
      return unexpected(ErrorCode::kInvalid, fmt::format("{}: row {} has no time", path, out.times.size() + 1));
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = rows.is_null(2 + i, row) ? std::numeric_limits<double>::quiet_NaN() : rows.value<double>(2 + i, row);
    }
    out.times.push_back(rows.value<std::int64_t>(0, row));
    out.time_texts.emplace_back(rows.text(1, row));
    out.values.append(values);
  }
  return {};
}

Result<Table> read_parquet(const std::string& path, const std::vector<std::string>& ignore) {
  auto database = history::Database::open();
  if (!database) return unexpected(database.error());
  const std::string source = fmt::format("read_parquet({})", history::sql_text(path));
  Table out;
  std::string select;
  {
    const auto shape = (*database)->query(fmt::format("SELECT * FROM {} LIMIT 0", source));
    if (!shape) return unexpected(shape.error());
    auto columns = select_of(path, *shape, ignore, out);
    if (!columns) return unexpected(columns.error());
    select = std::move(*columns);
  }
  auto rows = (*database)->query(fmt::format("SELECT {} FROM {}", select, source));
  if (!rows) return unexpected(rows.error().within(path));
  auto more = rows->next();
  for (; more && *more; more = rows->next()) {
    if (auto appended = append_rows(path, *rows, out); !appended) return unexpected(appended.error());
  }
  if (!more) return unexpected(more.error().within(path));
  return out;
}

}  // namespace

Result<Table> read_table(const std::string& path, const std::vector<std::string>& ignore) {
  return path.ends_with(".parquet") ? read_parquet(path, ignore) : Table::read(path, ignore);
}

Table to_table(const TrainingData& data) {
  Table out;
  out.columns = data.sensors;
  out.times = data.times;
  for (const core::TimeNs time : data.times) out.time_texts.push_back(core::format_time(time));
  out.values = data.rows;
  return out;
}

}  // namespace millwright::training
