#include "historian/kernels.hpp"

#include <array>
#include <vector>

#include "historian/kernels_portable.hpp"

namespace millwright::historian {

#ifdef __x86_64__
extern const Kernels kAvx2Kernels;
const Kernels& avx512_kernels();
#endif

namespace {

template <typename T>
std::size_t scale(const T* values, std::size_t n, unsigned exponent, std::int32_t* integers, std::uint16_t* exceptions,
                  Extents& extents) {
  return portable::scale(values, 0, n, exponent, integers, exceptions, 0, extents);
}

template <typename T>
void unscale(const std::uint32_t* offsets, std::size_t n, const Frame& frame, unsigned exponent, T* values) {
  portable::unscale(offsets, 0, n, frame, portable::first_carry(frame), exponent, values);
}

void integers(const std::uint32_t* offsets, std::size_t n, const Frame& frame, std::int32_t* out) {
  portable::integers(offsets, 0, n, frame, portable::first_carry(frame), out);
}

Extents extents(const std::int32_t* values, std::size_t n) {
  return portable::extents(values, 0, n, {});
}

FarCounts count_far(const std::int32_t* values, std::size_t n, const Frame& frame, unsigned bits) {
  return portable::count_far(values, 0, n, frame, bits, {});
}

std::size_t outside(const std::int32_t* values, std::size_t n, const Frame& frame, unsigned width,
                    std::uint16_t* positions) {
  return portable::outside(values, 0, n, frame, width, positions, 0);
}

void pack(const std::int32_t* values, std::size_t n, const Frame& frame, unsigned width, std::byte* out) {
  portable::pack(values, 0, n, frame, width, out);
}

constexpr Kernels kPortableKernels{
    .name = "portable",
    .scale32 = scale<float>,
    .scale64 = scale<double>,
    .unscale32 = unscale<float>,
    .unscale64 = unscale<double>,
    .integers = integers,
    .extents = extents,
    .count_far = count_far,
    .outside = outside,
    .pack = pack,
    .unpack = portable::unpack,
};

std::vector<const Kernels*> find_usable() {
  std::vector<const Kernels*> usable{&kPortableKernels};
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) usable.push_back(&kAvx2Kernels);
  if (usable.size() > 1 && __builtin_cpu_supports("avx512f")) usable.push_back(&avx512_kernels());
#endif
  return usable;
}

}  // namespace

std::span<const Kernels* const> usable_kernels() {
  static const std::vector<const Kernels*> usable = find_usable();
  return usable;
}

const Kernels& best_kernels() {
  return *usable_kernels().back();
}

}  // namespace millwright::historian
