#include "detection/fft.hpp"

#include <unsupported/Eigen/FFT>

#include "core/assert.hpp"

namespace millwright::detection {

struct Fft::Plan {
  Eigen::FFT<double> transform;
};

Fft::Fft(std::size_t size) : size_(size), plan_(std::make_unique<Plan>()) {
  ASSERT(size >= 2, "a transform of nothing");
  plan_->transform.SetFlag(Eigen::FFT<double>::HalfSpectrum);
}
Fft::Fft(Fft&&) noexcept = default;
Fft& Fft::operator=(Fft&&) noexcept = default;
Fft::~Fft() = default;

std::size_t Fft::nearest_size(std::size_t size) {
  ASSERT(size >= 1, "a length");
  for (;; --size) {
    std::size_t rest = size;
    for (const std::size_t prime : {2U, 3U, 5U}) {
      while (rest % prime == 0) rest /= prime;
    }
    if (rest == 1) return size;
  }
}

void Fft::forward(std::span<const double> samples, std::span<Complex> spectrum) {
  ASSERT(samples.size() == size_ && spectrum.size() == bins(), "shapes of another length");
  plan_->transform.fwd(spectrum.data(), samples.data(), static_cast<Eigen::Index>(size_));
}

void Fft::backward(std::span<const Complex> spectrum, std::span<Complex> samples) {
  ASSERT(spectrum.size() == size_ && samples.size() == size_, "shapes of another length");
  plan_->transform.inv(samples.data(), spectrum.data(), static_cast<Eigen::Index>(size_));
}

}  // namespace millwright::detection
