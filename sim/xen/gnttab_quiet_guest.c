/* SPDX-License-Identifier: MIT */
/* What is usual of the guest's side: pages are granted, and grants taken back. */
#include "xen/gnttab_quiet.h"
#include "xen/gnttab_run.h"

#define IN_USE    (GTF_reading | GTF_writing)
#define FRAME     (UINT64_C(0xffffffff) << 32) /* of an entry */
#define NEXT_PAGE (UINT64_C(1) << 32)

static uint64_t one_grant(void)
{
    const struct wrg_frame frame = { .granted = 1 };

    return wrg_word(&frame);
}

/* ---- granting ---- */

struct granting {
    struct wrg_quiet q;
    const struct wrg_domain *dom;
    const struct wrg_view *views;
    uint32_t nviews;
    uint64_t head; /* of an entry, without its frame */
};

/* Pages of the guest's own: each place has one frame. */
static bool grant_run(struct granting *g, const uint32_t *pages, const uint32_t *grefs)
{
    const uint32_t at = pages[0] & WRG_VIEW_MASK, gref = grefs[0];

    if (!wrg_slots_are_taken(&g->dom->own, at, WRG_RUN) || !wrg_taken_follow(grefs) ||
        !wrg_handles_are(&g->views[at], pages))
        return false;
    uint32_t frame = g->dom->first_frame + at;
    wrg_quiet_mark_entries(&g->q, gref);
    wrg_mark_run(g->q.memory, frame);
    wrg_row_add(&g->q.frames[frame], one_grant());
    wrg_row_put(&g->q.table[gref], wrg_row_of(g->head | (uint64_t)frame << 32, NEXT_PAGE));
    return true;
}

/* Returns how many of the first are done. */
static uint32_t grant_few(struct granting *g, const uint32_t *pages, const uint32_t *grefs,
                          uint32_t count)
{
    uint32_t i;

    for (i = 0; i < count; i++) {
        const uint32_t at = pages[i] & WRG_VIEW_MASK, gref = grefs[i];
        if (at >= g->nviews || g->views[at].handle != pages[i] || !g->views[at].base)
            break;
        uint32_t frame = g->views[at].frame;
        wrg_quiet_mark_entry(&g->q, gref);
        wrg_quiet_mark(&g->q, frame);
        g->q.frames[frame].granted++;
        wrg_put_word(&g->q.table[gref], g->head | (uint64_t)frame << 32);
    }
    return i;
}

uint32_t wrg_gnttab_grant_quiet(struct wrg_xen *xen, struct wrg_domain *dom,
                                const struct wrg_gnttab_grant *args, uint32_t first, uint32_t count)
{
    struct granting g = { .q = wrg_quiet_on(xen, dom),
                          .dom = dom,
                          .views = dom->views,
                          .nviews = dom->nviews,
                          .head = (uint64_t)args->domid << 16 | GTF_permit_access |
                                  (args->readonly ? GTF_readonly : 0) };
    const uint32_t *pages = args->pages + first;
    const uint32_t *grefs = args->grefs + first;
    uint32_t i = 0;

    for (uint32_t n = 0, done = 0; i < count && done == n; i += done) {
        n = wrg_min_u32(count - i, WRG_RUN);
        done = n == WRG_RUN && grant_run(&g, pages + i, grefs + i)
                   ? n
                   : grant_few(&g, pages + i, grefs + i, n);
    }
    dom->gnttab.given += i;
    return i;
}

/* ---- taking back ---- */

struct ending {
    struct wrg_quiet q;
    struct wrg_slots *refs;
    struct wrg_slots_putting putting;
    uint32_t nframes;
};

/* Whether each of these frames is granted. */
static bool are_granted(const struct wrg_frame *frames)
{
    const wrg_pair granted = wrg_both(wrg_word(&(struct wrg_frame){ .granted = UINT16_MAX }));
    wrg_pair none = { 0 };

    for (uint32_t i = 0; i < WRG_RUN / 2; i++)
        none |= (wrg_pair)((wrg_pair_halves)wrg_pair_at(frames, i) == 0);
    return wrg_is_zero(none & granted);
}

static bool end_run(struct ending *e, uint32_t *grefs)
{
    const uint32_t gref = grefs[0];

    if (gref < WRG_GNTTAB_RESERVED || !wrg_numbers_follow(grefs) ||
        !wrg_slots_are_taken(e->refs, gref, WRG_RUN))
        return false;
    struct wrg_grant_entry *entry = &e->q.table[gref];
    uint32_t frame = (uint32_t)(wrg_word(entry) >> 32);
    struct wrg_row row = wrg_row_of(GTF_permit_access | (uint64_t)frame << 32, NEXT_PAGE);
    if (!wrg_run_fits(frame, e->nframes) ||
        !wrg_row_is(entry, row, FRAME | IN_USE | GTF_type_mask) ||
        !are_granted(&e->q.frames[frame]))
        return false;
    wrg_quiet_mark_entries(&e->q, gref);
    wrg_row_change(entry, ~UINT64_C(0xffff), 0);
    wrg_row_add(&e->q.frames[frame], -one_grant());
    wrg_slots_put_run(&e->putting, gref, WRG_RUN);
    for (uint32_t i = 0; i < WRG_RUN; i++)
        grefs[i] = WRG_NO_GREF;
    return true;
}

static uint32_t end_few(struct ending *e, uint32_t *grefs, uint32_t count)
{
    uint32_t i;

    for (i = 0; i < count; i++) {
        uint32_t gref = grefs[i];
        if (gref < WRG_GNTTAB_RESERVED || !wrg_slots_is_taken(e->refs, gref))
            break;
        uint64_t word = wrg_word(&e->q.table[gref]);
        uint32_t frame = (uint32_t)(word >> 32);
        /* Of a ref that comes twice, the entry is empty the second time. */
        if ((word & (IN_USE | GTF_type_mask)) != GTF_permit_access || frame >= e->nframes ||
            !e->q.frames[frame].granted)
            break;
        wrg_quiet_mark_entry(&e->q, gref);
        e->q.table[gref].flags = 0;
        e->q.frames[frame].granted--;
        wrg_slots_put_next(&e->putting, gref);
        grefs[i] = WRG_NO_GREF;
    }
    return i;
}

uint32_t wrg_gnttab_end_quiet(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t *grefs,
                              uint32_t count)
{
    struct ending e = { .q = wrg_quiet_on(xen, dom),
                        .refs = &dom->gnttab.refs,
                        .putting = wrg_slots_put_begin(&dom->gnttab.refs),
                        .nframes = xen->memory.nframes };
    uint32_t i = 0;

    for (uint32_t n = 0, done = 0; i < count && done == n; i += done) {
        n = wrg_min_u32(count - i, WRG_RUN);
        done = n == WRG_RUN && end_run(&e, grefs + i) ? n : end_few(&e, grefs + i, n);
    }
    wrg_slots_put_end(&e.putting, i);
    dom->gnttab.given -= i;
    return i;
}
