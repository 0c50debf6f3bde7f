#include "history/tables.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "historian/processed.hpp"
#include "history/value_text.hpp"

namespace millwright::history {
namespace {

using historian::Aggregate;
using historian::Reading;

const DuckDb& duck() {
  return **load_duckdb();  // a table function runs in a database that was opened
}

struct ColumnType {
  const char* name;
  duckdb_type type;
};
enum ReadingColumn : std::uint8_t { kTime, kSensorId, kSensor, kValue, kValueInt, kQuality, kGood, kText };
constexpr std::array<ColumnType, 8> kReadingColumns{{{"time", DUCKDB_TYPE_TIMESTAMP_NS},
                                                     {"sensor_id", DUCKDB_TYPE_INTEGER},
                                                     {"sensor", DUCKDB_TYPE_VARCHAR},
                                                     {"value", DUCKDB_TYPE_DOUBLE},
                                                     {"value_int", DUCKDB_TYPE_BIGINT},
                                                     {"quality", DUCKDB_TYPE_UINTEGER},
                                                     {"good", DUCKDB_TYPE_BOOLEAN},
                                                     {"text", DUCKDB_TYPE_VARCHAR}}};
enum AggregateColumn : std::uint8_t { kStart, kCount = 3, kBadCount, kMin, kMax, kMean, kFirst, kLast, kSum };
constexpr std::array<ColumnType, 11> kAggregateColumns{{{"start", DUCKDB_TYPE_TIMESTAMP_NS},
                                                        {"sensor_id", DUCKDB_TYPE_INTEGER},
                                                        {"sensor", DUCKDB_TYPE_VARCHAR},
                                                        {"count", DUCKDB_TYPE_BIGINT},
                                                        {"bad_count", DUCKDB_TYPE_BIGINT},
                                                        {"min", DUCKDB_TYPE_DOUBLE},
                                                        {"max", DUCKDB_TYPE_DOUBLE},
                                                        {"mean", DUCKDB_TYPE_DOUBLE},
                                                        {"first", DUCKDB_TYPE_DOUBLE},
                                                        {"last", DUCKDB_TYPE_DOUBLE},
                                                        {"sum", DUCKDB_TYPE_DOUBLE}}};

// Some rows of one sensor, on their way into a chunk.
template <typename Row>
struct Slice {
  const asset::Sensor& sensor;
  const core::Texts& texts;
  const Row* rows;
  std::size_t count;
};

template <typename T, typename Row, typename Get>
void fill(duckdb_vector vector, const Slice<Row>& slice, const Get& get) {
  T* const out = static_cast<T*>(duck().vector_get_data(vector));
  for (std::size_t i = 0; i < slice.count; ++i) out[i] = get(slice.rows[i]);
}

// A bit a row, 0 for null.
std::uint64_t* writable_validity(duckdb_vector vector) {
  duck().vector_ensure_validity_writable(vector);
  return duck().vector_get_validity(vector);
}

void fill_nulls(duckdb_vector vector, std::size_t count) {
  std::fill_n(writable_validity(vector), (count + 63) / 64, 0);
}

void fill_texts(duckdb_vector vector, const Slice<Reading>& slice) {
  for (std::size_t i = 0; i < slice.count; ++i) {
    const std::string_view text = slice.texts.of(slice.rows[i].bits);
    duck().vector_assign_string_element_len(vector, i, text.data(), text.size());
  }
}

void fill_column(idx_t column, duckdb_vector vector, const Slice<Reading>& slice) {
  const core::ValueType type = slice.sensor.type;
  const bool is_text = type == core::ValueType::kText;
  switch (column) {
    case kTime:
      return fill<std::int64_t>(vector, slice, [](const Reading& r) { return r.time; });
    case kValue:
      if (is_text) return fill_nulls(vector, slice.count);
      return fill<double>(vector, slice, [&](const Reading& r) { return as_double(type, r.bits); });
    case kValueInt:
      if (is_real(type) || is_text) return fill_nulls(vector, slice.count);
      return fill<std::int64_t>(vector, slice, [&](const Reading& r) { return value_as_int(type, r.bits); });
    case kText:
      return is_text ? fill_texts(vector, slice) : fill_nulls(vector, slice.count);
    case kQuality:
      return fill<std::uint32_t>(vector, slice, [](const Reading& r) { return r.quality.code; });
    case kGood:
      return fill<bool>(vector, slice, [](const Reading& r) { return r.quality.is_good(); });
    default:
      return;
  }
}

// Null where an interval has bad readings alone.
template <typename Get>
void fill_statistic(duckdb_vector vector, const Slice<Aggregate>& slice, const Get& get) {
  fill<double>(vector, slice, get);
  std::uint64_t* const validity = writable_validity(vector);
  for (std::size_t i = 0; i < slice.count; ++i) {
    if (slice.rows[i].count == 0 || slice.sensor.type == core::ValueType::kText)
      validity[i / 64] &= ~(std::uint64_t{1} << (i % 64));
  }
}

void fill_column(idx_t column, duckdb_vector vector, const Slice<Aggregate>& slice) {
  switch (column) {
    case kStart:
      return fill<std::int64_t>(vector, slice, [](const Aggregate& a) { return a.start; });
    case kCount:
      return fill<std::int64_t>(vector, slice, [](const Aggregate& a) { return static_cast<std::int64_t>(a.count); });
    case kBadCount:
      return fill<std::int64_t>(vector, slice,
                                [](const Aggregate& a) { return static_cast<std::int64_t>(a.bad_count); });
    case kMin:
      return fill_statistic(vector, slice, [](const Aggregate& a) { return a.min; });
    case kMax:
      return fill_statistic(vector, slice, [](const Aggregate& a) { return a.max; });
    case kMean:
      return fill_statistic(vector, slice, [](const Aggregate& a) { return a.sum / static_cast<double>(a.count); });
    case kFirst:
      return fill_statistic(vector, slice, [](const Aggregate& a) { return a.first; });
    case kLast:
      return fill_statistic(vector, slice, [](const Aggregate& a) { return a.last; });
    case kSum:
      return fill_statistic(vector, slice, [](const Aggregate& a) { return a.sum; });
    default:
      return;
  }
}

// A query's use of the table function: what it reads, and which columns.
template <typename Row>
struct Scan {
  Tables* tables = nullptr;
  Selection selection;
  std::vector<idx_t> columns;
  std::atomic<std::size_t> next_sensor{0};
};

// One thread's place in it: sensor by sensor, whichever is next.
template <typename Row>
struct Cursor {
  std::optional<Pages<Row>> pages;
  const asset::Sensor* sensor = nullptr;
  duckdb_value path = nullptr;
  duckdb_value id = nullptr;
  std::vector<Row> page;
  std::size_t at = 0;

