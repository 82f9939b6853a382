/* SPDX-License-Identifier: MIT */
#include "disk/queue.h"

#include <errno.h>
#include <string.h>

#include "disk/reorder.h"

static void lock_ring(struct wrg_disk_queue *queue)
{
    if (queue->xen->parallel)
        pthread_mutex_lock(&queue->lock);
}

static void unlock_ring(struct wrg_disk_queue *queue)
{
    if (queue->xen->parallel)
        pthread_mutex_unlock(&queue->lock);
}

void wrg_disk_queue_init(struct wrg_disk_queue *queue, struct wrg_xen *xen, struct wrg_domain *dom,
                         struct wrg_disk *disk)
{
    memset(queue, 0, sizeof(*queue));
    queue->xen = xen;
    queue->dom = dom;
    queue->disk = disk;
    queue->task = WRG_TASK_NONE;
    pthread_mutex_init(&queue->lock, NULL);
}

void wrg_disk_queue_fini(struct wrg_disk_queue *queue)
{
    pthread_mutex_destroy(&queue->lock);
}

void wrg_disk_queue_reset(struct wrg_disk_queue *queue)
{
    queue->head = queue->tail = queue->tickets = 0;
    wrg_disk_reset(queue->disk);
}

void wrg_disk_queue_drop(struct wrg_disk_queue *queue)
{
    for (; queue->head != queue->tail; queue->head++)
        wrg_xen_emit(queue->xen, .kind = WRG_EV_DISK_DONE, .role = queue->dom->role,
                     .a = queue->ring[queue->head % WRG_DISK_QUEUE_MAX].ticket,
                     .b = (uint32_t)-EIO);
}

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

/* The next request, which stays first in the ring until it has been executed. */
static bool next_request(struct wrg_disk_queue *queue, struct wrg_disk_queued *queued)
{
    bool any;

    lock_ring(queue);
    any = queue->head != queue->tail;
    if (WRG_UNLIKELY(queue->reorder) && any)
        reorder(queue);
    if (any)
        *queued = queue->ring[queue->head % WRG_DISK_QUEUE_MAX];
    unlock_ring(queue);
    return any;
}

static void finish_request(struct wrg_disk_queue *queue, const struct wrg_disk_queued *queued,
                           int error)
{
    lock_ring(queue);
    queue->head++;
    unlock_ring(queue);
    wrg_xen_emit(queue->xen, .kind = WRG_EV_DISK_DONE, .role = queue->dom->role,
                 .a = queued->ticket, .b = (uint32_t)error);
    queued->done(queued->ctx, error);
}

static void work(void *arg)
{
    struct wrg_disk_queue *queue = arg;
    struct wrg_disk_queued queued;

    while (next_request(queue, &queued)) {
        struct wrg_disk_context context = { .xen = queue->xen,
                                            .dom = queue->dom,
                                            .ticket = queued.ticket };
        wrg_sched_point(queue->xen->sched, WRG_POINT_DISK);
        int error = wrg_disk_execute(queue->disk, &queued.request, &context);
        finish_request(queue, &queued, error);
    }
}

int wrg_disk_queue_start(struct wrg_disk_queue *queue)
{
    const struct wrg_task_args args = {
        .fn = work, .arg = queue, .name = "disk", .role = queue->dom->role, .worker = true
    };
    int task = wrg_sched_task_create(queue->xen->sched, &args);

    if (task < 0)
        return task;
    queue->task = task;
    return 0;
}

/* Under the ring's lock, so that no done comes before its submit in the trace. */
static void emit_submit(struct wrg_disk_queue *queue, const struct wrg_disk_queued *queued)
{
    if (!queue->xen->trace->on)
        return;
    wrg_xen_emit(queue->xen, .kind = WRG_EV_DISK_SUBMIT, .role = queue->dom->role,
                 .a = queued->ticket, .b = queued->request.op, .c = queued->request.sector,
                 .d = wrg_disk_request_sectors(&queued->request));
}

int wrg_disk_queue_submit(struct wrg_disk_queue *queue, const struct wrg_disk_submit *args)
{
    struct wrg_disk_queued *queued;

    lock_ring(queue);
    if (queue->tail - queue->head == WRG_DISK_QUEUE_MAX) {
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
    emit_submit(queue, queued);
    queue->tail++;
    unlock_ring(queue);
    wrg_sched_wake(queue->xen->sched, queue->task);
    return 0;
}

bool wrg_disk_queue_is_busy(struct wrg_disk_queue *queue, uint32_t *executed)
{
    bool busy;

    lock_ring(queue);
    *executed = queue->head;
    busy = queue->head != queue->tail;
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
