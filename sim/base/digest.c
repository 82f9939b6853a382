/* SPDX-License-Identifier: MIT */
/*
 * Eight sums of 64 bits, over stripes of 64 bytes. A word is added as it stands, and as the product
 * of its halves after a key; the key depends on the place. It is the loop of XXH3 without what that
 * spends on inputs of any length, in plain C that compilers turn into vectors: the sums do not
 * depend on how wide these are, so a wider copy may be chosen at run time.
 */
#include "base/digest.h"

#include <string.h>

enum { LANES = 8, STRIPES = WRG_DIGEST_BYTES / (LANES * sizeof(uint64_t)) };

/* As wide as what was built for allows: the compiler splits it otherwise. */
typedef uint64_t vector __attribute__((vector_size(32)));

enum { WORDS = sizeof(vector) / sizeof(uint64_t), VECTORS = LANES / WORDS };

/*
 * From splitmix64. A stripe begins one later in the row than that before it. Vectors have a row
 * each: they are added up in the end, and what differs by the turn alone could be made equal.
 */
static const uint64_t keys[VECTORS][WORDS + STRIPES - 1] = {
    {
        UINT64_C(0x1cacf23b06812123),
        UINT64_C(0x6c34a1ef5d7a4530),
        UINT64_C(0x736ec33121f5dd30),
        UINT64_C(0x532c8275d504dae5),
        UINT64_C(0x3a62b59845455efd),
        UINT64_C(0x3d7f29a1fe731cb8),
        UINT64_C(0xcb9895396b7ecc34),
        UINT64_C(0x8b9fb028757e025e),
        UINT64_C(0x089cab60a119c73c),
        UINT64_C(0x3d4d14f34ad7d935),
        UINT64_C(0x5c3ea5af5f630c9d),
    },
    {
        UINT64_C(0xe560deb67736b29f),
        UINT64_C(0x58020776fffcca71),
        UINT64_C(0xbc3643dbe71bc050),
        UINT64_C(0xd4aea75fe3d317f0),
        UINT64_C(0xc8518d6ed853f474),
        UINT64_C(0xcc7ca25778c1bb88),
        UINT64_C(0x6e5b66dd3df8c64b),
        UINT64_C(0x6e07b4b39b6205db),
        UINT64_C(0x93bc91209e03680c),
        UINT64_C(0xfe44289137a5ab98),
        UINT64_C(0xf5079bcd9d417ab3),
    },
};

/* Odd, so that a sum which differs makes a term which differs. */
static const uint64_t factors[WORDS] = {
    UINT64_C(0xb00effaf7683ebdb),
    UINT64_C(0xd26249c5d3674613),
    UINT64_C(0xd15078d5bd5ca9ff),
    UINT64_C(0x38392d19bbc11d75),
};

__attribute__((always_inline)) static inline uint64_t digest(const uint8_t *bytes)
{
    vector sums[VECTORS] = { { 0 } };
    uint64_t mix = 0;

    for (unsigned stripe = 0; stripe < STRIPES; stripe++) {
        for (unsigned i = 0; i < VECTORS; i++) {
            vector words, keyed;
            memcpy(&words, bytes + (stripe * VECTORS + i) * sizeof(words), sizeof(words));
            memcpy(&keyed, keys[i] + stripe, sizeof(keyed));
            keyed ^= words;
            sums[i] += words + (keyed & UINT32_MAX) * (keyed >> 32);
        }
    }
    sums[0] += sums[1] << 23 | sums[1] >> 41;
    sums[0] ^= sums[0] >> 32;
    for (unsigned lane = 0; lane < WORDS; lane++)
        mix += sums[0][lane] * factors[lane];
    mix = (mix ^ mix >> 33) * factors[0];
    return mix ^ mix >> 29;
}

__attribute__((always_inline)) static inline void digests_of(const uint8_t *bytes, uint32_t count,
                                                             uint64_t *digests)
{
    for (uint32_t i = 0; i < count; i++)
        digests[i] = digest(bytes + (size_t)i * WRG_DIGEST_BYTES);
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static void digests_wide(const uint8_t *bytes, uint32_t count,
                                                         uint64_t *digests)
{
    digests_of(bytes, count, digests);
}
#endif

void wrg_digest_sectors(const void *bytes, uint32_t count, uint64_t *digests)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) {
        digests_wide(bytes, count, digests);
        return;
    }
#endif
    digests_of(bytes, count, digests);
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
