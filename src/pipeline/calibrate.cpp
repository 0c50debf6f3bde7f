#include "pipeline/calibrate.hpp"

namespace millwright::pipeline {
namespace {

using core::Block;
using core::BlockBatch;

template <typename T>
void apply_polynomial(std::span<T> values, const std::vector<double>& coefficients) {
  for (T& value : values) {
    double sum = 0;
    for (auto c = coefficients.rbegin(); c != coefficients.rend(); ++c) sum = sum * static_cast<double>(value) + *c;
    value = static_cast<T>(sum);
  }
}

// NaN is outside of nothing: its quality is the intake's matter.
template <typename T>
void mark_outside(BlockBatch& batch, Block& block, double low, double high) {
  const std::span<const T> values = block.as<T>();
  unsigned outside = 0;
  for (const T value : values) {
    outside |= static_cast<unsigned>(static_cast<double>(value) < low) |
               static_cast<unsigned>(static_cast<double>(value) > high);
  }
  if (outside == 0) return;
  batch.mark(block, core::kUncertainEuExceeded, [&](std::uint32_t i) {
    const auto value = static_cast<double>(values[i]);
    return value < low || value > high;
  });
}

template <typename T>
void scale(BlockBatch& batch, Block& block, const SensorScale& by) {
  if (!by.coefficients.empty()) apply_polynomial(block.as<T>(), by.coefficients);
  if (by.range) mark_outside<T>(batch, block, by.range->first, by.range->second);
}

}  // namespace

void Calibrate::on_batch(BlockBatch& batch) {
  if (batch.purpose == core::BatchPurpose::kStatus) return;
  for (Block& block : batch.blocks) {
    const SensorScale& by = scales_[block.sensor.value];
    if (block.type == core::ValueType::kFloat32) scale<float>(batch, block, by);
    if (block.type == core::ValueType::kFloat64) scale<double>(batch, block, by);
  }
}

}  // namespace millwright::pipeline
