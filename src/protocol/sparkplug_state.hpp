// Where a Sparkplug host says whether it is there, and how: `spBv1.0/STATE/<host>` with JSON (3.0, chapter 6.4.1), and
// `STATE/<host>` with ONLINE or OFFLINE, as hosts of 2.2 do.
//
// Threads: functions are pure; a HostState is one thread's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/time.hpp"

namespace millwright::protocol::sparkplug {

inline constexpr std::string_view kOldOnline = "ONLINE";
inline constexpr std::string_view kOldOffline = "OFFLINE";

std::string state_topic(std::string_view host);
std::string old_state_topic(std::string_view host);
// Of 3.0. Will and birth have the same `since`.
std::string state_payload(bool online, core::TimeNs since);

// What an edge node knows of its host. A host that speaks 3.0 is believed in that alone; what it once said in 2.2 may
// be left over, for there is one will a connection.
class HostState {
 public:
  // A message of any topic.
  void take(std::string_view host, std::string_view topic, std::string_view payload);
  // The connection is a new one. When the host last spoke stays known.
  void forget();
  [[nodiscard]] bool online() const { return online_.value_or(old_online_); }

 private:
  std::optional<bool> online_;  // as 3.0 says
  bool old_online_ = false;     // as 2.2 says
  std::int64_t since_ = 0;      // ms, as the host says it
};

}  // namespace millwright::protocol::sparkplug
