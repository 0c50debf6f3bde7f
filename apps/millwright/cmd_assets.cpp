// assets: what a plant consists of, in versions: as YAML, what was changed, and the file's in place of what was edited.

#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "commands.hpp"
#include "io/clock.hpp"
#include "plant_config.hpp"
#include "registry/registry.hpp"

namespace millwright::app {
namespace {

// The registry of a plant that may run.
struct OpenRegistry {
  std::unique_ptr<database::Database> database;
  std::unique_ptr<registry::Registry> registry;
  PlantConfig config;
};

core::Result<OpenRegistry> open_registry(const std::string& file) {
  OpenRegistry open;
  if (auto loaded = load_plant_config(file, open.config); !loaded) return core::unexpected(loaded.error());
  auto database = database::Database::open(open.config.database);
  if (!database) return core::unexpected(database.error());
  open.database = std::move(*database);
  auto registry = registry::Registry::open(*open.database);
  if (!registry) return core::unexpected(registry.error());
  open.registry = std::make_unique<registry::Registry>(std::move(*registry));
  return open;
}

int show(const std::string& file, std::int64_t version) {
  const auto open = open_registry(file);
  if (!open) return fail(open.error());
  const auto assets = version == 0 ? open->registry->newest() : open->registry->find(version);
  if (!assets) return fail(assets.error());
  if (!*assets) {
    return fail({core::ErrorCode::kNotFound,
                 version == 0
                     ? "the registry is empty: the plant was never started"
                     : fmt::format("there is no version {}; `millwright assets versions` lists them", version)});
  }
  fmt::print("{}", (*assets)->document.yaml());
  return kDone;
}

int list(const std::string& file) {
  const auto open = open_registry(file);
  if (!open) return fail(open.error());
  const auto versions = open->registry->versions(registry::kVersionsKept);
  if (!versions) return fail(versions.error());
  for (const registry::Version& one : *versions) {
    fmt::print("{:>6}  {}  {:<16} {}\n", one.number, core::format_time(one.time), one.who, one.what);
  }
  return kDone;
}

int take(const std::string& file) {
  const auto open = open_registry(file);
  if (!open) return fail(open.error());
  PlantConfig alone;
  const auto problems = read_plant_config(file, alone);
  if (!problems) return fail(problems.error());
  const io::RealClock clock;
  const auto assets = open->registry->take_file(alone.file_assets, file, clock.now(), registry::Take::kAlways);
  if (!assets) return fail(assets.error());
  fmt::print("version {}: as {} says; a plant that runs takes it on SIGHUP\n", assets->version.number, file);
  return kDone;
}

}  // namespace

void add_assets(CLI::App& app, const SetCommand& set) {
  auto* assets = app.add_subcommand("assets", "what a plant consists of: its file and the edits made while it ran");
  assets->require_subcommand(1);
  auto file = std::make_shared<std::string>("plant.yaml");
  assets->add_option("--config", *file, "the plant's file")->capture_default_str();
  auto* export_ = assets->add_subcommand("export", "print the assets as a plant's file writes them (YAML)");
  auto version = std::make_shared<std::int64_t>(0);
  export_->add_option("--version", *version, "an earlier version")->check(CLI::PositiveNumber);
  export_->callback([=] { set([=] { return show(*file, *version); }); });
  assets->add_subcommand("versions", "list the versions: when, who, what")->callback([=] {
    set([=] { return list(*file); });
  });
  assets->add_subcommand("take", "put the file's assets in place of those that were edited")->callback([=] {
    set([=] { return take(*file); });
  });
}

}  // namespace millwright::app
