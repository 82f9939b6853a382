/* SPDX-License-Identifier: MIT */
#include "xen/fetch.h"

#include <string.h>

#include <wringer/port.h>

#include "base/base.h"
#include "vocab/events.h"
#include "xen/fetch_slot.h"
#include "xen/memory.h"

void wrg_fetch_begin(struct wrg_fetch *fetch)
{
    fetch->ntampers = 0;
    fetch->tamper_on = false;
    for (unsigned seat = 0; seat < WRG_FETCH_SEATS; seat++) {
        for (uint32_t i = 0; i < fetch->nlanes; i++) {
            fetch->rings[seat][i].live = false;
            fetch->rings[seat][i].requests = fetch->rings[seat][i].answered = 0;
            fetch->rings[seat][i].epoch++;
        }
    }
    fetch->lanes[0] = (struct wrg_fetch_lane){ 0 };
    fetch->nlanes = 1;
}

void wrg_fetch_save(const struct wrg_fetch *fetch, struct wrg_fetch_saved *saved)
{
    saved->nlanes = fetch->nlanes;
    memcpy(saved->lanes, fetch->lanes, sizeof(saved->lanes));
    for (unsigned seat = 0; seat < WRG_FETCH_SEATS; seat++) {
        for (uint32_t i = 0; i < fetch->nlanes; i++) {
            const struct wrg_fetch_ring *ring = &fetch->rings[seat][i];
            saved->rings[seat][i].live = ring->live;
            saved->rings[seat][i].abi = ring->abi;
            saved->rings[seat][i].npages = ring->npages;
            saved->rings[seat][i].stride = ring->stride;
            saved->rings[seat][i].entries = ring->entries;
            saved->rings[seat][i].requests = ring->requests;
            saved->rings[seat][i].published = ring->published;
            saved->rings[seat][i].frame = ring->frame;
        }
    }
}

static void restore_seat(struct wrg_fetch *fetch, const struct wrg_fetch_saved *saved,
                         unsigned seat)
{
    for (uint32_t i = 0; i < saved->nlanes; i++) {
        struct wrg_fetch_ring *ring = &fetch->rings[seat][i];
        ring->live = saved->rings[seat][i].live;
        ring->seat = (uint8_t)seat;
        ring->abi = saved->rings[seat][i].abi;
        ring->npages = saved->rings[seat][i].npages;
        ring->stride = saved->rings[seat][i].stride;
        ring->entries = saved->rings[seat][i].entries;
        ring->requests = saved->rings[seat][i].requests;
        ring->answered = 0;
        ring->published = saved->rings[seat][i].published;
        ring->frame = saved->rings[seat][i].frame;
        ring->epoch++;
    }
    for (uint32_t i = saved->nlanes; i < fetch->nlanes; i++) {
        fetch->rings[seat][i].live = false;
        fetch->rings[seat][i].requests = fetch->rings[seat][i].answered = 0;
        fetch->rings[seat][i].epoch++;
    }
}

void wrg_fetch_restore(struct wrg_fetch *fetch, const struct wrg_fetch_saved *saved)
{
    for (unsigned seat = 0; seat < WRG_FETCH_SEATS; seat++)
        restore_seat(fetch, saved, seat);
    fetch->nlanes = saved->nlanes;
    memcpy(fetch->lanes, saved->lanes, sizeof(fetch->lanes));
    fetch->ntampers = 0;
    fetch->tamper_on = false;
}

/* ---- lanes ---- */

uint8_t wrg_fetch_lane(const struct wrg_fetch *fetch, uint8_t device, uint8_t queue)
{
    for (uint32_t i = 0; i < fetch->nlanes; i++)
        if (fetch->lanes[i].device == device && fetch->lanes[i].queue == queue)
            return (uint8_t)i;
    return WRG_FETCH_NO_LANE;
}

