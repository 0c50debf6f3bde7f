// The command `millwright doctor`.
#pragma once

#include "commands.hpp"

namespace millwright::app {

void add_doctor(CLI::App& app, const SetCommand& set);

}  // namespace millwright::app
