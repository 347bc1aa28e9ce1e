/* For x86-64 processors with AVX-512 (Skylake-SP, Zen 4 and later). */

#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,prefer-vector-width=512")
#endif

#define LANES 16
#define SAMPLE ja_sample_avx512
#define FILTER_COLUMNS "columns_avx512.inc"
#include "kernels.inc"

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
