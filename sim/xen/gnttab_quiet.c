/* SPDX-License-Identifier: MIT */
#include "xen/gnttab_quiet.h"

#include "xen/gnttab_impl.h"

/* Entries, pins and mappings are read and written as one word each. */
WRG_STATIC_ASSERT(sizeof(struct wrg_grant_pin) == 8 && sizeof(struct wrg_maptrack) == 8 &&
                      sizeof(struct wrg_view) == 16,
                  "one store each");

#define IN_USE (GTF_reading | GTF_writing)

static inline uint64_t word_of(const void *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

static inline void put_word(void *at, uint64_t word)
{
    memcpy(at, &word, sizeof(word));
}

/* Whether an entry has one mapping, a host's. */
static inline bool is_one(uint32_t pins)
{
    return pins == 1u << 8 * WRG_PIN_HOST_READ || pins == 1u << 8 * WRG_PIN_HOST_WRITE;
}

/* What the loops need, kept out of the way of their stores. */
struct quiet {
    struct wrg_xen *xen;
    struct wrg_frame *frames;
    const uint8_t *dirty;
    uint8_t *base;
    struct wrg_grant_entry *table; /* of the granter */
    uint32_t table_frame;
    uint32_t marked; /* the frame of the table that was marked last */
};

static inline struct quiet quiet_on(struct wrg_xen *xen, const struct wrg_domain *granter)
{
    return (struct quiet){ .xen = xen,
                           .frames = xen->memory.frames,
                           .dirty = xen->memory.dirty,
                           .base = xen->memory.base,
                           .table = wrg_gnttab_entry(xen, granter, 0),
                           .table_frame = granter->gnttab.first_frame,
                           .marked = UINT32_MAX };
}

/* Before a change of what is known of a frame. */
static inline void mark(const struct quiet *q, uint32_t frame)
{
    if (WRG_UNLIKELY(!q->dirty[frame]))
        wrg_memory_mark_meta(&q->xen->memory, frame);
}

static inline void mark_entry(struct quiet *q, uint32_t gref)
{
    uint32_t frame = q->table_frame + gref / WRG_GNTTAB_PER_FRAME;

    if (WRG_LIKELY(frame == q->marked))
        return;
    q->marked = frame;
    wrg_memory_mark(&q->xen->memory, frame);
}

/* The view at a handle's place, NULL if the handle is not valid. */
static inline struct wrg_view *view_at(struct wrg_view *views, uint32_t nviews, uint32_t page)
{
    uint32_t at = page & WRG_VIEW_MASK;

    return at < nviews && views[at].handle == page && views[at].base ? &views[at] : NULL;
}

uint32_t wrg_gnttab_grant_quiet(struct wrg_xen *xen, struct wrg_domain *dom,
                                const struct wrg_gnttab_grant *args, uint32_t first, uint32_t count)
{
    struct quiet q = quiet_on(xen, dom);
    struct wrg_view *views = dom->views;
    const uint32_t *pages = args->pages + first;
    const uint32_t *grefs = args->grefs + first;
    uint32_t nviews = dom->nviews;
    uint64_t head =
        (uint64_t)args->domid << 16 | GTF_permit_access | (args->readonly ? GTF_readonly : 0);
    uint32_t i;

    for (i = 0; i < count; i++) {
        const struct wrg_view *view = view_at(views, nviews, pages[i]);
        if (!view)
            break;
        uint32_t frame = view->frame, gref = grefs[i];
        mark_entry(&q, gref);
        mark(&q, frame);
        q.frames[frame].granted++;
        put_word(&q.table[gref], head | (uint64_t)frame << 32);
    }
    dom->gnttab.given += i;
    return i;
}

uint32_t wrg_gnttab_end_quiet(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t *grefs,
                              uint32_t count)
{
    struct quiet q = quiet_on(xen, dom);
    struct wrg_slots *refs = &dom->gnttab.refs;
    struct wrg_slots_putting putting = wrg_slots_put_begin(refs);
    uint32_t nframes = xen->memory.nframes;
    uint32_t i;

    for (i = 0; i < count; i++) {
        uint32_t gref = grefs[i];
        if (gref < WRG_GNTTAB_RESERVED || !wrg_slots_is_taken(refs, gref))
            break;
        uint64_t word = word_of(&q.table[gref]);
        uint32_t frame = (uint32_t)(word >> 32);
        /* Of a ref that comes twice, the entry is empty the second time. */
        if ((word & (IN_USE | GTF_type_mask)) != GTF_permit_access || frame >= nframes ||
            !q.frames[frame].granted)
            break;
        mark_entry(&q, gref);
        q.table[gref].flags = 0;
        q.frames[frame].granted--;
        wrg_slots_put_next(&putting, gref);
        grefs[i] = WRG_NO_GREF;
    }
    wrg_slots_put_end(&putting, i);
    dom->gnttab.given -= i;
    return i;
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
                             .pin = word_of(&pin),
                             .track = word_of(&track) };
}

