/* SPDX-License-Identifier: MIT */
#include "wiretap/wiretap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/copy.h"
#include "vocab/events.h"

enum { FRONT = 0, BACK = 1 };

WRG_STATIC_ASSERT((int)WRG_ROLE_FRONT == FRONT && (int)WRG_ROLE_BACK == BACK, "seats are roles");

/* id, operation and status: without them a response cannot be read. */
#define RESPONSE_MEMBERS 0x0dffu

int wrg_tap_init(struct wrg_tap *tap)
{
    memset(tap, 0, sizeof(*tap));
    tap->lanes = calloc(WRG_TAP_LANES, sizeof(*tap->lanes));
    tap->records = calloc(WRG_TAP_RECORDS, sizeof(*tap->records));
    tap->pages = calloc(WRG_TAP_RECORDS * WRG_BLKIF_MAX_INDIRECT_PAGES, sizeof(*tap->pages));
    tap->grefs = calloc(WRG_TAP_GREFS, sizeof(*tap->grefs));
    for (uint32_t i = 0; tap->lanes && i < WRG_TAP_LANES; i++)
        tap->lanes[i].number = (uint8_t)i;
    if (tap->lanes && tap->records && tap->pages && tap->grefs)
        return 0;
    wrg_tap_fini(tap);
    return -ENOMEM;
}

void wrg_tap_fini(struct wrg_tap *tap)
{
    free(tap->lanes);
    free(tap->records);
    free(tap->pages);
    free(tap->grefs);
    tap->lanes = NULL;
    tap->records = NULL;
    tap->pages = NULL;
    tap->grefs = NULL;
}

void wrg_tap_listen(struct wrg_tap *tap, enum wrg_tap_note_kind kind, wrg_tap_fn *fn, void *ctx)
{
    struct wrg_tap_listener *at = tap->listeners[kind];
    struct wrg_tap_listener *end = at + WRG_TAP_LISTENERS;

    while (at < end && at->fn)
        at++;
    WRG_ASSERT(at < end);
    *at = (struct wrg_tap_listener){ .fn = fn, .ctx = ctx };
}

static inline void tell(const struct wrg_tap *tap, struct wrg_tap_note *note,
                        enum wrg_tap_note_kind kind)
{
    note->kind = kind;
    for (const struct wrg_tap_listener *at = tap->listeners[kind]; at->fn; at++)
        at->fn(at->ctx, note);
}

static void tell_flag(struct wrg_tap *tap, enum wrg_tap_note_kind kind, const struct wrg_event *ev)
{
    struct wrg_tap_note note = { .ev = ev };

    tell(tap, &note, kind);
}

static uint32_t lane_bit(const struct wrg_tap_lane *lane)
{
    return UINT32_C(1) << lane->number;
}

/* No slot of it was read, and nothing was answered there. */
static void forget_lane(struct wrg_tap *tap, struct wrg_tap_lane *lane)
{
    if (++lane->epoch == 0) { /* after 2^32 rings: old entries would come to life again */
        memset(lane->slots, 0, sizeof(lane->slots));
        memset(lane->responses, 0, sizeof(lane->responses));
        lane->epoch = 1;
    }
    lane->nanswered = 0;
    tap->unsure &= ~lane_bit(lane);
}

/* Nothing is in flight, no gref is mapped, no slot was read. */
static void forget_flight(struct wrg_tap *tap)
{
    if (++tap->epoch == 0) {
        memset(tap->grefs, 0, WRG_TAP_GREFS * sizeof(*tap->grefs));
        tap->epoch = 1;
    }
    wrg_tap_close_all(tap);
    for (uint32_t i = 0; i < tap->facts.nlanes; i++)
        forget_lane(tap, &tap->lanes[i]);
    tap->unsure = 0;
    tap->nfree = 0;
    tap->nfree_used = 0;
    tap->open_pages = 0;
    tap->mapped = 0;
    tap->last_map_named = false;
    tap->hint_serial = 0;
    tap->newest = 0;
}

/* Lanes up to this number are in use from now on. */
static void use_lanes(struct wrg_tap *tap, uint32_t count)
{
    for (; tap->facts.nlanes < count; tap->facts.nlanes++) {
        struct wrg_tap_lane *lane = &tap->lanes[tap->facts.nlanes];
        memset(&lane->facts, 0, sizeof(lane->facts));
        forget_lane(tap, lane);
    }
}

/* ---- which ring an access falls into ---- */

static bool find_page(const struct wrg_tap_ring *ring, uint32_t frame, uint32_t *page)
{
    if (!ring->live)
        return false;
    for (uint32_t i = 0; i < ring->npages; i++) {
        if (ring->frames[i] == frame) {
            *page = i;
            return true;
        }
    }
    return false;
}