  Cursor() = default;
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  ~Cursor() { forget(); }
  void forget() {
    if (path != nullptr) duck().destroy_value(&path);
    if (id != nullptr) duck().destroy_value(&id);
    path = id = nullptr;
  }

  // False: no sensor is left.
  core::Result<bool> load(Scan<Row>& scan) {
    while (at == page.size()) {
      at = 0;
      page.clear();
      if (pages) {
        const auto more = pages->next(page);
        if (!more || *more) return more;
        scan.tables->told(true, 0);
        pages.reset();
      }
      const std::size_t index = scan.next_sensor.fetch_add(1);
      if (index >= scan.selection.sensors.size()) return false;
      sensor = &scan.tables->source().model().sensor(scan.selection.sensors[index]);
      pages.emplace(scan.tables->source(), scan.selection, sensor->id);
      forget();
      path = duck().create_varchar_length(sensor->path.data(), sensor->path.size());
      id = duck().create_int32(static_cast<std::int32_t>(sensor->id.value));
    }
    return true;
  }
};

template <typename T>
void destroy(void* data) {
  delete static_cast<T*>(data);
}

template <typename Columns>
void add_columns(duckdb_bind_info info, const Columns& columns) {
  for (const ColumnType& column : columns) {
    duckdb_logical_type type = duck().create_logical_type(column.type);
    duck().bind_add_result_column(info, column.name, type);
    duck().destroy_logical_type(&type);
  }
}

template <typename Row>
void bind(duckdb_bind_info info) {
  auto* const tables = static_cast<Tables*>(duck().bind_get_extra_info(info));
  auto selection = std::make_unique<Selection>(tables->selection());
  if constexpr (std::is_same_v<Row, Reading>) {
    add_columns(info, kReadingColumns);
  } else {
    add_columns(info, kAggregateColumns);
    duckdb_value parameter = duck().bind_get_parameter(info, 0);
    char* const text = duck().get_varchar(parameter);
    const auto width = historian::parse_resolution(text);
    duck().free(text);
    duck().destroy_value(&parameter);
    if (!width || *width == 0) {
      return duck().bind_set_error(info, width ? "raw is the table readings" : width.error().message.c_str());
    }
    selection->width = *width;
  }
  auto* const scan = new Scan<Row>;
  scan->tables = tables;
  scan->selection = *selection;
  duck().bind_set_bind_data(info, scan, destroy<Scan<Row>>);
}

// A query may run what it has bound more than once, so each run counts its sensors anew.
template <typename Row>
void init(duckdb_init_info info) {
  const auto* const bound = static_cast<const Scan<Row>*>(duck().init_get_bind_data(info));
  auto* const scan = new Scan<Row>;
  scan->tables = bound->tables;
  scan->selection = bound->selection;
  const idx_t columns = duck().init_get_column_count(info);
  for (idx_t i = 0; i < columns; ++i) scan->columns.push_back(duck().init_get_column_index(info, i));
  duck().init_set_max_threads(info, std::max<idx_t>(scan->selection.sensors.size(), 1));
  duck().init_set_init_data(info, scan, destroy<Scan<Row>>);
}

template <typename Row>
void init_thread(duckdb_init_info info) {
  duck().init_set_init_data(info, new Cursor<Row>, destroy<Cursor<Row>>);
}

template <typename Row>
void run(duckdb_function_info info, duckdb_data_chunk chunk) {
  auto& scan = *static_cast<Scan<Row>*>(duck().function_get_init_data(info));
  auto& cursor = *static_cast<Cursor<Row>*>(duck().function_get_local_init_data(info));
  const auto more = cursor.load(scan);
  if (!more) return duck().function_set_error(info, more.error().message.c_str());
  if (!*more) return duck().data_chunk_set_size(chunk, 0);
  const Slice<Row> slice{*cursor.sensor, scan.tables->source().texts(), cursor.page.data() + cursor.at,
                         std::min<std::size_t>(cursor.page.size() - cursor.at, duck().vector_size())};
  for (std::size_t i = 0; i < scan.columns.size(); ++i) {
    const duckdb_vector vector = duck().data_chunk_get_vector(chunk, i);
    if (scan.columns[i] == kSensorId) {
      duck().vector_reference_value(vector, cursor.id);
    } else if (scan.columns[i] == kSensor) {
      duck().vector_reference_value(vector, cursor.path);
    } else {
      fill_column(scan.columns[i], vector, slice);
    }
  }
  cursor.at += slice.count;
  duck().data_chunk_set_size(chunk, slice.count);
  scan.tables->told(false, slice.count);
}

template <typename Row>
core::Status add_function(Database& database, const char* name, Tables& tables) {
  duckdb_table_function function = duck().create_table_function();
  duck().table_function_set_name(function, name);
  if constexpr (std::is_same_v<Row, Aggregate>) {
    duckdb_logical_type text = duck().create_logical_type(DUCKDB_TYPE_VARCHAR);
    duck().table_function_add_parameter(function, text);
    duck().destroy_logical_type(&text);
  }
  duck().table_function_set_extra_info(function, &tables, nullptr);
  duck().table_function_set_bind(function, bind<Row>);
  duck().table_function_set_init(function, init<Row>);
  duck().table_function_set_local_init(function, init_thread<Row>);
  duck().table_function_set_function(function, run<Row>);
  duck().table_function_supports_projection_pushdown(function, true);
  const bool done = duck().register_table_function(database.connection(), function) == DuckDBSuccess;
  duck().destroy_table_function(&function);
  if (done) return {};
  return core::unexpected(core::ErrorCode::kUnsupported, fmt::format("DuckDB refuses the table function {}", name));
}

// Fills a table row by row. What cannot be appended is found out at the end.
class Appender {
 public:
  Appender(Database& database, const char* table) {
    duck().appender_create(database.connection(), nullptr, table, &appender_);
  }
  Appender(const Appender&) = delete;
  Appender& operator=(const Appender&) = delete;
  ~Appender() {
    if (appender_ != nullptr) duck().appender_destroy(&appender_);
  }

