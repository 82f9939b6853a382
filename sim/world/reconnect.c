/* SPDX-License-Identifier: MIT */
/*
 * Drivers and domains that come back: a new start, a kernel over a kernel, firmware and what it
 * boots, another host, a power cut.
 */
#include <string.h>

#include "world/world_impl.h"

enum { REBUILDS_MAX = 4, RING_ORDERS = 5, QUEUES = 13, HIGHEST_INDIRECT = 65535 };

/* ---- parts ---- */

static void wait_until_quiet(struct wrg_world *w)
{
    do
        while (!wrg_wait_idle(w, 1))
            ;
    while (wrg_wait_disk(w));
}

static uint16_t dom0_conn(const struct wrg_world *w)
{
    return w->xen.domains[WRG_DOM_TOOLSTACK].xs_conn;
}

static bool start_seat(struct wrg_world *w, unsigned seat)
{
    bool started = wrg_vbd_start_seat(&w->vbd, seat) == 0;

    wrg_director_brief(w);
    return started;
}

/* What a kernel writes that has no driver for the device (yet). */
static bool write_state(struct wrg_world *w, unsigned seat, const char *state)
{
    struct wrg_xs_call call = { .conn = w->xen.domains[wrg_world_domid(seat)].xs_conn };
    char path[WRG_VBD_PATH_MAX + 8];

    wrg_vbd_path(&w->vbd, seat, path);
    strcat(path, "/state");
    wrg_xen_lock(&w->xen);
    w->scripting = true;
    int result = wrg_xenstore_write(w->xen.store, &call, path, state, strlen(state));
    w->scripting = false;
    wrg_xen_unlock(&w->xen);
    return result == 0;
}

/* A new kernel starts in the seat: the device is found again in state Initialising. */
static bool restart(struct wrg_world *w, unsigned seat)
{
    return write_state(w, seat, "1") && start_seat(w, seat);
}

/*
 * No task of the driver may run meanwhile. Nothing is runnable, and no time passes; but a death
 * that is due would wake the other end's tasks: it comes when this is over.
 */
static void stop_seat(struct wrg_world *w, unsigned seat)
{
    wrg_sched_alarm(&w->sched, w->alarm_pause);
    wrg_vbd_stop_seat(&w->vbd, seat);
    wrg_sched_alarm(&w->sched, wrg_min_u64(w->alarm_kill, w->alarm_pause));
}

/* The block layer goes with the kernel that it was part of. */
static void stop_front(struct wrg_world *w)
{
    stop_seat(w, WRG_SEAT_FRONT);
    __atomic_store_n(&w->vbd.edge.state.ready, false, __ATOMIC_RELEASE);
}

/* All that the toolstack writes for a device whose script has answered. */
static bool write_device(struct wrg_world *w)
{
    const struct wrg_vbd_spec spec = wrg_vbd_spec_of(&w->vbd);
    int result;

    wrg_xen_lock(&w->xen);
    result = wrg_toolstack_add_vbd(w->xen.store, dom0_conn(w), &spec);
    if (!result)
        result = wrg_toolstack_hotplug_done(w->xen.store, dom0_conn(w), &w->vbd.id, 0xca, 0);
    wrg_xen_unlock(&w->xen);
    return result == 0;
}

static bool both_alive(const struct wrg_world *w)
{
    return !w->dead[WRG_SEAT_FRONT] && !w->dead[WRG_SEAT_BACK];
}

/* The backend's domain, dead by now at the latest, is there again, without a driver. */
static bool rebuild_back(struct wrg_world *w)
{
    int result;

    /* Parts of the connection that a snapshot knows are gone for good. */
    wrg_world_drop_snapshot(w);
    wrg_director_kill(w, WRG_DOM_BACK);
    wrg_disk_queue_drop(&w->vbd.disk);
    wrg_guest_reset(&w->vbd.guests[WRG_SEAT_BACK]);
    wrg_devices_on_rebuild(w);
    w->rebuilds++;
    result = wrg_xen_build_back(&w->xen);
    if (!result)
        result = wrg_toolstack_add_domain(w->xen.store, dom0_conn(w), WRG_DOM_BACK);
    w->dead[WRG_SEAT_BACK] = result != 0;
    return result == 0;
}

