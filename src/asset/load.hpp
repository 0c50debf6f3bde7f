// Reads the asset model from the `assets` section of the configuration, with machine types from files of their own.
// docs/configuration.md describes both.
//
// Threads: one at a time, as the document.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "asset/model.hpp"
#include "config/document.hpp"
#include "core/result.hpp"

namespace millwright::asset {

inline constexpr std::size_t kSensorsMax = 1'000'000;  // of one node

// Problems (unknown keys, two sensors on one address, a cycle of machine types or components, an unknown connector …)
// go to the document; the model is then incomplete and not to be used. `connectors` are the names that exist.
// `check` says what is wrong with an address as its connector reads it.
// `type_directories` are searched for `<machine type>.yaml` after `assets.machine_types`' own folders.
using CheckAddress = std::function<core::Status(const std::string& connector, const std::string& address)>;
Model load(config::Document& document, config::Section assets, const std::vector<std::string>& connectors,
           const std::vector<std::string>& type_directories, std::size_t sensors_max = kSensorsMax,
           const CheckAddress& check = {});

}  // namespace millwright::asset
