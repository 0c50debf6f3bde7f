// Little-endian bytes in and out, for every format on disk and on the wire. A reader never passes its end: a read that
// would makes it fail for good, and reads then give zero; the caller checks ok() once, before it believes anything.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace millwright::core {

static_assert(std::endian::native == std::endian::little, "the formats are little-endian and written by memcpy");

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <typename T>
  T get() {
    static_assert(std::is_arithmetic_v<T>);
    T value{};
    if (const std::byte* at = take(sizeof(T))) std::memcpy(&value, at, sizeof(T));
    return value;
  }
  // LEB128, at most 10 bytes.
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      const auto byte = get<std::uint8_t>();
      if (!ok_) return 0;
      if (shift == 63 && byte > 1) break;
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    ok_ = false;
    return 0;
  }
  std::int64_t zigzag() {
    const std::uint64_t v = varint();
    return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1);
  }
  std::span<const std::byte> take_span(std::size_t n) {
    const std::byte* at = take(n);
    return at != nullptr ? std::span(at, n) : std::span<const std::byte>{};
  }
  std::string_view text(std::size_t n) {
    const auto span = take_span(n);
    return {reinterpret_cast<const char*>(span.data()), span.size()};
  }

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t remaining() const { return ok_ ? bytes_.size() - at_ : 0; }
  [[nodiscard]] std::size_t position() const { return at_; }
  void fail() { ok_ = false; }

 private:
  const std::byte* take(std::size_t n) {
    if (!ok_ || n > bytes_.size() - at_) {
      ok_ = false;
      return nullptr;
    }
    const std::byte* at = bytes_.data() + at_;
    at_ += n;
    return at;
  }
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

// Appends to a vector that the caller owns and may reuse.
class ByteWriter {
 public:
  explicit ByteWriter(std::vector<std::byte>& out) : out_(out) {}

  template <typename T>
  void put(T value) {
    static_assert(std::is_arithmetic_v<T>);
    raw(&value, sizeof(T));
  }
  void varint(std::uint64_t value) {
    while (value >= 0x80) {
      put(static_cast<std::uint8_t>(value | 0x80));
      value >>= 7;
    }
    put(static_cast<std::uint8_t>(value));
  }
  void zigzag(std::int64_t value) {
    varint((static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
  }
  void text(std::string_view text) { raw(text.data(), text.size()); }
  void span(std::span<const std::byte> bytes) { raw(bytes.data(), bytes.size()); }
  void raw(const void* from, std::size_t n) {
    if (n == 0) return;
    const std::size_t at = out_.size();
    out_.resize(at + n);
    std::memcpy(out_.data() + at, from, n);
  }
  // Overwrites bytes that were put before, such as a length known only later.
  template <typename T>
  void patch(std::size_t at, T value) {
    std::memcpy(out_.data() + at, &value, sizeof(T));
  }
  [[nodiscard]] std::size_t size() const { return out_.size(); }

 private:
  std::vector<std::byte>& out_;
};

}  // namespace millwright::core
