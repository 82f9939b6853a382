/* SPDX-License-Identifier: MIT */
#include "disk/page_row.h"

#include <string.h>

/* Vectors that are looked at together, all of them without a branch. */
enum { ROW = 16 };

/* Where a row begins, vector by vector and view by view. */
struct row {
    const struct wrg_vec *vec;
    const struct wrg_view *view;
    const uint8_t *base;
    const uint8_t *dirty; /* of the frames of a read, which writes to them; else NULL */
    uint32_t at;          /* the slot of the view */
};

static inline uint64_t word_at(const void *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

/* Whole pages, whose slots follow each other. */
static inline bool vectors_follow(const struct row *row, uint32_t n)
{
    const struct wrg_vec first = { .page = row->at, .len = WRG_PAGE_SIZE };
    const struct wrg_vec exact = { .page = WRG_VIEW_MASK, .off = UINT16_MAX, .len = UINT16_MAX };
    uint64_t want = word_at(&first), odd = 0;

    for (uint32_t i = 0; i < n; i++)
        odd |= word_at(&row->vec[i]) ^ (want + i);
    return (odd & word_at(&exact)) == 0;
}

/* What is mapped there is what the vectors name, lies in a row, and may be written if it must. */
static inline bool views_follow(const struct row *row, uint32_t n)
{
    const struct wrg_view named = { .handle = UINT32_MAX }, writable = { .flags = WRG_VIEW_WRITE };
    uint64_t odd = 0, far = 0, flags = UINT64_MAX;

    for (uint32_t i = 0; i < n; i++) {
        const uint64_t word = word_at(&row->view[i].handle);
        far |= (uintptr_t)row->view[i].base ^ ((uintptr_t)row->base + i * WRG_PAGE_SIZE);
        odd |= word ^ word_at(&row->vec[i]);
        flags &= word;
    }
    return !far && !(odd & word_at(&named.handle)) &&
           (!row->dirty || (flags & word_at(&writable.handle)));
}

static inline bool are_dirty(const struct row *row, uint32_t n)
{
    uint8_t clean = 0;

    for (uint32_t i = 0; i < n; i++)
        clean |= row->dirty[i] == WRG_FRAME_CLEAN;
    return !clean;
}

/* A neighbour's slot may be somebody else's, who writes it just now: vectors come first. */
static inline bool is_movable(const struct row *row, uint32_t n)
{
    return vectors_follow(row, n) && views_follow(row, n) && (!row->dirty || are_dirty(row, n));
}

static inline void step_row(struct row *row, uint32_t n)
{
    row->vec += n;
    row->view += n;
    row->base += (size_t)n * WRG_PAGE_SIZE;
    if (row->dirty)
        row->dirty += n;
    row->at += n;
}

uint32_t wrg_page_row_count(const struct wrg_disk_context *context, const struct wrg_vec *vec,
                            uint32_t count, bool write)
{
    const uint32_t at = vec->page & WRG_VIEW_MASK, nviews = context->dom->nviews;
    const struct wrg_view *view = &context->dom->views[at];
    uint32_t n = 0;

    if (at >= nviews || !view->base)
        return 0;
    const uint8_t *dirty = write ? NULL : &context->xen->memory.dirty[view->frame];
    struct row row = { .vec = vec, .view = view, .base = view->base, .dirty = dirty, .at = at };
    count = wrg_min_u32(count, nviews - at);
    for (; count - n >= ROW && is_movable(&row, ROW); n += ROW)
        step_row(&row, ROW);
    for (; n < count && is_movable(&row, 1); n++)
        step_row(&row, 1);
    return n;
}
