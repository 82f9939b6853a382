/* SPDX-License-Identifier: MIT */
/*
 * The task of each ring of the scripted back.
 */
#include "hostile/back.h"

static bool usable(const struct back_queue *queue)
{
    return queue->link && !queue->link->broken && !queue->back->stopping;
}

/* One copy of the slot; or two, of which the second is believed. */
static void fetch(struct back_queue *queue, const struct wrg_hostile_answer *answer,
                  struct wrg_blkif_request *wire)
{
    struct wrg_back_ring *ring = &queue->link->ring;

    wrg_back_ring_get(ring, wire);
    if (answer->misdeed != WRG_HOSTILE_REFETCH)
        return;
    ring->req_cons--;
    wrg_back_ring_get(ring, wire);
}

static int take_batch(struct back_queue *queue)
{
    int pending = wrg_back_ring_pending(&queue->link->ring);

    for (int i = 0; i < pending; i++) {
        struct wrg_blkif_request wire;
        struct wrg_hostile_answer answer;
        wrg_port_section(queue->back->peer.port, WRG_AT_REQUEST, ++queue->requests);
        answer = wrg_hostile_back_choose(queue);
        fetch(queue, &answer, &wire);
        wrg_hostile_back_dispatch(queue, &wire, &answer);
    }
    if (pending < 0)
        queue->link->broken = true;
    return pending;
}

static void drain(struct back_queue *queue)
{
    struct wrg_port *port = queue->back->peer.port;
    struct wrg_evtchn_eoi eoi = { .evtchn = queue->channel->evtchn, .spurious = true };
    int taken;

    do {
        while ((taken = take_batch(queue)) > 0)
            eoi.spurious = false;
        if (taken < 0)
            return; /* no EOI: the channel stays masked */
        wrg_port_section(port, WRG_AT_FINAL_CHECK, queue->requests);
    } while (wrg_back_ring_final_check(&queue->link->ring));
    if (eoi.evtchn)
        (void)wrg_port_evtchn_eoi(port, &eoi);
}

/* Without the lock, so that nobody else is held up. Every round is a step. */
static void spin(struct hostile_back *back)
{
    struct wrg_clock_read clock = { .now_ns = 0 };

    while (__atomic_load_n(&back->spin, __ATOMIC_ACQUIRE))
        (void)wrg_port_clock_read(back->peer.port, &clock);
}

void wrg_hostile_back_work(void *arg)
{
    const struct hostile_channel *channel = arg;
    struct hostile_back *back = (struct hostile_back *)(void *)channel->peer;
    struct back_queue *queue = &back->queues[channel->queue];

    wrg_hostile_peer_lock(&back->peer);
    if (usable(queue))
        drain(queue);
    wrg_hostile_peer_unlock(&back->peer);
    spin(back);
    if (__atomic_load_n(&back->idle_loop, __ATOMIC_ACQUIRE))
        wrg_hostile_peer_wake(&back->peer, channel->task);
}
