#include "connectors/opcua_client_items.hpp"

#include <algorithm>
#include <cstring>

#include "core/log.hpp"

namespace millwright::connectors::opcua_detail {
namespace {

// OPC 10000-4, 7.39.1: the info type and the overflow bit of a status code.
constexpr std::uint32_t kInfoTypeMask = 0x0C00;
constexpr std::uint32_t kInfoTypeDataValue = 0x0400;
constexpr std::uint32_t kOverflow = 0x0080;
// What a status code says of how a value was kept, which is not about the value.
constexpr std::uint32_t kInfoBits = 0x0FFF;
constexpr std::size_t kHeldMax = 1'000'000;

core::Counter& counter(const ConnectorContext& context, const std::string& connector, const std::string& what,
                       const std::string& help) {
  return context.metrics.counter("millwright_opcua_client_" + what + "_total", help, {{"connector", connector}});
}

}  // namespace

Items::Items(const std::string& name, const ConnectorContext& context)
    : context_(context),
      intake_(context, name),
      inlet_(context.pipeline, context.sources.add(name)),
      epoch_(new_epoch(context, context.sources.add(name))),
      overflows_(counter(context, name, "overflows",
                         "Values that an OPC UA server lost because a node's queue was full, at least")),
      missed_(counter(context, name, "missed_messages", "Publish responses of an OPC UA server that did not arrive")),
      repeats_(counter(context, name, "repeats_dropped", "First values after a connection that had been taken before")),
      backfilled_(counter(context, name, "backfilled", "Readings taken from an OPC UA server's history")),
      unfilled_(counter(context, name, "gaps_not_filled", "Gaps that an OPC UA server's history could not fill")) {
  for (const core::SensorId id : context.model.sensors_of(name)) {
    Item& item = items_.emplace_back();
    item.sensor = &context.model.sensor(id);
    if (auto address = parse_address(item.sensor->source.address)) {
      item.address = std::move(*address);
    } else {
      item.address_error = address.error().message;
      item.problem = core::Quality{UA_STATUSCODE_BADNODEIDINVALID};
    }
  }
  gathered_.resize(items_.size());
  filled_.resize(items_.size());
}

std::size_t Items::active() const {
  return static_cast<std::size_t>(std::count_if(items_.begin(), items_.end(), [](const Item& i) { return i.active; }));
}

void Items::begin_connection() {
  for (Item& item : items_) {
    item.resolved = false;
    item.active = false;
    item.first = true;
    item.held = false;
  }
  // What was held when the connection was lost lies after a gap that is still open: it will be asked for with that.
  for (const std::uint32_t index : touched_) gathered_[index].clear();
  touched_.clear();
  held_values_ = 0;
}

void Items::add_status(const Item& item, core::Quality quality, core::TimeNs now) {
  core::BlockBatch& batch = inlet_.batch_for(item.sensor->id);
  core::Block& block = batch.add(item.sensor->id, item.sensor->type, 1, now, 0, now);
  std::memcpy(block.values, &item.last_bits, core::width(item.sensor->type));
  block.quality[0].quality = quality;
}

void Items::say(core::Quality quality) {
  const core::TimeNs now = context_.clock.now();
  for (const Item& item : items_) add_status(item, quality, now);
  inlet_.submit_status();
}

void Items::flush_status() {
  if (status_.empty()) return;
  const core::TimeNs now = context_.clock.now();
  for (const auto& [index, quality] : status_) add_status(items_[index], quality, now);
  status_.clear();
  inlet_.submit_status();
}

namespace {

// The server's word on the node, no reading: no value, and either no time from its source or "waiting for initial
// data", to which servers add a time of their own.
bool is_status_only(const UA_DataValue& value) {
  if (value.hasValue && !UA_Variant_isEmpty(&value.value)) return false;
  const bool waiting = value.hasStatus && value.status == core::kBadWaitingForInitialData.code;
  return waiting || !value.hasSourceTimestamp || value.sourceTimestamp == 0;
}

}  // namespace

Items::Reading Items::read(Item& item, const UA_DataValue& value) {
  Reading reading{.time = 0, .bits = item.last_bits, .quality = {value.hasStatus ? value.status : 0}};
  if (value.hasSourceTimestamp && value.sourceTimestamp != 0) {
    reading.time = to_ns(value.sourceTimestamp, value.hasSourcePicoseconds ? value.sourcePicoseconds : 0);
  } else if (value.hasServerTimestamp && value.serverTimestamp != 0) {
    reading.time = to_ns(value.serverTimestamp, value.hasServerPicoseconds ? value.serverPicoseconds : 0);
  } else {
    reading.time = context_.clock.now();
  }
  if ((reading.quality.code & kInfoTypeMask) == kInfoTypeDataValue && (reading.quality.code & kOverflow) != 0) {
    overflows_.Increment();
  }
  if (!value.hasValue || UA_Variant_isEmpty(&value.value)) {
    // No value and no complaint is a complaint all the same.
    if (!reading.quality.is_bad()) reading.quality = core::kBad;
    return reading;
  }
  if (const auto bits = to_bits(value.value, *item.sensor, context_.texts)) {
    reading.bits = *bits;
    return reading;
  }
  reading.quality = core::kBadTypeMismatch;
  intake_.refuse(Refusal::kWrongType);
  if (!item.mismatch_told) {
    item.mismatch_told = true;
    core::logger("opcua-client")
        ->warn("{} is declared {}, but '{}' sends a {}{} that does not fit without loss: give the sensor another type",
               item.sensor->path, core::to_string(item.sensor->type), item.sensor->source.address,
               value.value.type->typeName, UA_Variant_isScalar(&value.value) ? "" : " array");
  }
  return reading;
}

// After (re)subscribing, a server sends the present value of each node once more.
bool Items::repeats(const Item& item, const Reading& reading) const {
  if (item.has_last) {
    return reading.time == item.last_time && reading.bits == item.last_bits && reading.quality == item.last_quality;
  }
  // Taken by an earlier run of this process: the live table has it, calibrated.
  const pipeline::LiveValue live = context_.live.read(item.sensor->id);
  return live.source_time == reading.time && live.type == item.sensor->type && live.source_time != 0 &&
         live.bits == calibrated_bits(reading.bits, *item.sensor);
}

void Items::on_value(std::uint32_t handle, const UA_DataValue& value) {
  if (handle >= items_.size()) return intake_.refuse(Refusal::kUnknownAddress);
  Item& item = items_[handle];
  if (item.first && !item.has_last) {
    // What a value without a value keeps.
    const pipeline::LiveValue live = context_.live.read(item.sensor->id);
    if (live.source_time != 0 && live.type == item.sensor->type && item.sensor->calibration.identity()) {
      item.last_bits = live.bits;
    }
  }
  const Reading reading = read(item, value);
  if (is_status_only(value)) {
    say(handle, reading.quality);
    return;
  }
  const bool repeated = item.first && repeats(item, reading);
  item.first = false;
  if (repeated) item.held = false;  // nothing was missed
  if (!item.held) keep_last(item, reading);
  if (repeated) {
    repeats_.Increment();
    // It is not taken again, but it says that the sensor is back.
    say(handle, reading.quality);
    return;
  }
  if (gathered_[handle].empty()) touched_.push_back(handle);
  gathered_[handle].push_back(reading);
  if (item.held && ++held_values_ > kHeldMax) stop_holding();
}

void Items::add_blocks(std::uint32_t index, const std::vector<Reading>& readings, core::TimeNs received) {
  const asset::Sensor& sensor = *items_[index].sensor;
  const std::size_t width = core::width(sensor.type);
  core::BlockBatch& batch = inlet_.batch_for(sensor.id);
  for (std::size_t from = 0; from < readings.size(); from += core::kMaxBlockReadings) {
    const auto count =
        static_cast<std::uint32_t>(std::min<std::size_t>(core::kMaxBlockReadings, readings.size() - from));
    auto* times = batch.allocate_array<core::TimeNs>(count);
    auto* runs = batch.allocate_array<core::QualityRun>(count);
    core::Block& block = batch.add(sensor.id, sensor.type, count, readings[from].time, 0, received);
    block.times = times;
    block.quality = runs;
    block.quality_runs = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      const Reading& reading = readings[from + i];
      times[i] = reading.time;
      std::memcpy(block.values + i * width, &reading.bits, width);
      if (i == 0 || !(runs[block.quality_runs - 1].quality == reading.quality)) {
        runs[block.quality_runs++] = {.count = 0, .quality = reading.quality};
      }
      ++runs[block.quality_runs - 1].count;
    }
    intake_.inspect(batch, block);
  }
}

