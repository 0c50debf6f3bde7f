// RowWriter: rows of history as a table for people, CSV, JSON or Influx line protocol. docs/format/exports.md.
//
// Threads: one owner. Text is appended to what the caller gives, who writes it out and clears it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "history/source.hpp"
#include "history/value_text.hpp"

namespace millwright::history {

enum class TextFormat : std::uint8_t { kTable, kCsv, kJson, kInflux };

class RowWriter {
 public:
  explicit RowWriter(const core::Texts& texts) : texts_(texts) {}
  virtual ~RowWriter() = default;
  virtual void begin(std::string& out) { static_cast<void>(out); }
  virtual void row(const asset::Sensor& sensor, const historian::Reading& reading, std::string& out) = 0;
  virtual void row(const asset::Sensor& sensor, const historian::Aggregate& interval, std::string& out) = 0;
  virtual void end(std::string& out) { static_cast<void>(out); }
  // Rows that the format has no words for: NaN and infinity in line protocol.
  [[nodiscard]] std::uint64_t left_out() const { return left_out_; }

 protected:
  const core::Texts& texts_;
  core::TimeWriter time_;
  std::uint64_t left_out_ = 0;
};

// `selection` says whether rows are readings or intervals, and how wide a table's column of sensors must be.
std::unique_ptr<RowWriter> make_row_writer(TextFormat format, const Source& source, const Selection& selection);

}  // namespace millwright::history
