/* SPDX-License-Identifier: MIT */
/*
 * The snapshot of the connected world: what it takes, when it may be used, how it is put back.
 *
 * It is taken while every task is parked and nothing is in flight, so that state is all there is to
 * copy. A run from it gives the hash of a fresh connect: the trace's own state is part of it.
 */
#include <stdlib.h>
#include <string.h>

#include "world/world_impl.h"

void wrg_world_drop_snapshot(struct wrg_world *w)
{
    struct wrg_snapshot *snap = &w->snapshot;

    wrg_xen_saved_free(snap->xen);
    for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++)
        wrg_guest_saved_free(snap->guests[seat]);
    snap->xen = NULL;
    snap->guests[0] = snap->guests[1] = NULL;
    snap->valid = false;
}

void wrg_world_take_snapshot(struct wrg_world *w)
{
    struct wrg_snapshot *snap = &w->snapshot;

    wrg_world_drop_snapshot(w);
    for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++)
        if (!(w->vbd.endpoints[seat]->traits & WRG_TRAIT_SNAPSHOT))
            return;
    if (!wrg_sched_save(&w->sched, snap->sched, WRG_SCHED_SAVE_MAX))
        return;
    if (w->vbd.oracles && !wrg_oracles_save(w->vbd.oracles, &snap->oracles))
        return;
    snap->xen = wrg_xen_save(&w->xen);
    if (!snap->xen)
        return;
    for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++) {
        snap->guests[seat] = wrg_guest_save(&w->vbd.guests[seat]);
        snap->self[seat] = w->vbd.self[seat];
    }
    wrg_trace_save(&w->trace, &snap->trace);
    memcpy(snap->fault_calls, w->fault.calls, sizeof(snap->fault_calls));
    memcpy(snap->baseline, w->vbd.baseline, sizeof(snap->baseline));
    snap->edge = w->vbd.edge.state;
    snap->peer_hash = w->vbd.peer_hash;
    snap->disk_tickets = w->vbd.disk.tickets;
    snap->profile = w->profile;
    snap->valid = true;
}

/* A fault that hits during negotiation has to happen there. */
static bool faults_allow_snapshot(const struct wrg_world *w)
{
    if (w->fail_nth)
        return false;
    for (uint32_t i = 0; i < w->fault.nrules; i++) {
        const struct wrg_fault_rule *rule = &w->fault.rules[i];
        if (rule->nth <= w->snapshot.fault_calls[WRG_ROLE_FRONT][rule->site] +
                             w->snapshot.fault_calls[WRG_ROLE_BACK][rule->site])
            return false;
    }
    for (uint32_t i = 0; i < w->fault.nrates; i++)
        if (w->fault.rates[i].from_start)
            return false;
    return true;
}

static bool preempts_allow_snapshot(const struct wrg_world *w)
{
    for (uint32_t i = 0; i < w->npreempts; i++) {
        unsigned kind = w->preempts[i].section >> 16;
        if (kind == WRG_SECTION_CONNECT || kind == WRG_SECTION_IDLE)
            return false;
    }
    return true;
}

bool wrg_world_restore(struct wrg_world *w)
{
    struct wrg_snapshot *snap = &w->snapshot;

    if (!w->options.snapshot || !snap->valid || w->early ||
        memcmp(&snap->profile, &w->profile, sizeof(w->profile)) != 0 || !faults_allow_snapshot(w) ||
        !preempts_allow_snapshot(w))
        return false;
    wrg_sched_restore(&w->sched, snap->sched);
    for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++) {
        if (!wrg_guest_restore(&w->vbd.guests[seat], snap->guests[seat])) {
            snap->valid = false;
            return false;
        }
        w->vbd.self[seat] = snap->self[seat];
    }
    wrg_xen_restore(&w->xen, snap->xen);
    wrg_disk_queue_reset(&w->vbd.disk);
    wrg_edge_reset(&w->vbd);
    wrg_world_begin_checkers(w);
    if (w->vbd.oracles)
        wrg_oracles_restore(w->vbd.oracles, &snap->oracles);
    wrg_trace_restore(&w->trace, &snap->trace);
    wrg_world_forget_states(w);
    memcpy(w->fault.calls, snap->fault_calls, sizeof(snap->fault_calls));
    memcpy(w->vbd.baseline, snap->baseline, sizeof(w->vbd.baseline));
    w->vbd.edge.state = snap->edge;
    w->vbd.peer_hash = snap->peer_hash;
    w->vbd.disk.tickets = snap->disk_tickets;
    return true;
}
