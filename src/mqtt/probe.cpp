#include "mqtt/probe.hpp"

#include <chrono>

#include "mqtt/subscriber.hpp"

namespace millwright::mqtt {
namespace {

constexpr core::DurationNs kLook = 50 * core::kMillisecond;
constexpr std::size_t kMessagesMax = 100;  // at a time
constexpr std::uint32_t kPayloadMax = 1;   // nobody looks at them

// Why not; "": granted.
std::string refusal_of(Subscriber& subscriber, core::DurationNs timeout) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(timeout);
  while (!subscriber.subscribed()) {
    if (auto received = subscriber.receive(kLook, kMessagesMax); !received) return received.error().message;
    if (!subscriber.subscribed() && std::chrono::steady_clock::now() >= until) return "no answer";
  }
  return {};
}

}  // namespace

core::Result<RefusedFilters> probe_filters(const Options& options, std::span<const std::string> filters) {
  Options own = options;
  own.client_id += "-doctor";
  RefusedFilters refused;
  // One after the other: an answer does not say which filter it is about.
  for (const std::string& filter : filters) {
    auto subscriber = Subscriber::open(
        own, {.filters = {filter}, .payload_bytes_max = kPayloadMax}, {}, [](const Received&) {}, [] { return false; });
    if (!subscriber) return core::unexpected(subscriber.error());
    if (auto why = refusal_of(**subscriber, options.timeout); !why.empty())
      refused.emplace_back(filter, std::move(why));
  }
  return refused;
}

}  // namespace millwright::mqtt
