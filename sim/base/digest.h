/* SPDX-License-Identifier: MIT */
/*
 * Digests of disk sectors, and a chain for whatever comes in pieces.
 *
 * What it is    64 bits that tell whether bytes are the same: each byte counts, and so does its
 *               place. The same value on every machine of one byte order.
 * Layer         base
 * Errors        none
 * Left out      resistance against somebody who looks for collisions
 */
#ifndef WRG_BASE_DIGEST_H
#define WRG_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define WRG_DIGEST_BYTES 512u

/* The chain behind two more words. */
static inline uint64_t wrg_digest_words(uint64_t chain, uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)(chain ^ a) * (b ^ UINT64_C(0x9e3779b97f4a7c15));

    /* The sum keeps the chain even where a factor happens to be zero. */
    return ((uint64_t)product ^ (uint64_t)(product >> 64)) + chain;
}

/* The chain behind so many bytes; how many there are counts too. */
uint64_t wrg_digest_bytes(uint64_t chain, const void *bytes, size_t len);

/*
 * A sector's digest, from what its first word is and what is behind that: where only the first
 * words change, as those do that are stamped, nothing else is read again.
 */
static inline uint64_t wrg_digest_join(uint64_t behind, uint64_t word)
{
    word ^= word >> 32;
    word *= UINT64_C(0x9fb21c651e98df25);
    return behind + (word ^ word >> 29);
}

/* Of `count` times 512 bytes at `bytes`, one each. */
void wrg_digest_sectors(const void *bytes, uint32_t count, uint64_t *digests);
/* Of so many bytes at once, for less than of as many sectors one by one. */
#define WRG_DIGEST_TURN 2048u
uint64_t wrg_digest_turn(const void *bytes);
/* What wrg_digest_join wants to know of each of them. */
void wrg_digest_behind(const void *bytes, uint32_t count, uint64_t *behind);

#endif
