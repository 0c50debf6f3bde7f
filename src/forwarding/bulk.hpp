// Delivery to a receiver that takes many events at once, all of them or none.
//
// Threads: the lane's.
#pragma once

#include <functional>
#include <span>

#include "forwarding/transport.hpp"

namespace millwright::forwarding {

// `send` gives kInvalid where the receiver will never take what it was given; any other error is worth another try.
// What was refused together goes again one by one, so that one bad event holds up no other.
Delivery deliver_in_bulk(std::span<const Event> events,
                         const std::function<core::Status(std::span<const Event>)>& send);

}  // namespace millwright::forwarding
