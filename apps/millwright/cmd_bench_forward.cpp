// bench forward: readings/s to a real receiver, by the second and by the second of one core.

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench_forward.hpp"
#include "commands.hpp"

namespace millwright::app {
namespace {

int bench_forward(const ForwardOptions& options, bool json) {
  const auto result = run_forward_bench(options);
  if (!result) return fail(result.error());
  if (json) {
    fmt::print("{}\n", nlohmann::json{{"receiver", result->receiver},
                                      {"readings", result->readings},
                                      {"sensors", options.sensors},
                                      {"readings_per_block", options.block},
                                      {"seconds", result->seconds},
                                      {"core_seconds", result->core_seconds},
                                      {"readings_per_s", result->per_second()},
                                      {"readings_per_core_s", result->per_core_second()}}
                           .dump(2));
  } else {
    fmt::print("{} readings of {} sensors, {} a block, to {}\n", result->readings, options.sensors, options.block,
               result->receiver);
    fmt::print("  {:>12.2f} M readings/s, {:.1f} s\n", result->per_second() / 1e6, result->seconds);
    fmt::print("  {:>12.2f} M readings for each second of a core, the client's threads included\n",
               result->per_core_second() / 1e6);
  }
  return kDone;
}

}  // namespace

void add_bench_forward(CLI::App& bench, const SetCommand& set) {
  auto* sub = bench.add_subcommand("forward", "readings/s from history to a real receiver, through an output's lane");
  auto options = std::make_shared<ForwardOptions>();
  auto json = std::make_shared<bool>(false);
  sub->add_option("--output", options->output,
                  "an entry of `outputs`: '{name: hq, kind: kafka, brokers: [\"127.0.0.1:9092\"]}'")
      ->required();
  sub->add_option("--sensors", options->sensors, "sensors")->check(CLI::Range(1, 1'000'000))->capture_default_str();
  sub->add_option("--readings", options->readings, "readings in all")
      ->check(CLI::Range(1, 1'000'000'000))
      ->capture_default_str();
  sub->add_option("--block", options->block, "readings of one sensor that come together")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  sub->add_option("--dir", options->directory, "where to write; removed afterwards")->capture_default_str();
  sub->add_flag("--json", *json, "answer as JSON");
  sub->callback([=] { set([=] { return bench_forward(*options, *json); }); });
}

}  // namespace millwright::app
