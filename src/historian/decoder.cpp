#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

#include "core/bytes.hpp"
#include "historian/bit_packing.hpp"
#include "historian/codec.hpp"
#include "historian/codec_format.hpp"
#include "historian/decimal.hpp"
#include "historian/integer_stream.hpp"
#include "historian/kernels.hpp"

namespace millwright::historian {

using core::ByteReader;
using core::TimeNs;
using core::ValueType;
using format::Times;
using format::Values;

struct Decoder::Scratch {
  explicit Scratch(const Kernels& use) : kernels(use), reader(use) {}

  const Kernels& kernels;
  IntegerReader reader;
  std::array<TimeNs, core::kMaxBlockReadings> varints;

  void read_times(ByteReader& in, Times way, TimeNs base, DecodedBlock& block);
  void read_steps(ByteReader& in, Times way, TimeNs first, DecodedBlock& block);
  void read_values(ByteReader& in, DecodedBlock& block);
  void read_bools(ByteReader& in, DecodedBlock& block);
  template <typename T>
  void read_integer_values(ByteReader& in, DecodedBlock& block);
  template <typename T>
  void read_decimals(ByteReader& in, DecodedBlock& block);
};

namespace {

void read_quality(ByteReader& in, bool present, DecodedBlock& block) {
  block.quality.clear();
  if (!present) {
    block.quality.push_back({block.count, core::kGood});
    return;
  }
  const std::uint64_t runs = in.varint();
  std::uint64_t left = block.count;
  if (runs == 0 || runs > left) return in.fail();
  for (std::uint64_t i = 0; i < runs; ++i) {
    const std::uint64_t count = in.varint();
    const auto code = in.get<std::uint32_t>();
    if (!in.ok() || count == 0 || count > left) return in.fail();
    left -= count;
    block.quality.push_back({static_cast<std::uint32_t>(count), {code}});
  }
  if (left != 0) in.fail();
}

bool is_float(ValueType type) {
  return type == ValueType::kFloat64 || type == ValueType::kFloat32;
}

template <typename T>
void repeat_as(std::span<const std::byte> one, std::vector<std::byte>& all) {
  T value;
  std::memcpy(&value, one.data(), sizeof(T));
  std::fill_n(reinterpret_cast<T*>(all.data()), all.size() / sizeof(T), value);
}

void repeat(std::span<const std::byte> one, std::vector<std::byte>& all) {
  switch (one.size()) {
    case 8:
      return repeat_as<std::uint64_t>(one, all);
    case 4:
      return repeat_as<std::uint32_t>(one, all);
    default:
      return repeat_as<std::byte>(one, all);
  }
}

// Which ways a type may have been written.
bool allowed(Values way, ValueType type) {
  switch (way) {
    case Values::kPlain:
    case Values::kConstant:
      return true;
    case Values::kBits:
      return type == ValueType::kBool;
    case Values::kInteger:
      return type == ValueType::kInt64 || type == ValueType::kState || type == ValueType::kText;
    case Values::kDecimal:
    case Values::kPattern:
      return is_float(type);
  }
  return false;
}

}  // namespace

core::Block DecodedBlock::view(core::SensorId sensor) {
  core::Block block;
  block.sensor = sensor;
  block.type = type;
  block.count = count;
  block.start = start;
  block.period = period;
  block.received = received;
  block.times = times.empty() ? nullptr : times.data();
  block.values = values.data();
  block.quality = quality.data();
  block.quality_runs = static_cast<std::uint32_t>(quality.size());
  return block;
}

std::uint64_t DecodedBlock::bits(std::uint32_t i) const {
  const std::size_t width = core::width(type);
  std::uint64_t bits = 0;
  std::memcpy(&bits, values.data() + i * width, width);
  return bits;
}

Decoder::Decoder() : Decoder(best_kernels()) {}
Decoder::Decoder(const Kernels& kernels) : scratch_(new Scratch(kernels)) {}
Decoder::~Decoder() = default;

core::Status Decoder::decode(std::span<const std::byte> bytes, TimeNs base, DecodedBlock& block) {
  ByteReader in(bytes);
  const auto header = in.get<std::uint8_t>();
  const std::uint64_t count = in.varint();
  const unsigned type = header & format::kTypeMask;
  const unsigned times = (header & format::kTimesMask) >> format::kTimesShift;
  if (!in.ok() || (header & format::kReserved) != 0 || type >= core::kValueTypeCount ||
      times > static_cast<unsigned>(Times::kVarint) || count == 0 || count > core::kMaxBlockReadings) {
    return core::unexpected(core::ErrorCode::kCorrupt, "not an encoded block: its header is out of range");
  }
  block.type = static_cast<ValueType>(type);
  block.count = static_cast<std::uint32_t>(count);
  scratch_->read_times(in, static_cast<Times>(times), base, block);
  if (in.ok()) read_quality(in, (header & format::kHasQuality) != 0, block);
  if (in.ok()) scratch_->read_values(in, block);
  if (!in.ok() || in.remaining() != 0) {
    return core::unexpected(core::ErrorCode::kCorrupt, "an encoded block does not fit its length or its own counts");
  }
  return {};
}

void Decoder::Scratch::read_times(ByteReader& in, Times way, TimeNs base, DecodedBlock& block) {
  const TimeNs first = wrapping_add(base, in.zigzag());
  block.start = first;
  block.period = 0;
  block.times.clear();
  TimeNs last = first;
  if (way != Times::kRegular) {
    if (block.count < 2) return in.fail();
    read_steps(in, way, first, block);
    if (!in.ok()) return;
    last = block.times.back();
  } else if (block.count > 1) {
    block.period = in.zigzag();
    TimeNs span = 0;
    if (__builtin_mul_overflow(block.period, TimeNs{block.count - 1}, &span) ||
        __builtin_add_overflow(first, span, &last)) {
      return in.fail();
    }
  }
  block.received = wrapping_add(last, in.zigzag());
}

void Decoder::Scratch::read_steps(ByteReader& in, Times way, TimeNs first, DecodedBlock& block) {
  const auto unit = in.get<std::uint8_t>();
  if (unit >= format::kTimeUnits.size()) return in.fail();
  const auto scale = static_cast<std::uint64_t>(format::kTimeUnits[unit]);
  const std::size_t steps = block.count - 1;
  if (way == Times::kPacked) {
    reader.read(in, steps);
  } else {
    TimeNs step = 0;
    for (std::size_t i = 0; i < steps && in.ok(); ++i) {
      step = wrapping_add(step, in.zigzag());
      varints[i] = step;
    }
  }
  if (!in.ok()) return;
  const std::int64_t* integers = way == Times::kPacked ? reader.integers() : varints.data();
  block.times.resize(block.count);
  auto time = static_cast<std::uint64_t>(first);
  block.times[0] = first;
  for (std::size_t i = 0; i < steps; ++i) {
    time += static_cast<std::uint64_t>(integers[i]) * scale;
    block.times[i + 1] = static_cast<TimeNs>(time);
  }
}

void Decoder::Scratch::read_values(ByteReader& in, DecodedBlock& block) {
  const auto way = static_cast<Values>(in.get<std::uint8_t>());
  if (!in.ok() || !allowed(way, block.type)) return in.fail();
  const std::size_t width = core::width(block.type);
  block.values.resize(block.count * width);
  switch (way) {
    case Values::kPlain: {
      const auto plain = in.take_span(block.values.size());
      if (in.ok()) std::memcpy(block.values.data(), plain.data(), plain.size());
      return;
    }
    case Values::kConstant: {
      const auto one = in.take_span(width);
      if (in.ok()) repeat(one, block.values);
      return;
    }
    case Values::kBits:
      return read_bools(in, block);
    case Values::kInteger:
    case Values::kPattern:
      return width == 8 ? read_integer_values<std::int64_t>(in, block) : read_integer_values<std::int32_t>(in, block);
    case Values::kDecimal:
      return width == 8 ? read_decimals<double>(in, block) : read_decimals<float>(in, block);
  }
}

void Decoder::Scratch::read_bools(ByteReader& in, DecodedBlock& block) {
  const auto bits = in.take_span(packed_bytes(block.count, 1));
  if (!in.ok()) return;
  for (std::size_t i = 0; i < block.count; ++i) block.values[i] = (bits[i / 8] >> (i % 8)) & std::byte{1};
}

template <typename T>
void Decoder::Scratch::read_integer_values(ByteReader& in, DecodedBlock& block) {
  reader.read(in, block.count);
  if (!in.ok()) return;
  const std::int64_t* integers = reader.integers();
  auto* values = reinterpret_cast<T*>(block.values.data());
  for (std::size_t i = 0; i < block.count; ++i) values[i] = static_cast<T>(integers[i]);
}

template <typename T>
void Decoder::Scratch::read_decimals(ByteReader& in, DecodedBlock& block) {
  const auto exponent = in.get<std::uint8_t>();
  if (exponent > kMaxExponent) return in.fail();
  reader.read(in, block.count);
  if (!in.ok()) return;
  auto* values = reinterpret_cast<T*>(block.values.data());
  if (!reader.narrow()) {
    if (!unscale(reader.integers(), block.count, exponent, values)) return in.fail();
  } else if constexpr (sizeof(T) == sizeof(float)) {
    kernels.unscale32(reader.offsets(), block.count, reader.frame(), exponent, values);
  } else {
    kernels.unscale64(reader.offsets(), block.count, reader.frame(), exponent, values);
  }
  const std::uint64_t found = in.varint();
  if (found > block.count) return in.fail();
  const auto positions = in.take_span(found * sizeof(std::uint16_t));
  const auto raw = in.take_span(found * sizeof(T));
  if (!in.ok()) return;
  for (std::size_t i = 0; i < found; ++i) {
    std::uint16_t at = 0;
    std::memcpy(&at, positions.data() + i * sizeof(at), sizeof(at));
    if (at >= block.count) return in.fail();
    std::memcpy(values + at, raw.data() + i * sizeof(T), sizeof(T));
  }
}

}  // namespace millwright::historian
