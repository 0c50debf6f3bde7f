// What the commands of `millwright model` share.
#pragma once

#include <string>

#include "commands.hpp"
#include "core/result.hpp"

namespace millwright::app {

core::Result<std::string> read_text_file(const std::string& path);

void add_model_train(CLI::App& model, const SetCommand& set);
void add_model_gather(CLI::App& model, const SetCommand& set);
void add_model_plant(CLI::App& model, const SetCommand& set);  // list, deploy, rollback, status

}  // namespace millwright::app
