// model train: rows in, or what sites have gathered of theirs, a signed bundle and a report out. model gather: rows in,
// their moments out.

#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "backtest/detector_file.hpp"
#include "cmd_model.hpp"
#include "io/file_system.hpp"
#include "models/seal.hpp"
#include "plant_rows.hpp"
#include "training/gathered.hpp"
#include "training/report.hpp"
#include "training/train.hpp"

namespace millwright::app {
namespace {

struct TrainArguments {
  std::string kind = "pca";
  std::string detector;
  std::string network;
  std::vector<std::string> data;
  std::vector<std::string> gathered;
  std::size_t lags = 0;
  PlantRows plant;
  training::Choice choice;
  std::string period;
  std::string resample;
  std::string settle = "10s";
  std::size_t components = 0;
  double explained = 0;
  bool cross_validate = false;
  double false_alarms = 0;
  training::TrainOptions options;
  std::string key;
  std::string out;
  std::string report;
  bool json = false;
};

constexpr const char* kKinds[] = {"pca", "covariance", "cva", "largest"};  // by the enumeration's order

// Trained elsewhere: the rows say how often it alarms on them, and are what a plant tests it by.
core::Status read_network(TrainArguments& a) {
  if (a.network.empty()) {
    return core::unexpected(core::ErrorCode::kInvalid, "kind onnx is trained elsewhere: name its file with --network");
  }
  auto file = read_text_file(a.network);
  if (!file) return core::unexpected(file.error());
  a.options.network = std::move(*file);
  return {};
}

core::Status complete_choice(TrainArguments& a) {
  if (!a.period.empty()) {
    const auto period = core::parse_duration(a.period);
    if (!period) return core::unexpected(period.error().within("--period"));
    a.choice.period = *period;
  }
  const auto settle = core::parse_duration(a.settle);
  if (!settle) return core::unexpected(settle.error().within("--settle"));
  a.choice.settle = *settle;
  if (!a.resample.empty()) {
    a.choice.resample = a.resample == "mean" ? detection::Resample::kMean : detection::Resample::kLast;
  }
  return {};
}

core::Status complete(TrainArguments& a) {
  if (auto choice = complete_choice(a); !choice) return choice;
  a.options.states = a.choice.states;
  a.options.xgboost = a.kind == models::kXgboost;
  if (a.options.xgboost) {
    if (a.choice.labels.empty()) {
      return core::unexpected(core::ErrorCode::kInvalid, "kind xgboost learns from labelled rows: name --labels");
    }
    if (a.options.limit < 1) return {};
    return core::unexpected(core::ErrorCode::kInvalid, "--limit: a probability is below 1");
  }
  if (a.kind == models::kOnnx) return read_network(a);
  if (!a.detector.empty()) {
    const auto file = backtest::load_detector_file(a.detector);
    if (!file) return core::unexpected(file.error());
    a.options.detector = file->options;
    a.choice.ignore.insert(a.choice.ignore.end(), file->ignore_columns.begin(), file->ignore_columns.end());
  } else {
    const auto kind = std::find(std::begin(kKinds), std::end(kKinds), a.kind) - std::begin(kKinds);
    a.options.detector = training::default_detector(static_cast<detection::ModelKind>(kind));
  }
  for (auto& model : a.options.detector.models) {
    if (a.components > 0) model.components = a.components;
    if (a.explained > 0) model.explained = a.explained;
    if (!a.cross_validate) continue;
    model.explained = 0;
    model.components = 0;
  }
  if (a.false_alarms > 0) a.options.detector.limit.false_alarms = a.false_alarms;
  return {};
}

core::Result<training::TrainingData> read_data(const TrainArguments& a) {
  if (!a.data.empty()) return training::read_csv(a.data, a.choice);
  return read_plant_rows(a.plant, a.choice);
}

core::Status write(const std::string& path, const std::string& text) {
  io::RealFileSystem files;
  return io::write_file_atomically(files, path, text);
}

core::Result<std::optional<models::SigningKey>> read_key(const TrainArguments& a) {
  if (a.key.empty()) return std::optional<models::SigningKey>();
  const auto pem = read_text_file(a.key);
  if (!pem) return core::unexpected(pem.error());
  auto key = models::SigningKey::read(*pem, a.key);
  if (!key) return core::unexpected(key.error());
  return std::optional(std::move(*key));
}

core::Result<training::Gathered> read_gathered(const std::vector<std::string>& files) {
  std::optional<training::Gathered> sum;
  for (const std::string& file : files) {
    const auto text = read_text_file(file);
    if (!text) return core::unexpected(text.error());
    auto one = training::parse_gathered(*text);
    if (!one) return core::unexpected(one.error().within(file));
    if (!sum) {
      sum = std::move(*one);
    } else if (auto added = sum->merge(*one); !added) {
      return core::unexpected(added.error().within(file));
    }
  }
  return std::move(*sum);
}

// The bundle, and its report where one was asked for.
core::Result<models::Bundle> learn(const TrainArguments& a) {
  if (!a.gathered.empty()) {
    const auto gathered = read_gathered(a.gathered);
    if (!gathered) return core::unexpected(gathered.error());
    return training::train(*gathered, a.options);
  }
  const auto data = read_data(a);
  if (!data) return core::unexpected(data.error());
  auto bundle = training::train(*data, a.options);
  if (!bundle || a.report.empty()) return bundle;
  if (auto written = write(a.report, training::html_report(*bundle, *data)); !written) {
    return core::unexpected(written.error());
  }
  return bundle;
}

void print_bundle(const TrainArguments& a, const models::Bundle& bundle) {
  const models::Training& training = bundle.training;
  if (a.json) {
    fmt::print("{}\n", nlohmann::json{{"id", bundle.id()},
                                      {"kind", bundle.kind},
                                      {"sensors", bundle.sensors.size()},
                                      {"rows", training.rows},
                                      {"false_alarms", training.false_alarms},
                                      {"period_ns", bundle.grid.period},
                                      {"signed", !a.key.empty()}}
                           .dump(2));
    return;
  }
  fmt::print("{}: {} of {} sensors, {} rows at {}, {:.3g} % of them {}alarm{}\n", a.out, bundle.id(),
             bundle.sensors.size(), training.rows, core::format_duration(bundle.grid.period),
             100 * training.false_alarms, a.gathered.empty() ? "" : "are expected to ",
             a.key.empty() ? "; not signed: a plant takes it only with allow_unsigned" : "");
}

int train(TrainArguments& a) {
  if (auto right = complete(a); !right) return fail(right.error());
  const auto key = read_key(a);
  if (!key) return fail(key.error());
  const auto bundle = learn(a);
  if (!bundle) return fail(bundle.error());
  const std::string file = models::seal(models::to_payload(*bundle), *key ? &**key : nullptr);
  if (auto written = write(a.out, file); !written) return fail(written.error());
  print_bundle(a, *bundle);
  return kDone;
}

int gather(TrainArguments& a) {
  if (auto right = complete_choice(a); !right) return fail(right.error());
  const auto data = read_data(a);
  if (!data) return fail(data.error());
  const auto gathered = training::gather(*data, a.choice.states, a.lags);
  if (!gathered) return fail(gathered.error());
  if (auto written = write(a.out, training::to_text(*gathered)); !written) return fail(written.error());
  fmt::print("{}: {} rows of {} sensors with {} lags\n", a.out, gathered->moments.count(), gathered->sensors.size(),
             gathered->lags);
  return kDone;
}

CLI::Option* add_sources(CLI::App& sub, TrainArguments& a) {
  auto* data = sub.add_option("--data", a.data,
                              "CSV or Parquet of normal rows, the time first; may be given again: rows add up");
  add_plant_rows(sub, a.plant, data);
  sub.add_option("--sensors", a.choice.sensors, "of the machine (component/sensor), or columns; default: all")
      ->delimiter(',');
  sub.add_option("--ignore-columns", a.choice.ignore, "columns or sensors that are not to be learnt from")
      ->delimiter(',');
  sub.add_option("--state", a.choice.state, "column of the machine's state codes; history has the sensor 'state'");
  sub.add_option("--states", a.choice.states,
                 "codes of the states to learn from, in which alone the model then judges; default: any")
      ->delimiter(',');
  sub.add_option("--settle", a.settle, "rows so soon after a change of state are left out")->capture_default_str();
  sub.add_option("--period", a.period, "between rows; default: the file's, 1s of history");
  sub.add_option("--resample", a.resample, "what of a period a row has; default: last of a file's, mean of history")
      ->check(CLI::IsMember({"last", "mean"}));
  return data;
}

void add_learning(CLI::App& sub, TrainArguments& a) {
  sub.add_option("--kind", a.kind, "pca, covariance, cva, largest; xgboost with --labels; onnx with --network")
      ->check(CLI::IsMember({"pca", "covariance", "cva", "largest", "xgboost", "onnx"}))
      ->capture_default_str();
  sub.add_option("--detector", a.detector, "a detector's YAML file instead (docs/format/detector.md)");
  sub.add_option("--components", a.components, "of pca, or states of cva");
  sub.add_option("--explained", a.explained, "of pca: least share of the variance that the components hold")
      ->check(CLI::Range(0.01, 1.0));
  sub.add_flag("--cross-validate", a.cross_validate, "of pca: as many components as foretell a left-out sensor best");
  sub.add_option("--false-alarms", a.false_alarms, "share of the rows above a limit, before its factor")
      ->check(CLI::Range(1e-9, 0.5));
  sub.add_flag("--regimes", a.options.regimes, "a scale for each of --states of its own");
  sub.add_option("--labels", a.choice.labels, "column of 0 and 1: faults, for xgboost");
  sub.add_option("--rounds", a.options.trees.rounds, "of xgboost: trees")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  sub.add_option("--network", a.network, "of onnx: file of a network that was trained elsewhere");
  sub.add_option("--limit", a.options.limit,
                 "alarm above this: of xgboost a probability, of onnx what the network gives")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
}

}  // namespace

void add_model_train(CLI::App& model, const SetCommand& set) {
  auto* sub = model.add_subcommand("train", "learn what is normal, and write it as a signed bundle");
  auto a = std::make_shared<TrainArguments>();
  add_learning(*sub, *a);
  auto* data = add_sources(*sub, *a);
  auto* gathered = sub->add_option("--gathered", a->gathered,
                                   "moments that `model gather` made elsewhere, instead of rows; files add up");
  gathered->excludes(data);
  sub->add_option("--machine-type", a->options.machine_type, "of the machines that it is for")->required();
  sub->add_option("--name", a->options.name, "of the model: lower-case letters, digits, single hyphens")->required();
  sub->add_option("--version", a->options.version, "of the model, such as 1.0.0; never the same twice")->required();
  sub->add_option("--key", a->key, "private key (PEM) that signs it; `millwright model keygen` makes one");
  sub->add_option("--out", a->out, "the bundle's file, such as pump.mwmodel")->required();
  sub->add_option("--report", a->report, "HTML page to write: scree, statistics, contributions, loadings")
      ->excludes(gathered);
  sub->add_flag("--json", a->json, "answer as JSON");
  sub->callback([=] {
    if (a->data.empty() && a->plant.history.empty() && a->gathered.empty()) {
      throw CLI::RequiredError("--data, --history or --gathered");
    }
    set([=] { return train(*a); });
  });
}

void add_model_gather(CLI::App& model, const SetCommand& set) {
  auto* sub = model.add_subcommand("gather", "mean and covariance of rows, for a model of many sites' rows");
  auto a = std::make_shared<TrainArguments>();
  add_sources(*sub, *a);
  sub->add_option("--lags", a->lags, "rows before each row that stand beside it, for dynamic PCA")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  sub->add_option("--out", a->out, "file to write, such as site.moments.json")->required();
  sub->callback([=] {
    if (a->data.empty() && a->plant.history.empty()) throw CLI::RequiredError("--data or --history");
    set([=] { return gather(*a); });
  });
}

}  // namespace millwright::app
