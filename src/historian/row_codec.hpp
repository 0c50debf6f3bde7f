// Row codec: rows of a roll-up tier as bytes and back. Few rows one after the other, many as columns, each through the
// block codec. Format: docs/format/columns.md, "rows".
//
// Threads: one object by one thread at a time. Errors: decode() takes any bytes; what are no rows is kCorrupt.
// Limits: 1 to kRowsMax rows a block. Times of readings are kept to the ns; `start` is a multiple of the tier's width.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/bytes.hpp"
#include "core/result.hpp"
#include "historian/aggregate.hpp"
#include "historian/codec.hpp"

namespace millwright::historian {

inline constexpr std::size_t kRowsMax = 2048;

struct RollupRow {
  Aggregate of;
  // Made from all that was known of the interval, so that rows of older files do not count any more; else it adds to
  // those.
  bool whole = false;
};

class RowCodec {
 public:
  void encode(std::span<const RollupRow> rows, core::DurationNs width, std::vector<std::byte>& out);
  // Appends to `rows`.
  core::Status decode(std::span<const std::byte> bytes, core::DurationNs width, std::vector<RollupRow>& rows);

 private:
  template <typename T>
  void put_column(std::span<const T> values, core::ValueType type, std::vector<std::byte>& out);
  template <typename T>
  bool get_column(core::ByteReader& in, std::size_t count, std::vector<T>& values);
  void encode_columns(std::span<const RollupRow> rows, core::DurationNs width, std::uint8_t flags,
                      std::vector<std::byte>& out);
  void put_sums(std::span<const RollupRow> rows, std::vector<std::byte>& out);
  bool get_sums(core::ByteReader& in, std::size_t count);
  void decode_columns(core::ByteReader& in, core::DurationNs width, std::uint8_t flags, std::span<RollupRow> rows);

  Encoder encoder_;
  Decoder decoder_;
  DecodedBlock block_;
  std::vector<std::byte> one_;
  std::vector<std::int64_t> integers_;
  std::vector<double> doubles_;
  std::vector<float> floats_;
};

}  // namespace millwright::historian
