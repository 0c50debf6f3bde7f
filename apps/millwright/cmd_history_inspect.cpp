// history verify and history stats: whether what is kept is whole, and what it is made of.

#include <algorithm>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cmd_history.hpp"
#include "historian/inspect.hpp"
#include "history/progress.hpp"
#include "plant_config.hpp"

namespace millwright::app {
namespace {

using historian::Contents;
using historian::InspectReport;
using Json = nlohmann::ordered_json;

constexpr std::array<const char*, historian::kTiers> kTierNames = {"raw", "1s", "1m", "1h", "slow"};

struct Options {
  std::string config = "plant.yaml";
  bool json = false;
  std::size_t top = 0;
};

core::Result<std::string> history_folder(const std::string& file) {
  PlantConfig config;
  if (auto loaded = load_plant_config(file, config); !loaded) return core::unexpected(loaded.error());
  return config.engine.data_directory + "/history";
}

core::Result<InspectReport> look(const Options& options, const historian::InspectOptions& how) {
  const auto folder = history_folder(options.config);
  if (!folder) return core::unexpected(folder.error());
  io::RealFileSystem files;
  history::Progress progress("checking", "bytes");
  const auto show = [&](std::uint64_t done, std::uint64_t all) {
    progress.update(static_cast<double>(done), static_cast<double>(all), done);
  };
  return historian::inspect(files, *folder, how, how.check ? show : historian::InspectProgress{});
}

std::string time_text(const historian::Extent& times, bool low) {
  return times.empty() ? "-" : core::format_time(low ? times.low : times.high);
}

Json contents_json(const Contents& contents) {
  return {{"files", contents.files},
          {"bytes", contents.bytes},
          {"rows", contents.rows},
          {"from", contents.times.empty() ? Json() : Json(core::format_time(contents.times.low))},
          {"to", contents.times.empty() ? Json() : Json(core::format_time(contents.times.high))}};
}

// ---- verify ---------------------------------------------------------------------------------------------------------

bool any_loss(const InspectReport& report) {
  return std::any_of(report.findings.begin(), report.findings.end(), [](const auto& one) { return one.loss; });
}

int verify(const Options& options) {
  const auto report = look(options, {.check = true, .by_series = false});
  if (!report) return fail(report.error());
  if (options.json) {
    Json findings = Json::array();
    for (const auto& one : report->findings) {
      findings.push_back({{"where", one.where}, {"what", one.what}, {"loss", one.loss}});
    }
    fmt::print("{}\n", Json{{"whole", report->findings.empty()},
                            {"readings", report->readings()},
                            {"checked_blocks", report->checked_blocks},
                            {"findings", findings}}
                           .dump(2));
  } else {
    for (const auto& one : report->findings) fmt::print("{}: {}\n", one.where, one.what);
    fmt::print("{} readings, {} blocks of column files and all journals read: {}\n", report->readings(),
               report->checked_blocks,
               report->findings.empty() ? "all is whole"
               : any_loss(*report)      ? fmt::format("{} findings, named above", report->findings.size())
                                        : "damage that costs nothing, named above; merging will write it anew");
  }
  return any_loss(*report) ? kFailed : kDone;
}

// ---- stats ----------------------------------------------------------------------------------------------------------

Json stats_json(const InspectReport& report,
                const std::vector<std::pair<std::string, historian::SeriesContents>>& top) {
  Json tiers = Json::object();
  for (std::size_t i = 0; i < historian::kTiers; ++i) tiers[kTierNames[i]] = contents_json(report.tiers[i]);
  Json sensors = Json::array();
  for (const auto& [path, contents] : top) {
    Json row = {{"sensor", path}, {"unsealed", contents_json(contents.unsealed)}};
    for (std::size_t i = 0; i < historian::kTiers; ++i) row[kTierNames[i]] = contents_json(contents.tiers[i]);
    sensors.push_back(std::move(row));
  }
  return {{"series", report.series},
          {"readings", report.readings()},
          {"journal", contents_json(report.unsealed)},
          {"tiers", std::move(tiers)},
          {"catalogue_bytes", report.catalogue_bytes},
          {"sensors", std::move(sensors)}};
}

std::uint64_t bytes_of(const historian::SeriesContents& contents) {
  std::uint64_t sum = contents.unsealed.bytes;
  for (const Contents& tier : contents.tiers) sum += tier.bytes;
  return sum;
}

std::vector<std::pair<std::string, historian::SeriesContents>> largest(const InspectReport& report, std::size_t top) {
  std::vector<std::pair<std::string, historian::SeriesContents>> all(report.by_series.begin(), report.by_series.end());
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return bytes_of(a.second) > bytes_of(b.second); });
  all.resize(std::min(all.size(), top));
  return all;
}

void print_line(const char* name, const Contents& contents) {
  const double each = contents.rows == 0 ? 0 : static_cast<double>(contents.bytes) / static_cast<double>(contents.rows);
  fmt::print("{:<10}{:>7}{:>12.3f}{:>15}{:>10.2f}  {:<25}{}\n", name, contents.files,
             static_cast<double>(contents.bytes) / 1e6, contents.rows, each, time_text(contents.times, true),
             time_text(contents.times, false));
}

