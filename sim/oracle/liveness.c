/* SPDX-License-Identifier: MIT */
/*
 * LIVE-001, LIVE-002, LIVE-003: stuck, too much work, does not come to an end.
 *
 * At WRG_PHASE_QUIET nothing is runnable any more: what is outstanding then stays so. A backend
 * whose peer's index was out of range once may have given that ring up, and is not judged by it;
 * nor where a request made it write over that index.
 * Layer: oracle. Source: xen/io/ring.h, XSA-332.
 */
#include <inttypes.h>
#include <string.h>

#include "oracle/checkers.h"

enum { XS_REMOVED = 2 }; /* operand `kind` of a change of the store */

/* ---- LIVE-001 ---- */

static bool has_closed(uint64_t state)
{
    return state == WRG_XENBUS_CLOSED || state == WRG_XENBUS_UNKNOWN;
}

static void judge_front(struct wrg_oracles *o, const struct wrg_event *ev)
{
    const uint64_t submitted = o->liveness.facts.submitted;
    const uint64_t completed = o->liveness.facts.completed;
    struct wrg_event event = *ev;

    if (!o->config.honest_front || !o->config.judged || completed >= submitted ||
        o->liveness.facts.front_dead)
        return;
    /* A frontend at a host without a backend waits for one. */
    if (o->liveness.facts.born && o->liveness.facts.own_state[WRG_ROLE_BACK] == WRG_XENBUS_UNKNOWN)
        return;
    event.role = o->config.judged & WRG_JUDGE_FRONT ? WRG_ROLE_FRONT : WRG_ROLE_BACK;
    wrg_trace_report(o->trace, WRG_RULE_LIVE_001, &event,
                     "nobody can run, and %" PRIu64 " of %" PRIu64 " I/Os are outstanding",
                     submitted - completed, submitted);
}

static uint32_t outstanding_of(const struct wrg_oracles *o, const struct wrg_tap_lane *lane)
{
    const struct wrg_tap_ring *front = &lane->facts.rings[WRG_ROLE_FRONT];
    const struct wrg_tap_ring *back = &lane->facts.rings[WRG_ROLE_BACK];
    uint32_t outstanding = front->prod - back->prod;

    if (!back->live || !back->known || !front->known ||
        (o->liveness.facts.bogus >> lane->number & 1))
        return 0;
    return outstanding > back->entries ? 0 : outstanding;
}

static void judge_back(struct wrg_oracles *o, const struct wrg_event *ev)
{
    uint32_t outstanding = 0;
    struct wrg_event event = *ev;

    if (!(o->config.judged & WRG_JUDGE_BACK) || !o->config.accesses || o->liveness.facts.dead ||
        o->liveness.facts.closing)
        return;
    for (uint32_t i = 0; i < o->tap.facts.nlanes; i++)
        outstanding += outstanding_of(o, &o->tap.lanes[i]);
    if (outstanding == 0)
        return;
    event.role = WRG_ROLE_BACK;
    wrg_trace_report(o->trace, WRG_RULE_LIVE_001, &event,
                     "nobody can run, and %u published requests are not answered", outstanding);
}

/*
 * LIVE-003: the other end has closed, or is gone; a driver has to follow. Its state is the one that
 * it wrote itself: what a toolstack writes over it is not its doing, and one that never wrote any,
 * or is at the beginning, had nothing to close.
 */
static void judge_closing(struct wrg_oracles *o, const struct wrg_event *ev)
{
    const uint64_t states[] = { [WRG_ROLE_FRONT] = ev->b, [WRG_ROLE_BACK] = ev->c };
    const bool honest[] = {
        [WRG_ROLE_FRONT] = o->config.honest_front, [WRG_ROLE_BACK] = o->config.honest_back
    };
    struct wrg_event event = *ev;

    if (o->liveness.facts.dead)
        return;
    for (uint8_t role = WRG_ROLE_FRONT; role <= WRG_ROLE_BACK; role++) {
        uint8_t own = o->liveness.facts.own_state[role];
        if (!wrg_oracle_judges(o, role) || !honest[role] || has_closed(own) ||
            own == WRG_XENBUS_INITIALISING || has_closed(states[role]) ||
            !has_closed(states[WRG_ROLE_BACK - role]))
            continue;
        event.role = role;
        wrg_trace_report(o->trace, WRG_RULE_LIVE_003, &event,
                         "the other end has closed, and the state stays %u", own);
    }
}

