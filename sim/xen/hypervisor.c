/* SPDX-License-Identifier: MIT */
#include "xen/hypervisor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Frames of the domains that are not the front's, which gets the rest. */
#define BACK_FRAMES      256
#define STRANGER_FRAMES  16
#define TOOLSTACK_FRAMES 1
/* Mappings of domains that map nothing but a hostile peer's whims. */
#define FEW_MAPPINGS 64

static const uint8_t roles[WRG_DOMAINS] = {
    [WRG_DOM_TOOLSTACK] = WRG_ROLE_TOOLSTACK, [WRG_DOM_FRONT] = WRG_ROLE_FRONT,
    [WRG_DOM_BACK] = WRG_ROLE_BACK,           [WRG_DOM_STRANGER] = WRG_ROLE_SCRIPT,
    [WRG_DOM_GUEST] = WRG_ROLE_FRONT,         [WRG_DOM_GUEST + 1] = WRG_ROLE_FRONT,
    [WRG_DOM_GUEST + 2] = WRG_ROLE_FRONT,
};

/* Its tables, which have room for any share of the memory. */
static int domain_init(struct wrg_xen *xen, uint16_t domid, uint32_t frames, uint32_t mappings)
{
    struct wrg_domain *dom = &xen->domains[domid];
    uint32_t nrefs = WRG_GNTTAB_FRAMES_MAX * WRG_GNTTAB_PER_FRAME;

    dom->domid = domid;
    dom->role = roles[domid];
    dom->voices = 1;
    dom->views = calloc(frames + mappings, sizeof(*dom->views));
    dom->own.words = calloc(wrg_slots_words(frames), sizeof(uint64_t));
    dom->mappings.words = calloc(wrg_slots_words(mappings), sizeof(uint64_t));
    dom->gnttab.refs.words = calloc(wrg_slots_words(nrefs), sizeof(uint64_t));
    dom->gnttab.pins = calloc(nrefs, sizeof(*dom->gnttab.pins));
    dom->gnttab.maptrack = calloc(mappings, sizeof(*dom->gnttab.maptrack));
    if (!dom->views || !dom->own.words || !dom->mappings.words || !dom->gnttab.refs.words ||
        !dom->gnttab.pins || !dom->gnttab.maptrack)
        return -ENOMEM;
    wrg_slots_init(&dom->mappings, dom->mappings.words, mappings);
    wrg_slots_init(&dom->gnttab.refs, dom->gnttab.refs.words, nrefs);
    return wrg_evtchn_init(dom);
}

/* Its share. Nothing of it is in use. Returns the frame behind it. */
static uint32_t place(struct wrg_domain *dom, uint32_t first, uint32_t nframes)
{
    dom->first_frame = first;
    dom->nframes = nframes;
    dom->nviews = nframes + dom->mappings.count;
    wrg_slots_init(&dom->own, dom->own.words, nframes);
    return first + nframes;
}

static void domain_fini(struct wrg_domain *dom)
{
    free(dom->views);
    free(dom->own.words);
    free(dom->mappings.words);
    free(dom->gnttab.refs.words);
    free(dom->gnttab.pins);
    free(dom->gnttab.maptrack);
    wrg_evtchn_fini(dom);
    memset(dom, 0, sizeof(*dom)); /* the next Xen here may have fewer */
}

static int store_init(struct wrg_xen *xen)
{
    size_t bytes = wrg_xenstore_bytes(&wrg_xs_limits_small);
    void *mem = aligned_alloc(64, (bytes + 63) / 64 * 64);

    if (!mem)
        return -ENOMEM;
    int result = wrg_xenstore_init(&xen->store, &wrg_xs_limits_small, mem, bytes);
    if (result)
        free(mem);
    return result;
}

static bool has_tables(const struct wrg_domain *dom)
{
    return dom->views != NULL;
}

