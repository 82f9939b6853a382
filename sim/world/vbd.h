/* SPDX-License-Identifier: MIT */
/*
 * A device of a world: its two drivers, what stands above its frontend and what lies below its
 * backend.
 *
 * What it is    All that a world has once a device: the services that each driver gets from its
 *               kernel, the edge above, the disk and its queue, what the toolstack calls it.
 * Layer         world; private to it
 * Shapes        device 0 is the one that cases speak of, and may have a script in one seat; the
 *               others are honest at both ends. Several may share a domain: the backend's serves
 *               all of them
 * Ownership     the world's; device 0 lies within it, the others are made when they are first asked
 *               for
 * Threads       as the world; the block edge's callbacks come from any task of the frontend
 */
#ifndef WRG_WORLD_VBD_H
#define WRG_WORLD_VBD_H

#include "disk/block.h"
#include "disk/cache.h"
#include "disk/delay.h"
#include "disk/error.h"
#include "disk/faulty.h"
#include "disk/memory_disk.h"
#include "disk/queue.h"
#include "disk/readonly.h"
#include "guest/guest.h"
#include "oracle/oracle.h"
#include "toolstack/toolstack.h"
#include "world/program.h"

#define WRG_WORLD_SEATS    2
#define WRG_WORLD_IO_SLOTS 1024 /* two for each request of the largest depth: buffers rotate */
#define WRG_WORLD_IO_PAGES 4096 /* of the largest I/O: 16 MiB */

struct wrg_world;

/* ---- the block edge ---- */

struct wrg_io_slot {
    struct wrg_io io;
    uint32_t page, npages; /* buffer: neighbours, handles page .. page + npages - 1 */
    bool busy;
    /* Vectors of most I/O. Those of all slots in memory of many pages would have one place in the
     * caches, and a page of its own in the TLB. */
    struct wrg_vec few[WRG_BLKIF_MAX_DIRECT_SEGMENTS];
    struct wrg_vec *vec;           /* of larger I/O: WRG_WORLD_IO_PAGES */
    struct wrg_program_io program; /* done NULL: not a program's */
};

struct wrg_edge_state {   /* what a snapshot copies */
    bool ready;           /* the frontend takes I/O */
    uint32_t connections; /* so often it has begun to */
    uint64_t sectors;
    uint32_t max_segments;
};

struct wrg_edge_above {
    struct wrg_edge_state state;
    struct wrg_io_slot *slots; /* WRG_WORLD_IO_SLOTS */
    uint32_t nslots;           /* used in this run: twice the depth */
    uint32_t next;             /* slot to try first */
    uint32_t high;             /* no slot at or above it was used in this run */
    uint32_t outstanding, submitted, completed, failed;
    uint32_t lost_pages;   /* of buffers that the peer might still write */
    int waiter;            /* the task that sleeps until something completes */
    bool waiting;          /* there is one */
    bool given_up;         /* nothing will, so the op that it waits in is over */
    struct wrg_mutex lock; /* thread engine */
};

/* ---- the device ---- */

struct wrg_world_vbd {
    struct wrg_world *w;
    uint8_t index; /* 0: the device of the case */
    bool built;
    struct wrg_vbd_id id;
    struct wrg_guest guests[WRG_WORLD_SEATS]; /* by enum wrg_seat */
    const struct wrg_endpoint *endpoints[WRG_WORLD_SEATS];
    void *self[WRG_WORLD_SEATS]; /* NULL: not started */
    struct wrg_edge_above edge;
    struct wrg_memory_disk memory_disk;
    struct wrg_cache_disk cache_disk; /* part of the chain only where the case says so; */
    struct wrg_delay_disk delay_disk; /* likewise */
    struct wrg_error_disk error_disk;
    struct wrg_block_disk block_disk; /* likewise */
    struct wrg_readonly_disk readonly_disk;
    struct wrg_faulty_disk faulty_disk;
    struct wrg_disk_queue disk;
    struct wrg_oracles *oracles;       /* NULL: nobody looks */
    uint64_t peer_hash;                /* of what its peers could see */
    bool state_known[WRG_WORLD_SEATS]; /* since the last change of the store */
    uint32_t state[WRG_WORLD_SEATS];
    uint32_t baseline[WRG_WORLD_SEATS][WRG_NR_LEDGERS];
};

