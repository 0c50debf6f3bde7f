#include "connectors/opcua_client_backfill.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <open62541/nodeids.h>

#include "core/log.hpp"

namespace millwright::connectors::opcua_detail {
namespace {

using core::ErrorCode;
using core::Status;
using core::TimeNs;

using HistoryRequest = Ua<UA_HistoryReadRequest, UA_TYPES_HISTORYREADREQUEST>;
using HistoryResponse = Ua<UA_HistoryReadResponse, UA_TYPES_HISTORYREADRESPONSE>;

constexpr std::uint32_t kFewValues = 10;                      // of a node; then there are fewer nodes
constexpr int kEmptyPages = 10;                               // in a row, and the node has failed
constexpr int kPagesBefore = 10;                              // where the gap may begin later, as many times more
constexpr core::DurationNs kSlack = 10 * core::kSecond;       // between the beginnings of one call's gaps
constexpr core::DurationNs kFirstValues = 2 * core::kSecond;  // that a server takes to send what there is
constexpr core::DurationNs kPauseMax = core::kHour;           // before what failed is tried again

UA_DateTime to_ua(TimeNs time) {
  return core::floor_to(time, 100) / 100 + UA_DATETIME_UNIX_EPOCH;
}

bool is_too_large(UA_StatusCode code) {
  return code == UA_STATUSCODE_BADRESPONSETOOLARGE || code == UA_STATUSCODE_BADENCODINGLIMITSEXCEEDED ||
         code == UA_STATUSCODE_BADTCPMESSAGETOOLARGE;
}

bool is_too_many(UA_StatusCode code) {
  return code == UA_STATUSCODE_BADTOOMANYOPERATIONS || code == UA_STATUSCODE_BADREQUESTTOOLARGE ||
         code == UA_STATUSCODE_BADNOCONTINUATIONPOINTS;
}

}  // namespace

Backfill::Backfill(const OpcUaClientOptions& options, Items& items, Services& services, const io::Clock& clock)
    : options_(options), items_(items), services_(services), clock_(clock) {
  // A connection that ended while history was asked for may have ended of the answer.
  if (std::exchange(items_.history_sizes().is_asked, false)) ask_for_less(UA_STATUSCODE_BADRESPONSETOOLARGE);
  nodes_ = items_.history_sizes().nodes;
}

void Backfill::ask_for_less(UA_StatusCode code) {
  HistorySizes& sizes = items_.history_sizes();
  const bool has_values = sizes.values > (sizes.nodes > 1 ? kFewValues : 1U);
  if (is_too_large(code) && has_values) {
    sizes.values = std::max<std::uint32_t>(1, sizes.values / 2);
  } else {
    sizes.nodes = std::max<std::size_t>(1, sizes.nodes / 2);
  }
  nodes_ = std::min(nodes_, sizes.nodes);
}

Status Backfill::prepare(std::span<const std::uint32_t> indices) {
  if (options_.backfill == 0) return {};
  const TimeNs earliest = clock_.now() - options_.backfill;
  std::vector<std::uint32_t> behind;
  std::vector<Services::What> what;
  for (const std::uint32_t i : indices) {
    if (!items_.may_have_missed(i)) continue;
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
    if (yes[i] == 2) items_.open_gap(behind[i], earliest);
  }
  first_values_until_ = clock_.monotonic() + kFirstValues + 2 * std::min(options_.publishing_interval, kFirstValues);
  is_busy_ = true;
  return {};
}

Status Backfill::step() {
  if (items_.open_gaps() == 0) {
    is_busy_ = false;
    return {};
  }
  if (open_.empty()) choose();
  is_busy_ = !open_.empty();
  return is_busy_ ? read_page() : Status{};
}

// Whether the oldest gap of a node can be asked for now.
bool Backfill::is_ready(std::uint32_t index, TimeNs earliest) {
  Item& item = items_.all()[index];
  if (!item.active || item.undecided != 0) return false;
  while (!item.gaps.empty()) {
    Gap& gap = item.gaps.front();
    const TimeNs now = clock_.monotonic();
    if (!gap.to && now >= first_values_until_) gap.to = clock_.now();
    if (!gap.to) return false;
    const bool is_too_old = gap.pause != 0 && *gap.to <= earliest;
    if (*gap.to > gap.from && !is_too_old) return now >= gap.try_at;
    items_.close_gap(index);
  }
  return false;
}

// Gaps that begin together are asked for together.
void Backfill::choose() {
  const TimeNs earliest = clock_.now() - options_.backfill;
  const auto& all = items_.all();
  std::vector<std::uint32_t> ready;
  TimeNs begin = std::numeric_limits<TimeNs>::max();
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    if (all[i].gaps.empty() || !is_ready(i, earliest)) continue;
    ready.push_back(i);
    begin = std::min(begin, all[i].gaps.front().from);
  }
  if (ready.empty()) return;
  const std::size_t most = std::min(nodes_, services_.sizes().history);
  TimeNs end = std::numeric_limits<TimeNs>::min();
  for (std::size_t k = 0; k < ready.size() && open_.size() < most; ++k) {
    const Gap& gap = all[ready[k]].gaps.front();
    if (gap.from - begin > kSlack) continue;
    open_.push_back({.index = ready[k], .from = gap.from});
    end = std::max(end, *gap.to);
  }
  UA_ReadRawModifiedDetails_init(&details_);
  details_.startTime = to_ua(begin);
  details_.endTime = to_ua(end) + 1;
  details_.numValuesPerNode = items_.history_sizes().values;
}

