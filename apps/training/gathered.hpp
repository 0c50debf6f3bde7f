// Gathered: what a site tells of its rows so that others can learn from them without seeing one: count, mean and
// products of deviations (detection::Moments), of rows with the lags before them. Sites add up to what one would have
// had of all rows.
//
// Threads: values and pure functions. Units: the sensors'; ns. Errors: kInvalid or kConflict with what does not fit.
// Limits: kWidthMax columns (sensors · (lags + 1)). Format: docs/format/moments.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"
#include "detection/moments.hpp"
#include "detection/row_aligner.hpp"
#include "training/training_data.hpp"

namespace millwright::training {

inline constexpr std::size_t kWidthMax = 2000;

struct Gathered {
  std::vector<std::string> sources;
  std::vector<std::string> sensors;
  detection::Grid grid;
  std::size_t lags = 0;
  std::vector<std::int32_t> states;  // of the rows that were taken; empty: any
  core::TimeNs from = 0;
  core::TimeNs to = 0;
  detection::Moments moments;  // lag by lag, the newest first

  // kConflict where the other is of other sensors, lags, states or of another grid.
  core::Status merge(const Gathered& other);
};

// Of the rows that follow each other without a gap.
core::Result<Gathered> gather(const TrainingData& data, const std::vector<std::int32_t>& states, std::size_t lags);

std::string to_text(const Gathered& gathered);
core::Result<Gathered> parse_gathered(std::string_view text);

}  // namespace millwright::training
