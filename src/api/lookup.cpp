#include "api/lookup.hpp"

#include <vector>

#include <fmt/format.h>

#include "core/text.hpp"

namespace millwright::api {

core::Result<const asset::Machine*> find_machine(const asset::Model& model, std::string_view name,
                                                 const Identity& who) {
  const asset::Machine* found = model.find_machine(name);
  if (found != nullptr && who.sees(found->path)) return found;
  std::vector<std::string_view> names;
  for (const asset::Machine& machine : model.machines()) {
    if (who.sees(machine.path)) names.push_back(machine.name);
  }
  return core::unexpected(core::ErrorCode::kNotFound,
                          fmt::format("machine '{}' does not exist{}; GET /v1/machines lists those that do", name,
                                      core::did_you_mean(name, names)));
}

}  // namespace millwright::api
