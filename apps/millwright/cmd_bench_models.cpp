// bench models: what judging every machine by a model takes of a core.

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench_models.hpp"
#include "commands.hpp"

namespace millwright::app {
namespace {

int bench_models(const ModelsBench& options, bool json) {
  const auto result = run_models(options);
  if (!result) return fail(result.error());
  if (json) {
    fmt::print("{}\n", nlohmann::json{{"machines", options.machines},
                                      {"sensors", options.sensors},
                                      {"rate_hz", options.rate},
                                      {"block", options.block},
                                      {"rows", result->rows},
                                      {"ns_per_row", result->ns_per_row},
                                      {"core_share", result->core_share},
                                      {"longest_batch_ms", result->longest_ms},
                                      {"models_replaced", result->replaced},
                                      {"longest_batch_while_replaced_ms", result->longest_while_replaced_ms}}
                           .dump(2));
  } else {
    fmt::print("{} machines of {} sensors at {} Hz: {:.2f} % of a core, {:.0f} ns a row\n", options.machines,
               options.sensors, options.rate, 100 * result->core_share, result->ns_per_row);
    fmt::print("longest batch {:.2f} ms; {:.2f} ms while {} models were replaced\n", result->longest_ms,
               result->longest_while_replaced_ms, result->replaced);
  }
  return kDone;
}

}  // namespace

void add_bench_models(CLI::App& bench, const SetCommand& set) {
  auto* sub = bench.add_subcommand("models", "share of a core that PCA models of many machines take");
  auto options = std::make_shared<ModelsBench>();
  auto json = std::make_shared<bool>(false);
  sub->add_option("--machines", options->machines, "machines")->check(CLI::Range(1, 100'000))->capture_default_str();
  sub->add_option("--sensors", options->sensors, "sensors of a machine")
      ->check(CLI::Range(12, 1000))
      ->capture_default_str();
  sub->add_option("--rate", options->rate, "readings/s of a sensor")->check(CLI::Range(1, 1000))->capture_default_str();
  sub->add_option("--block", options->block, "readings of a sensor that come together")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  sub->add_option("--seconds", options->seconds, "of source time; the best counts")
      ->check(CLI::Range(1, 600))
      ->capture_default_str();
  sub->add_flag("--json", *json, "answer as JSON");
  sub->callback([=] { set([=] { return bench_models(*options, *json); }); });
}

}  // namespace millwright::app
