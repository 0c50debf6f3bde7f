// Makes the monitored items of one connection: finds each sensor's node and subscribes to it, in chunks. A node that is
// not there keeps no other from being subscribed.
//
// Threads: the connector's own. Errors: only those that end the connection.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "connectors/opcua_client_items.hpp"
#include "connectors/opcua_client_link.hpp"

namespace millwright::connectors::opcua_detail {

class Monitor {
 public:
  Monitor(const OpcUaClientOptions& options, Items& items, Link& link)
      : options_(options), items_(items), link_(link), per_call_(options.items_per_call) {}

  // Subscribes whatever is not yet; call again to retry.
  core::Status subscribe_missing();

 private:
  core::Status subscribe(std::vector<std::uint32_t> missing);
  struct Place;  // a node on the way of a path
  core::Status read_namespaces();
  core::Status resolve_paths(const std::vector<std::uint32_t>& missing);
  core::Status browse_level(const std::vector<Place*>& level);
  core::Status take_children(Place& place, UA_BrowseResult& result);
  void resolve_ids(const std::vector<std::uint32_t>& missing);
  core::Status monitor(std::span<const std::uint32_t> chunk);
  core::Result<std::uint32_t> subscription_for(std::size_t items);
  void give_up(std::uint32_t index, core::Quality why);
  // Whether the last refused call is to be tried again with fewer operations.
  bool smaller_calls();

  const OpcUaClientOptions& options_;
  Items& items_;
  Link& link_;
  std::size_t per_call_;
  std::vector<std::string> namespaces_;
  std::uint32_t subscription_ = 0;
  std::size_t in_subscription_ = 0;
};

}  // namespace millwright::connectors::opcua_detail
