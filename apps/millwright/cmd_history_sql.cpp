// history sql: DuckDB over a plant's history and asset model.

#include <CLI/CLI.hpp>

#include "cmd_history.hpp"
#include "history/sql.hpp"
#include "history/tables.hpp"

namespace millwright::app {
namespace {

constexpr const char* kTables = R"(Tables:
  readings(time, sensor_id, sensor, value, value_int, quality, good, text)
  readings_1s, readings_1m, readings_1h, history('15min'):
    (start, sensor_id, sensor, count, bad_count, min, max, mean, first, last, sum)
  sensors(sensor_id, sensor, machine, component, name, type, unit, low, high, rate_hz, ...)
  machines(machine, path, type, enterprise, site, area, line, cell, time_zone, ...)

History is read while the query runs, only the columns that it names. Give --from, --to and --sensor where you can:
they spare reading the rest, which a WHERE does not.)";

int run(const HistoryOptions& options, const std::string& statement) {
  auto database = history::Database::open();
  if (!database) return fail(database.error());
  auto plant = HistoryPlant::open(options.config, options.url);
  if (!plant) return fail(plant.error());
  const auto selection = select(options, **plant);
  if (!selection) return fail(selection.error());
  auto out = history::OutputFile::open("-");
  history::Tables tables((*plant)->source(), *selection, {});
  auto done = tables.create(**database);
  if (done) done = history::run_sql(**database, statement, text_format(options.format), *out);
  database->reset();
  return done ? kDone : fail(done.error());
}

}  // namespace

void add_history_sql(CLI::App& history, const SetCommand& set) {
  auto* sub = history.add_subcommand("sql", "ask a plant's history in SQL (DuckDB)");
  auto options = std::make_shared<HistoryOptions>();
  auto statement = std::make_shared<std::string>();
  sub->footer(kTables);
  sub->add_option("statement", *statement, "one SQL statement")->required();
  add_place_options(*sub, options);
  add_time_options(*sub, options);
  sub->add_option("--sensor", options->sensors, "only these sensors: paths, ends of paths or globs");
  options->format = "table";
  sub->add_option("--format", options->format, "table, csv or json")
      ->check(CLI::IsMember({"table", "csv", "json"}))
      ->capture_default_str();
  sub->callback([=] { set([=] { return run(*options, *statement); }); });
}

}  // namespace millwright::app
