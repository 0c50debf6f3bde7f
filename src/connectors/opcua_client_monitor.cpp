#include "connectors/opcua_client_monitor.hpp"

#include <algorithm>
#include <deque>

#include <fmt/format.h>
#include <open62541/nodeids.h>

#include "core/log.hpp"

namespace millwright::connectors::opcua_detail {
namespace {

using core::ErrorCode;
using core::Status;

using CreateRequest = Ua<UA_CreateMonitoredItemsRequest, UA_TYPES_CREATEMONITOREDITEMSREQUEST>;
using CreateResponse = Ua<UA_CreateMonitoredItemsResponse, UA_TYPES_CREATEMONITOREDITEMSRESPONSE>;

}  // namespace

struct Monitor::Place {
  NodeId node;
  bool found = false;
  std::map<std::string, Place*> wanted;  // children by name
  std::vector<std::uint32_t> items;      // those that end here
};

void Monitor::give_up(std::uint32_t index, core::Quality why) {
  Item& item = items_.all()[index];
  item.problem = why;
  items_.say(index, why);
  if (item.told) return;
  item.told = true;
  const std::string reason =
      item.address_error.empty() ? std::string(UA_StatusCode_name(why.code)) : item.address_error;
  core::logger("opcua-client")
      ->warn("{}: '{}' cannot be subscribed: {}; trying again every {}", item.sensor->path, item.sensor->source.address,
             reason, core::format_duration(options_.bad_node_retry));
}

Status Monitor::subscribe_missing() {
  if (!knows_server_) {
    if (auto learnt = services_.learn_sizes(); !learnt) return learnt;
    knows_server_ = true;
  }
  auto namespaces = services_.namespaces();
  if (!namespaces) return core::unexpected(namespaces.error());
  namespaces_ = std::move(*namespaces);
  std::vector<std::uint32_t> missing;
  for (std::uint32_t i = 0; i < items_.all().size(); ++i) {
    if (!items_.all()[i].active) missing.push_back(i);
  }
  const Status made = subscribe(std::move(missing));
  items_.flush_status();
  return made;
}

Status Monitor::subscribe(std::vector<std::uint32_t> missing) {
  resolve_ids(missing);
  if (auto resolved = resolve_paths(missing); !resolved) return resolved;
  std::erase_if(missing, [&](std::uint32_t i) {
    const Item& item = items_.all()[i];
    if (!item.resolved) give_up(i, item.problem);
    return !item.resolved;
  });
  if (auto prepared = backfill_.prepare(missing); !prepared) return prepared;
  for (std::size_t at = 0; at < missing.size();) {
    const std::size_t room = options_.items_per_subscription - in_subscription_ % options_.items_per_subscription;
    const std::size_t n = std::min({services_.sizes().monitor, missing.size() - at, room});
    const Status made = monitor(std::span(missing).subspan(at, n));
    if (made) {
      at += n;
    } else if (made.error().code != ErrorCode::kInvalid || !services_.smaller(services_.sizes().monitor)) {
      return made;
    }
  }
  return {};
}

void Monitor::resolve_ids(const std::vector<std::uint32_t>& missing) {
  for (const std::uint32_t i : missing) {
    Item& item = items_.all()[i];
    if (!item.address_error.empty() || !item.address.path.empty()) continue;
    UA_NodeId_clear(&*item.node);
    UA_NodeId_copy(&*item.address.node, &*item.node);
    item.resolved = true;
    if (item.address.namespace_uri.empty()) continue;
    const auto at = std::find(namespaces_.begin(), namespaces_.end(), item.address.namespace_uri);
    item.resolved = at != namespaces_.end();
    item.problem = core::kBadNodeIdUnknown;
    item.node->namespaceIndex = static_cast<UA_UInt16>(at - namespaces_.begin());
  }
}

// All paths together, a level at a time: each node on the way is browsed once.
Status Monitor::resolve_paths(const std::vector<std::uint32_t>& missing) {
  std::deque<Place> places;
  Place& objects = places.emplace_back();
  *objects.node = UA_NODEID_NUMERIC(0, UA_NS0ID_OBJECTSFOLDER);
  objects.found = true;
  for (const std::uint32_t i : missing) {
    Item& item = items_.all()[i];
    if (item.address.path.empty()) continue;
    item.resolved = false;
    item.problem = core::kBadNodeIdUnknown;
    Place* at = &objects;
    for (const std::string& name : item.address.path) {
      Place*& next = at->wanted[name];
      if (next == nullptr) next = &places.emplace_back();
      at = next;
    }
    at->items.push_back(i);
  }
  std::vector<Place*> level{&objects};
  while (!level.empty()) {
    std::vector<Place*> next;
    std::erase_if(level, [](const Place* place) { return place->wanted.empty() || !place->found; });
    if (auto browsed = browse_level(level); !browsed) return browsed;
    for (const Place* place : level) {
      for (const auto& [name, child] : place->wanted) next.push_back(child);
    }
    level = std::move(next);
  }
  for (Place& place : places) {
    if (!place.found) continue;
    for (const std::uint32_t i : place.items) {
      Item& item = items_.all()[i];
      UA_NodeId_clear(&*item.node);
      UA_NodeId_copy(&*place.node, &*item.node);
      item.resolved = true;
    }
  }
  return {};
}

Status Monitor::browse_level(const std::vector<Place*>& level) {
  std::vector<const UA_NodeId*> nodes;
  for (const Place* place : level) nodes.push_back(&*place->node);
  return services_.browse(nodes, 0, [&](std::size_t i, const UA_ReferenceDescription& reference) {
    for (auto& [name, child] : level[i]->wanted) {
      if (child->found || !is_named(reference, name)) continue;
      UA_NodeId_clear(&*child->node);
      UA_NodeId_copy(&reference.nodeId.nodeId, &*child->node);
      child->found = true;
    }
  });
}

core::Result<std::uint32_t> Monitor::subscription_for(std::size_t items) {
  if (subscription_ == 0 || in_subscription_ + items > options_.items_per_subscription) {
    auto made = services_.link().subscribe();
    if (!made) return core::unexpected(made.error().within("creating a subscription"));
    subscription_ = *made;
    in_subscription_ = 0;
  }
  return subscription_;
}

Status Monitor::monitor(std::span<const std::uint32_t> chunk) {
  auto subscription = subscription_for(chunk.size());
  if (!subscription) return core::unexpected(subscription.error());
  CreateRequest request;
  request->subscriptionId = *subscription;
  request->timestampsToReturn = UA_TIMESTAMPSTORETURN_BOTH;
  request->itemsToCreate = make_array<UA_MonitoredItemCreateRequest>(chunk.size(), UA_TYPES_MONITOREDITEMCREATEREQUEST);
  request->itemsToCreateSize = chunk.size();
  for (std::size_t i = 0; i < chunk.size(); ++i) {
    UA_MonitoredItemCreateRequest& each = request->itemsToCreate[i];
    UA_NodeId_copy(&*items_.all()[chunk[i]].node, &each.itemToMonitor.nodeId);
    each.itemToMonitor.attributeId = UA_ATTRIBUTEID_VALUE;
    each.monitoringMode = UA_MONITORINGMODE_REPORTING;
    each.requestedParameters.clientHandle = chunk[i];
    each.requestedParameters.samplingInterval = static_cast<double>(options_.sampling_interval) / core::kMillisecond;
    each.requestedParameters.queueSize = options_.queue_size;
    each.requestedParameters.discardOldest = true;
  }
  auto response = services_.link().call<CreateResponse>(request);
  if (!response) return core::unexpected(response.error());
  for (std::size_t i = 0; i < chunk.size(); ++i) {
    Item& item = items_.all()[chunk[i]];
    const UA_StatusCode code =
        i < (*response)->resultsSize ? (*response)->results[i].statusCode : UA_STATUSCODE_BADUNEXPECTEDERROR;
    if (code != UA_STATUSCODE_GOOD) {
      items_.release(chunk[i]);
      give_up(chunk[i], {code});
      continue;
    }
    item.active = true;
    item.told = false;
    ++in_subscription_;
  }
  return {};
}

}  // namespace millwright::connectors::opcua_detail
