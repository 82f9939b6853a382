/* SPDX-License-Identifier: MIT */
/*
 * Eight sums of 64 bits, over stripes of 64 bytes, without the first word, which is joined last. A
 * word is added as it stands, and as the product of its halves after a key; the key depends on the
 * place. It is the loop of XXH3 without what that spends on inputs of any length, in plain C that
 * compilers turn into vectors: the sums do not depend on how wide these are, so a wider copy may be
 * chosen at run time.
 */
#include "base/digest.h"

#include <string.h>

enum {
    LANES = 8,
    STRIPES = WRG_DIGEST_BYTES / (LANES * sizeof(uint64_t)),
    TURN_STRIPES = WRG_DIGEST_TURN / (LANES * sizeof(uint64_t))
};

/* As wide as any processor has them: the compiler splits it where they are not. */
typedef uint64_t stripe __attribute__((vector_size(LANES * sizeof(uint64_t))));
typedef uint64_t half __attribute__((vector_size(LANES / 2 * sizeof(uint64_t))));

/* splitmix64 of a number, as a constant. */
#define SPREAD(n) (UINT64_C(0x9e3779b97f4a7c15) * ((n) + 1))
#define MIX_1(z)  (((z) ^ (z) >> 30) * UINT64_C(0xbf58476d1ce4e5b9))
#define MIX_2(z)  (((z) ^ (z) >> 27) * UINT64_C(0x94d049bb133111eb))
#define MIX_3(z)  ((z) ^ (z) >> 31)
#define RANDOM(n) MIX_3(MIX_2(MIX_1(SPREAD(n))))
#define KEYS(n)                                                                                    \
    {                                                                                              \
        RANDOM(n), RANDOM((n) + 1), RANDOM((n) + 2), RANDOM((n) + 3), RANDOM((n) + 4),             \
            RANDOM((n) + 5), RANDOM((n) + 6), RANDOM((n) + 7)                                      \
    }

/* A sector has the first of them. */
static const stripe keys[TURN_STRIPES] = {
    KEYS(0),   KEYS(8),   KEYS(16),  KEYS(24),  KEYS(32),  KEYS(40),  KEYS(48),  KEYS(56),
    KEYS(64),  KEYS(72),  KEYS(80),  KEYS(88),  KEYS(96),  KEYS(104), KEYS(112), KEYS(120),
    KEYS(128), KEYS(136), KEYS(144), KEYS(152), KEYS(160), KEYS(168), KEYS(176), KEYS(184),
    KEYS(192), KEYS(200), KEYS(208), KEYS(216), KEYS(224), KEYS(232), KEYS(240), KEYS(248),
};

#define FACTOR UINT64_C(0xb00effaf7683ebdb)

/* Odd, so that a sum which differs makes a term which differs. */
static const half factors = {
    FACTOR,
    UINT64_C(0xd26249c5d3674613),
    UINT64_C(0xd15078d5bd5ca9ff),
    UINT64_C(0x38392d19bbc11d75),
};

static const stripe turn_factors = {
    FACTOR,
    UINT64_C(0xd26249c5d3674613),
    UINT64_C(0xd15078d5bd5ca9ff),
    UINT64_C(0x38392d19bbc11d75),
    UINT64_C(0x9fb21c651e98df25),
    UINT64_C(0xd6e8feb86659fd93),
    UINT64_C(0xa0761d6478bd642f),
    UINT64_C(0xe7037ed1a0b428db),
};

/* Adds words as they stand, and as the products of their halves after a key. */
__attribute__((always_inline)) static inline void add(stripe *sums, const stripe *words,
                                                      const stripe *key)
{
    stripe keyed = *key ^ *words;

    *sums += *words + (keyed & UINT32_MAX) * (keyed >> 32);
}

static inline uint64_t spread(uint64_t mix)
{
    mix = (mix ^ mix >> 33) * FACTOR;
    return mix ^ mix >> 29;
}

__attribute__((always_inline)) static inline uint64_t join(const stripe *sums)
{
    half low, high;
    uint64_t mix = 0;

    memcpy(&low, sums, sizeof(low));
    memcpy(&high, (const uint8_t *)sums + sizeof(low), sizeof(high));
    low += high << 23 | high >> 41;
    low ^= low >> 32;
    low *= factors;
    for (unsigned lane = 0; lane < LANES / 2; lane++)
        mix += low[lane];
    return spread(mix);
}

