#include "historian/bit_packing.hpp"

#include <array>
#include <cstring>
#include <utility>

#include "core/assert.hpp"

namespace millwright::historian {
namespace {

constexpr unsigned kWordBits = 64;
constexpr std::size_t kWidths = 65;

constexpr std::size_t words_of(unsigned width) {
  return (width + 7) / 8;
}

// The part of value I that lies in word K of its group.
template <unsigned kWidth, std::size_t K, std::size_t I>
[[gnu::always_inline]] inline std::uint64_t piece(const std::uint64_t* group) {
  constexpr std::size_t kStart = I * kWidth;
  constexpr std::size_t kWord = K * kWordBits;
  if constexpr (kStart + kWidth <= kWord || kStart >= kWord + kWordBits) {
    return 0;
  } else if constexpr (kStart >= kWord) {
    return group[I] << (kStart - kWord);
  } else {
    return group[I] >> (kWord - kStart);
  }
}

template <unsigned kWidth, std::size_t K, std::size_t... I>
[[gnu::always_inline]] inline std::uint64_t word(const std::uint64_t* group, std::index_sequence<I...>) {
  return (piece<kWidth, K, I>(group) | ...);
}

template <unsigned kWidth, std::size_t... K>
[[gnu::always_inline]] inline void pack_group(const std::uint64_t* group, std::byte* out, std::index_sequence<K...>) {
  const std::array<std::uint64_t, sizeof...(K)> words{
      word<kWidth, K>(group, std::make_index_sequence<kPackGroup>())...};
  std::memcpy(out, words.data(), sizeof(words));
}

template <unsigned kWidth>
void pack_groups(const std::uint64_t* values, std::size_t groups, std::byte* out) {
  if constexpr (kWidth > 0) {
    for (std::size_t g = 0; g < groups; ++g) {
      pack_group<kWidth>(values + g * kPackGroup, out + g * kWidth, std::make_index_sequence<words_of(kWidth)>());
    }
  }
}

template <unsigned kWidth, std::size_t I>
[[gnu::always_inline]] inline std::uint64_t value(const std::uint64_t* words) {
  constexpr std::size_t kAt = I * kWidth / kWordBits;
  constexpr unsigned kShift = I * kWidth % kWordBits;
  std::uint64_t result = words[kAt] >> kShift;
  if constexpr (kShift + kWidth > kWordBits) result |= words[kAt + 1] << (kWordBits - kShift);
  if constexpr (kWidth < kWordBits) result &= (std::uint64_t{1} << kWidth) - 1;
  return result;
}

template <unsigned kWidth, std::size_t... I>
[[gnu::always_inline]] inline void unpack_group(const std::uint64_t* words, std::uint64_t* out,
                                                std::index_sequence<I...>) {
  ((out[I] = value<kWidth, I>(words)), ...);
}

template <unsigned kWidth>
void unpack_groups(const std::byte* packed, std::size_t groups, std::uint64_t* out) {
  if constexpr (kWidth == 0) {
    std::memset(out, 0, groups * kPackGroup * sizeof(*out));
  } else {
    for (std::size_t g = 0; g < groups; ++g) {
      std::array<std::uint64_t, words_of(kWidth)> words;
      std::memcpy(words.data(), packed + g * kWidth, sizeof(words));
      unpack_group<kWidth>(words.data(), out + g * kPackGroup, std::make_index_sequence<kPackGroup>());
    }
  }
}

using Pack = void (*)(const std::uint64_t*, std::size_t, std::byte*);
using Unpack = void (*)(const std::byte*, std::size_t, std::uint64_t*);

template <std::size_t... W>
constexpr std::array<Pack, kWidths> pack_table(std::index_sequence<W...>) {
  return {&pack_groups<W>...};
}
template <std::size_t... W>
constexpr std::array<Unpack, kWidths> unpack_table(std::index_sequence<W...>) {
  return {&unpack_groups<W>...};
}
constexpr auto kPack = pack_table(std::make_index_sequence<kWidths>());
constexpr auto kUnpack = unpack_table(std::make_index_sequence<kWidths>());

}  // namespace

void pack_bits(const std::uint64_t* values, std::size_t count, unsigned width, std::byte* out) {
  ASSERT(width < kWidths, "bit width beyond 64");
  kPack[width](values, whole_groups(count) / kPackGroup, out);
}

void unpack_bits(std::span<const std::byte> packed, std::size_t count, unsigned width, std::uint64_t* out) {
  ASSERT(width < kWidths && packed.size() >= packed_bytes(count, width), "packed bits shorter than their count");
  const std::size_t groups = whole_groups(count) / kPackGroup;
  if (width == 0) return kUnpack[0](nullptr, groups, out);
  // A group is read in whole words: as long as those lie inside, straight; the rest from a copy with room behind.
  const std::size_t read = words_of(width) * sizeof(std::uint64_t);
  const std::size_t straight = packed.size() < read ? 0 : std::min(groups, (packed.size() - read) / width + 1);
  kUnpack[width](packed.data(), straight, out);
  for (std::size_t g = straight; g < groups; ++g) {
    std::array<std::byte, kWordBits * kPackGroup / 8> last{};
    const auto rest = packed.subspan(g * width);
    std::memcpy(last.data(), rest.data(), std::min(rest.size(), last.size()));
    kUnpack[width](last.data(), 1, out + g * kPackGroup);
  }
}

}  // namespace millwright::historian
