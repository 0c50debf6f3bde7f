// Any bytes as Sparkplug payloads of one node, one after the other: read or refused; what is given out has a name, and
// nothing but births brings a node to life. A chunk is a message type, a length and that many bytes.
#include <cstdint>
#include <string>
#include <string_view>

#include "core/assert.hpp"
#include "protocol/sparkplug.hpp"
#include "protocol/sparkplug_session.hpp"
#include "protocol/sparkplug_structure.hpp"

using namespace millwright::protocol::sparkplug;  // NOLINT: a program of one file

namespace {

class Events final : public SessionEvents {
 public:
  void update(const Update& update) override {
    ASSERT(!update.name.empty(), "a metric without a name");
    const auto check = [&](const Part& part) {
      ASSERT(part.name.starts_with(update.name), "a part of another metric");
    };
    static_cast<void>(for_each_part(update.name, update.metric, update.type, check));
    static_cast<void>(to_text(update.metric, update.type));
  }
  void born(std::string_view, const Payload&) override {}
  void dead(std::string_view) override {}
  void ask_rebirth() override {}
};

// What is written reads back as what was written.
void check_round_trip(const Payload& payload) {
  const std::string bytes = encode(payload);
  const auto back = decode(bytes);
  ASSERT(back && back->sequence == payload.sequence && back->time == payload.time, "another payload");
  ASSERT(back->metrics.size() == payload.metrics.size(), "another number of metrics");
  for (std::size_t i = 0; i < back->metrics.size(); ++i) {
    ASSERT(back->metrics[i].name == payload.metrics[i].name && back->metrics[i].alias == payload.metrics[i].alias,
           "another metric");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  static_cast<void>(parse_topic(rest));
  Events events;
  Session session({}, events);
  for (millwright::core::TimeNs now = 0; rest.size() >= 2; now += millwright::core::kSecond) {
    const auto type = static_cast<MessageType>(static_cast<unsigned char>(rest[0]) % 8);
    const std::size_t length = static_cast<unsigned char>(rest[1]);
    const std::string_view payload = rest.substr(2, length);
    rest.remove_prefix(2 + payload.size());
    const bool before = session.alive();
    static_cast<void>(session.take({.group = "g", .type = type, .node = "n", .device = "d"}, payload, now, now));
    if (const auto read = decode(payload)) check_round_trip(*read);
    ASSERT(before || !session.alive() || type == MessageType::kNBirth, "alive without a birth");
    session.tick(now);
  }
  return 0;
}
