/* SPDX-License-Identifier: MIT */
/*
 * A write barrier: it waits for all that was taken off the ring before it, and nothing is taken off
 * behind it until it has ended. In between the disk is asked to flush, to write, and to flush.
 * Both ends of the wait are wakes of the ring's task, which holds nothing on its stack meanwhile.
 */
#include "back/back.h"

/* What the disk is asked for, one after the other; a barrier without data flushes once. */
enum { BEFORE = 1, DATA, BEHIND };

static void submit(struct back_request *req);

static void end(struct back_request *req, int error)
{
    struct wrg_back *back = req->queue->back;
    struct wrg_task_wake wake = { .task = req->queue->task };

    (void)__atomic_fetch_and(&back->hold, (uint8_t)~BACK_BARRIER, __ATOMIC_SEQ_CST);
    wrg_back_finish(req, wrg_back_status_of(back, req, error));
    (void)wrg_port_task_wake(back->port, &wake);
}

static void on_disk_done(void *ctx, int error)
{
    struct back_request *req = ctx;

    wrg_port_section(req->queue->port, WRG_AT_RESPONSE, (uint32_t)req->id);
    if (error || req->nseg == 0 || req->step == BEHIND) {
        end(req, error);
        return;
    }
    req->step++;
    submit(req);
}

static void submit(struct back_request *req)
{
    bool data = req->step == DATA;
    struct wrg_disk_submit disk = { .op = data ? WRG_IO_WRITE : WRG_IO_FLUSH,
                                    .sector = data ? req->sector : 0,
                                    .nvec = data ? req->nseg : 0,
                                    .vec = req->vecs,
                                    .done = on_disk_done,
                                    .ctx = req };
    int result = wrg_port_disk_submit(req->queue->port, &disk);

    if (result)
        end(req, result);
}

static bool is_alone(struct back_queue *queue)
{
    struct wrg_port *port = queue->port;
    uint32_t left;

    wrg_port_lock(port, queue->rsp_lock);
    left = __atomic_load_n(&queue->ring->taken, __ATOMIC_RELAXED) - queue->ring->answered;
    wrg_port_unlock(port, queue->rsp_lock);
    return left == 1;
}

void wrg_back_look_at_barrier(struct back_queue *queue)
{
    struct back_request *req = queue->waiting;

    if (!req || !is_alone(queue))
        return;
    queue->waiting = NULL;
    submit(req);
}

void wrg_back_hold(struct back_request *req)
{
    struct back_queue *queue = req->queue;

    req->step = BEFORE;
    queue->waiting = req;
    /* Who answers a request from now on sees this, or is_alone sees the answer. */
    (void)__atomic_fetch_or(&queue->back->hold, BACK_BARRIER, __ATOMIC_SEQ_CST);
    wrg_back_look_at_barrier(queue);
}
