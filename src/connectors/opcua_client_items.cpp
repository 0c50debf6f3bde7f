#include "connectors/opcua_client_items.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "core/log.hpp"

namespace millwright::connectors::opcua_detail {
namespace {

// OPC 10000-4, 7.39.1: the info type and the overflow bit of a status code.
constexpr std::uint32_t kInfoTypeMask = 0x0C00;
constexpr std::uint32_t kInfoTypeDataValue = 0x0400;
constexpr std::uint32_t kOverflow = 0x0080;
// What a status code says of how a value was kept, which is not about the value.
constexpr std::uint32_t kInfoBits = 0x0FFF;
constexpr std::size_t kUndecidedMax = 10'000;

core::Counter& counter(const ConnectorContext& context, const std::string& connector, const std::string& what,
                       const std::string& help) {
  return context.metrics.counter("millwright_opcua_client_" + what + "_total", help, {{"connector", connector}});
}

}  // namespace

Items::Items(const std::string& name, const ConnectorContext& context, const OpcUaClientOptions& options)
    : context_(context),
      keeper_(name, options.backfill == 0 ? std::string() : options.gaps_file, context.clock),
      intake_(context, name),
      inlet_(context.pipeline, context.sources.add(name)),
      past_(context.pipeline, context.sources.add(name), core::BatchPurpose::kBackfill),
      epoch_(new_epoch(context, context.sources.add(name))),
      overflows_(counter(context, name, "overflows",
                         "Values that an OPC UA server lost because a node's queue was full, at least")),
      missed_(counter(context, name, "missed_messages", "Publish responses of an OPC UA server that did not arrive")),
      repeats_(counter(context, name, "repeats_dropped", "First values after a connection that had been taken before")),
      backfilled_(counter(context, name, "backfilled", "Readings taken from an OPC UA server's history")),
      unfilled_(
          counter(context, name, "gaps_not_filled", "Gaps that an OPC UA server's history did not fill when asked")),
      gaps_(context.metrics.gauge("millwright_opcua_client_open_gaps",
                                  "Gaps that are to be filled from an OPC UA server's history",
                                  {{"connector", name}})) {
  std::map<std::string, std::size_t> known;
  for (const core::SensorId id : context.model.sensors_of(name)) {
    item_for(context.model.sensor(id), options, known).parts.back().sensor = &context.model.sensor(id);
    ++sensors_;
  }
  load_gaps();
}

// The item of the sensor's node, watched as the sensor wants it, with one more part.
Item& Items::item_for(const asset::Sensor& sensor, const OpcUaClientOptions& options,
                      std::map<std::string, std::size_t>& known) {
  Item item;
  Part part;
  if (auto address = parse_address(sensor.source.address)) {
    part.path = address->part;
    item.address = std::move(*address);
  } else {
    item.address_error = address.error().message;
    item.problem = core::Quality{UA_STATUSCODE_BADNODEIDINVALID};
  }
  const Watch& watch = item.address.watch;
  const bool is_number = core::is_real(sensor.type) || sensor.type == core::ValueType::kInt64;
  item.sampling_interval = watch.sampling_interval.value_or(options.sampling_interval);
  item.queue_size = watch.queue_size.value_or(options.queue_size);
  // The connector's own is for plain numbers: a server takes none for a structure.
  item.dead_band = watch.dead_band.value_or(is_number && part.path.empty() ? options.dead_band : DeadBand{});
  const std::string key = item.address_error.empty()
                              ? fmt::format("{}\n{} {} {} {}", item.address.node_text, item.sampling_interval,
                                            item.queue_size, item.dead_band.value, item.dead_band.is_percent)
                              : sensor.source.address;
  const auto [at, is_new] = known.try_emplace(key, items_.size());
  if (is_new) items_.push_back(std::move(item));
  items_[at->second].parts.push_back(std::move(part));
  return items_[at->second];
}

std::size_t Items::active() const {
  std::size_t count = 0;
  for (const Item& item : items_) count += item.active && !item.gone ? item.parts.size() : 0;
  return count;
}

// The first of each kind stands for all of it.
std::string Items::problems() const {
  std::string text;
  const auto bad = std::find_if(items_.begin(), items_.end(), [](const Item& i) { return !i.active || i.gone; });
  if (bad != items_.end()) {
    text = fmt::format("; '{}' of {}: {}", bad->sensor().source.address, bad->sensor().path,
                       bad->address_error.empty() ? UA_StatusCode_name(bad->problem.code) : bad->address_error);
  }
  for (const Item& item : items_) {
    const auto part =
        std::find_if(item.parts.begin(), item.parts.end(), [](const Part& each) { return !each.problem.empty(); });
    if (part == item.parts.end()) continue;
    text += fmt::format("; '{}' of {}: {}", part->sensor->source.address, part->sensor->path, part->problem);
    break;
  }
  const auto unbanded = std::count_if(items_.begin(), items_.end(), [](const Item& i) { return i.band_refused; });
  if (unbanded != 0) text += fmt::format("; the server takes no dead-band for {} nodes: every change comes", unbanded);
  return text;
}

void Items::begin_connection() {
  for (Item& item : items_) {
    item.resolved = false;
    item.active = false;
    item.gone = false;
    item.first = true;
    item.band_refused = false;
    item.touched = false;
    item.undecided = 0;
    // What was not handed over when the connection was lost is part of what was missed.
    for (Part& part : item.parts) part.gathered.clear();
  }
  touched_.clear();
  undecided_.clear();
  asked_.clear();
  types_.clear();  // a server may come back with others
}

void Items::add_status(const Part& part, core::Quality quality, core::TimeNs now) {
  core::BlockBatch& batch = inlet_.batch_for(part.sensor->id);
  core::Block& block = batch.add(part.sensor->id, part.sensor->type, 1, now, 0, now);
  std::memcpy(block.values, &part.last.bits, core::width(part.sensor->type));
  block.quality[0].quality = quality;
}

void Items::say(core::Quality quality) {
  const core::TimeNs now = context_.clock.now();
  for (const Item& item : items_) {
    for (const Part& part : item.parts) add_status(part, quality, now);
  }
  inlet_.submit_status();
}

void Items::say(std::uint32_t index, core::Quality quality) {
  for (const Part& part : items_[index].parts) status_.emplace_back(&part, quality);
}

void Items::flush_status() {
  if (status_.empty()) return;
  const core::TimeNs now = context_.clock.now();
  for (const auto& [part, quality] : status_) add_status(*part, quality, now);
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

core::TimeNs time_of(const UA_DataValue& value, core::TimeNs now) {
  if (value.hasSourceTimestamp && value.sourceTimestamp != 0) {
    return to_ns(value.sourceTimestamp, value.hasSourcePicoseconds ? value.sourcePicoseconds : 0);
  }
  if (value.hasServerTimestamp && value.serverTimestamp != 0) {
    return to_ns(value.serverTimestamp, value.hasServerPicoseconds ? value.serverPicoseconds : 0);
  }
  return now;
}

// What a value that has nothing for a sensor is called. A choice that is not taken is no mistake of the plant's file.
core::Quality quality_of(UA_StatusCode code) {
  return code == UA_STATUSCODE_BADTYPEMISMATCH ? core::kBadTypeMismatch : core::Quality{code};
}

}  // namespace

// What does not fit is told once, until it fits again.
void Items::tell_misfit(const Item& item, Part& part, const UA_Variant& value, UA_StatusCode code) {
  intake_.refuse(Refusal::kWrongType);
  const std::string type = fmt::format("{}{}", value.type->typeName, UA_Variant_isScalar(&value) ? "" : " array");
  std::string problem;
  if (code == UA_STATUSCODE_BADTYPEMISMATCH) {
    problem = fmt::format(
        "is declared {}, but a {} was sent that does not fit without loss: give the sensor another "
        "type, or take a part of the value (field=, index=)",
        core::to_string(part.sensor->type), type);
  } else if (code == UA_STATUSCODE_BADDATAENCODINGUNSUPPORTED) {
    problem = "the server does not describe the structure that it sends (DataTypeDefinition)";
  } else {
    problem = fmt::format("there is no '{}' in the {} that was sent: {}", to_string(part.path), type,
                          UA_StatusCode_name(code));
  }
  problems_changed_ = problems_changed_ || part.problem != problem;
  part.problem = std::move(problem);
  if (part.told) return;
  part.told = true;
  core::logger("opcua-client")->warn("{} ('{}'): {}", part.sensor->path, item.address.node_text, part.problem);
}

Reading Items::read(const Item& item, Part& part, const UA_DataValue& value, std::uint64_t bits) {
  Reading reading{
      .time = time_of(value, context_.clock.now()), .bits = bits, .quality = {value.hasStatus ? value.status : 0}};
  if (!value.hasValue || UA_Variant_isEmpty(&value.value)) {
    // No value and no complaint is a complaint all the same.
    if (!reading.quality.is_bad()) reading.quality = core::kBad;
    return reading;
  }
  Found found;
  UA_StatusCode code = find_part(value.value, part.path, types_, found);
  if (code == UA_STATUSCODE_GOOD && UA_Variant_isEmpty(&found.value)) code = UA_STATUSCODE_BADNODATA;
  if (code == UA_STATUSCODE_GOOD) {
    if (const auto taken = to_bits(found.value, *part.sensor, context_.texts)) {
      reading.bits = *taken;
      problems_changed_ = problems_changed_ || !part.problem.empty();
      part.problem.clear();
      return reading;
    }
    code = UA_STATUSCODE_BADTYPEMISMATCH;
  }
  reading.quality = quality_of(code);
  // An optional field that is not there now is no mistake.
  if (code != UA_STATUSCODE_BADNODATA) tell_misfit(item, part, value.value, code);
  return reading;
}

// After (re)subscribing, a server sends the present value of each node once more.
bool Items::repeats(const Part& part, const Reading& reading) const {
  if (part.has_last) {
    return reading.time == part.last.time && reading.bits == part.last.bits && reading.quality == part.last.quality;
  }
  // Taken by an earlier run of this process: the live table has it, calibrated.
  const pipeline::LiveValue live = context_.live.read(part.sensor->id);
  return live.source_time == reading.time && live.type == part.sensor->type && live.source_time != 0 &&
         live.bits == calibrated_bits(reading.bits, *part.sensor);
}

// What a value without a value keeps.
void Items::keep_live_bits(Part& part) const {
  const pipeline::LiveValue live = context_.live.read(part.sensor->id);
  if (live.source_time != 0 && live.type == part.sensor->type && part.sensor->calibration.identity()) {
    part.last.bits = live.bits;
  }
}

void Items::count_overflow(Item& item, const UA_DataValue& value) {
  const bool has_overflown =
      value.hasStatus && (value.status & kInfoTypeMask) == kInfoTypeDataValue && (value.status & kOverflow) != 0;
  if (!has_overflown) return;
  overflows_.Increment();
  if (item.overflow_told) return;
  item.overflow_told = true;
  core::logger("opcua-client")
      ->warn(
          "{}: the server's queue of '{}' was full and values were lost: give it a larger queue_size than {}, or the "
          "connector a shorter publishing_interval; further ones are only counted",
          item.sensor().path, item.address.node_text, item.queue_size);
}

// Values with a structure that is not described yet, and all of that node that come after them.
bool Items::must_wait(std::uint32_t handle, const UA_DataValue& value) {
  Item& item = items_[handle];
  bool waits = item.undecided != 0;
  const UA_DataType* type = value.hasValue ? value.value.type : nullptr;
  const bool may_wait = type == &UA_TYPES[UA_TYPES_EXTENSIONOBJECT] || type == &UA_TYPES[UA_TYPES_VARIANT];
  if (!waits && !may_wait) return false;
  for (std::size_t i = 0; i < item.parts.size() && !waits && value.hasValue; ++i) {
    if (item.parts[i].path.empty()) continue;
    Found found;
    const UA_StatusCode code = find_part(value.value, item.parts[i].path, types_, found);
    waits = is_undescribed(code, found, types_);
    if (waits) {
      TypeLearner::Asked& asked = asked_.emplace_back();
      asked.encoding = std::move(found.unknown);
      UA_NodeId_copy(&*item.node, &*asked.variable);
    }
  }
  if (!waits || undecided_.size() >= kUndecidedMax) return false;
  ++item.undecided;
  Undecided& kept = undecided_.emplace_back();
  kept.handle = handle;
  UA_DataValue_copy(&value, &*kept.value);
  return true;
}

bool Items::decide() {
  const std::vector<Undecided> waiting = std::move(undecided_);
  undecided_.clear();
  asked_.clear();
  for (Item& item : items_) item.undecided = 0;
  // A structure within a structure may be the next that is not described: those wait again.
  for (const Undecided& each : waiting) on_value(each.handle, *each.value);
  return on_message_end();
}

void Items::on_value(std::uint32_t handle, const UA_DataValue& value) {
  if (handle >= items_.size()) return intake_.refuse(Refusal::kUnknownAddress);
  if (must_wait(handle, value)) return;
  take(handle, value);
}

void Items::take(std::uint32_t handle, const UA_DataValue& value) {
  Item& item = items_[handle];
  count_overflow(item, value);
  if (is_status_only(value)) {
    const core::Quality word{value.hasStatus ? value.status : 0};
    const bool is_gone = word == core::kBadNodeIdUnknown || word.code == UA_STATUSCODE_BADNODEIDINVALID;
    problems_changed_ = problems_changed_ || item.gone != is_gone;
    item.gone = is_gone;
    if (is_gone) item.problem = word;
    return say(handle, word.is_bad() ? word : core::kBad);
  }
  problems_changed_ = problems_changed_ || item.gone;
  item.gone = false;
  bool any = false;
  bool any_repeats = false;
  for (Part& part : item.parts) {
    if (item.first && !part.has_last) keep_live_bits(part);
    const Reading reading = read(item, part, value, part.last.bits);
    if (item.first && repeats(part, reading)) {
      any_repeats = true;
      repeats_.Increment();
      keep_last(part, reading);
      status_.emplace_back(&part, reading.quality);  // not taken again, but it says that the sensor is back
      continue;
    }
    if (!any && !any_repeats) end_gap(item, reading.time);
    any = true;
    keep_last(part, reading);
    part.gathered.push_back(reading);
  }
  item.first = false;
  if (any_repeats) end_gap(item, std::nullopt);  // nothing was missed
  if (any && !item.touched) touched_.push_back(handle);
  item.touched = item.touched || any;
}

void Items::add_blocks(pipeline::Inlet& inlet, const asset::Sensor& sensor, const std::vector<Reading>& readings,
                       core::TimeNs received) {
  const std::size_t width = core::width(sensor.type);
  core::BlockBatch& batch = inlet.batch_for(sensor.id);
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
  for (const std::uint32_t index : touched_) {
    Item& item = items_[index];
    item.touched = false;
    for (Part& part : item.parts) {
      if (part.gathered.empty()) continue;
      any = true;
      add_blocks(inlet_, *part.sensor, part.gathered, now);
      part.gathered.clear();
    }
  }
  touched_.clear();
  const bool open = !any || inlet_.submit(epoch_, ++sequence_);
  flush_status();
  return open;
}

// ---- filling a gap from history
// --------------------------------------------------------------------------------------

void Items::keep_last(Part& part, const Reading& reading) {
  part.has_last = true;
  part.last = reading;
}

core::TimeNs Items::last_time(const Part& part) const {
  // Taken by an earlier run of this process: the live table has it.
  return part.has_last ? part.last.time : context_.live.read(part.sensor->id).source_time;
}

bool Items::may_have_missed(std::uint32_t index) const {
  const Item& item = items_[index];
  // One whose end has not come yet, as the connection was lost before that, is the same one still.
  if (!item.gaps.empty() && !item.gaps.back().to) return false;
  return std::any_of(item.parts.begin(), item.parts.end(), [&](const Part& part) { return last_time(part) != 0; });
}

void Items::open_gap(std::uint32_t index, core::TimeNs earliest) {
  Item& item = items_[index];
  Gap& gap = item.gaps.emplace_back();
  gap.from = std::numeric_limits<core::TimeNs>::max();
  for (const Part& part : item.parts) {
    // A sensor that never had a reading misses none.
    const core::TimeNs last = last_time(part);
    const core::TimeNs after = last == 0 ? std::numeric_limits<core::TimeNs>::max() : std::max(last, earliest);
    gap.parts.push_back({.after = after, .bits = part.last.bits});
    gap.from = std::min(gap.from, after);
  }
  gap.begin = gap.from;
  count_gaps(1);
}

void Items::count_gaps(std::ptrdiff_t more) {
  open_gaps_ = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(open_gaps_) + more);
  gaps_.Set(static_cast<double>(open_gaps_));
  keeper_.changed();
}

