/* Rows of uniforms at addresses (chance.py): Philox4x32-10, several images side by side. */

#include "jointaug.h"

#define SIDE 16 /* images whose rounds run together: enough for the widest vectors */

typedef uint32_t lanes[SIDE];

/* Salmon, Moraes, Dror and Shaw, SC 2011, sec. 5.3, on SIDE counters with a key for each. */
static void philox(lanes a, lanes b, lanes c, lanes d, lanes k0, lanes k1) {
    for (int round = 0; round < 10; round++)
        for (int i = 0; i < SIDE; i++) {
            const uint64_t p = (uint64_t)0xD2511F53 * a[i], q = (uint64_t)0xCD9E8D57 * c[i];
            a[i] = (uint32_t)(q >> 32) ^ b[i] ^ k0[i];
            b[i] = (uint32_t)q;
            c[i] = (uint32_t)(p >> 32) ^ d[i] ^ k1[i];
            d[i] = (uint32_t)p;
            k0[i] += 0x9E3779B9;
            k1[i] += 0xBB67AE85;
        }
}

/* The rows of `count` images at `positions` of a pipeline (triples: step, view, how many uniforms), one row of uniforms in (0, 1) after
 * another: result[k * count + i] is uniform k, counted over all positions, of image i. The image's words come first (its key, and a salt
 * of the position), then those of the position, four in a block. `draws` is NULL where all images have the one draw. */
PUBLIC void ja_uniforms(const int64_t *index, const int64_t *draws, int64_t count, uint64_t seed, uint32_t epoch, uint32_t draw,
                        const uint64_t *positions, int64_t many, double *result) {
    for (int64_t start = 0; start < count; start += SIDE) {
        const int64_t end = count - start < SIDE ? count - start : SIDE;
        lanes key0, key1, salt0, salt1, k0, k1;
        for (int i = 0; i < SIDE; i++) {
            const int64_t place = start + (i < end ? i : 0);
            key0[i] = (uint32_t)index[place];
            key1[i] = (uint32_t)((uint64_t)index[place] >> 32);
            salt0[i] = epoch;
            salt1[i] = draws ? (uint32_t)draws[place] : draw;
            k0[i] = (uint32_t)seed;
            k1[i] = (uint32_t)(seed >> 32);
        }
        philox(key0, key1, salt0, salt1, k0, k1);
        double *row = result + start;
        for (int64_t position = 0; position < many; position++) {
            const uint64_t step = positions[3 * position], view = positions[3 * position + 1];
            const int64_t n = (int64_t)positions[3 * position + 2];
            for (int64_t first = 0; first < n; first += 4) {
                lanes words[4];
                for (int i = 0; i < SIDE; i++) {
                    words[0][i] = (uint32_t)step ^ salt0[i];
                    words[1][i] = (uint32_t)(step >> 32) ^ salt1[i];
                    words[2][i] = (uint32_t)view;
                    words[3][i] = (uint32_t)(first / 4);
                    k0[i] = key0[i];
                    k1[i] = key1[i];
                }
                philox(words[0], words[1], words[2], words[3], k0, k1);
                for (int64_t k = first; k < first + 4 && k < n; k++, row += count)
                    for (int64_t i = 0; i < end; i++) row[i] = words[k - first][i] * 0x1p-32 + 0x1p-33;
            }
        }
    }
}