/* Of each domain that there is, and has none yet. */
static int make_domains(struct wrg_xen *xen, const struct wrg_xen_limits *limits)
{
    int result = 0;

    for (uint16_t i = 0; i < xen->ndomains && !result; i++)
        if (!has_tables(&xen->domains[i]))
            result = domain_init(xen, i, limits->frames,
                                 i == WRG_DOM_BACK ? limits->mappings : FEW_MAPPINGS);
    return result;
}

/* Divides the memory: a few frames each for those that need no more, the rest for the guests. */
static void place_domains(struct wrg_xen *xen, const struct wrg_xen_limits *limits)
{
    uint32_t guests = xen->ndomains - WRG_DOM_GUEST + 1u, at = 0;

    at = place(&xen->domains[WRG_DOM_TOOLSTACK], at, TOOLSTACK_FRAMES);
    at = place(&xen->domains[WRG_DOM_BACK], at, BACK_FRAMES + limits->back_frames);
    at = place(&xen->domains[WRG_DOM_STRANGER], at, STRANGER_FRAMES);
    uint32_t share = (limits->frames - at) / guests;
    WRG_ASSERT(share > WRG_GNTTAB_FRAMES_MAX);
    at = place(&xen->domains[WRG_DOM_FRONT], at, share);
    for (uint16_t i = WRG_DOM_GUEST; i < xen->ndomains; i++)
        at = place(&xen->domains[i], at, share);
}

static int shape(struct wrg_xen *xen, const struct wrg_xen_limits *limits)
{
    uint32_t guests = limits->guests ? limits->guests : 1;

    WRG_ASSERT(guests <= WRG_GUESTS_MAX && limits->frames == xen->memory.nframes);
    xen->ndomains = (uint16_t)(WRG_DOM_GUEST + guests - 1);
    int result = make_domains(xen, limits);
    if (!result)
        place_domains(xen, limits);
    return result;
}

int wrg_xen_init(struct wrg_xen *xen, const struct wrg_xen_limits *limits)
{
    int result;

    result = wrg_memory_init(&xen->memory, limits->frames, limits->prefault);
    if (!result)
        result = shape(xen, limits);
    if (!result)
        result = store_init(xen);
    if (result) {
        wrg_xen_fini(xen);
        return result;
    }
    wrg_fetch_begin(&xen->fetch);
    wrg_xen_reset(xen);
    return 0;
}

void wrg_xen_fini(struct wrg_xen *xen)
{
    for (unsigned i = 0; i < WRG_DOMAINS; i++)
        domain_fini(&xen->domains[i]);
    wrg_memory_fini(&xen->memory);
    free(xen->store);
}

/* ---- snapshot ---- */

struct saved_domain {
    uint8_t *memory, *next; /* one piece, for all that is pointed to below */
    bool alive;
    uint16_t xs_conn;
    struct wrg_fetch_spots spots;
    struct wrg_slots_saved own, mappings, refs;
    uint64_t *own_words, *mapping_words, *ref_words;
    uint32_t nown, nmappings; /* how much of each table is saved */
    struct wrg_view *own_views, *mapping_views;
    struct wrg_maptrack *maptrack;
    struct wrg_grant_pin *pins; /* of the refs that the saved mappings pin, by mapping slot */
    struct wrg_evtchns_saved *evtchns;
    struct wrg_gnttab gnttab; /* but for what it points to */
};

struct wrg_xen_saved {
    struct saved_domain domains[WRG_DOMAINS];
    struct wrg_fetch_saved fetch;
    void *store;
    size_t store_bytes;
    uint64_t store_mark;
};

static size_t aligned(size_t bytes)
{
    return (bytes + 15) & ~(size_t)15;
}

static size_t slots_bytes(const struct wrg_slots *slots)
{
    return aligned(slots->touched * sizeof(uint64_t));
}

