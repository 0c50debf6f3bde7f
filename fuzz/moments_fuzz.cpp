// Moments that sites gathered: any text is read or refused; what is read is written as it came, adds to itself, and a
// model is learnt from it or refused.
#include <cstdint>
#include <string_view>

#include "core/assert.hpp"
#include "training/train.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millwright;
  const auto gathered = training::parse_gathered(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!gathered || gathered->moments.mean().size() > 20) return 0;
  const std::string text = training::to_text(*gathered);
  const auto again = training::parse_gathered(text);
  ASSERT(again && training::to_text(*again) == text, "what is written is read as it was");
  auto sum = *gathered;
  ASSERT(sum.merge(*again).has_value(), "moments add to themselves");
  ASSERT(sum.moments.count() == 2 * gathered->moments.count(), "rows add up");
  const training::TrainOptions options{.name = "m",
                                       .version = "1",
                                       .machine_type = "t",
                                       .detector = training::default_detector(detection::ModelKind::kPca)};
  static_cast<void>(training::train(*gathered, options));
  return 0;
}
