#include "detection/pca_kernels.hpp"

#include <algorithm>

namespace millwright::detection {

#ifdef __x86_64__
extern const PcaKernels kAvx2PcaKernels;
#endif

namespace {

void score(const PcaCoefficients& pca, const float* const* columns, std::size_t n, float* t2, float* spe) {
  std::vector<float> z(pca.sensors);
  for (std::size_t i = 0; i < n; ++i) {
    float rest = 0;
    for (std::size_t j = 0; j < pca.sensors; ++j) {
      z[j] = (columns[j][i] - pca.centre[j]) * pca.inverse_spread[j];
      rest += z[j] * z[j];
    }
    float sum = 0;
    const float* loading = pca.loadings.data();
    for (std::size_t k = 0; k < pca.components; ++k, loading += pca.sensors) {
      float t = 0;
      for (std::size_t j = 0; j < pca.sensors; ++j) t += loading[j] * z[j];
      sum += t * t * pca.inverse_variance[k];
      rest -= t * t;
    }
    t2[i] = sum;
    spe[i] = std::max(rest, 0.0F);
  }
}

constexpr PcaKernels kPortableKernels{.name = "portable", .score = score};

std::vector<const PcaKernels*> find_usable() {
  std::vector<const PcaKernels*> usable{&kPortableKernels};
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) usable.push_back(&kAvx2PcaKernels);
#endif
  return usable;
}

}  // namespace

std::span<const PcaKernels* const> usable_pca_kernels() {
  static const std::vector<const PcaKernels*> usable = find_usable();
  return usable;
}

const PcaKernels& best_pca_kernels() {
  return *usable_pca_kernels().back();
}

}  // namespace millwright::detection
