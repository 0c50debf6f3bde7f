// LineRows: readings in InfluxDB's line protocol: the hierarchy as tags, a line a reading, times in ns.
// Format: docs/format/influx-readings.md.
//
// Threads: const objects from any.
#pragma once

#include <string>

#include "forwarding/reading_rows.hpp"

namespace millwright::forwarding {

class LineRows final : public RowFormat {
 public:
  explicit LineRows(std::string measurement) : measurement_(std::move(measurement)) {}
  void append(const ReadingRows& rows, std::string& out) const override;

 private:
  const std::string measurement_;
};

}  // namespace millwright::forwarding
