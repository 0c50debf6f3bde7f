// rul: remaining useful life of units, learnt from runs that ended in failure.

#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cmd_model.hpp"
#include "core/time.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"
#include "models/seal.hpp"
#include "prognostics/rul_model.hpp"
#include "training/run_file.hpp"

namespace millwright::app {
namespace {

using prognostics::Rul;
using prognostics::RulModel;

struct TrainArguments {
  std::string data;
  training::RunChoice choice;
  prognostics::RulOptions options;
  std::string out;
  bool json = false;
};

// Where each column's values lay: what a running plant's are held against.
nlohmann::json input_ranges(const RulModel& model) {
  std::vector<std::string> names = model.columns().settings;
  names.insert(names.end(), model.columns().sensors.begin(), model.columns().sensors.end());
  nlohmann::json out = nlohmann::json::object();
  for (std::size_t i = 0; i < model.inputs().size(); ++i)
    out[names[i]] = {model.inputs()[i].low, model.inputs()[i].high};
  return out;
}

nlohmann::json card(const RulModel& model) {
  return {{"source", model.training.source},           {"units", model.training.units},
          {"cycles", model.training.cycles},           {"regimes", model.regimes()},
          {"sensors", model.columns().sensors.size()}, {"sensors_used", model.sensors_kept()},
          {"settings", model.columns().settings},      {"cap", model.cap()},
          {"rmse_held_out", model.training.rmse},      {"interval_width", model.training.interval},
          {"interval_share", model.share()},           {"interval_covered", model.training.covered},
          {"trained", model.training.trained},         {"shortest_life", model.training.shortest},
          {"longest_life", model.training.longest},    {"inputs", input_ranges(model)}};
}

void print_card(const std::string& path, const RulModel& model, bool json) {
  if (json) {
    fmt::print("{}\n", card(model).dump(2));
    return;
  }
  fmt::print(
      "{}: {} units, {} cycles, {} operating regime{}, {} of {} sensors vary\n"
      "on units held out: RMSE {:.2f} cycles (life capped at {:g}), interval {:.1f} cycles wide on average, with "
      "{:.1f} "
      "% of the truths in it ({:g} % wanted)\n"
      "learnt {} from {}; lives of {:g} to {:g} cycles: it knows nothing of longer ones\n",
      path, model.training.units, model.training.cycles, model.regimes(), model.regimes() == 1 ? "" : "s",
      model.sensors_kept(), model.columns().sensors.size(), model.training.rmse, model.cap(), model.training.interval,
      100 * model.training.covered, 100 * model.share(),
      model.training.trained.empty() ? "at a time not kept" : model.training.trained, model.training.source,
      model.training.shortest, model.training.longest);
}

core::Status write(const std::string& path, const std::string& text) {
  io::RealFileSystem files;
  return io::write_file_atomically(files, path, text);
}

int train(TrainArguments& a) {
  a.choice.find_settings = a.choice.columns.settings.empty();
  auto file = training::read_runs(a.data, a.choice);
  if (!file) return fail(file.error());
  a.options.threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  auto model = RulModel::train(file->runs, std::move(file->columns), a.options);
  if (!model) return fail(model.error().within(a.data));
  model->training.source = a.data;
  model->training.trained = core::format_time(core::floor_to(io::RealClock().now(), core::kSecond));
  const auto text = model->text();
  if (!text) return fail(text.error());
  if (auto written = write(a.out, models::seal(*text, nullptr)); !written) return fail(written.error());
  print_card(a.out, *model, a.json);
  return kDone;
}

core::Result<RulModel> read_model(const std::string& path) {
  const auto file = read_text_file(path);
  if (!file) return core::unexpected(file.error());
  const auto sealed = models::open_seal(*file);
  if (!sealed) return core::unexpected(sealed.error().within(path));
  auto model = RulModel::read(sealed->payload);
  if (!model) return core::unexpected(model.error().within(path));
  return model;
}

// A cell as CSV has it (RFC 4180).
std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string(2, c) : std::string(1, c);
  return out + "\"";
}

int predict(const std::string& model_path, const std::string& data, bool all, const std::string& out) {
  const auto model = read_model(model_path);
  if (!model) return fail(model.error());
  const auto file = training::read_runs(data, {.columns = model->columns()});
  if (!file) return fail(file.error());
  std::string text = all ? "unit,cycle,rul,low,high\n" : "unit,rul,low,high\n";
  for (const prognostics::Run& run : file->runs) {
    const auto lives = model->predict(run);
    if (!lives) return fail(lives.error());
    for (std::size_t i = all ? 0 : lives->size() - 1; i < lives->size(); ++i) {
      const Rul& one = (*lives)[i];
      const std::string cycle = all ? fmt::format(",{:g}", run.cycles[i]) : "";
      text += fmt::format("{}{},{:.2f},{:.2f},{:.2f}\n", csv_cell(run.unit), cycle, one.cycles, one.low, one.high);
    }
  }
  if (out.empty()) {
    fmt::print("{}", text);
  } else if (auto written = write(out, text); !written) {
    return fail(written.error());
  }
  return kDone;
}

void add_train(CLI::App& rul, const SetCommand& set) {
  auto* sub = rul.add_subcommand("train", "learn from units that ran until they failed");
  auto a = std::make_shared<TrainArguments>();
  sub->add_option("--data", a->data, "CSV: a row for each cycle of each unit, up to its failure")->required();
  sub->add_option("--unit", a->choice.columns.unit, "column that names the unit")->required();
  sub->add_option("--cycle", a->choice.columns.cycle, "column that counts its cycles: flights, hours, strokes")
      ->required();
  sub->add_option("--settings", a->choice.columns.settings,
                  "columns that say how it is operated; default: those whose names begin with 'setting'")
      ->delimiter(',');
  sub->add_option("--sensors", a->choice.columns.sensors, "columns to learn from; default: all others")->delimiter(',');
  sub->add_option("--ignore-columns", a->choice.ignore, "columns that are not looked at")->delimiter(',');
  sub->add_option("--cap", a->options.cap, "cycles; longer lives are learnt as this, for wear does not show yet")
      ->check(CLI::Range(1.0, 1e9))
      ->capture_default_str();
  sub->add_option("--interval", a->options.share, "share of the truths that are to lie between low and high")
      ->check(CLI::Range(0.5, 0.99))
      ->capture_default_str();
  sub->add_option("--rounds", a->options.rounds, "trees of each model")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  sub->add_option("--out", a->out, "the model's file, such as turbofan.mwrul")->required();
  sub->add_flag("--json", a->json, "answer as JSON");
  sub->callback([=] { set([=] { return train(*a); }); });
}

void add_predict(CLI::App& rul, const SetCommand& set) {
  auto* sub = rul.add_subcommand("predict", "how many cycles units have left");
  auto model = std::make_shared<std::string>();
  auto data = std::make_shared<std::string>();
  auto at = std::make_shared<std::string>("last");
  auto out = std::make_shared<std::string>();
  sub->add_option("--model", *model, "the file that `rul train` has written")->required();
  sub->add_option("--data", *data, "CSV with the columns that the model was learnt from")->required();
  sub->add_option("--at", *at, "last: after each unit's last cycle; all: after each cycle")
      ->check(CLI::IsMember({"last", "all"}))
      ->capture_default_str();
  sub->add_option("--out", *out, "CSV to write: unit, rul, low, high; default: standard output");
  sub->callback([=] { set([=] { return predict(*model, *data, *at == "all", *out); }); });
}

void add_inspect(CLI::App& rul, const SetCommand& set) {
  auto* sub = rul.add_subcommand("inspect", "a model's card: what it was learnt from, and how well");
  auto model = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  sub->add_option("model", *model, "the file that `rul train` has written")->required();
  sub->add_flag("--json", *json, "answer as JSON");
  sub->callback([=] {
    set([=] {
      const auto read = read_model(*model);
      if (!read) return fail(read.error());
      print_card(*model, *read, *json);
      return static_cast<int>(kDone);
    });
  });
}

}  // namespace

void add_rul(CLI::App& app, const SetCommand& set) {
  auto* rul = app.add_subcommand("rul", "remaining useful life: learn it from failures, predict it");
  rul->require_subcommand(1);
  add_train(*rul, set);
  add_predict(*rul, set);
  add_inspect(*rul, set);
}

}  // namespace millwright::app