/* ---- vbd.c ---- */

/* All but what needs a simulated Xen. -ENOMEM */
WRG_MUST_USE int wrg_vbd_init(struct wrg_world_vbd *vbd, struct wrg_world *w, uint8_t index);
void wrg_vbd_fini(struct wrg_world_vbd *vbd);
/* Within a Xen: guests and disk. -ENOMEM */
WRG_MUST_USE int wrg_vbd_build(struct wrg_world_vbd *vbd);
void wrg_vbd_demolish(struct wrg_world_vbd *vbd);
/* Sets the chain of disks as the case wants it, empty; at the start of a run. */
void wrg_vbd_set_disk(struct wrg_world_vbd *vbd);

/* Calls of its drivers may fail as the case says. */
bool wrg_vbd_has_faults(const struct wrg_world_vbd *vbd);
/*
 * So often that a driver of it may have given up, and has nothing to wake it when the store works
 * again. It has to get over less by itself.
 */
bool wrg_vbd_store_has_failed(const struct wrg_world_vbd *vbd);
WRG_MUST_USE int wrg_vbd_start_seat(struct wrg_world_vbd *vbd, unsigned seat);
void wrg_vbd_stop_seat(struct wrg_world_vbd *vbd, unsigned seat);
/* Asks a driver that is there to close. */
void wrg_vbd_detach(struct wrg_world_vbd *vbd, unsigned seat);
/* State of a seat in the store, as anybody can read it; 0 if its node is gone. */
uint32_t wrg_vbd_state(struct wrg_world_vbd *vbd, unsigned seat);
bool wrg_vbd_connected(struct wrg_world_vbd *vbd);
/* What the toolstack is asked for. */
struct wrg_vbd_spec wrg_vbd_spec_of(const struct wrg_world_vbd *vbd);
void wrg_vbd_path(const struct wrg_world_vbd *vbd, unsigned seat, char path[WRG_VBD_PATH_MAX]);

/* ---- edge.c ---- */

WRG_MUST_USE int wrg_edge_init(struct wrg_world_vbd *vbd);
void wrg_edge_fini(struct wrg_world_vbd *vbd);
/* Buffers are given back, nothing is outstanding. */
void wrg_edge_reset(struct wrg_world_vbd *vbd);
struct wrg_edge wrg_edge_of(struct wrg_world_vbd *vbd);
struct wrg_edge_io {
    uint8_t op; /* enum wrg_io_op */
    uint8_t first;
    uint32_t count;
    uint32_t pattern;
    uint64_t sector;
};
/* The frontend has started and takes I/O; how many sectors it knows of. */
static inline bool wrg_edge_is_ready(const struct wrg_world_vbd *vbd)
{
    return __atomic_load_n(&vbd->edge.state.ready, __ATOMIC_ACQUIRE) &&
           __atomic_load_n(&vbd->self[WRG_SEAT_FRONT], __ATOMIC_ACQUIRE);
}
/* It has started; it may have connected before. */
void wrg_edge_started(struct wrg_world_vbd *vbd);
static inline uint64_t wrg_edge_sectors(const struct wrg_world_vbd *vbd)
{
    return __atomic_load_n(&vbd->edge.state.sectors, __ATOMIC_RELAXED);
}
/*
 * From a task: sleeps until the frontend takes I/O, by a connection that the caller has not seen.
 * False: nothing can happen any more.
 */
bool wrg_edge_wait_ready(struct wrg_world_vbd *vbd, uint32_t *seen);
/* I/Os that have ended. */
uint32_t wrg_edge_completed(struct wrg_world_vbd *vbd);
/* Pages of its buffers, those that were lost included. */
uint32_t wrg_edge_pages(const struct wrg_world_vbd *vbd);
/* From a task: submits one I/O, waiting for room. False: the device takes none. */
bool wrg_edge_submit(struct wrg_world_vbd *vbd, const struct wrg_edge_io *args);
/* As program.h says. */
WRG_MUST_USE int wrg_edge_submit_program(struct wrg_world_vbd *vbd,
                                         const struct wrg_program_io *io);

#endif
