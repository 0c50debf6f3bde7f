// RenderedNumbers: "0.00" to "199.99" as text, made once, so that a benchmark's sender does not spend its time on
// printing.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "core/assert.hpp"

namespace millwright::app {

class RenderedNumbers {
 public:
  static constexpr std::size_t kBytesMax = 7;

  RenderedNumbers() {
    for (int i = 0; i < kNumbers; ++i) {
      Text& text = texts_[static_cast<std::size_t>(i)];
      const auto end = fmt::format_to(text.bytes.data(), "{}.{:02}", i / 100, i % 100);
      text.size = static_cast<std::uint8_t>(end - text.bytes.data());
    }
  }

  // Writes up to kBytesMax bytes and gives the end of those that count.
  char* put(float value, char* out) const {
    const long hundredths = std::lround(value * 100);
    ASSERT(hundredths >= 0 && hundredths < kNumbers, "the benchmark's signal left its range");
    const Text& text = texts_[static_cast<std::size_t>(hundredths)];
    std::memcpy(out, text.bytes.data(), text.bytes.size());
    return out + text.size;
  }

 private:
  static constexpr int kNumbers = 20'000;
  struct Text {
    std::array<char, kBytesMax> bytes{};
    std::uint8_t size = 0;
  };
  std::vector<Text> texts_ = std::vector<Text>(kNumbers);
};

}  // namespace millwright::app
