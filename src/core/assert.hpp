// ASSERT(condition, message): for bugs, never for input. On in every build; prints where and why, then aborts, so that
// a supervisor restarts the process from what is on disk instead of going on with a broken invariant.
#pragma once

#include <string_view>

namespace millwright::core {

[[noreturn]] void assert_failed(const char* condition, std::string_view message, const char* file, int line);

}  // namespace millwright::core

#define ASSERT(condition, message)                                                  \
  do {                                                                              \
    if (!(condition)) [[unlikely]]                                                  \
      ::millwright::core::assert_failed(#condition, (message), __FILE__, __LINE__); \
  } while (false)