int stats(const Options& options) {
  const auto report = look(options, {.check = false, .by_series = options.top != 0});
  if (!report) return fail(report.error());
  const auto top = largest(*report, options.top);
  if (options.json) {
    fmt::print("{}\n", stats_json(*report, top).dump(2));
    return kDone;
  }
  fmt::print("{:<10}{:>7}{:>12}{:>15}{:>10}  {:<25}{}\n", "tier", "files", "MB", "rows", "B/row", "from", "to");
  print_line("journal", report->unsealed);
  std::uint64_t bytes = report->unsealed.bytes + report->catalogue_bytes;
  for (std::size_t i = 0; i < historian::kTiers; ++i) {
    print_line(kTierNames[i], report->tiers[i]);
    bytes += report->tiers[i].bytes;
  }
  fmt::print("{} series, {} readings, {:.3f} MB in all\n", report->series, report->readings(),
             static_cast<double>(bytes) / 1e6);
  if (!top.empty()) fmt::print("\n{:>12}{:>15}  {}\n", "MB", "readings", "sensor");
  for (const auto& [path, contents] : top) {
    fmt::print("{:>12.3f}{:>15}  {}\n", static_cast<double>(bytes_of(contents)) / 1e6, contents.readings(), path);
  }
  return kDone;
}

// ---- gaps -----------------------------------------------------------------------------------------------------------

struct GapOptions {
  std::shared_ptr<HistoryOptions> place = std::make_shared<HistoryOptions>();
  std::string longer = "1min";
};

// Prints each stretch of a sensor's history without a good or uncertain reading.
core::Result<std::uint64_t> print_gaps(history::Source& source, const history::Selection& selection,
                                       core::SensorId sensor, core::DurationNs longer) {
  history::Pages<historian::Reading> pages(source, selection, sensor);
  std::vector<historian::Reading> readings;
  std::optional<core::TimeNs> last;
  std::uint64_t gaps = 0;
  for (;;) {
    const auto more = pages.next(readings);
    if (!more) return core::unexpected(more.error());
    if (!*more) return gaps;
    for (const historian::Reading& reading : readings) {
      if (reading.quality.is_bad()) continue;
      if (last && reading.time - *last > longer) {
        fmt::print("{:<31}{:<31}{:>14}  {}\n", core::format_time(*last), core::format_time(reading.time),
                   core::format_duration(reading.time - *last), source.model().sensor(sensor).path);
        ++gaps;
      }
      last = reading.time;
    }
  }
}

int gaps(const GapOptions& options) {
  const auto longer = core::parse_duration(options.longer);
  if (!longer || *longer <= 0) {
    return fail({core::ErrorCode::kInvalid, "--longer: '" + options.longer + "' is no duration; write 10s or 5min"});
  }
  auto plant = HistoryPlant::open(options.place->config, options.place->url);
  if (!plant) return fail(plant.error());
  const auto selection = select(*options.place, **plant);
  if (!selection) return fail(selection.error());
  fmt::print("{:<31}{:<31}{:>14}  {}\n", "last before", "first after", "without", "sensor");
  std::uint64_t all = 0;
  for (const core::SensorId sensor : selection->sensors) {
    const auto found = print_gaps((*plant)->source(), *selection, sensor, *longer);
    if (!found) return fail(found.error());
    all += *found;
  }
  fmt::print("{} gaps longer than {} in {} sensors\n", all, core::format_duration(*longer), selection->sensors.size());
  return kDone;
}

void add_gaps(CLI::App& history, const SetCommand& set) {
  auto* sub = history.add_subcommand("gaps", "list stretches of time without a good reading");
  const auto options = std::make_shared<GapOptions>();
  sub->add_option("sensor", options->place->sensors, "paths, ends of paths or globs; without it all sensors");
  add_place_options(*sub, options->place);
  add_time_options(*sub, options->place);
  sub->add_option("--longer", options->longer, "than this")->capture_default_str();
  sub->callback([=] { set([=] { return gaps(*options); }); });
}

CLI::App* add(CLI::App& history, const SetCommand& set, const char* name, const char* description,
              const std::shared_ptr<Options>& options, int (*run)(const Options&)) {
  auto* sub = history.add_subcommand(name, description);
  sub->add_option("-c,--config", options->config, "the plant's YAML file; the plant may run")->capture_default_str();
  sub->add_flag("--json", options->json, "answer as JSON");
  sub->callback([=] { set([=] { return run(*options); }); });
  return sub;
}

}  // namespace

void add_history_inspect(CLI::App& history, const SetCommand& set) {
  add(history, set, "verify", "read all that is kept, check every block, and name what is lost: file, sensor, range",
      std::make_shared<Options>(), verify);
  const auto options = std::make_shared<Options>();
  add(history, set, "stats", "what is kept: files, bytes and rows of each tier, from when to when", options, stats)
      ->add_option("--top", options->top, "also the sensors that take the most room, so many");
  add_gaps(history, set);
}

}  // namespace millwright::app
