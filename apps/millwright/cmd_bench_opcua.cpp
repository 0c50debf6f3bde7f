// bench opcua: the OPC UA server over loopback: its address space, reads in batches, monitored items.

#include <memory>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench_opcua.hpp"
#include "bench_support.hpp"
#include "commands.hpp"
#include "shipped.hpp"

namespace millwright::app {
namespace {

int bench(const OpcUaBenchOptions& options, bool json) {
  const auto result = run_opcua_bench(options);
  if (!result) return fail(result.error());
  if (json) {
    fmt::print("{}\n", nlohmann::json{{"build_s", result->build_s},
                                      {"bytes_per_sensor", result->bytes_per_sensor},
                                      {"values_per_s", result->values_per_s},
                                      {"values_per_core_s", result->values_per_core_s},
                                      {"items_s", result->items_s},
                                      {"bytes_per_item", result->bytes_per_item},
                                      {"items_cores", result->items_cores},
                                      {"notifications", result->notifications},
                                      {"sensors", options.sensors},
                                      {"batch", options.batch},
                                      {"items", options.items},
                                      {"cores", std::thread::hardware_concurrency()},
                                      {"processor", processor()}}
                           .dump(2));
    return kDone;
  }
  fmt::print("{}, {} cores\n", processor(), std::thread::hardware_concurrency());
  fmt::print("  {:>12.2f} s for the nodes of {} sensors, {:.0f} bytes each\n", result->build_s, options.sensors,
             result->bytes_per_sensor);
  fmt::print("  {:>12.2f} M values/s read in batches of {} over loopback, by one client\n", result->values_per_s / 1e6,
             options.batch);
  fmt::print("  {:>12.2f} M values/s for a second of the server thread's processor time\n",
             result->values_per_core_s / 1e6);
  fmt::print("  {:>12.2f} s for {} monitored items, {:.0f} bytes each\n", result->items_s, options.items,
             result->bytes_per_item);
  fmt::print("  {:>12.2f} cores to sample them every second, a tenth of them changing: {} notifications\n",
             result->items_cores, result->notifications);
  return kDone;
}

}  // namespace

void add_bench_opcua(CLI::App& bench_app, const SetCommand& set) {
  auto* sub = bench_app.add_subcommand("opcua", "the OPC UA server: nodes, reads in batches, monitored items");
  auto options = std::make_shared<OpcUaBenchOptions>();
  auto json = std::make_shared<bool>(false);
  sub->add_option("--sensors", options->sensors, "sensors")->check(CLI::Range(1'000, 1'000'000))->capture_default_str();
  sub->add_option("--batch", options->batch, "values a Read")->check(CLI::Range(1, 10'000))->capture_default_str();
  sub->add_option("--items", options->items, "monitored items")->check(CLI::Range(1, 100'000))->capture_default_str();
  sub->add_option("--seconds", options->seconds, "of reading, and of monitoring")
      ->check(CLI::Range(0.5, 600.0))
      ->capture_default_str();
  sub->add_flag("--json", *json, "answer as JSON");
  sub->callback([=] {
    options->nodesets = shipped_directory("nodesets");
    set([=] { return bench(*options, *json); });
  });
}

}  // namespace millwright::app
