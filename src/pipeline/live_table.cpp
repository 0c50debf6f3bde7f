#include "pipeline/live_table.hpp"

#include <array>
#include <bit>

#include "core/assert.hpp"

namespace millwright::pipeline {
namespace {

// A seqlock around a trivially copyable value, held as words so that a torn read is a defined one.
template <typename T>
class SeqLocked {
 public:
  void store(const T& value) {
    const std::uint32_t turn = turn_.load(std::memory_order_relaxed);
    turn_.store(turn + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    const auto words = std::bit_cast<Words>(value);
    for (std::size_t i = 0; i < words.size(); ++i) words_[i].store(words[i], std::memory_order_relaxed);
    turn_.store(turn + 2, std::memory_order_release);
  }
  T load() const {
    for (;;) {
      const std::uint32_t before = turn_.load(std::memory_order_acquire);
      if ((before & 1) != 0) continue;
      Words words;
      for (std::size_t i = 0; i < words.size(); ++i) words[i] = words_[i].load(std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_acquire);
      if (turn_.load(std::memory_order_relaxed) == before) return std::bit_cast<T>(words);
    }
  }

 private:
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 8 == 0);
  using Words = std::array<std::uint64_t, sizeof(T) / 8>;
  std::atomic<std::uint32_t> turn_{0};
  std::array<std::atomic<std::uint64_t>, sizeof(T) / 8> words_{};
};

// The quality and type of a LiveValue share a word, so that the value has no padding for bit_cast to trip over.
struct PackedValue {
  std::uint64_t quality_and_type = kNothingYet;
  core::TimeNs source_time = 0;
  core::TimeNs received = 0;
  std::uint64_t bits = 0;
  std::uint64_t readings = 0;

  static constexpr std::uint64_t kNothingYet = core::kBadWaitingForInitialData.code;
};

}  // namespace

struct LiveTable::Entry {
  SeqLocked<PackedValue> value;
  SeqLocked<Rollup> rollup;
};

LiveTable::LiveTable(std::size_t sensors) : size_(sensors), entries_(std::make_unique<Entry[]>(sensors)) {
  for (std::size_t i = 0; i < sensors; ++i) entries_[i].value.store({});
}
LiveTable::~LiveTable() = default;

void LiveTable::write(core::SensorId sensor, const LiveValue& value) {
  ASSERT(sensor.value < size_, "sensor outside of the live table");
  entries_[sensor.value].value.store(
      {.quality_and_type = value.quality.code | (static_cast<std::uint64_t>(value.type) << 32),
       .source_time = value.source_time,
       .received = value.received,
       .bits = value.bits,
       .readings = value.readings});
}

void LiveTable::write_rollup(core::SensorId sensor, const Rollup& rollup) {
  ASSERT(sensor.value < size_, "sensor outside of the live table");
  entries_[sensor.value].rollup.store(rollup);
}

LiveValue LiveTable::read(core::SensorId sensor) const {
  ASSERT(sensor.value < size_, "sensor outside of the live table");
  const PackedValue packed = entries_[sensor.value].value.load();
  return {.type = static_cast<core::ValueType>(packed.quality_and_type >> 32),
          .quality = {static_cast<std::uint32_t>(packed.quality_and_type)},
          .source_time = packed.source_time,
          .received = packed.received,
          .bits = packed.bits,
          .readings = packed.readings};
}

Rollup LiveTable::rollup(core::SensorId sensor) const {
  ASSERT(sensor.value < size_, "sensor outside of the live table");
  return entries_[sensor.value].rollup.load();
}

}  // namespace millwright::pipeline
