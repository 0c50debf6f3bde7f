// backup and restore.

#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "backup.hpp"
#include "commands.hpp"
#include "history/progress.hpp"
#include "plant_config.hpp"

namespace millwright::app {
namespace {

struct Options {
  std::string config = "plant.yaml";
  std::string folder;
  bool json = false;
};

int report(const core::Result<BackupResult>& result, bool json, const char* what) {
  if (!result) return fail(result.error());
  if (json) {
    fmt::print("{}\n", nlohmann::json{{"files", result->files},
                                      {"bytes", result->bytes},
                                      {"copied_files", result->copied_files},
                                      {"copied_bytes", result->copied_bytes}}
                           .dump(2));
  } else {
    fmt::print("{}: {} files, {:.1f} MB; copied {} files, {:.1f} MB\n", what, result->files,
               static_cast<double>(result->bytes) / 1e6, result->copied_files,
               static_cast<double>(result->copied_bytes) / 1e6);
  }
  return kDone;
}

Progress bar(const char* what) {
  const auto shown = std::make_shared<history::Progress>(what, "bytes");
  return [shown](std::uint64_t done, std::uint64_t all) {
    shown->update(static_cast<double>(done), static_cast<double>(all), done);
  };
}

core::Result<std::string> data_directory(const std::string& file) {
  PlantConfig config;
  if (auto loaded = load_plant_config(file, config); !loaded) return core::unexpected(loaded.error());
  return config.engine.data_directory;
}

int back_up_plant(const Options& options) {
  const auto data = data_directory(options.config);
  if (!data) return fail(data.error());
  io::RealFileSystem files;
  return report(back_up(files, options.config, *data, options.folder, bar("backing up")), options.json, "backup");
}

int restore_plant(const Options& options) {
  const auto data = data_directory(options.config);
  if (!data) return fail(data.error());
  io::RealFileSystem files;
  return report(restore(files, options.folder, *data, bar("restoring")), options.json, "restored");
}

void add(CLI::App& app, const SetCommand& set, const char* name, const char* description, int (*run)(const Options&)) {
  auto* sub = app.add_subcommand(name, description);
  auto options = std::make_shared<Options>();
  sub->add_option("folder", options->folder, "the backup's folder")->required();
  sub->add_option("--config", options->config, "the plant's file")->capture_default_str();
  sub->add_flag("--json", options->json, "answer as JSON");
  sub->callback([=] { set([=] { return run(*options); }); });
}

}  // namespace

void add_backup(CLI::App& app, const SetCommand& set) {
  add(app, set, "backup", "copies a plant's history, alarms and limits, also while it runs; again: only what is new",
      back_up_plant);
  add(app, set, "restore", "puts a backup into the data folder of a plant, which must be empty", restore_plant);
}

}  // namespace millwright::app
