// bench plant: false alarms a machine-week and faults found, on simulated machines.

#include <algorithm>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench_plant.hpp"
#include "commands.hpp"

namespace millwright::app {
namespace {

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

FaultScore total(const PlantBenchResult& result) {
  FaultScore all;
  for (const auto& [kind, score] : result.faults) {
    all.faults += score.faults;
    all.detected += score.detected;
    all.stood += score.stood;
    all.component_right += score.component_right;
    all.first_right += score.first_right;
    all.delays_s.insert(all.delays_s.end(), score.delays_s.begin(), score.delays_s.end());
  }
  return all;
}

nlohmann::json to_json(const FaultScore& score) {
  return {{"faults", score.faults},
          {"detected", score.detected},
          {"not_detected_as_it_stood", score.stood},
          {"component_right", score.component_right},
          {"first_right", score.first_right},
          {"median_delay_s", median(score.delays_s)}};
}

void print_json(const PlantBenchOptions& options, const PlantBenchResult& result) {
  nlohmann::json faults = nlohmann::json::object();
  for (const auto& [kind, score] : result.faults) faults[kind] = to_json(score);
  const auto count = static_cast<double>(result.false_alarm_count());
  fmt::print("{}\n", nlohmann::json{{"machines", options.machines},
                                    {"hours", options.hours},
                                    {"seed", options.seed},
                                    {"high_rate", options.high_rate},
                                    {"readings", result.readings},
                                    {"seconds", result.seconds},
                                    {"machine_weeks", result.machine_weeks},
                                    {"false_alarms", result.false_alarms},
                                    {"false_alarms_per_machine_week", count / result.machine_weeks},
                                    {"examples", result.examples},
                                    {"faults", std::move(faults)},
                                    {"all_faults", to_json(total(result))},
                                    {"missed", result.missed}}
                         .dump(2));
}

void print_text(const PlantBenchOptions& options, const PlantBenchResult& result) {
  fmt::print("{} machines, {} h simulated in {:.0f} s, {:.1f} M readings/s\n", options.machines, options.hours,
             result.seconds, static_cast<double>(result.readings) / result.seconds / 1e6);
  fmt::print("{:.3f} false alarms a machine-week ({} in {:.1f} machine-weeks)\n",
             static_cast<double>(result.false_alarm_count()) / result.machine_weeks, result.false_alarm_count(),
             result.machine_weeks);
  for (const auto& [kind, count] : result.false_alarms) fmt::print("  {:>8}  {}\n", count, kind);
  for (const std::string& example : result.examples) fmt::print("  {}\n", example);
  if (result.faults.empty()) return;
  const auto row = [](const std::string& name, const FaultScore& score) {
    const auto share = [&](std::uint64_t count) {
      return 100 * static_cast<double>(count) / static_cast<double>(std::max<std::uint64_t>(score.faults, 1));
    };
    fmt::print("{:<42}{:>7}{:>10.1f}{:>8}{:>14.1f}{:>13.1f}{:>9.1f}\n", name, score.faults, share(score.detected),
               score.stood, share(score.component_right), share(score.first_right), median(score.delays_s));
  };
  fmt::print("{:<42}{:>7}{:>10}{:>8}{:>14}{:>13}{:>9}\n", "fault", "number", "found %", "stood", "component %",
             "at first %", "delay s");
  for (const auto& [kind, score] : result.faults) row(kind, score);
  row("all", total(result));
  for (const std::string& fault : result.missed) fmt::print("  missed: {}\n", fault);
}

int bench_plant(const PlantBenchOptions& options, bool json) {
  const auto result = run_plant_bench(options);
  if (!result) return fail(result.error());
  json ? print_json(options, *result) : print_text(options, *result);
  return kDone;
}

}  // namespace

void add_bench_plant(CLI::App& bench, const SetCommand& set) {
  auto* sub = bench.add_subcommand("plant", "false alarms a machine-week, and faults found, on simulated machines");
  auto options = std::make_shared<PlantBenchOptions>();
  auto json = std::make_shared<bool>(false);
  sub->add_option("--machines", options->machines, "machines, of the shipped types in turn")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  sub->add_option("--hours", options->hours, "simulated")->check(CLI::Range(0.01, 8760.0))->capture_default_str();
  sub->add_option("--seed", options->seed, "of the machines and the faults")->capture_default_str();
  sub->add_option("--threads", options->threads, "shards")->check(CLI::Range(1, 64))->capture_default_str();
  sub->add_flag("--faults", options->faults, "with the demo's schedule of faults, one a minute");
  sub->add_flag("--high-rate", options->high_rate, "with the sensors above 100 Hz, which take the most time");
  sub->add_flag("--json", *json, "answer as JSON");
  sub->callback([=] { set([=] { return bench_plant(*options, *json); }); });
}

}  // namespace millwright::app
