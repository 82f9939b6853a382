/* SPDX-License-Identifier: MIT */
/*
 * The program that copies: a task of the guest that reads from its device 0 and writes to its
 * device 1, as many pieces at a time as it has slots.
 *
 * Layer    image
 * Shapes   passes: copy, flush if asked for, compare if asked for. A piece is a run of sectors that
 *          a buffer of the guest holds; it is read, and written from the same pages; to compare it
 *          is read from both devices. A piece that fails is tried again, as often as `tries` says
 * Bounds   WRG_COPY_SLOTS pieces, WRG_COPY_PAGES pages each
 * Units    sectors of 512 bytes
 * Threads  the task, and callbacks of the frontends; a slot belongs to the one or to the other, by
 *          its `landed`
 * Errors   `failed`: the first piece that could not be copied, and why. What has been copied until
 *          then is below `copied`
 */
#ifndef WRG_IMAGE_COPY_H
#define WRG_IMAGE_COPY_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "world/program.h"
#include "world/world.h"

#define WRG_COPY_SLOTS 64
#define WRG_COPY_PAGES 4096

enum wrg_copy_device { WRG_COPY_SOURCE, WRG_COPY_TARGET };

enum wrg_copy_step {
    WRG_COPY_IDLE,
    WRG_COPY_READ,
    WRG_COPY_WRITE,
    WRG_COPY_FLUSH,
    WRG_COPY_READ_BACK
};

struct wrg_copy;

struct wrg_copy_slot {
    struct wrg_copy *copy;
    struct wrg_world *world;
    enum wrg_copy_step step;
    uint64_t sector;
    uint32_t count;
    uint32_t page[2]; /* of the buffers: a second one to compare */
    struct wrg_vec *vec[2];
    uint32_t tries;
    bool waiting; /* for room at the device */
    bool lost;    /* its pages are not ours any more, and there are no others */
    int error;
    bool pages_kept;
    uint32_t landed; /* set by the callback, with release; taken by the task */
};

enum wrg_copy_end {
    WRG_COPY_DONE,
    WRG_COPY_STOPPED, /* `stop` was set */
    WRG_COPY_FAILED,  /* see `failed` */
    WRG_COPY_DIFFERS, /* what was read back at `failed` is not what was written */
    WRG_COPY_STUCK,   /* requests never ended */
    WRG_COPY_NO_MEMORY,
};

struct wrg_copy {
    /* the caller's */
    uint64_t sectors, begin;
    uint32_t slots, pages; /* pieces at a time, and how large */
    uint32_t tries;        /* of a piece, at least one */
    bool verify, flush;
    const volatile sig_atomic_t *stop;
    /* The next run with data at or after `from`; false: none. */
    bool (*next)(void *ctx, bool both, uint64_t from, uint64_t *first, uint64_t *count);
    /* Now and then. `durable` as far as it is flushed; true: flush what there is. */
    bool (*progress)(void *ctx, const struct wrg_copy *copy);
    void *ctx;
    /* what came of it */
    enum wrg_copy_end end;
    uint64_t copied, durable; /* everything below */
    uint64_t moved;           /* sectors written in this copy */
    uint64_t compared;        /* sectors read back */
    uint64_t retried;         /* pieces that were tried again */
    uint64_t failed;
    uint32_t failed_device;
    int error;
    bool verifying;
    /* its own */
    bool started;
    uint64_t from, left, at;                       /* of the run that is being cut into pieces */
    uint64_t flushing;                             /* what the flush on its way makes durable */
    struct wrg_copy_slot slot[WRG_COPY_SLOTS + 1]; /* the last one flushes */
};

/* For wrg_world_options.program; ctx is the copy. */
void wrg_copy_main(void *ctx, struct wrg_world *world);
void wrg_copy_fini(struct wrg_copy *copy);

#endif