  Appender& add(std::string_view text) {
    duck().append_varchar_length(appender_, text.data(), text.size());
    return *this;
  }
  Appender& add_or_null(std::string_view text) { return text.empty() ? null() : add(text); }
  Appender& add(std::int32_t number) {
    duck().append_int32(appender_, number);
    return *this;
  }
  Appender& add(double number) {
    duck().append_double(appender_, number);
    return *this;
  }
  Appender& null() {
    duck().append_null(appender_);
    return *this;
  }
  void end_row() { duck().appender_end_row(appender_); }
  core::Status finish() {
    if (appender_ == nullptr) return {};
    const char* const error = duck().appender_error(appender_);
    const std::string why = error != nullptr ? error : "";
    const bool done = duck().appender_destroy(&appender_) == DuckDBSuccess;
    appender_ = nullptr;
    return done ? core::Status() : core::unexpected(core::ErrorCode::kIo, "filling a table: " + why);
  }

 private:
  duckdb_appender appender_ = nullptr;
};

constexpr const char* kSchema = R"(
CREATE TABLE machines(machine VARCHAR, path VARCHAR, type VARCHAR, description VARCHAR, manufacturer VARCHAR,
  model VARCHAR, serial_number VARCHAR, enterprise VARCHAR, site VARCHAR, area VARCHAR, line VARCHAR, cell VARCHAR,
  time_zone VARCHAR);
CREATE TABLE sensors(sensor_id INTEGER, sensor VARCHAR, machine VARCHAR, component VARCHAR, name VARCHAR,
  description VARCHAR, type VARCHAR, unit VARCHAR, low DOUBLE, high DOUBLE, rate_hz DOUBLE, connector VARCHAR,
  address VARCHAR);
CREATE VIEW readings AS SELECT * FROM raw_history();
CREATE VIEW readings_1s AS SELECT * FROM history('1s');
CREATE VIEW readings_1m AS SELECT * FROM history('1m');
CREATE VIEW readings_1h AS SELECT * FROM history('1h');
)";

}  // namespace

