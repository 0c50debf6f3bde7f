// history query and history export: what a plant has kept, on the screen or in a file.

#include "cmd_history.hpp"

#include <atomic>
#include <csignal>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "api/parameters.hpp"
#include "historian/processed.hpp"
#include "history/parquet.hpp"
#include "history/tables.hpp"
#include "history/text_export.hpp"

namespace millwright::app {
namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "the signal handler needs it");

// The first interrupt ends the command in order, so that no half of a file stays behind; the second at once.
void catch_interrupt() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

int query(const HistoryOptions& options, std::uint64_t limit) {
  auto plant = HistoryPlant::open(options.config, options.url);
  if (!plant) return fail(plant.error());
  const auto selection = select(options, **plant);
  if (!selection) return fail(selection.error());
  auto out = history::OutputFile::open("-");
  history::Progress quiet("");
  const auto format = text_format(options.format);
  const auto written = history::write_rows((*plant)->source(), *selection, format, limit, *out, quiet);
  return written ? kDone : fail(written.error());
}

core::Result<history::Written> export_parquet(history::Source& source, const history::Selection& selection,
                                              history::OutputFile& out, history::Progress& progress) {
  auto database = history::Database::open();
  if (!database) return core::unexpected(database.error());
  const auto whole = static_cast<double>(selection.sensors.size());
  history::Tables tables(source, selection,
                         [&](double sensors, std::uint64_t rows) { progress.update(sensors, whole, rows); });
  if (auto made = tables.create(**database); !made) return core::unexpected(made.error());
  const auto rows = history::write_parquet(**database, selection, out);
  database->reset();
  if (!rows) return core::unexpected(rows.error());
  return history::Written{.rows = *rows};
}

core::Result<history::Written> write_export(const HistoryOptions& options, bool wide, history::Source& source,
                                            const history::Selection& selection, history::OutputFile& out) {
  history::Progress progress("exporting");
  if (options.format == "parquet") return export_parquet(source, selection, out, progress);
  if (wide) return history::write_wide(source, selection, out, progress);
  return history::write_rows(source, selection, text_format(options.format), 0, out, progress);
}

int export_history(const HistoryOptions& options, bool wide) {
  if (wide && options.format != "csv") {
    return fail({core::ErrorCode::kInvalid, "--wide is for --format csv"});
  }
  if (options.format == "parquet" && options.out == "-") {
    return fail({core::ErrorCode::kInvalid, "a Parquet file cannot be written to standard output; name it with --out"});
  }
  auto plant = HistoryPlant::open(options.config, options.url);
  if (!plant) return fail(plant.error());
  const auto selection = select(options, **plant);
  if (!selection) return fail(selection.error());
  auto out = history::OutputFile::open(options.out);
  if (!out) return fail(out.error());
  const history::Progress clock("");
  const auto written = write_export(options, wide, (*plant)->source(), *selection, *out);
  if (!written) return fail(written.error());
  if (auto done = out->commit(); !done) return fail(done.error());
  if (written->left_out != 0) {
    fmt::print(stderr, "{} readings are no number, which line protocol has no word for; they are left out\n",
               written->left_out);
  }
  if (options.out != "-") {
    fmt::print(stderr, "{}: {} rows in {:.1f} s\n", options.out, written->rows, clock.seconds());
  }
  return kDone;
}

void add_query(CLI::App& history, const SetCommand& set) {
  auto* sub = history.add_subcommand("query", "print a sensor's history");
  auto options = std::make_shared<HistoryOptions>();
  auto limit = std::make_shared<std::uint64_t>(0);
  sub->add_option("sensor", options->sensors, "paths, ends of paths (pump-1/motor/current) or globs (**/current)")
      ->required();
  add_place_options(*sub, options);
  add_time_options(*sub, options);
  sub->add_option("--resolution", options->resolution, "raw, 1s, 1m, 1h or a duration such as 15min")
      ->capture_default_str();
  options->format = "table";
  sub->add_option("--format", options->format, "table, csv or json")
      ->check(CLI::IsMember({"table", "csv", "json"}))
      ->capture_default_str();
  sub->add_option("--limit", *limit, "rows at most; 0: all")->capture_default_str();
  sub->callback([=] { set([=] { return query(*options, *limit); }); });
}

void add_export(CLI::App& history, const SetCommand& set) {
  auto* sub = history.add_subcommand("export", "write history to a CSV, line protocol or Parquet file");
  auto options = std::make_shared<HistoryOptions>();
  auto wide = std::make_shared<bool>(false);
  sub->add_option("--sensor", options->sensors, "paths, ends of paths or globs; without it all sensors");
  add_place_options(*sub, options);
  add_time_options(*sub, options);
  sub->add_option("--resolution", options->resolution, "raw, 1s, 1m, 1h or a duration such as 15min")
      ->capture_default_str();
  sub->add_option("--format", options->format, "csv, influx (line protocol) or parquet")
      ->check(CLI::IsMember({"csv", "influx", "parquet"}))
      ->required();
  sub->add_flag("--wide", *wide, "CSV with a row a time and a column a sensor");
  sub->add_option("--out", options->out, "the file, which is replaced as a whole; - is standard output")->required();
  sub->callback([=] { set([=] { return export_history(*options, *wide); }); });
}

}  // namespace

void add_place_options(CLI::App& sub, const std::shared_ptr<HistoryOptions>& options) {
  sub.add_option("-c,--config", options->config, "the plant's YAML file; the plant must be stopped")
      ->capture_default_str();
  sub.add_option("--url", options->url, "ask a running plant instead, such as http://127.0.0.1:8080");
}

void add_time_options(CLI::App& sub, const std::shared_ptr<HistoryOptions>& options) {
  sub.add_option("--from", options->from, "first time: ISO 8601 (UTC unless it says so), -1h, now; default: all");
  sub.add_option("--to", options->to, "time to end before; default: all");
}

history::TextFormat text_format(const std::string& name) {
  if (name == "csv") return history::TextFormat::kCsv;
  if (name == "json") return history::TextFormat::kJson;
  return name == "influx" ? history::TextFormat::kInflux : history::TextFormat::kTable;
}

core::Result<history::Selection> select(const HistoryOptions& options, const HistoryPlant& plant) {
  history::Selection selection;
  auto sensors = history::select_sensors(plant.model(), options.sensors);
  if (!sensors) return core::unexpected(sensors.error());
  selection.sensors = std::move(*sensors);
  const auto width = historian::parse_resolution(options.resolution);
  if (!width) return core::unexpected(width.error().within("--resolution"));
  selection.width = *width;
  const core::TimeNs now = plant.clock().now();
  for (const auto& [name, text, time] : {std::tuple("--from", &options.from, &selection.range.from),
                                         std::tuple("--to", &options.to, &selection.range.to)}) {
    if (text->empty()) continue;
    const auto moment = api::parse_moment(*text, now);
    if (!moment) return core::unexpected(moment.error().within(name));
    *time = *moment;
  }
  if (selection.range.from > selection.range.to) {
    return core::unexpected(core::ErrorCode::kInvalid, "--from is after --to; swap them");
  }
  catch_interrupt();
  selection.stopped = &interrupted;
  return selection;
}

void add_history(CLI::App& app, const SetCommand& set) {
  auto* history =
      app.add_subcommand("history", "query, export, import and check what a plant keeps, and ask it in SQL");
  history->require_subcommand(1);
  history->footer("docs/history.md has examples, docs/format/exports.md the formats.");
  add_query(*history, set);
  add_export(*history, set);
  add_history_import(*history, set);
  add_history_sql(*history, set);
  add_history_inspect(*history, set);
}

}  // namespace millwright::app
