/* SPDX-License-Identifier: MIT */
/*
 * The ring's task of the scripted back.
 */
#include "hostile/back.h"

static bool usable(const struct hostile_back *back)
{
    return back->link && !back->link->broken && !back->stopping;
}

/* One copy of the slot; or two, of which the second is believed. */
static void fetch(struct hostile_back *back, const struct wrg_hostile_answer *answer,
                  struct wrg_blkif_request *wire)
{
    struct wrg_back_ring *ring = &back->link->ring;

    wrg_back_ring_get(ring, wire);
    if (answer->misdeed != WRG_HOSTILE_REFETCH)
        return;
    ring->req_cons--;
    wrg_back_ring_get(ring, wire);
}

static int take_batch(struct hostile_back *back)
{
    int pending = wrg_back_ring_pending(&back->link->ring);

    for (int i = 0; i < pending; i++) {
        struct wrg_blkif_request wire;
        struct wrg_hostile_answer answer;
        wrg_port_section(back->peer.port, WRG_AT_REQUEST, ++back->requests);
        answer = wrg_hostile_back_choose(back, back->requests);
        fetch(back, &answer, &wire);
        wrg_hostile_back_dispatch(back, &wire, &answer);
    }
    if (pending < 0)
        back->link->broken = true;
    return pending;
}

static void drain(struct hostile_back *back)
{
    struct wrg_evtchn_eoi eoi = { .evtchn = back->peer.evtchn, .spurious = true };
    int taken;

    do {
        while ((taken = take_batch(back)) > 0)
            eoi.spurious = false;
        if (taken < 0)
            return; /* no EOI: the channel stays masked */
        wrg_port_section(back->peer.port, WRG_AT_FINAL_CHECK, back->requests);
    } while (wrg_back_ring_final_check(&back->link->ring));
    if (eoi.evtchn)
        (void)wrg_port_evtchn_eoi(back->peer.port, &eoi);
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
    struct hostile_back *back = arg;

    wrg_hostile_peer_lock(&back->peer);
    if (usable(back))
        drain(back);
    wrg_hostile_peer_unlock(&back->peer);
    spin(back);
    if (__atomic_load_n(&back->idle_loop, __ATOMIC_ACQUIRE))
        wrg_hostile_peer_wake(&back->peer, back->peer.ring_task);
}
