// What OPC UA says as the platform says it: times, values, reasons.
//
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "asset/model.hpp"
#include "connectors/opcua_client_types.hpp"
#include "core/result.hpp"
#include "core/texts.hpp"
#include "core/time.hpp"

namespace millwright::connectors::opcua_detail {

// 100 ns steps since 1601 and tens of picoseconds to ns since 1970. Out of int64's reach: the nearest that is within.
core::TimeNs to_ns(UA_DateTime time, std::uint16_t ten_picoseconds = 0);

// The value in the sensor's own type, as zero-extended bits; nothing where it would lose something or is no scalar.
// A DateTime is an int64 of ns since 1970, a StatusCode one of its number; a Guid, NodeId, QualifiedName or XmlElement
// is a text.
std::optional<std::uint64_t> to_bits(const UA_Variant& value, const asset::Sensor& sensor, core::Texts& texts);
// The bits that a raw value has after the sensor's calibration.
std::uint64_t calibrated_bits(std::uint64_t raw, const asset::Sensor& sensor);

// "connection refused", … for the codes that a connection dies of.
std::string reason_of(UA_StatusCode code);

}  // namespace millwright::connectors::opcua_detail
