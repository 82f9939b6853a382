/* SPDX-License-Identifier: MIT */
/*
 * Requests in flight: their bytes as they were fetched, and who answers them.
 */
#include <string.h>

#include "wiretap/wiretap.h"

#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)
WRG_STATIC_ASSERT(WRG_TAP_IDS == 1u << (64 - 54), "an id falls into one of them");

/* ---- bytes ---- */

static inline uint64_t word_mask(uint32_t bit, uint32_t n)
{
    return (n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1) << bit;
}

/* Copies what is not there yet, and marks it. */
static void fill(uint64_t *have, uint8_t *to, uint32_t off, const uint8_t *from, uint32_t len)
{
    while (len) {
        uint32_t bit = off % 64;
        uint32_t n = wrg_min_u32(len, 64 - bit);
        uint64_t mask = word_mask(bit, n);
        if (WRG_LIKELY(!(have[off / 64] & mask))) {
            memcpy(to + off, from, n);
        } else {
            for (uint32_t i = 0; i < n; i++)
                if (!(have[off / 64] >> (bit + i) & 1))
                    to[off + i] = from[i];
        }
        have[off / 64] |= mask;
        off += n;
        from += n;
        len -= n;
    }
}

static bool filled(const uint64_t *have, uint32_t off, uint32_t len)
{
    while (len) {
        uint32_t bit = off % 64;
        uint32_t n = wrg_min_u32(len, 64 - bit);
        if (~have[off / 64] & word_mask(bit, n))
            return false;
        off += n;
        len -= n;
    }
    return true;
}

bool wrg_tap_has(const struct wrg_tap_request *request, uint32_t off, uint32_t len)
{
    return filled(request->have, off, len);
}

/* ---- in and out of flight ---- */

static bool take_record(struct wrg_tap *tap, uint16_t *record)
{
    if (tap->nfree)
        *record = tap->free[--tap->nfree];
    else if (tap->nfree_used < WRG_TAP_RECORDS)
        *record = tap->nfree_used++;
    else
        return false;
    return true;
}

struct wrg_tap_request *wrg_tap_open(struct wrg_tap *tap, struct wrg_tap_lane *lane, uint32_t slot,
                                     uint32_t position)
{
    struct wrg_tap_request *request;
    uint16_t record;

    if (!take_record(tap, &record)) {
        tap->unsure |= UINT32_C(1) << lane->number;
        return NULL;
    }
    request = &tap->records[record];
    request->position = position;
    request->serial = ++tap->serial;
    request->trouble = tap->facts.trouble;
    request->mapped = tap->map_time;
    request->place = (uint16_t)tap->nactive;
    request->lane = lane->number;
    request->abi = lane->facts.rings[1].abi;
    request->units = tap->units;
    request->has_id = false;
    request->twin = request->voted = request->confused = false;
    request->open = request->linked = 0;
    request->have[0] = request->have[1] = 0;
    lane->nunseen++;
    lane->nactive++;
    tap->active[tap->nactive] = record;
    tap->nactive++;
    tap->newest = record;
    lane->slots[slot] = (struct wrg_tap_slot){
        .epoch = lane->epoch, .position = position, .serial = request->serial, .record = record
    };
    tap->facts.requests++;
    return request;
}

/* Lanes may use the same ids: that is no clash. */
static inline uint32_t id_place(uint8_t lane, uint64_t id)
{
    return (uint32_t)(((id ^ (uint64_t)lane << 56) * GOLDEN) >> 54);
}

static void count_id(struct wrg_tap *tap, const struct wrg_tap_request *request, int by)
{
    struct wrg_tap_ids *ids = &tap->ids[id_place(request->lane, request->wire.id)];

    ids->count = (uint16_t)(ids->count + by);
    ids->records ^= (uint16_t)(request - tap->records);
}

static void forget_id(struct wrg_tap *tap, const struct wrg_tap_request *request)
{
    tap->lanes[request->lane].nactive--;
    if (request->has_id)
        count_id(tap, request, -1);
    else
        tap->lanes[request->lane].nunseen--;
}

void wrg_tap_close_all(struct wrg_tap *tap)
{
    for (uint32_t i = 0; i < tap->nactive; i++)
        forget_id(tap, wrg_tap_active(tap, i));
    tap->nactive = 0;
}

