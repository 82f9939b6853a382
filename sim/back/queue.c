/* SPDX-License-Identifier: MIT */
/*
 * The ring's task: takes requests off the ring, puts responses on it.
 */
#include "back/back.h"

static bool stopping(const struct wrg_back *back)
{
    return __atomic_load_n(&back->stopping, __ATOMIC_ACQUIRE);
}

/* Requests between two looks at the ring's producer index; 0: none left; -EPROTO. */
static int take_batch(struct wrg_back *back)
{
    struct back_queue *queue = back->queue;
    int pending = wrg_back_ring_pending(&queue->ring);

    for (int i = 0; i < pending && !stopping(back); i++) {
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
        while ((taken = take_batch(back)) > 0 && !stopping(back))
            found = true;
        if (taken < 0) {
            cut_off(back);
            return found;
        }
        if (stopping(back))
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
    if (back->queue && !back->queue->broken && !stopping(back)) {
        struct wrg_evtchn_eoi eoi = { .evtchn = back->queue->evtchn };
        eoi.spurious = !drain(back);
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

void wrg_back_respond(struct wrg_back *back, uint64_t id, uint8_t operation, int16_t status)
{
    const struct wrg_blkif_response response = { .id = id,
                                                 .operation = operation,
                                                 .status = status };
    bool last;

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
    last = stopping(back) && back->answered == __atomic_load_n(&back->taken, __ATOMIC_RELAXED);
    wrg_port_unlock(back->port, back->rsp_lock);
    if (last) {
        struct wrg_task_wake wake = { .task = back->xenbus_task };
        (void)wrg_port_task_wake(back->port, &wake);
    }
}
