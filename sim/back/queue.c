/* SPDX-License-Identifier: MIT */
/*
 * The ring's task: takes requests off the ring, puts responses on it.
 */
#include "back/data.h"

/* enum back_hold, several of them */
static uint8_t held(const struct wrg_back *back)
{
    return __atomic_load_n(&back->hold, __ATOMIC_ACQUIRE);
}

/* ---- life ---- */

static const char *const task_names[BACK_QUEUES] = {
    "back.ring",  "back.ring1", "back.ring2", "back.ring3", "back.ring4",  "back.ring5",
    "back.ring6", "back.ring7", "back.ring8", "back.ring9", "back.ring10", "back.ring11",
};

static void destroy_locks(const struct back_queue *queue)
{
    wrg_lock_give_back(queue->port, queue->ring_lock);
    wrg_lock_give_back(queue->port, queue->rsp_lock);
}

static int create_locks(struct back_queue *queue)
{
    uint32_t *const locks[] = { &queue->ring_lock, &queue->rsp_lock };

    return wrg_locks_create(queue->port, locks, 2);
}

static int create_tasks(struct back_queue *queue)
{
    const struct wrg_worker workers[] = {
        { .fn = wrg_back_drain,
          .arg = queue,
          .name = task_names[queue - queue->back->queues],
          .task = &queue->task },
        { .fn = wrg_back_purge,
          .arg = queue,
          .name = "back.purge",
          .housekeeping = true,
          .task = &queue->purge_task },
    };

    return wrg_workers_create(queue->port, workers,
                              wrg_back_offers_persistent(queue->back) ? 2 : 1);
}

int wrg_back_create_queue(struct wrg_back *back)
{
    struct back_queue *queue = &back->queues[back->nqueues];
    int result;

    *queue = (struct back_queue){ .back = back, .port = back->port };
    result = create_locks(queue);
    if (result)
        return result;
    result = create_tasks(queue);
    if (result)
        destroy_locks(queue);
    else
        back->nqueues++;
    return result;
}

void wrg_back_destroy_queues(struct wrg_back *back)
{
    for (unsigned i = 0; i < back->nqueues; i++) {
        struct back_queue *queue = &back->queues[i];
        wrg_worker_exit(back->port, queue->task);
        if (wrg_back_offers_persistent(back))
            wrg_worker_exit(back->port, queue->purge_task);
        destroy_locks(queue);
    }
    back->nqueues = 0;
}

void wrg_back_lock_rings(struct wrg_back *back)
{
    for (unsigned i = 0; i < back->nqueues; i++) {
        struct wrg_lock_take take = { .lock = back->queues[i].ring_lock };
        (void)wrg_port_lock_take(back->port, &take);
    }
}

void wrg_back_unlock_rings(struct wrg_back *back)
{
    for (unsigned i = back->nqueues; i-- > 0;) {
        struct wrg_lock_drop drop = { .lock = back->queues[i].ring_lock };
        (void)wrg_port_lock_drop(back->port, &drop);
    }
}

/* ---- responses ---- */

bool wrg_back_respond(struct back_queue *queue, uint64_t id, uint8_t operation, int16_t status)
{
    const struct wrg_blkif_response response = { .id = id,
                                                 .operation = operation,
                                                 .status = status };
    struct wrg_back_ring *ring = &queue->ring->ring;
    bool first;

    wrg_port_lock(queue->port, queue->rsp_lock);
    first = wrg_back_ring_unpushed(ring) == 0;
    wrg_back_ring_put(ring, &response);
    wrg_port_unlock(queue->port, queue->rsp_lock);
    return first;
}

void wrg_back_publish_soon(struct back_queue *queue)
{
    struct wrg_task_wake wake = { .task = queue->task };

    (void)wrg_port_task_wake(queue->port, &wake);
}

/* So many requests are in flight, and no new ones are taken. */
static void wake_who_waits(struct back_queue *queue, uint8_t hold, uint32_t left)
{
    struct wrg_back *back = queue->back;
    struct wrg_task_wake xenbus = { .task = back->xenbus_task };
    bool waits = __atomic_load_n(&queue->waiting, __ATOMIC_ACQUIRE) != NULL;

    if (left == 0 && (hold & BACK_STOPPING))
        (void)wrg_port_task_wake(back->port, &xenbus);
    if (left == waits && (hold & BACK_BARRIERS)) /* nothing but the barrier itself, if that */
        wrg_back_wake_barriers(back);
}

