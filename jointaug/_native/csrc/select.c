/* The inner loops of the negative samplers (neighbors/_pools.py). No processor could foresee whether a score reaches a threshold or a key
 * is drawn, so neither is a branch: the one is a bit of a mask, the other moves a place on. */

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "jointaug.h"

#define BLOCK 64 /* columns of a mask */

/* Bit k: whether line[k] is at least the lowest. */
static inline uint64_t reaching(const float *line, float lowest) {
    uint64_t bits = 0;
#if defined(__SSE2__)
    for (int k = 0; k < BLOCK; k += 4)
        bits |= (uint64_t)_mm_movemask_ps(_mm_cmpge_ps(_mm_loadu_ps(line + k), _mm_set1_ps(lowest))) << k;
#else
    for (int k = 0; k < BLOCK; k++) bits |= (uint64_t)(line[k] >= lowest) << k;
#endif
    return bits;
}

/* For each row of scores [rows, stride]: append the columns below `width` whose score is at least the row's `least` to its line of
 * numbers and of kept scores, [rows, room], behind the counts[row] that are there; numbers are columns plus `first`. A row whose line
 * cannot hold all has the count -1 from then on. */
PUBLIC void ja_keep_above(const float *scores, int64_t stride, int64_t rows, int64_t width, const float *least, int64_t first,
                          int64_t room, uint32_t *numbers, float *kept, int64_t *counts) {
    for (int64_t row = 0; row < rows; row++) {
        const float *line = scores + row * stride, lowest = least[row];
        uint32_t *number = numbers + row * room;
        float *score = kept + row * room;
        int64_t count = counts[row];
        for (int64_t start = 0; start < width && count >= 0; start += BLOCK) {
            uint64_t bits = 0;
            if (start + BLOCK <= width)
                bits = reaching(line + start, lowest);
            else
                for (int64_t k = start; k < width; k++) bits |= (uint64_t)(line[k] >= lowest) << (k - start);
            if (count + __builtin_popcountll(bits) > room) {
                count = -1;
                break;
            }
            for (; bits; bits &= bits - 1) {
                const int64_t column = start + __builtin_ctzll(bits);
                number[count] = (uint32_t)(first + column);
                score[count++] = line[column];
            }
        }
        counts[row] = count;
    }
}

/* _chance.order_keys */
static inline uint32_t order_key(uint32_t row, const uint32_t words[2]) {
    uint32_t key = row;
    for (int i = 0; i < 2; i++) {
        key ^= words[i];
        key = (key ^ (key >> 16)) * 0x85EBCA6Bu;
        key = (key ^ (key >> 13)) * 0xC2B2AE35u;
        key ^= key >> 16;
    }
    return key;
}

/* The key of the given rank (0: the smallest), digit by digit from the highest. */
static uint32_t key_of_rank(const uint32_t *keys, int64_t n, int64_t rank) {
    enum { DIGITS = 1 << 11 };
    static const int shifts[] = {21, 10, 0};
    uint32_t found = 0, known = 0;
    for (int i = 0; i < 3; i++) {
        const uint32_t digits = i < 2 ? DIGITS : DIGITS / 2;
        int64_t counts[DIGITS] = {0};
        for (int64_t k = 0; k < n; k++)
            if ((keys[k] & known) == found) counts[(keys[k] >> shifts[i]) & (digits - 1)]++;
        uint32_t digit = 0;
        while (rank >= counts[digit]) rank -= counts[digit++];
        found |= digit << shifts[i];
        known |= (digits - 1) << shifts[i];
    }
    return found;
}

/* The `count` of the n rows that come first in the order that the words fix, in the order they are given. `keys` is scratch, [n]. */
PUBLIC void ja_first_in_order(const uint32_t *words, const uint32_t *rows, int64_t n, int64_t count, uint32_t *keys, int64_t *chosen) {
    for (int64_t i = 0; i < n; i++) keys[i] = order_key(rows[i], words);
    const uint32_t last = key_of_rank(keys, n, count - 1);
    int64_t place = 0;
    for (int64_t i = 0; place < count; i++) {
        chosen[place] = rows[i];
        place += keys[i] <= last;
    }
}
