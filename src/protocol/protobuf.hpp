// The fields of a protobuf message, one after the other, as views into its bytes.
//
// Threads: pure. Errors: next() is false at the end and where the bytes are none; the reader has then failed.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/bytes.hpp"

namespace millwright::protocol::protobuf {

enum class Wire : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Field {
  std::uint64_t number = 0;
  Wire wire = Wire::kVarint;
  std::uint64_t integer = 0;  // of all but kBytes
  std::string_view bytes;

  [[nodiscard]] bool is(std::uint64_t wanted, Wire of) const { return number == wanted && wire == of; }
};

inline core::ByteReader reader(std::string_view bytes) {
  return core::ByteReader(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

inline bool next(core::ByteReader& in, Field& field) {
  if (in.remaining() == 0) return false;
  const std::uint64_t key = in.varint();
  field.number = key >> 3;
  field.wire = static_cast<Wire>(key & 7);
  switch (field.wire) {
    case Wire::kVarint:
      field.integer = in.varint();
      break;
    case Wire::kFixed64:
      field.integer = in.get<std::uint64_t>();
      break;
    case Wire::kFixed32:
      field.integer = in.get<std::uint32_t>();
      break;
    case Wire::kBytes: {
      const std::uint64_t size = in.varint();
      if (size > in.remaining()) in.fail();
      field.bytes = in.text(static_cast<std::size_t>(size));
      break;
    }
    default:
      in.fail();
  }
  if (field.number == 0) in.fail();
  return in.ok();
}

}  // namespace millwright::protocol::protobuf
