#include "history/parquet.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "core/text.hpp"

namespace millwright::history {
namespace {

bool is_timestamp(duckdb_type type) {
  return type == DUCKDB_TYPE_TIMESTAMP || type == DUCKDB_TYPE_TIMESTAMP_S || type == DUCKDB_TYPE_TIMESTAMP_MS ||
         type == DUCKDB_TYPE_TIMESTAMP_NS || type == DUCKDB_TYPE_TIMESTAMP_TZ || type == DUCKDB_TYPE_DATE;
}

// A Parquet file's columns, and how to ask for them.
class ParquetReader {
 public:
  ParquetReader(Database& database, std::string path, const CsvColumns& columns, const ImportContext& context)
      : database_(database), path_(std::move(path)), columns_(columns), context_(context) {}

  core::Status run() {
    auto described = database_.query(fmt::format("SELECT * FROM read_parquet({}) LIMIT 0", sql_text(path_)));
    if (!described) return core::unexpected(described.error());
    names_ = described->names();
    types_ = described->types();
    if (auto counted = count_rows(); !counted) return counted;
    return find(columns_.sensor) != kNone ? read_long() : read_wide();
  }

 private:
  static constexpr std::size_t kNone = SIZE_MAX;

  [[nodiscard]] std::size_t find(const std::string& name) const {
    const auto at = std::find(names_.begin(), names_.end(), name);
    return at == names_.end() ? kNone : static_cast<std::size_t>(at - names_.begin());
  }
  core::Unexpected unusable(const std::string& why) const {
    return core::unexpected(core::ErrorCode::kInvalid, path_ + ": " + why);
  }
  core::Status count_rows() {
    auto rows = database_.query(fmt::format("SELECT count(*) FROM read_parquet({})", sql_text(path_)));
    if (!rows) return core::unexpected(rows.error());
    if (auto more = rows->next(); !more) return core::unexpected(more.error());
    total_ = rows->value<std::int64_t>(0, 0);
    return {};
  }

  // What does not fit is null, and a bad row.
  core::Result<std::string> time_expression(std::size_t column) const {
    const std::string name = sql_name(names_[column]);
    if (types_[column] == DUCKDB_TYPE_BIGINT) return name;
    if (types_[column] == DUCKDB_TYPE_TIMESTAMP_TZ) return fmt::format("epoch_ns({})", name);
    if (is_timestamp(types_[column])) return fmt::format("epoch_ns(TRY_CAST({} AS TIMESTAMP_NS))", name);
    return unusable(
        fmt::format("the column '{}' is no time: it must hold timestamps, or nanoseconds as BIGINT", names_[column]));
  }
  // "<as DOUBLE>, <as BIGINT>, <as VARCHAR>": the first two for numbers, the last for texts.
  core::Result<std::string> value_expression(std::size_t column) const {
    const std::string name = sql_name(names_[column]);
    if (types_[column] == DUCKDB_TYPE_FLOAT || types_[column] == DUCKDB_TYPE_DOUBLE ||
        types_[column] == DUCKDB_TYPE_DECIMAL) {
      return fmt::format("CAST({} AS DOUBLE), CAST(NULL AS BIGINT), CAST(NULL AS VARCHAR)", name);
    }
    if (is_number(types_[column]) || types_[column] == DUCKDB_TYPE_BOOLEAN) {
      return fmt::format("CAST({0} AS DOUBLE), TRY_CAST({0} AS BIGINT), CAST(NULL AS VARCHAR)", name);
    }
    if (types_[column] == DUCKDB_TYPE_VARCHAR) {
      return fmt::format("CAST(NULL AS DOUBLE), CAST(NULL AS BIGINT), {}", name);
    }
    return unusable(fmt::format("the column '{}' holds neither numbers nor texts", names_[column]));
  }

  core::Status read_long();
  core::Status read_wide();
  bool take(const asset::Sensor& sensor, core::TimeNs time, const Rows& rows, std::size_t column, std::size_t row,
            std::optional<core::Quality> quality);
  void refuse(const std::string& why) { context_.report.refuse(fmt::format("{}: row {}: {}", path_, row_, why)); }
  // Counts the row; false where it has no time.
  bool begin_row(const Rows& rows, std::size_t row) {
    ++row_;
    ++context_.report.rows;
    if (!rows.is_null(0, row)) return true;
    refuse("it has no time, or one outside 1678 to 2262");
    return false;
  }
  core::Unexpected broken_off() const {
    return core::unexpected(core::ErrorCode::kClosed, "the import was broken off");
  }

