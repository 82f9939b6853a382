/* SPDX-License-Identifier: MIT */
/*
 * Seedable random numbers: xoshiro256**, seeded by splitmix64.
 *
 * Layer: base. The state is a plain struct: copying it saves it, copying it back restores it.
 * The sequence of a seed is part of the case format (it fixes schedules and data patterns) and
 * never changes. Not for secrets. Threads: a generator belongs to one thread.
 * Source: Blackman and Vigna, prng.di.unimi.it.
 */
#ifndef WRG_BASE_RNG_H
#define WRG_BASE_RNG_H

#include "base/base.h"

struct wrg_rng {
    uint64_t s[4];
};

/* One step of splitmix64: a good mixer of counters and ids, too. */
static inline uint64_t wrg_splitmix64(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline uint64_t wrg_rotl_u64(uint64_t v, unsigned bits)
{
    return v << bits | v >> (64 - bits);
}

/* Every seed is good, 0 included. */
static inline void wrg_rng_seed(struct wrg_rng *r, uint64_t seed)
{
    for (size_t i = 0; i < 4; i++)
        r->s[i] = wrg_splitmix64(&seed);
}

static inline uint64_t wrg_rng_u64(struct wrg_rng *r)
{
    uint64_t result = wrg_rotl_u64(r->s[1] * 5, 7) * 9;
    uint64_t t = r->s[1] << 17;

    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= t;
    r->s[3] = wrg_rotl_u64(r->s[3], 45);
    return result;
}

/*
 * 0 .. bound-1 by multiply-shift; 0 for a bound of 0 or 1, which still takes a number, so that the
 * sequence does not depend on bounds. The bias is below bound / 2^32.
 */
static inline uint32_t wrg_rng_below(struct wrg_rng *r, uint32_t bound)
{
    return (uint32_t)((wrg_rng_u64(r) >> 32) * bound >> 32);
}

/* Fills memory; the same bytes on every machine. */
void wrg_rng_fill(struct wrg_rng *r, void *to, size_t len_bytes);

#endif
