// Readings out of text files: CSV, long (a row a reading) or wide (a row a time, a column a sensor), and line protocol.
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
  core::Texts& texts;
  std::function<void(double part)> progress;  // of this file, 0 to 1
};

core::Status import_csv(const std::string& path, const CsvColumns& columns, const ImportContext& context);

// Times are nanoseconds. The series names the sensor; the field `value` is the reading and `quality`, a code, its
// quality. Where there is no field `value`, each field is a sensor of its own: "<series>/<field>", or "<field>".
core::Status import_influx(const std::string& path, const ImportContext& context);

}  // namespace millwright::history
