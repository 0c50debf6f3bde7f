// Recorder: a shard's last stage. Encodes blocks, gathers small ones of a sensor until the next tick, and appends
// records of some 64 KiB to the shard's journal, each with where the sources then stand.
//
// Threads: its shard's. Waits only while the journal pushes back (disk full), until there is room, the journal has
// stopped for good, or the owner gives up waiting at shutdown; then readings are lost, and counted.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "asset/model.hpp"
#include "core/metrics.hpp"
#include "historian/catalogue.hpp"
#include "historian/codec.hpp"
#include "historian/record.hpp"
#include "historian/shard_log.hpp"
#include "pipeline/pipeline.hpp"
#include "pipeline/stage.hpp"

namespace millwright::historian {

// What all recorders share; the historian owns it.
struct RecorderContext {
  const asset::Model& model;
  const pipeline::Sources& sources;
  Catalogue& catalogue;
  const std::vector<SeriesKey>& keys;  // by sensor, for the sensor's own type
  const AgeClock& age;
  std::atomic<bool> give_up{false};  // wait no more

  std::atomic<std::uint64_t> readings{0};
  std::atomic<std::uint64_t> bytes{0};
  core::Counter& readings_total;
  core::Counter& bytes_total;
  core::Counter& lost_total;
};

class Recorder final : public pipeline::Stage {
 public:
  Recorder(RecorderContext& context, ShardLog& log);

  void on_batch(core::BlockBatch& batch) override;
  void on_tick(core::TimeNs now) override;
  void on_stop() override;

 private:
  // One reading of a small block, until the tick.
  struct Gathered {
    core::TimeNs time;
    core::TimeNs received;
    std::uint64_t bits;
    core::Quality quality;
    std::uint32_t next;  // of the same series; kNone: the last
  };
  // A series that this shard has seen.
  struct Slot {
    SeriesKey key = 0;
    core::SensorId sensor;
    core::ValueType type = core::ValueType::kFloat64;
    LastReading* last = nullptr;
    std::uint32_t first = kNone;  // of its gathered readings
    std::uint32_t newest = kNone;
    std::uint32_t count = 0;
  };
  struct Source {
    SourceKey key = 0;
    pipeline::LanePosition position;
    bool known = false;
    bool dirty = false;     // its position is in no record yet
    bool gathered = false;  // some of its readings wait for the tick
  };
  struct WaitingReceipt {
    std::shared_ptr<core::Receipt> receipt;
    std::size_t source;
  };
  enum class Write { kWhatIsWhole, kAll };
  static constexpr std::uint32_t kNone = UINT32_MAX;

  std::size_t source_of(const core::BlockBatch& batch);
  Slot* slot_of(const core::Block& block);
  Slot* add_slot(core::SensorId sensor, core::ValueType type);
  void gather(Slot& slot, const core::Block& block);
  void drain(Slot& slot);
  void drain_all();
  std::uint32_t fill_scratch(const Slot& slot, std::uint32_t from, core::Block& block);
  void encode(Slot& slot, const core::Block& block);
  void write(Write what);
  bool append(const std::vector<Lane>& lanes, journal::Sequence& sequence);
  std::vector<Lane> take_lanes(Write what);
  Settler::Receipts take_receipts(Write what);
  void reset_record();
  void lose(std::uint64_t readings);
  // Repeats `step` while it is pushed back; false where it failed for good.
  template <typename Step>
  bool insist(Step&& step);

  RecorderContext& context_;
  ShardLog& log_;
  Encoder encoder_;
  bool stopped_ = false;

  std::vector<std::uint32_t> slot_by_sensor_;
  std::map<std::pair<core::SensorId, core::ValueType>, std::uint32_t> odd_slots_;  // of another type than the model's
  std::vector<Slot> slots_;
  std::vector<Source> sources_;  // by SourceId
  std::vector<WaitingReceipt> receipts_;

  std::vector<Gathered> gathered_;
  std::uint64_t gathered_waiting_ = 0;  // of those, not yet in a block
  std::vector<std::uint32_t> touched_;  // slots with gathered readings
  std::vector<core::TimeNs> times_;     // scratch: a series' gathered readings as a block
  std::vector<std::byte> values_;
  std::vector<core::QualityRun> runs_;

  // The record being built.
  DataHeader header_;
  std::vector<std::byte> blocks_;
  std::uint32_t block_count_ = 0;
  std::uint64_t record_readings_ = 0;
  std::vector<std::pair<std::uint32_t, LastReading>> record_last_;  // by slot; counts once the record is appended
  std::vector<std::byte> one_;
  std::vector<std::byte> payload_;
};

}  // namespace millwright::historian
