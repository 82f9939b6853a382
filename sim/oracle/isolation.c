/* SPDX-License-Identifier: MIT */
/*
 * ISO-001: an innocent device feels nothing of what is done to another one of the same backend.
 *
 * These are the events of the innocent device alone. Its I/O must succeed and come to an end, and
 * it must stay connected, until the world closes it. Whoever touches it from outside excuses all
 * that follows: a domain of it that dies, the toolstack, or the case, that writes to its nodes.
 * Layer: oracle. Source: the purpose of a driver domain; XSA-332, XSA-349, XSA-391 say what a guest
 * can do to a backend that others use too.
 */
#include <inttypes.h>
#include <string.h>

#include "oracle/checkers.h"

static bool is_over(const struct wrg_oracles *o)
{
    const struct wrg_isolation *iso = &o->isolation;

    return iso->touched || iso->phase < WRG_PHASE_SAFETY || iso->phase >= WRG_PHASE_CLOSE;
}

/* The backend is to blame: nobody else serves both. */
static struct wrg_event blame(const struct wrg_event *ev)
{
    struct wrg_event event = *ev;

    event.role = WRG_ROLE_BACK;
    return event;
}

static void judge_end(struct wrg_oracles *o, const struct wrg_event *ev)
{
    const struct wrg_isolation *iso = &o->isolation;
    const struct wrg_event event = blame(ev);

    if (iso->completed < iso->submitted)
        wrg_trace_report(o->trace, WRG_RULE_ISO_001, &event,
                         "nobody can run, and %" PRIu64
                         " I/Os of an innocent device are outstanding",
                         iso->submitted - iso->completed);
    else if (ev->b != WRG_XENBUS_CONNECTED || ev->c != WRG_XENBUS_CONNECTED)
        wrg_trace_report(o->trace, WRG_RULE_ISO_001, &event,
                         "an innocent device is in state %u (%s) and %u (%s)", ev->b,
                         wrg_wire_state_name(ev->b), (uint32_t)ev->c,
                         wrg_wire_state_name((uint32_t)ev->c));
}

static void on_phase(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    if (ev->a == WRG_PHASE_QUIET && !is_over(o))
        judge_end(o, ev);
    o->isolation.phase = ev->a;
}

static void on_submit(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    o->isolation.submitted++;
}

static void on_complete(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    const struct wrg_event event = blame(ev);

    o->isolation.completed++;
    if (ev->b && !is_over(o))
        wrg_trace_report(o->trace, WRG_RULE_ISO_001, &event,
                         "an I/O of an innocent device fails with %d", (int32_t)ev->b);
}

static void on_gone(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    const struct wrg_event event = blame(ev);

    if (!is_over(o))
        wrg_trace_report(o->trace, WRG_RULE_ISO_001, &event,
                         "an innocent device closes, with error %d", (int32_t)ev->a);
}

/* Its drivers write to their nodes as well. */
static void on_change(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    o->isolation.touched |= ev->role > WRG_ROLE_BACK && o->isolation.phase >= WRG_PHASE_SAFETY;
}

static void on_death(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    o->isolation.touched |= ev->a == o->config.front_domid || ev->a == o->config.back_domid;
}

void wrg_isolation_begin(struct wrg_oracles *o)
{
    memset(&o->isolation, 0, sizeof(o->isolation));
    if (!o->config.innocent)
        return;
    wrg_trace_subscribe(o->trace, WRG_EV_PHASE, on_phase, o);
    wrg_trace_subscribe(o->trace, WRG_EV_BLK_SUBMIT, on_submit, o);
    wrg_trace_subscribe(o->trace, WRG_EV_BLK_COMPLETE, on_complete, o);
    wrg_trace_subscribe(o->trace, WRG_EV_BLK_GONE, on_gone, o);
    wrg_trace_subscribe(o->trace, WRG_EV_XS_CHANGE, on_change, o);
    wrg_trace_subscribe(o->trace, WRG_EV_DEATH, on_death, o);
}
