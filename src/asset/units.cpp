#include "asset/units.hpp"

#include <array>

namespace millwright::asset {

namespace {

// Common codes of UN/CEFACT Recommendation 20, as the OPC Foundation's UNECE_to_OPCUA table lists them.
constexpr std::array kUnits{
    // Temperature
    Unit{"°C", "CEL", "degree Celsius"},
    Unit{"°F", "FAH", "degree Fahrenheit"},
    Unit{"K", "KEL", "kelvin"},
    Unit{"K/min", "F11", "kelvin per minute"},
    // Electricity
    Unit{"A", "AMP", "ampere"},
    Unit{"mA", "4K", "milliampere"},
    Unit{"A·h", "AMH", "ampere hour"},
    Unit{"V", "VLT", "volt"},
    Unit{"mV", "2Z", "millivolt"},
    Unit{"kV", "KVT", "kilovolt"},
    Unit{"Ω", "OHM", "ohm"},
    Unit{"kΩ", "B49", "kiloohm"},
    Unit{"MΩ", "B75", "megaohm"},
    Unit{"V·A", "D46", "volt-ampere"},
    Unit{"kV·A", "KVA", "kilovolt-ampere"},
    Unit{"var", "D44", "var"},
    Unit{"kvar", "KVR", "kilovar"},
    Unit{"Hz", "HTZ", "hertz"},
    Unit{"kHz", "KHZ", "kilohertz"},
    Unit{"µS/cm", "G42", "microsiemens per centimetre"},
    Unit{"mS/cm", "H61", "millisiemens per centimetre"},
    // Power and energy
    Unit{"W", "WTT", "watt"},
    Unit{"kW", "KWT", "kilowatt"},
    Unit{"MW", "MAW", "megawatt"},
    Unit{"W·h", "WHR", "watt hour"},
    Unit{"kW·h", "KWH", "kilowatt hour"},
    Unit{"MW·h", "MWH", "megawatt hour"},
    Unit{"J", "JOU", "joule"},
    Unit{"kJ", "KJO", "kilojoule"},
    Unit{"MJ", "3B", "megajoule"},
    // Rotation
    Unit{"rpm", "RPM", "revolutions per minute"},
    Unit{"r/s", "RPS", "revolutions per second"},
    Unit{"rad/s", "2A", "radian per second"},
    Unit{"°", "DD", "degree (angle)"},
    Unit{"rad", "C81", "radian"},
    Unit{"N·m", "NU", "newton metre"},
    Unit{"kN·m", "B48", "kilonewton metre"},
    // Length, speed, acceleration
    Unit{"m", "MTR", "metre"},
    Unit{"cm", "CMT", "centimetre"},
    Unit{"mm", "MMT", "millimetre"},
    Unit{"µm", "4H", "micrometre"},
    Unit{"km", "KMT", "kilometre"},
    Unit{"in", "INH", "inch"},
    Unit{"ft", "FOT", "foot"},
    Unit{"m/s", "MTS", "metre per second"},
    Unit{"mm/s", "C16", "millimetre per second"},
    Unit{"m/min", "2X", "metre per minute"},
    Unit{"in/s", "IU", "inch per second"},
    Unit{"m/s²", "MSK", "metre per second squared"},
    Unit{"gn", "K40", "standard acceleration of free fall"},
    // Force and pressure
    Unit{"N", "NEW", "newton"},
    Unit{"kN", "B47", "kilonewton"},
    Unit{"Pa", "PAL", "pascal"},
    Unit{"hPa", "A97", "hectopascal"},
    Unit{"kPa", "KPA", "kilopascal"},
    Unit{"MPa", "MPA", "megapascal"},
    Unit{"mbar", "MBR", "millibar"},
    Unit{"bar", "BAR", "bar"},
    Unit{"psi", "PS", "pound-force per square inch"},
    // Mass and density
    Unit{"g", "GRM", "gram"},
    Unit{"kg", "KGM", "kilogram"},
    Unit{"t", "TNE", "tonne"},
    Unit{"kg/m", "KL", "kilogram per metre"},
    Unit{"kg/m³", "KMQ", "kilogram per cubic metre"},
    Unit{"g/m³", "A93", "gram per cubic metre"},
    Unit{"mg/L", "M1", "milligram per litre"},
    // Volume and flow
    Unit{"m²", "MTK", "square metre"},
    Unit{"L", "LTR", "litre"},
    Unit{"m³", "MTQ", "cubic metre"},
    Unit{"L/s", "G51", "litre per second"},
    Unit{"L/min", "L2", "litre per minute"},
    Unit{"L/h", "E32", "litre per hour"},
    Unit{"m³/s", "MQS", "cubic metre per second"},
    Unit{"m³/min", "G53", "cubic metre per minute"},
    Unit{"m³/h", "MQH", "cubic metre per hour"},
    Unit{"kg/s", "KGS", "kilogram per second"},
    Unit{"kg/h", "E93", "kilogram per hour"},
    Unit{"t/h", "E18", "tonne per hour"},
    // Viscosity
    Unit{"mPa·s", "C24", "millipascal second"},
    Unit{"mm²/s", "C17", "square millimetre per second"},
    // Time
    Unit{"µs", "B98", "microsecond"},
    Unit{"ms", "C26", "millisecond"},
    Unit{"s", "SEC", "second"},
    Unit{"min", "MIN", "minute"},
    Unit{"h", "HUR", "hour"},
    Unit{"d", "DAY", "day"},
    // Shares, levels and counts
    Unit{"%", "P1", "percent"},
    Unit{"ppm", "59", "part per million"},
    Unit{"ppb", "61", "part per billion"},
    Unit{"dB", "2N", "decibel"},
    Unit{"pH", "Q30", "pH (potential of hydrogen)"},
    Unit{"NTU", "NTU", "nephelometric turbidity unit"},
    Unit{"lx", "LUX", "lux"},
    Unit{"piece", "H87", "piece"},
    Unit{"1", "C62", "one"},
};

struct Alias {
  std::string_view written;
  std::string_view symbol;
};
// Other ways in which people write them, above all on keyboards without the signs.
constexpr std::array kAliases{
    Alias{"C", "°C"},      Alias{"degC", "°C"},       Alias{"F", "°F"},        Alias{"degF", "°F"},
    Alias{"Ah", "A·h"},    Alias{"ohm", "Ω"},         Alias{"kohm", "kΩ"},     Alias{"Mohm", "MΩ"},
    Alias{"VA", "V·A"},    Alias{"kVA", "kV·A"},      Alias{"uS/cm", "µS/cm"}, Alias{"Wh", "W·h"},
    Alias{"kWh", "kW·h"},  Alias{"MWh", "MW·h"},      Alias{"r/min", "rpm"},   Alias{"1/min", "rpm"},
    Alias{"deg", "°"},     Alias{"Nm", "N·m"},        Alias{"N.m", "N·m"},     Alias{"kNm", "kN·m"},
    Alias{"um", "µm"},     Alias{"m/s2", "m/s²"},     Alias{"g-force", "gn"},  Alias{"kg/m3", "kg/m³"},
    Alias{"g/m3", "g/m³"}, Alias{"mg/l", "mg/L"},     Alias{"m2", "m²"},       Alias{"l", "L"},
    Alias{"m3", "m³"},     Alias{"l/s", "L/s"},       Alias{"l/min", "L/min"}, Alias{"l/h", "L/h"},
    Alias{"m3/s", "m³/s"}, Alias{"m3/min", "m³/min"}, Alias{"m3/h", "m³/h"},   Alias{"mPas", "mPa·s"},
    Alias{"cP", "mPa·s"},  Alias{"cSt", "mm²/s"},     Alias{"mm2/s", "mm²/s"}, Alias{"us", "µs"},
    Alias{"percent", "%"}, Alias{"pcs", "piece"},
};

}  // namespace

std::span<const Unit> units() {
  return kUnits;
}

const Unit* find_unit(std::string_view symbol_or_code) {
  for (const Alias& alias : kAliases) {
    if (alias.written == symbol_or_code) symbol_or_code = alias.symbol;
  }
  for (const Unit& unit : kUnits) {
    if (unit.symbol == symbol_or_code) return &unit;
  }
  for (const Unit& unit : kUnits) {
    if (unit.code == symbol_or_code) return &unit;
  }
  return nullptr;
}

}  // namespace millwright::asset
