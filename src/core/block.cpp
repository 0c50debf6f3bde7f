#include "core/block.hpp"

#include <algorithm>
#include <cstring>

namespace millwright::core {

std::string_view to_string(ValueType type) {
  switch (type) {
    case ValueType::kFloat64:
      return "float64";
    case ValueType::kFloat32:
      return "float32";
    case ValueType::kInt64:
      return "int64";
    case ValueType::kBool:
      return "bool";
    case ValueType::kState:
      return "state";
    case ValueType::kText:
      return "text";
  }
  return "unknown";
}

double as_double(ValueType type, std::uint64_t bits) {
  switch (type) {
    case ValueType::kFloat64:
      return from_bits<double>(bits);
    case ValueType::kFloat32:
      return static_cast<double>(from_bits<float>(bits));
    case ValueType::kInt64:
      return static_cast<double>(from_bits<std::int64_t>(bits));
    case ValueType::kState:
    case ValueType::kText:
      return from_bits<std::int32_t>(bits);
    case ValueType::kBool:
      return from_bits<std::uint8_t>(bits);
  }
  return 0;
}

double Block::as_double(std::uint32_t i) const {
  switch (type) {
    case ValueType::kFloat64:
      return as<double>()[i];
    case ValueType::kFloat32:
      return static_cast<double>(as<float>()[i]);
    case ValueType::kInt64:
      return static_cast<double>(as<std::int64_t>()[i]);
    case ValueType::kState:
    case ValueType::kText:
      return static_cast<double>(as<std::int32_t>()[i]);
    case ValueType::kBool:
      return static_cast<double>(as<std::uint8_t>()[i]);
  }
  return 0;
}

std::byte* BlockBatch::allocate(std::size_t bytes) {
  const std::size_t need = (bytes + 15) & ~std::size_t{15};
  while (current_ < chunks_.size() && chunks_[current_].size - chunks_[current_].used < need) ++current_;
  if (current_ == chunks_.size()) {
    const std::size_t size = std::max(need, kChunkBytes);
    chunks_.push_back({std::unique_ptr<std::byte[]>(new std::byte[size]), size, 0});
  }
  Chunk& chunk = chunks_[current_];
  std::byte* at = chunk.bytes.get() + chunk.used;
  chunk.used += need;
  return at;
}

Block& BlockBatch::add(SensorId sensor, ValueType type, std::uint32_t count, TimeNs start, DurationNs period,
                       TimeNs received) {
  ASSERT(count > 0 && count <= kMaxBlockReadings, "block size out of bounds");
  Block block{.sensor = sensor, .type = type, .count = count, .start = start, .period = period, .received = received};
  block.values = allocate(count * width(type));
  block.quality = allocate_array<QualityRun>(1);
  block.quality[0] = {count, kGood};
  block.quality_runs = 1;
  return blocks.emplace_back(block);
}

void BlockBatch::set_quality(Block& block, Quality quality) {
  block.quality[0] = {block.count, quality};
  block.quality_runs = 1;
}

void BlockBatch::set_runs(Block& block, std::span<const QualityRun> runs) {
  block.quality = allocate_array<QualityRun>(runs.size());
  std::copy(runs.begin(), runs.end(), block.quality);
  block.quality_runs = static_cast<std::uint32_t>(runs.size());
}

std::uint64_t BlockBatch::readings() const {
  std::uint64_t sum = 0;
  for (const Block& block : blocks) sum += block.count;
  return sum;
}

void BlockBatch::clear() {
  purpose = BatchPurpose::kReadings;
  identity = {};
  receipt.reset();
  blocks.clear();
  for (Chunk& chunk : chunks_) chunk.used = 0;
  current_ = 0;
}

}  // namespace millwright::core
