// Rows of a machine from a plant's history, as `model train` and `backtest` take them: the options, and the reading.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "core/result.hpp"
#include "training/training_data.hpp"

namespace millwright::app {

struct PlantRows {
  std::string history;  // http://HOST:PORT, or a plant's file; "": not asked for
  std::string machine;
  std::string from;
  std::string to;
};

// --history, --machine, --from, --to, instead of `data`.
void add_plant_rows(CLI::App& sub, PlantRows& rows, CLI::Option* data);
core::Result<training::TrainingData> read_plant_rows(const PlantRows& rows, const training::Choice& choice);

}  // namespace millwright::app