/*
 * The ring as the accessing seat has declared it. A scripted frontend need not declare one: then
 * its ring is the one that the backend serves.
 */
static inline struct wrg_tap_ring *ring_of(struct wrg_tap_lane *lane, uint8_t seat,
                                           const struct wrg_event *ev, uint32_t *off)
{
    struct wrg_tap_ring *ring = &lane->facts.rings[seat];
    uint32_t page;

    if (seat == FRONT && !ring->live)
        ring = &lane->facts.rings[BACK];
    if (!find_page(ring, ev->a, &page))
        return NULL;
    *off = page * WRG_BLKIF_PAGE_BYTES + wrg_event_off(ev);
    return ring;
}

/* In a later page; or not through the handle that was declared: then the frame tells the lane. */
__attribute__((noinline)) static struct wrg_tap_ring *search_ring(struct wrg_tap *tap,
                                                                  const struct wrg_event *ev,
                                                                  struct wrg_tap_lane **lane,
                                                                  uint32_t *off)
{
    struct wrg_tap_ring *ring = ring_of(*lane, ev->role, ev, off);

    for (uint32_t i = 0; !ring && i < tap->facts.nlanes; i++) {
        *lane = &tap->lanes[i];
        ring = ring_of(*lane, ev->role, ev, off);
    }
    return ring;
}

static inline struct wrg_tap_ring *ring_at(struct wrg_tap *tap, const struct wrg_event *ev,
                                           struct wrg_tap_lane **lane, uint32_t *off)
{
    if (!(tap->ring_frames >> (ev->a & 63) & 1))
        return NULL;
    *lane = &tap->lanes[wrg_event_lane(ev)];
    struct wrg_tap_ring *ring = &(*lane)->facts.rings[ev->role];
    /* Nearly all rings have one page, and are declared. */
    if (WRG_LIKELY(ring->live && ring->frames[0] == ev->a)) {
        *off = wrg_event_off(ev);
        return ring;
    }
    return search_ring(tap, ev, lane, off);
}

static void mark_frames(struct wrg_tap *tap)
{
    tap->ring_frames = 0;
    tap->backs = 0;
    for (uint32_t k = 0; k < tap->facts.nlanes; k++) {
        const struct wrg_tap_lane *lane = &tap->lanes[k];
        for (unsigned seat = 0; seat < 2; seat++) {
            const struct wrg_tap_ring *ring = &lane->facts.rings[seat];
            for (uint32_t i = 0; ring->live && i < ring->npages; i++)
                tap->ring_frames |= UINT64_C(1) << (ring->frames[i] & 63);
        }
        if (lane->facts.rings[BACK].live)
            tap->backs |= lane_bit(lane);
    }
}

/* The slot that an offset within the ring falls into. Offsets are below 2^18. */
static inline uint32_t slot_at(const struct wrg_tap_ring *ring, uint32_t off, uint32_t *within)
{
    uint32_t at = off - WRG_WIRE_RING;
    uint32_t slot = (uint32_t)((uint64_t)at * ring->inverse >> 32);

    *within = at - slot * ring->stride;
    return slot;
}

static bool covers(uint32_t off, uint32_t len, uint32_t word)
{
    return off <= word && off + len >= word + 4;
}

/* ---- loads ---- */

static void load_index(struct wrg_tap *tap, struct wrg_tap_lane *lane, const struct wrg_event *ev,
                       const struct wrg_tap_ring *ring, const uint8_t *word)
{
    struct wrg_tap_note note; /* only what its kind has is filled in */

    note.seat = ev->role;
    note.lane = lane;
    note.ev = ev;
    note.ring = ring;
    note.value = wrg_wire_load32(word);
    if (ev->role == BACK) {
        struct wrg_tap_lane_facts *facts = &lane->facts;
        facts->seen = true;
        facts->seen_prod = note.value;
        facts->seen_bogus = note.value - facts->rsp_prod > ring->entries;
        if (!facts->rings[FRONT].known) {
            facts->rings[FRONT].prod = note.value;
            facts->rings[FRONT].known = true;
        }
    }
    tell(tap, &note, WRG_TAP_PROD_LOAD);
}

