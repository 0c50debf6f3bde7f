#include "connectors/pubsub_chunks.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace millwright::connectors {

using Chunk = protocol::uadp::Message::Chunk;

std::list<PubSubChunks::Open>::iterator PubSubChunks::find(const Chunk& chunk) {
  const auto known = std::find_if(open_.begin(), open_.end(), [&](const Open& open) {
    return open.writer == chunk.writer && open.sequence == chunk.sequence && open.bytes.size() == chunk.total;
  });
  if (known != open_.end()) return known;
  if (open_.size() == kOpenMax) open_.pop_front();
  Open& added = open_.emplace_back();
  added.writer = chunk.writer;
  added.sequence = chunk.sequence;
  added.missing = chunk.total;
  added.bytes.resize(chunk.total);
  return std::prev(open_.end());
}

core::Result<PubSubChunks::Whole> PubSubChunks::take(const Chunk& chunk) {
  if (chunk.total > kTotalMax) {
    return core::unexpected(
        core::ErrorCode::kInvalid,
        fmt::format("chunks of a message of {} bytes; at most {} are taken", chunk.total, kTotalMax));
  }
  const auto open = find(chunk);
  const std::size_t end = chunk.offset + chunk.bytes.size();
  const auto next = open->parts.lower_bound(chunk.offset);
  if (next != open->parts.end() && next->first == chunk.offset && next->second == end) return Whole();  // again
  const bool meets_next = next != open->parts.end() && next->first < end;
  const bool meets_last = next != open->parts.begin() && std::prev(next)->second > chunk.offset;
  if (meets_next || meets_last) {
    return core::unexpected(core::ErrorCode::kInvalid, "chunks that overlap");
  }
  open->parts.emplace(chunk.offset, end);
  std::copy(chunk.bytes.begin(), chunk.bytes.end(), open->bytes.begin() + static_cast<std::ptrdiff_t>(chunk.offset));
  open->missing -= chunk.bytes.size();
  if (open->missing != 0) return Whole();
  Whole whole(std::move(open->bytes));
  open_.erase(open);
  return whole;
}

}  // namespace millwright::connectors
