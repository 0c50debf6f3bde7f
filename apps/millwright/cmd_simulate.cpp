// simulate: a factory to connect to: machines of a plant file, or the rows of a CSV file.

#include <iostream>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "commands.hpp"
#include "shipped.hpp"
#include "simulator/simulator.hpp"
#include "stop_signal.hpp"

namespace millwright::app {
namespace {

// The simulator polls a flag; this thread turns signals into it.
class StopWatch {
 public:
  StopWatch()
      : thread_([this] {
          while (!done_ && !stop_.wait(core::kSecond / 5)) {
          }
        }) {}
  ~StopWatch() {
    done_ = true;
    thread_.join();
  }
  StopWatch(const StopWatch&) = delete;
  StopWatch& operator=(const StopWatch&) = delete;
  [[nodiscard]] const std::atomic<bool>& flag() const { return stop_.flag(); }

 private:
  StopSignal stop_;
  std::atomic<bool> done_{false};
  std::thread thread_;
};

struct Options {
  std::string plant;
  simulator::SimulateOptions machines;
  std::uint16_t port = 0;
  bool no_faults = false;
  simulator::ReplayOptions replay;
  std::string wait = "30s";
  std::string times = "keep";
  std::string write_plant;
};

constexpr std::uint16_t kDefaultPort = 4841;

int simulate_machines(const Options& options) {
  const StopWatch stop;
  simulator::SimulateOptions machines = options.machines;
  if (options.port != 0) machines.opcua_port = options.port;
  machines.demo_faults = !options.no_faults;
  const auto done = simulator::simulate(options.plant, {shipped_directory("machine-types")},
                                        config::process_environment(), machines, stop.flag(), std::cout);
  return done ? kDone : fail(done.error());
}

int replay(const Options& options) {
  simulator::ReplayOptions replay = options.replay;
  replay.speed = options.machines.speed;
  replay.port = options.port != 0 ? options.port : kDefaultPort;
  replay.times =
      options.times == "now" ? simulator::ReplayOptions::Times::kNow : simulator::ReplayOptions::Times::kKeep;
  const auto wait = core::parse_duration(options.wait);
  if (!wait) return fail(wait.error().within("--wait"));
  replay.wait = *wait;
  if (!options.write_plant.empty()) {
    const auto written = simulator::write_plant(replay.file, options.write_plant, replay.port, std::cout);
    return written ? kDone : fail(written.error());
  }
  const StopWatch stop;
  const auto summary = simulator::replay(replay, stop.flag(), std::cout);
  return summary ? kDone : fail(summary.error());
}

}  // namespace

void add_simulate(CLI::App& app, const SetCommand& set) {
  auto* sub = app.add_subcommand(
      "simulate", "a factory to connect to: simulated machines, or a CSV file played as OPC UA variables");
  auto options = std::make_shared<Options>();
  auto* plant = sub->add_option("--plant", options->plant, "simulate the machines of this plant file, by their types");
  auto* file = sub->add_option("--replay", options->replay.file,
                               "play the rows of this CSV file (',' or ';'; ISO time or seconds first)");
  plant->excludes(file);
  sub->add_option("--speed", options->machines.speed,
                  "of a replay: times the rows' own pace; of machines: how fast faults come and grow")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();
  sub->add_option("--port,--opcua-port", options->port,
                  "OPC UA port (default: the plant's connectors' own; 4841 for a replay)");

  sub->add_option("--seed", options->machines.seed, "of the machines' signals and faults")
      ->needs(plant)
      ->capture_default_str();
  sub->add_option("--fault", options->machines.faults,
                  "KIND:MACHINE[:sensor=S][:start=40s][:ramp=10s][:duration=60s]; repeatable; see docs/simulator.md")
      ->needs(plant);
  sub->add_flag("--no-faults", options->no_faults, "no faults of its own accord")->needs(plant);

  sub->add_option("--time", options->times, "keep the rows' times as source times, or shift the first row to now")
      ->check(CLI::IsMember({"keep", "now"}))
      ->needs(file)
      ->capture_default_str();
  sub->add_option("--wait", options->wait, "for a subscriber, before the rows begin all the same")
      ->needs(file)
      ->capture_default_str();
  sub->add_flag("--loop", options->replay.loop, "from the top again at the end")->needs(file);
  sub->add_flag("--exit", options->replay.exit, "end after the last row instead of serving its values on")->needs(file);
  sub->add_option("--write-plant", options->write_plant, "write a plant file that fits the CSV file, and play nothing")
      ->needs(file);
  sub->callback([=] {
    if (options->plant.empty() && options->replay.file.empty()) {
      throw CLI::RequiredError("--plant FILE or --replay FILE.csv");
    }
    set([=] { return options->replay.file.empty() ? simulate_machines(*options) : replay(*options); });
  });
}

}  // namespace millwright::app
