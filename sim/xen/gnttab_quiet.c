/* SPDX-License-Identifier: MIT */
/* What is usual of Xen's side: pages are mapped, and mappings end. */
#include "xen/gnttab_quiet.h"
#include "xen/gnttab_run.h"

#define IN_USE    (GTF_reading | GTF_writing)
#define FRAME     (UINT64_C(0xffffffff) << 32) /* of an entry */
#define PINS      (UINT64_C(0xffffffff) << 32) /* of a pin */
#define NEXT_PAGE (UINT64_C(1) << 32)

/* Whether an entry has one mapping, a host's. */
static inline bool is_one(uint32_t pins)
{
    return pins == 1u << 8 * WRG_PIN_HOST_READ || pins == 1u << 8 * WRG_PIN_HOST_WRITE;
}

static uint64_t one_mapping(void)
{
    const struct wrg_frame frame = { .mapped = 1 };

    return wrg_word(&frame);
}

/* Entries of version 1, that nobody plays with. */
static bool is_usual(const struct wrg_gnttab *gnttab)
{
    return gnttab->version == 1 && !gnttab->flip.times;
}

/* What is the same for all entries of a batch. */
struct mapping {
    uint32_t want, mask; /* the first word of an entry is like `want` in these bits */
    uint16_t bits;       /* that are set in the entry */
    uint8_t flags;       /* of the view */
    uint64_t pin, track; /* without frame and gref */
};

static struct mapping mapping_of(const struct wrg_domain *dom, const struct wrg_gnttab_map *args)
{
    bool write = !args->readonly;
    const struct wrg_grant_pin pin = {
        .grantee = dom->domid & 0xff,
        .count = { [WRG_PIN_HOST_READ] = !write, [WRG_PIN_HOST_WRITE] = write },
    };
    const struct wrg_maptrack track = { .granter = args->domid,
                                        .readonly = args->readonly,
                                        .kinds = GNTMAP_host_map };
    uint32_t mask = GTF_type_mask | GTF_sub_page | (write ? GTF_readonly : 0);

    return (struct mapping){ .want = (uint32_t)dom->domid << 16 | GTF_permit_access,
                             .mask = UINT32_C(0xffff) << 16 | mask,
                             .bits = write ? IN_USE : GTF_reading,
                             .flags = write ? WRG_VIEW_WRITE : 0,
                             .pin = wrg_word(&pin),
                             .track = wrg_word(&track) };
}

struct mappings {
    struct wrg_quiet q;
    struct mapping m;
    struct wrg_grant_pin *pins;
    struct wrg_maptrack *tracks;
    struct wrg_view *views; /* of mappings: by slot */
    uint32_t own;           /* views before them */
    uint32_t nrefs;
    uint32_t low, frames; /* of the granter */
};

static struct mappings mappings_of(struct wrg_xen *xen, struct wrg_domain *dom,
                                   const struct wrg_gnttab_map *args,
                                   const struct wrg_domain *granter)
{
    return (struct mappings){ .q = wrg_quiet_on(xen, granter),
                              .m = mapping_of(dom, args),
                              .pins = granter->gnttab.pins,
                              .tracks = dom->gnttab.maptrack,
                              .views = dom->views + dom->nframes,
                              .own = dom->nframes,
                              .nrefs = wrg_gnttab_size(&granter->gnttab),
                              .low = granter->first_frame,
                              .frames = granter->nframes };
}

/* Entries that may be mapped, of neighbours in memory, which nobody has mapped. */
static bool may_map_run(const struct mappings *ms, uint32_t gref, uint32_t frame)
{
    struct wrg_row row = wrg_row_of(ms->m.want | (uint64_t)frame << 32, NEXT_PAGE);

    return wrg_run_fits(frame - ms->low, ms->frames) &&
           wrg_row_is(&ms->q.table[gref], row, FRAME | ms->m.mask) &&
           wrg_row_is(&ms->pins[gref], wrg_row_of(0, 0), PINS);
}

/* Whether slots have been used before: then their next handles stand there. */
static bool have_handles(const struct wrg_view *views)
{
    bool none = false;

    for (uint32_t i = 0; i < WRG_RUN; i++)
        none |= views[i].handle == 0;
    return !none;
}

/* Mappings of neighbours in memory, of which this is the first; places keep their handles. */
static void put_views(struct wrg_view *views, const struct wrg_view *first,
                      struct wrg_gnttab_map_op *ops)
{
    const wrg_pair kept = { 0, UINT32_MAX }, step = { WRG_PAGE_SIZE, NEXT_PAGE };
    wrg_pair rest = wrg_pair_at(first, 0) & ~kept; /* base, frame and flags */

