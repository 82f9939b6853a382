/* SPDX-License-Identifier: MIT */
/*
 * Drivers and domains that come back: a new start, a kernel over a kernel, firmware and what it
 * boots, another host, a power cut. What happens to a host or to a kernel happens to all devices
 * that are there; a driver that starts again is that of the case's device alone.
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

/* Whose kernel, or whose host, it happens to. */
static bool is_of_guest(struct wrg_world_vbd *vbd)
{
    return vbd->id.front_domid == WRG_DOM_FRONT;
}

static bool is_any(struct wrg_world_vbd *vbd)
{
    return true;
}

/* Takes a step with each such device, whatever came of it with another. False: one has failed. */
static bool with_each(struct wrg_world *w, bool (*such)(struct wrg_world_vbd *vbd),
                      bool (*step)(struct wrg_world_vbd *vbd))
{
    bool all = true;

    for (unsigned i = 0; i < w->nvbds; i++) {
        struct wrg_world_vbd *vbd = wrg_world_device(w, i);
        if (!such(vbd))
            continue;
        uint8_t before = wrg_sched_speak(&w->sched, vbd->index);
        all &= step(vbd);
        (void)wrg_sched_speak(&w->sched, before);
    }
    return all;
}

static bool start_seat(struct wrg_world_vbd *vbd, unsigned seat)
{
    bool started = wrg_vbd_start_seat(vbd, seat) == 0;

    if (vbd->index == 0)
        wrg_director_brief(vbd->w);
    else
        wrg_world_grant_steps(vbd->w, WRG_DEVICE_STEPS);
    return started;
}

static bool start_front(struct wrg_world_vbd *vbd)
{
    return start_seat(vbd, WRG_SEAT_FRONT);
}

/* What a kernel writes that has no driver for the device (yet). */
static bool write_state(struct wrg_world_vbd *vbd, unsigned seat, const char *state)
{
    struct wrg_world *w = vbd->w;
    struct wrg_xs_call call = { .conn = vbd->guests[seat].dom->xs_conn };
    char path[WRG_VBD_PATH_MAX + 8];

    wrg_vbd_path(vbd, seat, path);
    strcat(path, "/state");
    wrg_xen_lock(&w->xen);
    w->scripting = true;
    int result = wrg_xenstore_write(w->xen.store, &call, path, state, strlen(state));
    w->scripting = false;
    wrg_xen_unlock(&w->xen);
    return result == 0;
}

/* A new kernel starts in the seat: the device is found again in state Initialising. */
static bool restart(struct wrg_world_vbd *vbd, unsigned seat)
{
    return write_state(vbd, seat, "1") && start_seat(vbd, seat);
}

/*
 * No task of the driver may run meanwhile. Nothing is runnable, and no time passes; but a death
 * that is due would wake the other end's tasks: it comes when this is over.
 */
static void stop_seat(struct wrg_world_vbd *vbd, unsigned seat)
{
    struct wrg_world *w = vbd->w;

    wrg_sched_alarm(&w->sched, w->alarm_pause);
    wrg_vbd_stop_seat(vbd, seat);
    wrg_sched_alarm(&w->sched, wrg_min_u64(w->alarm_kill, w->alarm_pause));
}

/* The block layer goes with the kernel that it was part of. */
static bool stop_front(struct wrg_world_vbd *vbd)
{
    stop_seat(vbd, WRG_SEAT_FRONT);
    __atomic_store_n(&vbd->edge.state.ready, false, __ATOMIC_RELEASE);
    return true;
}

/* All that the toolstack writes for a device whose script has answered. */
static bool write_device(struct wrg_world_vbd *vbd)
{
    struct wrg_world *w = vbd->w;
    const struct wrg_vbd_spec spec = wrg_vbd_spec_of(vbd);
    int result;

    wrg_xen_lock(&w->xen);
    result = wrg_toolstack_add_vbd(w->xen.store, dom0_conn(w), &spec);
    if (!result)
        result = wrg_toolstack_hotplug_done(w->xen.store, dom0_conn(w), &vbd->id, 0xca, vbd->index);
    wrg_xen_unlock(&w->xen);
    return result == 0;
}

static bool both_alive(const struct wrg_world *w)
{
    return !w->dead[WRG_SEAT_FRONT] && !w->dead[WRG_SEAT_BACK];
}

