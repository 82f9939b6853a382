/* SPDX-License-Identifier: MIT */
#include "base/rng.h"

void wrg_rng_fill(struct wrg_rng *r, void *to, size_t len_bytes)
{
    uint8_t *at = to;
    uint64_t v = 0;

    for (size_t i = 0; i < len_bytes; i++) {
        if (i % 8 == 0)
            v = wrg_rng_u64(r);
        at[i] = (uint8_t)(v >> (8 * (i % 8)));
    }
}
