// The AVX-512 kernels on an emulation of their instructions: for kernels_test.cpp, where the processor has none.
#ifdef __x86_64__

#define MILLWRIGHT_AVX512_EMULATED "historian/tests/avx512_emulation.hpp"
#define avx512_kernels emulated_avx512_kernels
#include "historian/kernels_avx512.cpp"

#endif
