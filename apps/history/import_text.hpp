// Readings out of CSV files, long (a row a reading) or wide (a row a time, a column a sensor).
//
// Threads: one owner. Errors: what makes a whole file unusable; a bad row is reported and the rest goes on.
#pragma once

#include <functional>
#include <string>

#include "core/result.hpp"
#include "history/importer.hpp"
#include "history/long_csv.hpp"
#include "history/sensor_names.hpp"

namespace millwright::history {

struct ImportContext {
  SensorNames& names;
  ReadingSink& sink;
  ImportReport& report;
  std::function<void(double part)> progress;  // of this file, 0 to 1
};

core::Status import_csv(const std::string& path, const CsvColumns& columns, const ImportContext& context);

}  // namespace millwright::history
