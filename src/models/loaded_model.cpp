#include "models/loaded_model.hpp"

#include <cmath>

#include <fmt/format.h>

namespace millwright::models {
namespace {

// Processors and compilers may differ in rounding.
constexpr double kTolerance = 1e-6;

core::Status check_test_rows(const Bundle& bundle, detection::Detector& detector) {
  const std::vector<double> scores = score_test_rows(bundle, detector);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const double wanted = bundle.test.scores[i];
    if (std::abs(scores[i] - wanted) <= kTolerance * std::max(1.0, std::abs(wanted))) continue;
    return core::unexpected(core::ErrorCode::kInvalid,
                            fmt::format("{} fails its own test: row {} scores {:.9g} here, and must score {:.9g}",
                                        bundle.id(), i + 1, scores[i], wanted));
  }
  return {};
}

}  // namespace

core::Result<std::shared_ptr<const LoadedModel>> LoadedModel::load(std::string_view file, const Trust& trust) {
  auto sealed = open_seal(file);
  if (!sealed) return core::unexpected(sealed.error());
  if (auto trusted = check(*sealed, trust); !trusted) return core::unexpected(trusted.error());
  auto bundle = parse_payload(sealed->payload);
  if (!bundle) return core::unexpected(bundle.error());
  auto detector = make_detector(*bundle);
  if (!detector) return core::unexpected(detector.error().within(bundle->id()));
  if (auto right = check_test_rows(*bundle, **detector); !right) return core::unexpected(right.error());
  std::shared_ptr<LoadedModel> out(new LoadedModel);
  bundle->learnt = {};
  bundle->blob.clear();
  out->bundle_ = std::move(*bundle);
  out->seal_ = std::move(sealed->seal);
  out->prototype_ = std::move(*detector);
  return std::shared_ptr<const LoadedModel>(std::move(out));
}

}  // namespace millwright::models