static bool forget_back(struct wrg_world_vbd *vbd)
{
    wrg_disk_queue_drop(&vbd->disk);
    wrg_guest_reset(&vbd->guests[WRG_SEAT_BACK]);
    return true;
}

/* Those beside the first have connections of their own. */
static bool connect_back_to_store(struct wrg_world_vbd *vbd)
{
    return vbd->index == 0 || wrg_guest_connect_store(&vbd->guests[WRG_SEAT_BACK]) == 0;
}

/* The backend's domain, dead by now at the latest, is there again, without a driver. */
static bool rebuild_back(struct wrg_world *w)
{
    int result;

    /* Parts of the connection that a snapshot knows are gone for good. */
    wrg_world_drop_snapshot(w);
    wrg_director_kill(w, WRG_DOM_BACK);
    (void)with_each(w, is_any, forget_back);
    w->rebuilds++;
    result = wrg_xen_build_back(&w->xen);
    if (!result)
        result = wrg_toolstack_add_domain(w->xen.store, dom0_conn(w), WRG_DOM_BACK);
    w->dead[WRG_SEAT_BACK] = result || !with_each(w, is_any, connect_back_to_store);
    return !w->dead[WRG_SEAT_BACK];
}

/* What the disk had not been told to flush goes with the power. */
static bool cut_power(struct wrg_world_vbd *vbd)
{
    struct wrg_world *w = vbd->w;
    uint32_t fate = w->cut_fate;
    const struct wrg_cut_args args = { .lost = fate == 0   ? WRG_CUT_ALL
                                               : fate == 1 ? WRG_CUT_NONE
                                                           : WRG_CUT_SOME,
                                       .torn = w->config.cache == WRG_CASE_CACHE_TORN,
                                       .seed = fate };
    const struct wrg_disk_context context = { .xen = &w->xen,
                                              .dom = &w->xen.domains[WRG_DOM_BACK] };

    if (w->config.cache != WRG_CASE_CACHE_NONE)
        wrg_cache_disk_cut(&vbd->cache_disk, &args, &context);
    return true;
}

/* A cache says itself what it has lost; on threads a request may be half done anyway. */
static bool tear(struct wrg_world_vbd *vbd)
{
    struct wrg_world *w = vbd->w;

    if (w->cut_fate > 1 && w->config.cache == WRG_CASE_CACHE_NONE && !w->xen.parallel)
        (void)wrg_disk_queue_tear(&vbd->disk, w->cut_fate);
    return true;
}

/*
 * In a domain that was built again: the disk's task goes with it, and has to be there whether the
 * driver starts or not.
 */
static bool start_rebuilt_back(struct wrg_world_vbd *vbd)
{
    bool started = start_seat(vbd, WRG_SEAT_BACK);
    int result = wrg_disk_queue_start(&vbd->disk);

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
    stop_seat(&w->vbd, WRG_SEAT_BACK);
    (void)stop_front(&w->vbd);
    if (!write_device(&w->vbd) || !start_seat(&w->vbd, WRG_SEAT_BACK) || !start_front(&w->vbd))
        return false;
    return wrg_wait_connected(&w->vbd);
}

static bool set_up_again(struct wrg_world_vbd *vbd)
{
    bool written = write_device(vbd);
    bool started = start_rebuilt_back(vbd);

    return written && started && start_front(vbd);
}

static bool front_closes(struct wrg_world_vbd *vbd)
{
    return wrg_wait_seat_closed(vbd, WRG_SEAT_FRONT);
}

bool wrg_world_power_cut(struct wrg_world *w, uint32_t fate)
{
    if (!both_alive(w) || w->rebuilds == REBUILDS_MAX)
        return false;
    w->reconnected = true;
    w->cut_fate = fate;
    wrg_sched_pause(&w->sched);
    (void)with_each(w, is_any, tear);
    wrg_director_kill(w, WRG_DOM_BACK);
    wrg_sched_unpause(&w->sched);
    /* The frontends see their backends go, and fail what they have. */
    (void)with_each(w, is_any, front_closes);
    wait_until_quiet(w);
    (void)with_each(w, is_any, stop_front);
    wrg_sched_pause(&w->sched); /* other guests may run */
    bool rebuilt = rebuild_back(w);
    (void)with_each(w, is_any, cut_power); /* nothing is on its way to the disk any more */
    wrg_sched_unpause(&w->sched);
    if (rebuilt && with_each(w, is_any, set_up_again))
        (void)with_each(w, is_any, wrg_wait_connected);
    return true; /* there was a cut, whatever came after it */
}