    for (uint32_t i = 0; i < WRG_RUN; i++, rest += step) {
        uint64_t page_and_okay = views[i].handle;
        WRG_STATIC_ASSERT(GNTST_okay == 0, "and what pads the status");
        wrg_put_word(&ops[i].page, page_and_okay);
        wrg_put_pair(&views[i], 0, (wrg_pair_at(&views[i], 0) & kept) | rest);
    }
}

static bool grefs_follow(const struct wrg_gnttab_map_op *ops)
{
    uint32_t odd = 0;

    for (uint32_t i = 0; i < WRG_RUN; i++)
        odd |= ops[i].gref ^ (ops[0].gref + i);
    return odd == 0;
}

static bool map_run(struct mappings *ms, struct wrg_gnttab_map_op *ops, const uint32_t *slots)
{
    const uint32_t gref = ops[0].gref, slot = slots[0];

    if (!wrg_run_fits(gref, ms->nrefs) || !grefs_follow(ops) || !wrg_taken_follow(slots))
        return false;
    uint32_t frame = ms->q.table[gref].frame;
    if (!may_map_run(ms, gref, frame) || !have_handles(&ms->views[slot]))
        return false;
    const struct wrg_view view = { .base = wrg_memory_at(ms->q.memory, frame),
                                   .frame = frame & 0xffffff,
                                   .flags = ms->m.flags };
    wrg_quiet_mark_entries(&ms->q, gref);
    wrg_mark_run(ms->q.memory, frame);
    wrg_row_change(&ms->q.table[gref], UINT64_MAX, ms->m.bits);
    wrg_row_put(&ms->pins[gref], wrg_row_of(ms->m.pin | frame, 1));
    wrg_row_put(&ms->tracks[slot], wrg_row_of(ms->m.track | gref, 1));
    wrg_row_add(&ms->q.frames[frame], one_mapping());
    put_views(&ms->views[slot], &view, ops);
    return true;
}

/* Returns how many of the first are done. */
static uint32_t map_few(struct mappings *ms, struct wrg_gnttab_map_op *op, const uint32_t *slots,
                        uint32_t count)
{
    const struct mapping *m = &ms->m;
    uint32_t i;

    for (i = 0; i < count; i++, op++) {
        uint32_t gref = op->gref, slot = slots[i];
        if (gref >= ms->nrefs || wrg_gnttab_pins(&ms->pins[gref]))
            break;
        uint64_t word = wrg_word(&ms->q.table[gref]);
        uint32_t frame = (uint32_t)(word >> 32);
        if ((((uint32_t)word ^ m->want) & m->mask) || frame - ms->low >= ms->frames)
            break;
        wrg_quiet_mark_entry(&ms->q, gref);
        wrg_quiet_mark(&ms->q, frame);
        ms->q.table[gref].flags = (uint16_t)word | m->bits;
        wrg_put_word(&ms->pins[gref], m->pin | frame);
        wrg_put_word(&ms->tracks[slot], m->track | gref);
        ms->q.frames[frame].mapped++;
        op->page = wrg_gnttab_generation(&ms->views[slot]) | (ms->own + slot);
        op->status = GNTST_okay;
        ms->views[slot] = (struct wrg_view){ .base = wrg_memory_at(ms->q.memory, frame),
                                             .handle = op->page,
                                             .frame = frame & 0xffffff,
                                             .flags = m->flags };
    }
    return i;
}

uint32_t wrg_gnttab_map_quiet(struct wrg_xen *xen, struct wrg_domain *dom,
                              const struct wrg_gnttab_map *args, uint32_t first,
                              const uint32_t *slots, uint32_t count)
{
    struct wrg_domain *granter = wrg_xen_domain(xen, args->domid);
    uint32_t i = 0;

    if (!granter || !is_usual(&granter->gnttab))
        return 0;
    struct mappings ms = mappings_of(xen, dom, args, granter);
    for (uint32_t n = 0, done = 0; i < count && done == n; i += done) {
        struct wrg_gnttab_map_op *ops = args->ops + first + i;
        n = wrg_min_u32(count - i, WRG_RUN);
        done = n == WRG_RUN && map_run(&ms, ops, slots + i) ? n : map_few(&ms, ops, slots + i, n);
    }
    granter->gnttab.pinned += i;
    return i;
}

/* ---- unmapping ---- */

