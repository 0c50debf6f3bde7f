#include "detection/row_aligner.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/assert.hpp"

namespace millwright::detection {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

}  // namespace

RowAligner::RowAligner(std::size_t sensors, const Grid& grid, Emit emit)
    : grid_(grid),
      emit_(std::move(emit)),
      cells_(sensors * capacity_, kNone),
      counts_(grid.resample == Resample::kMean ? sensors * capacity_ : 0),
      has_values_(capacity_),
      last_(sensors, kNone),
      passed_(sensors, INT64_MIN),
      columns_(sensors) {
  ASSERT(sensors > 0 && grid.period > 0, "a row has sensors and a period");
}

std::int64_t RowAligner::row_of(core::TimeNs time) const {
  return time / grid_.period + (time % grid_.period > 0 ? 1 : 0);  // division rounds towards 0
}

std::int64_t RowAligner::complete() const {
  const core::TimeNs least = *std::min_element(passed_.begin(), passed_.end());
  return least == INT64_MIN ? INT64_MIN : core::floor_to(least, grid_.period) / grid_.period;
}

void RowAligner::pass(std::size_t sensor, core::TimeNs time) {
  passed_[sensor] = std::max(passed_[sensor], time);
  newest_ = std::max(newest_, time);
}

bool RowAligner::make_room(std::int64_t first, std::int64_t last) {
  if (base_ == INT64_MIN) base_ = first;
  if (first < base_) return false;
  const auto fits = [&] { return last - base_ < static_cast<std::int64_t>(capacity_); };
  if (fits()) return true;
  emit_to(std::min(complete(), first - 1));
  if (!fits()) emit_to(last - static_cast<std::int64_t>(kRowsMax));
  if (used_ == 0) base_ = first;
  if (!fits()) grow(static_cast<std::size_t>(last - base_) + 1);
  return true;
}

void RowAligner::grow(std::size_t rows) {
  std::size_t wanted = capacity_;
  while (wanted < rows) wanted *= 2;
  const std::size_t sensors = columns_.size();
  std::vector<double> cells(sensors * wanted, kNone);
  std::vector<std::uint32_t> counts(counts_.empty() ? 0 : sensors * wanted);
  for (std::size_t j = 0; j < sensors; ++j) {
    std::copy_n(cells_.data() + j * capacity_, used_, cells.data() + j * wanted);
    if (!counts_.empty()) std::copy_n(counts_.data() + j * capacity_, used_, counts.data() + j * wanted);
  }
  cells_ = std::move(cells);
  counts_ = std::move(counts);
  has_values_.resize(wanted);
  capacity_ = wanted;
}

void RowAligner::add(std::size_t sensor, core::TimeNs time, double value) {
  const bool older = time < passed_[sensor];
  if (std::isfinite(value)) {
    const std::int64_t row = row_of(time);
    if (make_room(row, row)) {
      put(sensor, static_cast<std::size_t>(row - base_), value, older);
    } else {
      ++late_;
    }
  }
  pass(sensor, time);
}

void RowAligner::put(std::size_t sensor, std::size_t slot, double value, bool older) {
  double& cell = column(sensor)[slot];
  if (!counts_.empty()) {
    std::uint32_t& count = counts_[sensor * capacity_ + slot];
    ++count;
    cell = count == 1 ? value : cell + (value - cell) / count;
  } else if (!older || std::isnan(cell)) {
    cell = value;
  }
  has_values_[slot] = 1;
  used_ = std::max(used_, slot + 1);
}

void RowAligner::flush() {
  emit_to(complete());
}

void RowAligner::expire(core::TimeNs horizon) {
  emit_to(core::floor_to(horizon, grid_.period) / grid_.period);
}

void RowAligner::emit_to(std::int64_t row) {
  if (base_ == INT64_MIN || row < base_) return;
  const auto rows = static_cast<std::size_t>(std::min(row - base_ + 1, static_cast<std::int64_t>(used_)));
  for (std::size_t slot = 0; slot < rows;) {
    if (has_values_[slot] == 0) {
      ++slot;
      continue;
    }
    std::size_t end = slot;
    while (end < rows && has_values_[end] != 0) ++end;
    emit_run(slot, end - slot);
    slot = end;
  }
  drop(rows);
  base_ = std::max(base_, row + 1);  // what comes for an empty row now is late as well
}

void RowAligner::emit_run(std::size_t first, std::size_t rows) {
  for (std::size_t j = 0; j < columns_.size(); ++j) {
    double* values = column(j) + first;
    double last = last_[j];
    for (std::size_t i = 0; i < rows; ++i) {
      if (std::isnan(values[i])) values[i] = last;
      last = values[i];
    }
    last_[j] = last;
    columns_[j] = values;
  }
  emit_((base_ + static_cast<std::int64_t>(first)) * grid_.period, rows, columns_);
}

void RowAligner::drop(std::size_t rows) {
  const std::size_t left = used_ - rows;
  const auto shift = [&](auto* values, auto empty) {
    std::copy_n(values + rows, left, values);
    std::fill_n(values + left, rows, empty);
  };
  for (std::size_t j = 0; j < columns_.size(); ++j) {
    shift(column(j), kNone);
    if (!counts_.empty()) shift(counts_.data() + j * capacity_, std::uint32_t{0});
  }
  shift(has_values_.data(), std::uint8_t{0});
  used_ = left;
  base_ += static_cast<std::int64_t>(rows);
}

}  // namespace millwright::detection