/* ---- how a frontend comes to connect again ---- */

static bool by_restart(struct wrg_world *w, unsigned seat)
{
    bool result;

    wrg_vbd_detach(&w->vbd, seat);
    if (!(seat == WRG_SEAT_FRONT ? wrg_wait_seat_closed(&w->vbd, seat) : wrg_wait_closed(w)) ||
        !wrg_wait_closed(w))
        return false;
    /* Closed may be said before the last task is done, and a seat that starts wakes the other. */
    wait_until_quiet(w);
    if (seat == WRG_SEAT_BACK)
        stop_seat(&w->vbd, WRG_SEAT_BACK);
    stop_seat(&w->vbd, WRG_SEAT_FRONT);
    result = seat == WRG_SEAT_FRONT || restart(&w->vbd, WRG_SEAT_BACK);
    return result && restart(&w->vbd, WRG_SEAT_FRONT);
}

static bool start_over_the_old(struct wrg_world_vbd *vbd)
{
    if (start_front(vbd))
        return true;
    (void)write_state(vbd, WRG_SEAT_FRONT, "6"); /* nobody else will close it */
    return false;
}

/* The old kernel says no word, and the new one finds what it has left. */
static bool by_kexec(struct wrg_world *w, unsigned seat)
{
    wait_until_quiet(w);
    (void)with_each(w, is_of_guest, stop_front);
    if (!with_each(w, is_of_guest, start_over_the_old))
        return false;
    wait_until_quiet(w); /* the states are those of the old connection until it has looked */
    return true;
}

static bool is_handed_over(struct wrg_world *w, uint64_t n)
{
    struct wrg_world_vbd *vbd = wrg_world_device(w, (unsigned)n);

    return wrg_vbd_state(vbd, WRG_SEAT_FRONT) == WRG_XENBUS_INITIALISING &&
           wrg_vbd_state(vbd, WRG_SEAT_BACK) == WRG_XENBUS_INIT_WAIT;
}

static bool leave_as_found(struct wrg_world_vbd *vbd)
{
    vbd->guests[WRG_SEAT_FRONT].port.params.handoff = true;
    wrg_vbd_detach(vbd, WRG_SEAT_FRONT);
    return true;
}

static bool hand_over(struct wrg_world_vbd *vbd)
{
    return wrg_wait_until(vbd->w, is_handed_over, vbd->index, WRG_CLOSE_PATIENCE_NS);
}

/* The firmware's driver leaves the device as it was found, and what it boots starts from there. */
static bool by_firmware(struct wrg_world *w, unsigned seat)
{
    (void)with_each(w, is_of_guest, leave_as_found);
    if (!with_each(w, is_of_guest, hand_over))
        return false;
    wait_until_quiet(w);
    (void)with_each(w, is_of_guest, stop_front);
    return with_each(w, is_of_guest, start_front);
}

static bool move_device(struct wrg_world_vbd *vbd)
{
    void *front = vbd->self[WRG_SEAT_FRONT];
    bool written = write_device(vbd);

    if (written && front)
        vbd->endpoints[WRG_SEAT_FRONT]->resume(front);
    bool started = start_rebuilt_back(vbd);
    return written && started;
}

/*
 * The guests stand still while their devices are set up at another host, so they see nothing of the
 * old backends' end: no task of theirs runs before it is told. All of them move: the old host is
 * given up.
 */
static bool by_migration(struct wrg_world *w, unsigned seat)
{
    if (!w->vbd.endpoints[WRG_SEAT_FRONT]->resume || w->rebuilds == REBUILDS_MAX)
        return false;
    wrg_sched_pause(&w->sched);
    bool moved = rebuild_back(w) && with_each(w, is_any, move_device);
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
    if (!ways[op->reconnect.how](w, seat) || !wrg_wait_connected(&w->vbd))
        return false;
    if (op->reconnect.how != WRG_CASE_HOW_RESTART)
        (void)with_each(w, is_any, wrg_wait_connected);
    return true;
}
