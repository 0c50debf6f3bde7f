#include "historian/kernels.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "historian/bit_packing.hpp"
#include "historian/decimal.hpp"
#include "io/random.hpp"

namespace millwright::historian {

#ifdef __x86_64__
const Kernels& emulated_avx512_kernels();
#endif

namespace {

const Kernels& portable_kernels() {
  return *usable_kernels().front();
}

std::vector<const Kernels*> vector_kernels() {
  std::vector<const Kernels*> all(usable_kernels().begin() + 1, usable_kernels().end());
#ifdef __x86_64__
  // What it packs with is not emulated.
  if (!all.empty()) all.push_back(&emulated_avx512_kernels());
#endif
  return all;
}

class KernelsTest : public testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& fast_ = *GetParam();
  io::Random random_{20261121};
};

template <typename T>
std::size_t scale(const Kernels& kernels, const std::vector<T>& values, unsigned exponent,
                  std::vector<std::int32_t>& integers, std::vector<std::uint16_t>& exceptions, Extents& extents) {
  integers.resize(values.size());
  exceptions.assign(values.size() + 1, 0);
  std::size_t found = 0;
  if constexpr (sizeof(T) == 4) {
    found = kernels.scale32(values.data(), values.size(), exponent, integers.data(), exceptions.data(), extents);
  } else {
    found = kernels.scale64(values.data(), values.size(), exponent, integers.data(), exceptions.data(), extents);
  }
  exceptions.resize(found);
  return found;
}

template <typename T>
void compare_scales(const Kernels& fast, const std::vector<T>& values, unsigned exponent) {
  std::vector<std::int32_t> a;
  std::vector<std::int32_t> b;
  std::vector<std::uint16_t> wrong_a;
  std::vector<std::uint16_t> wrong_b;
  Extents extents_a;
  Extents extents_b;
  scale(portable_kernels(), values, exponent, a, wrong_a, extents_a);
  scale(fast, values, exponent, b, wrong_b, extents_b);
  ASSERT_EQ(a, b) << fast.name << " at exponent " << exponent;
  ASSERT_EQ(wrong_a, wrong_b) << fast.name << " at exponent " << exponent;
  ASSERT_EQ(extents_a.low, extents_b.low);
  ASSERT_EQ(extents_a.high, extents_b.high);
  ASSERT_EQ(extents_a.step_low, extents_b.step_low);
  ASSERT_EQ(extents_a.step_high, extents_b.step_high);
}

TEST_P(KernelsTest, ScaleAlike) {
  for (int round = 0; round < 5000; ++round) {
    const std::size_t n = 1 + random_.below(70);
    const auto exponent = static_cast<unsigned>(random_.below(kMaxExponent + 1));
    const double reach = std::pow(10, static_cast<double>(random_.below(12)) - 2);
    std::vector<double> values(n);
    for (double& value : values) {
      value = random_.below(30) == 0 ? std::bit_cast<double>(random_.next())
                                     : std::round(random_.normal() * reach * kPowers[exponent]) / kPowers[exponent];
    }
    // Around the ends of 32 bits, and halves.
    if (round % 3 == 0) values[0] = (random_.below(2) == 0 ? -0x1p31 : 0x1p31 - 1) / kPowers[exponent];
    if (round % 3 == 1) values[0] = (std::round(random_.normal() * 1000) + 0.5) / kPowers[exponent];
    compare_scales(fast_, values, exponent);
    compare_scales(fast_, std::vector<float>(values.begin(), values.end()), exponent);
    if (HasFatalFailure()) return;
  }
}

TEST_P(KernelsTest, UnscaleAlike) {
  for (int round = 0; round < 5000; ++round) {
    const std::size_t n = 1 + random_.below(70);
    const auto exponent = static_cast<unsigned>(random_.below(kMaxExponent + 1));
    const unsigned width = 1 + static_cast<unsigned>(random_.below(31));
    std::vector<std::uint32_t> offsets(n);
    for (auto& offset : offsets) offset = static_cast<std::uint32_t>(random_.next() >> (64 - width));
    const auto low = static_cast<std::int32_t>(random_.next() >> 44) - (1 << 19);
    Frame frame{random_.below(2) == 0, static_cast<std::int32_t>(random_.below(1000)), low};
    if (frame.delta) offsets[0] = 0;
    std::vector<double> wide_a(n);
    std::vector<double> wide_b(n);
    portable_kernels().unscale64(offsets.data(), n, frame, exponent, wide_a.data());
    fast_.unscale64(offsets.data(), n, frame, exponent, wide_b.data());
    ASSERT_EQ(std::memcmp(wide_a.data(), wide_b.data(), n * sizeof(double)), 0) << fast_.name << ' ' << exponent;
    std::vector<float> a(n);
    std::vector<float> b(n);
    portable_kernels().unscale32(offsets.data(), n, frame, exponent, a.data());
    fast_.unscale32(offsets.data(), n, frame, exponent, b.data());
    ASSERT_EQ(std::memcmp(a.data(), b.data(), n * sizeof(float)), 0) << fast_.name << ' ' << exponent;
  }
}

TEST_P(KernelsTest, PackAndUnpackAlikeAtEveryWidth) {
  for (unsigned width = 0; width <= 31; ++width) {
    for (std::size_t n = 1; n < 80; ++n) {
      const Frame frame{n % 2 == 0, 0, -5};
      std::vector<std::int32_t> values(n);
      std::uint32_t sum = 0;
      for (auto& value : values) {
        const auto offset = static_cast<std::uint32_t>(random_.next() & ((std::uint64_t{1} << width) - 1)) - 5;
        sum = frame.delta ? sum + offset : offset;
        value = static_cast<std::int32_t>(sum);
      }
      const std::size_t packed = frame.delta ? n - 1 : n;
      const std::size_t bytes = packed_bytes(packed, width);
      std::vector<std::byte> a(bytes + kPackSlack);
      std::vector<std::byte> b(bytes + kPackSlack);
      portable_kernels().pack(values.data(), n, frame, width, a.data());
      fast_.pack(values.data(), n, frame, width, b.data());
      a.resize(bytes);
      b.resize(bytes);
      a.shrink_to_fit();
      ASSERT_EQ(a, b) << fast_.name << ", width " << width << ", " << n << " values";
      std::vector<std::uint32_t> out_a(whole_groups(packed));
      std::vector<std::uint32_t> out_b(whole_groups(packed));
      portable_kernels().unpack(a, packed, width, out_a.data());
      fast_.unpack(a, packed, width, out_b.data());
      out_a.resize(packed);
      out_b.resize(packed);
      ASSERT_EQ(out_a, out_b) << fast_.name << ", width " << width << ", " << n << " values";
    }
  }
}

TEST_P(KernelsTest, CountAndListFarOffsetsAlike) {
  for (int round = 0; round < 5000; ++round) {
    const std::size_t n = 1 + random_.below(70);
    const auto bits = static_cast<unsigned>(random_.below(28));
    std::vector<std::int32_t> values(n);
    for (auto& value : values) value = static_cast<std::int32_t>(random_.next() >> (32 + random_.below(31)));
    const Frame frame{random_.below(2) == 0, values[0], static_cast<std::int32_t>(random_.below(100)) - 50};
    ASSERT_EQ(portable_kernels().count_far(values.data(), n, frame, bits),
              fast_.count_far(values.data(), n, frame, bits));
    std::vector<std::uint16_t> a(n + 1);
    std::vector<std::uint16_t> b(n + 1);
    a.resize(portable_kernels().outside(values.data(), n, frame, bits, a.data()));
    b.resize(fast_.outside(values.data(), n, frame, bits, b.data()));
    ASSERT_EQ(a, b);
    const Extents extents_a = portable_kernels().extents(values.data(), n);
    const Extents extents_b = fast_.extents(values.data(), n);
    ASSERT_EQ(std::tie(extents_a.low, extents_a.high, extents_a.step_low, extents_a.step_high),
              std::tie(extents_b.low, extents_b.high, extents_b.step_low, extents_b.step_high));
  }
}

INSTANTIATE_TEST_SUITE_P(, KernelsTest, testing::ValuesIn(vector_kernels()), [](const auto& kernels) {
  return std::string(kernels.param->name) + "_" + std::to_string(kernels.index);
});
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(KernelsTest);

}  // namespace
}  // namespace millwright::historian
