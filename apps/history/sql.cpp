#include "history/sql.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/text.hpp"

namespace millwright::history {
namespace {

constexpr std::size_t kFlushBytes = 1 << 20;

// The answer's rows as text, one format each.
class Answer {
 public:
  Answer(Rows& rows, std::vector<duckdb_type> types, TextFormat format)
      : rows_(rows), types_(std::move(types)), format_(format) {}

  core::Status write(OutputFile& out) {
    std::string text;
    auto more = rows_.next();
    begin(text);
    for (; more && *more; more = rows_.next()) {
      for (std::size_t row = 0; row < rows_.size(); ++row) add_row(row, text);
      if (text.size() < kFlushBytes) continue;
      if (auto written = out.write(text); !written) return written;
      text.clear();
    }
    if (!more) return core::unexpected(more.error());
    if (format_ == TextFormat::kJson) text += any_ ? "\n]\n" : "]\n";
    return out.write(text);
  }

 private:
  // The row's value as text; "" where it is null. Only EXPLAIN and COPY answer in other types than VARCHAR.
  std::string cell(std::size_t column, std::size_t row) const {
    if (rows_.is_null(column, row)) return "";
    if (rows_.types()[column] == DUCKDB_TYPE_BIGINT) return std::to_string(rows_.value<std::int64_t>(column, row));
    if (rows_.types()[column] == DUCKDB_TYPE_BOOLEAN) return rows_.value<bool>(column, row) ? "true" : "false";
    return rows_.types()[column] == DUCKDB_TYPE_VARCHAR ? std::string(rows_.text(column, row)) : "?";
  }

  // A table is as wide as its first rows need.
  void begin(std::string& text) {
    if (format_ == TextFormat::kJson) {
      text += '[';
      return;
    }
    for (std::size_t column = 0; column < types_.size(); ++column) {
      std::size_t width = rows_.names()[column].size();
      for (std::size_t row = 0; row < rows_.size(); ++row) width = std::max(width, cell(column, row).size());
      widths_.push_back(width);
      add_cell(column, rows_.names()[column], text);
    }
    text += '\n';
  }

  void add_cell(std::size_t column, const std::string& value, std::string& text) const {
    if (format_ == TextFormat::kCsv) {
      if (column != 0) text += ',';
      core::append_csv_field(value, text);
      return;
    }
    if (column != 0) text += "  ";
    const bool last = column + 1 == types_.size();
    text += is_number(types_[column]) ? fmt::format("{:>{}}", value, widths_[column])
            : last                    ? value
                                      : fmt::format("{:<{}}", value, widths_[column]);
  }

  void add_row(std::size_t row, std::string& text) {
    if (format_ == TextFormat::kJson) return add_object(row, text);
    for (std::size_t column = 0; column < types_.size(); ++column) add_cell(column, cell(column, row), text);
    text += '\n';
  }

  void add_object(std::size_t row, std::string& text) {
    text += any_ ? ",\n{" : "\n{";
    any_ = true;
    for (std::size_t column = 0; column < types_.size(); ++column) {
      if (column != 0) text += ',';
      text += json(rows_.names()[column]) + ":";
      const std::string value = cell(column, row);
      if (rows_.is_null(column, row) || (is_number(types_[column]) && value.find_first_of("nN") != std::string::npos)) {
        text += "null";  // nan and inf as well
      } else {
        text += is_number(types_[column]) || types_[column] == DUCKDB_TYPE_BOOLEAN ? value : json(value);
      }
    }
    text += '}';
  }
  static std::string json(const std::string& text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }

  Rows& rows_;
  std::vector<duckdb_type> types_;
  TextFormat format_;
  std::vector<std::size_t> widths_;
  bool any_ = false;
};

}  // namespace

core::Status run_sql(Database& database, const std::string& statement, TextFormat format, OutputFile& out) {
  std::string_view text = core::trim(statement);
  while (text.ends_with(';')) text = core::trim(text.substr(0, text.size() - 1));
  const std::string sql(text);
  auto shape = database.shape_of(sql);
  if (!shape) return core::unexpected(shape.error());
  // DuckDB itself turns values of whatever type into text.
  const bool select = shape->kind == DUCKDB_STATEMENT_TYPE_SELECT;
  auto rows = database.query(select ? "SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (" + sql + "\n)" : sql);
  if (!rows) return core::unexpected(rows.error());
  return Answer(*rows, select ? std::move(shape->types) : rows->types(), format).write(out);
}

}  // namespace millwright::history
