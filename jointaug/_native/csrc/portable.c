/* For any processor: vectors of four floats, which the compiler maps to what there is (SSE2, NEON, or plain floats). */

#define LANES 4
#define SAMPLE ja_sample_portable
#include "kernels.inc"
