// backtest: any detector over a CSV, offline, with the code of the live way.

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "backtest/backtest.hpp"
#include "commands.hpp"

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

int run(const backtest::BacktestOptions& options, bool json) {
  const auto result = backtest::run_backtest(options);
  if (!result) return fail(result.error());
  json ? print_json(*result) : print_text(*result);
  return kDone;
}

}  // namespace

void add_backtest(CLI::App& app, const SetCommand& set) {
  auto* sub = app.add_subcommand("backtest", "run a detector over a CSV, row by row, and say what it would have said");
  auto options = std::make_shared<backtest::BacktestOptions>();
  auto json = std::make_shared<bool>(false);
  sub->add_option("--data", options->data, "CSV with , or ; between, the time first; - is standard input")->required();
  auto* detector =
      sub->add_option("--detector", options->detector, "the detector's YAML file (docs/format/detector.md)");
  sub->add_option("--model", options->model, "or: a model bundle, which has learnt already; no matter who signed it")
      ->excludes(detector);
  auto* train = sub->add_option("--train", options->train, "CSV of normal rows to learn from");
  sub->add_option("--train-rows", options->train_rows, "or: learn from so many first rows of --data")
      ->check(CLI::PositiveNumber)
      ->excludes(train);
  auto* calibrate =
      sub->add_option("--calibrate", options->calibrate, "CSV of other normal rows, which the limits are moved to fit");
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
  sub->callback([=] { set([=] { return run(*options, *json); }); });
}

}  // namespace millwright::app
