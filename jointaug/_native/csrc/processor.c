/* The best instruction set that there is a kernel for, asked of the processor itself: __builtin_cpu_supports asks the compiler's runtime,
 * and not every runtime answers (zig's says 0 to everything, so that each processor would be given the portable kernel in silence). */

#include "jointaug.h"

#if defined(__x86_64__)
#include <cpuid.h>

#define HAS(word, bit) ((word) >> (bit) & 1)

/* 0 portable, 1 AVX2 with FMA, 2 AVX-512 (F, DQ, BW, VL) besides. A processor's word is not enough: unless the system keeps the wide
 * registers when it switches threads (XCR0), they may not be used. Arguments: ECX of CPUID's leaf 1, EBX of leaf 7, the low half of XCR0. */
static int level_of(uint32_t leaf1, uint32_t leaf7, uint32_t kept) {
    enum { YMM = 0x06, ZMM = 0xe6 }; /* XCR0: SSE and AVX; with them AVX-512's masks, upper halves and upper registers */
    if ((kept & YMM) != YMM || !HAS(leaf1, 12) || !HAS(leaf7, 5)) return 0;
    return HAS(leaf7, 16) && HAS(leaf7, 17) && HAS(leaf7, 30) && HAS(leaf7, 31) && (kept & ZMM) == ZMM ? 2 : 1;
}

PUBLIC int ja_level(void) {
    uint32_t a, b, leaf1, leaf7, d, kept;
    if (!__get_cpuid(1, &a, &b, &leaf1, &d) || !HAS(leaf1, 27)) return 0; /* bit 27: the system has turned XGETBV on */
    __asm__ volatile("xgetbv" : "=a"(kept), "=d"(d) : "c"(0));
    if (!__get_cpuid_count(7, 0, &a, &leaf7, &b, &d)) return 0;
    return level_of(leaf1, leaf7, kept);
}
#else
PUBLIC int ja_level(void) { return 0; }
#endif
