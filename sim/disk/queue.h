/* SPDX-License-Identifier: MIT */
/*
 * The front of a disk: takes requests from a backend and executes them in a task of its own.
 *
 * What it is    A ring of requests in order of submission, and a worker that executes them one by
 *               one, with a preemption point before each, and calls `done`. In that order, or with
 *               `reorder` in any. No data is copied at submission. With `async` the end of the
 *               chain may answer later, and the worker goes on meanwhile; what has landed wakes it,
 *               and it calls `done`. Then nobody may be runnable while something is outstanding:
 *               the world waits for what is outside of it (wrg_disk_queue_flying).
 * Layer         disk
 * Bounds        WRG_DISK_QUEUE_MAX requests between submission and the call of done, of which
 *               WRG_DISK_FLIGHTS are on their way; further ones are waited for
 * Ownership     the chain and the vectors are the caller's; vectors live until done
 * Threads       any task submits; done is called by the worker. Thread engine: a mutex is held
 *               while the ring is touched, never while data are copied or done runs
 * Errors        -EAGAIN when the ring is full; what the disk says goes to done
 * Events        disk-info, disk-submit, disk-done, disk-left; the disk itself tells of the data
 */
#ifndef WRG_DISK_QUEUE_H
#define WRG_DISK_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mutex.h"
#include "disk/disk.h"

#define WRG_DISK_QUEUE_MAX 1024
#define WRG_DISK_FLIGHTS   32

struct wrg_disk_queued {
    struct wrg_disk_request request;
    void (*done)(void *ctx, int error);
    void *ctx;
    uint32_t ticket;
};

struct wrg_disk_flight { /* a request that lands later */
    struct wrg_disk_queued queued;
    bool used, landed;
    int error;
};

struct wrg_disk_queue {
    struct wrg_xen *xen;
    struct wrg_domain *dom; /* the backend's: pages are its handles */
    struct wrg_disk *disk;
    uint8_t role; /* of its task; at first the domain's */
    int task;
    bool reorder; /* reorder.h; whoever sets up a run sets both */
    uint64_t reorder_seed;
    uint32_t head, tail; /* free-running: next to execute, next to fill */
    uint32_t tickets;    /* given out in this run */
    struct wrg_disk_queued ring[WRG_DISK_QUEUE_MAX];
    bool async; /* requests may land later: fiber engine, and nobody listens */
    uint32_t nflying;
    struct wrg_disk_flight flights[WRG_DISK_FLIGHTS];
    struct wrg_mutex lock; /* thread engine */
};

void wrg_disk_queue_init(struct wrg_disk_queue *queue, struct wrg_xen *xen, struct wrg_domain *dom,
                         struct wrg_disk *disk);
/* Creates the worker. -ENOSPC, -ENOMEM */
WRG_MUST_USE int wrg_disk_queue_start(struct wrg_disk_queue *queue);
/*
 * Nothing may be flying. Forgets what is queued and empties the disk; the worker stays as the
 * scheduler has it.
 */
void wrg_disk_queue_reset(struct wrg_disk_queue *queue);

/*
 * The backend's domain died, and nobody waits for what is queued: it ends with -EIO in the trace,
 * and no done is called. What the worker was doing may be done in part; what is flying lands, and
 * is forgotten. The disk keeps its data.
 */
void wrg_disk_queue_drop(struct wrg_disk_queue *queue);

/*
 * The power goes while the backend's domain is still there: of each write that is queued any
 * sectors are on the medium, as the seed says, and the disk tells of them (disk-left). Nothing of a
 * read-only disk. Returns how many sectors came to be written.
 */
uint32_t wrg_disk_queue_tear(struct wrg_disk_queue *queue, uint64_t seed);

/* For the port's edge (guest/guest.h). */
WRG_MUST_USE int wrg_disk_queue_submit(struct wrg_disk_queue *queue,
                                       const struct wrg_disk_submit *args);
int wrg_disk_queue_info(struct wrg_disk_queue *queue, struct wrg_disk_info *args);

/* Requests executed in this run; false: none is queued or in progress. */
bool wrg_disk_queue_is_busy(struct wrg_disk_queue *queue, uint32_t *executed);

/* Requests whose done has not been called. */
static inline uint32_t wrg_disk_queue_pending(const struct wrg_disk_queue *queue)
{
    return queue->tail - queue->head + queue->nflying;
}

/* Requests that are outside, and will land. */
static inline uint32_t wrg_disk_queue_flying(const struct wrg_disk_queue *queue)
{
    uint32_t landed = 0;

    for (uint32_t i = 0; queue->nflying && i < WRG_DISK_FLIGHTS; i++)
        landed += queue->flights[i].used && queue->flights[i].landed;
    return queue->nflying - landed;
}

#endif