void wrg_tap_close(struct wrg_tap *tap, struct wrg_tap_request *request)
{
    forget_id(tap, request);
    uint16_t last = tap->active[--tap->nactive];

    if (request->open)
        tap->open_pages -= (uint32_t)__builtin_popcount(request->open);
    tap->active[request->place] = last;
    tap->records[last].place = request->place;
    request->serial = 0;
    tap->free[tap->nfree++] = (uint16_t)(request - tap->records);
}

void wrg_tap_close_lane(struct wrg_tap *tap, const struct wrg_tap_lane *lane)
{
    for (uint32_t i = tap->nactive; i-- > 0 && lane->nactive;) {
        struct wrg_tap_request *request = wrg_tap_active(tap, i);
        if (request->lane == lane->number)
            wrg_tap_close(tap, request);
    }
}

/* ---- what it asks for ---- */

static uint32_t id_offset(const struct wrg_tap_request *request)
{
    return WRG_WIRE_AT(wrg_wire_shift((enum wrg_abi)request->abi), blkif_request, id);
}

static bool has_header(const struct wrg_tap_request *request)
{
    uint32_t shift = wrg_wire_shift((enum wrg_abi)request->abi);

    if (!wrg_tap_has(request, 0, 1) || !wrg_tap_has(request, id_offset(request), 8))
        return false;
    switch (request->bytes[0]) {
    case WRG_BLKIF_OP_READ:
    case WRG_BLKIF_OP_WRITE:
    case WRG_BLKIF_OP_WRITE_BARRIER:
    case WRG_BLKIF_OP_FLUSH_DISKCACHE:
        return wrg_tap_has(request, 1, 1) &&
               wrg_tap_has(request, WRG_WIRE_AT(shift, blkif_request, sector_number), 8);
    case WRG_BLKIF_OP_INDIRECT:
        return wrg_tap_has(request, 1, 3) &&
               wrg_tap_has(request, WRG_WIRE_AT(shift, blkif_request_indirect, sector_number), 8);
    case WRG_BLKIF_OP_DISCARD:
        return wrg_tap_has(request, 1, 1) &&
               wrg_tap_has(request, WRG_WIRE_AT(shift, blkif_request_discard, sector_number), 16);
    default: return true;
    }
}

static uint16_t known_segments(const struct wrg_tap_request *request)
{
    uint32_t off = WRG_WIRE_AT(wrg_wire_shift((enum wrg_abi)request->abi), blkif_request, seg);
    uint16_t known = 0;

    for (uint32_t i = 0; i < WRG_BLKIF_MAX_DIRECT_SEGMENTS; i++)
        if (wrg_tap_has(request, off + i * 8, 6))
            known |= (uint16_t)(1u << i);
    return known;
}

/* From what the backend counts in to sectors of 512 bytes, as checkers have them. */
static void scale(struct wrg_tap_request *request)
{
    const struct wrg_units *units = &request->units;
    struct wrg_blkif_request *wire = &request->wire;

    wire->sector_number = wrg_sectors_of(wire->sector_number, units->number);
    wire->nr_sectors = wrg_sectors_of(wire->nr_sectors, units->number);
    for (uint32_t i = 0; units->segment && i < WRG_BLKIF_MAX_DIRECT_SEGMENTS; i++)
        wrg_segment_to_sectors(&wire->seg[i], units->segment);
}

/* Most are loaded at once. */
static inline bool is_whole(const struct wrg_tap_request *request, enum wrg_abi abi)
{
    uint64_t rest = word_mask(0, wrg_wire_request_size(abi) - 64);

    return request->have[0] == UINT64_MAX && (request->have[1] & rest) == rest;
}

static void decode(struct wrg_tap_request *request, const uint8_t *bytes)
{
    const struct wrg_blkif_request *wire = &request->wire;
    enum wrg_abi abi = (enum wrg_abi)request->abi;
    bool whole = is_whole(request, abi);

    wrg_wire_get_request(abi, bytes, &request->wire);
    if (WRG_UNLIKELY(request->units.number))
        scale(request);
    request->header = whole || has_header(request);
    if (wire->operation == WRG_BLKIF_OP_INDIRECT) {
        request->operation = wire->indirect_op;
        request->nr_segments = wrg_min_u32(wire->nr_segments, WRG_BLKIF_MAX_INDIRECT_SEGMENTS);
        return;
    }
    request->operation = wire->operation;
    if (wire->operation == WRG_BLKIF_OP_WRITE_BARRIER)
        request->operation = WRG_BLKIF_OP_WRITE; /* that is what moves its data */
    request->nr_segments = wrg_wire_direct_count(wire->nr_segments);
    request->segments = whole ? UINT16_MAX : known_segments(request);
}

