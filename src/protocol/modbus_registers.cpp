#include "protocol/modbus_registers.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <tuple>

#include "core/assert.hpp"

namespace millwright::protocol::modbus {
namespace {

std::uint16_t swapped(std::uint16_t word) {
  return static_cast<std::uint16_t>(word << 8 | word >> 8);
}

std::uint64_t join(std::span<const std::uint16_t> registers, const Layout& layout) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < registers.size(); ++i) {
    const std::uint16_t word = registers[layout.low_word_first ? registers.size() - 1 - i : i];
    bits = bits << 16 | (layout.low_byte_first ? swapped(word) : word);
  }
  return bits;
}

template <typename T>
Number as(std::uint64_t bits) {
  return std::int64_t{static_cast<T>(bits)};
}

// The nearest whole number, where T has it.
template <typename T>
std::optional<std::uint64_t> whole(double value) {
  const double nearest = std::round(value);
  const double low = static_cast<double>(std::numeric_limits<T>::min());
  const double end = std::ldexp(1.0, std::numeric_limits<T>::digits);
  if (!(nearest >= low && nearest < end)) return std::nullopt;
  return static_cast<std::uint64_t>(static_cast<T>(nearest));
}

std::optional<std::uint64_t> bits_of(double value, Encoding encoding) {
  switch (encoding) {
    case Encoding::kUint16:
      return whole<std::uint16_t>(value);
    case Encoding::kInt16:
      return whole<std::int16_t>(value);
    case Encoding::kUint32:
      return whole<std::uint32_t>(value);
    case Encoding::kInt32:
      return whole<std::int32_t>(value);
    case Encoding::kUint64:
      return whole<std::uint64_t>(value);
    case Encoding::kInt64:
      return whole<std::int64_t>(value);
    case Encoding::kFloat32:
      if (!(std::abs(value) <= static_cast<double>(std::numeric_limits<float>::max()))) return std::nullopt;
      return std::bit_cast<std::uint32_t>(static_cast<float>(value));
    case Encoding::kFloat64:
      return std::bit_cast<std::uint64_t>(value);
  }
  return std::nullopt;
}

std::uint32_t end_of(const Item& item) {
  return std::uint32_t{item.address} + item.count;
}

Request request_of(std::span<const Item> items, std::span<const std::uint32_t> sorted) {
  const Item& first = items[sorted.front()];
  std::uint32_t end = 0;
  for (const std::uint32_t i : sorted) end = std::max(end, end_of(items[i]));
  return {first.table, first.address, static_cast<std::uint16_t>(end - first.address), {sorted.begin(), sorted.end()}};
}

}  // namespace

Number decode(std::span<const std::uint16_t> registers, const Layout& layout) {
  ASSERT(registers.size() == words(layout.encoding), "as many registers as the value has");
  const std::uint64_t bits = join(registers, layout);
  if (layout.bits != 0) {
    return static_cast<std::int64_t>(bits >> layout.first_bit & ((std::uint64_t{1} << layout.bits) - 1));
  }
  switch (layout.encoding) {
    case Encoding::kUint16:
      return as<std::uint16_t>(bits);
    case Encoding::kInt16:
      return as<std::int16_t>(bits);
    case Encoding::kUint32:
      return as<std::uint32_t>(bits);
    case Encoding::kInt32:
      return as<std::int32_t>(bits);
    case Encoding::kUint64:
      return bits;
    case Encoding::kInt64:
      return as<std::int64_t>(bits);
    case Encoding::kFloat32:
      return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
    case Encoding::kFloat64:
      return std::bit_cast<double>(bits);
  }
  return std::int64_t{0};
}

std::optional<std::vector<std::uint16_t>> encode(double value, const Layout& layout) {
  auto bits = layout.bits == 0 ? bits_of(value, layout.encoding) : std::nullopt;
  if (!bits) return std::nullopt;
  std::vector<std::uint16_t> registers(words(layout.encoding));
  for (std::size_t i = 0; i < registers.size(); ++i, *bits >>= 16) {
    const auto word = static_cast<std::uint16_t>(*bits);
    registers[layout.low_word_first ? i : registers.size() - 1 - i] = layout.low_byte_first ? swapped(word) : word;
  }
  return registers;
}

std::vector<Request> plan(std::span<const Item> items, std::span<const std::uint32_t> wanted, const Limits& limits) {
  std::vector<std::uint32_t> sorted(wanted.begin(), wanted.end());
  std::sort(sorted.begin(), sorted.end(), [&](std::uint32_t a, std::uint32_t b) {
    return std::tuple(items[a].table, items[a].address, items[a].count) <
           std::tuple(items[b].table, items[b].address, items[b].count);
  });
  std::vector<Request> requests;
  std::uint32_t start = 0;
  std::uint32_t end = 0;
  for (std::size_t from = 0, i = 0; i < sorted.size(); ++i) {
    const Item& item = items[sorted[i]];
    const bool bits = is_bits(item.table);
    const std::uint32_t most = bits ? limits.bits_max : limits.registers_max;
    const std::uint32_t gap = limits.gap_max * (bits ? 16U : 1U);
    const std::uint32_t new_end = i == from ? end_of(item) : std::max(end, end_of(item));
    if (i != from && (item.table != items[sorted[from]].table || item.address > end + gap || new_end - start > most)) {
      requests.push_back(request_of(items, std::span(sorted).subspan(from, i - from)));
      from = i;
    }
    if (i == from) start = item.address;
    end = i == from ? end_of(item) : new_end;
    if (i + 1 == sorted.size()) requests.push_back(request_of(items, std::span(sorted).subspan(from)));
  }
  return requests;
}

std::vector<Request> halves(std::span<const Item> items, const Request& request) {
  ASSERT(request.items.size() > 1, "a request of several items");
  const std::span all(request.items);
  const std::size_t half = all.size() / 2;
  return {request_of(items, all.first(half)), request_of(items, all.subspan(half))};
}

}  // namespace millwright::protocol::modbus