static uint8_t give_lane(struct wrg_fetch *fetch, uint8_t device, uint8_t queue)
{
    uint8_t lane = wrg_fetch_lane(fetch, device, queue);

    if (lane != WRG_FETCH_NO_LANE || fetch->nlanes == WRG_FETCH_LANES)
        return lane;
    lane = (uint8_t)fetch->nlanes++;
    fetch->lanes[lane] = (struct wrg_fetch_lane){ .device = device, .queue = queue };
    return lane;
}

static void forget_spot(struct wrg_fetch_spots *spots, uint8_t lane)
{
    uint32_t kept = 0;

    if (!spots)
        return;
    for (uint32_t i = 0; i < spots->count; i++)
        if (spots->at[i].lane != lane)
            spots->at[kept++] = spots->at[i];
    for (uint32_t i = kept; i < spots->count; i++)
        spots->at[i].npages = 0;
    spots->count = kept;
}

struct wrg_fetch_at wrg_fetch_search(const struct wrg_fetch_spots *spots, uint32_t page,
                                     uint32_t off)
{
    for (uint32_t i = 1; i < spots->count; i++) {
        const struct wrg_fetch_spot *spot = &spots->at[i];
        uint32_t nth = page - spot->page + (off >> WRG_PAGE_SHIFT);
        if (nth < spot->npages)
            return (struct wrg_fetch_at){ .off =
                                              nth << WRG_PAGE_SHIFT | (off & (WRG_PAGE_SIZE - 1)),
                                          .lane = spot->lane };
    }
    return (struct wrg_fetch_at){ .off = WRG_FETCH_NOT_IN_RING };
}

uint8_t wrg_fetch_declare(struct wrg_fetch *fetch, struct wrg_fetch_spots *spots,
                          const struct wrg_fetch_declare *args)
{
    uint8_t lane = give_lane(fetch, args->device, args->queue);

    if (lane == WRG_FETCH_NO_LANE)
        return lane;
    struct wrg_fetch_ring *ring = &fetch->rings[args->seat][lane];
    ring->live = true;
    ring->seat = args->seat;
    ring->abi = args->abi;
    ring->npages = args->npages;
    ring->entries = wrg_wire_ring_entries((enum wrg_abi)args->abi, args->npages);
    /* Requests and responses share the slots, so both sides step by the size of a request. */
    ring->stride = wrg_wire_request_size((enum wrg_abi)args->abi);
    ring->published = args->index;
    ring->frame = args->frame;
    ring->epoch++;
    forget_spot(spots, lane);
    if (!spots)
        return lane;
    WRG_ASSERT(spots->count < WRG_FETCH_LANES);
    spots->at[spots->count++] =
        (struct wrg_fetch_spot){ .page = args->page, .npages = args->npages, .lane = lane };
    return lane;
}

void wrg_fetch_retire(struct wrg_fetch *fetch, struct wrg_fetch_spots *spots, uint8_t seat,
                      uint8_t lane)
{
    if (lane >= fetch->nlanes)
        return;
    fetch->rings[seat][lane].live = false;
    fetch->rings[seat][lane].epoch++;
    forget_spot(spots, lane);
}

void wrg_fetch_retire_all(struct wrg_fetch *fetch, struct wrg_fetch_spots *spots, uint8_t seat)
{
    for (uint32_t i = 0; i < fetch->nlanes; i++)
        wrg_fetch_retire(fetch, spots, seat, (uint8_t)i);
}

uint32_t wrg_fetch_answered(const struct wrg_fetch *fetch, uint8_t seat)
{
    uint32_t answered = 0;

    for (uint32_t i = 0; i < fetch->nlanes; i++)
        answered += fetch->rings[seat][i].answered;
    return answered;
}

/* ---- scopes ---- */