static void load_request(struct wrg_tap *tap, struct wrg_tap_lane *lane, struct wrg_tap_note *at,
                         uint32_t slot, const uint8_t *bytes)
{
    struct wrg_tap_slot *known = &lane->slots[slot];
    struct wrg_tap_request *request;

    if (known->epoch == lane->epoch && known->position == at->position) {
        request = &tap->records[known->record];
        /* Answered already: what is read now belongs to nothing. */
        if (request->serial != known->serial)
            return;
        wrg_tap_feed(tap, request, at->within, bytes, at->len);
        return;
    }
    request = wrg_tap_open(tap, lane, slot, at->position);
    if (!request)
        return;
    request->scope = wrg_event_request(at->ev);
    wrg_tap_feed(tap, request, at->within, bytes, at->len);
    at->request = request;
    tell(tap, at, WRG_TAP_FETCH);
    if ((int32_t)(at->position + 1 - lane->facts.next_fetch) > 0)
        lane->facts.next_fetch = at->position + 1;
}

static void load_slot(struct wrg_tap *tap, struct wrg_tap_lane *lane, const struct wrg_event *ev,
                      const struct wrg_tap_ring *ring, uint32_t off, const uint8_t *bytes,
                      uint32_t len)
{
    uint32_t within;
    uint32_t slot = slot_at(ring, off, &within);
    struct wrg_tap_note note; /* only what its kind has is filled in */

    if (slot >= ring->entries || !lane->facts.rings[ev->role].live)
        return;
    note.seat = ev->role;
    note.lane = lane;
    note.ev = ev;
    note.ring = ring;
    note.within = within;
    note.len = wrg_min_u32(len, ring->stride - within);
    if (ev->role == BACK) {
        note.position = ring->prod + ((slot - ring->prod) & (ring->entries - 1));
        load_request(tap, lane, &note, slot, bytes);
        return;
    }
    note.bytes = bytes;
    note.position = ring->prod - ring->entries + ((slot - ring->prod) & (ring->entries - 1));
    tell(tap, &note, WRG_TAP_TAKE);
}

static void load(struct wrg_tap *tap, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_tap_lane *lane;
    uint32_t off;

    if (ev->role > BACK)
        return;
    if (ev->role == BACK && wrg_event_class(ev) == WRG_SHARED_INDIRECT) {
        wrg_tap_on_indirect(tap, ev, payload, len);
        return;
    }
    /* A backend that maps a page of the ring as data, or for segments, reads no requests there. */
    if (ev->role == BACK && wrg_event_class(ev) != WRG_SHARED_RING_SLOT &&
        wrg_event_class(ev) != WRG_SHARED_RING_INDEX)
        return;
    const struct wrg_tap_ring *ring = ring_at(tap, ev, &lane, &off);
    if (!ring)
        return;
    if (off >= WRG_WIRE_RING) {
        load_slot(tap, lane, ev, ring, off, payload, len);
        return;
    }
    uint32_t peer = ev->role == BACK ? WRG_WIRE_REQ_PROD : WRG_WIRE_RSP_PROD;
    if (covers(off, len, peer))
        load_index(tap, lane, ev, ring, (const uint8_t *)payload + (peer - off));
}

static void on_load(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    load(ctx, ev, payload, len);
    if (WRG_UNLIKELY(wrg_event_flag(ev)))
        tell_flag(ctx, WRG_TAP_AGAIN, ev);
}

/* ---- stores ---- */

static void publish_one(struct wrg_tap *tap, struct wrg_tap_lane *lane, struct wrg_tap_note *note)
{
    const struct wrg_tap_response *stored =
        &lane->responses[note->position & (note->ring->entries - 1)];
    struct wrg_tap_request *request = NULL;
    bool done = false;

    bool put = stored->epoch == lane->epoch && stored->position == note->position;

    if (!put || (stored->have & RESPONSE_MEMBERS) != RESPONSE_MEMBERS) {
        tap->unsure |= lane_bit(lane);
        if (put)
            return;
        note->match = WRG_TAP_NOT_PUT;
        note->response = (struct wrg_blkif_response){ .id = 0 };
        note->request = NULL;
        tell(tap, note, WRG_TAP_ANSWER);
        return;
    }
    wrg_wire_get_response(stored->bytes, &note->response);
    note->match = wrg_tap_answer(tap, lane, &note->response, &request, &done);
    note->request = request;
    tell(tap, note, WRG_TAP_ANSWER);
    if (WRG_UNLIKELY(note->response.status != WRG_BLKIF_RSP_OKAY))
        tell(tap, note, WRG_TAP_FAILED);
    if (done && request)
        wrg_tap_close(tap, request);
}

static void publish(struct wrg_tap *tap, struct wrg_tap_lane *lane, struct wrg_tap_note *note)
{
    for (uint32_t position = note->before;
         position != note->value && !(tap->unsure & lane_bit(lane)); position++) {
        note->position = position;
        publish_one(tap, lane, note);
    }
}

