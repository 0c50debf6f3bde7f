// Readings of one sensor as rows of text, for a receiver. JsonRows: a JSON object a row, with the readings as arrays.
// Format: docs/format/kafka-readings.md.
//
// Threads: const objects from any. Limits: a row has at most kRowReadings readings, of texts kRowTexts.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "historian/codec.hpp"

namespace millwright::forwarding {

inline constexpr std::size_t kRowReadings = 1024;
inline constexpr std::size_t kRowTexts = 64;

// A sensor as a receiver knows it.
struct ReadingSeries {
  std::string machine;  // path: the first six names
  std::string sensor;   // the rest: "motor/current"
  core::ValueType type = core::ValueType::kFloat64;
};

// Some readings of one block, and what makes them theirs for ever: (stream, epoch, sequence, block, index).
struct ReadingRows {
  const ReadingSeries& series;
  std::string_view stream;  // "lyon/0": the plant's name and the log
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;  // of the record
  std::uint32_t block = 0;     // in the record
  const historian::DecodedBlock& readings;
  std::span<const std::uint32_t> picked;  // which of them, in order
  const std::function<std::string_view(std::int32_t)>& text;
};

// The quality of one reading after another, in order: qualities are runs.
class QualityWalk {
 public:
  explicit QualityWalk(const historian::DecodedBlock& readings) : runs_(readings.quality) {
    if (!runs_.empty()) end_ = runs_[0].count;
  }
  core::Quality at(std::uint32_t i) {
    while (i >= end_ && run_ + 1 < runs_.size()) end_ += runs_[++run_].count;
    return runs_.empty() ? core::kGood : runs_[run_].quality;
  }

 private:
  std::span<const core::QualityRun> runs_;
  std::size_t run_ = 0;
  std::uint32_t end_ = 0;
};

class RowFormat {
 public:
  virtual ~RowFormat() = default;
  virtual void append(const ReadingRows& rows, std::string& out) const = 0;
};

class JsonRows final : public RowFormat {
 public:
  void append(const ReadingRows& rows, std::string& out) const override;
};

}  // namespace millwright::forwarding