void Items::load_gaps() {
  std::map<std::string_view, Item*> by_sensor;
  for (Item& item : items_) by_sensor.emplace(item.sensor().path, &item);
  for (const KeptGap& kept : keeper_.load()) {
    const auto at = by_sensor.find(kept.sensor);
    // A sensor that is no more; or what cannot be: only the last may have no end yet.
    if (at == by_sensor.end() || (!at->second->gaps.empty() && !at->second->gaps.back().to)) continue;
    Gap& gap = at->second->gaps.emplace_back();
    gap.begin = gap.from = kept.from;
    gap.to = kept.to;
    gap.parts.resize(at->second->parts.size(), Gap::Of{.after = kept.from, .bits = 0});
    count_gaps(1);
  }
}

void Items::keep_gaps(bool must) {
  if (!keeper_.is_due(must)) return;
  std::vector<KeptGap> open;
  for (const Item& item : items_) {
    for (const Gap& gap : item.gaps) open.push_back({item.sensor().path, gap.begin, gap.to});
  }
  keeper_.keep(std::move(open), must);
}

void Items::close_gap(std::uint32_t index) {
  const Gap& gap = items_[index].gaps.front();
  keeper_.closed({items_[index].sensor().path, gap.begin, gap.to});
  items_[index].gaps.pop_front();
  count_gaps(-1);
}

