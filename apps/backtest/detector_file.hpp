// The YAML of a detector (docs/format/detector.md), read under the closed schema.
//
// Threads: pure functions. Errors: all problems of the file at once, each with file, line and key.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "detection/detector_options.hpp"

namespace millwright::backtest {

struct DetectorFile {
  detection::DetectorOptions options;
  std::vector<std::string> ignore_columns;
};

core::Result<DetectorFile> load_detector_file(const std::string& path);
core::Result<DetectorFile> parse_detector_file(std::string_view yaml, const std::string& name);

}  // namespace millwright::backtest
