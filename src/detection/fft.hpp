// Fft: the discrete Fourier transform of one length, forwards of real samples, backwards of complex ones. The library
// behind it (Eigen's, made from KISS FFT; MPL-2.0) stays inside.
//
// Threads: one owner; it has buffers and twiddle factors of its own. Shapes: any length from 2 on; quick where its
// prime factors are 2, 3 and 5, which nearest_size() finds, and slow where one of them is great. Scale: forward() as it
// comes, the sum over the samples; backward() divides by the length, so that it undoes forward().
#pragma once

#include <complex>
#include <cstddef>
#include <memory>
#include <span>

namespace millwright::detection {

class Fft {
 public:
  using Complex = std::complex<double>;

  explicit Fft(std::size_t size);
  Fft(Fft&&) noexcept;
  Fft& operator=(Fft&&) noexcept;
  ~Fft();

  // The greatest length up to `size` that has no prime factor but 2, 3 and 5; `size` is at least 1.
  static std::size_t nearest_size(std::size_t size);

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t bins() const { return size_ / 2 + 1; }

  // size() samples to bins() values, from 0 Hz to half the sampling rate.
  void forward(std::span<const double> samples, std::span<Complex> spectrum);
  // size() values of the whole circle, the negative frequencies behind the positive, to size() samples.
  void backward(std::span<const Complex> spectrum, std::span<Complex> samples);

 private:
  struct Plan;
  std::size_t size_;
  std::unique_ptr<Plan> plan_;
};

}  // namespace millwright::detection