// Of the gap that waits for its end. Without one: it is none. A server whose clock or values went back has nothing for
// us either.
void Items::end_gap(Item& item, std::optional<core::TimeNs> to) {
  if (item.gaps.empty() || item.gaps.back().to) return;
  if (to && *to > item.gaps.back().from) {
    item.gaps.back().to = to;
    keeper_.changed();
    return;
  }
  item.gaps.pop_back();
  count_gaps(-1);
}

bool Items::on_history(std::uint32_t index, UA_DataValue& value) {
  Item& item = items_[index];
  if (item.gaps.empty() || is_status_only(value) || !value.hasSourceTimestamp) return false;
  Gap& gap = item.gaps.front();
  value.status &= ~kInfoBits;
  const core::TimeNs time = time_of(value, 0);
  if (time <= gap.from || (gap.to && time >= *gap.to)) return false;
  gap.from = time;
  for (std::size_t i = 0; i < item.parts.size(); ++i) {
    if (time <= gap.parts[i].after) continue;
    const Reading reading = read(item, item.parts[i], value, gap.parts[i].bits);
    gap.parts[i].bits = reading.bits;
    item.parts[i].filled.push_back(reading);
  }
  return true;
}

bool Items::submit_history() {
  const core::TimeNs now = context_.clock.now();
  std::size_t count = 0;
  for (Item& item : items_) {
    for (Part& part : item.parts) {
      if (part.filled.empty()) continue;
      add_blocks(past_, *part.sensor, part.filled, now);
      count += part.filled.size();
      part.filled.clear();
    }
  }
  backfilled_.Increment(static_cast<double>(count));
  return count == 0 || past_.submit(epoch_, ++sequence_, keeper_.receipt());
}

void Items::cannot_fill(std::uint32_t index, const std::string& why) {
  unfilled_.Increment();
  if (unfilled_told_) return;
  unfilled_told_ = true;
  core::logger("opcua-client")
      ->warn(
          "{}: what was missed could not be had from the server's history: {}; it is asked for again; further ones "
          "are only counted",
          items_[index].sensor().path, why);
}

void Items::on_missed(std::uint64_t messages) {
  missed_.Increment(static_cast<double>(messages));
}

}  // namespace millwright::connectors::opcua_detail
