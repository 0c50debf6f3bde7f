// The `commands` of a machine type or machine. Private to asset.
//
// Threads: one at a time. Errors: problems of the document.
#pragma once

#include <string>
#include <vector>

#include "asset/address.hpp"
#include "asset/command.hpp"
#include "config/document.hpp"

namespace millwright::asset {

struct CommandSpec {
  Command command;  // its addresses are still to be filled in
  AddressTemplate address;
  AddressTemplate object;
  std::string stream = "default";
  config::Place place;
};

// Onto what `commands` already holds: a command of the same name is replaced. `final_addresses`: they are no templates.
void read_commands(config::Section& section, bool final_addresses, std::vector<CommandSpec>& commands);

}  // namespace millwright::asset
