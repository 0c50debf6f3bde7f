// Runs of units from a CSV: a column names the unit, one counts its cycles, the others are settings and sensors.
//
// Threads: a function from any. Errors: kInvalid or kNotFound with file, line and column; a unit's cycles must rise.
// Limits: memory, 8 bytes a value. Format: docs/format/rul-model.md.
#pragma once

#include <string>
#include <vector>

#include "core/result.hpp"
#include "prognostics/run.hpp"

namespace millwright::training {

struct RunFile {
  prognostics::RunColumns columns;
  std::vector<prognostics::Run> runs;  // in the order in which units come first
};

struct RunChoice {
  prognostics::RunColumns columns;       // no sensors: all columns that are neither named nor ignored
  std::vector<std::string> ignore = {};  // columns that are not looked at
  bool find_settings = false;            // those whose names begin with "setting"
};

core::Result<RunFile> read_runs(const std::string& path, const RunChoice& choice);

}  // namespace millwright::training
