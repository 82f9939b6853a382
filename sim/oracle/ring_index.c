/* SPDX-License-Identifier: MIT */
/*
 * RING-001, RING-007, RING-008: how far an index may go, and who may write which slot.
 *
 * A backend is judged by the producer index that it has loaded last, as long as it is not wrong to
 * go by the one that the frontend has stored. Each ring has indices of its own. Layer: oracle.
 * Source: xen/io/ring.h.
 */
#include <string.h>

#include "oracle/checkers.h"

static bool before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

/* RING-001 */
static void on_fetch(void *ctx, const struct wrg_tap_note *note)
{
    struct wrg_oracles *o = ctx;
    const struct wrg_tap_lane_facts *facts = &note->lane->facts;
    const struct wrg_tap_ring *front = &facts->rings[WRG_ROLE_FRONT];

    if (!wrg_oracle_judges(o, note->ev->role))
        return;
    if (facts->seen && facts->seen_bogus) {
        wrg_trace_report(o->trace, WRG_RULE_RING_001, note->ev,
                         "request %u%s is fetched, though the index %u is more than %u ahead",
                         note->position, wrg_tap_queue_text(note->lane), facts->seen_prod,
                         note->ring->entries);
        return;
    }
    if (facts->seen && before(note->position, facts->seen_prod))
        return;
    if (!front->known || (before(note->position, front->prod) &&
                          front->prod - note->ring->prod <= note->ring->entries))
        return;
    wrg_trace_report(o->trace, WRG_RULE_RING_001, note->ev,
                     "request %u%s is fetched, which is not published: the index is %u",
                     note->position, wrg_tap_queue_text(note->lane),
                     facts->seen ? facts->seen_prod : front->prod);
}

/* RING-007 */
static void on_prod_store(void *ctx, const struct wrg_tap_note *note)
{
    struct wrg_oracles *o = ctx;

    if (!note->known || !wrg_oracle_judges(o, note->ev->role) ||
        note->value - note->before <= note->ring->entries)
        return;
    wrg_trace_report(o->trace, WRG_RULE_RING_007, note->ev,
                     "own producer index%s goes from %u to %u in a ring of %u",
                     wrg_tap_queue_text(note->lane), note->before, note->value,
                     note->ring->entries);
}

static void on_take(void *ctx, const struct wrg_tap_note *note)
{
    struct wrg_oracles *o = ctx;

    struct wrg_taken *taken = &o->ring_index.facts.lanes[note->lane->number];

    taken->took = true;
    if (before(taken->cons, note->position + 1))
        taken->cons = note->position + 1;
}

/* RING-008 */
static void on_put_request(void *ctx, const struct wrg_tap_note *note)
{
    struct wrg_oracles *o = ctx;
    const struct wrg_tap_ring *back = &note->lane->facts.rings[WRG_ROLE_BACK];
    const struct wrg_taken *taken = &o->ring_index.facts.lanes[note->lane->number];
    uint32_t cons = taken->cons;

    if (!wrg_oracle_judges(o, note->ev->role))
        return;
    if (!taken->took) {
        /* It may take responses in a way that is not seen; if there are none, it cannot. */
        if (!back->known || back->prod != back->index)
            return;
        cons = back->index;
    }
    if (before(note->position, cons) || note->position - cons < note->ring->entries)
        return;
    wrg_trace_report(o->trace, WRG_RULE_RING_008, note->ev,
                     "request %u%s goes into a slot whose response %u was not consumed",
                     note->position, wrg_tap_queue_text(note->lane),
                     note->position - note->ring->entries);
}

static void on_declare(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    if ((uint8_t)(ev->c >> 16) != WRG_ROLE_FRONT || wrg_event_declared_lane(ev) >= WRG_TAP_LANES)
        return;
    o->ring_index.facts.lanes[wrg_event_declared_lane(ev)] =
        (struct wrg_taken){ .cons = (uint32_t)ev->d };
}

void wrg_ring_index_begin(struct wrg_oracles *o)
{
    memset(&o->ring_index.facts, 0, sizeof(o->ring_index.facts));
    wrg_trace_subscribe(o->trace, WRG_EV_RING_DECLARE, on_declare, o);
    if (o->config.judged & WRG_JUDGE_BACK)
        wrg_tap_listen(&o->tap, WRG_TAP_FETCH, on_fetch, o);
    wrg_tap_listen(&o->tap, WRG_TAP_PROD_STORE, on_prod_store, o);
    if (!(o->config.judged & WRG_JUDGE_FRONT))
        return;
    wrg_tap_listen(&o->tap, WRG_TAP_TAKE, on_take, o);
    wrg_tap_listen(&o->tap, WRG_TAP_PUT_REQUEST, on_put_request, o);
}
