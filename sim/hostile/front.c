/* SPDX-License-Identifier: MIT */
#include "hostile/front.h"

#include <errno.h>

/* ---- states ---- */

static bool is_gone(uint32_t backend)
{
    return backend == WRG_XENBUS_CLOSED || backend == WRG_XENBUS_UNKNOWN;
}

static bool follows(uint32_t backend)
{
    return backend >= WRG_XENBUS_CLOSING || backend == WRG_XENBUS_UNKNOWN;
}

/* The ring cannot be taken back before the backend has seen Closed: that comes in a second go. */
static void go_on_closing(struct hostile_front *front, uint32_t backend)
{
    (void)wrg_xenbus_switch_state(&front->peer.bus, WRG_XENBUS_CLOSING);
    if (!follows(backend))
        return;
    wrg_port_section(front->peer.port, WRG_AT_CLOSE, 1);
    wrg_hostile_front_give_back(front, is_gone(backend));
    (void)wrg_xenbus_switch_state(&front->peer.bus, WRG_XENBUS_CLOSED);
}

static void negotiate(struct hostile_front *front, uint32_t backend)
{
    struct wrg_xenbus_device *bus = &front->peer.bus;

    if (bus->state == WRG_XENBUS_INITIALISING &&
        (backend == WRG_XENBUS_INIT_WAIT || backend == WRG_XENBUS_CONNECTED)) {
        int result = wrg_hostile_front_set_up(front);
        if (result)
            wrg_xenbus_fatal(bus, result, "setting up the ring");
        else
            (void)wrg_xenbus_switch_state(bus, WRG_XENBUS_INITIALISED);
    }
    if (bus->state == WRG_XENBUS_INITIALISED && backend == WRG_XENBUS_CONNECTED)
        (void)wrg_xenbus_switch_state(bus, WRG_XENBUS_CONNECTED);
}

static bool walk_on(struct hostile_front *front)
{
    return !front->walk.next ||
           wrg_xenbus_walk_on(&front->peer.bus, &front->walk, front->peer.xenbus_task);
}

/* Firmware takes the device on to where the next driver will find it. */
static void hand_over(struct hostile_front *front)
{
    front->handed_over = front->left = true;
    wrg_xenbus_walk_begin(&front->peer.bus, &front->walk);
    (void)walk_on(front);
}

/* At another host. What was put on the ring is lost, unless the script puts it there again. */
static void recover(struct hostile_front *front)
{
    wrg_hostile_front_give_back(front, true);
    front->walk.next = 0;
    if (wrg_xenbus_reopen(&front->peer.bus, "backend"))
        __atomic_store_n(&front->peer.closing, true, __ATOMIC_RELEASE);
}

static void react(struct hostile_front *front, uint32_t backend)
{
    const struct wrg_xenbus_device *bus = &front->peer.bus;
    bool closing = __atomic_load_n(&front->peer.closing, __ATOMIC_ACQUIRE);

    if (bus->state == WRG_XENBUS_CLOSED) {
        if (is_gone(backend))
            wrg_hostile_front_give_back(front, true);
        if (front->peer.port->params.handoff && backend == WRG_XENBUS_CLOSED && !front->handed_over)
            hand_over(front);
        return;
    }
    /* A backend that was closed before this connection began has not closed it. */
    if (bus->state != WRG_XENBUS_INITIALISING && follows(backend))
        closing = true;
    if (!closing)
        negotiate(front, backend);
    if (closing || bus->state == WRG_XENBUS_CLOSING)
        go_on_closing(front, backend);
}

static void xenbus_work(void *arg)
{
    struct hostile_front *front = arg;
    uint32_t backend;

    wrg_port_section(front->peer.port, WRG_AT_CONNECT, 0);
    (void)wrg_xenbus_drain_events(&front->peer.bus);
    wrg_hostile_peer_lock(&front->peer);
    if (__atomic_exchange_n(&front->suspended, false, __ATOMIC_ACQ_REL))
        recover(front);
    if (walk_on(front) && !front->left) {
        backend = (uint32_t)wrg_xenbus_read_other_state(&front->peer.bus);
        react(front, backend);
    }
    wrg_hostile_peer_unlock(&front->peer);
}

/* ---- driver ---- */

/* Of a guest that was here before, and went without a word. */
static void look_for_leftovers(void *self)
{
    struct hostile_front *front = self;
    struct wrg_xenbus_device *bus = &front->peer.bus;
    uint32_t own = (uint32_t)wrg_xenbus_read_own_state(bus);

    bool fresh = own == WRG_XENBUS_UNKNOWN || own == WRG_XENBUS_INITIALISING;

    if (fresh && wrg_xenbus_read_other_state(bus) != WRG_XENBUS_CONNECTED)
        return;
    bus->state = WRG_XENBUS_CONNECTED;
    wrg_xenbus_walk_begin(bus, &front->walk);
}

static void resume(void *self)
{
    struct hostile_front *front = self;

    __atomic_store_n(&front->suspended, true, __ATOMIC_RELEASE);
    wrg_hostile_peer_wake(&front->peer, front->peer.xenbus_task);
}

static int start(struct wrg_port *port, void **self)
{
    struct hostile_front *front =
        wrg_hostile_alloc(port, sizeof(struct hostile_front), WRG_ALLOC_HEAP);
    int result;

    if (!front)
        return -ENOMEM;
    const struct hostile_peer_args args = {
        .port = port,
        .self = front,
        .other = "backend",
        .xenbus_name = "front.script",
        .ring_name = "front.ring",
        .xenbus_fn = xenbus_work,
        .ring_fn = wrg_hostile_front_work,
        .found = look_for_leftovers,
        .seat = WRG_SEAT_FRONT,
    };
    front->notify_task = UINT32_MAX;
    result = wrg_hostile_peer_init(&front->peer, &args);
    if (result)
        wrg_hostile_free(port, front);
    else
        *self = front;
    return result;
}

static void stop(void *self)
{
    struct hostile_front *front = self;

    wrg_hostile_front_give_back(front, true);
    /* What the backend still maps stays granted; what is known of it goes. */
    for (unsigned i = 0; i < HOSTILE_QUEUES; i++)
        if (front->queues[i].rest)
            wrg_hostile_free(front->peer.port, front->queues[i].rest);
    wrg_hostile_peer_fini(&front->peer);
    wrg_hostile_free(front->peer.port, front);
}

static void detach(void *self)
{
    struct hostile_front *front = self;

    front->left = false;
    wrg_hostile_close(self);
}

const struct wrg_endpoint wrg_hostile_front_endpoint = {
    .name = "scripted front",
    .seat = WRG_SEAT_FRONT,
    .traits = WRG_TRAIT_SNAPSHOT,
    .start = start,
    .stop = stop,
    .detach = detach,
    .resume = resume,
};
