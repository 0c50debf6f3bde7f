// Finding what a path or a body names, as far as the caller may know of it.
//
// Threads: pure. Errors: kNotFound, with the nearest name that the caller sees; what is hidden does not exist.
#pragma once

#include <string_view>

#include "api/identity.hpp"
#include "asset/model.hpp"
#include "core/result.hpp"

namespace millwright::api {

core::Result<const asset::Machine*> find_machine(const asset::Model& model, std::string_view name, const Identity& who);

}  // namespace millwright::api
