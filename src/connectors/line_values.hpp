// What a line's field is as a reading of a sensor.
//
// Decimal text has no width of its own: a float32 is the one nearest to the text. Everything else only where it stays
// what it is: whole numbers as int64 or state, 0 and 1 as bool, true and false as numbers, a text as itself or as the
// state of that name.
//
// Threads: free. A new text waits for the disk.
#pragma once

#include <cstdint>

#include "asset/model.hpp"
#include "core/texts.hpp"
#include "protocol/line_protocol.hpp"

namespace millwright::connectors {

// Writes the value's width(type) bytes to `bits`, from its first byte on. False where it does not fit. `sensor` has
// this type; it is looked at only for the names of its states.
bool to_reading(const protocol::LineField& field, core::ValueType type, const asset::Sensor& sensor, core::Texts& texts,
                std::uint64_t& bits);

}  // namespace millwright::connectors