static void store_index(struct wrg_tap *tap, struct wrg_tap_lane *lane, const struct wrg_event *ev,
                        const struct wrg_tap_ring *ring, const uint8_t *word)
{
    struct wrg_tap_ring *own = &lane->facts.rings[ev->role];
    struct wrg_tap_note note; /* only what its kind has is filled in */

    note.seat = ev->role;
    note.lane = lane;
    note.ev = ev;
    note.ring = ring;
    note.known = own->known;
    note.before = own->prod;
    note.value = wrg_wire_load32(word);
    tell(tap, &note, WRG_TAP_PROD_STORE);
    if (ev->role == BACK) {
        if (!note.known || note.value - note.before > ring->entries)
            tap->unsure |= lane_bit(lane);
        else
            publish(tap, lane, &note);
    }
    own->prod = note.value;
    own->known = true;
}

static void keep_response(struct wrg_tap_lane *lane, uint32_t slot, const struct wrg_tap_note *note)
{
    struct wrg_tap_response *stored = &lane->responses[slot];
    uint32_t room = WRG_BLKIF_MAX_RESPONSE_BYTES;

    if (stored->epoch != lane->epoch || stored->position != note->position) {
        stored->epoch = lane->epoch;
        stored->position = note->position;
        stored->have = 0;
    }
    if (note->within < room) {
        uint32_t len = wrg_min_u32(note->len, room - note->within);
        wrg_copy(stored->bytes + note->within, note->bytes, len);
        stored->have |= (uint16_t)(((1u << len) - 1) << note->within);
    }
    if ((int32_t)(note->position + 1 - lane->facts.rsp_prod) > 0)
        lane->facts.rsp_prod = note->position + 1;
}

static void store_slot(struct wrg_tap *tap, struct wrg_tap_lane *lane, const struct wrg_event *ev,
                       const struct wrg_tap_ring *ring, uint32_t off, const uint8_t *payload,
                       uint32_t len)
{
    const struct wrg_tap_ring *own = &lane->facts.rings[ev->role];
    struct wrg_tap_note note; /* only what its kind has is filled in */
    uint32_t slot = slot_at(ring, off, &note.within);

    if (slot >= ring->entries || !own->known)
        return;
    note.seat = ev->role;
    note.lane = lane;
    note.ev = ev;
    note.ring = ring;
    note.bytes = payload;
    note.old = payload + len;
    note.len = wrg_min_u32(len, ring->stride - note.within);
    note.position = own->prod + ((slot - own->prod) & (ring->entries - 1));
    if (ev->role == BACK) {
        keep_response(lane, slot, &note);
        tell(tap, &note, WRG_TAP_PUT_RESPONSE);
    } else {
        tell(tap, &note, WRG_TAP_PUT_REQUEST);
    }
}

/* The own producer index after a store that may cover a part of it only; false: not touched. */
static bool index_after(const struct wrg_tap_ring *own, uint32_t at, uint32_t off,
                        const uint8_t *bytes, uint32_t len, uint8_t word[4])
{
    bool all = covers(off, len, at);

    if (off + len <= at || off >= at + 4 || (!all && !own->known))
        return false;
    if (all) {
        memcpy(word, bytes + (at - off), 4);
        return true;
    }
    wrg_wire_store32(word, own->prod);
    for (uint32_t i = 0; i < 4; i++)
        if (at + i >= off && at + i < off + len)
            word[i] = bytes[at + i - off];
    return true;
}

static void store(struct wrg_tap *tap, const struct wrg_event *ev, const void *payload,
                  uint32_t len)
{
    struct wrg_tap_lane *lane;
    uint32_t off;

    if (ev->role > BACK)
        return;
    const struct wrg_tap_ring *ring = ring_at(tap, ev, &lane, &off);
    if (!ring)
        return;
    len /= 2; /* the old bytes follow the new ones */
    if (off >= WRG_WIRE_RING) {
        store_slot(tap, lane, ev, ring, off, payload, len);
        return;
    }
    uint32_t mine = ev->role == BACK ? WRG_WIRE_RSP_PROD : WRG_WIRE_REQ_PROD;
    uint8_t word[4];
    if (index_after(&lane->facts.rings[ev->role], mine, off, payload, len, word))
        store_index(tap, lane, ev, ring, word);
}

static void on_store(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    store(ctx, ev, payload, len);
    if (WRG_UNLIKELY(wrg_event_flag(ev)))
        tell_flag(ctx, WRG_TAP_SECRET, ev);
}

/* ---- rings come and go ---- */

