#include "config/unique_name.hpp"

#include <fmt/format.h>

#include "core/text.hpp"

namespace millwright::config {

std::string UniqueNames::read(Section& section) {
  std::string name = section.text("name", {.fallback = std::nullopt, .length_max = kLongest});
  if (name.empty()) return name;  // told already: the key is required
  if (!core::is_asset_name(name)) {
    section.problem("name", fmt::format("'{}' is not a name: lower-case letters, digits and single hyphens inside, "
                                        "at most {}",
                                        name, kLongest));
    return name;
  }
  const auto [first, added] = first_.try_emplace(name, to_string(section.place("name")));
  if (!added) {
    section.problem("name", fmt::format("another {} has the name '{}' already ({})", what_, name, first->second));
  }
  return name;
}

}  // namespace millwright::config