/* The first word counts as zero. */
__attribute__((always_inline)) static inline uint64_t behind(const uint8_t *bytes)
{
    static const stripe but_first = { 0,          UINT64_MAX, UINT64_MAX, UINT64_MAX,
                                      UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX };
    stripe sums = { 0 };

    for (unsigned i = 0; i < STRIPES; i++) {
        stripe words;
        memcpy(&words, bytes + i * sizeof(words), sizeof(words));
        if (i == 0)
            words &= but_first;
        add(&sums, &words, &keys[i]);
    }
    return join(&sums);
}

__attribute__((always_inline)) static inline void behind_of(const uint8_t *bytes, uint32_t count,
                                                            uint64_t *to)
{
    for (uint32_t i = 0; i < count; i++)
        to[i] = behind(bytes + (size_t)i * WRG_DIGEST_BYTES);
}

__attribute__((always_inline)) static inline uint64_t turn_of(const uint8_t *bytes)
{
    stripe sums = { 0 };
    uint64_t mix = 0;

    for (unsigned i = 0; i < TURN_STRIPES; i++) {
        stripe words;
        memcpy(&words, bytes + i * sizeof(words), sizeof(words));
        add(&sums, &words, &keys[i]);
    }
    /* More words than a sector has: each sum has a factor of its own, and none meets another. */
    sums ^= sums >> 32;
    sums *= turn_factors;
    for (unsigned lane = 0; lane < LANES; lane++)
        mix += sums[lane];
    return spread(mix);
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static uint64_t turn_avx2(const uint8_t *bytes)
{
    return turn_of(bytes);
}

__attribute__((target("avx512f,avx512vl,avx512dq"))) static uint64_t turn_avx512(
    const uint8_t *bytes)
{
    return turn_of(bytes);
}

__attribute__((target("avx2"))) static void behind_avx2(const uint8_t *bytes, uint32_t count,
                                                        uint64_t *to)
{
    behind_of(bytes, count, to);
}

__attribute__((target("avx512f,avx512vl,avx512dq"))) static void behind_avx512(const uint8_t *bytes,
                                                                               uint32_t count,
                                                                               uint64_t *to)
{
    behind_of(bytes, count, to);
}
#endif

void wrg_digest_behind(const void *bytes, uint32_t count, uint64_t *to)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512vl")) {
        behind_avx512(bytes, count, to);
        return;
    }
    if (__builtin_cpu_supports("avx2")) {
        behind_avx2(bytes, count, to);
        return;
    }
#endif
    behind_of(bytes, count, to);
}

uint64_t wrg_digest_turn(const void *bytes)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512vl"))
        return turn_avx512(bytes);
    if (__builtin_cpu_supports("avx2"))
        return turn_avx2(bytes);
#endif
    return turn_of(bytes);
}

void wrg_digest_sectors(const void *bytes, uint32_t count, uint64_t *digests)
{
    const uint8_t *at = bytes;

    wrg_digest_behind(bytes, count, digests);
    for (uint32_t i = 0; i < count; i++, at += WRG_DIGEST_BYTES) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        digests[i] = wrg_digest_join(digests[i], word);
    }
}

/* Less than a word; its length is known to the chain, so that zeros count. */
static uint64_t rest_of(const uint8_t *bytes, size_t len)
{
    uint32_t low, high;
    uint64_t word = 0;

    if (len >= sizeof(low)) {
        memcpy(&low, bytes, sizeof(low));
        memcpy(&high, bytes + len - sizeof(high), sizeof(high));
        return (uint64_t)high << 32 | low;
    }
    for (size_t i = 0; i < len; i++)
        word = word << 8 | bytes[i];
    return word;
}

uint64_t wrg_digest_bytes(uint64_t chain, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    uint64_t words[2];

    chain += len;
    if (len >= 2 * sizeof(words)) { /* two chains side by side: a product waits for the last one */
        uint64_t beside = ~chain;
        for (; len >= 2 * sizeof(words); at += 2 * sizeof(words), len -= 2 * sizeof(words)) {
            memcpy(words, at, sizeof(words));
            chain = wrg_digest_words(chain, words[0], words[1]);
            memcpy(words, at + sizeof(words), sizeof(words));
            beside = wrg_digest_words(beside, words[0], words[1]);
        }
        chain = wrg_digest_words(chain, beside, len);
    }
    for (; len >= sizeof(words); at += sizeof(words), len -= sizeof(words)) {
        memcpy(words, at, sizeof(words));
        chain = wrg_digest_words(chain, words[0], words[1]);
    }
    if (len >= sizeof(*words)) {
        memcpy(words, at, sizeof(*words));
        return wrg_digest_words(chain, words[0],
                                rest_of(at + sizeof(*words), len - sizeof(*words)));
    }
    return len ? wrg_digest_words(chain, rest_of(at, len), 0) : chain;
}