namespace {

HistoryRequest request_of(UA_ReadRawModifiedDetails& details, std::size_t nodes) {
  HistoryRequest request;
  request->historyReadDetails.encoding = UA_EXTENSIONOBJECT_DECODED_NODELETE;
  request->historyReadDetails.content.decoded = {&UA_TYPES[UA_TYPES_READRAWMODIFIEDDETAILS], &details};
  request->timestampsToReturn = UA_TIMESTAMPSTORETURN_SOURCE;
  request->nodesToRead = make_array<UA_HistoryReadValueId>(nodes, UA_TYPES_HISTORYREADVALUEID);
  request->nodesToReadSize = nodes;
  return request;
}

}  // namespace

// One call for what is open; leaves what there is more of. What is not left but has a gap still is chosen again.
Status Backfill::read_page() {
  HistoryRequest request = request_of(details_, open_.size());
  for (std::size_t i = 0; i < open_.size(); ++i) {
    UA_NodeId_copy(&*items_.all()[open_[i].index].node, &request->nodesToRead[i].nodeId);
    std::swap(*open_[i].point, request->nodesToRead[i].continuationPoint);
  }
  items_.history_sizes().is_asked = true;
  auto response = services_.link().call<HistoryResponse>(request);
  if (response || response.error().code == ErrorCode::kInvalid) items_.history_sizes().is_asked = false;
  if (!response) {
    if (response.error().code != ErrorCode::kInvalid) return core::unexpected(response.error());
    const core::Error why = response.error();
    const UA_StatusCode code = services_.link().last_result();
    for (std::size_t i = 0; i < open_.size(); ++i) {
      std::swap(*open_[i].point, request->nodesToRead[i].continuationPoint);
    }
    if (auto released = release(); !released) return released;
    on_fault(why, code);
    return {};
  }
  const std::size_t asked = open_.size();
  std::vector<Open> rest;
  std::vector<Open> stale;
  bool any_again = false;
  for (std::size_t i = 0; i < asked; ++i) {
    if (i >= (*response)->resultsSize) {
      fail(open_[i].index, "the server gave no result");
      continue;
    }
    const Page page = take(open_[i], (*response)->results[i]);
    any_again = any_again || page == Page::kAgain;
    if (page == Page::kEnd) items_.close_gap(open_[i].index);
    if (page == Page::kMore) {
      rest.push_back(std::move(open_[i]));
    } else if (page == Page::kFailed) {
      stale.push_back(std::move(open_[i]));
    }
  }
  open_ = std::move(stale);
  if (auto released = release(); !released) return released;
  open_ = std::move(rest);
  // After one that spoiled a call was found, there may be more in one again.
  if (!any_again) nodes_ = std::min(nodes_ * 2, items_.history_sizes().nodes);
  return items_.submit_history() ? Status{} : core::unexpected(ErrorCode::kClosed, "the pipeline has stopped");
}

