/* SPDX-License-Identifier: MIT */
/*
 * Which of the queued requests a disk executes next, where it is not the oldest. A part of the
 * queue, because a chain sees one request at a time. Layer: disk. Drawn from a seed and from the
 * tickets, which a snapshot keeps, so that a run from one draws the same; no state.
 *
 * Any order is legal: whoever needs one waits for the first request before it submits the second
 * (xen/io/blkif.h: BLKIF_OP_FLUSH_DISKCACHE is about writes that are completed).
 */
#ifndef WRG_DISK_REORDER_H
#define WRG_DISK_REORDER_H

#include <stdint.h>

#include "base/rng.h"

struct wrg_reorder_args {
    uint64_t seed;
    uint32_t oldest;  /* ticket of the oldest that is queued */
    uint32_t newest;  /* the last ticket given out: nobody waits for ever */
    uint32_t pending; /* > 0 */
};

/* 0 .. pending-1, counted from the oldest. */
static inline uint32_t wrg_reorder_pick(const struct wrg_reorder_args *args)
{
    uint64_t state = args->seed + ((uint64_t)args->oldest << 32 | args->newest);

    state = wrg_splitmix64(&state) + args->pending;
    return (uint32_t)(wrg_splitmix64(&state) % args->pending);
}

#endif
