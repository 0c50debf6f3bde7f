// Continuation points of HistoryRead, as clients bring them back: none crashes, and what is taken says the same again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/assert.hpp"
#include "opcua/history_pages.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto place = millwright::opcua::Place::decode(bytes, "request");
  if (place) ASSERT(place->begun || place->encode("request") == bytes, "a place is not what was read");
  return 0;
}
