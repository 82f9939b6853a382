/* SPDX-License-Identifier: MIT */
/*
 * The life of a device, as the toolstack leads it: what it waits for, for how long, and what it
 * does then.
 *
 * What it is    A state machine in a table, without a clock or a task of its own: whoever drives it
 *               calls step when a node has changed, and when the deadline has come.
 * Layer         toolstack
 * Shapes        one struct a device; plain data, zero is "no device that anybody waits for"
 * Units         nanoseconds of the caller's clock
 * Errors        none: what the store refuses is tried again at the next step, or given up when the
 *               time is over
 * Source        libxl of Xen 4.17: LIBXL_INIT_TIMEOUT, LIBXL_DESTROY_TIMEOUT (10 s),
 *               LIBXL_HOTPLUG_TIMEOUT (40 s)
 * Left out      the script of the removal; what a user is told
 */
#ifndef WRG_TOOLSTACK_LIFE_H
#define WRG_TOOLSTACK_LIFE_H

#include "toolstack/toolstack.h"

#define WRG_VBD_INIT_NS    (UINT64_C(10) * 1000 * 1000 * 1000)
#define WRG_VBD_HOTPLUG_NS (UINT64_C(40) * 1000 * 1000 * 1000)
#define WRG_VBD_DESTROY_NS (UINT64_C(10) * 1000 * 1000 * 1000)

enum wrg_vbd_phase {
    WRG_VBD_SETTLED,      /* nothing is waited for: there, or removed */
    WRG_VBD_WAIT_INIT,    /* the nodes are written: the backend has to announce itself */
    WRG_VBD_WAIT_HOTPLUG, /* the script runs */
    WRG_VBD_WAIT_CLOSED,  /* the device was asked for: both ends have to close */
    WRG_NR_VBD_PHASES
};

struct wrg_vbd_life {
    uint8_t phase;        /* enum wrg_vbd_phase */
    bool aborted;         /* it could not be added */
    bool removed;         /* its nodes are gone */
    bool forced;          /* they were removed although an end had not closed */
    uint64_t deadline_ns; /* of what is waited for; UINT64_MAX: nothing */
};

struct wrg_vbd_place {
    struct wrg_xenstore *xs;
    uint16_t conn; /* of domain 0 */
    const struct wrg_vbd_id *id;
};

/* The nodes have just been written. */
void wrg_vbd_life_added(struct wrg_vbd_life *life, uint64_t now_ns);
/* Asks for the device, and waits from now on. -ENOENT: there is none. */
WRG_MUST_USE int wrg_vbd_life_unplug(struct wrg_vbd_life *life, const struct wrg_vbd_place *place,
                                     uint64_t now_ns);
/* Does what is to be done now; deadline_ns says when to come again at the latest. */
void wrg_vbd_life_step(struct wrg_vbd_life *life, const struct wrg_vbd_place *place,
                       uint64_t now_ns);

#endif
