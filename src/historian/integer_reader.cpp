#include <algorithm>
#include <cstdlib>
#include <limits>

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
    // Patches are plain streams, so this goes no deeper.
    for (std::int64_t* part : {patch_at_.data(), patches_.data()}) {
      const auto inner_tag = in.get<std::uint8_t>();
      Head inner;
      if (!in.ok() || (inner_tag & ~format::kDeltaFlag & 0xFFU) > format::kMaxWidth ||
          !read_head(in, inner_tag, patches, inner)) {
        in.fail();
        return false;
      }
      unpack_wide(inner, part);
    }
    head.patches = patches;
    for (std::size_t i = 0; i < patches; ++i) {
      if (static_cast<std::uint64_t>(patch_at_[i]) >= head.packed()) in.fail();
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
    unpack_narrow(head, reach);
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
    const std::int64_t value = wrapping_add(patches_[i], head.low);
    if (!is_narrow(value)) return kNotNarrow;
    reach = head.delta ? reach + std::abs(value) : std::max(reach, std::abs(value));
  }
  return reach <= kNarrowMax ? static_cast<std::uint32_t>(reach) : kNotNarrow;
}

void IntegerReader::unpack_narrow(const Head& head, std::uint32_t reach) {
  frame_ = {head.delta, static_cast<std::int32_t>(head.first), static_cast<std::int32_t>(head.low), reach};
  offsets_[0] = 0;
  std::uint32_t* offsets = offsets_.data() + (head.delta ? 1 : 0);
  kernels_.unpack(head.bits, head.packed(), head.width, offsets);
  for (std::size_t i = 0; i < head.patches; ++i) {
    offsets[patch_at_[i]] = static_cast<std::uint32_t>(patches_[i]);
  }
}

void IntegerReader::unpack_wide(const Head& head, std::int64_t* out) const {
  // Unpacked in place: as unsigned distances first.
  auto* offsets = reinterpret_cast<std::uint64_t*>(out + (head.delta ? 1 : 0));
  unpack_bits(head.bits, head.packed(), head.width, offsets);
  for (std::size_t i = 0; i < head.patches; ++i) offsets[patch_at_[i]] = static_cast<std::uint64_t>(patches_[i]);
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

void IntegerReader::read_part(core::ByteReader& in, std::size_t count, std::int64_t* out) {
  const auto tag = in.get<std::uint8_t>();
  Head head;
  if (!in.ok() || tag == format::kDictionary || tag == format::kRuns || !read_head(in, tag, count, head)) {
    return in.fail();
  }
  unpack_wide(head, out);
}

// Gives integers of one form out of `n` parts that they are made of.
void IntegerReader::take_parts(const std::int64_t* parts, std::size_t n) {
  narrow_ = std::all_of(parts, parts + n, is_narrow);
  frame_ = {};
}

void IntegerReader::read_dictionary(core::ByteReader& in) {
  const std::uint64_t n = in.varint();
  if (!in.ok() || n == 0 || n > format::kMaxDictionary) return in.fail();
  read_part(in, n, parts_a_.data());
  const auto width = static_cast<unsigned>(std::bit_width(n - 1));
  const auto bits = in.take_span(packed_bytes(count_, width));
  if (!in.ok()) return;
  kernels_.unpack(bits, count_, width, offsets_.data());
  if (*std::max_element(offsets_.data(), offsets_.data() + count_) >= n) return in.fail();
  take_parts(parts_a_.data(), n);
  if (narrow_) {
    for (std::size_t i = 0; i < count_; ++i) offsets_[i] = static_cast<std::uint32_t>(parts_a_[offsets_[i]]);
  } else {
    for (std::size_t i = 0; i < count_; ++i) integers_[i] = parts_a_[offsets_[i]];
  }
}

void IntegerReader::read_runs(core::ByteReader& in) {
  const std::uint64_t n = in.varint();
  if (!in.ok() || n == 0 || n > count_) return in.fail();
  read_part(in, n, parts_a_.data());
  if (in.ok()) read_part(in, n, parts_b_.data());
  if (!in.ok()) return;
  std::uint64_t left = count_;
  for (std::size_t i = 0; i < n; ++i) {
    const auto length = static_cast<std::uint64_t>(parts_a_[i]);
    if (length == 0 || length > left) return in.fail();
    left -= length;
  }
  if (left != 0) return in.fail();
  take_parts(parts_b_.data(), n);
  for (std::size_t i = 0, at = 0; i < n; ++i) {
    const auto length = static_cast<std::size_t>(parts_a_[i]);
    if (narrow_) {
      std::fill_n(offsets_.begin() + at, length, static_cast<std::uint32_t>(parts_b_[i]));
    } else {
      std::fill_n(integers_.begin() + at, length, parts_b_[i]);
    }
    at += length;
  }
}

const std::int64_t* IntegerReader::integers() {
  if (!narrow_) return integers_.data();
  const auto low = static_cast<std::uint32_t>(frame_.low);
  std::uint32_t carry = static_cast<std::uint32_t>(frame_.first) - low;
  for (std::size_t i = 0; i < count_; ++i) {
    const std::uint32_t integer = offsets_[i] + low + (frame_.delta ? carry : 0);
    carry = integer;
    integers_[i] = static_cast<std::int32_t>(integer);
  }
  return integers_.data();
}

}  // namespace millwright::historian
