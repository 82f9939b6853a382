/* SPDX-License-Identifier: MIT */
/*
 * What the kernel of a domain gives a driver: the other side of the port.
 *
 * What it is    One dispatcher for all port calls: preemption point, fault point, lock, handler.
 *               The handlers stand in one table, in the order of calls.def.
 * Layer         guest
 * Bounds        32 locks, 16 watches, 96 tasks in all: a driver that asks for one of the last
 *               WRG_GUEST_TASKS_KEPT is refused, for the world has tasks of its own
 * Threads       handlers run under the Xen lock, but those that block or hand over to the block
 *               edge
 * Errors        as the port states them
 */
#ifndef WRG_GUEST_GUEST_H
#define WRG_GUEST_GUEST_H

#include <wringer/port.h>

#include "guest/deferred.h"
#include "guest/late_eoi.h"
#include "guest/pool.h"
#include "xen/hypervisor.h"

#define WRG_GUEST_WATCHES 16
#define WRG_GUEST_TASKS_KEPT                                                                       \
    12 /* a disk and a load for each of four devices, and those of a case */

/* What lies beyond the block edge; given by the world. All are required. */
struct wrg_edge {
    void *ctx;
    int (*disk_info)(void *ctx, struct wrg_disk_info *args);
    int (*disk_submit)(void *ctx, struct wrg_disk_submit *args);
    void (*blk_ready)(void *ctx, const struct wrg_blk_ready *args);
    void (*blk_complete)(void *ctx, const struct wrg_blk_complete *args);
    void (*blk_gone)(void *ctx, const struct wrg_blk_gone *args);
};

struct wrg_guest_state {    /* what a snapshot copies */
    uint32_t ntransactions; /* open ones */
    uint32_t nwatches;
    uint64_t watch_keys[WRG_GUEST_WATCHES]; /* of path and token */
    uint8_t watch_tasks[WRG_GUEST_WATCHES];
    uint32_t ntasks;
    uint16_t xs_conn;            /* of its own; 0: none, or it uses the domain's */
    int timers[WRG_SCHED_TASKS]; /* 1 + timer id, by task */
    struct wrg_late_eoi late;
};

struct wrg_guest {
    struct wrg_port port; /* first: a port is its guest */
    struct wrg_xen *xen;
    struct wrg_domain *dom;
    struct wrg_edge edge;
    uint8_t device;    /* which of the world's devices this driver is of */
    uint8_t role;      /* of its tasks: that of the domain, and above it the device's number */
    uint8_t fault_row; /* as whom its calls count for faults */
    struct wrg_pool pool;
    struct wrg_mutex pool_lock; /* thread engine: nobody else's business, so not the Xen lock */
    struct wrg_late_eoi_knobs knobs;
    struct wrg_guest_state state;
    struct wrg_deferred deferred;
    bool locks_used[WRG_LOCKS_MAX];
    bool locks_held[WRG_LOCKS_MAX];
};

static inline struct wrg_guest *wrg_guest_of(struct wrg_port *port)
{
    return (struct wrg_guest *)(void *)port;
}

struct wrg_guest_args {
    struct wrg_xen *xen;
    uint16_t domid, peer_domid;
    uint8_t device; /* 0: the first of the domain, which has its connection to the store */
    struct wrg_edge edge;
};

WRG_MUST_USE int wrg_guest_init(struct wrg_guest *guest, const struct wrg_guest_args *args);
void wrg_guest_fini(struct wrg_guest *guest);
/*
 * After a reset, in a domain that other drivers are in too: its own connection to the store, so
 * that each takes its own watch events. -ENOMEM
 */
WRG_MUST_USE int wrg_guest_connect_store(struct wrg_guest *guest);
static inline uint16_t wrg_guest_conn(const struct wrg_guest *guest)
{
    return WRG_LIKELY(!guest->state.xs_conn) ? guest->dom->xs_conn : guest->state.xs_conn;
}
/* As after init: nothing allocated, no task, no watch. */
void wrg_guest_reset(struct wrg_guest *guest);
/* The domain is dead: whoever of it held a lock does not come back to drop it. */
void wrg_guest_drop_locks(struct wrg_guest *guest);
/*
 * Whether accesses go the long way. Where nothing needs to see them, and no fault is armed, calls
 * go the short way too, and are not counted.
 */
void wrg_guest_set_hooks(struct wrg_guest *guest, bool on);
/* The store has queued an event for this guest's connection. */
void wrg_guest_on_store_event(struct wrg_guest *guest);

struct wrg_guest_saved;
struct wrg_guest_saved *wrg_guest_save(struct wrg_guest *guest);
void wrg_guest_restore(struct wrg_guest *guest, const struct wrg_guest_saved *saved);
void wrg_guest_saved_free(struct wrg_guest_saved *saved);

/* How much of each kind the endpoint holds now, by enum wrg_ledger. */
void wrg_guest_ledger(struct wrg_guest *guest, uint32_t counts[WRG_NR_LEDGERS]);

/* Says that a fault has hit, and returns its status. */
int wrg_guest_refuse(struct wrg_guest *guest, uint8_t site, int32_t status);

/* Handlers of the store's calls (port_store.c). */
int wrg_guest_xs_open(struct wrg_guest *guest, void *args);
int wrg_guest_xs_read(struct wrg_guest *guest, void *args);
int wrg_guest_xs_write(struct wrg_guest *guest, void *args);
int wrg_guest_xs_mkdir(struct wrg_guest *guest, void *args);
int wrg_guest_xs_rm(struct wrg_guest *guest, void *args);
int wrg_guest_xs_directory(struct wrg_guest *guest, void *args);
int wrg_guest_xs_get_perms(struct wrg_guest *guest, void *args);
int wrg_guest_xs_set_perms(struct wrg_guest *guest, void *args);
int wrg_guest_xs_watch(struct wrg_guest *guest, void *args);
int wrg_guest_xs_unwatch(struct wrg_guest *guest, void *args);
int wrg_guest_xs_next_event(struct wrg_guest *guest, void *args);
int wrg_guest_xs_transaction_start(struct wrg_guest *guest, void *args);
int wrg_guest_xs_transaction_end(struct wrg_guest *guest, void *args);

#endif