/* The first ring of a connection; or one more of it. */
static void declare_back(struct wrg_tap *tap, struct wrg_tap_lane *lane)
{
    struct wrg_tap_lane_facts *facts = &lane->facts;

    if (!(tap->backs & ~lane_bit(lane))) {
        forget_flight(tap);
    } else {
        wrg_tap_close_lane(tap, lane);
        forget_lane(tap, lane);
    }
    facts->seen = facts->seen_bogus = false;
    facts->rsp_prod = facts->next_fetch = facts->rings[BACK].index;
    /* Is it the ring that the frontend has set up? Else nothing is known of its index. */
    if (!facts->rings[FRONT].live || facts->rings[FRONT].frames[0] != facts->rings[BACK].frames[0])
        facts->rings[FRONT].known = false;
}

static void on_declare(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_tap *tap = ctx;
    uint8_t abi = (uint8_t)ev->c;
    uint8_t npages = (uint8_t)(ev->c >> 8);
    uint8_t seat = (uint8_t)(ev->c >> 16);
    uint8_t number = wrg_event_declared_lane(ev);

    if (seat > BACK || abi >= WRG_ABI_COUNT || npages == 0 || npages > WRG_BLKIF_MAX_RING_PAGES ||
        number >= WRG_TAP_LANES || len < npages * sizeof(uint32_t))
        return;
    use_lanes(tap, number + 1u);
    struct wrg_tap_lane *lane = &tap->lanes[number];
    struct wrg_tap_ring *ring = &lane->facts.rings[seat];
    lane->facts.queue = (uint8_t)ev->a;
    lane->facts.device = (uint8_t)(ev->a >> 8);
    *ring = (struct wrg_tap_ring){ .live = true,
                                   .known = true,
                                   .abi = abi,
                                   .npages = npages,
                                   .prod = (uint32_t)ev->d,
                                   .index = (uint32_t)ev->d };
    ring->entries = wrg_wire_ring_entries((enum wrg_abi)abi, npages);
    ring->stride = wrg_wire_request_size((enum wrg_abi)abi);
    ring->inverse = UINT32_MAX / ring->stride + 1;
    memcpy(ring->frames, payload, npages * sizeof(uint32_t));
    mark_frames(tap);
    if (seat == BACK)
        declare_back(tap, lane);
}

static void retire(struct wrg_tap_lane *lane, unsigned seat)
{
    lane->facts.rings[seat].live = false;
    lane->facts.rings[seat].known = false;
}

/* The back's domain is there again, without the rings that the last one served. */
static void on_birth(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_tap *tap = ctx;

    for (uint32_t i = 0; i < tap->facts.nlanes; i++)
        retire(&tap->lanes[i], BACK);
    mark_frames(tap);
}

static void on_retire(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_tap *tap = ctx;

    if (ev->b > BACK || ev->c >= tap->facts.nlanes)
        return;
    retire(&tap->lanes[ev->c], ev->b);
    mark_frames(tap);
    if (ev->b == BACK)
        wrg_tap_forget_persistent(&tap->facts);
    tap->facts.trouble++;
}

/* ---- runs ---- */

void wrg_tap_begin(struct wrg_tap *tap, struct wrg_trace *trace, bool accesses)
{
    for (uint32_t i = 0; i < tap->facts.nlanes; i++)
        memset(&tap->lanes[i].facts, 0, sizeof(tap->lanes[i].facts));
    memset(&tap->facts, 0, sizeof(tap->facts));
    tap->facts.nlanes = 1;
    memset(tap->listeners, 0, sizeof(tap->listeners));
    tap->ring_frames = 0;
    tap->backs = 0;
    tap->serial = 0;
    tap->map_time = 0;
    forget_flight(tap);
    wrg_tap_subscribe_facts(tap, trace);
    wrg_trace_subscribe(trace, WRG_EV_RING_DECLARE, on_declare, tap);
    wrg_trace_subscribe(trace, WRG_EV_RING_RETIRE, on_retire, tap);
    wrg_trace_subscribe(trace, WRG_EV_BIRTH, on_birth, tap);
    if (!accesses)
        return;
    wrg_trace_subscribe(trace, WRG_EV_LOAD, on_load, tap);
    wrg_trace_subscribe(trace, WRG_EV_STORE, on_store, tap);
    wrg_trace_subscribe(trace, WRG_EV_MAP, wrg_tap_on_map, tap);
    wrg_trace_subscribe(trace, WRG_EV_UNMAP, wrg_tap_on_unmap, tap);
}

void wrg_tap_resume(struct wrg_tap *tap)
{
    forget_flight(tap);
    mark_frames(tap);
}
