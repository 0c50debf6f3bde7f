# One set of flags for all of the project's own code: warnings are errors, asserts stay on in release.
add_library(millwright_flags INTERFACE)
target_compile_options(millwright_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Wold-style-cast -Werror
  -fno-omit-frame-pointer)

if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  target_compile_options(millwright_flags INTERFACE -Wthread-safety -Wno-unused-lambda-capture)
else()
  # GCC 12 reports these in code that is right (its own PR 105329, 105562 and others), at -O2 and above only.
  target_compile_options(millwright_flags INTERFACE
    -Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-array-bounds -Wno-free-nonheap-object)
endif()

if(MILLWRIGHT_SANITIZE)
  target_compile_options(millwright_flags INTERFACE -fsanitize=${MILLWRIGHT_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(millwright_flags INTERFACE -fsanitize=${MILLWRIGHT_SANITIZE})
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES Clang)
    # atomic_thread_fence is unknown to GCC's ThreadSanitizer, which warns of it at compile time.
    target_compile_options(millwright_flags INTERFACE -Wno-tsan)
  endif()
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")
else()
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")
  set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
