// run: a plant, until it is asked to stop.

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "commands.hpp"
#include "core/log.hpp"
#include "plant.hpp"
#include "stop_signal.hpp"

namespace millwright::app {
namespace {

int run_plant(const std::string& file) {
  PlantConfig config;
  if (auto loaded = load_plant_config(file, config); !loaded) return fail(loaded.error());
  StopSignal stop;
  const auto log = core::logger("plant");
  auto plant = Plant::open(std::move(config));
  if (!plant) return fail(plant.error());
  if (auto up = (*plant)->start(); !up) return fail(up.error());
  log->info("dashboard {}, OPC UA {}", (*plant)->dashboard_url(), (*plant)->opcua_endpoint());
  while (!stop.wait(core::kHour)) {
  }
  log->info("stopping: writing what is on its way");
  (*plant)->stop();
  log->info("stopped");
  return kDone;
}

}  // namespace

void add_run(CLI::App& app, const SetCommand& set) {
  auto* sub = app.add_subcommand("run", "run a plant, until SIGINT or SIGTERM");
  auto file = std::make_shared<std::string>();
  sub->add_option("file,-c,--config", *file, "the plant's YAML file")->required();
  sub->callback([=] { set([=] { return run_plant(*file); }); });
}

}  // namespace millwright::app