/* Snapshots come and go often: a domain's takes its memory at once. */
static void take_memory(const struct wrg_domain *dom, struct saved_domain *saved)
{
    size_t bytes = slots_bytes(&dom->own) + slots_bytes(&dom->mappings) +
                   slots_bytes(&dom->gnttab.refs) + aligned(saved->nown * sizeof(*dom->views)) +
                   aligned(saved->nmappings * sizeof(*dom->views)) +
                   aligned(saved->nmappings * sizeof(*saved->maptrack)) +
                   aligned(saved->nmappings * sizeof(*saved->pins));

    saved->memory = saved->next = malloc(bytes + 16);
    WRG_ASSERT(saved->memory); /* while a world is being built, out of memory ends the program */
}

static void *copy_of(struct saved_domain *saved, const void *src, size_t bytes)
{
    void *copy = saved->next;

    memcpy(copy, src, bytes);
    saved->next += aligned(bytes);
    return copy;
}

static uint64_t *save_slots(struct saved_domain *domain, const struct wrg_slots *slots,
                            struct wrg_slots_saved *saved)
{
    uint64_t *words = (uint64_t *)(void *)domain->next;

    wrg_slots_save(slots, saved, words);
    domain->next += slots_bytes(slots);
    return words;
}

static void save_pins(struct wrg_xen *xen, const struct wrg_domain *dom, struct saved_domain *saved)
{
    saved->pins = (struct wrg_grant_pin *)(void *)saved->next;
    saved->next += aligned(saved->nmappings * sizeof(*saved->pins));
    for (uint32_t slot = 0; slot < saved->nmappings; slot++) {
        const struct wrg_maptrack *track = &dom->gnttab.maptrack[slot];
        if (wrg_slots_is_taken(&dom->mappings, slot))
            saved->pins[slot] = xen->domains[track->granter].gnttab.pins[track->gref];
    }
}

static void save_domain(struct wrg_xen *xen, const struct wrg_domain *dom,
                        struct saved_domain *saved)
{
    saved->alive = dom->alive;
    saved->xs_conn = dom->xs_conn;
    saved->spots = dom->spots;
    saved->nown = wrg_slots_high(&dom->own);
    saved->nmappings = wrg_slots_high(&dom->mappings);
    take_memory(dom, saved);
    saved->own_words = save_slots(saved, &dom->own, &saved->own);
    saved->mapping_words = save_slots(saved, &dom->mappings, &saved->mappings);
    saved->ref_words = save_slots(saved, &dom->gnttab.refs, &saved->refs);
    saved->own_views = copy_of(saved, dom->views, saved->nown * sizeof(*dom->views));
    saved->mapping_views =
        copy_of(saved, dom->views + dom->nframes, saved->nmappings * sizeof(*dom->views));
    saved->maptrack =
        copy_of(saved, dom->gnttab.maptrack, saved->nmappings * sizeof(*saved->maptrack));
    save_pins(xen, dom, saved);
    saved->evtchns = wrg_evtchn_save(dom);
    saved->gnttab = dom->gnttab;
}

struct wrg_xen_saved *wrg_xen_save(struct wrg_xen *xen)
{
    if (!wrg_memory_save(&xen->memory))
        return NULL;
    struct wrg_xen_saved *saved = calloc(1, sizeof(*saved));
    WRG_ASSERT(saved);
    for (unsigned i = 0; i < xen->ndomains; i++)
        save_domain(xen, &xen->domains[i], &saved->domains[i]);
    wrg_fetch_save(&xen->fetch, &saved->fetch);
    saved->store_bytes = wrg_xenstore_save_bytes(xen->store);
    saved->store = malloc(saved->store_bytes);
    WRG_ASSERT(saved->store);
    int result = wrg_xenstore_save(xen->store, saved->store, saved->store_bytes);
    WRG_ASSERT(result == 0);
    saved->store_mark = wrg_xenstore_mark(xen->store);
    return saved;
}

void wrg_xen_saved_free(struct wrg_xen_saved *saved)
{
    if (!saved)
        return;
    for (unsigned i = 0; i < WRG_DOMAINS; i++) {
        free(saved->domains[i].memory);
        wrg_evtchn_saved_free(saved->domains[i].evtchns);
    }
    free(saved->store);
    free(saved);
}

