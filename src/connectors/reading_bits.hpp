// reading_bits: a number as the bits of a reading of a type: real numbers as near as the type comes, everything else
// only where it stays what it is; 0 and 1 as bool.
#pragma once

#include <cstdint>
#include <optional>

#include "connectors/exactly.hpp"
#include "core/block.hpp"

namespace millwright::connectors {

template <typename From>
std::optional<std::uint64_t> reading_bits(From from, core::ValueType type) {
  const auto as = [from](auto to) { return exactly(from, to) ? std::optional(core::to_bits(to)) : std::nullopt; };
  switch (type) {
    case core::ValueType::kFloat64:
      return core::to_bits(static_cast<double>(from));
    case core::ValueType::kFloat32:
      return core::to_bits(static_cast<float>(from));
    case core::ValueType::kInt64:
      return as(std::int64_t{});
    case core::ValueType::kState:
      return as(std::int32_t{});
    case core::ValueType::kBool:
      if (from == From{0}) return 0;
      return from == From{1} ? std::optional<std::uint64_t>(1) : std::nullopt;
    case core::ValueType::kText:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace millwright::connectors
