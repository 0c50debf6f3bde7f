// A model bundle: any file is read or refused; a payload that is read is written again as it was, or its detector is
// refused, and what is made of it scores its test rows.
#include <cstdint>
#include <string_view>

#include "core/assert.hpp"
#include "models/loaded_model.hpp"

using namespace millwright;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto sealed = models::open_seal(text);
  const auto bundle = models::parse_payload(sealed ? sealed->payload : text);
  if (!bundle) return 0;
  const auto again = models::parse_payload(models::to_payload(*bundle));
  ASSERT(again, "what is written is read");
  ASSERT(models::to_payload(*again) == models::to_payload(*bundle), "and is the same");
  if (bundle->kind == models::kXgboost) return 0;  // its library reads the rest
  const auto detector = models::make_detector(*bundle);
  if (!detector) return 0;
  const auto scores = models::score_test_rows(*bundle, **detector);
  ASSERT(scores.size() == bundle->test.scores.size(), "a score for each row");
  return 0;
}
