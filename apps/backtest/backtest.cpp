#include "backtest/backtest.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "backtest/detector_file.hpp"
#include "backtest/table.hpp"
#include "core/text.hpp"
#include "detection/multivariate_detector.hpp"
#include "io/file_system.hpp"
#include "models/bundle.hpp"
#include "models/seal.hpp"

namespace millwright::backtest {
namespace {

using core::ErrorCode;
using core::Result;
using core::unexpected;
using detection::Detector;
using detection::Matrix;
using detection::MultivariateDetector;

std::string quoted(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

// The scores' file. Writes in pieces; the first failure is told by finish().
class ScoreFile {
 public:
  static Result<ScoreFile> create(const std::string& path) {
    ScoreFile out;
    out.path_ = path;
    if (path.empty()) return out;
    out.file_ = path == "-" ? stdout : std::fopen(path.c_str(), "wb");
    if (out.file_ == nullptr) {
      return unexpected(ErrorCode::kIo, fmt::format("{}: {}", path, std::strerror(errno)));
    }
    return out;
  }
  ScoreFile(ScoreFile&& other) noexcept : path_(std::move(other.path_)), file_(std::exchange(other.file_, nullptr)) {}
  ScoreFile& operator=(ScoreFile&&) = delete;
  ~ScoreFile() {
    if (file_ != nullptr && file_ != stdout) std::fclose(file_);
  }

  void header(const Detector& detector) {
    text_ = "time,alarm,score";
    for (const auto& one : detector.statistics()) text_ += ',' + one.name;
    text_ += ",top_contributor\n";
  }
  void row(const std::string& time, const detection::Verdict& verdict, const Detector& detector) {
    if (file_ == nullptr) return;
    text_ += fmt::format("{},{:d},{}", quoted(time), verdict.alarm, core::format_double(verdict.score));
    for (const double value : verdict.statistics) text_ += ',' + core::format_double(value);
    const std::vector<double> contributions = detector.contributions();
    const auto top = std::max_element(contributions.begin(), contributions.end()) - contributions.begin();
    text_ += ',' + quoted(detector.sensors()[static_cast<std::size_t>(top)]) + '\n';
    if (text_.size() > (1 << 20)) write();
  }
  core::Status finish() {
    write();
    if (file_ != nullptr && std::fflush(file_) != 0) failed_ = errno;
    if (failed_ != 0) return unexpected(ErrorCode::kIo, fmt::format("{}: {}", path_, std::strerror(failed_)));
    return {};
  }

 private:
  ScoreFile() = default;
  void write() {
    if (file_ != nullptr && std::fwrite(text_.data(), 1, text_.size(), file_) != text_.size()) failed_ = errno;
    text_.clear();
  }

  std::string path_;
  std::FILE* file_ = nullptr;
  std::string text_;
  int failed_ = 0;
};

// Columns that are no sensors: the file's, which not every CSV has, the command's and the labels.
std::vector<std::string> columns_left_out(const BacktestOptions& options, const DetectorFile& file) {
  std::vector<std::string> out = file.ignore_columns;
  out.insert(out.end(), options.ignore_columns.begin(), options.ignore_columns.end());
  std::erase(out, options.labels);
  return out;
}

Result<std::vector<std::string>> sensors_of(const Table& data, const BacktestOptions& options,
                                            const std::vector<std::string>& left_out) {
  for (const std::string& name : options.ignore_columns) {
    if (data.find(name)) continue;
    const std::vector<std::string_view> known(data.columns.begin(), data.columns.end());
    return unexpected(ErrorCode::kInvalid, fmt::format("{}: has no column '{}' to ignore{}", options.data, name,
                                                       core::did_you_mean(name, known)));
  }
  std::vector<std::string> out;
  for (const std::string& name : data.columns) {
    if (name != options.labels && std::find(left_out.begin(), left_out.end(), name) == left_out.end()) {
      out.push_back(name);
    }
  }
  if (out.empty()) return unexpected(ErrorCode::kInvalid, fmt::format("{}: no column is left to judge", options.data));
  return out;
}

// The sensors' columns of another file.
Result<Matrix> read_rows(const BacktestOptions& options, const std::string& path,
                         const std::vector<std::string>& sensors, const std::vector<std::string>& left_out) {
  const auto table = options.read(path, left_out);
  if (!table) return unexpected(table.error());
  return table->select(sensors, path);
}

Result<Matrix> training_rows(const Table& data, const BacktestOptions& options, const std::vector<std::string>& sensors,
                             const std::vector<std::string>& left_out) {
  if (!options.train.empty()) return read_rows(options, options.train, sensors, left_out);

  if (options.train_rows > data.values.rows()) {
    return unexpected(ErrorCode::kInvalid, fmt::format("{}: has {} rows, and {} were to train on", options.data,
                                                       data.values.rows(), options.train_rows));
  }
  auto rows = data.select(sensors, options.data);
  if (!rows) return unexpected(rows.error());
  return rows->slice(0, options.train_rows);
}

Result<MultivariateDetector> trained(const Table& data, const BacktestOptions& options, const DetectorFile& file,
                                     const std::vector<std::string>& sensors,
                                     const std::vector<std::string>& left_out) {
  const auto rows = training_rows(data, options, sensors, left_out);
  if (!rows) return unexpected(rows.error());
  auto detector = MultivariateDetector::fit(file.options, sensors, *rows);
  if (!detector) return unexpected(detector.error().within("training"));
  if (options.calibrate.empty()) return detector;
  const auto normal = read_rows(options, options.calibrate, sensors, left_out);
  if (!normal) return unexpected(normal.error());
  if (auto status = detector->calibrate(*normal, options.false_alarms); !status) {
    return unexpected(status.error().within(options.calibrate));
  }
  return detector;
}

Result<models::Bundle> read_bundle(const std::string& path) {
  io::RealFileSystem files;
  const auto bytes = io::read_file(files, path);
  if (!bytes) return unexpected(bytes.error());
  const auto sealed = models::open_seal({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  if (!sealed) return unexpected(sealed.error().within(path));
  auto bundle = models::parse_payload(sealed->payload);
  if (!bundle) return unexpected(bundle.error().within(path));
  return bundle;
}

// Whether each row is labelled as an anomaly.
Result<std::vector<bool>> labels_of(const Table& data, const BacktestOptions& options) {
  std::vector<bool> out;
  if (options.labels.empty()) return out;
  const auto column = data.select(std::vector{options.labels}, options.data);
  if (!column) return unexpected(column.error());
  for (std::size_t i = 0; i < column->rows(); ++i) {
    const double label = (*column)(i, 0);
    if (label != 0 && label != 1) {
      return unexpected(ErrorCode::kInvalid, fmt::format("{}: row {}: the label '{}' is neither 0 nor 1", options.data,
                                                         i + 1, options.labels));
    }
    out.push_back(label == 1);
  }
  return out;
}

// What judges the data's rows, and the rows as it takes them.
struct Judge {
  std::unique_ptr<Detector> detector;
  Table data;
  Matrix rows;
  std::vector<bool> labels;  // of the rows; none: there are no labels
};

Result<Judge> judge_of_detector(const BacktestOptions& options) {
  if (options.train.empty() == (options.train_rows == 0)) {
    return unexpected(ErrorCode::kInvalid,
                      "say what to learn from: either a file of normal rows, or how many of the data's "
                      "first rows are normal");
  }
  const auto file = load_detector_file(options.detector);
  if (!file) return unexpected(file.error());
  const std::vector<std::string> left_out = columns_left_out(options, *file);
  auto data = options.read(options.data, left_out);
  if (!data) return unexpected(data.error());
  const auto sensors = sensors_of(*data, options, left_out);
  if (!sensors) return unexpected(sensors.error());
  auto labels = labels_of(*data, options);
  if (!labels) return unexpected(labels.error());
  auto detector = trained(*data, options, *file, *sensors, left_out);
  if (!detector) return unexpected(detector.error());
  auto rows = data->select(*sensors, options.data);
  if (!rows) return unexpected(rows.error());
  return Judge{std::make_unique<MultivariateDetector>(std::move(*detector)), std::move(*data), std::move(*rows),
               std::move(*labels)};
}

Result<Judge> judge_of_model(const BacktestOptions& options) {
  if (!options.train.empty() || options.train_rows > 0 || !options.calibrate.empty()) {
    return unexpected(ErrorCode::kInvalid,
                      "a model has learnt already: leave --train, --train-rows and --calibrate out");
  }
  const auto bundle = read_bundle(options.model);
  if (!bundle) return unexpected(bundle.error());
  auto detector = models::make_detector(*bundle);
  if (!detector) return unexpected(detector.error().within(options.model));
  auto data = options.read(options.data, options.ignore_columns);
  if (!data) return unexpected(data.error());
  auto labels = labels_of(*data, options);
  if (!labels) return unexpected(labels.error());
  auto rows = data->select(bundle->sensors, options.data);
  if (!rows) return unexpected(rows.error());
  if (!bundle->regimes.empty()) {
    const auto states = data->select(std::vector<std::string>{"state"}, options.data);
    if (!states) return unexpected(states.error().within("the model has a scale for each operating state"));
    for (std::size_t i = 0; i < rows->rows(); ++i) {
      const double state = (*states)(i, 0);
      if (std::abs(state) < 1e9) models::scale(*bundle, static_cast<std::int32_t>(state), rows->row(i));
    }
  }
  return Judge{std::move(*detector), std::move(*data), std::move(*rows), std::move(*labels)};
}

}  // namespace

Result<BacktestResult> run_backtest(const BacktestOptions& options) {
  if (options.detector.empty() == options.model.empty()) {
    return unexpected(ErrorCode::kInvalid, "say what is to judge: a detector's file, or a model bundle");
  }
  auto judge = options.model.empty() ? judge_of_detector(options) : judge_of_model(options);
  if (!judge) return unexpected(judge.error());
  auto out = ScoreFile::create(options.out);
  if (!out) return unexpected(out.error());

  Detector& detector = *judge->detector;
  BacktestResult result{judge->rows.rows(), detector.sensors().size(), 0, std::nullopt};
  if (!judge->labels.empty()) result.evaluation.emplace();
  out->header(detector);
  for (std::size_t i = 0; i < judge->rows.rows(); ++i) {
    const detection::Verdict& verdict = detector.score(judge->rows.row(i));
    out->row(judge->data.time_texts[i], verdict, detector);
    if (verdict.alarm) ++result.alarms;
    if (result.evaluation && i >= options.train_rows) {
      result.evaluation->add(judge->labels[i], verdict.alarm, judge->data.times[i]);
    }
  }
  if (auto status = out->finish(); !status) return unexpected(status.error());
  return result;
}

}  // namespace millwright::backtest
