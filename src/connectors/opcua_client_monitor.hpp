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

#include "connectors/opcua_client_backfill.hpp"
#include "connectors/opcua_client_items.hpp"
#include "connectors/opcua_client_link.hpp"
#include "connectors/opcua_client_services.hpp"

namespace millwright::connectors::opcua_detail {

class Monitor {
 public:
  Monitor(const OpcUaClientOptions& options, Items& items, Link& link, const io::Clock& clock)
      : options_(options),
        items_(items),
        services_(link, options.items_per_call),
        learner_(services_, items.types()),
        backfill_(options, items, services_, clock) {}

  // First: takes over the subscriptions that the connection before has left at the server, with what they watch.
  core::Status resume(const std::vector<Subscription>& left);
  // Makes those anew of which nothing is heard. Whether there were any: the server cannot hand over.
  core::Result<bool> replace_dumb();
  // Subscribes whatever is not yet; call again to retry.
  core::Status subscribe_missing();
  // Structures that values had: what they look like. Values that wait for that are then taken.
  core::Status learn_types();
  // A slice of what those missed, from the server's history.
  core::Status fill_some() { return backfill_.step(); }
  [[nodiscard]] bool is_filling() const { return backfill_.is_busy(); }

 private:
  core::Status know_server();
  core::Status forget_gone();
  core::Status subscribe(std::vector<std::uint32_t> missing);
  struct Place;  // a node on the way of a path
  core::Status resolve_paths(const std::vector<std::uint32_t>& missing);
  core::Status browse_level(const std::vector<Place*>& level);
  void resolve_ids(const std::vector<std::uint32_t>& missing);
  struct Refused {                        // of a call
    std::vector<std::uint32_t> again;     // without a dead-band
    std::vector<std::uint32_t> too_many;  // for the subscription
  };
  core::Status monitor(std::span<const std::uint32_t> chunk, Refused& refused);
  core::Status begin_another();
  void give_up_all(std::span<const std::uint32_t> indices, core::Quality why);
  bool go_on_without_dead_band(Item& item, core::Quality why);
  void note_revised(const Item& item, const UA_MonitoredItemCreateResult& made);
  void tell_revised();
  core::Result<std::uint32_t> subscription_for(std::size_t items);
  void give_up(std::uint32_t index, core::Quality why);

  const OpcUaClientOptions& options_;
  Items& items_;
  Services services_;
  TypeLearner learner_;
  Backfill backfill_;
  bool knows_server_ = false;  // its sizes are learnt
  std::vector<std::string> namespaces_;
  std::uint32_t subscription_ = 0;
  std::size_t in_subscription_ = 0;
  // Where the server keeps less than was asked for, of this connection.
  struct Revised {
    std::size_t count = 0;
    std::string example;
    double asked = 0;
    double given = 0;
  };
  Revised queues_;
  Revised intervals_;
};

}  // namespace millwright::connectors::opcua_detail
