/* SPDX-License-Identifier: MIT */
/*
 * A set of numbered slots, of which always the lowest free one is taken.
 *
 * What it is    The allocator behind grefs, page slots, mappings and event channel ports. Lowest
 *               first makes the state after a run that returned everything equal to the state
 *               before it, so that a snapshot of it is a short copy, and makes early reuse (and its
 *               bugs) frequent.
 * Layer         base
 * Bounds        1..2^24 slots; memory is the caller's: wrg_slots_words(n) words of 64 bits
 * Threads       none of its own; the owner holds his lock
 * Errors        WRG_SLOTS_NONE when nothing (or no run that long) is free
 */
#ifndef WRG_BASE_SLOTS_H
#define WRG_BASE_SLOTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

#define WRG_SLOTS_NONE UINT32_MAX

struct wrg_slots {
    uint64_t *words; /* a set bit is a slot that is taken */
    uint32_t count;
    uint32_t taken;
    uint32_t hint;    /* a word; none below it has room */
    uint32_t touched; /* words ever written since the last restore, from 0 */
};

static inline size_t wrg_slots_words(uint32_t count)
{
    return (count + 63) / 64;
}

/* The lowest n bits of a word, 1..64. */
static inline uint64_t wrg_slots_mask(uint32_t n)
{
    return UINT64_MAX >> (64 - n);
}

void wrg_slots_init(struct wrg_slots *slots, uint64_t *words, uint32_t count);
/* Takes `run` neighbours; 1 is the fast and usual case. */
uint32_t wrg_slots_take_run(struct wrg_slots *slots, uint32_t run);

/* The first word with a free slot, which becomes the hint, or WRG_SLOTS_NONE. */
uint32_t wrg_slots_find_word(struct wrg_slots *slots);

static inline uint32_t wrg_slots_take(struct wrg_slots *slots)
{
    uint32_t word = slots->hint;

    if (WRG_UNLIKELY(slots->words[word] == UINT64_MAX)) {
        word = wrg_slots_find_word(slots);
        if (word == WRG_SLOTS_NONE)
            return WRG_SLOTS_NONE;
    }
    uint64_t bits = slots->words[word];
    uint32_t bit = (uint32_t)__builtin_ctzll(~bits);
    slots->words[word] = bits | (bits + 1); /* its lowest zero */
    slots->taken++;
    if (slots->touched <= word)
        slots->touched = word + 1;
    return word * 64 + bit;
}

/* Takes up to `max`, the lowest free ones first, in order. Returns how many there were. */
static inline uint32_t wrg_slots_take_many(struct wrg_slots *slots, uint32_t *out, uint32_t max)
{
    uint32_t nwords = (uint32_t)wrg_slots_words(slots->count);
    uint32_t word = slots->hint;
    uint32_t got = 0;

    for (; got < max && word < nwords; word++) {
        uint64_t bits = ~slots->words[word];
        while (bits && got < max) { /* the next neighbours that are free */
            uint32_t first = (uint32_t)__builtin_ctzll(bits);
            uint64_t taken = ~(bits >> first);
            uint32_t run = taken ? (uint32_t)__builtin_ctzll(taken) : 64;
            run = wrg_min_u32(run, max - got);
            const uint32_t slot = word * 64 + first;
            for (uint32_t i = 0; i < run; i++)
                out[i] = slot + i;
            out += run;
            got += run;
            bits &= ~(wrg_slots_mask(run) << first);
        }
        slots->words[word] = ~bits;
        if (slots->touched <= word)
            slots->touched = word + 1;
        if (bits)
            break;
    }
    slots->hint = word < nwords ? word : nwords - 1;
    slots->taken += got;
    return got;
}

static inline bool wrg_slots_is_taken(const struct wrg_slots *slots, uint32_t slot)
{
    return slot < slots->count && (slots->words[slot / 64] >> (slot % 64) & 1);
}

/* Whether all of n neighbours are, 1..64 of them. */
static inline bool wrg_slots_are_taken(const struct wrg_slots *slots, uint32_t first, uint32_t n)
{
    uint32_t word = first / 64, bit = first % 64;

    if (first >= slots->count || slots->count - first < n)
        return false;
    uint64_t bits = slots->words[word] >> bit;
    if (bit + n > 64)
        bits |= slots->words[word + 1] << (64 - bit);
    return (~bits & wrg_slots_mask(n)) == 0;
}

static inline void wrg_slots_put(struct wrg_slots *slots, uint32_t slot)
{
    uint64_t *word = &slots->words[slot / 64];
    const uint64_t bit = 1ull << (slot % 64);

    WRG_ASSERT(*word & bit);
    *word ^= bit;
    slots->taken--;
    if (slots->hint > slot / 64)
        slots->hint = slot / 64;
}

/* Gives back many, one word at a time. Each slot was taken, and comes once; until the end nobody
 * else uses the set. */
struct wrg_slots_putting {
    struct wrg_slots *slots;
    uint64_t bits; /* of the word, to be cleared */
    uint32_t word;
    uint32_t lowest;
};

static inline struct wrg_slots_putting wrg_slots_put_begin(struct wrg_slots *slots)
{
    return (struct wrg_slots_putting){ .slots = slots, .lowest = UINT32_MAX };
}

static inline void wrg_slots_put_flush(struct wrg_slots_putting *putting)
{
    uint64_t *word = &putting->slots->words[putting->word];

    WRG_ASSERT((*word & putting->bits) == putting->bits);
    *word &= ~putting->bits;
    if (putting->bits && putting->word < putting->lowest)
        putting->lowest = putting->word;
    putting->bits = 0;
}

static inline void wrg_slots_put_next(struct wrg_slots_putting *putting, uint32_t slot)
{
    if (slot / 64 != putting->word)
        wrg_slots_put_flush(putting);
    putting->word = slot / 64;
    putting->bits |= 1ull << (slot % 64);
}

/* n neighbours, 1..64. */
static inline void wrg_slots_put_run(struct wrg_slots_putting *putting, uint32_t first, uint32_t n)
{
    uint32_t bit = first % 64, here = wrg_min_u32(n, 64 - bit);

    if (first / 64 != putting->word)
        wrg_slots_put_flush(putting);
    putting->word = first / 64;
    putting->bits |= wrg_slots_mask(here) << bit;
    if (here < n)
        wrg_slots_put_run(putting, first + here, n - here);
}

/* count: how many there were. */
static inline void wrg_slots_put_end(struct wrg_slots_putting *putting, uint32_t count)
{
    wrg_slots_put_flush(putting);
    putting->slots->taken -= count;
    if (putting->lowest < putting->slots->hint)
        putting->slots->hint = putting->lowest;
}

/* One past the highest slot that may have been taken since the last restore. */
static inline uint32_t wrg_slots_high(const struct wrg_slots *slots)
{
    uint32_t high = slots->touched * 64;
    return high < slots->count ? high : slots->count;
}

/* A copy of the used part, for a snapshot: `buf` of `touched` words. */
struct wrg_slots_saved {
    struct wrg_slots slots;
    uint32_t nwords;
};
void wrg_slots_save(const struct wrg_slots *slots, struct wrg_slots_saved *saved, uint64_t *buf);
void wrg_slots_restore(struct wrg_slots *slots, const struct wrg_slots_saved *saved,
                       const uint64_t *buf);

#endif
