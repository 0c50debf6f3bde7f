// History written as text: a row a reading or interval, or wide: a row a time, a column a sensor.
// docs/format/exports.md.
//
// Threads: one owner. Memory: a page a sensor at most, whatever the size of the answer.
#pragma once

#include <cstdint>

#include "core/result.hpp"
#include "history/output_file.hpp"
#include "history/progress.hpp"
#include "history/row_writer.hpp"
#include "history/source.hpp"

namespace millwright::history {

struct Written {
  std::uint64_t rows = 0;
  std::uint64_t left_out = 0;  // that the format has no words for
};

// Sensor by sensor, each in order of time; at most `limit` rows (0: all).
core::Result<Written> write_rows(Source& source, const Selection& selection, TextFormat format, std::uint64_t limit,
                                 OutputFile& out, Progress& progress);
// CSV in order of time. Bad readings are empty; of intervals min, mean, max and count get a column each.
core::Result<Written> write_wide(Source& source, const Selection& selection, OutputFile& out, Progress& progress);

}  // namespace millwright::history
