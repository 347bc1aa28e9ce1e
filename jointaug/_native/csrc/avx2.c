/* For x86-64 processors with AVX2 and FMA (Haswell, Zen and later). */

#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

#define LANES 8
#define SAMPLE ja_sample_avx2
#include "kernels.inc"

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
