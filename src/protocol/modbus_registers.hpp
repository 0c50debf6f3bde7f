// Modbus registers: what the words that a device gives mean, and how to ask for many of them at once. No I/O.
// Modbus Application Protocol 1.1b3: four tables of bits and 16-bit words, addresses from 0 as on the wire. The order
// of bytes and words of larger values is each maker's own choice.
//
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

namespace millwright::protocol::modbus {

enum class Table : std::uint8_t { kCoils, kDiscreteInputs, kHoldingRegisters, kInputRegisters };
constexpr bool is_bits(Table table) {
  return table == Table::kCoils || table == Table::kDiscreteInputs;
}

enum class Encoding : std::uint8_t { kUint16, kInt16, kUint32, kInt32, kUint64, kInt64, kFloat32, kFloat64 };
constexpr unsigned words(Encoding encoding) {
  constexpr unsigned kWords[] = {1, 1, 2, 2, 4, 4, 2, 4};
  return kWords[static_cast<std::size_t>(encoding)];
}
constexpr bool is_float(Encoding encoding) {
  return encoding == Encoding::kFloat32 || encoding == Encoding::kFloat64;
}

// How a value lies in its words.
struct Layout {
  Encoding encoding = Encoding::kUint16;
  bool low_word_first = false;
  bool low_byte_first = false;
  unsigned first_bit = 0;  // of a bit field, from the least significant
  unsigned bits = 0;       // of a bit field, which is unsigned; 0: the whole value
};

using Number = std::variant<std::int64_t, std::uint64_t, double>;
// `registers` has words(layout.encoding) of them.
Number decode(std::span<const std::uint16_t> registers, const Layout& layout);
// The words of a whole value, not of a bit field; nothing where the number does not fit: integers take the nearest
// whole number.
std::optional<std::vector<std::uint16_t>> encode(double value, const Layout& layout);

// A value's place in its table; `count` is words, or bits.
struct Item {
  Table table = Table::kHoldingRegisters;
  std::uint16_t address = 0;
  std::uint16_t count = 1;
};
struct Limits {
  unsigned registers_max = 125;  // of one request; a device may take fewer
  unsigned bits_max = 2000;
  unsigned gap_max =
      8;  // words that nobody wants and that are read all the same, to save a request; bits: 16 times that
};
// One request and the items that its answer holds, by index.
struct Request {
  Table table = Table::kHoldingRegisters;
  std::uint16_t address = 0;
  std::uint16_t count = 0;
  std::vector<std::uint32_t> items;
};
// As few requests as the limits allow, each item in one of them; `wanted` are the indices that count. An item is never
// cut in two.
std::vector<Request> plan(std::span<const Item> items, std::span<const std::uint32_t> wanted, const Limits& limits);
// A request in two, with no gap between; only where it has more than one item.
std::vector<Request> halves(std::span<const Item> items, const Request& request);

}  // namespace millwright::protocol::modbus
