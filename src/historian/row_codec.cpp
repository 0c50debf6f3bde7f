#include "historian/row_codec.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "core/bytes.hpp"

namespace millwright::historian {
namespace {

using core::ByteReader;
using core::ByteWriter;
using core::DurationNs;
using core::ValueType;

// The first byte: how the rows are written, then flags.
constexpr std::uint8_t kColumns = 0x01;      // else one row after the other
constexpr std::uint8_t kFloat32 = 0x02;      // min, max, first and last are float32
constexpr std::uint8_t kHeldFollows = 0x04;  // `held` is not written: it follows from the others
constexpr std::uint8_t kSingle = 0x08;       // no row has more than one reading: one value says all
constexpr std::uint8_t kSquares32 = 0x10;    // squares are float32
constexpr std::uint8_t kKnownFlags = kColumns | kFloat32 | kHeldFollows | kSingle | kSquares32;

constexpr std::size_t kFewRows = 8;
constexpr double kSeconds = 1e-9;
constexpr unsigned kNoScale = 0xFF;
constexpr int kScaleMax = 60;
constexpr double kExactInteger = 0x1p53;

// The doubles of a row that are values of readings, and so float32 where those are.
constexpr std::array<double Aggregate::*, 4> kValues{&Aggregate::min, &Aggregate::max, &Aggregate::first,
                                                     &Aggregate::last};

bool all_float32(std::span<const RollupRow> rows) {
  return std::all_of(rows.begin(), rows.end(), [](const RollupRow& row) {
    return std::all_of(kValues.begin(), kValues.end(), [&](double Aggregate::*value) {
      const double wide = row.of.*value;
      return std::abs(wide) <= 3.4e38 && static_cast<double>(static_cast<float>(wide)) == wide;
    });
  });
}

// Of readings that are float32 themselves a deviation need not be known better. Far from the ends of what a float32 is.
bool squares_fit(std::span<const RollupRow> rows) {
  return std::all_of(rows.begin(), rows.end(), [](const RollupRow& row) {
    return row.of.squares == 0 || (row.of.squares > 1e-30 && row.of.squares < 1e30);
  });
}

// What `held` is where the readings are evenly spaced.
double even_held(const Aggregate& a) {
  DurationNs span = 0;
  if (a.count < 2 || __builtin_sub_overflow(a.last_time, a.first_time, &span)) return 0;
  return (a.sum - a.last) * (static_cast<double>(span) * kSeconds / static_cast<double>(a.count - 1));
}

bool held_follows(std::span<const RollupRow> rows) {
  constexpr double kClose = 1e-12;
  return std::all_of(rows.begin(), rows.end(), [](const RollupRow& row) {
    const double even = even_held(row.of);
    return std::abs(even - row.of.held) <= kClose * std::abs(row.of.held);
  });
}

bool all_single(std::span<const RollupRow> rows) {
  return std::all_of(rows.begin(), rows.end(), [](const RollupRow& row) { return row.of.count <= 1; });
}

std::uint64_t count_and_whole(const RollupRow& row) {
  return row.of.count << 1 | (row.whole ? 1 : 0);
}
void set_count_and_whole(RollupRow& row, std::uint64_t both) {
  row.of.count = both >> 1;
  row.whole = (both & 1) != 0;
}

void put_row(const RollupRow& row, DurationNs width, std::uint8_t flags, core::TimeNs& before, ByteWriter& out) {
  const Aggregate& a = row.of;
  const std::int64_t index = a.start / width;
  out.zigzag(index - before);
  before = index;
  out.varint(count_and_whole(row));
  out.varint(a.bad_count);
  if (a.count == 0) return;
  out.zigzag(a.first_time - a.start);
  out.zigzag(a.last_time - a.first_time);
  for (double Aggregate::*const value : kValues) {
    if ((flags & kFloat32) != 0) {
      out.put(static_cast<float>(a.*value));
    } else {
      out.put(a.*value);
    }
  }
  if (a.count == 1) return;  // the rest follows
  out.put(a.sum);
  if ((flags & kSquares32) != 0) {
    out.put(static_cast<float>(a.squares));
  } else {
    out.put(a.squares);
  }
  if ((flags & kHeldFollows) == 0) out.put(a.held);
}

RollupRow get_row(ByteReader& in, DurationNs width, std::uint8_t flags, core::TimeNs& before) {
  RollupRow row;
  Aggregate& a = row.of;
  if (__builtin_add_overflow(before, in.zigzag(), &before) || __builtin_mul_overflow(before, width, &a.start))
    in.fail();
  set_count_and_whole(row, in.varint());
  a.bad_count = in.varint();
  if (!in.ok() || a.count == 0) return row;
  if (__builtin_add_overflow(a.start, in.zigzag(), &a.first_time) ||
      __builtin_add_overflow(a.first_time, in.zigzag(), &a.last_time)) {
    in.fail();
  }
  for (double Aggregate::*const value : kValues) {
    a.*value = (flags & kFloat32) != 0 ? static_cast<double>(in.get<float>()) : in.get<double>();
  }
  if (a.count == 1) {
    a.sum = a.first;
    return row;
  }
  a.sum = in.get<double>();
  a.squares = (flags & kSquares32) != 0 ? static_cast<double>(in.get<float>()) : in.get<double>();
  a.held = (flags & kHeldFollows) == 0 ? in.get<double>() : even_held(a);
  return row;
}

}  // namespace

void RowCodec::encode(std::span<const RollupRow> rows, DurationNs width, std::vector<std::byte>& bytes) {
  ASSERT(!rows.empty() && rows.size() <= kRowsMax, "a block of 1 to 2048 rows");
  ByteWriter out(bytes);
  const bool narrow = all_float32(rows);
  const auto flags = static_cast<std::uint8_t>(
      (rows.size() > kFewRows ? kColumns : 0) | (narrow ? kFloat32 : 0) | (held_follows(rows) ? kHeldFollows : 0) |
      (all_single(rows) ? kSingle : 0) | (narrow && squares_fit(rows) ? kSquares32 : 0));
  out.put(flags);
  out.varint(rows.size());
  if ((flags & kColumns) != 0) return encode_columns(rows, width, flags, bytes);
  core::TimeNs before = 0;
  for (const RollupRow& row : rows) put_row(row, width, flags, before, out);
}

core::Status RowCodec::decode(std::span<const std::byte> bytes, DurationNs width, std::vector<RollupRow>& rows) {
  ByteReader in(bytes);
  const auto flags = in.get<std::uint8_t>();
  const std::uint64_t count = in.varint();
  const std::size_t had = rows.size();
  if (in.ok() && (flags & ~kKnownFlags) == 0 && count >= 1 && count <= kRowsMax) {
    if ((flags & kColumns) != 0) {
      rows.resize(had + count);
      decode_columns(in, width, flags, std::span(rows).subspan(had));
    } else {
      core::TimeNs before = 0;
      for (std::uint64_t i = 0; i < count && in.ok(); ++i) rows.push_back(get_row(in, width, flags, before));
    }
    if (in.ok() && in.remaining() == 0) return {};
  }
  rows.resize(had);
  return core::unexpected(core::ErrorCode::kCorrupt, "not rows of a roll-up: counts or lengths do not fit");
}

// ---- columns --------------------------------------------------------------------------------------------------------

template <typename T>
void RowCodec::put_column(std::span<const T> values, ValueType type, std::vector<std::byte>& out) {
  core::QualityRun run{static_cast<std::uint32_t>(values.size()), core::kGood};
  core::Block block;
  block.type = type;
  block.count = run.count;
  block.values = const_cast<std::byte*>(reinterpret_cast<const std::byte*>(values.data()));
  block.quality = &run;
  block.quality_runs = 1;
  one_.clear();
  encoder_.encode(block, 0, one_);
  ByteWriter writer(out);
  writer.varint(one_.size());
  writer.span(one_);
}

template <typename T>
bool RowCodec::get_column(ByteReader& in, std::size_t count, std::vector<T>& values) {
  const auto bytes = in.take_span(in.varint());
  if (!in.ok() || !decoder_.decode(bytes, 0, block_) || block_.count != count ||
      block_.values.size() != count * sizeof(T)) {
    in.fail();
    return false;
  }
  values.resize(count);
  std::memcpy(values.data(), block_.values.data(), block_.values.size());
  return true;
}

void RowCodec::encode_columns(std::span<const RollupRow> rows, DurationNs width, std::uint8_t flags,
                              std::vector<std::byte>& out) {
  const auto integers = [&](auto&& of) {
    integers_.clear();
    for (const RollupRow& row : rows) integers_.push_back(static_cast<std::int64_t>(of(row)));
    put_column<std::int64_t>(integers_, ValueType::kInt64, out);
  };
  integers([&](const RollupRow& row) { return row.of.start / width; });
  integers([](const RollupRow& row) { return count_and_whole(row); });
  integers([](const RollupRow& row) { return row.of.bad_count; });
  integers([](const RollupRow& row) { return row.of.count == 0 ? 0 : row.of.first_time - row.of.start; });
  integers([](const RollupRow& row) { return row.of.count == 0 ? 0 : row.of.last_time - row.of.first_time; });
  const auto reals = [&](double Aggregate::*value, bool narrow) {
    doubles_.clear();
    floats_.clear();
    for (const RollupRow& row : rows) {
      narrow ? floats_.push_back(static_cast<float>(row.of.*value)) : doubles_.push_back(row.of.*value);
    }
    narrow ? put_column<float>(floats_, ValueType::kFloat32, out)
           : put_column<double>(doubles_, ValueType::kFloat64, out);
  };
  const bool single = (flags & kSingle) != 0;
  for (double Aggregate::*const value : std::span(kValues).first(single ? 1 : kValues.size())) {
    reals(value, (flags & kFloat32) != 0);
  }
  if (single) return;
  put_sums(rows, out);
  reals(&Aggregate::squares, (flags & kSquares32) != 0);
  if ((flags & kHeldFollows) == 0) reals(&Aggregate::held, false);
}

// Sums of float32 are whole multiples of a power of two, and as integers far shorter than as doubles.
void RowCodec::put_sums(std::span<const RollupRow> rows, std::vector<std::byte>& bytes) {
  int scale = 0;
  double unit = 1;
  bool exact = true;
  for (const RollupRow& row : rows) {
    while (exact && row.of.sum * unit != std::nearbyint(row.of.sum * unit)) {
      ++scale;
      unit *= 2;
      exact = scale <= kScaleMax;
    }
  }
  for (const RollupRow& row : rows) exact = exact && std::abs(row.of.sum * unit) < kExactInteger;
  ByteWriter out(bytes);
  out.put(static_cast<std::uint8_t>(exact ? static_cast<unsigned>(scale) : kNoScale));
  if (exact) {
    integers_.clear();
    for (const RollupRow& row : rows) integers_.push_back(static_cast<std::int64_t>(row.of.sum * unit));
    put_column<std::int64_t>(integers_, ValueType::kInt64, bytes);
  } else {
    doubles_.clear();
    for (const RollupRow& row : rows) doubles_.push_back(row.of.sum);
    put_column<double>(doubles_, ValueType::kFloat64, bytes);
  }
}

bool RowCodec::get_sums(ByteReader& in, std::size_t count) {
  const auto scale = in.get<std::uint8_t>();
  if (scale == kNoScale) return get_column(in, count, doubles_);
  if (scale > kScaleMax || !get_column(in, count, integers_)) {
    in.fail();
    return false;
  }
  doubles_.resize(count);
  const double unit = std::ldexp(1.0, -scale);
  for (std::size_t i = 0; i < count; ++i) doubles_[i] = static_cast<double>(integers_[i]) * unit;
  return true;
}

void RowCodec::decode_columns(ByteReader& in, DurationNs width, std::uint8_t flags, std::span<RollupRow> rows) {
  const auto column = [&]<typename T>(std::vector<T>& values, auto&& set) {
    if (!get_column(in, rows.size(), values)) return;
    for (std::size_t i = 0; i < rows.size(); ++i) set(rows[i], values[i]);
  };
  column(integers_, [&](RollupRow& row, std::int64_t v) {
    if (__builtin_mul_overflow(v, width, &row.of.start)) in.fail();
  });
  column(integers_, [](RollupRow& row, std::int64_t v) { set_count_and_whole(row, static_cast<std::uint64_t>(v)); });
  column(integers_, [](RollupRow& row, std::int64_t v) { row.of.bad_count = static_cast<std::uint64_t>(v); });
  column(integers_, [&](RollupRow& row, std::int64_t v) {
    if (row.of.count != 0 && __builtin_add_overflow(row.of.start, v, &row.of.first_time)) in.fail();
  });
  column(integers_, [&](RollupRow& row, std::int64_t v) {
    if (row.of.count != 0 && __builtin_add_overflow(row.of.first_time, v, &row.of.last_time)) in.fail();
  });
  const auto reals = [&](double Aggregate::*value, bool narrow) {
    const auto set = [&](RollupRow& row, auto v) { row.of.*value = static_cast<double>(v); };
    narrow ? column(floats_, set) : column(doubles_, set);
  };
  const bool single = (flags & kSingle) != 0;
  for (double Aggregate::*const value : std::span(kValues).first(single ? 1 : kValues.size())) {
    reals(value, (flags & kFloat32) != 0);
  }
  if (single) {
    for (RollupRow& row : rows) row.of.sum = row.of.max = row.of.first = row.of.last = row.of.min;
    return;
  }
  get_sums(in, rows.size());
  for (std::size_t i = 0; in.ok() && i < rows.size(); ++i) rows[i].of.sum = doubles_[i];
  reals(&Aggregate::squares, (flags & kSquares32) != 0);
  if ((flags & kHeldFollows) == 0) {
    reals(&Aggregate::held, false);
  } else {
    for (RollupRow& row : rows) row.of.held = even_held(row.of);
  }
}

}  // namespace millwright::historian
