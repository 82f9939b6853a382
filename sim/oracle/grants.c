/* SPDX-License-Identifier: MIT */
/*
 * GNT-001, 002, 004, 005, 006, 008: what is done with pages of the other domain, and with one's own
 * while they are granted. Leaks (GNT-003, GNT-007) are in ledger.c.
 *
 * Layer: oracle. Source: xen/grant_table.h.
 */
#include <inttypes.h>

#include "oracle/checkers.h"

/* GNT-001, GNT-002, GNT-008; also MEM-001, a free of what is not allocated: the port says which. */
static void on_view_fault(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    if (!wrg_oracle_judges(o, ev->role) || !wrg_rule_by_number((unsigned)ev->c))
        return;
    if (ev->c == WRG_RULE_MEM_001)
        wrg_trace_report(o->trace, WRG_RULE_MEM_001, ev, "memory that is not allocated is freed");
    else
        wrg_trace_report(o->trace, (enum wrg_rule)ev->c, ev,
                         "handle 0x%x is used at offset %u for %" PRIu64 " bytes", ev->a, ev->b,
                         ev->d);
}

/* GNT-004 */
static void on_map(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    struct wrg_tap *tap = &o->tap;

    if (ev->role != WRG_ROLE_BACK || ev->d >> 32 || !wrg_tap_sure(tap))
        return;
    /* The wiretap has just seen this map: it found who names the gref, most likely. */
    if (tap->last_map_named || wrg_tap_names(tap, ev->a, NULL) != WRG_TAP_NOT_NAMED)
        return;
    wrg_trace_report(o->trace, WRG_RULE_GNT_004, ev,
                     "gref %u is mapped, which no request in flight names", ev->a);
}

/* GNT-004, without a mapping. */
static void on_copy(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    struct wrg_tap *tap = &o->tap;
    uint32_t gref = ev->d >> 32 & 0xff ? ev->a : ev->b;

    if (ev->role != WRG_ROLE_BACK || (uint32_t)ev->d || !(ev->d >> 32 & 0xffff) ||
        !wrg_tap_sure(tap))
        return;
    if (wrg_tap_named_next(tap, gref) == WRG_TAP_NOT_NAMED)
        wrg_trace_report(o->trace, WRG_RULE_GNT_004, ev,
                         "gref %u is copied, which no request in flight names", gref);
}

/* Mapped still, and no other request in flight can be the reason. */
static bool still_mapped(struct wrg_tap *tap, const struct wrg_tap_request *request, uint32_t gref)
{
    const struct wrg_tap_gref *known = wrg_tap_gref(tap, gref);

    return known && known->live && wrg_tap_names(tap, gref, request) == WRG_TAP_NOT_NAMED;
}

/* GNT-005 */
static void on_answer(void *ctx, const struct wrg_tap_note *note)
{
    struct wrg_oracles *o = ctx;
    struct wrg_tap *tap = &o->tap;
    struct wrg_blkif_segment seg;

    /* Where both ends have agreed to it, pages stay mapped for the next request. */
    if (note->match != WRG_TAP_MATCHED || !tap->mapped || !wrg_tap_sure(tap) ||
        wrg_tap_persistent(tap))
        return;
    struct wrg_tap_request *request = &tap->records[note->request - tap->records];
    if (!wrg_tap_has_header(request))
        return;
    const struct wrg_blkif_request *wire = wrg_tap_wire(request);
    uint32_t pages =
        wire->operation == WRG_BLKIF_OP_INDIRECT ? wrg_wire_indirect_count(wire->nr_segments) : 0;
    uint32_t n = wrg_tap_segments(request);
    uint32_t gref = 0;
    bool found = false;
    for (uint32_t i = 0; i < pages && !found; i++) {
        gref = wire->indirect_grefs[i];
        found = still_mapped(tap, request, gref);
    }
    for (uint32_t i = 0; i < n && !found; i++) {
        if (!wrg_tap_segment(tap, request, i, &seg))
            continue;
        gref = seg.gref;
        found = still_mapped(tap, request, gref);
    }
    if (found)
        wrg_trace_report(o->trace, WRG_RULE_GNT_005, note->ev,
                         "request with id 0x%" PRIx64 " is answered while gref %u is mapped",
                         note->response.id, gref);
}

/* GNT-006 */
static void on_page_free(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    if (!ev->c || !wrg_oracle_judges(o, ev->role))
        return;
    wrg_trace_report(o->trace, WRG_RULE_GNT_006, ev,
                     "frame %u is freed while it is granted %u and mapped %u times", ev->a,
                     (unsigned)(uint32_t)ev->c, (unsigned)(ev->c >> 32));
}

void wrg_grants_begin(struct wrg_oracles *o)
{
    wrg_trace_subscribe(o->trace, WRG_EV_VIEW_FAULT, on_view_fault, o);
    wrg_trace_subscribe(o->trace, WRG_EV_PAGE_FREE, on_page_free, o);
    if (!o->config.accesses || !(o->config.judged & WRG_JUDGE_BACK))
        return;
    wrg_trace_subscribe(o->trace, WRG_EV_MAP, on_map, o);
    wrg_trace_subscribe(o->trace, WRG_EV_COPY, on_copy, o);
    wrg_tap_listen(&o->tap, WRG_TAP_ANSWER, on_answer, o);
}