/* What was answered since the last time: one index and at most one event for all of it. */
static void publish(struct back_queue *queue)
{
    struct wrg_port *port = queue->port;
    struct back_ring *ring = queue->ring;
    uint32_t left;
    uint8_t hold;

    if (wrg_back_ring_unpushed(&ring->ring) == 0)
        return;
    wrg_port_lock(port, queue->rsp_lock);
    ring->answered += wrg_back_ring_unpushed(&ring->ring);
    if (wrg_back_ring_push(&ring->ring)) {
        struct wrg_evtchn_send send = { .evtchn = ring->evtchn };
        (void)wrg_port_evtchn_send(port, &send);
    }
    /* Whoever closes says so first and counts then, under this lock: one of the two sees both. */
    hold = held(queue->back);
    left = hold ? __atomic_load_n(&ring->taken, __ATOMIC_RELAXED) - ring->answered : 0;
    wrg_port_unlock(port, queue->rsp_lock);
    if (hold)
        wake_who_waits(queue, hold, left);
}

/* ---- requests ---- */

/* Requests between two looks at the ring's producer index; 0: none left; -EPROTO. */
static int take_batch(struct back_queue *queue)
{
    const struct wrg_back *back = queue->back;
    struct back_ring *ring = queue->ring;
    int pending = wrg_back_ring_pending(&ring->ring);

    for (int i = 0; i < pending && !held(back); i++) {
        struct wrg_blkif_request wire;
        wrg_port_section(queue->port, WRG_AT_REQUEST, ++ring->requests);
        wrg_back_ring_get(&ring->ring, &wire);
        __atomic_store_n(&ring->taken, ring->taken + 1, __ATOMIC_RELAXED);
        wrg_back_dispatch(queue, &wire);
    }
    return pending;
}

static void cut_off(struct back_queue *queue)
{
    struct wrg_log log = { .text = "frontend's request index is out of range, ring stopped" };

    queue->ring->broken = true;
    (void)wrg_port_log(queue->port, &log);
}

/* Whether anything was found; sleeps only after the ring was asked for an event and looked at once
 * more. */
static bool drain(struct back_queue *queue)
{
    const struct wrg_back *back = queue->back;
    struct back_ring *ring = queue->ring;
    bool found = false;
    bool more;

    do {
        int taken;
        do {
            taken = take_batch(queue);
            found |= taken > 0 && !(held(back) & BACK_STOPPING);
            publish(queue);
        } while (taken > 0 && !held(back));
        if (taken < 0) {
            cut_off(queue);
            return found;
        }
        if (held(back))
            return found;
        wrg_port_section(queue->port, WRG_AT_FINAL_CHECK, ring->requests);
        more = wrg_back_ring_final_check(&ring->ring);
    } while (more);
    return found;
}

void wrg_back_drain(void *arg)
{
    struct back_queue *queue = arg;
    const struct wrg_back *back = queue->back;

    wrg_port_lock(queue->port, queue->ring_lock);
    if (queue->ring)
        publish(queue);
    if (queue->ring && (held(back) & BACK_BARRIERS))
        wrg_back_look_at_barrier(queue);
    if (queue->ring && !queue->ring->broken && !(held(back) & BACK_STOPPING)) {
        struct wrg_evtchn_eoi eoi = { .evtchn = queue->ring->evtchn };
        /* What came while a barrier holds the ring up is looked for when it has ended. */
        eoi.spurious = !held(back) && !drain(queue);
        /* A broken peer gets no EOI: the channel stays masked, it can send what it likes. */
        if (!queue->ring->broken)
            (void)wrg_port_evtchn_eoi(queue->port, &eoi);
    }
    wrg_port_unlock(queue->port, queue->ring_lock);
    if (queue->waiting && !queue->settled)
        wrg_back_settle(queue);
}

bool wrg_back_is_idle(struct back_queue *queue)
{
    struct wrg_port *port = queue->port;
    const struct back_ring *ring = queue->ring;
    bool idle;

    wrg_port_lock(port, queue->rsp_lock);
    idle = !ring || ring->answered == __atomic_load_n(&ring->taken, __ATOMIC_RELAXED);
    wrg_port_unlock(port, queue->rsp_lock);
    return idle;
}