struct wrg_tamper *wrg_fetch_find_due(struct wrg_fetch *fetch, uint8_t lane,
                                      const struct wrg_fetch_scope *scope)
{
    for (uint32_t i = 0; i < fetch->ntampers; i++) {
        struct wrg_tamper *tamper = &fetch->tampers[i];
        if (!tamper->fired && tamper->request == scope->request &&
            tamper->fetch == scope->fetches && tamper->device == fetch->lanes[lane].device &&
            tamper->queue == fetch->lanes[lane].queue)
            return tamper;
    }
    return NULL;
}

bool wrg_fetch_mark(uint64_t *seen, uint32_t off, uint32_t len)
{
    bool again = false;

    while (len) {
        uint32_t bit = off % 64;
        uint32_t n = len < 64 - bit ? len : 64 - bit;
        uint64_t mask = UINT64_MAX >> (64 - n) << bit;
        again |= (seen[off / 64] & mask) != 0;
        seen[off / 64] |= mask;
        off += n;
        len -= n;
    }
    return again;
}

static struct wrg_fetch_result load_slot(struct wrg_fetch *fetch, uint8_t seat,
                                         const struct wrg_fetch_place *place)
{
    struct wrg_fetch_result result = { .class = WRG_SHARED_RING_SLOT, .lane = place->lane };
    struct wrg_fetch_slot slot =
        wrg_fetch_load_slot(&fetch->rings[seat][place->lane], place->ring_off, place->len);

    if (!slot.scope)
        return result;
    result.request = slot.scope->request;
    result.again = slot.again;
    result.keep = slot.again ? NULL : slot.scope->bytes + slot.within;
    result.keep_len = slot.len;
    result.tamper = wrg_fetch_due(fetch, seat, place->lane, slot.scope);
    return result;
}

/* How many of the pages of segments of its request the gref is. */
static uint32_t times_named(const struct wrg_fetch_ring *ring, const struct wrg_fetch_scope *scope,
                            uint32_t gref)
{
    struct wrg_blkif_request request;
    uint32_t times = 0;

    if (!ring->live || scope->epoch != ring->epoch || scope->bytes[0] != WRG_BLKIF_OP_INDIRECT)
        return 0;
    wrg_wire_get_request((enum wrg_abi)ring->abi, scope->bytes, &request);
    uint32_t pages = wrg_wire_indirect_pages(request.nr_segments);
    for (uint32_t i = 0; i < wrg_min_u32(pages, WRG_BLKIF_MAX_INDIRECT_PAGES); i++)
        times += request.indirect_grefs[i] == gref;
    return times;
}

/* The page belongs to the scope that was opened last. */
static void join(struct wrg_fetch_indirect *page, const struct wrg_fetch_ring *ring, uint32_t turns)
{
    page->turns = turns;
    page->slot = ring->newest;
    page->position = ring->scopes[ring->newest].position;
    page->epoch = ring->epoch;
    memset(page->seen, 0, sizeof(page->seen));
}

static bool is_open(const struct wrg_fetch_indirect *page, const struct wrg_fetch_ring *ring)
{
    const struct wrg_fetch_scope *scope = &ring->scopes[page->slot];

    return page->epoch == ring->epoch && scope->epoch == ring->epoch &&
           scope->position == page->position;
}

static struct wrg_fetch_result load_indirect(struct wrg_fetch *fetch, uint8_t seat,
                                             struct wrg_fetch_indirect *page, uint32_t off,
                                             uint32_t len)
{
    struct wrg_fetch_ring *ring = &fetch->rings[seat][page->lane];
    const struct wrg_fetch_scope *newest = &ring->scopes[ring->newest];
    struct wrg_fetch_result result = { .class = WRG_SHARED_INDIRECT, .lane = page->lane };
    uint32_t turns;

    /* A page that was kept mapped for the request before belongs to the next one that names it. */
    if (page->epoch == ring->epoch && newest->position != page->position &&
        (turns = times_named(ring, newest, page->gref)) != 0)
        join(page, ring, turns);
    if (!is_open(page, ring))
        return (struct wrg_fetch_result){ .class = WRG_SHARED_NONE };
    struct wrg_fetch_scope *scope = &ring->scopes[page->slot];
    scope->fetches++;
    result.request = scope->request;
    result.again = wrg_fetch_mark(page->seen, off, len);
    if (WRG_UNLIKELY(result.again && page->turns > 1)) { /* it is another page of the request now */
        page->turns--;
        memset(page->seen, 0, sizeof(page->seen));
        result.again = wrg_fetch_mark(page->seen, off, len);
    }
    result.tamper = wrg_fetch_due(fetch, seat, page->lane, scope);
    return result;
}