// A fault is of the whole call: too large, or one of its nodes spoils it.
void Backfill::on_fault(const core::Error& why, UA_StatusCode code) {
  const bool is_one_value = open_.size() == 1 && items_.history_sizes().values == 1;
  if ((is_too_large(code) && !is_one_value) || (is_too_many(code) && open_.size() > 1)) {
    if (is_too_many(code)) items_.history_sizes().nodes = std::min(items_.history_sizes().nodes, open_.size());
    ask_for_less(code);
  } else if (open_.size() > 1) {
    nodes_ = open_.size() / 2;
  } else {
    fail(open_.front().index, why.message);
  }
  open_.clear();
}

void Backfill::fail(std::uint32_t index, const std::string& why) {
  Gap& gap = items_.all()[index].gaps.front();
  if (gap.pause == 0) items_.cannot_fill(index, why);
  gap.pause = gap.pause == 0 ? options_.bad_node_retry : std::min(2 * gap.pause, kPauseMax);
  gap.try_at = clock_.monotonic() + gap.pause;
}

// Servers keep few of them; what is left would keep others from being answered.
Status Backfill::release() {
  const auto has_point = [](const Open& each) { return each.point->length != 0; };
  const auto count = static_cast<std::size_t>(std::count_if(open_.begin(), open_.end(), has_point));
  if (count == 0) return {};
  HistoryRequest request = request_of(details_, count);
  request->releaseContinuationPoints = true;
  std::size_t at = 0;
  for (Open& each : open_) {
    if (!has_point(each)) continue;
    UA_NodeId_copy(&*items_.all()[each.index].node, &request->nodesToRead[at].nodeId);
    std::swap(*each.point, request->nodesToRead[at++].continuationPoint);
  }
  const auto response = services_.link().call<HistoryResponse>(request);
  return response || response.error().code == ErrorCode::kInvalid ? Status{} : core::unexpected(response.error());
}

Backfill::Page Backfill::take_status(Open& open, UA_StatusCode code) {
  const bool has_forgotten = code == UA_STATUSCODE_BADCONTINUATIONPOINTINVALID;
  if ((has_forgotten || is_too_many(code) || is_too_large(code)) && open_.size() > 1) {
    nodes_ = std::max<std::size_t>(1, open_.size() / 2);
    return Page::kAgain;
  }
  // From where it has come to, a new question.
  if (has_forgotten && items_.all()[open.index].gaps.front().from > open.from) return Page::kAgain;
  if (is_too_large(code) && items_.history_sizes().values > 1) {
    ask_for_less(code);
    return Page::kAgain;
  }
  fail(open.index, UA_StatusCode_name(code));
  return Page::kFailed;
}

Backfill::Page Backfill::take(Open& open, UA_HistoryReadResult& result) {
  if (core::Quality{result.statusCode}.is_bad()) return take_status(open, result.statusCode);
  std::size_t values = 0;
  std::size_t taken = 0;
  const UA_ExtensionObject& object = result.historyData;
  if (object.encoding == UA_EXTENSIONOBJECT_DECODED && object.content.decoded.type == &UA_TYPES[UA_TYPES_HISTORYDATA]) {
    auto& data = *static_cast<UA_HistoryData*>(object.content.decoded.data);
    values = data.dataValuesSize;
    for (std::size_t i = 0; i < values; ++i) taken += items_.on_history(open.index, data.dataValues[i]) ? 1 : 0;
  }
  if (taken != 0) items_.all()[open.index].gaps.front().pause = 0;
  std::swap(*open.point, result.continuationPoint);
  if (open.point->length == 0) {
    // Some servers forget to say that there is more. All of a page may lie before this node's own gap, where another's
    // begins earlier.
    const bool can_go_on =
        items_.all()[open.index].gaps.front().from > open.from || details_.startTime < to_ua(open.from);
    return values >= details_.numValuesPerNode && can_go_on ? Page::kFull : Page::kEnd;
  }
  // Before the node's own gap, pages may have nothing for it for long.
  const bool is_before = details_.startTime < to_ua(open.from) && taken == 0 && values != 0;
  open.empty_pages = taken == 0 ? open.empty_pages + (is_before ? 1 : kPagesBefore) : 0;
  if (open.empty_pages < kEmptyPages * kPagesBefore) return Page::kMore;
  fail(open.index, "the server goes on without values that were missed");
  return Page::kFailed;
}

}  // namespace millwright::connectors::opcua_detail
