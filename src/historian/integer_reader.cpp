#include <algorithm>
#include <cstdlib>
#include <limits>
#include <type_traits>

#include "historian/integer_format.hpp"
#include "historian/integer_stream.hpp"

namespace millwright::historian {
namespace {

constexpr std::int64_t kNarrowMax = std::numeric_limits<std::int32_t>::max();
constexpr std::uint32_t kNotNarrow = std::numeric_limits<std::uint32_t>::max();

bool is_narrow(std::int64_t value) {
  return value >= std::numeric_limits<std::int32_t>::min() && value <= kNarrowMax;
}

}  // namespace

// A packed stream up to its bits; its patches are in the reader.
struct IntegerReader::Head {
  std::size_t count = 0;
  bool delta = false;
  unsigned width = 0;
  std::int64_t first = 0;
  std::int64_t low = 0;
  std::size_t patches = 0;
  std::span<const std::byte> bits = {};

  [[nodiscard]] std::size_t packed() const { return delta ? count - 1 : count; }
};

bool IntegerReader::read_head(core::ByteReader& in, std::uint8_t tag, std::size_t count, Head& head) {
  const unsigned kind = tag & ~format::kDeltaFlag & 0xFFU;
  const bool patched = kind >= format::kPatched;
  head = {.count = count, .delta = (tag & format::kDeltaFlag) != 0, .width = patched ? kind - format::kPatched : kind};
  if (head.delta) head.first = in.zigzag();
  head.low = in.zigzag();
  if (patched) {
    const std::uint64_t patches = in.varint();
    if (head.width > format::kMaxPatchedWidth || patches == 0 || patches > head.packed()) in.fail();
    if (in.ok()) read_plain(in, patches, patch_at_);
    if (in.ok()) read_plain(in, patches, patches_);
    if (!in.ok() || !patch_at_.narrow) {
      in.fail();
      return false;
    }
    head.patches = patches;
    for (std::size_t i = 0; i < patches; ++i) {
      if (static_cast<std::uint32_t>(patch_at_.values[i]) >= head.packed()) in.fail();
    }
  }
  head.bits = in.take_span(packed_bytes(head.packed(), head.width));
  return in.ok();
}

void IntegerReader::read(core::ByteReader& in, std::size_t count) {
  count_ = count;
  narrow_ = false;
  if (count == 0) return;
  const auto tag = in.get<std::uint8_t>();
  if (tag == format::kDictionary) return read_dictionary(in);
  if (tag == format::kRuns) return read_runs(in);
  Head head;
  if (!in.ok() || !read_head(in, tag, count, head)) return in.fail();
  const std::uint32_t reach = reach_of(head);
  narrow_ = reach != kNotNarrow;
  if (narrow_) {
    frame_ = unpack_narrow(head, reach, offsets_.data());
  } else {
    unpack_wide(head, integers_.data());
  }
}

// How far from 0 an integer may lie, differences added up; kNotNarrow where a sum on the way could leave 32 bits.
std::uint32_t IntegerReader::reach_of(const Head& head) const {
  if (head.width > 31 || !is_narrow(head.low) || !is_narrow(head.first)) return kNotNarrow;
  const std::int64_t top = head.low + static_cast<std::int64_t>((std::uint64_t{1} << head.width) - 1);
  std::int64_t reach = std::max(std::abs(head.low), std::abs(top));
  if (head.delta) reach = reach * static_cast<std::int64_t>(head.count) + std::abs(head.first);
  for (std::size_t i = 0; i < head.patches; ++i) {
    const std::int64_t value = wrapping_add(patches_.at(i), head.low);
    if (!is_narrow(value)) return kNotNarrow;
    reach = head.delta ? reach + std::abs(value) : std::max(reach, std::abs(value));
  }
  return reach <= kNarrowMax ? static_cast<std::uint32_t>(reach) : kNotNarrow;
}

// Offsets, to be read in the frame that comes back.
Frame IntegerReader::unpack_narrow(const Head& head, std::uint32_t reach, std::uint32_t* out) const {
  out[0] = 0;
  std::uint32_t* offsets = out + (head.delta ? 1 : 0);
  kernels_.unpack(head.bits, head.packed(), head.width, offsets);
  for (std::size_t i = 0; i < head.patches; ++i) {
    offsets[patch_at_.values[i]] = static_cast<std::uint32_t>(patches_.at(i));
  }
  return {head.delta, static_cast<std::int32_t>(head.first), static_cast<std::int32_t>(head.low), reach};
}

void IntegerReader::unpack_wide(const Head& head, std::int64_t* out) const {
  // Unpacked in place: as unsigned distances first.
  auto* offsets = reinterpret_cast<std::uint64_t*>(out + (head.delta ? 1 : 0));
  unpack_bits(head.bits, head.packed(), head.width, offsets);
  for (std::size_t i = 0; i < head.patches; ++i) {
    offsets[patch_at_.values[i]] = static_cast<std::uint64_t>(patches_.at(i));
  }
  const auto low = static_cast<std::uint64_t>(head.low);
  if (!head.delta) {
    for (std::size_t i = 0; i < head.count; ++i) offsets[i] += low;
    return;
  }
  auto sum = static_cast<std::uint64_t>(head.first);
  out[0] = head.first;
  for (std::size_t i = 0; i + 1 < head.count; ++i) {
    sum += offsets[i] + low;
    offsets[i] = sum;
  }
}

void IntegerReader::unpack_part(const Head& head, Part& part) {
  const std::uint32_t reach = reach_of(head);
  part.narrow = reach != kNotNarrow;
  if (!part.narrow) return unpack_wide(head, part.wide.data());
  const Frame frame = unpack_narrow(head, reach, part_offsets_.data());
  kernels_.integers(part_offsets_.data(), head.count, frame, part.values.data());
}

// A stream without patches; what patches are made of.
void IntegerReader::read_plain(core::ByteReader& in, std::size_t count, Part& part) {
  const auto tag = in.get<std::uint8_t>();
  Head head;
  if (!in.ok() || (tag & ~format::kDeltaFlag & 0xFFU) > format::kMaxWidth || !read_head(in, tag, count, head)) {
    return in.fail();
  }
  unpack_part(head, part);
}

void IntegerReader::read_part(core::ByteReader& in, std::size_t count, Part& part) {
  const auto tag = in.get<std::uint8_t>();
  Head head;
  if (!in.ok() || tag == format::kDictionary || tag == format::kRuns || !read_head(in, tag, count, head)) {
    return in.fail();
  }
  unpack_part(head, part);
}

// The integers will be of the form of the `n` parts that they are made of.
void IntegerReader::take_form(const Part& part, std::size_t n) {
  narrow_ = part.narrow;
  frame_ = {};
  if (!narrow_) return;
  const Extents extents = kernels_.extents(part.values.data(), n);
  frame_.reach =
      static_cast<std::uint32_t>(std::max(std::abs(std::int64_t{extents.low}), std::abs(std::int64_t{extents.high})));
}

void IntegerReader::read_dictionary(core::ByteReader& in) {
  const std::uint64_t n = in.varint();
  if (!in.ok() || n == 0 || n > format::kMaxDictionary) return in.fail();
  read_part(in, n, part_a_);
  const auto width = static_cast<unsigned>(std::bit_width(n - 1));
  const auto bits = in.take_span(packed_bytes(count_, width));
  if (!in.ok()) return;
  kernels_.unpack(bits, count_, width, offsets_.data());
  take_form(part_a_, n);
  // An index has at most 8 bits, and the parts have room for those: whether all are entries is asked once.
  std::uint32_t greatest = 0;
  const auto look_up = [&](const auto& entries, auto* out) {
    using Out = std::remove_pointer_t<decltype(out)>;
    for (std::size_t i = 0; i < count_; ++i) {
      const std::uint32_t index = offsets_[i];
      greatest = std::max(greatest, index);
      out[i] = static_cast<Out>(entries[index]);
    }
  };
  if (narrow_) {
    look_up(part_a_.values, offsets_.data());
  } else {
    look_up(part_a_.wide, integers_.data());
  }
  if (greatest >= n) in.fail();
}

// Sets `length` values from `to` on, and up to 7 more: runs are short, and whole vectors need no loop.
template <typename T>
void fill_run(T* to, std::size_t length, T value) {
  for (std::size_t i = 0; i < length; i += 8) std::fill_n(to + i, 8, value);
}

void IntegerReader::read_runs(core::ByteReader& in) {
  const std::uint64_t n = in.varint();
  if (!in.ok() || n == 0 || n > count_) return in.fail();
  read_part(in, n, part_a_);
  if (in.ok()) read_part(in, n, part_b_);
  if (!in.ok() || !part_a_.narrow) return in.fail();
  take_form(part_b_, n);
  std::size_t at = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t length = static_cast<std::uint32_t>(part_a_.values[i]);
    if (length == 0 || length > count_ - at) return in.fail();
    if (narrow_) {
      fill_run(offsets_.data() + at, length, static_cast<std::uint32_t>(part_b_.values[i]));
    } else {
      fill_run(integers_.data() + at, length, part_b_.wide[i]);
    }
    at += length;
  }
  if (at != count_) in.fail();
}

const std::int64_t* IntegerReader::integers() {
  if (!narrow_) return integers_.data();
  auto& narrow = part_a_.values;
  kernels_.integers(offsets_.data(), count_, frame_, narrow.data());
  std::copy_n(narrow.begin(), count_, integers_.begin());
  return integers_.data();
}

}  // namespace millwright::historian