bool Items::on_message_end() {
  const core::TimeNs now = context_.clock.now();
  bool any = false;
  std::erase_if(touched_, [&](std::uint32_t index) {
    if (items_[index].held) return false;
    any = true;
    add_blocks(index, gathered_[index], now);
    keep_last(items_[index], gathered_[index].back());
    gathered_[index].clear();
    return true;
  });
  const bool open = !any || inlet_.submit(epoch_, ++sequence_);
  flush_status();
  return open;
}

// ---- filling a gap from history
// --------------------------------------------------------------------------------------

void Items::keep_last(Item& item, const Reading& reading) {
  item.has_last = true;
  item.last_time = reading.time;
  item.last_bits = reading.bits;
  item.last_quality = reading.quality;
}

bool Items::has_gap(std::uint32_t index, core::TimeNs earliest) {
  Item& item = items_[index];
  // Taken by an earlier run of this process: the live table has it.
  const core::TimeNs last = item.has_last ? item.last_time : context_.live.read(item.sensor->id).source_time;
  item.fill_from = std::max(last, earliest);
  return last != 0;
}

std::vector<std::uint32_t> Items::held() const {
  std::vector<std::uint32_t> all;
  for (std::uint32_t i = 0; i < items_.size(); ++i) {
    if (items_[i].held) all.push_back(i);
  }
  return all;
}