static void on_phase(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    o->liveness.facts.phase = ev->a;
    if (ev->a == WRG_PHASE_CLOSED)
        judge_closing(o, ev);
    if (ev->a != WRG_PHASE_QUIET)
        return;
    judge_back(o, ev);
    judge_front(o, ev);
}

static void on_blk(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    if (ev->kind == WRG_EV_BLK_SUBMIT)
        o->liveness.facts.submitted++;
    else
        o->liveness.facts.completed++;
}

/* ---- what excuses a backend ---- */

static void on_prod_store(void *ctx, const struct wrg_tap_note *note)
{
    struct wrg_oracles *o = ctx;
    const struct wrg_tap_ring *back = &note->lane->facts.rings[WRG_ROLE_BACK];
    uint32_t entries = note->ring->entries;

    if (note->seat != WRG_ROLE_FRONT)
        return;
    if ((note->known && note->value - note->before > entries) ||
        (back->live && note->value - back->prod > entries))
        o->liveness.facts.bogus |= UINT32_C(1) << note->lane->number;
}

static void on_prod_load(void *ctx, const struct wrg_tap_note *note)
{
    struct wrg_oracles *o = ctx;
    const struct wrg_tap_lane_facts *facts = &note->lane->facts;

    if (note->seat == WRG_ROLE_BACK &&
        (facts->seen_bogus || note->value - facts->next_fetch > note->ring->entries))
        o->liveness.facts.bogus |= UINT32_C(1) << note->lane->number;
}

/* A guest that asks for its ring to be written over has what it published no more. */
static void on_disk_data(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    uint32_t frame = (uint32_t)(ev->d >> 32), off = (uint16_t)(ev->d >> 16);

    if (ev->b != WRG_CASE_IO_READ || off >= WRG_WIRE_REQ_PROD + sizeof(uint32_t))
        return;
    for (uint32_t i = 0; i < o->tap.facts.nlanes; i++) {
        const struct wrg_tap_ring *ring = &o->tap.lanes[i].facts.rings[WRG_ROLE_BACK];
        if (ring->live && ring->frames[0] == frame)
            o->liveness.facts.bogus |= UINT32_C(1) << o->tap.lanes[i].number;
    }
}

static void on_copy(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    uint32_t ring = (uint32_t)(ev->d >> 56);

    if (ring)
        o->liveness.facts.bogus |= UINT32_C(1) << (ring - 1);
}

static void on_declare(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    if ((uint8_t)(ev->c >> 16) != WRG_ROLE_BACK || wrg_event_declared_lane(ev) >= WRG_TAP_LANES)
        return;
    o->liveness.facts.bogus &= ~(UINT32_C(1) << wrg_event_declared_lane(ev));
    o->liveness.facts.closing = false;
}

static void on_death(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    o->liveness.facts.dead = true;
    if (!o->liveness.facts.front_known || o->liveness.facts.front_domid == ev->a)
        o->liveness.facts.front_dead = true;
}

/* The domain is there again: what its drivers do counts from now on. */
static void on_birth(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    if (o->liveness.facts.front_known && o->liveness.facts.front_domid == ev->a)
        return;
    o->liveness.facts.born = true;
    o->liveness.facts.dead = o->liveness.facts.front_dead;
    o->liveness.facts.own_state[WRG_ROLE_BACK] = WRG_XENBUS_UNKNOWN;
}

/* Whose device this is the directory of, itself and not a node of it; WRG_ROLE_SCRIPT: nobody's. */
static uint8_t device_of(const char *path, uint32_t len)
{
    static const struct {
        const char *part;
        unsigned slashes; /* behind it */
        uint8_t role;
    } dirs[] = { { "/device/vbd/", 0, WRG_ROLE_FRONT }, { "/backend/vbd/", 1, WRG_ROLE_BACK } };
    uint32_t path_len = (uint32_t)strnlen(path, len);

    for (unsigned i = 0; i < WRG_ARRAY_LEN(dirs); i++) {
        const char *at = memmem(path, path_len, dirs[i].part, strlen(dirs[i].part));
        unsigned slashes = 0;
        if (!at)
            continue;
        for (at += strlen(dirs[i].part); at < path + path_len; at++)
            slashes += *at == '/';
        if (slashes == dirs[i].slashes)
            return dirs[i].role;
    }
    return WRG_ROLE_SCRIPT;
}

