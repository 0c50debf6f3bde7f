// history import: readings from files into a stopped plant's history.

#include <algorithm>
#include <filesystem>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cmd_history.hpp"
#include "history/importer.hpp"
#include "history/parquet.hpp"
#include "history/progress.hpp"

namespace millwright::app {
namespace {

struct ImportOptions {
  std::string config = "plant.yaml";
  std::vector<std::string> files;
  std::string format;  // "": by the file's name
  std::string mapping;
  bool strict = false;
  history::CsvColumns columns;
};

core::Result<std::string> format_of(const ImportOptions& options, const std::string& file) {
  if (!options.format.empty()) return options.format;
  const std::string end = std::filesystem::path(file).extension().string();
  if (end == ".csv" || end == ".txt") return std::string("csv");
  if (end == ".lp" || end == ".influx") return std::string("influx");
  if (end == ".parquet") return std::string("parquet");
  return core::unexpected(core::ErrorCode::kInvalid,
                          fmt::format("{}: what it holds cannot be told from its name; say --format", file));
}

core::Status import_file(const ImportOptions& options, const std::string& file, const history::ImportContext& context) {
  const auto format = format_of(options, file);
  if (!format) return core::unexpected(format.error());
  if (*format == "csv") return history::import_csv(file, options.columns, context);
  if (*format == "influx") return history::import_influx(file, context);
  auto database = history::Database::open();
  if (!database) return core::unexpected(database.error());
  return history::import_parquet(**database, file, options.columns, context);
}

// All files into the sink; the first that cannot be read at all ends it.
core::Status import_files(const ImportOptions& options, const char* what, history::SensorNames& names,
                          history::ReadingSink& sink, history::ImportReport& report, core::Texts& texts) {
  history::Progress progress(what);
  double files_done = 0;
  const auto files = static_cast<double>(options.files.size());
  for (const std::string& file : options.files) {
    const auto show = [&](double part) { progress.update(files_done + part, files, report.rows); };
    if (auto done = import_file(options, file, {names, sink, report, texts, show}); !done) return done;
    ++files_done;
  }
  return {};
}

void print_refused(const history::ImportReport& report) {
  for (const std::string& message : report.messages()) fmt::print(stderr, "{}\n", message);
  if (report.refused() > report.messages().size()) {
    fmt::print(stderr, "… and {} more\n", report.refused() - report.messages().size());
  }
}

// With --strict: reads everything once beforehand, and nothing is imported where anything is wrong.
core::Status check(const ImportOptions& options, history::SensorNames& names) {
  if (std::find(options.files.begin(), options.files.end(), "-") != options.files.end()) {
    return core::unexpected(core::ErrorCode::kInvalid,
                            "--strict reads the files twice, which standard input cannot be");
  }
  history::NoSink sink;
  history::ImportReport report;
  core::TextTable texts;
  if (auto done = import_files(options, "checking", names, sink, report, texts); !done) return done;
  if (report.refused() == 0) return {};
  print_refused(report);
  return core::unexpected(core::ErrorCode::kCorrupt,
                          fmt::format("{} rows are bad; nothing is imported (--strict)", report.refused()));
}

int import_history(const ImportOptions& options) {
  auto plant = HistoryPlant::open_for_import(options.config);
  if (!plant) return fail(plant.error());
  history::SensorNames names((*plant)->model());
  if (!options.mapping.empty()) {
    if (auto read = names.read_mapping(options.mapping); !read) return fail(read.error());
  }
  if (options.strict) {
    if (auto good = check(options, names); !good) return fail(good.error());
  }
  const history::Progress clock("");
  history::ImportReport report;
  history::Importer importer((*plant)->model(), (*plant)->engine(), (*plant)->clock());
  const core::Status read =
      import_files(options, "importing", names, importer, report, (*plant)->engine().history().texts());
  const core::Status durable = importer.finish();
  print_refused(report);
  if (!durable) return fail(durable.error().within("not all is imported"));
  const double seconds = clock.seconds();
  fmt::print("{} readings imported in {:.2f} s ({:.2f} M/s){}\n", report.readings, seconds,
             static_cast<double>(report.readings) / seconds / 1e6,
             report.refused() == 0 ? "" : fmt::format("; {} refused", report.refused()));
  if (!read) return fail(read.error());
  return report.refused() == 0 ? kDone : kFailed;
}

}  // namespace

void add_history_import(CLI::App& history, const SetCommand& set) {
  auto* sub = history.add_subcommand("import", "take readings from files into a stopped plant's history");
  sub->footer(
      "Readings keep their own times, values and quality; importing the same again changes nothing. Values are in\n"
      "engineering units: no calibration is applied. Bad rows are named and left out, and the exit code is then 1.");
  auto options = std::make_shared<ImportOptions>();
  sub->add_option("files", options->files, "the files; - is standard input")->required();
  sub->add_option("-c,--config", options->config, "the plant's YAML file; the plant must be stopped")
      ->capture_default_str();
  sub->add_option("--format", options->format, "csv, influx (line protocol, ns) or parquet; default: by the name")
      ->check(CLI::IsMember({"csv", "influx", "parquet"}));
  sub->add_option("--map", options->mapping, "a file of lines <name in the files>,<sensor>");
  sub->add_option("--time-column", options->columns.time, "of a long file")->capture_default_str();
  sub->add_option("--sensor-column", options->columns.sensor, "a file without it is wide: time, then a column a sensor")
      ->capture_default_str();
  sub->add_option("--value-column", options->columns.value, "of a long file")->capture_default_str();
  sub->add_option("--quality-column", options->columns.quality, "of a long file; may be missing")
      ->capture_default_str();
  sub->add_flag("--strict", options->strict, "import nothing where any row is bad");
  sub->callback([=] { set([=] { return import_history(*options); }); });
}

}  // namespace millwright::app
