#include "maintenance/ulid.hpp"

#include <cstdint>
#include <string_view>

namespace millwright::maintenance {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr int kTimeDigits = 10;
constexpr int kChanceDigits = 16;

}  // namespace

std::string make_ulid(core::TimeNs time, io::Random& random) {
  std::string text(kTimeDigits + kChanceDigits, '0');
  auto ms = static_cast<std::uint64_t>(time / core::kMillisecond);
  for (int i = kTimeDigits - 1; i >= 0; --i, ms >>= 5) text[static_cast<std::size_t>(i)] = kAlphabet[ms & 31];
  for (int i = 0; i < kChanceDigits; ++i) {
    text[static_cast<std::size_t>(kTimeDigits + i)] = kAlphabet[random.next() >> 59];
  }
  return text;
}

}  // namespace millwright::maintenance
