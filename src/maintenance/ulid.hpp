// ULID: ids that sort by time: 48 bits of milliseconds and 80 bits of chance, as 26 characters of Crockford's base 32.
//
// Threads: pure. Source: github.com/ulid/spec.
#pragma once

#include <string>

#include "core/time.hpp"
#include "io/random.hpp"

namespace millwright::maintenance {

std::string make_ulid(core::TimeNs time, io::Random& random);

}  // namespace millwright::maintenance
