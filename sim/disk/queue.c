/* SPDX-License-Identifier: MIT */
#include "disk/queue.h"

#include <errno.h>
#include <string.h>

#include "base/digest.h"
#include "base/rng.h"
#include "disk/reorder.h"

static void lock_ring(struct wrg_disk_queue *queue)
{
    if (queue->xen->parallel)
        wrg_mutex_lock(&queue->lock);
}

static void unlock_ring(struct wrg_disk_queue *queue)
{
    if (queue->xen->parallel)
        wrg_mutex_unlock(&queue->lock);
}

void wrg_disk_queue_init(struct wrg_disk_queue *queue, struct wrg_xen *xen, struct wrg_domain *dom,
                         struct wrg_disk *disk)
{
    memset(queue, 0, sizeof(*queue));
    queue->xen = xen;
    queue->dom = dom;
    queue->disk = disk;
    queue->role = dom->role;
    queue->task = WRG_TASK_NONE;
}

void wrg_disk_queue_reset(struct wrg_disk_queue *queue)
{
    WRG_ASSERT(queue->nflying == 0);
    queue->head = queue->tail = queue->tickets = 0;
    wrg_disk_reset(queue->disk);
}

__attribute__((noinline)) static void emit_done(struct wrg_disk_queue *queue, uint32_t ticket,
                                                int error)
{
    wrg_xen_emit(queue->xen, .kind = WRG_EV_DISK_DONE, .role = queue->dom->role, .a = ticket,
                 .b = (uint32_t)error);
}

void wrg_disk_queue_drop(struct wrg_disk_queue *queue)
{
    for (uint32_t i = 0; queue->nflying && i < WRG_DISK_FLIGHTS; i++) {
        struct wrg_disk_flight *flight = &queue->flights[i];
        if (!flight->used)
            continue;
        emit_done(queue, flight->queued.ticket, -EIO);
        flight->queued.done = NULL;
        flight->used = !flight->landed;
        queue->nflying -= flight->landed;
    }
    for (; queue->head != queue->tail; queue->head++)
        emit_done(queue, queue->ring[queue->head % WRG_DISK_QUEUE_MAX].ticket, -EIO);
}

/* ---- a power cut ---- */

static bool tear_sector(struct wrg_disk_queue *queue, uint64_t sector, uint8_t *bytes)
{
    const struct wrg_disk_run run = { .write = true, .sector = sector, .count = 1, .bytes = bytes };
    uint64_t digest;

    if (wrg_disk_transfer(queue->disk, &run))
        return false; /* the disk has become smaller */
    wrg_digest_sectors(bytes, 1, &digest);
    wrg_xen_emit(queue->xen, .kind = WRG_EV_DISK_LEFT, .role = queue->dom->role, .c = sector,
                 .payload = &digest, .len = sizeof(digest));
    return true;
}

/* The pages are looked at without a word: nobody has asked for this. */
static uint32_t tear_write(struct wrg_disk_queue *queue, const struct wrg_disk_request *request,
                           struct wrg_rng *rng)
{
    uint64_t sector = request->sector;
    uint32_t torn = 0;

    for (uint32_t i = 0; i < request->nvec; i++) {
        const struct wrg_vec *vec = &request->vec[i];
        const struct wrg_view *view = wrg_xen_view(queue->dom, vec->page);
        if (!view || (uint32_t)vec->off + vec->len > WRG_PAGE_SIZE)
            return torn;
        for (uint32_t off = 0; off + WRG_SECTOR_SIZE <= vec->len; off += WRG_SECTOR_SIZE, sector++)
            if (wrg_rng_below(rng, 2))
                torn += tear_sector(queue, sector, view->base + vec->off + off);
    }
    return torn;
}

uint32_t wrg_disk_queue_tear(struct wrg_disk_queue *queue, uint64_t seed)
{
    struct wrg_disk_info info = { 0 };
    struct wrg_rng rng;
    uint32_t torn = 0;

    wrg_disk_info(queue->disk, &info);
    wrg_rng_seed(&rng, seed);
    for (uint32_t at = queue->head; at != queue->tail && !info.readonly; at++) {
        const struct wrg_disk_request *request = &queue->ring[at % WRG_DISK_QUEUE_MAX].request;
        if (request->op == WRG_IO_WRITE)
            torn += tear_write(queue, request, &rng);
    }
    return torn;
}

