// A peer that is gone without a word (a pulled cable, a host without power) answers nothing: the operating system finds
// that out by itself where it is asked to. From then on every call on the socket fails.
//
// Threads: any. Units: ns. Errors: none that count: what the system does not take stays as it was.
#pragma once

#include "core/time.hpp"

namespace millwright::io {

inline constexpr core::DurationNs kDeadAfter = 5 * core::kSecond;

// On a TCP socket: it fails once nothing has been acknowledged for `after`, be it that something was sent or not.
void notice_dead_peer(int socket, core::DurationNs after = kDeadAfter);

}  // namespace millwright::io
