// Strong ids. Dense ids (SensorId, MachineId) index arrays and live only inside one process; what leaves a process or
// lands on disk carries the asset path or a key from the historian's catalogue instead.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>

namespace millwright::core {

template <typename Tag>
struct Id {
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t value = kNone;

  constexpr Id() = default;
  constexpr explicit Id(std::size_t v) : value(static_cast<std::uint32_t>(v)) {}
  [[nodiscard]] constexpr bool valid() const { return value != kNone; }
  constexpr auto operator<=>(const Id&) const = default;
};

using SensorId = Id<struct SensorTag>;    // index into asset::Model::sensors()
using MachineId = Id<struct MachineTag>;  // index into asset::Model::machines()
using SourceId = Id<struct SourceTag>;    // index into pipeline::Sources

}  // namespace millwright::core

template <typename Tag>
struct std::hash<millwright::core::Id<Tag>> {
  std::size_t operator()(millwright::core::Id<Tag> id) const noexcept { return std::hash<std::uint32_t>{}(id.value); }
};