/* All at once, as nearly all are loaded: nothing is kept but what follows from the bytes. */
static void feed_whole(struct wrg_tap_request *request, const uint8_t *bytes)
{
    request->have[0] = UINT64_MAX;
    request->have[1] = word_mask(0, WRG_BLKIF_MAX_REQUEST_BYTES - 64);
    decode(request, bytes);
}

static void feed_part(struct wrg_tap_request *request, uint32_t within, const uint8_t *bytes,
                      uint32_t len)
{
    if (!(request->have[0] | request->have[1]))
        memset(request->bytes, 0, sizeof(request->bytes));
    fill(request->have, request->bytes, within, bytes, len);
    decode(request, request->bytes);
}

void wrg_tap_feed(struct wrg_tap *tap, struct wrg_tap_request *request, uint32_t within,
                  const uint8_t *bytes, uint32_t len)
{
    const bool had_id = request->has_id;

    len = wrg_min_u32(len, WRG_BLKIF_MAX_REQUEST_BYTES - within);
    if (WRG_LIKELY(len == WRG_BLKIF_MAX_REQUEST_BYTES && !(request->have[0] | request->have[1])))
        feed_whole(request, bytes);
    else if (!is_whole(request, (enum wrg_abi)request->abi))
        feed_part(request, within, bytes, len);
    if (had_id)
        return;
    request->has_id = wrg_tap_has(request, id_offset(request), 8);
    if (request->has_id) {
        tap->lanes[request->lane].nunseen--;
        count_id(tap, request, 1);
    }
}

bool wrg_tap_indirect_segment(const struct wrg_tap *tap, const struct wrg_tap_request *request,
                              uint32_t i, struct wrg_blkif_segment *seg)
{
    uint32_t k = i / WRG_BLKIF_SEGMENTS_PER_PAGE;
    uint32_t entry = i % WRG_BLKIF_SEGMENTS_PER_PAGE;
    size_t record = (size_t)(request - tap->records);
    const struct wrg_tap_page *page = &tap->pages[record * WRG_BLKIF_MAX_INDIRECT_PAGES + k];

    if (request->confused || !(request->linked >> k & 1) || !filled(page->have, entry * 8, 6))
        return false;
    wrg_wire_get_segment(page->bytes, entry, seg);
    if (WRG_UNLIKELY(request->units.segment))
        wrg_segment_to_sectors(seg, request->units.segment);
    return true;
}

/* How many indirect pages of a request are this frame, the last of which is *at. */
static uint32_t find_places(const struct wrg_tap_request *request, uint32_t frame, uint32_t *at)
{
    uint32_t places = 0;

    for (uint32_t k = 0; k < WRG_BLKIF_MAX_INDIRECT_PAGES; k++) {
        if ((request->open >> k & 1) && request->frame[k] == frame) {
            places++;
            *at = k;
        }
    }
    return places;
}

void wrg_tap_on_indirect(struct wrg_tap *tap, const struct wrg_event *ev, const uint8_t *bytes,
                         uint32_t len)
{
    struct wrg_tap_request *request = &tap->records[tap->newest];
    uint32_t scope = wrg_event_request(ev);
    uint8_t lane = wrg_event_lane(ev);
    bool kept = wrg_tap_persistent(tap);
    uint32_t at = 0;

    if ((!tap->open_pages && !kept) || !tap->nactive)
        return;
    for (uint32_t i = 0; request->serial == 0 || request->scope != scope || request->lane != lane;
         i++) {
        if (i == tap->nactive)
            return;
        request = wrg_tap_active(tap, i);
    }
    uint32_t places = find_places(request, ev->a, &at);
    if (places == 0 && kept) {
        wrg_tap_link_kept(tap, request, ev->a);
        places = find_places(request, ev->a, &at);
    }
    if (places != 1) {
        request->confused |= places > 1;
        return;
    }
    size_t record = (size_t)(request - tap->records);
    struct wrg_tap_page *page = &tap->pages[record * WRG_BLKIF_MAX_INDIRECT_PAGES + at];
    uint32_t off = wrg_min_u32(wrg_event_off(ev), WRG_BLKIF_PAGE_BYTES);
    fill(page->have, page->bytes, off, bytes, wrg_min_u32(len, WRG_BLKIF_PAGE_BYTES - off));
}

/* ---- answers ---- */

