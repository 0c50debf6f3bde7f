// Any bytes as a PubSub message: read or refused, and its fields as what they say they are and as raw data of every
// type.
#include <cstdint>
#include <span>
#include <vector>

#include "core/assert.hpp"
#include "protocol/uadp.hpp"

using namespace millwright::protocol;  // NOLINT: a program of one file

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<uadp::Type> raw = [] {
    std::vector<uadp::Type> types;
    for (const std::string_view name : uadp::type_names()) types.push_back(*uadp::parse_type(name));
    return types;
  }();
  static uadp::Keys keys = [] {
    uadp::Keys made;
    static_cast<void>(made.add(0, std::vector<std::byte>(68)));
    return made;
  }();
  const auto datagram = std::as_bytes(std::span(data, size));
  ASSERT(uadp::parse(datagram, &keys) || !uadp::parse(datagram), "what needs no key is read with keys as well");
  const auto message = uadp::parse(datagram);
  if (!message) return 0;
  ASSERT(!message->chunk || message->chunk->bytes.size() <= size, "a chunk out of nothing");
  for (uadp::DataSet set : message->sets) {
    for (const auto& types : {std::vector<uadp::Type>{}, raw}) {
      const auto fields = uadp::read_fields(set, types);
      ASSERT(!fields || fields->size() <= uadp::kFieldsMax, "more fields than there can be");
      ASSERT(!fields || fields->size() <= size, "fields out of nothing");
    }
    set.encoding = uadp::FieldEncoding::kRawData;
    static_cast<void>(uadp::read_fields(set, raw));
  }
  return 0;
}
