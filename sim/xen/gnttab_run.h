/* SPDX-License-Identifier: MIT */
/*
 * Entries that follow each other: what the fast loops of the grant table do several at a time.
 *
 * What it is    Big requests name pages that are neighbours, get refs and slots that are, and so
 *               everything that is known of them lies in a row: words that differ by a constant. A
 *               run of these is compared, and written, as a whole.
 * Layer         xen, private to gnttab*.c
 * Shapes        WRG_RUN entries; a row is an array of words of 64 bits, or of pairs of them, that
 *               is as long
 */
#ifndef WRG_XEN_GNTTAB_RUN_H
#define WRG_XEN_GNTTAB_RUN_H

#include "xen/gnttab_impl.h"

enum { WRG_RUN = 32 };

/* One register where a machine has any of that size. */
typedef uint64_t wrg_pair __attribute__((vector_size(16)));
typedef uint16_t wrg_pair_halves __attribute__((vector_size(16)));

/* What a row begins with, two words, and what the next two have more. */
struct wrg_row {
    wrg_pair first, step;
};

static inline uint64_t wrg_word(const void *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

static inline void wrg_put_word(void *at, uint64_t word)
{
    memcpy(at, &word, sizeof(word));
}

static inline void wrg_put_half(void *at, uint32_t half)
{
    memcpy(at, &half, sizeof(half));
}

static inline wrg_pair wrg_pair_at(const void *at, uint32_t i)
{
    wrg_pair pair;

    memcpy(&pair, (const uint8_t *)at + i * sizeof(pair), sizeof(pair));
    return pair;
}

static inline void wrg_put_pair(void *at, uint32_t i, wrg_pair pair)
{
    memcpy((uint8_t *)at + i * sizeof(pair), &pair, sizeof(pair));
}

static inline wrg_pair wrg_both(uint64_t word)
{
    return (wrg_pair){ word, word };
}

static inline bool wrg_is_zero(wrg_pair pair)
{
    return (pair[0] | pair[1]) == 0;
}

/* ---- rows of words ---- */

static inline struct wrg_row wrg_row_of(uint64_t first, uint64_t step)
{
    return (struct wrg_row){ .first = { first, first + step }, .step = wrg_both(2 * step) };
}

/* Whether the words are those of the row, in the bits of the mask. */
static inline bool wrg_row_is(const void *at, struct wrg_row row, uint64_t mask)
{
    wrg_pair odd = { 0 };

    for (uint32_t i = 0; i < WRG_RUN / 2; i++, row.first += row.step)
        odd |= wrg_pair_at(at, i) ^ row.first;
    return wrg_is_zero(odd & wrg_both(mask));
}

static inline void wrg_row_put(void *at, struct wrg_row row)
{
    for (uint32_t i = 0; i < WRG_RUN / 2; i++, row.first += row.step)
        wrg_put_pair(at, i, row.first);
}

/* Of each word: the bits of `keep` stay, those of `set` are set. */
static inline void wrg_row_change(void *at, uint64_t keep, uint64_t set)
{
    for (uint32_t i = 0; i < WRG_RUN / 2; i++)
        wrg_put_pair(at, i, (wrg_pair_at(at, i) & wrg_both(keep)) | wrg_both(set));
}

static inline void wrg_row_add(void *at, uint64_t by)
{
    for (uint32_t i = 0; i < WRG_RUN / 2; i++)
        wrg_put_pair(at, i, wrg_pair_at(at, i) + wrg_both(by));
}

/* ---- views ---- */

#define WRG_GENERATION (1u << WRG_VIEW_BITS)

/*
 * Whether these are the handles of the views, which shows that the pages are neighbours: a handle
 * names its place. No handle is of generation 0, and the last one does not count, as what comes
 * behind it is not one more. It takes more to know that a page is there.
 */
static inline bool wrg_handles_are(const struct wrg_view *views, const uint32_t *pages)
{
    uint32_t wrong = 0, odd = 0;

    for (uint32_t i = 0; i < WRG_RUN; i++) {
        uint32_t generation = pages[i] >> WRG_VIEW_BITS;
        odd |= (generation - 1) | ((UINT32_MAX >> WRG_VIEW_BITS) - 1 - generation);
    }
    for (uint32_t i = 0; i < WRG_RUN; i++)
        wrong |= views[i].handle ^ pages[i];
    return !wrong && !(odd >> 31); /* nothing was below zero */
}

/* ---- numbers: handles, refs, slots ---- */

static inline bool wrg_numbers_follow(const uint32_t *numbers)
{
    uint32_t odd = 0;

    for (uint32_t i = 0; i < WRG_RUN; i++)
        odd |= numbers[i] ^ (numbers[0] + i);
    return odd == 0;
}

/* The same of numbers that grow: such as were taken together. */
static inline bool wrg_taken_follow(const uint32_t *numbers)
{
    return numbers[WRG_RUN - 1] - numbers[0] == WRG_RUN - 1;
}

/* Whether first .. first + WRG_RUN - 1 are all below the bound. */
static inline bool wrg_run_fits(uint32_t first, uint32_t bound)
{
    return first < bound && bound - first >= WRG_RUN;
}

/* ---- frames ---- */

WRG_STATIC_ASSERT(sizeof(struct wrg_frame) == 8 && sizeof(struct wrg_maptrack) == 8 &&
                      sizeof(struct wrg_grant_pin) == 8 && sizeof(struct wrg_view) == 16,
                  "one word each, a view two");

typedef uint8_t wrg_pair_bytes __attribute__((vector_size(16)));

/* Before a change of what is known of these frames. */
static inline void wrg_mark_run(struct wrg_memory *mem, uint32_t frame)
{
    wrg_pair clean = { 0 };

    for (uint32_t i = 0; i < WRG_RUN / sizeof(clean); i++)
        clean |= (wrg_pair)((wrg_pair_bytes)wrg_pair_at(&mem->dirty[frame], i) == WRG_FRAME_CLEAN);
    if (WRG_LIKELY(wrg_is_zero(clean)))
        return;
    for (uint32_t i = 0; i < WRG_RUN; i++)
        wrg_memory_mark_meta(mem, frame + i);
}

/* ---- a batch ---- */

/* What its loops need, kept out of the way of their stores. */
struct wrg_quiet {
    struct wrg_memory *memory;
    struct wrg_frame *frames;
    const uint8_t *dirty;
    struct wrg_grant_entry *table; /* of the granter */
    uint32_t table_frame;
    uint32_t marked; /* the frame of the table that was marked last */
};

static inline struct wrg_quiet wrg_quiet_on(struct wrg_xen *xen, const struct wrg_domain *granter)
{
    return (struct wrg_quiet){ .memory = &xen->memory,
                               .frames = xen->memory.frames,
                               .dirty = xen->memory.dirty,
                               .table = wrg_gnttab_entry(xen, granter, 0),
                               .table_frame = granter->gnttab.first_frame,
                               .marked = UINT32_MAX };
}

/* Before a change of what is known of a frame. */
static inline void wrg_quiet_mark(const struct wrg_quiet *q, uint32_t frame)
{
    if (WRG_UNLIKELY(!q->dirty[frame]))
        wrg_memory_mark_meta(q->memory, frame);
}

/* Before a change of an entry. */
static inline void wrg_quiet_mark_entry(struct wrg_quiet *q, uint32_t gref)
{
    uint32_t frame = q->table_frame + gref / WRG_GNTTAB_PER_FRAME;

    if (WRG_LIKELY(frame == q->marked))
        return;
    q->marked = frame;
    wrg_memory_mark(q->memory, frame);
}

static inline void wrg_quiet_mark_entries(struct wrg_quiet *q, uint32_t gref)
{
    wrg_quiet_mark_entry(q, gref);
    wrg_quiet_mark_entry(q, gref + WRG_RUN - 1);
}

#endif
