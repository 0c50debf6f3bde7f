// TrainingData: rows to learn from, on one grid: from CSV files (docs/format/csv.md), or from a plant's history by the
// RowAligner that the plant itself uses.
//
// Threads: functions from any. Shapes: a row of values, a time, a state and a label for each i. Units: the sensors'.
// Errors: kInvalid or kNotFound with file or sensor. Limits: memory, 8 bytes a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "asset/model.hpp"
#include "core/result.hpp"
#include "core/time.hpp"
#include "detection/matrix.hpp"
#include "detection/row_aligner.hpp"
#include "history/source.hpp"

namespace millwright::training {

struct TrainingData {
  std::vector<std::string> sources;
  std::vector<std::string> sensors;
  detection::Grid grid;
  detection::Matrix rows;
  std::vector<core::TimeNs> times;
  std::vector<std::int32_t> states;  // of the machine in each row; 1, running, where it is not known
  std::vector<double> labels;        // empty: none were asked for
};

// What of the source is learnt from.
struct Choice {
  std::vector<std::string> sensors = {};             // none: all
  std::vector<std::string> ignore = {};              // columns that are no sensors
  std::string labels = {};                           // a column; "": none
  std::string state = {};                            // a column of state codes; "": none
  std::vector<std::int32_t> states = {};             // only rows of these; none: all
  core::DurationNs settle = 10 * core::kSecond;      // after a change of state
  std::optional<core::DurationNs> period = {};       // of the grid; absent: the data's own, of history 1 s
  std::optional<detection::Resample> resample = {};  // absent: the last value of a file's row, the mean of history
};

core::Result<TrainingData> read_csv(const std::vector<std::string>& files, const Choice& choice);
// Of a machine by name or path.
core::Result<TrainingData> read_history(history::Source& source, const std::string& machine, historian::Range range,
                                        const Choice& choice);

}  // namespace millwright::training
