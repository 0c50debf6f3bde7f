#include "opcua/history.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>
#include <vector>

#include <open62541/nodeids.h>

#include "opcua/address_space.hpp"

namespace millwright::opcua {
namespace {

using core::ErrorCode;
using core::TimeNs;
using core::ValueType;
using historian::Function;
using historian::Reading;

constexpr std::uint32_t kNodesWorth = 5;  // values of one answer, in those that one node may have
constexpr int kPatience = 10;             // so many times the answer's time, and a single interval is given up

// OPC 10000-11, 6.3.2: how a value came about.
constexpr std::uint32_t kCalculated = 0x0401;
constexpr std::uint32_t kInterpolated = 0x0402;

enum class Kind { kReal, kAsSensor, kCount, kMilliseconds };
struct Supported {
  std::uint32_t node;
  historian::Calculation calculation;
  Kind kind;
};
constexpr std::array<Supported, 12> kAggregates{{
    {UA_NS0ID_AGGREGATEFUNCTION_AVERAGE, {Function::kAverage}, Kind::kReal},
    {UA_NS0ID_AGGREGATEFUNCTION_TIMEAVERAGE, {Function::kTimeAverage}, Kind::kReal},
    {UA_NS0ID_AGGREGATEFUNCTION_TIMEAVERAGE2, {Function::kTimeAverage}, Kind::kReal},
    {UA_NS0ID_AGGREGATEFUNCTION_STANDARDDEVIATIONSAMPLE, {Function::kStandardDeviation}, Kind::kReal},
    {UA_NS0ID_AGGREGATEFUNCTION_MINIMUM, {Function::kMinimum}, Kind::kAsSensor},
    {UA_NS0ID_AGGREGATEFUNCTION_MAXIMUM, {Function::kMaximum}, Kind::kAsSensor},
    {UA_NS0ID_AGGREGATEFUNCTION_START, {Function::kStart}, Kind::kAsSensor},
    {UA_NS0ID_AGGREGATEFUNCTION_END, {Function::kEnd}, Kind::kAsSensor},
    {UA_NS0ID_AGGREGATEFUNCTION_DELTA, {Function::kDelta}, Kind::kReal},
    {UA_NS0ID_AGGREGATEFUNCTION_INTERPOLATIVE, {Function::kInterpolative}, Kind::kAsSensor},
    {UA_NS0ID_AGGREGATEFUNCTION_COUNT, {Function::kCount}, Kind::kCount},
    {UA_NS0ID_AGGREGATEFUNCTION_DURATIONINSTATEZERO, {Function::kDurationInState, 0}, Kind::kMilliseconds},
}};

const Supported* find_aggregate(const UA_NodeId& id) {
  if (id.namespaceIndex != 0 || id.identifierType != UA_NODEIDTYPE_NUMERIC) return nullptr;
  const auto at = std::find_if(kAggregates.begin(), kAggregates.end(),
                               [&](const Supported& each) { return each.node == id.identifier.numeric; });
  return at == kAggregates.end() ? nullptr : &*at;
}

bool is_given(UA_DateTime time) {
  return time != 0;
}

TimeNs to_ns(UA_DateTime time) {
  constexpr UA_DateTime kLow = INT64_MIN / kUaStep + UA_DATETIME_UNIX_EPOCH + 1;
  constexpr UA_DateTime kHigh = INT64_MAX / kUaStep + UA_DATETIME_UNIX_EPOCH - 1;
  return (std::clamp(time, kLow, kHigh) - UA_DATETIME_UNIX_EPOCH) * kUaStep;
}

// What was asked, for a continuation point to belong to it.
template <typename Details>
std::string identity_of(const Details& details, std::size_t type) {
  UA_ByteString bytes = UA_BYTESTRING_NULL;
  if (UA_encodeBinary(&details, &UA_TYPES[type], &bytes) != UA_STATUSCODE_GOOD) return {};
  std::string text(view(bytes));
  UA_ByteString_clear(&bytes);
  return text;
}

UA_DataValue at(TimeNs time, std::uint32_t status) {
  UA_DataValue value;
  UA_DataValue_init(&value);
  value.hasSourceTimestamp = true;
  value.sourceTimestamp = to_ua_time(time);
  value.hasStatus = true;
  value.status = status;
  return value;
}

void put_number(UA_DataValue& value, double number, Kind kind, ValueType type) {
  const auto put = [&](const auto& scalar, std::size_t ua) {
    value.hasValue = UA_Variant_setScalarCopy(&value.value, &scalar, &UA_TYPES[ua]) == UA_STATUSCODE_GOOD;
  };
  if (kind == Kind::kCount) return put(static_cast<UA_UInt32>(std::min(number, 4294967295.0)), UA_TYPES_UINT32);
  if (kind == Kind::kMilliseconds) return put(number * 1000, UA_TYPES_DOUBLE);
  if (kind == Kind::kAsSensor && type == ValueType::kFloat32) return put(static_cast<float>(number), UA_TYPES_FLOAT);
  if (kind == Kind::kAsSensor && type == ValueType::kBool) return put(UA_Boolean(number != 0), UA_TYPES_BOOLEAN);
  if (kind == Kind::kAsSensor && type == ValueType::kState) return put(static_cast<UA_Int32>(number), UA_TYPES_INT32);
  if (kind == Kind::kAsSensor && type == ValueType::kInt64 && std::abs(number) < 9.2e18) {
    return put(static_cast<UA_Int64>(number), UA_TYPES_INT64);
  }
  put(number, UA_TYPES_DOUBLE);
}

UA_DataValue calculated(const historian::Processed& row, Kind kind, ValueType type, std::uint32_t how) {
  UA_DataValue value = at(row.start, row.quality.is_bad() ? row.quality.code : row.quality.code | how);
  if (!row.quality.is_bad()) put_number(value, row.value, kind, type);
  return value;
}

const asset::Sensor* sensor_of(const asset::Model& model, std::uint16_t plant, const UA_NodeId& id) {
  if (id.namespaceIndex != plant || id.identifierType != UA_NODEIDTYPE_STRING) return nullptr;
  const std::string_view name = view(id.identifier.string);
  const std::size_t slash = name.find('/');
  const asset::Machine* machine = model.find_machine(name.substr(0, slash));
  if (machine == nullptr || slash == std::string_view::npos) return nullptr;
  const asset::Sensor* sensor = model.find_sensor(*machine, name.substr(slash + 1));
  return sensor != nullptr && node_name(model, *sensor) == name ? sensor : nullptr;
}

}  // namespace

struct HistoryReader::Service {
  UA_TimestampsToReturn timestamps;
  bool release;  // continuation points, which is all that is asked for
  std::size_t size;
  const UA_HistoryReadValueId* nodes;
  std::string identity;
};

struct HistoryReader::Answer {
  std::size_t index = 0;  // of the node
  std::size_t limit = 0;
  TimeNs end = 0;  // monotonic; from then on no more is begun
  std::vector<UA_DataValue> values{};
  std::optional<Place> next{};