/* ---- the order ---- */

/* Another request takes the place of the oldest one. */
static void reorder(struct wrg_disk_queue *queue)
{
    struct wrg_disk_queued *oldest = &queue->ring[queue->head % WRG_DISK_QUEUE_MAX];
    const struct wrg_reorder_args args = { .seed = queue->reorder_seed,
                                           .oldest = oldest->ticket,
                                           .newest = queue->tickets,
                                           .pending = wrg_disk_queue_pending(queue) };
    uint32_t at = (queue->head + wrg_reorder_pick(&args)) % WRG_DISK_QUEUE_MAX;
    struct wrg_disk_queued chosen = queue->ring[at];

    queue->ring[at] = *oldest;
    *oldest = chosen;
}

/* The next request, which stays first in the ring until it has been executed. NULL: none. */
static const struct wrg_disk_queued *next_request(struct wrg_disk_queue *queue)
{
    bool any;

    lock_ring(queue);
    any = queue->head != queue->tail;
    if (WRG_UNLIKELY(queue->reorder) && any)
        reorder(queue);
    unlock_ring(queue);
    return any ? &queue->ring[queue->head % WRG_DISK_QUEUE_MAX] : NULL;
}

/* It leaves the ring. */
static void take_off(struct wrg_disk_queue *queue)
{
    lock_ring(queue);
    queue->head++;
    unlock_ring(queue);
}

static void finish_request(struct wrg_disk_queue *queue, const struct wrg_disk_queued *queued,
                           int error)
{
    if (WRG_UNLIKELY(queue->xen->trace->on))
        emit_done(queue, queued->ticket, error);
    queued->done(queued->ctx, error);
}

/* ---- requests that land later ---- */

static void land(void *ctx, uint32_t token, int error)
{
    struct wrg_disk_queue *queue = ctx;
    struct wrg_disk_flight *flight = &queue->flights[token];

    WRG_ASSERT(flight->used && !flight->landed);
    flight->landed = true;
    flight->error = error;
    if (flight->queued.done) {
        wrg_sched_wake(queue->xen->sched, queue->task);
        return;
    }
    flight->used = false; /* nobody waits for it any more */
    queue->nflying--;
}

/* NULL: requests have to be waited for. */
static struct wrg_disk_flight *free_flight(struct wrg_disk_queue *queue)
{
    if (queue->xen->parallel || queue->nflying == WRG_DISK_FLIGHTS)
        return NULL;
    for (uint32_t i = 0; i < WRG_DISK_FLIGHTS; i++)
        if (!queue->flights[i].used)
            return &queue->flights[i];
    return NULL;
}

/* Calls done of what has landed. */
static void greet(struct wrg_disk_queue *queue)
{
    for (uint32_t i = 0; queue->nflying && i < WRG_DISK_FLIGHTS; i++) {
        struct wrg_disk_flight *flight = &queue->flights[i];
        if (!flight->used || !flight->landed)
            continue;
        struct wrg_disk_queued queued = flight->queued;
        int error = flight->error;
        flight->used = false;
        queue->nflying--;
        finish_request(queue, &queued, error);
    }
}

/* ---- the worker ---- */

/* One that may answer later. False: it has not answered yet. */
static bool launch(struct wrg_disk_queue *queue, const struct wrg_disk_queued *queued,
                   struct wrg_disk_context *context, int *error)
{
    struct wrg_disk_flight *flight = free_flight(queue);
    const struct wrg_disk_landing landing = {
        .land = land, .ctx = queue, .token = flight ? (uint32_t)(flight - queue->flights) : 0
    };

    context->landing = flight ? &landing : NULL;
    *error = wrg_disk_execute(queue->disk, &queued->request, context);
    if (*error != -EINPROGRESS)
        return true;
    WRG_ASSERT(flight);
    *flight = (struct wrg_disk_flight){ .queued = *queued, .used = true };
    queue->nflying++;
    return false;
}

