// Shelf: all that one shard has kept: its journal, with what is new, and its column files, with what is sealed.
#pragma once

#include <memory>

#include "historian/column_store.hpp"
#include "historian/shard_log.hpp"

namespace millwright::historian {

struct Shelf {
  std::unique_ptr<ShardLog> log;
  std::unique_ptr<ColumnStore> store;
};

// Of the journal's closed segments, what is sealed already and only stays because somebody has yet to read it, or
// because no later checkpoint is on disk.
inline std::uint64_t sealed_bytes(const Shelf& shelf) {
  const journal::Sequence sealed = shelf.store->set()->sealed;
  std::uint64_t sum = 0;
  for (const journal::SegmentInfo& segment : shelf.log->journal().segments()) {
    if (!segment.closed || segment.last > sealed) break;
    sum += segment.bytes;
  }
  return sum;
}

}  // namespace millwright::historian
