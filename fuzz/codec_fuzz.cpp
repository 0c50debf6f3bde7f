// Decodes any bytes as a block; what decodes is encoded again and must say the same, and every set of kernels must
// agree on it.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "core/assert.hpp"
#include "historian/codec.hpp"
#include "historian/kernels.hpp"

using millwright::historian::DecodedBlock;
using millwright::historian::Decoder;
using millwright::historian::Encoder;
using millwright::historian::usable_kernels;

namespace {

void check_same(const DecodedBlock& a, const DecodedBlock& b) {
  ASSERT(a.type == b.type && a.count == b.count && a.received == b.received, "another block came back");
  for (std::uint32_t i = 0; i < a.count; ++i) ASSERT(a.time(i) == b.time(i), "another time came back");
  ASSERT(a.values == b.values, "other values came back");
  std::size_t run_a = 0;
  std::size_t run_b = 0;
  std::uint32_t left_a = a.quality[0].count;
  std::uint32_t left_b = b.quality[0].count;
  for (std::uint32_t i = 0; i < a.count; ++i) {
    while (left_a == 0) left_a = a.quality[++run_a].count;
    while (left_b == 0) left_b = b.quality[++run_b].count;
    ASSERT(a.quality[run_a].quality == b.quality[run_b].quality, "another quality came back");
    --left_a;
    --left_b;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Encoder encoder;
  static Decoder decoder;
  static Encoder plain_encoder(*usable_kernels().front());
  static Decoder plain_decoder(*usable_kernels().front());
  static DecodedBlock first;
  static DecodedBlock second;
  static std::vector<std::byte> again;
  // On the heap and just as long, so that a read past the end is seen.
  const std::vector<std::byte> bytes(reinterpret_cast<const std::byte*>(data),
                                     reinterpret_cast<const std::byte*>(data) + size);
  const bool decodes = decoder.decode(bytes, 0, first).has_value();
  ASSERT(plain_decoder.decode(bytes, 0, second).has_value() == decodes, "kernels do not agree whether this is a block");
  if (!decodes) return 0;
  check_same(first, second);
  again.clear();
  plain_encoder.encode(first.view(), 0, again);
  const std::vector<std::byte> plain = again;
  again.clear();
  encoder.encode(first.view(), 0, again);
  ASSERT(again == plain, "kernels give other bytes");
  ASSERT(decoder.decode(again, 0, second).has_value(), "what was just encoded does not decode");
  check_same(first, second);
  return 0;
}
