#include "forwarding/bulk.hpp"

namespace millwright::forwarding {

Delivery deliver_in_bulk(std::span<const Event> events,
                         const std::function<core::Status(std::span<const Event>)>& send) {
  const auto failure = [](std::size_t delivered, const core::Error& error) {
    return error.code == core::ErrorCode::kInvalid ? Delivery::refused(delivered, error.message)
                                                   : Delivery::retry(delivered, error.message);
  };
  const auto all = send(events);
  if (all) return {events.size(), std::nullopt};
  if (all.error().code != core::ErrorCode::kInvalid || events.size() == 1) return failure(0, all.error());
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (const auto one = send(events.subspan(i, 1)); !one) return failure(i, one.error());
  }
  return {events.size(), std::nullopt};
}

}  // namespace millwright::forwarding
