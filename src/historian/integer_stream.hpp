// Integer stream: a run of 64-bit integers, bit-packed in one width, either as distances from the least (frame of
// reference) or as differences between neighbours, with the few that are far off apart (patches); or as a dictionary,
// or as runs: whatever a sample suggests and then turns out shorter. A part of the block format (codec.md). Patches are
// after M. Zukowski et al., "Super-Scalar RAM-CPU Cache Compression", ICDE 2006.
//
// Threads: one writer or reader by one thread at a time; neither allocates. All arithmetic wraps, so that any integers
// go through. Limits: core::kMaxBlockReadings integers.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "core/block.hpp"
#include "core/bytes.hpp"
#include "historian/bit_packing.hpp"
#include "historian/integer_format.hpp"
#include "historian/kernels.hpp"

namespace millwright::historian {

constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::size_t varint_bytes(std::uint64_t value) {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}
constexpr std::int64_t wrapping_sub(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
constexpr std::int64_t wrapping_add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

// Writes into memory whose owner has made sure that it is long enough.
class Cursor {
 public:
  explicit Cursor(std::byte* at) : at_(at) {}
  template <typename T>
  void put(T value) {
    std::memcpy(at_, &value, sizeof(T));
    at_ += sizeof(T);
  }
  void varint(std::uint64_t value) {
    while (value >= 0x80) {
      put(static_cast<std::uint8_t>(value | 0x80));
      value >>= 7;
    }
    put(static_cast<std::uint8_t>(value));
  }
  void raw(const void* from, std::size_t n) {
    std::memcpy(at_, from, n);
    at_ += n;
  }
  void skip(std::size_t n) { at_ += n; }
  [[nodiscard]] std::byte* at() const { return at_; }

 private:
  std::byte* at_;
};

// How a run is best written.
struct IntegerPlan {
  enum class Kind : std::uint8_t { kPacked, kDictionary, kRuns };
  Kind kind = Kind::kPacked;
  bool delta = false;
  bool patched = false;
  unsigned width = 0;
  std::int64_t first = 0;  // of the values, where delta
  std::int64_t low = 0;    // the least value, or the least difference; where patched, some value near
  std::size_t bytes = 0;   // that it will take; about, where patched
};

// Plans, then writes. A plan of a dictionary or of runs is kept here: write() must follow before the next plan().
class IntegerWriter {
 public:
  explicit IntegerWriter(const Kernels& kernels) : kernels_(kernels) {}

  // A first look takes so many values.
  static constexpr std::size_t kGlance = 16;
  using Sample = std::array<std::int64_t, kGlance>;

  IntegerPlan plan(std::span<const std::int64_t> values);
  // `extents` are those of the values, which lie less than kNarrowSpread apart.
  static constexpr std::uint32_t kNarrowSpread = 1U << 28;  // so that offsets of steps fit 32 bits as well
  IntegerPlan plan(std::span<const std::int32_t> values, const Extents& extents);
  // Scribbles over up to kPackSlack bytes behind what it writes.
  template <typename Int>
  void write(const IntegerPlan& plan, std::span<const Int> values, Cursor& out);

 private:
  static constexpr std::size_t kRoom = core::kMaxBlockReadings + kPackGroup;
  static constexpr unsigned kSlotBits = 16;  // so many that two values seldom share a slot
  template <typename Int>
  void improve(std::span<const Int> values, IntegerPlan& plan);
  template <typename Int>
  void try_patches(std::span<const Int> values, bool delta, Sample sorted, IntegerPlan& plan);
  template <typename Int>
  FarCounts count_far(std::span<const Int> values, bool delta, std::int64_t middle, unsigned bits);
  static std::size_t slot_of(std::int64_t value, std::uint64_t factor);
  template <typename Int>
  bool find_entries(std::span<const Int> values, std::uint64_t factor);
  template <typename Int>
  void try_dictionary(std::span<const Int> values, IntegerPlan& plan);
  template <typename Int>
  void try_runs(std::span<const Int> values, IntegerPlan& plan);
  template <typename Int>
  void write_packed(const IntegerPlan& plan, std::span<const Int> values, Cursor& out);
  template <typename Int>
  void write_patches(const IntegerPlan& plan, std::span<const Int> values, Cursor& out);
  template <typename Int>
  std::size_t find_outside(std::span<const Int> values, const IntegerPlan& plan);
  template <typename Int>
  void write_part(std::span<const Int> values, Cursor& out);

  // What is as wide as the integers themselves.
  template <typename Int>
  struct Parts {
    std::array<Int, format::kMaxDictionary> entries;
    std::array<Int, kRoom> levels;
    std::array<Int, kRoom> patches;
  };
  template <typename Int>
  Parts<Int>& parts() {
    if constexpr (sizeof(Int) == sizeof(std::int32_t))
      return narrow_;
    else
      return wide_;
  }
  [[nodiscard]] std::span<const std::int32_t> lengths() const { return {lengths_.data(), runs_}; }

  const Kernels& kernels_;
  // The dictionary or the runs of the plan in hand.
  std::size_t entries_count_ = 0;
  std::size_t runs_ = 0;
  Parts<std::int32_t> narrow_;
  Parts<std::int64_t> wide_;
  std::array<std::uint8_t, std::size_t{1} << kSlotBits> slots_{};
  std::array<std::uint16_t, format::kMaxDictionary> entry_slots_;
  std::array<std::int32_t, kRoom> indices_;
  std::array<std::int32_t, kRoom> lengths_;
  std::array<std::uint16_t, kRoom> patch_at_;
  std::array<std::int32_t, kRoom> positions_;
  std::array<std::uint64_t, kRoom> offsets_;
};

// Reads a stream into one of two forms: 32-bit offsets with their frame, which kernels take on, or 64-bit integers.
class IntegerReader {
 public:
  explicit IntegerReader(const Kernels& kernels) : kernels_(kernels) {}

  // On failure `in` fails, and what is held is rubbish.
  void read(core::ByteReader& in, std::size_t count);
  [[nodiscard]] bool narrow() const { return narrow_; }
  [[nodiscard]] const Frame& frame() const { return frame_; }
  [[nodiscard]] const std::uint32_t* offsets() const { return offsets_.data(); }
  // The integers themselves, whatever the form.
  const std::int64_t* integers();

 private:
  static constexpr std::size_t kRoom = core::kMaxBlockReadings + kPackGroup + 1;
  struct Head;
  // Integers that others are made of, in one of two forms.
  struct Part {
    bool narrow = false;
    std::array<std::int32_t, kRoom> values{};
    std::array<std::int64_t, kRoom> wide{};

    [[nodiscard]] std::int64_t at(std::size_t i) const { return narrow ? values[i] : wide[i]; }
  };
  bool read_head(core::ByteReader& in, std::uint8_t tag, std::size_t count, Head& head);
  [[nodiscard]] std::uint32_t reach_of(const Head& head) const;
  Frame unpack_narrow(const Head& head, std::uint32_t reach, std::uint32_t* out) const;
  void unpack_wide(const Head& head, std::int64_t* out) const;
  void unpack_part(const Head& head, Part& part);
  void read_plain(core::ByteReader& in, std::size_t count, Part& part);
  void read_part(core::ByteReader& in, std::size_t count, Part& part);
  void read_dictionary(core::ByteReader& in);
  void read_runs(core::ByteReader& in);
  void take_form(const Part& part, std::size_t n);

  const Kernels& kernels_;
  std::size_t count_ = 0;
  bool narrow_ = false;
  Frame frame_;
  std::array<std::uint32_t, kRoom> offsets_;
  std::array<std::int64_t, kRoom> integers_;
  std::array<std::uint32_t, kRoom> part_offsets_;
  Part part_a_;
  Part part_b_;
  Part patch_at_;
  Part patches_;
};

}  // namespace millwright::historian