/* What the disk had not been told to flush goes with the power. */
static void cut_power(struct wrg_world *w, uint32_t fate)
{
    const struct wrg_cut_args args = { .lost = fate == 0   ? WRG_CUT_ALL
                                               : fate == 1 ? WRG_CUT_NONE
                                                           : WRG_CUT_SOME,
                                       .torn = w->config.cache == WRG_CASE_CACHE_TORN,
                                       .seed = fate };
    const struct wrg_disk_context context = { .xen = &w->xen,
                                              .dom = &w->xen.domains[WRG_DOM_BACK] };

    if (w->config.cache != WRG_CASE_CACHE_NONE)
        wrg_cache_disk_cut(&w->vbd.cache_disk, &args, &context);
}

/*
 * In a domain that was built again: the disk's task goes with it, and has to be there whether the
 * driver starts or not.
 */
static bool start_rebuilt_back(struct wrg_world *w)
{
    bool started = start_seat(w, WRG_SEAT_BACK);
    int result = wrg_disk_queue_start(&w->vbd.disk);

    WRG_ASSERT(result == 0);
    return started;
}

/* ---- the toolstack's ---- */

bool wrg_world_add_again(struct wrg_world *w)
{
    struct wrg_vbd_view view;

    wait_until_quiet(w);
    wrg_toolstack_look(w->xen.store, dom0_conn(w), &w->vbd.id, &view);
    if (!both_alive(w) || !wrg_vbd_is_closed(&view))
        return false;
    w->reconnected = true;
    stop_seat(w, WRG_SEAT_BACK);
    stop_front(w);
    if (!write_device(w) || !start_seat(w, WRG_SEAT_BACK) || !start_seat(w, WRG_SEAT_FRONT))
        return false;
    return wrg_wait_connected(w);
}

bool wrg_world_power_cut(struct wrg_world *w, uint32_t fate)
{
    if (!both_alive(w) || w->rebuilds == REBUILDS_MAX)
        return false;
    w->reconnected = true;
    wrg_sched_pause(&w->sched);
    /* A cache says itself what it has lost; on threads a request may be half done anyway. */
    if (fate > 1 && w->config.cache == WRG_CASE_CACHE_NONE && !w->xen.parallel)
        (void)wrg_disk_queue_tear(&w->vbd.disk, fate);
    wrg_director_kill(w, WRG_DOM_BACK);
    wrg_sched_unpause(&w->sched);
    /* The frontend sees its backend go, and fails what it has. */
    (void)wrg_wait_seat_closed(w, WRG_SEAT_FRONT);
    wait_until_quiet(w);
    stop_front(w);
    wrg_sched_pause(&w->sched); /* other guests may run */
    bool rebuilt = rebuild_back(w);
    cut_power(w, fate); /* nothing is on its way to the disk any more */
    wrg_sched_unpause(&w->sched);
    if (rebuilt) {
        bool written = write_device(w);
        bool started = start_rebuilt_back(w);
        if (written && started && start_seat(w, WRG_SEAT_FRONT))
            (void)wrg_wait_connected(w);
    }
    return true; /* there was a cut, whatever came after it */
}

/* ---- how a frontend comes to connect again ---- */

static bool by_restart(struct wrg_world *w, unsigned seat)
{
    bool result;

    wrg_vbd_detach(&w->vbd, seat);
    if (!(seat == WRG_SEAT_FRONT ? wrg_wait_seat_closed(w, seat) : wrg_wait_closed(w)) ||
        !wrg_wait_closed(w))
        return false;
    /* Closed may be said before the last task is done, and a seat that starts wakes the other. */
    wait_until_quiet(w);
    if (seat == WRG_SEAT_BACK)
        stop_seat(w, WRG_SEAT_BACK);
    stop_seat(w, WRG_SEAT_FRONT);
    result = seat == WRG_SEAT_FRONT || restart(w, WRG_SEAT_BACK);
    return result && restart(w, WRG_SEAT_FRONT);
}

