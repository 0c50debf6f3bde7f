// Descriptors of this process: each open file and connection is one.
//
// Threads: any.
#pragma once

#include "core/result.hpp"

namespace millwright::io {

// As many as the system lets this process have, not the few that a shell or a service manager gives: peers that open
// many connections must not leave none for files.
void raise_descriptor_limit();

// kUnavailable where a new descriptor would be too high for select(), with which libmosquitto and libmodbus wait: they
// would end the process. Ask before they connect.
core::Status check_fits_select();

}  // namespace millwright::io