  Answer(std::size_t i, std::size_t most, TimeNs until) : index(i), limit(most), end(until) {}
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  ~Answer() {
    for (UA_DataValue& value : values) UA_DataValue_clear(&value);
  }
  [[nodiscard]] std::size_t room() const { return limit - std::min(limit, values.size()); }
  // The values become the response's.
  UA_StatusCode hand_over(UA_HistoryData& data) {
    if (values.empty()) return UA_STATUSCODE_GOOD;
    data.dataValues = static_cast<UA_DataValue*>(UA_Array_new(values.size(), &UA_TYPES[UA_TYPES_DATAVALUE]));
    if (data.dataValues == nullptr) return UA_STATUSCODE_BADOUTOFMEMORY;
    data.dataValuesSize = values.size();
    std::memcpy(data.dataValues, values.data(), values.size() * sizeof(UA_DataValue));
    values.clear();
    return UA_STATUSCODE_GOOD;
  }
};

HistoryReader::HistoryReader(const historian::Historian& historian, const asset::Model& model, const core::Texts& texts,
                             io::Clock& clock, HistoryLimits limits, std::shared_ptr<spdlog::logger> log)
    : historian_(historian), model_(model), texts_(texts), clock_(clock), limits_(limits), log_(std::move(log)) {}

// ---- the plug-in
// -----------------------------------------------------------------------------------------------------

void HistoryReader::put_into(UA_ServerConfig& config) {
  config.historizingEnabled = true;
  config.accessHistoryDataCapability = true;
  config.maxReturnDataValues = limits_.values;
  UA_HistoryDatabase& database = config.historyDatabase;
  database.context = this;
  database.readRaw = [](UA_Server*, void* self, const UA_NodeId*, void*, const UA_RequestHeader*,
                        const UA_ReadRawModifiedDetails* details, UA_TimestampsToReturn timestamps, UA_Boolean release,
                        std::size_t size, const UA_HistoryReadValueId* nodes, UA_HistoryReadResponse* response,
                        UA_HistoryData* const* const data) {
    auto& reader = *static_cast<HistoryReader*>(self);
    reader.answer(
        {timestamps, release, size, nodes, identity_of(*details, UA_TYPES_READRAWMODIFIEDDETAILS)}, response, data,
        [&](const auto& sensor, const Place& place, Answer& out) { return reader.raw(*details, sensor, place, out); });
  };
  database.readProcessed = [](UA_Server*, void* self, const UA_NodeId*, void*, const UA_RequestHeader*,
                              const UA_ReadProcessedDetails* details, UA_TimestampsToReturn timestamps,
                              UA_Boolean release, std::size_t size, const UA_HistoryReadValueId* nodes,
                              UA_HistoryReadResponse* response, UA_HistoryData* const* const data) {
    auto& reader = *static_cast<HistoryReader*>(self);
    if (details->aggregateTypeSize != size) {
      response->responseHeader.serviceResult = UA_STATUSCODE_BADAGGREGATELISTMISMATCH;
      return;
    }
    reader.answer({timestamps, release, size, nodes, identity_of(*details, UA_TYPES_READPROCESSEDDETAILS)}, response,
                  data, [&](const auto& sensor, const Place& place, Answer& out) {
                    return reader.processed(*details, details->aggregateType[out.index], sensor, place, out);
                  });
  };
  database.readAtTime = [](UA_Server*, void* self, const UA_NodeId*, void*, const UA_RequestHeader*,
                           const UA_ReadAtTimeDetails* details, UA_TimestampsToReturn timestamps, UA_Boolean release,
                           std::size_t size, const UA_HistoryReadValueId* nodes, UA_HistoryReadResponse* response,
                           UA_HistoryData* const* const data) {
    auto& reader = *static_cast<HistoryReader*>(self);
    reader.answer({timestamps, release, size, nodes, identity_of(*details, UA_TYPES_READATTIMEDETAILS)}, response, data,
                  [&](const auto& sensor, const Place& place, Answer& out) {
                    return reader.at_times(*details, sensor, place, out);
                  });
  };
}

void HistoryReader::answer(const Service& service, UA_HistoryReadResponse* response, UA_HistoryData* const* data,
                           const Read& read) {
  if (service.release) return;  // there is nothing to release
  if (service.timestamps == UA_TIMESTAMPSTORETURN_NEITHER || service.timestamps > UA_TIMESTAMPSTORETURN_NEITHER) {
    response->responseHeader.serviceResult = UA_STATUSCODE_BADTIMESTAMPSTORETURNINVALID;
    return;
  }
  if (service.timestamps == UA_TIMESTAMPSTORETURN_SERVER) {
    response->responseHeader.serviceResult = UA_STATUSCODE_BADTIMESTAMPNOTSUPPORTED;
    return;
  }
  const TimeNs end = clock_.monotonic() + limits_.time;
  std::size_t left = static_cast<std::size_t>(limits_.values) * kNodesWorth;
  for (std::size_t i = 0; i < service.size; ++i) {
    const UA_HistoryReadValueId& node = service.nodes[i];
    UA_HistoryReadResult& result = response->results[i];
    const asset::Sensor* sensor = sensor_of(model_, plant_, node.nodeId);
    std::string identity = service.identity;
    if (sensor != nullptr) identity += sensor->path;
    std::optional<Place> place = Place{};
    if (node.continuationPoint.length != 0) place = Place::decode(view(node.continuationPoint), identity);
    if (sensor == nullptr) {
      result.statusCode = node.nodeId.namespaceIndex == plant_ ? UA_STATUSCODE_BADNODEIDUNKNOWN
                                                               : UA_STATUSCODE_BADHISTORYOPERATIONUNSUPPORTED;
      continue;
    }
    if (!place) {
      result.statusCode = UA_STATUSCODE_BADCONTINUATIONPOINTINVALID;
      continue;
    }
    if (node.indexRange.length != 0) {
      result.statusCode = UA_STATUSCODE_BADINDEXRANGEINVALID;
      continue;
    }
    Answer out(i, std::min<std::size_t>(limits_.values, left), end);
    const bool is_late = i != 0 && (left == 0 || clock_.monotonic() >= end);
    if (is_late) {
      out.next = place;
    } else {
      result.statusCode = read(*sensor, *place, out);
    }
    if (result.statusCode != UA_STATUSCODE_GOOD) continue;
    left -= std::min(left, out.values.size());
    if (out.next) result.continuationPoint = copy(out.next->encode(identity));
    result.statusCode = out.hand_over(*data[i]);
  }
}

UA_StatusCode HistoryReader::failed(const asset::Sensor& sensor, const core::Error& why) const {
  if (why.code == ErrorCode::kTimeout) return UA_STATUSCODE_BADTIMEOUT;
  if (why.code == ErrorCode::kInvalid) return UA_STATUSCODE_BADINVALIDARGUMENT;
  log_->warn("the history of {} could not be read for a client: {}", sensor.path, why.message);
  return UA_STATUSCODE_BADINTERNALERROR;
}

UA_DataValue HistoryReader::to_value(const asset::Sensor& sensor, const Reading& reading) const {
  UA_DataValue value = at(reading.time, reading.quality.code);
  static_cast<void>(set_value(sensor.type, reading.bits, texts_, &value));
  return value;
}

// ---- raw
// -------------------------------------------------------------------------------------------------------------

namespace {

// What raw values are asked for, as times of ours.
struct RawRange {
  bool backwards = false;
  bool is_open = false;  // ends with a number of values, not with a time
  TimeNs start = 0;
  TimeNs stop = 0;  // excluded
};

std::optional<RawRange> range_of(const UA_ReadRawModifiedDetails& details) {
  const bool from = is_given(details.startTime);
  const bool to = is_given(details.endTime);
  if ((!from && !to) || (!(from && to) && details.numValuesPerNode == 0)) return std::nullopt;
  RawRange range{.backwards = !from || (to && details.endTime < details.startTime), .is_open = !(from && to)};
  range.start = to_ns(from ? details.startTime : details.endTime);
  if (range.is_open) {
    range.stop = range.backwards ? INT64_MIN : INT64_MAX;
  } else {
    range.stop = to_ns(details.endTime);
    // Both the same: what is of that time.
    if (details.startTime == details.endTime) range.stop += kUaStep;
  }
  return range;
}

}  // namespace

UA_StatusCode HistoryReader::raw(const UA_ReadRawModifiedDetails& details, const asset::Sensor& sensor, Place place,
                                 Answer& out) {
  const auto range = range_of(details);
  if (!range) return UA_STATUSCODE_BADHISTORYOPERATIONINVALID;
  if (details.numValuesPerNode != 0) out.limit = std::min<std::size_t>(out.limit, details.numValuesPerNode);
  const bool bounds = details.returnBounds && details.startTime != details.endTime;
  const auto bound = [&](bool before, TimeNs time) -> core::Status {
    const auto found = before ? at_or_before(historian_, sensor.id, time) : at_or_after(historian_, sensor.id, time);
    if (!found) return core::unexpected(found.error());
    out.values.push_back(*found ? to_value(sensor, **found) : at(time, UA_STATUSCODE_BADBOUNDNOTFOUND));
    return {};
  };
  const UA_DateTime first = to_ua_time(range->start);
  if (!place.begun) {
    place.begun = true;
    place.time = range->backwards ? range->start + kUaStep - 1 : range->start;
    if (bounds) {
      if (auto found = bound(!range->backwards, range->start); !found) return failed(sensor, found.error());
      // One at the very start is in the range as well.
      if (out.values.back().sourceTimestamp == first && out.values.back().status != UA_STATUSCODE_BADBOUNDNOTFOUND) {
        UA_DataValue_clear(&out.values.back());
        out.values.pop_back();
      }
    }
  }
  auto page = range->backwards ? read_backwards(historian_, sensor.id, place,
                                                range->is_open ? range->stop : range->stop + kUaStep, out.room())
                               : read_forwards(historian_, sensor.id, place, range->stop, out.room());
  if (!page) return failed(sensor, page.error());
  for (const Reading& reading : page->readings) out.values.push_back(to_value(sensor, reading));
  // Who asks for so many from a time on has got them.
  if (range->is_open) {
    const bool all = out.values.size() >= details.numValuesPerNode;
    if (!all) out.next = page->next;
    return UA_STATUSCODE_GOOD;
  }
  out.next = page->next;
  if (out.next || !bounds) return UA_STATUSCODE_GOOD;
  if (out.room() == 0) {
    out.next = Place{.time = range->stop, .begun = true};
    return UA_STATUSCODE_GOOD;
  }
  if (auto found = bound(range->backwards, range->stop); !found) return failed(sensor, found.error());
  return UA_STATUSCODE_GOOD;
}

// ---- processed
// -------------------------------------------------------------------------------------------------------

// A few intervals at first, then more at a time, so that a slow kind ends soon and a quick one is not held up.
UA_StatusCode HistoryReader::processed(const UA_ReadProcessedDetails& details, const UA_NodeId& aggregate,
                                       const asset::Sensor& sensor, const Place& place, Answer& out) {
  const Supported* supported = find_aggregate(aggregate);
  if (supported == nullptr) return UA_STATUSCODE_BADAGGREGATENOTSUPPORTED;
  const UA_AggregateConfiguration& asked = details.aggregateConfiguration;
  if (!asked.useServerCapabilitiesDefaults &&
      (asked.treatUncertainAsBad || asked.percentDataBad != 100 || asked.percentDataGood != 100)) {
    return UA_STATUSCODE_BADAGGREGATECONFIGURATIONREJECTED;
  }
  if (!is_given(details.startTime) || !is_given(details.endTime) || details.startTime == details.endTime ||
      !(details.processingInterval >= 0)) {
    return UA_STATUSCODE_BADINVALIDARGUMENT;
  }
  if (details.endTime < details.startTime) return UA_STATUSCODE_BADHISTORYOPERATIONUNSUPPORTED;
  historian::ProcessedRequest request{.sensor = sensor.id, .range = {to_ns(details.startTime), to_ns(details.endTime)}};
  const double width = details.processingInterval * core::kMillisecond;
  const auto span = static_cast<std::uint64_t>(request.range.to) - static_cast<std::uint64_t>(request.range.from);
  if (span > INT64_MAX) return UA_STATUSCODE_BADINVALIDARGUMENT;
  request.width = width > 0 && width < static_cast<double>(span) ? std::max<core::DurationNs>(1, std::llround(width))
                                                                 : static_cast<core::DurationNs>(span);
  request.calculation = supported->calculation;
  request.now = clock_.now();
  request.check = [&, end = out.end + (kPatience - 1) * limits_.time]() -> core::Status {
    if (clock_.monotonic() < end) return {};
    return core::unexpected(ErrorCode::kTimeout, "the answer takes too long");
  };
  std::optional<TimeNs> next = place.begun ? place.time : request.range.from;
  for (std::size_t step = 1; next && out.room() != 0 && (out.values.empty() || clock_.monotonic() < out.end);
       step *= 4) {
    request.range.from = *next;
    request.limit = std::min(step, out.room());
    const auto rows = historian::processed(historian_, model_, request, &next);
    if (!rows && rows.error().code == ErrorCode::kTimeout && !out.values.empty()) {
      next = request.range.from;
      break;
    }
    if (!rows) return failed(sensor, rows.error());
    for (const auto& row : *rows) {
      out.values.push_back(
          calculated(row, supported->kind, sensor.type,
                     supported->calculation.function == Function::kInterpolative ? kInterpolated : kCalculated));
    }
  }
  if (next) out.next = Place{.time = *next, .begun = true};
  return UA_STATUSCODE_GOOD;
}

// ---- at times
// --------------------------------------------------------------------------------------------------------

// A reading of that time as it is; else between two as the sensor's values go: sloped or stepped.
core::Result<UA_DataValue> HistoryReader::at_time(const asset::Sensor& sensor, TimeNs time) const {
  const auto before = at_or_before(historian_, sensor.id, time);
  if (!before) return core::unexpected(before.error());
  if (*before && (*before)->time >= time) {
    UA_DataValue value = to_value(sensor, **before);
    value.sourceTimestamp = to_ua_time(time);
    return value;
  }
  if (!*before || time >= clock_.now()) return at(time, core::kBadNoData.code);
  if (core::is_real(sensor.type)) {
    std::optional<TimeNs> next;
    const historian::ProcessedRequest request{.sensor = sensor.id,
                                              .range = {time, time + 1},
                                              .width = 1,
                                              .calculation = {Function::kInterpolative},
                                              .now = clock_.now()};
    const auto rows = historian::processed(historian_, model_, request, &next);
    if (!rows) return core::unexpected(rows.error());
    return calculated(rows->front(), Kind::kAsSensor, sensor.type, kInterpolated);
  }
  // It holds, unless a bad one has come since.
  const auto since = historian_.raw(sensor.id, {(*before)->time + 1, time}, 1, nullptr);
  if (!since) return core::unexpected(since.error());
  UA_DataValue value = to_value(sensor, **before);
  value.sourceTimestamp = to_ua_time(time);
  value.status = (since->empty() ? core::kGood : core::kUncertainDataSubNormal).code | kInterpolated;
  return value;
}

UA_StatusCode HistoryReader::at_times(const UA_ReadAtTimeDetails& details, const asset::Sensor& sensor, Place place,
                                      Answer& out) {
  if (details.reqTimesSize == 0) return UA_STATUSCODE_BADINVALIDARGUMENT;
  const auto first = static_cast<std::size_t>(std::max<TimeNs>(0, place.time));
  for (std::size_t i = first; i < details.reqTimesSize; ++i) {
    if (out.room() == 0 || (i != first && clock_.monotonic() >= out.end)) {
      out.next = Place{.time = static_cast<TimeNs>(i), .begun = true};
      return UA_STATUSCODE_GOOD;
    }
    auto value = at_time(sensor, to_ns(details.reqTimes[i]));
    if (!value) return failed(sensor, value.error());
    out.values.push_back(*value);
  }
  return UA_STATUSCODE_GOOD;
}

// ---- what clients are told
// -------------------------------------------------------------------------------------------

UA_StatusCode HistoryReader::describe(UA_Server* server, std::uint16_t plant) {
  plant_ = plant;
  UA_StatusCode code = UA_STATUSCODE_GOOD;
  for (const Supported& each : kAggregates) {
    UA_ExpandedNodeId function;
    UA_ExpandedNodeId_init(&function);
    function.nodeId = ns0(each.node);
    for (const std::uint32_t folder : {UA_NS0ID_HISTORYSERVERCAPABILITIES_AGGREGATEFUNCTIONS,
                                       UA_NS0ID_SERVER_SERVERCAPABILITIES_AGGREGATEFUNCTIONS}) {
      const UA_StatusCode added = UA_Server_addReference(server, ns0(folder), ns0(UA_NS0ID_ORGANIZES), function, true);
      if (added != UA_STATUSCODE_BADDUPLICATEREFERENCENOTALLOWED) code |= added;
    }
  }
  return code;
}

}  // namespace millwright::opcua