  Database& database_;
  const std::string path_;
  const CsvColumns& columns_;
  const ImportContext& context_;
  std::vector<std::string> names_;
  std::vector<duckdb_type> types_;
  std::int64_t total_ = 0;
  std::uint64_t row_ = 0;
};

// A value as DOUBLE in `column`, BIGINT and VARCHAR in the two after it. False: the sink takes no more.
bool ParquetReader::take(const asset::Sensor& sensor, core::TimeNs time, const Rows& rows, std::size_t column,
                         std::size_t row, std::optional<core::Quality> quality) {
  const bool whole = !rows.is_null(column + 1, row);
  const bool text = !rows.is_null(column + 2, row);
  if (rows.is_null(column, row) && !whole && !text) return true;
  const auto bits = text    ? parse_value(sensor, rows.text(column + 2, row), context_.texts)
                    : whole ? bits_of(sensor.type, rows.value<std::int64_t>(column + 1, row))
                            : bits_of(sensor.type, rows.value<double>(column, row));
  if (!bits) {
    const std::string value = text ? std::string(rows.text(column + 2, row).substr(0, 40))
                                   : core::format_double(rows.value<double>(column, row));
    refuse(fmt::format("{} is no {} of {}", value, core::to_string(sensor.type), sensor.path));
    return true;
  }
  ++context_.report.readings;
  return context_.sink.add(sensor, time, *bits, quality);
}

core::Status ParquetReader::read_long() {
  const std::size_t time = find(columns_.time);
  const std::size_t value = find(columns_.value);
  const std::size_t exact = find("value_int");
  const std::size_t text = find("text");
  const std::size_t quality = find(columns_.quality);
  if (time == kNone || value == kNone) {
    return unusable(fmt::format("no column '{}'", time == kNone ? columns_.time : columns_.value));
  }
  const auto times = time_expression(time);
  if (!times) return core::unexpected(times.error());
  auto values = value_expression(value);
  if (!values) return core::unexpected(values.error());
  if (exact != kNone) {
    *values = fmt::format("CAST({} AS DOUBLE), TRY_CAST(value_int AS BIGINT), CAST({} AS VARCHAR)",
                          sql_name(names_[value]), text != kNone ? "text" : "NULL");
  }
  const std::string qualities =
      quality == kNone ? "CAST(NULL AS VARCHAR)" : fmt::format("CAST({} AS VARCHAR)", sql_name(names_[quality]));
  auto rows = database_.query(fmt::format("SELECT {}, {}, CAST({} AS VARCHAR), {} FROM read_parquet({})", *times,
                                          *values, sql_name(columns_.sensor), qualities, sql_text(path_)));
  if (!rows) return core::unexpected(rows.error());
  enum : std::size_t { kTimeAt, kValueAt, kExactAt, kTextAt, kSensorAt, kQualityAt };
  std::string last_name;
  core::Result<const asset::Sensor*> sensor = nullptr;
  std::string last_quality = "0";
  std::optional<core::Quality> known = core::kGood;
  auto more = rows->next();
  for (; more && *more; more = rows->next()) {
    for (std::size_t row = 0; row < rows->size(); ++row) {
      if (!begin_row(*rows, row)) continue;
      const std::string_view name = rows->is_null(kSensorAt, row) ? "" : rows->text(kSensorAt, row);
      if (name != last_name || (sensor && *sensor == nullptr)) {
        last_name = name;
        sensor = context_.names.find(name);
      }
      if (!sensor) {
        refuse(sensor.error().message);
        continue;
      }
      const bool unsaid = rows->is_null(kQualityAt, row);
      if (!unsaid && rows->text(kQualityAt, row) != last_quality) {
        last_quality = rows->text(kQualityAt, row);
        known = core::parse_quality(last_quality);
      }
      if (!unsaid && !known) {
        refuse(fmt::format("'{}' is no quality", last_quality));
        continue;
      }
      const auto given = unsaid ? std::nullopt : known;
      if (!take(**sensor, rows->value<std::int64_t>(kTimeAt, row), *rows, kValueAt, row, given)) return broken_off();
    }
    context_.progress(static_cast<double>(row_) / static_cast<double>(std::max<std::int64_t>(total_, 1)));
  }
  return more ? core::Status() : core::unexpected(more.error());
}

core::Status ParquetReader::read_wide() {
  if (names_.size() < 2) return unusable("a wide file has the time first and a column a sensor");
  const auto times = time_expression(0);
  if (!times) return core::unexpected(times.error());
  std::string select = *times;
  std::vector<const asset::Sensor*> sensors;
  for (std::size_t i = 1; i < names_.size(); ++i) {
    const auto sensor = context_.names.find(names_[i]);
    const auto values = value_expression(i);
    if (!sensor || !values) {
      context_.report.refuse(fmt::format("{}: column {}: {}; the column is left out", path_, i + 1,
                                         sensor ? values.error().message : sensor.error().message));
      continue;
    }
    sensors.push_back(*sensor);
    select += ", " + *values;
  }
  auto rows = database_.query(fmt::format("SELECT {} FROM read_parquet({})", select, sql_text(path_)));
  if (!rows) return core::unexpected(rows.error());
  auto more = rows->next();
  for (; more && *more; more = rows->next()) {
    for (std::size_t row = 0; row < rows->size(); ++row) {
      if (!begin_row(*rows, row)) continue;
      const auto time = rows->value<std::int64_t>(0, row);
      for (std::size_t i = 0; i < sensors.size(); ++i) {
        if (!take(*sensors[i], time, *rows, 1 + 3 * i, row, std::nullopt)) return broken_off();
      }
    }
    context_.progress(static_cast<double>(row_) / static_cast<double>(std::max<std::int64_t>(total_, 1)));
  }
  return more ? core::Status() : core::unexpected(more.error());
}

}  // namespace

core::Result<std::uint64_t> write_parquet(Database& database, const Selection& selection, OutputFile& out) {
  const std::string rows = selection.width == 0
                               ? "SELECT time, sensor, value, value_int, text, quality FROM readings"
                               : fmt::format("SELECT * EXCLUDE (sensor_id) FROM history('{}ns')", selection.width);
  auto copied = database.query(
      fmt::format("COPY ({}) TO {} (FORMAT parquet, COMPRESSION zstd)", rows, sql_text(out.temporary_path())));
  if (!copied) return core::unexpected(copied.error());
  if (const auto counted = copied->next(); !counted) return core::unexpected(counted.error());
  return static_cast<std::uint64_t>(copied->value<std::int64_t>(0, 0));
}

core::Status import_parquet(Database& database, const std::string& path, const CsvColumns& columns,
                            const ImportContext& context) {
  return ParquetReader(database, path, columns, context).run();
}

}  // namespace millwright::history
