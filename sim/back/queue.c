/* SPDX-License-Identifier: MIT */
/*
 * The ring's task: takes requests off the ring, puts responses on it.
 */
#include "back/back.h"

/* enum back_hold, several of them */
static uint8_t held(const struct wrg_back *back)
{
    return __atomic_load_n(&back->hold, __ATOMIC_ACQUIRE);
}

/* Requests between two looks at the ring's producer index; 0: none left; -EPROTO. */
static int take_batch(struct wrg_back *back)
{
    struct back_queue *queue = back->queue;
    int pending = wrg_back_ring_pending(&queue->ring);

    for (int i = 0; i < pending && !held(back); i++) {
        struct wrg_blkif_request wire;
        wrg_port_section(back->port, WRG_AT_REQUEST, ++queue->requests);
        wrg_back_ring_get(&queue->ring, &wire);
        __atomic_store_n(&back->taken, back->taken + 1, __ATOMIC_RELAXED);
        wrg_back_dispatch(back, &wire);
    }
    return pending;
}

static void cut_off(struct wrg_back *back)
{
    struct wrg_log log = { .text = "frontend's request index is out of range, ring stopped" };

    back->queue->broken = true;
    (void)wrg_port_log(back->port, &log);
}

/* Whether anything was found; sleeps only after the ring was asked for an event and looked at once
 * more. */
static bool drain(struct wrg_back *back)
{
    struct back_queue *queue = back->queue;
    bool found = false;
    bool more;

    do {
        int taken;
        do {
            taken = take_batch(back);
            found |= taken > 0 && !(held(back) & BACK_STOPPING);
        } while (taken > 0 && !held(back));
        if (taken < 0) {
            cut_off(back);
            return found;
        }
        if (held(back))
            return found;
        wrg_port_section(back->port, WRG_AT_FINAL_CHECK, queue->requests);
        more = wrg_back_ring_final_check(&queue->ring);
    } while (more);
    return found;
}

void wrg_back_drain(void *arg)
{
    struct wrg_back *back = arg;

    wrg_port_lock(back->port, back->ring_lock);
    if (back->queue && (held(back) & BACK_BARRIER))
        wrg_back_look_at_barrier(back);
    if (back->queue && !back->queue->broken && !(held(back) & BACK_STOPPING)) {
        struct wrg_evtchn_eoi eoi = { .evtchn = back->queue->evtchn };
        /* What came while a barrier holds the ring up is looked for when it has ended. */
        eoi.spurious = !held(back) && !drain(back);
        /* A broken peer gets no EOI: the channel stays masked, it can send what it likes. */
        if (!back->queue->broken)
            (void)wrg_port_evtchn_eoi(back->port, &eoi);
    }
    wrg_port_unlock(back->port, back->ring_lock);
}

bool wrg_back_is_idle(struct wrg_back *back)
{
    bool idle;

    wrg_port_lock(back->port, back->rsp_lock);
    idle = back->answered == __atomic_load_n(&back->taken, __ATOMIC_RELAXED);
    wrg_port_unlock(back->port, back->rsp_lock);
    return idle;
}

/* So many requests are in flight, and no new ones are taken. */
static void wake_who_waits(struct wrg_back *back, uint8_t hold, uint32_t left)
{
    struct wrg_task_wake xenbus = { .task = back->xenbus_task };
    struct wrg_task_wake ring = { .task = back->ring_task };

    if (left == 0 && (hold & BACK_STOPPING))
        (void)wrg_port_task_wake(back->port, &xenbus);
    if (left == 1 && (hold & BACK_BARRIER)) /* the barrier itself */
        (void)wrg_port_task_wake(back->port, &ring);
}

void wrg_back_respond(struct wrg_back *back, uint64_t id, uint8_t operation, int16_t status)
{
    const struct wrg_blkif_response response = { .id = id,
                                                 .operation = operation,
                                                 .status = status };
    uint32_t left;
    uint8_t hold;

    wrg_port_lock(back->port, back->rsp_lock);
    wrg_back_ring_put(&back->queue->ring, &response);
    if (wrg_back_ring_push(&back->queue->ring)) {
        struct wrg_evtchn_send send = { .evtchn = back->queue->evtchn };
        (void)wrg_port_evtchn_send(back->port, &send);
    }
    /*
     * The queue may be gone as soon as this is counted. Whoever closes says so first and counts
     * then, under this lock: one of the two sees both.
     */
    back->answered++;
    hold = held(back);
    left = hold ? __atomic_load_n(&back->taken, __ATOMIC_RELAXED) - back->answered : 0;
    wrg_port_unlock(back->port, back->rsp_lock);
    if (hold)
        wake_who_waits(back, hold, left);
}
