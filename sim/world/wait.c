/* SPDX-License-Identifier: MIT */
/*
 * Waiting, by the director.
 */
#include "world/world_impl.h"

#define NS_PER_MS      UINT64_C(1000000)
#define NS_PER_US      UINT64_C(1000)
#define WAIT_STEPS_MAX UINT64_C(10000)

bool wrg_wait_idle(struct wrg_world *w, uint64_t pause_ns)
{
    return wrg_sched_wait(&w->sched, pause_ns) != 0;
}

bool wrg_wait_until(struct wrg_world *w, bool (*reached)(struct wrg_world *w, uint64_t n),
                    uint64_t n, uint64_t patience_ns)
{
    uint64_t end = wrg_sched_now(&w->sched) + patience_ns;

    while (!reached(w, n)) {
        uint64_t now = wrg_sched_now(&w->sched);
        if (now >= end)
            return false;
        (void)wrg_wait_idle(w, patience_ns <= NS_PER_MS ? 1 : (end - now + 63) / 64);
    }
    return true;
}

static bool has_responses(struct wrg_world *w, uint64_t n)
{
    void *front = w->vbd.self[WRG_SEAT_FRONT];

    if (!wrg_world_scripted(w, WRG_SEAT_FRONT) || !front)
        return wrg_edge_completed(&w->vbd) >= n;
    return wrg_hostile_responses(front) >= n;
}

static bool is_connected(struct wrg_world *w, uint64_t device)
{
    return wrg_vbd_connected(wrg_world_device(w, (unsigned)device));
}

static bool seat_closed(struct wrg_world_vbd *vbd, unsigned seat)
{
    uint32_t state = wrg_vbd_state(vbd, seat);

    return state == WRG_XENBUS_CLOSED || state == WRG_XENBUS_UNKNOWN;
}

static bool is_closed(struct wrg_world *w, uint64_t n)
{
    return seat_closed(&w->vbd, WRG_SEAT_FRONT) && seat_closed(&w->vbd, WRG_SEAT_BACK);
}

/* `which`: device and seat */
static bool is_seat_closed(struct wrg_world *w, uint64_t which)
{
    return seat_closed(wrg_world_device(w, (unsigned)(which / WRG_WORLD_SEATS)),
                       which % WRG_WORLD_SEATS);
}

bool wrg_wait_connected(struct wrg_world_vbd *vbd)
{
    return wrg_wait_until(vbd->w, is_connected, vbd->index, WRG_CLOSE_PATIENCE_NS);
}

bool wrg_wait_closed(struct wrg_world *w)
{
    return wrg_wait_until(w, is_closed, 0, WRG_CLOSE_PATIENCE_NS);
}

bool wrg_wait_seat_closed(struct wrg_world_vbd *vbd, unsigned seat)
{
    uint64_t which = (uint64_t)vbd->index * WRG_WORLD_SEATS + seat;

    return wrg_wait_until(vbd->w, is_seat_closed, which, WRG_CLOSE_PATIENCE_NS);
}

/* An event waits behind a delayed EOI: the world only looks idle. Sleeps until it comes. */
static bool sleep_until_eoi(struct wrg_world *w)
{
    uint64_t due = WRG_FOREVER;

    wrg_xen_lock(&w->xen);
    for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++) {
        uint64_t at;
        if (wrg_late_eoi_blocks(&w->vbd.guests[seat], &at))
            due = wrg_min_u64(due, at);
    }
    wrg_xen_unlock(&w->xen);
    if (due == WRG_FOREVER)
        return false;
    uint64_t now = wrg_sched_now(&w->sched);
    (void)wrg_wait_idle(w, due > now ? due - now : 1);
    return true;
}

bool wrg_wait_disk(struct wrg_world *w)
{
    uint32_t before, after;

    if (!w->config.delay || w->dead[WRG_SEAT_BACK] ||
        !wrg_disk_queue_is_busy(&w->vbd.disk, &before))
        return false;
    if (!wrg_wait_idle(w, w->config.delay * NS_PER_US))
        return true;
    (void)wrg_disk_queue_is_busy(&w->vbd.disk, &after);
    return after != before; /* else it is the disk of a domain that has stopped */
}

static void wait_until_idle(struct wrg_world *w)
{
    do
        while (!wrg_wait_idle(w, 1))
            ;
    while (sleep_until_eoi(w) || wrg_wait_disk(w));
}

static bool wait_for_responses(struct wrg_world *w, uint64_t n)
{
    while (!wrg_wait_until(w, has_responses, n, 64))
        if (!sleep_until_eoi(w) && !wrg_wait_disk(w))
            return false;
    return true;
}

uint64_t wrg_op_wait_steps(const struct wrg_op *op)
{
    return op->wait.what == WRG_CASE_WAIT_STEPS ? wrg_min_u64(op->wait.n, WAIT_STEPS_MAX) : 0;
}

bool wrg_op_wait(struct wrg_world *w, const struct wrg_op *op)
{
    uint64_t n = op->wait.n;

    switch (op->wait.what) {
    case WRG_CASE_WAIT_IDLE: wait_until_idle(w); return true;
    case WRG_CASE_WAIT_RESPONSES: return wait_for_responses(w, n);
    case WRG_CASE_WAIT_STEPS:
        for (uint64_t i = 0; i < wrg_op_wait_steps(op); i++)
            wrg_sched_yield(&w->sched);
        return true;
    case WRG_CASE_WAIT_TIME_MS:
        (void)wrg_wait_idle(w, wrg_min_u64(n, 1000000) * NS_PER_MS);
        return true;
    case WRG_CASE_WAIT_CONNECTED: return wrg_wait_connected(&w->vbd);
    default: return wrg_wait_closed(w);
    }
}
