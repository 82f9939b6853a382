/* SPDX-License-Identifier: MIT */
#include "hostile/back.h"

#include <errno.h>

/* ---- states ---- */

static bool is_closing(const struct hostile_back *back)
{
    return __atomic_load_n(&back->peer.closing, __ATOMIC_ACQUIRE);
}

static void on_initialising(struct hostile_back *back)
{
    struct wrg_xenbus_device *bus = &back->peer.bus;

    if (is_closing(back) ||
        (bus->state != WRG_XENBUS_INITIALISING && bus->state != WRG_XENBUS_CLOSED))
        return;
    if (wrg_hostile_back_publish(back))
        wrg_xenbus_fatal(bus, -EIO, "publishing features");
    else
        (void)wrg_xenbus_switch_state(bus, WRG_XENBUS_INIT_WAIT);
}

static void on_ready(struct hostile_back *back)
{
    struct wrg_xenbus_device *bus = &back->peer.bus;
    int result;

    on_initialising(back); /* a frontend may skip the wait for InitWait */
    if (is_closing(back) || back->nqueues || bus->state != WRG_XENBUS_INIT_WAIT ||
        !wrg_hostile_back_has_device(back))
        return;
    result = wrg_hostile_back_connect(back);
    if (result)
        wrg_xenbus_fatal(bus, result, "connecting to the frontend");
    else
        (void)wrg_xenbus_switch_state(bus, WRG_XENBUS_CONNECTED);
}

static void on_closing(struct hostile_back *back)
{
    if (back->peer.bus.state != WRG_XENBUS_CLOSED)
        (void)wrg_xenbus_switch_state(&back->peer.bus, WRG_XENBUS_CLOSING);
}

static void on_closed(struct hostile_back *back)
{
    if (wrg_hostile_back_disconnect(back))
        (void)wrg_xenbus_switch_state(&back->peer.bus, WRG_XENBUS_CLOSED);
}

static void walk(struct hostile_back *back, uint32_t front)
{
    switch (front) {
    case WRG_XENBUS_INITIALISING: on_initialising(back); break;
    case WRG_XENBUS_INITIALISED:
    case WRG_XENBUS_CONNECTED: on_ready(back); break;
    case WRG_XENBUS_CLOSING: on_closing(back); break;
    default: break;
    }
    if (is_closing(back))
        on_closing(back);
    /* A frontend that never connected has nothing to close. */
    if (front == WRG_XENBUS_CLOSED || front == WRG_XENBUS_UNKNOWN ||
        (is_closing(back) && front == WRG_XENBUS_INITIALISING && !back->nqueues))
        on_closed(back);
}

static void xenbus_work(void *arg)
{
    struct hostile_back *back = arg;
    uint32_t front;

    wrg_port_section(back->peer.port, WRG_AT_CONNECT, 0);
    (void)wrg_xenbus_drain_events(&back->peer.bus);
    wrg_hostile_peer_lock(&back->peer);
    front = (uint32_t)wrg_xenbus_read_other_state(&back->peer.bus);
    walk(back, front);
    if (__atomic_exchange_n(&back->resized, false, __ATOMIC_ACQ_REL))
        wrg_hostile_back_tell_size(back);
    wrg_hostile_peer_unlock(&back->peer);
}

/* ---- driver ---- */

static int start(struct wrg_port *port, void **self)
{
    struct hostile_back *back =
        wrg_hostile_alloc(port, sizeof(struct hostile_back), WRG_ALLOC_HEAP);
    int result;

    if (!back)
        return -ENOMEM;
    const struct hostile_peer_args args = {
        .port = port,
        .self = back,
        .other = "frontend",
        .xenbus_name = "back.script",
        .ring_name = "back.ring",
        .xenbus_fn = xenbus_work,
        .ring_fn = wrg_hostile_back_work,
        .seat = WRG_SEAT_BACK,
    };
    result = wrg_hostile_peer_init(&back->peer, &args);
    if (result)
        wrg_hostile_free(port, back);
    else
        *self = back;
    return result;
}

static void stop(void *self)
{
    struct hostile_back *back = self;

    back->peer.closing = true;
    (void)wrg_hostile_back_disconnect(back);
    wrg_hostile_back_drop_kept(back);
    wrg_hostile_peer_fini(&back->peer);
    wrg_hostile_free(back->peer.port, back);
}

static void resized(void *self)
{
    struct hostile_back *back = self;

    __atomic_store_n(&back->resized, true, __ATOMIC_RELEASE);
    wrg_hostile_peer_wake(&back->peer, back->peer.xenbus_task);
}

const struct wrg_endpoint wrg_hostile_back_endpoint = {
    .name = "scripted back",
    .seat = WRG_SEAT_BACK,
    .traits = WRG_TRAIT_SNAPSHOT,
    .start = start,
    .stop = stop,
    .detach = wrg_hostile_close,
    .resized = resized,
};
