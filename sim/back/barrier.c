/* SPDX-License-Identifier: MIT */
/*
 * A write barrier: it waits for all that was taken off the ring before it, and nothing is taken off
 * behind it until it has ended. In between the disk is asked to flush, to write, and to flush.
 * Both ends of the wait are wakes of the ring's task, which holds nothing on its stack meanwhile.
 *
 * Where there are several queues it does so to all of them: what was taken off any ring before is
 * done first, and nothing is taken off any ring meanwhile. So a barrier stands between all that was
 * answered before it was put on its ring, and all that is put on any ring when it is answered; and
 * among the requests of its own ring where it was put. Requests of other rings that were neither
 * answered then nor put later may come before it or behind it: rings have no common order.
 *
 * How its task knows. First it counts the barrier in `hold`, which each task looks at before it
 * takes a request. Then it takes and drops the ring_lock of each other queue (without holding its
 * own, since two may do this at once): whoever was in the middle of it is through with that. From
 * then on the requests in flight only become fewer, and each answer looks at `hold` as well.
 * Several barriers may wait, one a queue, and do not wait for each other; they take turns.
 */
#include "back/back.h"

/* What the disk is asked for, one after the other; a barrier without data flushes once. */
enum { BEFORE = 1, DATA, BEHIND };

static void submit(struct back_request *req);

static void end(struct back_request *req, int error)
{
    struct wrg_back *back = req->queue->back;
    uint32_t nrings = __atomic_load_n(&back->nrings, __ATOMIC_RELAXED);

    (void)__atomic_fetch_sub(&back->hold, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&back->turn, 0, __ATOMIC_SEQ_CST);
    (void)wrg_back_finish(req, wrg_back_status_of(back, req, error));
    /* They publish it, and go on. The connection may be gone by now; its tasks are not. */
    for (uint32_t i = 0; i < nrings; i++) {
        struct wrg_task_wake wake = { .task = back->queues[i].task };
        (void)wrg_port_task_wake(back->port, &wake);
    }
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

/* ---- who may begin ---- */

static struct back_request *waiting_of(const struct back_queue *queue)
{
    return __atomic_load_n(&queue->waiting, __ATOMIC_ACQUIRE);
}

/* Whether nothing is in flight in a queue, barriers that wait apart. */
static bool is_drained(struct back_queue *queue)
{
    struct wrg_port *port = queue->port;
    uint32_t left;

    wrg_port_lock(port, queue->rsp_lock);
    left = __atomic_load_n(&queue->ring->taken, __ATOMIC_RELAXED) - queue->ring->answered;
    wrg_port_unlock(port, queue->rsp_lock);
    return left == (waiting_of(queue) ? 1 : 0);
}

static bool is_alone(struct wrg_back *back)
{
    for (unsigned i = 0; i < back->nrings; i++)
        if (!is_drained(&back->queues[i]))
            return false;
    return true;
}

static bool take_turn(struct back_queue *queue)
{
    struct wrg_back *back = queue->back;
    uint8_t none = 0;

    return __atomic_compare_exchange_n(&back->turn, &none, (uint8_t)(queue - back->queues + 1),
                                       false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

void wrg_back_look_at_barrier(struct back_queue *queue)
{
    struct back_request *req = queue->waiting;

    /* Whoever has the turn wakes this task again when it has ended. */
    if (!req || !queue->settled || !is_alone(queue->back) || !take_turn(queue))
        return;
    __atomic_store_n(&queue->waiting, NULL, __ATOMIC_RELEASE);
    submit(req);
}

void wrg_back_settle(struct back_queue *queue)
{
    struct wrg_back *back = queue->back;

    /* The barrier is in flight, so the rings stay. */
    for (unsigned i = 0; i < back->nrings; i++) {
        struct back_queue *other = &back->queues[i];
        if (other == queue)
            continue;
        wrg_port_lock(back->port, other->ring_lock);
        wrg_port_unlock(back->port, other->ring_lock);
    }
    queue->settled = true;
    wrg_back_look_at_barrier(queue);
}

void wrg_back_hold(struct back_request *req)
{
    struct back_queue *queue = req->queue;

    req->step = BEFORE;
    queue->settled = queue->back->nrings == 1;
    __atomic_store_n(&queue->waiting, req, __ATOMIC_RELEASE);
    /* Who answers a request from now on sees this, or is_alone sees the answer. */
    (void)__atomic_fetch_add(&queue->back->hold, 1, __ATOMIC_SEQ_CST);
    wrg_back_look_at_barrier(queue);
}

void wrg_back_wake_barriers(struct wrg_back *back)
{
    uint32_t nrings = __atomic_load_n(&back->nrings, __ATOMIC_RELAXED);

    for (uint32_t i = 0; i < nrings; i++) {
        struct wrg_task_wake wake = { .task = back->queues[i].task };
        if (waiting_of(&back->queues[i]))
            (void)wrg_port_task_wake(back->port, &wake);
    }
}