/*
 * A device that was taken away, or made anew, has no state of a driver's: the last one's does not
 * count any more.
 */
static void forget_state(struct wrg_oracles *o, const char *path, uint32_t len)
{
    uint8_t role = device_of(path, len);

    if (role <= WRG_ROLE_BACK)
        o->liveness.facts.own_state[role] = WRG_XENBUS_UNKNOWN;
}

static void on_toolstack_change(struct wrg_oracles *o, const char *path, uint32_t len)
{
    const char *value;
    uint32_t value_len, state;

    if (wrg_tap_path_ends(path, len, "state", &value, &value_len) &&
        wrg_tap_number(value, value_len, &state) && state == WRG_XENBUS_INITIALISING)
        forget_state(o, path, (uint32_t)(strnlen(path, len) - sizeof("/state") + 1));
}

/* A backend that has said to be closing does not serve its ring any more. */
static void on_change(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    const char *value;
    uint32_t value_len, state;

    if (ev->role == WRG_ROLE_FRONT) {
        o->liveness.facts.front_known = true;
        o->liveness.facts.front_domid = ev->a;
    }
    if (ev->b == XS_REMOVED)
        forget_state(o, payload, len);
    if (ev->role == WRG_ROLE_TOOLSTACK)
        on_toolstack_change(o, payload, len);
    if (ev->role > WRG_ROLE_BACK || !wrg_tap_path_ends(payload, len, "state", &value, &value_len) ||
        !wrg_tap_number(value, value_len, &state))
        return;
    o->liveness.facts.own_state[ev->role] = (uint8_t)state;
    if (ev->role == WRG_ROLE_BACK)
        o->liveness.facts.closing = state == WRG_XENBUS_CLOSING || state == WRG_XENBUS_CLOSED;
}

/* ---- LIVE-002, LIVE-003 ---- */

static void on_budget(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    bool run = ev->b == WRG_BUDGET_RUN;
    bool closing = run && (o->liveness.facts.phase == WRG_PHASE_CLOSE ||
                           o->liveness.facts.phase == WRG_PHASE_CLOSED);

    /* Who stands when a budget is spent has spent it; what a script does is the case's own. */
    if (ev->role > WRG_ROLE_BACK || !wrg_oracle_judges(o, ev->role))
        return;
    wrg_trace_report(o->trace, closing ? WRG_RULE_LIVE_003 : WRG_RULE_LIVE_002, ev,
                     run ? "the run does not end after %" PRIu64 " steps"
                         : "one wake takes more than %" PRIu64 " steps",
                     ev->c);
}

void wrg_liveness_begin(struct wrg_oracles *o)
{
    memset(&o->liveness, 0, sizeof(o->liveness));
    wrg_trace_subscribe(o->trace, WRG_EV_PHASE, on_phase, o);
    wrg_trace_subscribe(o->trace, WRG_EV_BUDGET, on_budget, o);
    wrg_trace_subscribe(o->trace, WRG_EV_BLK_SUBMIT, on_blk, o);
    wrg_trace_subscribe(o->trace, WRG_EV_BLK_COMPLETE, on_blk, o);
    wrg_trace_subscribe(o->trace, WRG_EV_RING_DECLARE, on_declare, o);
    if (!o->config.honest_front) {
        wrg_trace_subscribe(o->trace, WRG_EV_DISK_DATA, on_disk_data, o);
        wrg_trace_subscribe(o->trace, WRG_EV_COPY, on_copy, o);
    }
    wrg_trace_subscribe(o->trace, WRG_EV_DEATH, on_death, o);
    wrg_trace_subscribe(o->trace, WRG_EV_BIRTH, on_birth, o);
    wrg_trace_subscribe(o->trace, WRG_EV_XS_CHANGE, on_change, o);
    wrg_tap_listen(&o->tap, WRG_TAP_PROD_STORE, on_prod_store, o);
    wrg_tap_listen(&o->tap, WRG_TAP_PROD_LOAD, on_prod_load, o);
}
