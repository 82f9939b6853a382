/* SPDX-License-Identifier: MIT */
/*
 * Mappings: which grefs the backend holds, and which request named them.
 */
#include <string.h>

#include "wiretap/wiretap.h"

enum { BACK = 1 };

/* ---- the grefs of a request, in the order in which they are mapped ---- */

enum reading { KNOWN, NOT_KNOWN, AT_END };

static uint32_t page_count(struct wrg_tap_request *request)
{
    const struct wrg_blkif_request *wire = wrg_tap_wire(request);

    if (wire->operation != WRG_BLKIF_OP_INDIRECT)
        return 0;
    return wrg_wire_indirect_count(wire->nr_segments);
}

static bool has_page_gref(const struct wrg_tap_request *request, uint32_t i)
{
    uint32_t shift = wrg_wire_shift((enum wrg_abi)request->abi);

    return wrg_tap_has(request, WRG_WIRE_AT(shift, blkif_request_indirect, indirect_grefs) + i * 4,
                       4);
}

static enum reading gref_of(const struct wrg_tap *tap, struct wrg_tap_request *request, uint32_t i,
                            uint32_t *gref)
{
    uint32_t pages = page_count(request);
    struct wrg_blkif_segment seg;

    if (i < pages) {
        *gref = wrg_tap_wire(request)->indirect_grefs[i];
        return has_page_gref(request, i) ? KNOWN : NOT_KNOWN;
    }
    if (i - pages >= wrg_tap_segments(request))
        return AT_END;
    if (!wrg_tap_segment(tap, request, i - pages, &seg))
        return NOT_KNOWN;
    *gref = seg.gref;
    return KNOWN;
}

/* Requests that follow each other in a batch are mapped in order: look there first. */
static bool hinted(struct wrg_tap *tap, uint32_t gref, struct wrg_tap_request **request)
{
    uint32_t named;

    *request = &tap->records[tap->hint_record];
    if (!tap->hint_serial || (*request)->serial != tap->hint_serial ||
        gref_of(tap, *request, tap->hint_next, &named) != KNOWN || named != gref)
        return false;
    tap->hint_next++;
    return true;
}

/* All segments of a direct request are known at once, mostly. */
static enum wrg_tap_named named_by_slot(const struct wrg_tap_request *request, uint32_t gref,
                                        uint32_t *place)
{
    for (uint32_t i = 0; i < request->nr_segments; i++) {
        if (request->wire.seg[i].gref == gref) {
            *place = i;
            return WRG_TAP_NAMED;
        }
    }
    return WRG_TAP_NOT_NAMED;
}

static enum wrg_tap_named named_by(struct wrg_tap *tap, struct wrg_tap_request *request,
                                   uint32_t gref, uint32_t *place)
{
    enum wrg_tap_named result = WRG_TAP_NOT_NAMED;
    enum reading reading;
    uint32_t named;

    if (!wrg_tap_has_header(request))
        return WRG_TAP_MAYBE_NAMED;
    if (request->segments == UINT16_MAX && request->wire.operation != WRG_BLKIF_OP_INDIRECT)
        return named_by_slot(request, gref, place);
    for (uint32_t i = 0; (reading = gref_of(tap, request, i, &named)) != AT_END; i++) {
        if (reading == NOT_KNOWN) {
            result = WRG_TAP_MAYBE_NAMED;
        } else if (named == gref) {
            *place = i;
            return WRG_TAP_NAMED;
        }
    }
    return result;
}

/* The newest first: a backend maps what it has just fetched. */
static enum wrg_tap_named find_namer(struct wrg_tap *tap, uint32_t gref,
                                     const struct wrg_tap_request *except,
                                     struct wrg_tap_request **namer, uint32_t *place)
{
    enum wrg_tap_named result = WRG_TAP_NOT_NAMED;

    for (uint32_t i = tap->nactive; i-- > 0;) {
        struct wrg_tap_request *request = wrg_tap_active(tap, i);
        if (request == except)
            continue;
        enum wrg_tap_named named = named_by(tap, request, gref, place);
        *namer = request;
        if (named == WRG_TAP_NAMED)
            return named;
        if (named == WRG_TAP_MAYBE_NAMED)
            result = named;
    }
    return result;
}

enum wrg_tap_named wrg_tap_names(struct wrg_tap *tap, uint32_t gref,
                                 const struct wrg_tap_request *except)
{
    struct wrg_tap_request *request;
    uint32_t place;

    return find_namer(tap, gref, except, &request, &place);
}

/* Who names it; remembers where to look for the next one. */
static enum wrg_tap_named next_named(struct wrg_tap *tap, uint32_t gref,
                                     struct wrg_tap_request **request, uint32_t *place)
{
    if (hinted(tap, gref, request)) {
        *place = tap->hint_next - 1;
        return WRG_TAP_NAMED;
    }
    enum wrg_tap_named named = find_namer(tap, gref, NULL, request, place);
    if (named == WRG_TAP_NAMED) {
        bool last = *place + 1 == page_count(*request) + wrg_tap_segments(*request);
        tap->hint_record = (uint16_t)(*request - tap->records);
        tap->hint_serial = last ? 0 : (*request)->serial;
        tap->hint_next = *place + 1;
    }
    return named;
}

