#include "historian/recorder.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "core/assert.hpp"
#include "core/log.hpp"

namespace millwright::historian {

using core::Block;
using core::BlockBatch;
using core::ErrorCode;

namespace {

constexpr std::uint32_t kStraightReadings = 32;   // blocks of so many are encoded as they come
constexpr std::uint32_t kGatherReadings = 1024;   // of one series, then they are encoded before the tick
constexpr std::size_t kGatherMax = 256 * 1024;    // of all series, then all are written before the tick
constexpr std::size_t kRecordBytes = 64 * 1024;   // a record is written once it is so long …
constexpr std::size_t kRecordBytesMax = 1 << 20;  // … at a batch's end, or inside a batch when so long
constexpr std::size_t kNoSource = SIZE_MAX;
constexpr auto kPushBackStep = std::chrono::milliseconds(2);

}  // namespace

Recorder::Recorder(RecorderContext& context, ShardLog& log)
    : context_(context), log_(log), slot_by_sensor_(context.model.sensors().size(), kNone) {
  times_.resize(kGatherReadings);
  values_.resize(kGatherReadings * sizeof(std::uint64_t));
}

// ---- taking in ------------------------------------------------------------------------------------------------------

void Recorder::on_batch(BlockBatch& batch) {
  if (batch.purpose == core::BatchPurpose::kStatus) return;
  if (stopped_) return lose(batch.readings());
  const std::size_t source = source_of(batch);
  std::uint64_t left = batch.readings();
  for (std::size_t i = 0; i < batch.blocks.size() && !stopped_; ++i) {
    const Block& block = batch.blocks[i];
    if (block.count == 0) continue;
    Slot* slot = slot_of(block);
    if (slot == nullptr) break;
    left -= block.count;
    if (block.count >= kStraightReadings) {
      encode(*slot, block);
    } else {
      gather(*slot, block);
      if (source != kNoSource) sources_[source].gathered = true;
    }
    // The batch's own position is not yet taken: a record in between says nothing of it.
    if (blocks_.size() >= kRecordBytesMax) write(Write::kWhatIsWhole);
  }
  if (stopped_) return lose(left);
  if (source != kNoSource) {
    Source& lane = sources_[source];
    if (!lane.position.covers(batch.identity.epoch, batch.identity.sequence)) {
      lane.position = {batch.identity.epoch, batch.identity.sequence};
      lane.dirty = true;
    }
  }
  if (batch.receipt) receipts_.push_back({std::move(batch.receipt), source});
  if (gathered_.size() >= kGatherMax) {
    on_tick(0);
  } else if (blocks_.size() >= kRecordBytes) {
    write(Write::kWhatIsWhole);
  }
}

void Recorder::on_tick(core::TimeNs) {
  if (stopped_) return;
  drain_all();
  write(Write::kAll);
}

void Recorder::on_stop() {
  on_tick(0);
}

template <typename Step>
bool Recorder::insist(Step&& step) {
  for (;;) {
    const core::Status done = step();
    if (done) return true;
    if (done.error().code == ErrorCode::kFull && !context_.give_up.load(std::memory_order_acquire)) {
      std::this_thread::sleep_for(kPushBackStep);
      continue;
    }
    stopped_ = true;
    core::logger("historian")->critical("readings are no longer recorded in this shard: {}", done.error().message);
    return false;
  }
}

std::size_t Recorder::source_of(const BlockBatch& batch) {
  if (!batch.identity.source.valid()) return kNoSource;
  const std::size_t at = batch.identity.source.value;
  if (at >= sources_.size()) sources_.resize(at + 1);
  Source& source = sources_[at];
  if (source.known) return at;
  const std::string name = context_.sources.name(batch.identity.source);
  const bool got = insist([&]() -> core::Status {
    const auto key = context_.catalogue.source(name);
    if (!key) return core::unexpected(key.error());
    source.key = *key;
    return {};
  });
  if (!got) return kNoSource;
  source.known = true;
  const auto& recovered = log_.recovered_lanes();
  if (const auto lane = recovered.find(source.key); lane != recovered.end()) source.position = lane->second;
  log_.settler().saw(source.key, source.position);
  return at;
}

Recorder::Slot* Recorder::slot_of(const Block& block) {
  ASSERT(block.sensor.value < slot_by_sensor_.size(), "a block of a sensor that the model does not have");
  const std::uint32_t at = slot_by_sensor_[block.sensor.value];
  if (at != kNone && slots_[at].type == block.type) return &slots_[at];
  const auto odd = odd_slots_.find({block.sensor, block.type});
  if (odd != odd_slots_.end()) return &slots_[odd->second];
  return add_slot(block.sensor, block.type);
}

Recorder::Slot* Recorder::add_slot(core::SensorId sensor, core::ValueType type) {
  const asset::Sensor& known = context_.model.sensor(sensor);
  Slot slot{.key = context_.keys[sensor.value], .sensor = sensor, .type = type};
  const auto at = static_cast<std::uint32_t>(slots_.size());
  if (type == known.type) {
    slot_by_sensor_[sensor.value] = at;
  } else {
    const bool got = insist([&]() -> core::Status {
      const auto keys = context_.catalogue.series({{known.path, type}});
      if (!keys) return core::unexpected(keys.error());
      slot.key = keys->front();
      return {};
    });
    if (!got) return nullptr;
    odd_slots_.emplace(std::pair(sensor, type), at);
  }
  slot.last = &log_.last(slot.key);
  slots_.push_back(slot);
  return &slots_.back();
}

// ---- gathering ------------------------------------------------------------------------------------------------------

void Recorder::gather(Slot& slot, const Block& block) {
  const std::size_t width = core::width(block.type);
  if (slot.first == kNone) touched_.push_back(static_cast<std::uint32_t>(&slot - slots_.data()));
  std::uint32_t i = 0;
  for (const core::QualityRun& run : block.qualities()) {
    for (const std::uint32_t end = i + run.count; i < end; ++i) {
      Gathered one{.time = block.time(i), .received = block.received, .bits = 0, .quality = run.quality, .next = kNone};
      std::memcpy(&one.bits, block.values + i * width, width);
      const auto at = static_cast<std::uint32_t>(gathered_.size());
      gathered_.push_back(one);
      if (slot.first == kNone) {
        slot.first = at;
      } else {
        gathered_[slot.newest].next = at;
      }
      slot.newest = at;
      ++slot.count;
      ++gathered_waiting_;
    }
  }
  if (slot.count >= kGatherReadings) drain(slot);
}

// Series in the order of their keys, so that a record holds few of them and a query can pass it by.
void Recorder::drain_all() {
  std::sort(touched_.begin(), touched_.end(),
            [&](std::uint32_t a, std::uint32_t b) { return slots_[a].key < slots_[b].key; });
  for (const std::uint32_t at : touched_) {
    drain(slots_[at]);
    if (blocks_.size() >= kRecordBytes) write(Write::kWhatIsWhole);
  }
  touched_.clear();
  gathered_.clear();
}

void Recorder::drain(Slot& slot) {
  for (std::uint32_t from = slot.first; from != kNone;) {
    Block block;
    from = fill_scratch(slot, from, block);
    encode(slot, block);
  }
  gathered_waiting_ -= slot.count;
  slot.first = kNone;
  slot.newest = kNone;
  slot.count = 0;
}

// Makes a block of the readings from `from` on, as far as their times rise; gives where the next block begins.
std::uint32_t Recorder::fill_scratch(const Slot& slot, std::uint32_t from, Block& block) {
  const std::size_t width = core::width(slot.type);
  runs_.clear();
  std::uint32_t n = 0;
  while (from != kNone && n < kGatherReadings) {
    const Gathered& one = gathered_[from];
    if (n > 0 && one.time < times_[n - 1]) break;
    times_[n] = one.time;
    std::memcpy(values_.data() + n * width, &one.bits, width);
    if (runs_.empty() || !(runs_.back().quality == one.quality)) runs_.push_back({0, one.quality});
    ++runs_.back().count;
    block.received = one.received;
    from = one.next;
    ++n;
  }
  block.sensor = slot.sensor;
  block.type = slot.type;
  block.count = n;
  block.start = times_[0];
  block.times = times_.data();
  block.values = values_.data();
  block.quality = runs_.data();
  block.quality_runs = static_cast<std::uint32_t>(runs_.size());
  return from;
}

// ---- writing --------------------------------------------------------------------------------------------------------

void Recorder::encode(Slot& slot, const Block& block) {
  if (block_count_ == 0) header_.written = context_.age.written();
  one_.clear();
  encoder_.encode(block, header_.written.wall, one_);
  put_block(slot.key, one_, blocks_);
  ++block_count_;
  record_readings_ += block.count;
  header_.keys.add(slot.key);
  if (block.times == nullptr) {
    header_.times.add(block.start);
    header_.times.add(block.last_time());
  } else {
    for (std::uint32_t i = 0; i < block.count; ++i) header_.times.add(block.times[i]);
  }
  LastReading last;
  note_last(block, last);
  if (last.known) record_last_.emplace_back(static_cast<std::uint32_t>(&slot - slots_.data()), last);
}

std::vector<Lane> Recorder::take_lanes(Write what) {
  std::vector<Lane> lanes;
  for (Source& source : sources_) {
    if (what == Write::kAll) source.gathered = false;
    if (!source.dirty || source.gathered) continue;
    lanes.push_back({source.key, source.position});
    source.dirty = false;
  }
  return lanes;
}

Settler::Receipts Recorder::take_receipts(Write what) {
  Settler::Receipts taken;
  std::erase_if(receipts_, [&](WaitingReceipt& one) {
    const bool waits = one.source == kNoSource ? !gathered_.empty() : sources_[one.source].gathered;
    if (what != Write::kAll && waits) return false;
    taken.push_back(std::move(one.receipt));
    return true;
  });
  return taken;
}

void Recorder::write(Write what) {
  if (stopped_) return;
  std::vector<Lane> lanes = take_lanes(what);
  journal::Sequence sequence = log_.journal().appended();
  if ((block_count_ > 0 || !lanes.empty()) && !append(lanes, sequence)) return;
  // What repeats earlier readings, and so recorded nothing, waits for those.
  log_.settler().recorded(sequence, std::move(lanes), take_receipts(what));
  log_.settler().on_durable(log_.journal().durable());
}

bool Recorder::append(const std::vector<Lane>& lanes, journal::Sequence& sequence) {
  if (block_count_ == 0) header_.written = context_.age.written();
  payload_.clear();
  put_data_head(header_, lanes, block_count_, payload_);
  payload_.insert(payload_.end(), blocks_.begin(), blocks_.end());
  const bool appended = insist([&]() -> core::Status {
    const auto result = log_.append(payload_, lanes, header_.times);
    if (!result) return core::unexpected(result.error());
    sequence = *result;
    return {};
  });
  if (!appended) {
    lose(record_readings_ + gathered_waiting_);
    receipts_.clear();  // never settled: their senders keep what they sent
    return false;
  }
  for (const auto& [at, last] : record_last_) {
    LastReading& known = *slots_[at].last;
    if (!known.known || last.time >= known.time) known = last;
  }
  context_.readings.fetch_add(record_readings_, std::memory_order_relaxed);
  context_.bytes.fetch_add(payload_.size(), std::memory_order_relaxed);
  context_.readings_total.Increment(static_cast<double>(record_readings_));
  context_.bytes_total.Increment(static_cast<double>(payload_.size()));
  reset_record();
  return true;
}

void Recorder::reset_record() {
  header_ = {};
  blocks_.clear();
  block_count_ = 0;
  record_readings_ = 0;
  record_last_.clear();
}

void Recorder::lose(std::uint64_t readings) {
  context_.lost_total.Increment(static_cast<double>(readings));
}

}  // namespace millwright::historian