static void execute(struct wrg_disk_queue *queue, const struct wrg_disk_queued *queued)
{
    struct wrg_disk_context context = { .xen = queue->xen,
                                        .dom = queue->dom,
                                        .ticket = queued->ticket };
    const struct wrg_disk_queued waiting = { .done = queued->done,
                                             .ctx = queued->ctx,
                                             .ticket = queued->ticket };
    bool answered = true;
    int error;

    if (WRG_UNLIKELY(queue->async))
        answered = launch(queue, queued, &context, &error);
    else
        error = wrg_disk_execute(queue->disk, &queued->request, &context);
    take_off(queue); /* its place may be taken from here on */
    if (answered)
        finish_request(queue, &waiting, error);
}

static void work(void *arg)
{
    struct wrg_disk_queue *queue = arg;
    const struct wrg_disk_queued *queued;

    greet(queue);
    while ((queued = next_request(queue))) {
        wrg_sched_point(queue->xen->sched, WRG_POINT_DISK);
        execute(queue, queued);
    }
}

int wrg_disk_queue_start(struct wrg_disk_queue *queue)
{
    const struct wrg_task_args args = {
        .fn = work, .arg = queue, .name = "disk", .role = queue->role, .worker = true
    };
    int task = wrg_sched_task_create(queue->xen->sched, &args);

    if (task < 0)
        return task;
    queue->task = task;
    return 0;
}

/* Under the ring's lock, so that no done comes before its submit in the trace. */
__attribute__((noinline)) static void emit_submit(struct wrg_disk_queue *queue,
                                                  const struct wrg_disk_queued *queued)
{
    wrg_xen_emit(queue->xen, .kind = WRG_EV_DISK_SUBMIT, .role = queue->dom->role,
                 .a = queued->ticket, .b = queued->request.op, .c = queued->request.sector,
                 .d = wrg_disk_request_sectors(&queued->request));
}

int wrg_disk_queue_submit(struct wrg_disk_queue *queue, const struct wrg_disk_submit *args)
{
    struct wrg_disk_queued *queued;

    lock_ring(queue);
    if (wrg_disk_queue_pending(queue) == WRG_DISK_QUEUE_MAX) {
        unlock_ring(queue);
        return -EAGAIN;
    }
    queued = &queue->ring[queue->tail % WRG_DISK_QUEUE_MAX];
    queued->request = (struct wrg_disk_request){ .op = args->op,
                                                 .sector = args->sector,
                                                 .nvec = args->nvec,
                                                 .vec = args->vec,
                                                 .nsectors = args->nsectors };
    queued->done = args->done;
    queued->ctx = args->ctx;
    queued->ticket = ++queue->tickets;
    if (WRG_UNLIKELY(queue->xen->trace->on))
        emit_submit(queue, queued);
    /* A worker that has something to do looks at the ring again before it sleeps. */
    bool sleeps = queue->head == queue->tail;
    queue->tail++;
    unlock_ring(queue);
    if (sleeps)
        wrg_sched_wake(queue->xen->sched, queue->task);
    return 0;
}

bool wrg_disk_queue_is_busy(struct wrg_disk_queue *queue, uint32_t *executed)
{
    bool busy;

    lock_ring(queue);
    *executed = queue->head;
    busy = wrg_disk_queue_pending(queue) != 0;
    unlock_ring(queue);
    return busy;
}

int wrg_disk_queue_info(struct wrg_disk_queue *queue, struct wrg_disk_info *args)
{
    args->block_bytes = WRG_SECTOR_SIZE; /* unless a link of the chain says otherwise */
    wrg_disk_info(queue->disk, args);
    args->queue_limit = WRG_DISK_QUEUE_MAX;
    wrg_xen_emit(queue->xen, .kind = WRG_EV_DISK_INFO, .role = queue->dom->role,
                 .a = args->readonly, .b = args->block_bytes - WRG_SECTOR_SIZE, .c = args->sectors);
    return 0;
}
