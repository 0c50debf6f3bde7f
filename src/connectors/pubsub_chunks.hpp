// PubSubChunks: puts together the DataSetMessages that publishers cut into parts (OPC 10000-14, 7.2.4.4.4), in whatever
// order these come.
//
// Threads: one at a time. Limits: kTotalMax bytes a message, kOpenMax messages of which parts are missing: the oldest
// makes room for another. What stays incomplete is lost, and shows as a gap in its writer's sequence numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <vector>

#include "protocol/uadp.hpp"

namespace millwright::connectors {

class PubSubChunks {
 public:
  static constexpr std::size_t kTotalMax = 1 << 20;
  static constexpr std::size_t kOpenMax = 32;

  using Whole = std::optional<std::vector<std::byte>>;
  // The whole message, where this was its last part. kInvalid for a part that does not fit the others, or is of a
  // message that is too long.
  core::Result<Whole> take(const protocol::uadp::Message::Chunk& chunk);

 private:
  struct Open {
    std::uint16_t writer = 0;
    std::uint16_t sequence = 0;
    std::size_t missing = 0;                   // bytes
    std::map<std::size_t, std::size_t> parts;  // that are there: where they begin, where they end
    std::vector<std::byte> bytes;
  };
  std::list<Open>::iterator find(const protocol::uadp::Message::Chunk& chunk);

  std::list<Open> open_;  // the oldest first
};

}  // namespace millwright::connectors
