#include "models/onnx_detector.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "models/onnx_library.hpp"

namespace millwright::models {
namespace {

using core::ErrorCode;
using core::unexpected;
using Handle = OnnxLibrary::Handle;
using Owned = std::shared_ptr<void>;

// What EVP reads and writes.
const unsigned char* bytes_of(const void* data) {
  return static_cast<const unsigned char*>(data);
}

core::Result<std::string> bytes_from(std::string_view text) {
  std::string out(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(static_cast<unsigned char*>(static_cast<void*>(out.data())), bytes_of(text.data()),
                                   static_cast<int>(text.size()));
  if (text.empty() || text.size() % 4 != 0 || size < 0) {
    return unexpected(ErrorCode::kInvalid, "ONNX: the network is not in base64");
  }
  out.resize(static_cast<std::size_t>(size) - (text.ends_with("==") ? 2U : text.ends_with('=') ? 1U : 0U));
  return out;
}

constexpr double kForget = 0.01;  // of what is usual, a row

struct Tensor {
  std::string name;
  int type = 0;  // 0: no tensor
  std::vector<std::int64_t> shape;
};

class Network {
 public:
  static core::Result<std::shared_ptr<const Network>> load(const OnnxLibrary& library, std::string_view bytes,
                                                           std::size_t sensors);
  // Nothing where the library fails.
  [[nodiscard]] std::optional<double> run(std::vector<float>& row) const;

 private:
  explicit Network(const OnnxLibrary& library) : library_(library) {}
  core::Status open(std::string_view bytes);
  core::Status choose(std::size_t sensors);
  [[nodiscard]] core::Result<Tensor> describe(bool input, std::size_t at) const;
  [[nodiscard]] core::Result<double> value_of(Handle output) const;
  [[nodiscard]] core::Result<double> evaluate(std::vector<float>& row) const;

  const OnnxLibrary& library_;
  Owned session_;
  Owned memory_;
  std::string input_;
  std::string output_;
  std::vector<std::int64_t> shape_;  // of one row
};

core::Result<std::shared_ptr<const Network>> Network::load(const OnnxLibrary& library, std::string_view bytes,
                                                           std::size_t sensors) {
  const std::shared_ptr<Network> network(new Network(library));
  if (auto opened = network->open(bytes); !opened) return unexpected(opened.error());
  if (auto chosen = network->choose(sensors); !chosen) return unexpected(chosen.error());
  // Once, so that what it gives is known to be what a score can be made of.
  std::vector<float> row(sensors);
  if (const auto value = network->evaluate(row); !value) return unexpected(value.error());
  return std::shared_ptr<const Network>(network);
}

core::Status Network::open(std::string_view bytes) {
  Handle handle = nullptr;
  if (auto made = library_.done(library_.create_options(&handle)); !made) return made;
  const Owned options(handle, library_.release_options);
  // A shard has one core, and scores one row at a time.
  if (auto set = library_.done(library_.set_threads_within(options.get(), 1)); !set) return set;
  if (auto set = library_.done(library_.set_threads_between(options.get(), 1)); !set) return set;
  Handle session = nullptr;
  const auto made =
      library_.done(library_.create_session(library_.environment, bytes.data(), bytes.size(), options.get(), &session));
  if (!made) return made;
  session_ = Owned(session, library_.release_session);
  Handle memory = nullptr;
  constexpr int kArena = 1;
  constexpr int kUsual = 0;
  if (auto found = library_.done(library_.create_cpu_memory(kArena, kUsual, &memory)); !found) return found;
  memory_ = Owned(memory, library_.release_memory);
  return {};
}

core::Result<Tensor> Network::describe(bool input, std::size_t at) const {
  const OnnxLibrary& l = library_;
  Tensor out;
  char* name = nullptr;
  if (auto found = l.done((input ? l.input_name : l.output_name)(session_.get(), at, l.allocator, &name)); !found) {
    return unexpected(found.error());
  }
  out.name = name;
  static_cast<void>(l.done(l.free(l.allocator, name)));
  Handle handle = nullptr;
  if (auto found = l.done((input ? l.input_type : l.output_type)(session_.get(), at, &handle)); !found) {
    return unexpected(found.error());
  }
  const Owned type(handle, l.release_type);
  Handle tensor = nullptr;
  std::size_t dimensions = 0;
  if (!l.done(l.tensor_of_type(type.get(), &tensor)) || tensor == nullptr) return out;
  if (auto known = l.done(l.element_type(tensor, &out.type)); !known) return unexpected(known.error());
  if (auto known = l.done(l.dimensions_count(tensor, &dimensions)); !known) return unexpected(known.error());
  out.shape.resize(dimensions);
  if (auto known = l.done(l.dimensions(tensor, out.shape.data(), dimensions)); !known) return unexpected(known.error());
  return out;
}

// The input and the output to use.
core::Status Network::choose(std::size_t sensors) {
  std::size_t inputs = 0;
  std::size_t outputs = 0;
  if (auto known = library_.done(library_.input_count(session_.get(), &inputs)); !known) return known;
  if (auto known = library_.done(library_.output_count(session_.get(), &outputs)); !known) return known;
  if (inputs != 1) {
    return unexpected(ErrorCode::kInvalid, fmt::format("the network has {} inputs; it must have one, a row", inputs));
  }
  const auto input = describe(true, 0);
  if (!input) return unexpected(input.error());
  const auto count = static_cast<std::int64_t>(sensors);
  const bool row = input->type == kOnnxFloat && (input->shape.size() == 1 || input->shape.size() == 2) &&
                   (input->shape.back() == count || input->shape.back() < 0) &&
                   (input->shape.size() == 1 || input->shape[0] <= 1);
  if (!row) {
    return unexpected(ErrorCode::kInvalid,
                      fmt::format("the network's input '{}' does not take a row of {} sensors: it must be a tensor of "
                                  "float32, [{}] or [rows, {}]",
                                  input->name, sensors, sensors, sensors));
  }
  input_ = input->name;
  shape_ = input->shape.size() == 1 ? std::vector{count} : std::vector{std::int64_t{1}, count};
  for (std::size_t i = outputs; i-- > 0;) {
    const auto output = describe(false, i);
    if (!output) return unexpected(output.error());
    if (output->type != kOnnxFloat) continue;
    output_ = output->name;
    return {};
  }
  return unexpected(ErrorCode::kInvalid,
                    "the network gives no tensor of float32; a classifier is exported with its map of "
                    "probabilities off (skl2onnx: zipmap=False)");
}

core::Result<double> Network::value_of(Handle output) const {
  Handle handle = nullptr;
  if (auto known = library_.done(library_.shape_of(output, &handle)); !known) return unexpected(known.error());
  const Owned shape(handle, library_.release_shape);
  std::size_t count = 0;
  if (auto known = library_.done(library_.element_count(shape.get(), &count)); !known) return unexpected(known.error());
  if (count != 1 && count != 2) {
    return unexpected(ErrorCode::kInvalid,
                      fmt::format("the network's output '{}' has {} values for a row; it must have 1, a score, or 2, "
                                  "the probabilities of normal and of fault",
                                  output_, count));
  }
  void* data = nullptr;
  if (auto found = library_.done(library_.tensor_data(output, &data)); !found) return unexpected(found.error());
  return double{static_cast<const float*>(data)[count - 1]};
}

core::Result<double> Network::evaluate(std::vector<float>& row) const {
  Handle handle = nullptr;
  const auto made = library_.done(library_.create_tensor(memory_.get(), row.data(), row.size() * sizeof(float),
                                                         shape_.data(), shape_.size(), kOnnxFloat, &handle));
  if (!made) return unexpected(made.error());
  const Owned tensor(handle, library_.release_value);
  const std::array inputs{input_.c_str()};
  const std::array outputs{output_.c_str()};
  Handle result = nullptr;
  const auto ran = library_.done(
      library_.run(session_.get(), nullptr, inputs.data(), &handle, inputs.size(), outputs.data(), 1, &result));
  if (!ran) return unexpected(ran.error());
  const Owned output(result, library_.release_value);
  return value_of(output.get());
}

std::optional<double> Network::run(std::vector<float>& row) const {
  const auto value = evaluate(row);
  return value ? std::optional(*value) : std::nullopt;
}

class OnnxDetector final : public detection::Detector {
 public:
  OnnxDetector(std::vector<std::string> sensors, std::shared_ptr<const Network> network, double limit)
      : sensors_(std::move(sensors)), statistics_{{"network", limit}}, network_(std::move(network)) {
    verdict_.statistics.resize(1);
  }

  [[nodiscard]] const std::vector<std::string>& sensors() const override { return sensors_; }
  [[nodiscard]] const std::vector<detection::StatisticInfo>& statistics() const override { return statistics_; }
  void start() override { usual_.clear(); }
  const detection::Verdict& score(std::span<const double> row) override {
    row_.resize(row.size());
    std::transform(row.begin(), row.end(), row_.begin(), [](double v) { return static_cast<float>(v); });
    verdict_.statistics[0] = network_->run(row_).value_or(0);
    verdict_.score = verdict_.statistics[0] / statistics_[0].limit;
    verdict_.alarm = verdict_.score > 1;
    if (!verdict_.alarm) learn_usual();
    return verdict_;
  }
  [[nodiscard]] std::vector<double> contributions() const override {
    std::vector<double> out(sensors_.size());
    if (usual_.empty()) return out;
    std::vector<float> row = row_;
    for (std::size_t j = 0; j < out.size(); ++j) {
      row[j] = static_cast<float>(usual_[j]);
      out[j] = std::max(0.0, verdict_.statistics[0] - network_->run(row).value_or(verdict_.statistics[0]));
      row[j] = row_[j];
    }
    return out;
  }
  [[nodiscard]] std::unique_ptr<Detector> copy() const override {
    return std::make_unique<OnnxDetector>(sensors_, network_, statistics_[0].limit);
  }

 private:
  void learn_usual() {
    if (usual_.empty()) usual_.assign(row_.begin(), row_.end());
    for (std::size_t j = 0; j < usual_.size(); ++j) usual_[j] += kForget * (double{row_[j]} - usual_[j]);
  }

  std::vector<std::string> sensors_;
  std::vector<detection::StatisticInfo> statistics_;
  std::shared_ptr<const Network> network_;  // may be run from several threads
  std::vector<float> row_;
  std::vector<double> usual_;
  detection::Verdict verdict_;
};

}  // namespace

std::string onnx_text(std::string_view file) {
  std::string out((file.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(static_cast<unsigned char*>(static_cast<void*>(out.data())), bytes_of(file.data()),
                                   static_cast<int>(file.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

core::Result<std::unique_ptr<detection::Detector>> make_onnx_detector(const std::vector<std::string>& sensors,
                                                                      std::string_view text, double limit) {
  const auto library = OnnxLibrary::get();
  if (!library) return unexpected(library.error());
  const auto file = bytes_from(text);
  if (!file) return unexpected(file.error());
  auto network = Network::load(**library, *file, sensors.size());
  if (!network) return unexpected(network.error());
  return std::unique_ptr<detection::Detector>(std::make_unique<OnnxDetector>(sensors, std::move(*network), limit));
}

}  // namespace millwright::models
