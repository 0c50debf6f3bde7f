#include "connectors/opcua_client_backfill.hpp"

#include <algorithm>
#include <limits>

#include <open62541/nodeids.h>

#include "core/log.hpp"

namespace millwright::connectors::opcua_detail {
namespace {

using core::ErrorCode;
using core::Status;
using core::TimeNs;

using HistoryRequest = Ua<UA_HistoryReadRequest, UA_TYPES_HISTORYREADREQUEST>;
using HistoryResponse = Ua<UA_HistoryReadResponse, UA_TYPES_HISTORYREADRESPONSE>;

constexpr std::size_t kNodesPerCall = 20;
constexpr std::uint32_t kValuesPerNode = 1000;
constexpr int kEmptyPages = 10;                               // in a row, and the node is given up
constexpr int kPagesBefore = 10;                              // where the gap may begin later, as many times more
constexpr core::DurationNs kSlack = 10 * core::kSecond;       // between the beginnings of one call's gaps
constexpr core::DurationNs kFirstValues = 2 * core::kSecond;  // that a server takes to send what there is
constexpr core::DurationNs kTurn = 20 * core::kMillisecond;

UA_DateTime to_ua(TimeNs time) {
  return core::floor_to(time, 100) / 100 + UA_DATETIME_UNIX_EPOCH;
}

}  // namespace

Status Backfill::prepare(std::span<const std::uint32_t> indices) {
  if (options_.backfill == 0) return {};
  const TimeNs earliest = clock_.now() - options_.backfill;
  std::vector<std::uint32_t> behind;
  std::vector<Services::What> what;
  for (const std::uint32_t i : indices) {
    if (!items_.has_gap(i, earliest)) continue;
    behind.push_back(i);
    what.push_back({&*items_.all()[i].node, UA_ATTRIBUTEID_HISTORIZING});
    what.push_back({&*items_.all()[i].node, UA_ATTRIBUTEID_ACCESSLEVEL});
  }
  std::vector<int> yes(behind.size());
  const Status read = services_.read(what, [&](std::size_t i, UA_DataValue& value) {
    const UA_Variant& v = value.value;
    if (i % 2 == 0 && UA_Variant_hasScalarType(&v, &UA_TYPES[UA_TYPES_BOOLEAN])) {
      yes[i / 2] += *static_cast<const UA_Boolean*>(v.data) ? 1 : 0;
    } else if (i % 2 == 1 && UA_Variant_hasScalarType(&v, &UA_TYPES[UA_TYPES_BYTE])) {
      yes[i / 2] += (*static_cast<const UA_Byte*>(v.data) & UA_ACCESSLEVELMASK_HISTORYREAD) != 0 ? 1 : 0;
    }
  });
  if (!read && read.error().code != ErrorCode::kInvalid) return read;
  for (std::size_t i = 0; i < behind.size(); ++i) {
    if (yes[i] == 2) items_.hold(behind[i]);
  }
  return {};
}

Status Backfill::run() {
  if (!items_.holds_any()) return {};
  if (auto came = wait_for_first_values(); !came) return came;
  std::vector<std::uint32_t> held = items_.held();
  const auto& all = items_.all();
  // A server whose clock or values went back has nothing for us.
  std::erase_if(held, [&](std::uint32_t i) {
    const bool is_closed = items_.first_held(i).value_or(clock_.now()) <= all[i].fill_from;
    if (is_closed) items_.release(i);
    return is_closed;
  });
  std::sort(held.begin(), held.end(), [&](auto a, auto b) { return all[a].fill_from < all[b].fill_from; });
  // Gaps that begin together are asked for together.
  for (std::size_t at = 0; at < held.size();) {
    const TimeNs begin = all[held[at]].fill_from;
    std::size_t n = 1;
    const std::size_t most = std::min(kNodesPerCall, services_.sizes().history);
    while (at + n < held.size() && n < most && all[held[at + n]].fill_from - begin <= kSlack) ++n;
    const auto chunk = std::span(held).subspan(at, n);
    std::vector<std::uint32_t> rest(chunk.begin(), chunk.end());
    while (!rest.empty()) {
      if (auto filled = fill(rest); !filled) return filled;
    }
    for (const std::uint32_t i : chunk) items_.release(i);
    if (!items_.on_message_end()) return core::unexpected(ErrorCode::kClosed, "the pipeline has stopped");
    at += n;
  }
  return items_.on_message_end() ? Status{} : core::unexpected(ErrorCode::kClosed, "the pipeline has stopped");
}

Status Backfill::wait_for_first_values() {
  const TimeNs end = clock_.monotonic() + kFirstValues + 2 * std::min(options_.publishing_interval, kFirstValues);
  while (items_.waits_for_first() && clock_.monotonic() < end) {
    if (auto turned = services_.link().iterate(kTurn); !turned) return turned;
    if (auto learnt = learn_types_(); !learnt) return learnt;
  }
  return {};
}

// Leaves those whose last page was full without a word of more: some servers forget to say so.
Status Backfill::fill(std::vector<std::uint32_t>& chunk) {
  UA_ReadRawModifiedDetails details;
  UA_ReadRawModifiedDetails_init(&details);
  TimeNs from = std::numeric_limits<TimeNs>::max();
  TimeNs to = std::numeric_limits<TimeNs>::min();
  std::vector<Open> open;
  for (const std::uint32_t i : chunk) {
    from = std::min(from, items_.all()[i].fill_from);
    to = std::max(to, items_.first_held(i).value_or(clock_.now()));
    open.push_back({.index = i, .from = items_.all()[i].fill_from});
  }
  std::vector<std::uint32_t> full;
  details.startTime = to_ua(from);
  details.endTime = to_ua(to) + 1;
  details.numValuesPerNode = kValuesPerNode;
  while (!open.empty()) {
    if (auto read = read_page(details, open); !read) {
      if (read.error().code != ErrorCode::kInvalid) return read;
      for (const Open& each : open) items_.cannot_fill(each.index, read.error().message);
      break;
    }
    std::erase_if(open, [&](const Open& each) {
      if (each.is_full) full.push_back(each.index);
      return each.is_full;
    });
    if (!items_.submit_history()) return core::unexpected(ErrorCode::kClosed, "the pipeline has stopped");
  }
  chunk = std::move(full);
  return {};
}

// One call for what is open; leaves what there is more of.
Status Backfill::read_page(const UA_ReadRawModifiedDetails& details, std::vector<Open>& open) {
  HistoryRequest request;
  request->historyReadDetails.encoding = UA_EXTENSIONOBJECT_DECODED_NODELETE;
  request->historyReadDetails.content.decoded = {&UA_TYPES[UA_TYPES_READRAWMODIFIEDDETAILS],
                                                 const_cast<UA_ReadRawModifiedDetails*>(&details)};
  request->timestampsToReturn = UA_TIMESTAMPSTORETURN_SOURCE;
  request->nodesToRead = make_array<UA_HistoryReadValueId>(open.size(), UA_TYPES_HISTORYREADVALUEID);
  request->nodesToReadSize = open.size();
  for (std::size_t i = 0; i < open.size(); ++i) {
    UA_NodeId_copy(&*items_.all()[open[i].index].node, &request->nodesToRead[i].nodeId);
    std::swap(*open[i].point, request->nodesToRead[i].continuationPoint);
  }
  auto response = services_.link().call<HistoryResponse>(request);
  if (!response) return core::unexpected(response.error());
  std::vector<Open> rest;
  for (std::size_t i = 0; i < std::min(open.size(), (*response)->resultsSize); ++i) {
    if (take(details, open[i], (*response)->results[i])) rest.push_back(std::move(open[i]));
  }
  open = std::move(rest);
  return {};
}

// Whether there is more.
bool Backfill::take(const UA_ReadRawModifiedDetails& details, Open& open, UA_HistoryReadResult& result) {
  if (core::Quality{result.statusCode}.is_bad()) {
    items_.cannot_fill(open.index, UA_StatusCode_name(result.statusCode));
    return false;
  }
  std::size_t values = 0;
  std::size_t taken = 0;
  const UA_ExtensionObject& object = result.historyData;
  if (object.encoding == UA_EXTENSIONOBJECT_DECODED && object.content.decoded.type == &UA_TYPES[UA_TYPES_HISTORYDATA]) {
    auto& data = *static_cast<UA_HistoryData*>(object.content.decoded.data);
    values = data.dataValuesSize;
    for (std::size_t i = 0; i < values; ++i) taken += items_.on_history(open.index, data.dataValues[i]) ? 1 : 0;
  }
  std::swap(*open.point, result.continuationPoint);
  if (open.point->length == 0) {
    // All of it may lie before this node's own gap, where another's begins earlier.
    const bool can_go_on = items_.all()[open.index].fill_from > open.from || details.startTime < to_ua(open.from);
    open.is_full = values >= kValuesPerNode && can_go_on;
    return open.is_full;
  }
  // Before the node's own gap, pages may have nothing for it for long.
  const bool is_before = details.startTime < to_ua(open.from) && taken == 0 && values != 0;
  open.empty_pages = taken == 0 ? open.empty_pages + (is_before ? 1 : kPagesBefore) : 0;
  if (open.empty_pages < kEmptyPages * kPagesBefore) return true;
  items_.cannot_fill(open.index, "the server goes on without values that were missed");
  return false;
}

}  // namespace millwright::connectors::opcua_detail
