/* The inner loops of the negative samplers (neighbors/_pools.py). Nothing in them branches on a score or a key, which no processor
 * could foresee: a candidate is always written, and the place after it is only sometimes advanced to. */

#include "jointaug.h"

#define BLOCK 1024 /* columns between looks at the room that is left */

/* For each row of scores [rows, stride]: append the columns below `width` whose score is at least the row's `least` to its line of
 * numbers and of kept scores, [rows, room], behind the counts[row] that are there; numbers are columns plus `first`. A row whose line
 * might not hold all has the count -1 from then on. */
PUBLIC void ja_keep_above(const float *scores, int64_t stride, int64_t rows, int64_t width, const float *least, int64_t first,
                          int64_t room, uint32_t *numbers, float *kept, int64_t *counts) {
    for (int64_t row = 0; row < rows; row++) {
        const float *line = scores + row * stride, lowest = least[row];
        uint32_t *number = numbers + row * room;
        float *score = kept + row * room;
        int64_t count = counts[row];
        for (int64_t start = 0; start < width && count >= 0; start += BLOCK) {
            const int64_t stop = start + BLOCK < width ? start + BLOCK : width;
            if (count + stop - start > room) {
                count = -1;
                break;
            }
            for (int64_t column = start; column < stop; column++) {
                number[count] = (uint32_t)(first + column);
                score[count] = line[column];
                count += line[column] >= lowest;
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