/* Views at [from, to) as they were before their first use. */
static void forget_views(struct wrg_view *views, uint32_t from, uint32_t to)
{
    if (from < to)
        memset(views + from, 0, (to - from) * sizeof(*views));
}

/* Pins of all mappings that are alive now; those of the snapshot are put back afterwards. */
static void drop_pins(struct wrg_xen *xen, struct wrg_domain *dom)
{
    uint32_t high = wrg_slots_high(&dom->mappings);

    if (!dom->mappings.taken)
        return;
    for (uint32_t slot = 0; slot < high; slot++) {
        const struct wrg_maptrack *track = &dom->gnttab.maptrack[slot];
        if (wrg_slots_is_taken(&dom->mappings, slot))
            memset(&xen->domains[track->granter].gnttab.pins[track->gref], 0,
                   sizeof(*dom->gnttab.pins));
    }
}

static void restore_domain(struct wrg_xen *xen, struct wrg_domain *dom,
                           const struct saved_domain *saved)
{
    uint32_t own_high = wrg_slots_high(&dom->own);
    uint32_t mappings_high = wrg_slots_high(&dom->mappings);

    memcpy(dom->views, saved->own_views, saved->nown * sizeof(*dom->views));
    forget_views(dom->views, saved->nown, own_high);
    memcpy(dom->views + dom->nframes, saved->mapping_views, saved->nmappings * sizeof(*dom->views));
    forget_views(dom->views + dom->nframes, saved->nmappings, mappings_high);
    memcpy(dom->gnttab.maptrack, saved->maptrack, saved->nmappings * sizeof(*saved->maptrack));
    wrg_slots_restore(&dom->own, &saved->own, saved->own_words);
    wrg_slots_restore(&dom->mappings, &saved->mappings, saved->mapping_words);
    wrg_slots_restore(&dom->gnttab.refs, &saved->refs, saved->ref_words);
    wrg_evtchn_restore(dom, saved->evtchns);
    for (uint32_t slot = 0; slot < saved->nmappings; slot++) {
        const struct wrg_maptrack *track = &saved->maptrack[slot];
        if (wrg_slots_is_taken(&dom->mappings, slot))
            xen->domains[track->granter].gnttab.pins[track->gref] = saved->pins[slot];
    }
    dom->alive = saved->alive;
    dom->spots = saved->spots;
    dom->xs_conn = saved->xs_conn;
    const struct wrg_slots refs = dom->gnttab.refs; /* restored above */
    dom->gnttab = saved->gnttab;
    dom->gnttab.refs = refs;
}

void wrg_xen_restore(struct wrg_xen *xen, const struct wrg_xen_saved *saved)
{
    for (unsigned i = 0; i < xen->ndomains; i++)
        drop_pins(xen, &xen->domains[i]);
    for (unsigned i = 0; i < xen->ndomains; i++)
        restore_domain(xen, &xen->domains[i], &saved->domains[i]);
    wrg_memory_restore(&xen->memory);
    wrg_fetch_restore(&xen->fetch, &saved->fetch);
    if (wrg_xenstore_changed_since(xen->store, saved->store_mark)) {
        int result = wrg_xenstore_restore(xen->store, saved->store, saved->store_bytes);
        WRG_ASSERT(result == 0);
        ((struct wrg_xen_saved *)(uintptr_t)saved)->store_mark = wrg_xenstore_mark(xen->store);
    }
}

static void reset_domain(struct wrg_domain *dom)
{
    forget_views(dom->views, 0, wrg_slots_high(&dom->own));
    forget_views(dom->views + dom->nframes, 0, wrg_slots_high(&dom->mappings));
    wrg_slots_init(&dom->own, dom->own.words, dom->nframes);
    wrg_slots_init(&dom->mappings, dom->mappings.words, dom->nviews - dom->nframes);
    wrg_gnttab_reset(dom);
    wrg_evtchn_clear(dom);
    memset(&dom->spots, 0, sizeof(dom->spots));
    dom->alive = true;
}

