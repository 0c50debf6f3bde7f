// backtest: any detector over a CSV, a Parquet file or a plant's history, offline, with the code of the live way.

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "backtest/backtest.hpp"
#include "commands.hpp"
#include "plant_rows.hpp"
#include "training/table_source.hpp"

namespace millwright::app {
namespace {

void print_json(const backtest::BacktestResult& result) {
  nlohmann::json json = {{"rows", result.rows}, {"sensors", result.sensors}, {"alarm_rows", result.alarms}};
  if (const auto& e = result.evaluation) {
    json["f1"] = e->f1();
    json["false_alarm_rate"] = e->false_alarm_rate();
    json["missed_alarm_rate"] = e->missed_alarm_rate();
    json["true_positives"] = e->hits();
    json["false_positives"] = e->false_alarms();
    json["false_negatives"] = e->misses();
    json["true_negatives"] = e->quiet();
    json["events"] = e->events();
    json["events_detected"] = e->detected();
    json["delay_rows"] = e->delay_rows();
    json["delay_seconds"] = e->delay_seconds();
  }
  fmt::print(stderr, "{}\n", json.dump(2));
}

void print_text(const backtest::BacktestResult& result) {
  fmt::print(stderr, "{} rows of {} sensors, {} with an alarm\n", result.rows, result.sensors, result.alarms);
  if (const auto& e = result.evaluation) {
    fmt::print(stderr, "F1 {:.3f}, false-alarm rate {:.2f} %, missed-alarm rate {:.2f} %\n", e->f1(),
               100 * e->false_alarm_rate(), 100 * e->missed_alarm_rate());
    fmt::print(stderr, "{} of {} events detected, {:.1f} rows ({:.1f} s) late\n", e->detected(), e->events(),
               e->delay_rows(), e->delay_seconds());
  }
}

// A machine's history is read once, by the name that stands for the data.
core::Status take_history(const PlantRows& plant, const std::string& period, backtest::BacktestOptions& options) {
  training::Choice choice{.settle = 0};
  if (!period.empty()) {
    const auto length = core::parse_duration(period);
    if (!length) return core::unexpected(length.error().within("--period"));
    choice.period = *length;
  }
  const auto rows = read_plant_rows(plant, choice);
  if (!rows) return core::unexpected(rows.error());
  options.data = "history of " + plant.machine;
  options.read = [data = options.data, table = training::to_table(*rows)](
                     const std::string& path, const std::vector<std::string>& ignore) -> core::Result<backtest::Table> {
    if (path == data) return table;
    return training::read_table(path, ignore);
  };
  return {};
}

int run(backtest::BacktestOptions options, const PlantRows& plant, const std::string& period, bool json) {
  options.read = training::read_table;
  if (!plant.history.empty()) {
    if (auto taken = take_history(plant, period, options); !taken) return fail(taken.error());
  }
  const auto result = backtest::run_backtest(options);
  if (!result) return fail(result.error());
  json ? print_json(*result) : print_text(*result);
  return kDone;
}

}  // namespace

void add_backtest(CLI::App& app, const SetCommand& set) {
  auto* sub = app.add_subcommand(
      "backtest", "run a detector over a CSV, Parquet or stored history, row by row, and say what it would have said");
  auto options = std::make_shared<backtest::BacktestOptions>();
  auto json = std::make_shared<bool>(false);
  auto plant = std::make_shared<PlantRows>();
  auto period = std::make_shared<std::string>();
  auto* data = sub->add_option("--data", options->data,
                               "CSV with , or ; between, or Parquet, the time first; - is standard input");
  add_plant_rows(*sub, *plant, data);
  sub->add_option("--period", *period, "between rows of history; default: 1s");
  auto* detector =
      sub->add_option("--detector", options->detector, "the detector's YAML file (docs/format/detector.md)");
  sub->add_option("--model", options->model, "or: a model bundle, which has learnt already; no matter who signed it")
      ->excludes(detector);
  auto* train = sub->add_option("--train", options->train, "CSV or Parquet of normal rows to learn from");
  sub->add_option("--train-rows", options->train_rows, "or: learn from so many first rows of --data")
      ->check(CLI::PositiveNumber)
      ->excludes(train);
  auto* calibrate = sub->add_option("--calibrate", options->calibrate,
                                    "CSV or Parquet of other normal rows, which the limits are moved to fit");
  sub->add_option("--false-alarms", options->false_alarms, "share of the rows of --calibrate that may alarm")
      ->check(CLI::Range(1e-9, 0.5))
      ->needs(calibrate)
      ->capture_default_str();
  sub->add_option("--ignore-columns", options->ignore_columns, "columns that are no sensors, with commas between")
      ->delimiter(',');
  sub->add_option("--labels", options->labels,
                  "column of 0 and 1 to score against: prints F1, false and missed alarms, delay");
  sub->add_option("--out", options->out,
                  "CSV to write: time,alarm,score, each statistic, top_contributor; - is standard output");
  sub->add_flag("--json", *json, "figures as JSON; they go to standard error");
  sub->callback([=] {
    if (options->data.empty() && plant->history.empty()) throw CLI::RequiredError("--data or --history");
    set([=] { return run(*options, *plant, *period, *json); });
  });
}

}  // namespace millwright::app
