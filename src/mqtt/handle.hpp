// Handle: a client of libmosquitto, set up and not yet connected. Private to mqtt.
//
// Threads: its owner's.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/result.hpp"
#include "mqtt/options.hpp"
#include "mqtt/presence.hpp"

struct mosquitto;

namespace millwright::mqtt {

struct Destroy {
  void operator()(mosquitto* client) const;
};
using Handle = std::unique_ptr<mosquitto, Destroy>;

enum class Session : std::uint8_t { kClean, kKept };  // whether the broker keeps what it had for this client

// `self` is what libmosquitto gives to the callbacks. Reads the password, names the will.
core::Result<Handle> make_handle(const Options& options, Session session, const Presence& presence, void* self);
// `state` is one of the presence's two; QoS 1. Without a topic or a state nothing is said.
int publish_presence(mosquitto* client, const Presence& presence, const std::string& state);

core::Unexpected failed(const char* what, int code);
std::string describe(int code);
// Why a broker's answer to CONNECT is no.
std::string describe_refusal(const Options& options, int code);

}  // namespace millwright::mqtt
