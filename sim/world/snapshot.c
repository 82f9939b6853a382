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

/* ---- one device ---- */

static void drop_device(struct wrg_vbd_saved *saved)
{
    for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++) {
        wrg_guest_saved_free(saved->guests[seat]);
        saved->guests[seat] = NULL;
    }
}

/* Its drivers take part, and none of its requests is in flight. */
static bool may_save(const struct wrg_world_vbd *vbd, struct wrg_vbd_saved *saved)
{
    for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++)
        if (!(vbd->endpoints[seat]->traits & WRG_TRAIT_SNAPSHOT))
            return false;
    return !vbd->oracles || wrg_oracles_save(vbd->oracles, &saved->oracles);
}

static void save_device(struct wrg_world_vbd *vbd, struct wrg_vbd_saved *saved)
{
    for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++) {
        saved->guests[seat] = wrg_guest_save(&vbd->guests[seat]);
        saved->self[seat] = vbd->self[seat];
    }
    memcpy(saved->baseline, vbd->baseline, sizeof(saved->baseline));
    saved->edge = vbd->edge.state;
    saved->peer_hash = vbd->peer_hash;
    saved->disk_tickets = vbd->disk.tickets;
}

static void restore_drivers(struct wrg_world_vbd *vbd, const struct wrg_vbd_saved *saved)
{
    for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++) {
        wrg_guest_restore(&vbd->guests[seat], saved->guests[seat]);
        vbd->self[seat] = saved->self[seat];
    }
}

static void restore_rest(struct wrg_world_vbd *vbd, const struct wrg_vbd_saved *saved)
{
    if (vbd->oracles)
        wrg_oracles_restore(vbd->oracles, &saved->oracles);
    memcpy(vbd->baseline, saved->baseline, sizeof(vbd->baseline));
    vbd->edge.state = saved->edge;
    vbd->peer_hash = saved->peer_hash;
    vbd->disk.tickets = saved->disk_tickets;
}

/* ---- all ---- */

void wrg_world_drop_snapshot(struct wrg_world *w)
{
    struct wrg_snapshot *snap = &w->snapshot;

    wrg_xen_saved_free(snap->xen);
    for (unsigned i = 0; i < WRG_WORLD_DEVICES; i++)
        drop_device(&snap->devices[i]);
    snap->xen = NULL;
    snap->valid = false;
}

static size_t fault_bytes(const struct wrg_world *w)
{
    size_t rows = w->fault.several ? WRG_FAULT_ROWS : WRG_COUNT_ROLE;

    return rows * sizeof(*w->fault.calls);
}

void wrg_world_take_snapshot(struct wrg_world *w)
{
    struct wrg_snapshot *snap = &w->snapshot;

    wrg_world_drop_snapshot(w);
    for (unsigned i = 0; i < w->nvbds; i++)
        if (!may_save(wrg_world_device(w, i), &snap->devices[i]))
            return;
    if (!wrg_sched_save(&w->sched, snap->sched, WRG_SCHED_SAVE_MAX))
        return;
    snap->xen = wrg_xen_save(&w->xen);
    if (!snap->xen)
        return;
    for (unsigned i = 0; i < w->nvbds; i++)
        save_device(wrg_world_device(w, i), &snap->devices[i]);
    wrg_trace_save(&w->trace, &snap->trace);
    memcpy(snap->fault_calls, w->fault.calls, fault_bytes(w));
    snap->profile = w->profile;
    snap->valid = true;
}

/* While it connected. */
static uint32_t calls_of(const struct wrg_snapshot *snap, unsigned device, unsigned site)
{
    return snap->fault_calls[wrg_fault_row(device, WRG_ROLE_FRONT)][site] +
           snap->fault_calls[wrg_fault_row(device, WRG_ROLE_BACK)][site];
}

/* A fault that hits during negotiation has to happen there. */
static bool faults_allow_snapshot(const struct wrg_world *w)
{
    if (w->fail_nth)
        return false;
    for (uint32_t i = 0; i < w->fault.nrules; i++) {
        const struct wrg_fault_rule *rule = &w->fault.rules[i];
        if (rule->device < w->nvbds &&
            rule->nth <= calls_of(&w->snapshot, rule->device, rule->site))
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
    for (unsigned i = 0; i < w->nvbds; i++)
        restore_drivers(wrg_world_device(w, i), &snap->devices[i]);
    wrg_xen_restore(&w->xen, snap->xen);
    for (unsigned i = 0; i < w->nvbds; i++) {
        wrg_disk_queue_reset(&wrg_world_device(w, i)->disk);
        wrg_edge_reset(wrg_world_device(w, i));
    }
    wrg_world_begin_checkers(w);
    wrg_devices_begin_checkers(w);
    for (unsigned i = 0; i < w->nvbds; i++)
        restore_rest(wrg_world_device(w, i), &snap->devices[i]);
    wrg_trace_restore(&w->trace, &snap->trace);
    wrg_world_forget_states(w);
    memcpy(w->fault.calls, snap->fault_calls, fault_bytes(w));
    return true;
}
