// CopyRows: readings as rows of PostgreSQL's COPY in text form: machine, sensor, us, ns, value, whole, text, quality.
// Format: docs/format/postgres-readings.md.
//
// Threads: const objects from any.
#pragma once

#include "forwarding/reading_rows.hpp"

namespace millwright::forwarding {

class CopyRows final : public RowFormat {
 public:
  void append(const ReadingRows& rows, std::string& out) const override;
};

}  // namespace millwright::forwarding
