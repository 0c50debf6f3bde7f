// Block: readings of one sensor, the unit everywhere on the way; a single reading is a block of one.
// BlockBatch: the blocks that arrived together, with the memory they point into and their identity.
//
// Threads: a batch has one owner at a time and is handed on by unique_ptr; nothing in it is shared.
// Shapes: `count` values of width(type) bytes each, in `values`; times are start + i * period, or explicit where
// `times` is set; quality is runs that together cover `count`. Limits: kMaxBlockReadings readings a block (a connector
// splits longer ones).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/assert.hpp"
#include "core/ids.hpp"
#include "core/quality.hpp"
#include "core/time.hpp"

namespace millwright::core {

inline constexpr std::uint32_t kMaxBlockReadings = 8192;

// On disk and on the wire as this number; never renumber.
enum class ValueType : std::uint8_t {
  kFloat64 = 0,
  kFloat32 = 1,
  kInt64 = 2,
  kBool = 3,   // one byte, 0 or 1
  kState = 4,  // int32 code of an enumeration; the names are in the asset model
  kText = 5,   // int32 number of a short text in the node's dictionary (core/texts.hpp)
};
inline constexpr std::uint8_t kValueTypeCount = 6;

constexpr bool is_real(ValueType type) {
  return type == ValueType::kFloat64 || type == ValueType::kFloat32;
}
// A value of type T (float of kFloat32, std::int32_t of kState …) from its own bytes, zero-extended; and the reverse.
template <typename T>
T from_bits(std::uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}
template <typename T>
std::uint64_t to_bits(T value) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  return bits;
}
// The same as a number, whatever the type; for charts and statistics, not for storage (int64 may round).
double as_double(ValueType type, std::uint64_t bits);

constexpr std::size_t width(ValueType type) {
  switch (type) {
    case ValueType::kFloat64:
    case ValueType::kInt64:
      return 8;
    case ValueType::kFloat32:
    case ValueType::kState:
    case ValueType::kText:
      return 4;
    case ValueType::kBool:
      return 1;
  }
  return 0;
}
std::string_view to_string(ValueType type);  // "float64", "float32", "int64", "bool", "state", "text"

struct QualityRun {
  std::uint32_t count = 0;
  Quality quality;
};

struct Block {
  SensorId sensor;
  ValueType type = ValueType::kFloat64;
  std::uint32_t count = 0;
  TimeNs start = 0;               // source time of the first reading
  DurationNs period = 0;          // between readings, where times == nullptr
  TimeNs received = 0;            // when the platform got it
  const TimeNs* times = nullptr;  // count explicit source times, or nullptr
  std::byte* values = nullptr;    // count * width(type)
  QualityRun* quality = nullptr;  // runs; counts add up to count
  std::uint32_t quality_runs = 0;

  [[nodiscard]] TimeNs time(std::uint32_t i) const { return times != nullptr ? times[i] : start + period * i; }
  [[nodiscard]] TimeNs last_time() const { return time(count - 1); }
  [[nodiscard]] std::span<const QualityRun> qualities() const { return {quality, quality_runs}; }
  [[nodiscard]] bool all_good() const { return quality_runs == 1 && quality[0].quality.is_good(); }

  // The values as T. T must be the C++ type of `type` (float for kFloat32, std::int32_t for kState …).
  template <typename T>
  [[nodiscard]] std::span<T> as() const {
    ASSERT(sizeof(T) == width(type), "block read as another type");
    return {reinterpret_cast<T*>(values), count};
  }
  // Value i as a double, whatever the type; for charts and statistics, not for storage (int64 may round).
  [[nodiscard]] double as_double(std::uint32_t i) const;
};

// Where a batch comes from and which of the source's it is: (source, epoch, sequence) is its identity for
// de-duplication, given before the first append. A source that restarts its sequence takes a new, greater epoch.
struct BatchIdentity {
  SourceId source;
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;
};

// Told once everything that came with one (source, epoch, sequence) is durable, or was a duplicate of what is.
// `settle` is called once per batch that carries the receipt, from the group-commit thread or a shard; it must not
// block.
class Receipt {
 public:
  virtual ~Receipt() = default;
  virtual void settle() = 0;
};

enum class BatchPurpose : std::uint8_t {
  kReadings,  // what machines measured: goes the whole way
  kStatus,    // the connector's word on its sensors (connection lost): changes the live quality, is never history
  kBackfill,  // what machines measured before, sent after the fact: history has it, the live view and detection do not
};

class BlockBatch {
 public:
  BatchPurpose purpose = BatchPurpose::kReadings;
  BatchIdentity identity;
  std::shared_ptr<Receipt> receipt;  // may be empty: nobody waits
  std::vector<Block> blocks;

  // Bytes that live as long as the batch, aligned for any value. Uninitialised.
  std::byte* allocate(std::size_t bytes);
  template <typename T>
  T* allocate_array(std::size_t n) {
    return reinterpret_cast<T*>(allocate(n * sizeof(T)));
  }
  // Adds a block of `count` readings with room for its values and one good quality run, for the caller to fill.
  Block& add(SensorId sensor, ValueType type, std::uint32_t count, TimeNs start, DurationNs period, TimeNs received);
  // Adds one reading. `value` is the value's own type (float for kFloat32 …).
  template <typename T>
  Block& add_reading(SensorId sensor, ValueType type, T value, TimeNs source_time, Quality quality, TimeNs received) {
    ASSERT(sizeof(T) == width(type), "reading of another type than declared");
    Block& block = add(sensor, type, 1, source_time, 0, received);
    std::memcpy(block.values, &value, sizeof(T));
    block.quality[0].quality = quality;
    return block;
  }
  // Replaces a block's runs by one run of `quality`, in place.
  static void set_quality(Block& block, Quality quality);
  // Gives every reading i with `wrong(i)` the worse of its own quality and `quality`; the rest keep theirs.
  template <typename Wrong>
  void mark(Block& block, Quality quality, Wrong wrong) {
    std::vector<QualityRun> runs;
    std::uint32_t i = 0;
    for (const QualityRun& run : block.qualities()) {
      for (const std::uint32_t end = i + run.count; i < end; ++i) {
        const Quality now = wrong(i) ? run.quality.worse(quality) : run.quality;
        if (runs.empty() || runs.back().quality != now) runs.push_back({0, now});
        ++runs.back().count;
      }
    }
    set_runs(block, runs);
  }
  void set_runs(Block& block, std::span<const QualityRun> runs);

  [[nodiscard]] std::uint64_t readings() const;
  // Empties it for another use, keeping its memory.
  void clear();

 private:
  static constexpr std::size_t kChunkBytes = 64 * 1024;
  struct Chunk {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t size = 0;
    std::size_t used = 0;
  };
  std::vector<Chunk> chunks_;
  std::size_t current_ = 0;
};

}  // namespace millwright::core
