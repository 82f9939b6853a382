/* SPDX-License-Identifier: MIT */
#include "base/slots.h"

#include <string.h>

void wrg_slots_init(struct wrg_slots *slots, uint64_t *words, uint32_t count)
{
    memset(words, 0, wrg_slots_words(count) * sizeof(*words));
    *slots = (struct wrg_slots){ .words = words, .count = count };
    /* The slots behind the end, in the last word, are never free. */
    if (count % 64)
        words[count / 64] = UINT64_MAX << (count % 64);
}

uint32_t wrg_slots_find_word(struct wrg_slots *slots)
{
    const uint32_t last = (uint32_t)wrg_slots_words(slots->count) - 1;

    while (slots->hint < last && slots->words[slots->hint] == UINT64_MAX)
        slots->hint++;
    return slots->words[slots->hint] == UINT64_MAX ? WRG_SLOTS_NONE : slots->hint;
}

/* The first slot from `at` on that is taken, or free; `end` if none is below that. */
static uint32_t find_from(const struct wrg_slots *slots, uint32_t at, uint32_t end, bool taken)
{
    const uint64_t flip = taken ? 0 : UINT64_MAX;

    while (at < end) {
        uint64_t bits = (slots->words[at / 64] ^ flip) >> (at % 64);
        if (bits)
            return wrg_min_u32(at + (uint32_t)__builtin_ctzll(bits), end);
        at = (at / 64 + 1) * 64;
    }
    return end;
}

static void take_all(struct wrg_slots *slots, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++)
        slots->words[i / 64] |= 1ull << (i % 64);
    slots->taken += end - first;
    uint32_t last_word = (end - 1) / 64;
    if (slots->touched <= last_word)
        slots->touched = last_word + 1;
}

uint32_t wrg_slots_take_run(struct wrg_slots *slots, uint32_t run)
{
    WRG_ASSERT(run > 0);
    if (run == 1)
        return wrg_slots_take(slots);
    uint32_t word = wrg_slots_find_word(slots);
    uint32_t first = word == WRG_SLOTS_NONE ? slots->count : word * 64;
    for (uint32_t end; (uint64_t)first + run <= slots->count; first = end) {
        first = find_from(slots, first, slots->count, false);
        end = (uint32_t)wrg_min_u64((uint64_t)first + run, slots->count);
        end = find_from(slots, first, end, true);
        if (end - first == run) {
            take_all(slots, first, end);
            return first;
        }
    }
    return WRG_SLOTS_NONE;
}

void wrg_slots_save(const struct wrg_slots *slots, struct wrg_slots_saved *saved, uint64_t *buf)
{
    saved->slots = *slots;
    saved->nwords = slots->touched;
    memcpy(buf, slots->words, saved->nwords * sizeof(*buf));
}

void wrg_slots_restore(struct wrg_slots *slots, const struct wrg_slots_saved *saved,
                       const uint64_t *buf)
{
    uint64_t *words = slots->words;
    uint32_t touched = slots->touched;

    memcpy(words, buf, saved->nwords * sizeof(*buf));
    if (touched > saved->nwords)
        memset(words + saved->nwords, 0, (touched - saved->nwords) * sizeof(*words));
    *slots = saved->slots;
    if (slots->count % 64 && touched == wrg_slots_words(slots->count) && touched > saved->nwords)
        words[slots->count / 64] = UINT64_MAX << (slots->count % 64);
}