/* All that lies in memory, and who may use it. */
static void forget(struct wrg_xen *xen)
{
    for (unsigned i = 0; i < xen->ndomains; i++)
        drop_pins(xen, &xen->domains[i]);
    for (unsigned i = 0; i < xen->ndomains; i++)
        reset_domain(&xen->domains[i]);
    wrg_memory_reset(&xen->memory);
    wrg_fetch_begin(&xen->fetch);
}

int wrg_xen_reshape(struct wrg_xen *xen, const struct wrg_xen_limits *limits)
{
    forget(xen);
    return shape(xen, limits);
}

void wrg_xen_reset(struct wrg_xen *xen)
{
    forget(xen);
    wrg_gnttab_setup(xen, &xen->domains[WRG_DOM_FRONT], WRG_GNTTAB_FRAMES_MAX);
    wrg_gnttab_setup(xen, &xen->domains[WRG_DOM_STRANGER], 1);
    for (uint16_t i = WRG_DOM_GUEST; i < xen->ndomains; i++)
        wrg_gnttab_setup(xen, &xen->domains[i], WRG_GNTTAB_FRAMES_MAX);
    wrg_xenstore_reset(xen->store);
    for (uint16_t i = 0; i < xen->ndomains; i++) {
        int result = wrg_xenstore_connect(xen->store, i, &xen->domains[i].xs_conn);
        WRG_ASSERT(result == 0);
    }
    const struct wrg_xs_call dom0 = { .conn = xen->domains[WRG_DOM_TOOLSTACK].xs_conn };
    for (uint16_t i = 1; i < xen->ndomains; i++) {
        int result = wrg_xenstore_introduce(xen->store, &dom0, i);
        WRG_ASSERT(result == 0);
    }
}

/* ---- death, events ---- */

void wrg_xen_kill_domain(struct wrg_xen *xen, uint16_t domid)
{
    struct wrg_domain *dom = wrg_xen_domain(xen, domid);

    if (!dom)
        return;
    wrg_gnttab_release_all(xen, dom);
    wrg_evtchn_close_all(xen, dom);
    dom->alive = false;
    wrg_xen_emit(xen, .kind = WRG_EV_DEATH, .role = WRG_ROLE_TOOLSTACK, .a = domid);
    wrg_xenstore_domain_died(xen->store, domid);
    /* Last: if a task of the domain itself brought this about, it does not come back. */
    for (uint8_t voice = 8; voice-- > 0;)
        if (dom->voices >> voice & 1)
            wrg_sched_kill_role(xen->sched, (uint8_t)(dom->role | voice << WRG_TRACE_ROLE_BITS));
}

int wrg_xen_build_back(struct wrg_xen *xen)
{
    struct wrg_domain *dom = &xen->domains[WRG_DOM_BACK];

    WRG_ASSERT(!dom->alive);
    wrg_fetch_retire_all(&xen->fetch, &dom->spots, WRG_SEAT_BACK);
    reset_domain(dom);
    wrg_xen_emit(xen, .kind = WRG_EV_BIRTH, .role = WRG_ROLE_TOOLSTACK, .a = WRG_DOM_BACK);
    return wrg_xenstore_connect(xen->store, WRG_DOM_BACK, &dom->xs_conn);
}

void wrg_xen_emit_finding(struct wrg_xen *xen)
{
    if (!xen->parallel && xen->sched->cur)
        wrg_sched_stop(xen->sched);
}

void wrg_xen_emit_slowly(struct wrg_xen *xen, const struct wrg_event *event, const void *payload,
                         uint32_t len, uint32_t implied)
{
    struct wrg_event ev = *event;

    ev.role = (uint8_t)(event->role | wrg_xen_voice(xen) << WRG_TRACE_ROLE_BITS);
    ev.task = (uint8_t)wrg_sched_current(xen->sched);
    ev.step = (uint32_t)xen->sched->steps;
    wrg_trace_emit(xen->trace, &ev, payload, len, implied);
    if (wrg_trace_has_finding(xen->trace))
        wrg_xen_emit_finding(xen);
}
