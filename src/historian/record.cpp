#include "historian/record.hpp"

#include <cstring>

#include "historian/integer_stream.hpp"

namespace millwright::historian {
namespace {

using core::ByteReader;
using core::ByteWriter;

constexpr std::uint8_t kVersion = 1;

void put_written(ByteWriter& out, const Written& written) {
  out.put(kVersion);
  out.put(written.wall);
  out.put(written.age);
}

Written read_written(ByteReader& in) {
  if (in.get<std::uint8_t>() != kVersion) in.fail();
  Written written;
  written.wall = in.get<core::TimeNs>();
  written.age = in.get<core::DurationNs>();
  return written;
}

void put_extent(ByteWriter& out, const Extent& extent) {
  out.put(extent.low);
  out.put(extent.high);
}

Extent read_extent(ByteReader& in) {
  Extent extent;
  extent.low = in.get<core::TimeNs>();
  extent.high = in.get<core::TimeNs>();
  return extent;
}

void put_lanes(ByteWriter& out, std::span<const Lane> lanes) {
  out.varint(lanes.size());
  for (const Lane& lane : lanes) {
    out.varint(lane.source);
    out.varint(lane.position.epoch);
    out.varint(lane.position.sequence);
  }
}

std::uint32_t read_key(ByteReader& in) {
  const std::uint64_t key = in.varint();
  if (key > UINT32_MAX) in.fail();
  return static_cast<std::uint32_t>(key);
}

void put_last(ByteWriter& out, SeriesKey key, const LastReading& last) {
  out.varint(key);
  out.put(static_cast<std::uint8_t>(last.type));
  out.put(last.time);
  out.zigzag(wrapping_sub(last.received, last.time));
  out.varint(last.quality.code);
  out.raw(&last.bits, core::width(last.type));
}

std::pair<SeriesKey, LastReading> read_last(ByteReader& in) {
  const SeriesKey key = read_key(in);
  LastReading last;
  const auto type = in.get<std::uint8_t>();
  if (type >= core::kValueTypeCount) in.fail();
  if (!in.ok()) return {key, last};
  last.type = static_cast<core::ValueType>(type);
  last.time = in.get<core::TimeNs>();
  last.received = wrapping_add(last.time, in.zigzag());
  last.quality.code = static_cast<std::uint32_t>(in.varint());
  const auto bytes = in.take_span(core::width(last.type));
  if (in.ok()) std::memcpy(&last.bits, bytes.data(), bytes.size());
  last.known = true;
  return {key, last};
}

}  // namespace

void put_data_head(const DataHeader& header, std::span<const Lane> lanes, std::uint32_t blocks,
                   std::vector<std::byte>& bytes) {
  ByteWriter out(bytes);
  put_written(out, header.written);
  put_extent(out, header.times);
  out.put(header.keys.low);
  out.put(header.keys.high);
  put_lanes(out, lanes);
  out.varint(blocks);
}

void put_block(SeriesKey key, std::span<const std::byte> encoded, std::vector<std::byte>& bytes) {
  ByteWriter out(bytes);
  out.varint(key);
  out.varint(encoded.size());
  out.span(encoded);
}

DataReader::DataReader(std::span<const std::byte> payload) : in_(payload) {
  header_.written = read_written(in_);
  header_.times = read_extent(in_);
  header_.keys.low = in_.get<SeriesKey>();
  header_.keys.high = in_.get<SeriesKey>();
}

Lane DataReader::read_lane(ByteReader& in) {
  Lane lane;
  lane.source = read_key(in);
  lane.position.epoch = in.varint();
  lane.position.sequence = in.varint();
  return lane;
}

std::optional<DataReader::EncodedBlock> DataReader::next_block() {
  if (blocks_left_ == 0 || !in_.ok()) return std::nullopt;
  --blocks_left_;
  EncodedBlock block;
  block.key = read_key(in_);
  block.bytes = in_.take_span(in_.varint());
  if (!in_.ok()) return std::nullopt;
  return block;
}

std::vector<std::byte> encode_segment_start(const SegmentStart& start) {
  std::vector<std::byte> bytes;
  ByteWriter out(bytes);
  put_written(out, start.written);
  out.put(start.first);
  out.put(start.last);
  put_extent(out, start.times);
  return bytes;
}

std::optional<SegmentStart> decode_segment_start(const journal::Record& record) {
  if (record.type != kSegmentStartRecord) return std::nullopt;
  ByteReader in(record.payload);
  SegmentStart start;
  start.written = read_written(in);
  start.first = in.get<journal::Sequence>();
  start.last = in.get<journal::Sequence>();
  start.times = read_extent(in);
  return in.ok() ? std::optional(start) : std::nullopt;
}

std::vector<std::byte> encode_checkpoint(const CheckpointPart& part) {
  std::vector<std::byte> bytes;
  ByteWriter out(bytes);
  out.put(kVersion);
  out.varint(part.part);
  out.put(static_cast<std::uint8_t>(part.final ? 1 : 0));
  put_lanes(out, part.lanes);
  out.varint(part.series.size());
  for (const auto& [key, last] : part.series) put_last(out, key, last);
  return bytes;
}

std::optional<CheckpointPart> decode_checkpoint(const journal::Record& record) {
  if (record.type != kCheckpointRecord) return std::nullopt;
  ByteReader in(record.payload);
  if (in.get<std::uint8_t>() != kVersion) return std::nullopt;
  CheckpointPart part;
  part.part = static_cast<std::uint32_t>(in.varint());
  part.final = in.get<std::uint8_t>() != 0;
  for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) {
    part.lanes.push_back(DataReader::read_lane(in));
  }
  for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) part.series.push_back(read_last(in));
  return in.ok() ? std::optional(std::move(part)) : std::nullopt;
}

}  // namespace millwright::historian