enum wrg_tap_named wrg_tap_named_next(struct wrg_tap *tap, uint32_t gref)
{
    struct wrg_tap_request *request;
    uint32_t place;

    return next_named(tap, gref, &request, &place);
}

/* ---- mappings ---- */

static void note_map(struct wrg_tap *tap, uint32_t gref, uint32_t frame)
{
    struct wrg_tap_gref *entry = &tap->grefs[gref % WRG_TAP_GREFS];

    if (entry->epoch != tap->epoch || entry->gref != gref) {
        if (entry->epoch == tap->epoch && entry->live)
            tap->unsure |= WRG_TAP_UNSURE_GREFS;
        *entry = (struct wrg_tap_gref){ .epoch = tap->epoch, .gref = gref };
    }
    entry->frame = frame;
    entry->live++;
    tap->mapped++;
    entry->time = ++tap->map_time;
}

static void link_page(struct wrg_tap *tap, struct wrg_tap_request *request, uint32_t k,
                      uint32_t frame)
{
    size_t record = (size_t)(request - tap->records);
    struct wrg_tap_page *page = &tap->pages[record * WRG_BLKIF_MAX_INDIRECT_PAGES + k];
    uint8_t bit = (uint8_t)(1u << k);

    if (!(request->linked & bit))
        memset(page->have, 0, sizeof(page->have));
    if (!(request->open & bit))
        tap->open_pages++;
    request->linked |= bit;
    request->open |= bit;
    request->frame[k] = frame;
}

void wrg_tap_link_kept(struct wrg_tap *tap, struct wrg_tap_request *request, uint32_t frame)
{
    uint32_t pages = page_count(request);

    for (uint32_t k = 0; k < pages; k++) {
        if (!has_page_gref(request, k))
            continue;
        const struct wrg_tap_gref *known =
            wrg_tap_gref(tap, wrg_tap_wire(request)->indirect_grefs[k]);
        if (known && known->live && known->frame == frame)
            link_page(tap, request, k, frame);
    }
}

static bool has_frame(const struct wrg_tap_ring *ring, uint32_t frame)
{
    for (uint32_t i = 0; ring->live && i < ring->npages; i++)
        if (ring->frames[i] == frame)
            return true;
    return false;
}

/* Of a ring that the frontend has set up and the backend has not attached to: that comes next. */
static bool is_of_next_ring(const struct wrg_tap *tap, uint32_t frame)
{
    for (uint32_t i = 0; i < tap->facts.nlanes; i++) {
        const struct wrg_tap_ring *rings = tap->lanes[i].facts.rings;
        if (has_frame(&rings[0], frame) && !has_frame(&rings[BACK], frame))
            return true;
    }
    return false;
}

void wrg_tap_on_map(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_tap *tap = ctx;
    struct wrg_tap_request *request;
    uint32_t place;

    if (ev->role != BACK || !tap->backs)
        return;
    if (ev->d >> 32) {
        tap->facts.trouble++;
        return;
    }
    if (WRG_UNLIKELY(tap->ring_frames >> (ev->c & 63) & 1) &&
        is_of_next_ring(tap, (uint32_t)ev->c)) {
        tap->last_map_named = true;
        return;
    }
    note_map(tap, ev->a, (uint32_t)ev->c);
    tap->last_map_named = next_named(tap, ev->a, &request, &place) == WRG_TAP_NAMED;
    if (!tap->last_map_named)
        return;
    if (place < page_count(request))
        link_page(tap, request, place, (uint32_t)ev->c);
}

static void close_pages(struct wrg_tap *tap, uint32_t gref, uint32_t frame)
{
    for (uint32_t i = 0; i < tap->nactive && tap->open_pages; i++) {
        struct wrg_tap_request *request = wrg_tap_active(tap, i);
        for (uint32_t k = 0; request->open >> k; k++) {
            if ((request->open >> k & 1) && request->frame[k] == frame &&
                wrg_tap_wire(request)->indirect_grefs[k] == gref) {
                request->open &= (uint8_t) ~(1u << k);
                tap->open_pages--;
            }
        }
    }
}

void wrg_tap_on_unmap(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_tap *tap = ctx;
    struct wrg_tap_gref *entry = &tap->grefs[ev->a % WRG_TAP_GREFS];

    if (ev->role != BACK)
        return;
    if (entry->epoch == tap->epoch && entry->gref == ev->a && entry->live) {
        entry->live--;
        tap->mapped--;
        entry->time = ++tap->map_time;
    }
    if (tap->open_pages)
        close_pages(tap, ev->a, (uint32_t)ev->c);
}
