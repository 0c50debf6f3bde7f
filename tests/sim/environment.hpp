// Numbers that a simulation takes from the environment, so that it can be repeated, or run for longer.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace millwright::sim {

inline std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

}  // namespace millwright::sim
