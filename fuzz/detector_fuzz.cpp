// The YAML of a detector: any text is read or refused, and what is read is learnt from a few rows or refused, and
// scores.
#include <cmath>
#include <cstdint>
#include <string_view>

#include "backtest/detector_file.hpp"
#include "core/assert.hpp"
#include "detection/multivariate_detector.hpp"

namespace {

using namespace millwright;

detection::Matrix training_rows() {
  detection::Matrix rows;
  for (int i = 0; i < 40; ++i) {
    const double t = i;
    rows.append(std::vector{std::sin(t), std::cos(1.7 * t) + 0.1 * std::sin(t), std::sin(t * t) - 0.3 * std::sin(t)});
  }
  return rows;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const detection::Matrix rows = training_rows();
  const auto file =
      backtest::parse_detector_file(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz.yaml");
  if (!file || file->options.models.size() > 3) return 0;
  auto detector = detection::MultivariateDetector::fit(file->options, {"a", "b", "c"}, rows);
  if (!detector) return 0;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    const detection::Verdict& verdict = detector->score(rows.row(i));
    ASSERT(verdict.score >= 0 && std::isfinite(verdict.score), "a score for every row");
    ASSERT(verdict.alarm == (verdict.score > 1), "an alarm is a score above 1");
    ASSERT(detector->contributions().size() == 3, "a contribution for every sensor");
  }
  return 0;
}