uint32_t wrg_gnttab_map_quiet(struct wrg_xen *xen, struct wrg_domain *dom,
                              const struct wrg_gnttab_map *args, uint32_t first,
                              const uint32_t *slots, uint32_t count)
{
    struct wrg_domain *granter = wrg_xen_domain(xen, args->domid);
    const struct mapping m = mapping_of(dom, args);
    uint32_t i;

    if (!granter || !is_usual(&granter->gnttab))
        return 0;
    struct quiet q = quiet_on(xen, granter);
    struct wrg_grant_pin *pins = granter->gnttab.pins;
    struct wrg_maptrack *tracks = dom->gnttab.maptrack;
    struct wrg_gnttab_map_op *op = args->ops + first;
    struct wrg_view *views = dom->views;
    uint32_t nrefs = wrg_gnttab_size(&granter->gnttab), own = dom->nframes;
    uint32_t low = granter->first_frame, frames = granter->nframes;
    for (i = 0; i < count; i++, op++) {
        uint32_t gref = op->gref, at = own + slots[i];
        if (gref >= nrefs || wrg_gnttab_pins(&pins[gref]))
            break;
        uint64_t word = word_of(&q.table[gref]);
        uint32_t frame = (uint32_t)(word >> 32);
        if ((((uint32_t)word ^ m.want) & m.mask) || frame - low >= frames)
            break;
        mark_entry(&q, gref);
        mark(&q, frame);
        q.table[gref].flags = (uint16_t)word | m.bits;
        put_word(&pins[gref], m.pin | frame);
        put_word(&tracks[slots[i]], m.track | gref);
        q.frames[frame].mapped++;
        uint32_t handle = wrg_gnttab_generation(&views[at]) | at;
        op->page = handle;
        op->status = GNTST_okay;
        views[at] = (struct wrg_view){ .base = q.base + ((size_t)frame << WRG_PAGE_SHIFT),
                                       .handle = handle,
                                       .frame = frame & 0xffffff,
                                       .flags = m.flags };
    }
    granter->gnttab.pinned += i;
    return i;
}

/* All of one granter: the first mapping's. */
uint32_t wrg_gnttab_unmap_quiet(struct wrg_xen *xen, struct wrg_domain *dom, const uint32_t *pages,
                                uint32_t count)
{
    const struct wrg_maptrack *tracks = dom->gnttab.maptrack;
    uint32_t own = dom->nframes, mappings = dom->nviews - own;
    struct wrg_view *views = dom->views + own;
    uint32_t i, slot = (pages[0] & WRG_VIEW_MASK) - own;

    if (slot >= mappings)
        return 0;
    uint64_t domid = tracks[slot].granter;
    struct wrg_domain *granter = &xen->domains[domid];
    struct wrg_grant_pin *pins = granter->gnttab.pins;
    if (!is_usual(&granter->gnttab))
        return 0;
    struct quiet q = quiet_on(xen, granter);
    struct wrg_slots_putting putting = wrg_slots_put_begin(&dom->mappings);
    for (i = 0; i < count; i++) {
        slot = (pages[i] & WRG_VIEW_MASK) - own;
        if (slot >= mappings || views[slot].handle != pages[i] || !views[slot].base)
            break;
        uint64_t track = word_of(&tracks[slot]);
        uint32_t gref = (uint32_t)track;
        if ((uint16_t)(track >> 32) != domid || !is_one(wrg_gnttab_pins(&pins[gref])))
            break;
        mark_entry(&q, gref);
        q.table[gref].flags &= (uint16_t)~IN_USE;
        memset(pins[gref].count, 0, sizeof(pins[gref].count));
        q.frames[views[slot].frame].mapped--;
        wrg_gnttab_retire(&views[slot], slot + own);
        wrg_slots_put_next(&putting, slot);
    }
    wrg_slots_put_end(&putting, i);
    granter->gnttab.pinned -= i;
    return i;
}
