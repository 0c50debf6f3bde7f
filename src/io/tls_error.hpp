// What OpenSSL says went wrong, in words. For this module's own sources.
//
// Threads: any; the errors are the calling thread's.
#pragma once

#include <string>

#include <openssl/err.h>

#include "core/result.hpp"

namespace millwright::io {

// The first of this thread's errors, and forgets them all.
std::string take_tls_error();

}  // namespace millwright::io
