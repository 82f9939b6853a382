/* SPDX-License-Identifier: MIT */
/*
 * A queue and the task of its ring: responses first, they make room for requests.
 */
#include <errno.h>

#include "front/front.h"

void wrg_front_enter_error(struct wrg_front *front, const char *why)
{
    struct wrg_log log = { .text = why };

    (void)wrg_port_log(front->port, &log);
    __atomic_store_n(&front->state, FRONT_ERROR, __ATOMIC_RELEASE);
    /* The xenbus task fails what is outstanding and closes; here nothing touches the ring again. */
    wrg_front_wake_xenbus(front);
}

/* ---- life ---- */

static const char *const task_names[FRONT_QUEUES] = {
    "front.ring",  "front.ring1", "front.ring2", "front.ring3", "front.ring4",  "front.ring5",
    "front.ring6", "front.ring7", "front.ring8", "front.ring9", "front.ring10", "front.ring11",
};

static void destroy_locks(const struct front_queue *queue)
{
    wrg_lock_give_back(queue->port, queue->ring_lock);
    wrg_lock_give_back(queue->port, queue->list_lock);
}

static int create_locks(struct front_queue *queue)
{
    uint32_t *const locks[] = { &queue->ring_lock, &queue->list_lock };

    return wrg_locks_create(queue->port, locks, 2);
}

static int create_tasks(struct front_queue *queue)
{
    const struct wrg_worker workers[] = {
        { .fn = wrg_front_work,
          .arg = queue,
          .name = task_names[queue - queue->front->queues],
          .task = &queue->task },
        { .fn = wrg_front_purge,
          .arg = queue,
          .name = "front.purge",
          .housekeeping = true,
          .task = &queue->purge_task },
    };

    return wrg_workers_create(queue->port, workers, queue->port->params.persistent ? 2 : 1);
}

int wrg_front_create_queue(struct wrg_front *front)
{
    struct front_queue *queue = &front->queues[front->nqueues];
    int result;

    *queue = (struct front_queue){ .front = front, .port = front->port };
    result = create_locks(queue);
    if (result)
        return result;
    result = create_tasks(queue);
    if (result)
        destroy_locks(queue);
    else
        front->nqueues++;
    return result;
}

void wrg_front_destroy_queues(struct wrg_front *front)
{
    for (unsigned i = 0; i < front->nqueues; i++) {
        struct front_queue *queue = &front->queues[i];
        wrg_worker_exit(front->port, queue->task);
        if (front->port->params.persistent)
            wrg_worker_exit(front->port, queue->purge_task);
        destroy_locks(queue);
    }
    front->nqueues = 0;
}

/* ---- the ring's task ---- */

static bool ring_is_usable(const struct front_queue *queue)
{
    uint8_t state = __atomic_load_n(&queue->front->state, __ATOMIC_ACQUIRE);

    return queue->ring && (state == FRONT_UP || state == FRONT_CLOSING);
}

/* How many responses there were. */
static uint32_t take_responses(struct front_queue *queue)
{
    struct wrg_front *front = queue->front;
    int pending = wrg_front_ring_pending(&queue->ring->ring);

    if (pending < 0)
        wrg_front_enter_error(front, "backend's response index is out of range");
    for (int i = 0; i < pending && ring_is_usable(queue); i++) {
        struct wrg_blkif_response response;
        wrg_port_section(queue->port, WRG_AT_RESPONSE, ++queue->responses);
        wrg_front_ring_get(&queue->ring->ring, &response);
        wrg_front_take(queue, &response);
    }
    return pending < 0 ? 0 : (uint32_t)pending;
}

static void push(struct front_queue *queue)
{
    if (wrg_front_ring_push(&queue->ring->ring)) {
        struct wrg_evtchn_send send = { .evtchn = queue->ring->evtchn };
        (void)wrg_port_evtchn_send(queue->port, &send);
    }
}

static bool work_once(struct front_queue *queue)
{
    uint32_t taken = take_responses(queue);

    if (!ring_is_usable(queue))
        return false;
    wrg_front_issue(queue);
    push(queue);
    return taken != 0;
}

static void work(struct front_queue *queue)
{
    struct wrg_port *port = queue->port;
    bool found = false;

    do {
        while (work_once(queue))
            found = true;
        if (!ring_is_usable(queue))
            return; /* no EOI: a broken backend can send what it likes */
        wrg_port_section(port, WRG_AT_FINAL_CHECK, queue->responses);
    } while (wrg_front_ring_final_check(&queue->ring->ring));
    struct wrg_evtchn_eoi eoi = { .evtchn = queue->ring->evtchn, .spurious = !found };
    (void)wrg_port_evtchn_eoi(port, &eoi);
}

/* An event before there is a ring to look at: whoever sends it early has it counted, too. */
static void dismiss(struct front_queue *queue)
{
    struct wrg_front *front = queue->front;

    if (__atomic_load_n(&front->state, __ATOMIC_ACQUIRE) != FRONT_DOWN || !queue->ring)
        return;
    struct wrg_evtchn_eoi eoi = { .evtchn = queue->ring->evtchn, .spurious = true };
    (void)wrg_port_evtchn_eoi(front->port, &eoi);
}

void wrg_front_work(void *arg)
{
    struct front_queue *queue = arg;
    struct wrg_front *front = queue->front;

    wrg_port_lock(queue->port, queue->ring_lock);
    if (ring_is_usable(queue))
        work(queue);
    else
        dismiss(queue);
    bool drained = __atomic_load_n(&front->state, __ATOMIC_ACQUIRE) == FRONT_CLOSING &&
                   queue->ring && queue->ring->outstanding == 0;
    wrg_port_unlock(queue->port, queue->ring_lock);
    if (drained)
        wrg_front_wake_xenbus(front);
}