static bool echoes(const struct wrg_tap *tap, struct wrg_tap_request *request, uint8_t operation)
{
    const struct wrg_blkif_request *wire = wrg_tap_wire(request);
    const struct wrg_tap_facts *facts = &tap->facts;

    if (!wrg_tap_has(request, 0, 2))
        return true;
    if (wire->operation != WRG_BLKIF_OP_INDIRECT)
        return operation == wire->operation;
    if (!facts->has_indirect_max || facts->indirect_max == 0) /* not offered: echoed as it came */
        return operation == WRG_BLKIF_OP_INDIRECT;
    return operation == wire->indirect_op ||
           (operation == WRG_BLKIF_OP_INDIRECT && !tap->front_linux);
}

struct search { /* requests of a lane in flight with one id */
    uint8_t lane;
    uint32_t count, voted;
    struct wrg_tap_request *right; /* the oldest whose operation fits */
    struct wrg_tap_request *wrong; /* the oldest other one */
};

static void older(struct wrg_tap_request **best, struct wrg_tap_request *request)
{
    if (!*best || (int32_t)(request->position - (*best)->position) < 0)
        *best = request;
}

static void weigh(const struct wrg_tap *tap, const struct wrg_blkif_response *response,
                  struct wrg_tap_request *request, struct search *search)
{
    if (WRG_LIKELY(request->wire.id != response->id || request->lane != search->lane))
        return;
    search->count++;
    search->voted += request->voted;
    if (!request->voted)
        older(echoes(tap, request, response->operation) ? &search->right : &search->wrong, request);
}

static void find_id(const struct wrg_tap *tap, const struct wrg_blkif_response *response,
                    struct search *search)
{
    const struct wrg_tap_ids *ids = &tap->ids[id_place(search->lane, response->id)];

    if (WRG_LIKELY(ids->count == 1)) {
        weigh(tap, response, &tap->records[ids->records], search);
        return;
    }
    for (uint32_t i = 0; i < tap->nactive && ids->count; i++)
        weigh(tap, response, wrg_tap_active(tap, i), search);
}

/* All twins are answered: only now is it known that none of them is in flight. */
static void close_twins(struct wrg_tap *tap, uint64_t id, const struct wrg_tap_request *last)
{
    const uint8_t lane = last->lane;

    for (uint32_t i = tap->nactive; i-- > 0;) {
        struct wrg_tap_request *request = wrg_tap_active(tap, i);
        if (request->wire.id == id && request->lane == lane && request != last)
            wrg_tap_close(tap, request);
    }
}

static void mark_twins(struct wrg_tap *tap, uint8_t lane, uint64_t id)
{
    for (uint32_t i = 0; i < tap->nactive; i++) {
        struct wrg_tap_request *request = wrg_tap_active(tap, i);
        request->twin |= request->wire.id == id && request->lane == lane;
    }
}

static bool was_answered(const struct wrg_tap_lane *lane, uint64_t id)
{
    uint32_t n = wrg_min_u32(lane->nanswered, WRG_TAP_ANSWERED);

    for (uint32_t i = 0; i < n; i++)
        if (lane->answered[i] == id)
            return true;
    return false;
}

enum wrg_tap_match wrg_tap_answer(struct wrg_tap *tap, struct wrg_tap_lane *lane,
                                  const struct wrg_blkif_response *response,
                                  struct wrg_tap_request **request, bool *done)
{
    struct search search = { .lane = lane->number };

    if (lane->nunseen) {
        tap->unsure |= UINT32_C(1) << lane->number;
        return WRG_TAP_NOT_SEEN;
    }
    find_id(tap, response, &search);
    if (search.count == search.voted) {
        if (search.count || was_answered(lane, response->id))
            return WRG_TAP_TWICE;
        return lane->nactive ? WRG_TAP_WRONG_ID : WRG_TAP_NO_REQUEST;
    }
    *request = search.right ? search.right : search.wrong;
    *done = true;
    lane->answered[lane->nanswered++ % WRG_TAP_ANSWERED] = response->id;
    if (search.count > 1) {
        mark_twins(tap, lane->number, response->id);
        (*request)->voted = true;
        *done = search.voted + 1 == search.count;
        if (*done)
            close_twins(tap, response->id, *request);
    }
    /* Of twins nobody knows which is meant: an indirect one may be echoed in two ways. */
    if ((*request)->twin)
        return WRG_TAP_MATCHED_TWIN;
    return search.right ? WRG_TAP_MATCHED : WRG_TAP_WRONG_OP;
}
