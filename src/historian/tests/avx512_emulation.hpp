// The intrinsics that kernels_avx512.cpp uses, lane by lane in plain C++, as Intel's Intrinsics Guide defines them:
// what that file computes can so be tested on machines without AVX-512.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "historian/kernels_portable.hpp"

namespace millwright::historian {
namespace {

template <typename T, std::size_t kCount>
struct Vector {
  std::array<T, kCount> lane{};
};
using __m128i = Vector<std::int32_t, 4>;
using __m256i = Vector<std::int32_t, 8>;
using __m512i = Vector<std::int32_t, 16>;
using __m256 = Vector<float, 8>;
using __m512 = Vector<float, 16>;
using __m512d = Vector<double, 8>;

template <typename To, typename From>
To as(const From& from) {
  return std::bit_cast<To>(from);
}
template <typename V>
V read(const void* from) {
  V v;
  std::memcpy(&v, from, sizeof(v));
  return v;
}
template <typename T, std::size_t kCount, typename Compute>
auto each(Vector<T, kCount>, Compute compute) {
  Vector<decltype(compute(std::size_t{})), kCount> out;
  for (std::size_t i = 0; i < kCount; ++i) out.lane[i] = compute(i);
  return out;
}
template <typename V, typename Holds>
unsigned mask(const V& v, Holds holds) {
  unsigned bits = 0;
  for (std::size_t i = 0; i < v.lane.size(); ++i) bits |= holds(i) ? 1U << i : 0U;
  return bits;
}
inline std::int32_t wrap(std::uint32_t value) {
  return static_cast<std::int32_t>(value);
}
inline std::uint32_t bits(std::int32_t value) {
  return static_cast<std::uint32_t>(value);
}

inline __m512i _mm512_loadu_si512(const void* from) {
  return read<__m512i>(from);
}
inline __m512d _mm512_loadu_pd(const void* from) {
  return read<__m512d>(from);
}
inline void _mm512_storeu_si512(void* to, const __m512i& v) {
  std::memcpy(to, &v, sizeof(v));
}
inline void _mm512_storeu_pd(void* to, const __m512d& v) {
  std::memcpy(to, &v, sizeof(v));
}

inline __m512i _mm512_setzero_si512() {
  return {};
}
inline __m512i _mm512_set1_epi32(int value) {
  return each(__m512i{}, [&](std::size_t) { return std::int32_t{value}; });
}
inline __m512 _mm512_set1_ps(float value) {
  return each(__m512{}, [&](std::size_t) { return value; });
}
inline __m512d _mm512_set1_pd(double value) {
  return each(__m512d{}, [&](std::size_t) { return value; });
}

inline __m256i _mm256_castps_si256(const __m256& v) {
  return as<__m256i>(v);
}
inline __m256 _mm256_castsi256_ps(const __m256i& v) {
  return as<__m256>(v);
}
inline __m512i _mm512_castps_si512(const __m512& v) {
  return as<__m512i>(v);
}
inline __m512 _mm512_castsi512_ps(const __m512i& v) {
  return as<__m512>(v);
}
inline __m512i _mm512_castpd_si512(const __m512d& v) {
  return as<__m512i>(v);
}
inline __m512i _mm512_castsi256_si512(const __m256i& v) {
  __m512i out;
  std::copy(v.lane.begin(), v.lane.end(), out.lane.begin());
  return out;
}
inline __m256i _mm512_castsi512_si256(const __m512i& v) {
  return read<__m256i>(&v);
}
inline __m128i _mm512_castsi512_si128(const __m512i& v) {
  return read<__m128i>(&v);
}
inline int _mm_cvtsi128_si32(const __m128i& v) {
  return v.lane[0];
}
inline __m512i _mm512_inserti64x4(__m512i v, const __m256i& part, int where) {
  std::copy(part.lane.begin(), part.lane.end(), v.lane.begin() + where * 8);
  return v;
}
inline __m256i _mm512_extracti64x4_epi64(const __m512i& v, int where) {
  return read<__m256i>(&v.lane[static_cast<std::size_t>(where) * 8]);
}

inline __m512i _mm512_add_epi32(const __m512i& a, const __m512i& b) {
  return each(a, [&](std::size_t i) { return wrap(bits(a.lane[i]) + bits(b.lane[i])); });
}
inline __m512i _mm512_sub_epi32(const __m512i& a, const __m512i& b) {
  return each(a, [&](std::size_t i) { return wrap(bits(a.lane[i]) - bits(b.lane[i])); });
}
inline __m512i _mm512_and_si512(const __m512i& a, const __m512i& b) {
  return each(a, [&](std::size_t i) { return a.lane[i] & b.lane[i]; });
}
inline __m512i _mm512_or_si512(const __m512i& a, const __m512i& b) {
  return each(a, [&](std::size_t i) { return a.lane[i] | b.lane[i]; });
}
inline __m512i _mm512_xor_si512(const __m512i& a, const __m512i& b) {
  return each(a, [&](std::size_t i) { return a.lane[i] ^ b.lane[i]; });
}
inline __m512i _mm512_srai_epi32(const __m512i& a, unsigned count) {
  return each(a, [&](std::size_t i) { return a.lane[i] >> count; });
}
inline __m512i _mm512_min_epi32(const __m512i& a, const __m512i& b) {
  return each(a, [&](std::size_t i) { return std::min(a.lane[i], b.lane[i]); });
}
inline __m512i _mm512_max_epi32(const __m512i& a, const __m512i& b) {
  return each(a, [&](std::size_t i) { return std::max(a.lane[i], b.lane[i]); });
}
inline int _mm512_reduce_min_epi32(const __m512i& v) {
  return *std::min_element(v.lane.begin(), v.lane.end());
}
inline int _mm512_reduce_max_epi32(const __m512i& v) {
  return *std::max_element(v.lane.begin(), v.lane.end());
}

// The lanes of high:low, `count` lanes further down.
inline __m512i _mm512_alignr_epi32(const __m512i& high, const __m512i& low, std::size_t count) {
  return each(low, [&](std::size_t i) { return i + count < 16 ? low.lane[i + count] : high.lane[i + count - 16]; });
}
inline __m512i _mm512_permutexvar_epi32(const __m512i& index, const __m512i& v) {
  return each(v, [&](std::size_t i) { return v.lane[bits(index.lane[i]) % 16]; });
}
inline __m512i _mm512_mask_permutexvar_epi32(const __m512i& other, unsigned mask, const __m512i& index,
                                             const __m512i& v) {
  const __m512i moved = _mm512_permutexvar_epi32(index, v);
  return each(v, [&](std::size_t i) { return (mask >> i & 1U) != 0 ? moved.lane[i] : other.lane[i]; });
}

inline unsigned _mm512_test_epi32_mask(const __m512i& a, const __m512i& b) {
  return mask(a, [&](std::size_t i) { return (a.lane[i] & b.lane[i]) != 0; });
}
inline unsigned _mm512_cmpneq_epi32_mask(const __m512i& a, const __m512i& b) {
  return mask(a, [&](std::size_t i) { return a.lane[i] != b.lane[i]; });
}
inline unsigned _mm512_cmpgt_epi32_mask(const __m512i& a, const __m512i& b) {
  return mask(a, [&](std::size_t i) { return a.lane[i] > b.lane[i]; });
}
inline unsigned _mm512_cmpneq_epi64_mask(const __m512i& a, const __m512i& b) {
  const auto wide_a = as<Vector<std::int64_t, 8>>(a);
  const auto wide_b = as<Vector<std::int64_t, 8>>(b);
  return mask(wide_a, [&](std::size_t i) { return wide_a.lane[i] != wide_b.lane[i]; });
}

inline __m512 _mm512_mul_ps(const __m512& a, const __m512& b) {
  return each(a, [&](std::size_t i) { return a.lane[i] * b.lane[i]; });
}
inline __m512d _mm512_mul_pd(const __m512d& a, const __m512d& b) {
  return each(a, [&](std::size_t i) { return a.lane[i] * b.lane[i]; });
}
inline __m512 _mm512_fmadd_ps(const __m512& a, const __m512& b, const __m512& c) {
  return each(a, [&](std::size_t i) { return std::fma(a.lane[i], b.lane[i], c.lane[i]); });
}
inline __m512d _mm512_fmadd_pd(const __m512d& a, const __m512d& b, const __m512d& c) {
  return each(a, [&](std::size_t i) { return std::fma(a.lane[i], b.lane[i], c.lane[i]); });
}
inline __m512d _mm512_fnmadd_pd(const __m512d& a, const __m512d& b, const __m512d& c) {
  return each(a, [&](std::size_t i) { return std::fma(-a.lane[i], b.lane[i], c.lane[i]); });
}

inline __m512i _mm512_cvtps_epi32(const __m512& v) {
  return each(v, [&](std::size_t i) { return portable::nearest(static_cast<double>(v.lane[i])); });
}
inline __m256i _mm512_cvtpd_epi32(const __m512d& v) {
  return each(v, [&](std::size_t i) { return portable::nearest(v.lane[i]); });
}
inline __m512 _mm512_cvtepi32_ps(const __m512i& v) {
  return each(v, [&](std::size_t i) { return static_cast<float>(v.lane[i]); });
}
inline __m512d _mm512_cvtepi32_pd(const __m256i& v) {
  return each(v, [&](std::size_t i) { return static_cast<double>(v.lane[i]); });
}
inline __m512d _mm512_cvtps_pd(const __m256& v) {
  return each(v, [&](std::size_t i) { return static_cast<double>(v.lane[i]); });
}
inline __m256 _mm512_cvtpd_ps(const __m512d& v) {
  return each(v, [&](std::size_t i) { return static_cast<float>(v.lane[i]); });
}

}  // namespace
}  // namespace millwright::historian
