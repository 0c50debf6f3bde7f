// run: a plant, until it is asked to stop; on SIGHUP, and when its assets were edited, made anew.

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "commands.hpp"
#include "core/log.hpp"
#include "io/descriptors.hpp"
#include "plant.hpp"
#include "stop_signal.hpp"

namespace millwright::app {
namespace {

// The plant of a file, made anew when that, or what was edited, has changed.
class Runner {
 public:
  explicit Runner(std::string file) : file_(std::move(file)) {}

  core::Status start() {
    if (auto loaded = load_plant_config(file_, config_); !loaded) return loaded;
    return open(config_);
  }
  // What cannot be read changes nothing. Fails where not even the old plant can be made again.
  core::Status reload() {
    PlantConfig next;
    if (auto loaded = load_plant_config(file_, next); !loaded) {
      log_->error("not reloaded, the plant runs on as it is: {}", loaded.error().message);
      return {};
    }
    const io::RealClock clock;
    const core::TimeNs begun = clock.monotonic();
    plant_->stop();
    plant_.reset();
    auto opened = open(next);
    if (opened) {
      config_ = std::move(next);
      log_->info("reloaded in {} ms", (clock.monotonic() - begun) / core::kMillisecond);
      return {};
    }
    log_->error("not reloaded, the plant runs on as it was: {}", opened.error().message);
    return open(config_);
  }
  void stop() { plant_->stop(); }

 private:
  core::Status open(const PlantConfig& config) {
    auto plant = Plant::open(config, ask_to_reload);
    if (!plant) return core::unexpected(plant.error());
    plant_ = std::move(*plant);
    if (auto up = plant_->start(); !up) {
      plant_.reset();
      return up;
    }
    log_->info("dashboard {}, OPC UA {}", plant_->dashboard_url(), plant_->opcua_endpoint());
    return {};
  }

  const std::string file_;
  const std::shared_ptr<spdlog::logger> log_ = core::logger("plant");
  PlantConfig config_;
  std::unique_ptr<Plant> plant_;
};

int run_plant(const std::string& file) {
  io::raise_descriptor_limit();
  StopSignal stop(Hangup::kReloads);
  Runner runner(file);
  if (auto up = runner.start(); !up) return fail(up.error());
  const auto log = core::logger("plant");
  while (!stop.wait(core::kHour)) {
    if (!stop.take_reload()) continue;
    if (auto up = runner.reload(); !up) return fail(up.error());
  }
  log->info("stopping: writing what is on its way");
  runner.stop();
  log->info("stopped");
  return kDone;
}

}  // namespace

void add_run(CLI::App& app, const SetCommand& set) {
  auto* sub = app.add_subcommand("run", "run a plant, until SIGINT or SIGTERM; SIGHUP makes it read its file again");
  auto file = std::make_shared<std::string>();
  sub->add_option("file,-c,--config", *file, "the plant's YAML file")->required();
  sub->callback([=] { set([=] { return run_plant(*file); }); });
}

}  // namespace millwright::app
