/* SPDX-License-Identifier: MIT */
/*
 * The ring's task: responses first, they make room for requests.
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

static bool ring_is_usable(const struct wrg_front *front)
{
    uint8_t state = __atomic_load_n(&front->state, __ATOMIC_ACQUIRE);

    return front->ring && (state == FRONT_UP || state == FRONT_CLOSING);
}

/* How many responses there were. */
static uint32_t take_responses(struct wrg_front *front)
{
    int pending = wrg_front_ring_pending(&front->ring->ring);

    if (pending < 0)
        wrg_front_enter_error(front, "backend's response index is out of range");
    for (int i = 0; i < pending && ring_is_usable(front); i++) {
        struct wrg_blkif_response response;
        wrg_port_section(front->port, WRG_AT_RESPONSE, ++front->responses);
        wrg_front_ring_get(&front->ring->ring, &response);
        wrg_front_take(front, &response);
    }
    return pending < 0 ? 0 : (uint32_t)pending;
}

static void push(struct wrg_front *front)
{
    if (wrg_front_ring_push(&front->ring->ring)) {
        struct wrg_evtchn_send send = { .evtchn = front->ring->evtchn };
        (void)wrg_port_evtchn_send(front->port, &send);
    }
}

static bool work_once(struct wrg_front *front)
{
    uint32_t taken = take_responses(front);

    if (!ring_is_usable(front))
        return false;
    wrg_front_issue(front);
    push(front);
    return taken != 0;
}

static void work(struct wrg_front *front)
{
    bool found = false;

    do {
        while (work_once(front))
            found = true;
        if (!ring_is_usable(front))
            return; /* no EOI: a broken backend can send what it likes */
        wrg_port_section(front->port, WRG_AT_FINAL_CHECK, front->responses);
    } while (wrg_front_ring_final_check(&front->ring->ring));
    struct wrg_evtchn_eoi eoi = { .evtchn = front->ring->evtchn, .spurious = !found };
    (void)wrg_port_evtchn_eoi(front->port, &eoi);
}

/* An event before there is a ring to look at: whoever sends it early has it counted, too. */
static void dismiss(struct wrg_front *front)
{
    if (__atomic_load_n(&front->state, __ATOMIC_ACQUIRE) != FRONT_DOWN || !front->ring)
        return;
    struct wrg_evtchn_eoi eoi = { .evtchn = front->ring->evtchn, .spurious = true };
    (void)wrg_port_evtchn_eoi(front->port, &eoi);
}

void wrg_front_work(void *arg)
{
    struct wrg_front *front = arg;

    wrg_port_lock(front->port, front->ring_lock);
    if (ring_is_usable(front))
        work(front);
    else
        dismiss(front);
    bool drained = __atomic_load_n(&front->state, __ATOMIC_ACQUIRE) == FRONT_CLOSING &&
                   front->ring && front->ring->outstanding == 0;
    wrg_port_unlock(front->port, front->ring_lock);
    if (drained)
        wrg_front_wake_xenbus(front);
}