void Tables::told(bool sensor_done, std::uint64_t rows) {
  const std::uint64_t before = rows_.fetch_add(rows);
  const std::uint64_t sensors = sensor_done ? ++sensors_done_ : sensors_done_.load();
  constexpr std::uint64_t kEvery = 1 << 16;
  if (!progress_ || before / kEvery == (before + rows) / kEvery) return;
  core::MutexLock lock(mutex_);
  progress_(static_cast<double>(sensors), before + rows);
}

core::Status Tables::create(Database& database) {
  if (auto done = add_function<Reading>(database, "raw_history", *this); !done) return done;
  if (auto done = add_function<Aggregate>(database, "history", *this); !done) return done;
  if (auto done = database.execute(kSchema); !done) return done;
  return create_assets(database);
}

core::Status Tables::create_assets(Database& database) {
  const asset::Model& model = source_.model();
  Appender machines(database, "machines");
  for (const asset::Machine& m : model.machines()) {
    machines.add(m.name).add(m.path).add(m.type).add_or_null(m.description).add_or_null(m.manufacturer);
    machines.add_or_null(m.model).add_or_null(m.serial_number);
    for (const std::string& level : m.hierarchy) machines.add(level);
    machines.add_or_null(m.time_zone).end_row();
  }
  if (auto done = machines.finish(); !done) return done;
  Appender sensors(database, "sensors");
  for (const asset::Sensor& s : model.sensors()) {
    sensors.add(static_cast<std::int32_t>(s.id.value)).add(s.path).add(model.machine(s.machine).name);
    sensors.add_or_null(s.component).add(s.name).add_or_null(s.description).add(core::to_string(s.type));
    sensors.add_or_null(s.unit != nullptr ? s.unit->symbol : "");
    s.range ? sensors.add(s.range->low).add(s.range->high) : sensors.null().null();
    sensors.add(s.rate_hz).add_or_null(s.source.connector).add_or_null(s.source.address).end_row();
  }
  return sensors.finish();
}

}  // namespace millwright::history
