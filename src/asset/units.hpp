// Engineering units: UN/CEFACT Recommendation 20 codes, as OPC UA's EUInformation wants them (OPC 10000-8, 5.6.4.3).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace millwright::asset {

struct Unit {
  std::string_view symbol;       // "°C", as in the asset model and on screens
  std::string_view code;         // "CEL", the UNECE common code
  std::string_view description;  // "degree Celsius"
  // The numeric id of EUInformation: the code's characters as a big-endian number.
  [[nodiscard]] constexpr std::int32_t unece_id() const {
    std::int32_t id = 0;
    for (const char c : code) id = (id << 8) | static_cast<unsigned char>(c);
    return id;
  }
};

std::span<const Unit> units();
// By symbol or code; nullptr where there is none.
const Unit* find_unit(std::string_view symbol_or_code);

}  // namespace millwright::asset
