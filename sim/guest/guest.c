/* SPDX-License-Identifier: MIT */
#include "guest/guest.h"

#include <stdlib.h>
#include <string.h>

#include "guest/port_calls.h"

static void on_section(struct wrg_port *port, uint32_t section)
{
    wrg_sched_section(wrg_guest_of(port)->xen->sched, section);
}

static void on_fence(struct wrg_port *port, int kind)
{
    struct wrg_guest *guest = wrg_guest_of(port);

    wrg_sched_point(guest->xen->sched, WRG_POINT_FENCE);
    (void)kind; /* what a fence orders matters once there are store buffers */
    if (port->parallel)
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void on_point(struct wrg_port *port)
{
    wrg_sched_point(wrg_guest_of(port)->xen->sched, WRG_POINT_CALL);
}

static void on_access(struct wrg_port *port, struct wrg_access *access)
{
    struct wrg_guest *guest = wrg_guest_of(port);

    wrg_xen_access(guest->xen, guest->dom, access);
}

/* Where nothing listens, pages are accessed at once; locks only if one task runs at a time. */
static void set_short_ways(struct wrg_guest *guest)
{
    struct wrg_port *port = &guest->port;

    port->reach = port->hooks ? 0 : guest->dom->nviews;
    port->held = port->parallel ? NULL : guest->locks_held;
}

int wrg_guest_init(struct wrg_guest *guest, const struct wrg_guest_args *args)
{
    memset(guest, 0, sizeof(*guest));
    guest->xen = args->xen;
    guest->dom = &args->xen->domains[args->domid];
    guest->edge = args->edge;
    guest->knobs = wrg_late_eoi_defaults;
    guest->port.calls = wrg_guest_calls;
    guest->port.access = on_access;
    guest->port.section = on_section;
    guest->port.fence = on_fence;
    guest->port.point = on_point;
    guest->port.views = guest->dom->views;
    guest->port.dirty = args->xen->memory.dirty;
    guest->port.parallel = args->xen->parallel;
    guest->device = args->device;
    guest->role = (uint8_t)(guest->dom->role | args->device << WRG_TRACE_ROLE_BITS);
    guest->fault_row =
        wrg_fault_row(args->xen->faults_for_all ? 0 : args->device, guest->dom->role);
    guest->port.domid = args->domid;
    guest->port.peer_domid = args->peer_domid;
    set_short_ways(guest);
    return wrg_pool_init(&guest->pool);
}

void wrg_guest_fini(struct wrg_guest *guest)
{
    wrg_pool_fini(&guest->pool);
}

int wrg_guest_connect_store(struct wrg_guest *guest)
{
    return wrg_xenstore_connect(guest->xen->store, guest->dom->domid, &guest->state.xs_conn);
}

void wrg_guest_drop_locks(struct wrg_guest *guest)
{
    memset(guest->locks_held, 0, sizeof(guest->locks_held));
}

void wrg_guest_reset(struct wrg_guest *guest)
{
    wrg_pool_reset(&guest->pool);
    set_short_ways(guest); /* its domain may have another share of the memory */
    memset(&guest->state, 0, sizeof(guest->state));
    wrg_deferred_reset(&guest->deferred);
    wrg_guest_drop_locks(guest);
    memset(guest->locks_used, 0, sizeof(guest->locks_used));
}

void wrg_guest_set_hooks(struct wrg_guest *guest, bool on)
{
    const struct wrg_xen *xen = guest->xen;

    guest->port.hooks = on;
    guest->port.sections = on;
    set_short_ways(guest);
    guest->port.calls =
        on || xen->parallel || xen->fault->armed ? wrg_guest_calls : wrg_guest_quiet_calls;
}

void wrg_guest_on_store_event(struct wrg_guest *guest)
{
    for (uint32_t i = 0; i < guest->state.nwatches; i++)
        wrg_sched_wake(guest->xen->sched, guest->state.watch_tasks[i]);
}

struct wrg_guest_saved {
    struct wrg_guest_state state;
    struct wrg_deferred deferred;
    struct wrg_pool_saved *pool;
    bool locks_used[WRG_LOCKS_MAX];
};

struct wrg_guest_saved *wrg_guest_save(struct wrg_guest *guest)
{
    struct wrg_guest_saved *saved = calloc(1, sizeof(*saved));

    WRG_ASSERT(saved);
    saved->state = guest->state;
    wrg_deferred_copy(&saved->deferred, &guest->deferred);
    saved->pool = wrg_pool_save(&guest->pool);
    memcpy(saved->locks_used, guest->locks_used, sizeof(saved->locks_used));
    return saved;
}

void wrg_guest_restore(struct wrg_guest *guest, const struct wrg_guest_saved *saved)
{
    wrg_pool_restore(&guest->pool, saved->pool);
    guest->state = saved->state;
    wrg_deferred_copy(&guest->deferred, &saved->deferred);
    wrg_guest_drop_locks(guest);
    memcpy(guest->locks_used, saved->locks_used, sizeof(saved->locks_used));
}

void wrg_guest_saved_free(struct wrg_guest_saved *saved)
{
    if (saved)
        wrg_pool_saved_free(saved->pool);
    free(saved);
}

void wrg_guest_ledger(struct wrg_guest *guest, uint32_t counts[WRG_NR_LEDGERS])
{
    const struct wrg_domain *dom = guest->dom;

    counts[WRG_LEDGER_MAPPINGS] = dom->mappings.taken;
    counts[WRG_LEDGER_GRANTS] = dom->gnttab.given;
    counts[WRG_LEDGER_PAGES] =
        dom->own.taken - dom->gnttab.kept_frames - dom->gnttab.abandoned_pages;
    counts[WRG_LEDGER_POOL_BLOCKS] = guest->pool.npool;
    counts[WRG_LEDGER_HEAP_BLOCKS] = guest->pool.nheap;
    counts[WRG_LEDGER_EVTCHNS] = dom->evtchns.slots.taken - 1;
    counts[WRG_LEDGER_WATCHES] = guest->state.nwatches;
    counts[WRG_LEDGER_TRANSACTIONS] = guest->state.ntransactions;
}