struct wrg_fetch_result wrg_fetch_load(struct wrg_fetch *fetch, uint8_t seat,
                                       const struct wrg_fetch_place *place)
{
    if (place->ring_off != WRG_FETCH_NOT_IN_RING) {
        if (place->ring_off < WRG_WIRE_RING)
            return (struct wrg_fetch_result){ .class = WRG_SHARED_RING_INDEX, .lane = place->lane };
        return load_slot(fetch, seat, place);
    }
    if (place->indirect && fetch->indirect[place->indirect - 1].frame == place->frame &&
        fetch->indirect[place->indirect - 1].seat == seat)
        return load_indirect(fetch, seat, &fetch->indirect[place->indirect - 1], place->off,
                             place->len);
    return (struct wrg_fetch_result){ .class = WRG_SHARED_NONE };
}

uint8_t wrg_fetch_index_at(const struct wrg_fetch *fetch, uint32_t frame, uint32_t off)
{
    if (off >= WRG_WIRE_REQ_PROD + sizeof(uint32_t))
        return 0;
    for (uint32_t i = 0; i < fetch->nlanes; i++) {
        const struct wrg_fetch_ring *ring = &fetch->rings[WRG_SEAT_BACK][i];
        if (ring->live && ring->frame == frame)
            return (uint8_t)(i + 1);
    }
    return 0;
}

void wrg_fetch_published(struct wrg_fetch *fetch, uint8_t seat, uint8_t lane, uint32_t index)
{
    struct wrg_fetch_ring *ring = &fetch->rings[seat][lane];
    uint32_t delta = index - ring->published;

    if (delta <= ring->entries)
        ring->answered += delta;
    ring->published = index;
}

/* True: a request of this lane names the page. */
__attribute__((noinline)) static bool link_page(struct wrg_fetch *fetch, uint8_t lane,
                                                struct wrg_frame *meta, uint32_t gref,
                                                uint32_t frame)
{
    struct wrg_fetch_ring *ring = &fetch->rings[WRG_SEAT_BACK][lane];

    uint32_t turns = times_named(ring, &ring->scopes[ring->newest], gref);

    if (!turns)
        return false;
    struct wrg_fetch_indirect *page = &fetch->indirect[fetch->next_indirect];
    meta->indirect = (uint16_t)(fetch->next_indirect + 1);
    fetch->next_indirect = (fetch->next_indirect + 1) % WRG_FETCH_INDIRECT;
    page->frame = frame;
    page->gref = gref;
    page->seat = WRG_SEAT_BACK;
    page->lane = lane;
    join(page, ring, turns);
    return true;
}

void wrg_fetch_mapped(struct wrg_fetch *fetch, uint8_t device, struct wrg_frame *meta,
                      uint32_t gref, uint32_t frame)
{
    bool linked = false;

    for (uint32_t i = 0; i < fetch->nlanes && !linked; i++) {
        const struct wrg_fetch_ring *ring = &fetch->rings[WRG_SEAT_BACK][i];
        /* Only a lane's newest scope can wait for indirect pages: a back maps as it parses. */
        if (ring->scopes[ring->newest].bytes[0] == WRG_BLKIF_OP_INDIRECT &&
            fetch->lanes[i].device == device)
            linked = link_page(fetch, (uint8_t)i, meta, gref, frame);
    }
}