bool Items::waits_for_first() const {
  for (std::uint32_t i = 0; i < items_.size(); ++i) {
    if (items_[i].held && items_[i].active && gathered_[i].empty()) return true;
  }
  return false;
}

std::optional<core::TimeNs> Items::first_held(std::uint32_t index) const {
  return gathered_[index].empty() ? std::nullopt : std::optional(gathered_[index].front().time);
}

void Items::on_history(std::uint32_t index, UA_DataValue& value) {
  Item& item = items_[index];
  if (is_status_only(value) || !value.hasSourceTimestamp) return;
  value.status &= ~kInfoBits;
  const Reading reading = read(item, value);
  const auto first = first_held(index);
  if (!item.held || reading.time <= item.fill_from || (first && reading.time >= *first)) return;
  item.fill_from = reading.time;
  keep_last(item, reading);
  filled_[index].push_back(reading);
}

bool Items::submit_history() {
  const core::TimeNs now = context_.clock.now();
  std::size_t count = 0;
  for (std::uint32_t index = 0; index < filled_.size(); ++index) {
    if (filled_[index].empty()) continue;
    add_blocks(index, filled_[index], now);
    count += filled_[index].size();
    filled_[index].clear();
  }
  backfilled_.Increment(static_cast<double>(count));
  return count == 0 || inlet_.submit(epoch_, ++sequence_);
}

void Items::cannot_fill(std::uint32_t index, const std::string& why) {
  unfilled_.Increment();
  if (unfilled_told_) return;
  unfilled_told_ = true;
  core::logger("opcua-client")
      ->warn("{}: what was missed could not be had from the server's history: {}; further ones are only counted",
             items_[index].sensor->path, why);
}

void Items::stop_holding() {
  for (const std::uint32_t index : held()) {
    items_[index].held = false;
    cannot_fill(index, "too much came meanwhile");
  }
  held_values_ = 0;
}

void Items::on_missed(std::uint64_t messages) {
  missed_.Increment(static_cast<double>(messages));
}

}  // namespace millwright::connectors::opcua_detail
