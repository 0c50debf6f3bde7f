#include "connectors/opcua_client_monitor.hpp"

#include <algorithm>
#include <deque>
#include <utility>

#include <fmt/format.h>
#include <open62541/nodeids.h>

#include "core/log.hpp"

namespace millwright::connectors::opcua_detail {
namespace {

using core::ErrorCode;
using core::Status;

constexpr int kRoundsMax = 16;  // of structures within structures

using CreateRequest = Ua<UA_CreateMonitoredItemsRequest, UA_TYPES_CREATEMONITOREDITEMSREQUEST>;
using CreateResponse = Ua<UA_CreateMonitoredItemsResponse, UA_TYPES_CREATEMONITOREDITEMSRESPONSE>;

}  // namespace

struct Monitor::Place {
  NodeId node;
  bool found = false;
  UA_StatusCode refused = UA_STATUSCODE_GOOD;  // what is below it could not be seen, or not all of it
  std::map<std::string, Place*> wanted;        // children by name
  std::vector<std::uint32_t> items;            // those that end here
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
      ->warn("{}: '{}' cannot be subscribed: {}; trying again every {}", item.sensor().path,
             item.sensor().source.address, reason, core::format_duration(options_.bad_node_retry));
}

Status Monitor::know_server() {
  if (knows_server_) return {};
  if (auto learnt = services_.learn_sizes(); !learnt) return learnt;
  knows_server_ = true;
  return {};
}

// Its values come from within Link::resume(), so what they belong to is put right before.
Status Monitor::resume(const std::vector<Subscription>& left) {
  if (left.empty()) return {};
  if (auto known = know_server(); !known) return known;
  std::vector<std::uint32_t> watched;
  for (std::uint32_t i = 0; i < items_.all().size(); ++i) {
    const std::uint32_t id = items_.all()[i].subscription;
    const bool is_left = id != 0 && std::any_of(left.begin(), left.end(), [id](const auto& s) { return s.id == id; });
    if (is_left) watched.push_back(i);
  }
  // Where the server kept less than what came meanwhile, its history may have the rest.
  if (auto prepared = backfill_.prepare(watched); !prepared) return prepared;
  items_.keep_gaps(true);
  const auto resumed = services_.link().resume(left);
  if (!resumed) return core::unexpected(resumed.error());
  for (const std::uint32_t i : watched) {
    Item& item = items_.all()[i];
    item.active = std::find(resumed->begin(), resumed->end(), item.subscription) != resumed->end();
    item.resolved = item.active;
    if (!item.active) item.subscription = 0;
  }
  return {};
}

core::Result<bool> Monitor::replace_dumb() {
  bool any = false;
  while (const auto id = services_.link().dumb()) {
    any = true;
    if (auto ended = services_.link().unsubscribe(*id); !ended) return core::unexpected(ended.error());
    for (Item& item : items_.all()) {
      if (item.subscription != *id) continue;
      item.active = false;
      item.subscription = 0;
      item.first = true;
    }
  }
  if (!any) return false;
  if (auto made = subscribe_missing(); !made) return core::unexpected(made.error());
  return true;
}

Status Monitor::subscribe_missing() {
  if (auto known = know_server(); !known) return known;
  auto namespaces = services_.namespaces();
  if (!namespaces) return core::unexpected(namespaces.error());
  namespaces_ = std::move(*namespaces);
  if (auto forgotten = forget_gone(); !forgotten) return forgotten;
  std::vector<std::uint32_t> missing;
  for (std::uint32_t i = 0; i < items_.all().size(); ++i) {
    if (!items_.all()[i].active) missing.push_back(i);
  }
  const Status made = subscribe(std::move(missing));
  items_.flush_status();
  tell_revised();
  return made;
}

Status Monitor::learn_types() {
  // Each round may find structures within structures.
  for (int round = 0; items_.wants_types() && round < kRoundsMax; ++round) {
    if (auto learnt = learner_.learn(items_.wanted_types()); !learnt) return learnt;
    if (!items_.decide()) return core::unexpected(ErrorCode::kClosed, "the pipeline has stopped");
  }
  return {};
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
  items_.keep_gaps(true);
  for (std::size_t at = 0; at < missing.size();) {
    const std::size_t room = options_.items_per_subscription - in_subscription_ % options_.items_per_subscription;
    const std::size_t n = std::min({services_.sizes().monitor, missing.size() - at, room});
    const auto subscription = subscription_for(n);
    if (!subscription) {
      // A server that takes no more subscriptions keeps those that it has.
      if (subscription.error().code != ErrorCode::kInvalid) return core::unexpected(subscription.error());
      give_up_all(std::span(missing).subspan(at), {services_.link().last_result()});
      return {};
    }
    Refused refused;
    const Status made = monitor(std::span(missing).subspan(at, n), refused);
    if (!made && made.error().code != ErrorCode::kInvalid) return made;
    if (!made && services_.smaller(services_.sizes().monitor)) continue;
    if (!made) give_up_all(std::span(missing).subspan(at, n), {services_.link().last_result()});
    at += n;
    missing.insert(missing.end(), refused.again.begin(), refused.again.end());
    if (refused.too_many.empty()) continue;
    missing.insert(missing.end(), refused.too_many.begin(), refused.too_many.end());
    const bool is_the_servers = in_subscription_ == 0;
    if (auto begun = begin_another(); !begun) return begun;
    if (!is_the_servers) continue;
    // One that has none yet takes none: it is the limit of the session or the server.
    give_up_all(std::span(missing).subspan(at), {UA_STATUSCODE_BADTOOMANYMONITOREDITEMS});
    return {};
  }
  return {};
}

// Leaves the subscription that is full; one that has nothing is not left behind.
Status Monitor::begin_another() {
  const std::uint32_t empty = in_subscription_ == 0 ? subscription_ : 0;
  subscription_ = 0;
  in_subscription_ = 0;
  return empty == 0 ? Status{} : services_.link().unsubscribe(empty);
}

void Monitor::give_up_all(std::span<const std::uint32_t> indices, core::Quality why) {
  std::size_t untold = 0;
  for (const std::uint32_t i : indices) {
    Item& item = items_.all()[i];
    item.problem = why;
    items_.say(i, why);
    untold += std::exchange(item.told, true) ? 0 : 1;
  }
  if (untold == 0) return;
  core::logger("opcua-client")
      ->warn("{} and {} other nodes cannot be subscribed: {}; trying again every {}",
             items_.all()[indices.front()].sensor().path, untold - 1, UA_StatusCode_name(why.code),
             core::format_duration(options_.bad_node_retry));
}

// Nodes that the server says are no more: what watched them is deleted, so that they are looked for anew.
Status Monitor::forget_gone() {
  std::map<std::uint32_t, std::vector<std::uint32_t>> gone;
  for (Item& item : items_.all()) {
    if (!item.gone) continue;
    gone[item.subscription].push_back(item.monitored);
    item.active = false;
    item.gone = false;
    item.first = true;
  }
  for (const auto& [subscription, ids] : gone) {
    Ua<UA_DeleteMonitoredItemsRequest, UA_TYPES_DELETEMONITOREDITEMSREQUEST> request;
    request->subscriptionId = subscription;
    request->monitoredItemIds = make_array<UA_UInt32>(ids.size(), UA_TYPES_UINT32);
    request->monitoredItemIdsSize = ids.size();
    std::copy(ids.begin(), ids.end(), request->monitoredItemIds);
    const auto response =
        services_.link().call<Ua<UA_DeleteMonitoredItemsResponse, UA_TYPES_DELETEMONITOREDITEMSRESPONSE>>(request);
    if (!response && response.error().code != ErrorCode::kInvalid) return core::unexpected(response.error());
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
  // Those above come first.
  for (Place& place : places) {
    for (const auto& [name, child] : place.wanted) {
      if (!child->found) child->refused = place.refused;
    }
    for (const std::uint32_t i : place.items) {
      Item& item = items_.all()[i];
      if (!place.found && place.refused != UA_STATUSCODE_GOOD) item.problem = core::Quality{place.refused};
      if (!place.found) continue;
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
  return services_.browse(
      nodes, {},
      [&](std::size_t i, const UA_ReferenceDescription& reference) {
        for (auto& [name, child] : level[i]->wanted) {
          if (child->found || !is_named(reference, name)) continue;
          UA_NodeId_clear(&*child->node);
          UA_NodeId_copy(&reference.nodeId.nodeId, &*child->node);
          child->found = true;
        }
      },
      [&](std::size_t i, UA_StatusCode why) { level[i]->refused = why; });
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

namespace {

// Nothing is reported that moves less than the dead-band; what changes in status always is (OPC 10000-4, 7.22.2).
void set_dead_band(const DeadBand& band, UA_MonitoringParameters& parameters) {
  auto* filter = UA_DataChangeFilter_new();
  ASSERT(filter != nullptr, "out of memory");
  filter->trigger = UA_DATACHANGETRIGGER_STATUSVALUE;
  filter->deadbandType = band.is_percent ? UA_DEADBANDTYPE_PERCENT : UA_DEADBANDTYPE_ABSOLUTE;
  filter->deadbandValue = band.value;
  UA_ExtensionObject_setValue(&parameters.filter, filter, &UA_TYPES[UA_TYPES_DATACHANGEFILTER]);
}

bool refuses_filter(UA_StatusCode code) {
  return code == UA_STATUSCODE_BADMONITOREDITEMFILTERUNSUPPORTED || code == UA_STATUSCODE_BADFILTERNOTALLOWED ||
         code == UA_STATUSCODE_BADMONITOREDITEMFILTERINVALID || code == UA_STATUSCODE_BADDEADBANDFILTERINVALID;
}

}  // namespace

bool Monitor::go_on_without_dead_band(Item& item, core::Quality why) {
  if (item.dead_band.value <= 0 || item.band_refused || !refuses_filter(why.code)) return false;
  item.band_refused = true;
  if (item.band_told) return true;
  item.band_told = true;
  core::logger("opcua-client")
      ->warn("{}: the server takes no dead-band of {}{} for '{}' ({}){}; every change comes", item.sensor().path,
             item.dead_band.value, item.dead_band.is_percent ? "%" : "", item.address.node_text,
             UA_StatusCode_name(why.code),
             item.dead_band.is_percent ? ": one in percent takes a node with an EURange" : "");
  return true;
}

void Monitor::note_revised(const Item& item, const UA_MonitoredItemCreateResult& made) {
  const auto note = [&](Revised& revised, double asked, double given) {
    if (revised.count++ == 0) revised = {1, item.sensor().path, asked, given};
  };
  // What comes between two publishes has to fit; twice, for a publish that is late.
  const double publishing_s = static_cast<double>(options_.publishing_interval) / core::kSecond;
  const double needed = std::min<double>(item.queue_size, 2 * item.sensor().rate_hz * publishing_s);
  if (made.revisedQueueSize < needed) note(queues_, needed, made.revisedQueueSize);
  const double asked_ms = static_cast<double>(item.sampling_interval) / core::kMillisecond;
  const double given_ms = made.revisedSamplingInterval;
  // Asked for everything, the fastest that a server can is no news, where it is fast enough.
  const double enough_ms = asked_ms > 0 ? asked_ms : 1000 / std::max(item.sensor().rate_hz, 1e-9);
  if (given_ms > enough_ms * 1.001) note(intervals_, enough_ms, given_ms);
}

void Monitor::tell_revised() {
  const auto log = core::logger("opcua-client");
  if (queues_.count != 0) {
    log->warn(
        "{} and {} other nodes: the server keeps only {:.0f} values, {:.0f} may come between two publishes: some "
        "may be lost; give the connector a shorter publishing_interval",
        queues_.example, queues_.count - 1, queues_.given, queues_.asked);
  }
  if (intervals_.count != 0) {
    log->warn(
        "{} and {} other nodes: the server looks only every {:.0f} ms, every {:.0f} ms is wanted: changes in "
        "between are not seen",
        intervals_.example, intervals_.count - 1, intervals_.given, intervals_.asked);
  }
  queues_ = {};
  intervals_ = {};
}

Status Monitor::monitor(std::span<const std::uint32_t> chunk, Refused& refused) {
  CreateRequest request;
  request->subscriptionId = subscription_;
  request->timestampsToReturn = UA_TIMESTAMPSTORETURN_BOTH;
  request->itemsToCreate = make_array<UA_MonitoredItemCreateRequest>(chunk.size(), UA_TYPES_MONITOREDITEMCREATEREQUEST);
  request->itemsToCreateSize = chunk.size();
  for (std::size_t i = 0; i < chunk.size(); ++i) {
    UA_MonitoredItemCreateRequest& each = request->itemsToCreate[i];
    const Item& item = items_.all()[chunk[i]];
    UA_NodeId_copy(&*item.node, &each.itemToMonitor.nodeId);
    each.itemToMonitor.attributeId = UA_ATTRIBUTEID_VALUE;
    each.monitoringMode = UA_MONITORINGMODE_REPORTING;
    each.requestedParameters.clientHandle = chunk[i];
    each.requestedParameters.samplingInterval = static_cast<double>(item.sampling_interval) / core::kMillisecond;
    each.requestedParameters.queueSize = item.queue_size;
    each.requestedParameters.discardOldest = true;
    if (item.dead_band.value > 0 && !item.band_refused) set_dead_band(item.dead_band, each.requestedParameters);
  }
  auto response = services_.link().call<CreateResponse>(request);
  if (!response && services_.link().last_result() == UA_STATUSCODE_BADTOOMANYMONITOREDITEMS) {
    refused.too_many.assign(chunk.begin(), chunk.end());
    return {};
  }
  if (!response) return core::unexpected(response.error());
  for (std::size_t i = 0; i < chunk.size(); ++i) {
    Item& item = items_.all()[chunk[i]];
    const UA_StatusCode code =
        i < (*response)->resultsSize ? (*response)->results[i].statusCode : UA_STATUSCODE_BADUNEXPECTEDERROR;
    if (code != UA_STATUSCODE_GOOD) {
      if (go_on_without_dead_band(item, {code})) {
        refused.again.push_back(chunk[i]);
        continue;
      }
      if (code == UA_STATUSCODE_BADTOOMANYMONITOREDITEMS) {
        refused.too_many.push_back(chunk[i]);
        continue;
      }
      give_up(chunk[i], {code});
      continue;
    }
    item.active = true;
    item.told = false;
    item.subscription = subscription_;
    item.monitored = (*response)->results[i].monitoredItemId;
    note_revised(item, (*response)->results[i]);
    ++in_subscription_;
  }
  return {};
}

}  // namespace millwright::connectors::opcua_detail