/* The old kernel says no word, and the new one finds what it has left. */
static bool by_kexec(struct wrg_world *w, unsigned seat)
{
    (void)seat;
    wait_until_quiet(w);
    stop_front(w);
    if (!start_seat(w, WRG_SEAT_FRONT)) {
        (void)write_state(w, WRG_SEAT_FRONT, "6"); /* nobody else will close it */
        return false;
    }
    wait_until_quiet(w); /* the states are those of the old connection until it has looked */
    return true;
}

static bool is_handed_over(struct wrg_world *w, uint64_t n)
{
    (void)n;
    return wrg_world_state(w, WRG_SEAT_FRONT) == WRG_XENBUS_INITIALISING &&
           wrg_world_state(w, WRG_SEAT_BACK) == WRG_XENBUS_INIT_WAIT;
}

/* The firmware's driver leaves the device as it was found, and what it boots starts from there. */
static bool by_firmware(struct wrg_world *w, unsigned seat)
{
    (void)seat;
    w->vbd.guests[WRG_SEAT_FRONT].port.params.handoff = true;
    wrg_vbd_detach(&w->vbd, WRG_SEAT_FRONT);
    if (!wrg_wait_until(w, is_handed_over, 0, WRG_CLOSE_PATIENCE_NS))
        return false;
    wait_until_quiet(w);
    stop_front(w);
    return start_seat(w, WRG_SEAT_FRONT);
}

/*
 * The guest stands still while its device is set up at another host, so it sees nothing of the old
 * backend's end: no task of it runs before it is told.
 */
static bool move_guest(struct wrg_world *w)
{
    const struct wrg_endpoint *front = w->vbd.endpoints[WRG_SEAT_FRONT];

    if (!rebuild_back(w))
        return false;
    bool written = write_device(w);
    if (written)
        front->resume(w->vbd.self[WRG_SEAT_FRONT]);
    bool started = start_rebuilt_back(w);
    return written && started;
}

static bool by_migration(struct wrg_world *w, unsigned seat)
{
    (void)seat;
    if (!w->vbd.endpoints[WRG_SEAT_FRONT]->resume || w->rebuilds == REBUILDS_MAX)
        return false;
    wrg_sched_pause(&w->sched);
    bool moved = move_guest(w);
    wrg_sched_unpause(&w->sched);
    return moved;
}

static bool (*const ways[])(struct wrg_world *w, unsigned seat) = {
    [WRG_CASE_HOW_RESTART] = by_restart,
    [WRG_CASE_HOW_KEXEC] = by_kexec,
    [WRG_CASE_HOW_FIRMWARE] = by_firmware,
    [WRG_CASE_HOW_MIGRATE] = by_migration,
};

/* What the backend is like from its next start on. */
static void set_limits(struct wrg_world *w, const struct wrg_op_reconnect *op)
{
    struct wrg_next_back *next = &w->next_back;

    if (!next->set)
        *next = (struct wrg_next_back){ .set = true,
                                        .indirect_max = w->config.indirect_max,
                                        .ring_order = RING_ORDERS - 1,
                                        .persistent = w->config.persistent,
                                        .queues = w->config.queues };
    if (op->indirect_max != WRG_AUTO_32)
        next->indirect_max = op->indirect_max > HIGHEST_INDIRECT ? WRG_ABSENT : op->indirect_max;
    if (op->ring_order != WRG_AUTO_16)
        next->ring_order = (uint8_t)(op->ring_order % RING_ORDERS);
    next->no_flush = op->flush == WRG_NO;
    if (op->persistent != WRG_CASE_OFFER_AUTO)
        next->persistent = op->persistent == WRG_CASE_OFFER_YES;
    if (op->queues != WRG_AUTO_16)
        next->queues = (uint8_t)(op->queues % QUEUES);
}

bool wrg_op_reconnect(struct wrg_world *w, const struct wrg_op *op)
{
    unsigned seat = op->reconnect.by == WRG_CASE_DOM_FRONT ? WRG_SEAT_FRONT : WRG_SEAT_BACK;

    if (!w->vbd.self[WRG_SEAT_FRONT] || !w->vbd.self[WRG_SEAT_BACK])
        return false;
    w->reconnected = true;
    set_limits(w, &op->reconnect);
    return ways[op->reconnect.how](w, seat) && wrg_wait_connected(w);
}
