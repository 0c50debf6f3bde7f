// How a link takes over the subscriptions that a lost one left at the same server (OPC 10000-4, 6.7).

#include <algorithm>

#include "connectors/opcua_client_link.hpp"
#include "connectors/opcua_client_values.hpp"

namespace millwright::connectors::opcua_detail {

using core::ErrorCode;
using core::unexpected;

core::Result<std::vector<std::uint32_t>> Link::resume(const std::vector<Subscription>& left) {
  std::vector<std::uint32_t> resumed;
  if (left.empty()) return resumed;
  Ua<UA_TransferSubscriptionsRequest, UA_TYPES_TRANSFERSUBSCRIPTIONSREQUEST> request;
  request->subscriptionIds = static_cast<UA_UInt32*>(UA_Array_new(left.size(), &UA_TYPES[UA_TYPES_UINT32]));
  ASSERT(request->subscriptionIds != nullptr, "out of memory");
  request->subscriptionIdsSize = left.size();
  for (std::size_t i = 0; i < left.size(); ++i) request->subscriptionIds[i] = left[i].id;
  // What has nothing new says so by its last value.
  request->sendInitialValues = true;
  auto response = call<Ua<UA_TransferSubscriptionsResponse, UA_TYPES_TRANSFERSUBSCRIPTIONSRESPONSE>>(request);
  if (!response && response.error().code != ErrorCode::kInvalid) return unexpected(response.error());
  if (!response) return resumed;  // a server that cannot, or has none of them any more
  // Nothing is published before all that was sent and not received has been asked for: it is older.
  std::vector<Subscription> taken;
  for (std::size_t i = 0; i < std::min(left.size(), (*response)->resultsSize); ++i) {
    const UA_TransferResult& result = (*response)->results[i];
    if (UA_StatusCode_isBad(result.statusCode)) continue;
    Subscription subscription = left[i];
    if (auto republished = republish(subscription, result); !republished) return unexpected(republished.error());
    subscription.last_word = clock_.monotonic();
    // The present values are asked for, so that there is something to say at once.
    subscription.speaks_until = subscription.last_word + core::kSecond / 2 + 4 * options_.publishing_interval;
    taken.push_back(subscription);
    resumed.push_back(subscription.id);
  }
  subscriptions_.insert(subscriptions_.end(), taken.begin(), taken.end());
  settle_publishing();
  return resumed;
}

core::Status Link::republish(Subscription& subscription, const UA_TransferResult& transferred) {
  for (std::size_t i = 0; i < transferred.availableSequenceNumbersSize; ++i) {
    const std::uint32_t sequence = transferred.availableSequenceNumbers[i];
    // Half of the range ahead is behind: that was received, and its acknowledgement lost.
    const bool is_known = sequence - subscription.next_sequence >= 0x80000000U;
    acknowledgements_.push_back({subscription.id, sequence});
    if (is_known) continue;
    Ua<UA_RepublishRequest, UA_TYPES_REPUBLISHREQUEST> request;
    request->subscriptionId = subscription.id;
    request->retransmitSequenceNumber = sequence;
    auto response = call<Ua<UA_RepublishResponse, UA_TYPES_REPUBLISHRESPONSE>>(request);
    if (!response && response.error().code != ErrorCode::kInvalid) return unexpected(response.error());
    if (!response) continue;  // counted as missed with the next message
    sink_.on_missed(sequence - subscription.next_sequence);
    subscription.next_sequence = sequence + 1 == 0 ? 1 : sequence + 1;
    take(subscription, (*response)->notificationMessage);
    if (!lost_.empty()) return unexpected(ErrorCode::kUnavailable, lost_);
  }
  return {};
}

std::optional<std::uint32_t> Link::dumb() const {
  for (const Subscription& each : subscriptions_) {
    if (each.speaks_until != 0 && clock_.monotonic() > each.speaks_until) return each.id;
  }
  return std::nullopt;
}

}  // namespace millwright::connectors::opcua_detail
