#include "protocol/sparkplug_state.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millwright::protocol::sparkplug {

std::string state_topic(std::string_view host) {
  return fmt::format("spBv1.0/STATE/{}", host);
}

std::string old_state_topic(std::string_view host) {
  return fmt::format("STATE/{}", host);
}

std::string state_payload(bool online, core::TimeNs since) {
  return fmt::format(R"({{"online":{},"timestamp":{}}})", online,
                     core::floor_to(since, core::kMillisecond) / core::kMillisecond);
}

void HostState::take(std::string_view host, std::string_view topic, std::string_view payload) {
  if (topic == old_state_topic(host)) {
    if (payload == kOldOnline || payload == kOldOffline) old_online_ = payload == kOldOnline;
    return;
  }
  if (topic != state_topic(host)) return;
  const auto state = nlohmann::json::parse(payload, nullptr, false);
  if (!state.is_object()) return;
  const auto online = state.find("online");
  if (online == state.end() || !online->is_boolean()) return;
  const auto time = state.find("timestamp");
  const std::int64_t since = time != state.end() && time->is_number_integer() ? time->get<std::int64_t>() : 0;
  if (since < since_) return;  // a will that was told late
  since_ = since;
  online_ = online->get<bool>();
}

void HostState::forget() {
  online_.reset();
  old_online_ = false;
}

}  // namespace millwright::protocol::sparkplug