struct unmapping {
    struct wrg_quiet q;
    struct wrg_grant_pin *pins;
    const struct wrg_maptrack *tracks;
    struct wrg_view *views; /* of mappings: by slot */
    struct wrg_slots_putting putting;
    uint32_t own, mappings;
    uint64_t granter;
};

/*
 * Mappings that are there, one behind the other in every way, and all that is mapped of their
 * entries. That one comes twice is seen by the second time.
 */
static bool is_run(const struct unmapping *u, uint32_t slot, const uint32_t *pages)
{
    uint64_t track = wrg_word(&u->tracks[slot]);

    if (!wrg_slots_are_taken(u->putting.slots, slot, WRG_RUN) ||
        (uint16_t)(track >> 32) != u->granter || !wrg_handles_are(&u->views[slot], pages) ||
        !wrg_row_is(&u->tracks[slot], wrg_row_of(track, 1), UINT64_MAX))
        return false;
    const struct wrg_grant_pin *pins = &u->pins[(uint32_t)track];
    return is_one(wrg_gnttab_pins(pins)) &&
           wrg_row_is(pins, wrg_row_of(wrg_word(pins), 1), UINT64_MAX);
}

static void retire_views(struct wrg_view *views)
{
    for (uint32_t i = 0; i < WRG_RUN; i++) {
        views[i].base = NULL;
        views[i].handle += WRG_GENERATION;
    }
}

static bool unmap_run(struct unmapping *u, const uint32_t *pages)
{
    const uint32_t slot = (pages[0] & WRG_VIEW_MASK) - u->own;

    if (!wrg_run_fits(slot, u->mappings) || !is_run(u, slot, pages))
        return false;
    uint32_t gref = u->tracks[slot].gref;
    wrg_quiet_mark_entries(&u->q, gref);
    wrg_row_change(&u->q.table[gref], ~(uint64_t)IN_USE, 0);
    wrg_row_change(&u->pins[gref], ~PINS, 0);
    wrg_row_add(&u->q.frames[u->views[slot].frame], -one_mapping());
    retire_views(&u->views[slot]);
    wrg_slots_put_run(&u->putting, slot, WRG_RUN);
    return true;
}

static uint32_t unmap_few(struct unmapping *u, const uint32_t *pages, uint32_t count)
{
    uint32_t i;

    for (i = 0; i < count; i++) {
        uint32_t slot = (pages[i] & WRG_VIEW_MASK) - u->own;
        if (slot >= u->mappings || u->views[slot].handle != pages[i] || !u->views[slot].base)
            break;
        uint64_t track = wrg_word(&u->tracks[slot]);
        uint32_t gref = (uint32_t)track;
        if ((uint16_t)(track >> 32) != u->granter || !is_one(wrg_gnttab_pins(&u->pins[gref])))
            break;
        wrg_quiet_mark_entry(&u->q, gref);
        u->q.table[gref].flags &= (uint16_t)~IN_USE;
        memset(u->pins[gref].count, 0, sizeof(u->pins[gref].count));
        u->q.frames[u->views[slot].frame].mapped--;
        wrg_gnttab_retire(&u->views[slot], slot + u->own);
        wrg_slots_put_next(&u->putting, slot);
    }
    return i;
}

/* All of one granter: the first mapping's. */
uint32_t wrg_gnttab_unmap_quiet(struct wrg_xen *xen, struct wrg_domain *dom, const uint32_t *pages,
                                uint32_t count)
{
    struct unmapping u = { .tracks = dom->gnttab.maptrack,
                           .views = dom->views + dom->nframes,
                           .own = dom->nframes,
                           .mappings = dom->nviews - dom->nframes };
    uint32_t i = 0, slot = (pages[0] & WRG_VIEW_MASK) - u.own;

    if (slot >= u.mappings)
        return 0;
    struct wrg_domain *granter = &xen->domains[u.tracks[slot].granter];
    if (!is_usual(&granter->gnttab))
        return 0;
    u.q = wrg_quiet_on(xen, granter);
    u.pins = granter->gnttab.pins;
    u.granter = granter->domid;
    u.putting = wrg_slots_put_begin(&dom->mappings);
    for (uint32_t n = 0, done = 0; i < count && done == n; i += done) {
        n = wrg_min_u32(count - i, WRG_RUN);
        done = n == WRG_RUN && unmap_run(&u, pages + i) ? n : unmap_few(&u, pages + i, n);
    }
    wrg_slots_put_end(&u.putting, i);
    granter->gnttab.pinned -= i;
    return i;
}
