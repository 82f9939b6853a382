/* SPDX-License-Identifier: MIT */
#include "back/back.h"

#include <errno.h>

static void on_initialising(struct wrg_back *back)
{
    /* A frontend that starts afresh; the device itself is announced once. */
    if (back->bus.state != WRG_XENBUS_INITIALISING && back->bus.state != WRG_XENBUS_CLOSED)
        return;
    /* A device that is being unplugged, or was told to close, does not come back. */
    if (back->detaching || wrg_xenbus_read_own_u64(&back->bus, "online", 1) == 0)
        return;
    int result = wrg_back_publish(back);
    if (!result)
        result = wrg_xenbus_switch_state(&back->bus, WRG_XENBUS_INIT_WAIT);
    if (result)
        wrg_xenbus_fatal(&back->bus, result, "publishing features");
}

static void on_ready(struct wrg_back *back)
{
    int result;

    if (back->bus.state == WRG_XENBUS_CONNECTED || back->bus.state == WRG_XENBUS_CLOSING)
        return;
    if (back->bus.state == WRG_XENBUS_INITIALISING || back->bus.state == WRG_XENBUS_CLOSED)
        on_initialising(back); /* a frontend may skip the wait for InitWait */
    if (back->bus.state != WRG_XENBUS_INIT_WAIT)
        return;
    result = wrg_back_connect(back);
    if (!result) {
        result = wrg_xenbus_switch_state(&back->bus, WRG_XENBUS_CONNECTED);
        if (result) /* what is in flight already keeps the ring until the frontend closes */
            (void)wrg_back_disconnect(back);
    }
    if (result)
        wrg_xenbus_fatal(&back->bus, result, "connecting to the frontend");
}

static void on_closing(struct wrg_back *back)
{
    (void)wrg_xenbus_switch_state(&back->bus, WRG_XENBUS_CLOSING);
}

static void on_closed(struct wrg_back *back)
{
    struct wrg_timer_set retry = { .task = back->xenbus_task, .delay_ns = BACK_RETRY_NS };

    if (!wrg_back_disconnect(back))
        return;
    /* A store that refuses now may not later, and the frontend waits for this. */
    if (!wrg_xenbus_switch_state(&back->bus, WRG_XENBUS_CLOSED))
        back->close_tries = 0;
    else if (++back->close_tries < BACK_CLOSE_TRIES)
        (void)wrg_port_timer_set(back->port, &retry);
}

static void on_invalid(struct wrg_back *back)
{
    if (back->bus.state == WRG_XENBUS_CLOSING || back->bus.state == WRG_XENBUS_CLOSED)
        return;
    wrg_xenbus_fatal(&back->bus, -EINVAL, "frontend in a state it cannot be in");
}

static void (*const on_frontend[])(struct wrg_back *back) = {
    [WRG_XENBUS_UNKNOWN] = on_closed, /* its directory is gone */
    [WRG_XENBUS_INITIALISING] = on_initialising,
    [WRG_XENBUS_INIT_WAIT] = on_invalid,
    [WRG_XENBUS_INITIALISED] = on_ready,
    [WRG_XENBUS_CONNECTED] = on_ready,
    [WRG_XENBUS_CLOSING] = on_closing,
    [WRG_XENBUS_CLOSED] = on_closed,
    [WRG_XENBUS_RECONFIGURING] = on_invalid,
    [WRG_XENBUS_RECONFIGURED] = on_invalid,
};

static void xenbus_work(void *arg)
{
    struct wrg_back *back = arg;
    uint32_t state;

    wrg_port_section(back->port, WRG_AT_CONNECT, 0);
    (void)wrg_xenbus_drain_events(&back->bus);
    state = (uint32_t)wrg_xenbus_read_other_state(&back->bus);
    /* A connection that began to close does so, whatever the frontend says meanwhile. */
    if (back->close_tries || (back->queue && back->stopping))
        on_closed(back);
    if (state < sizeof(on_frontend) / sizeof(*on_frontend))
        on_frontend[state](back);
    else
        on_invalid(back);
    if (back->detaching && back->bus.state != WRG_XENBUS_CLOSED)
        on_closing(back);
}

static int create_locks(struct wrg_back *back)
{
    struct wrg_lock_create ring = { .lock = 0 };
    struct wrg_lock_create rsp = { .lock = 0 };
    int result = wrg_port_lock_create(back->port, &ring);

    if (!result)
        result = wrg_port_lock_create(back->port, &rsp);
    back->ring_lock = ring.lock;
    back->rsp_lock = rsp.lock;
    return result;
}

static void destroy_locks(struct wrg_back *back)
{
    struct wrg_lock_destroy ring = { .lock = back->ring_lock };
    struct wrg_lock_destroy rsp = { .lock = back->rsp_lock };

    (void)wrg_port_lock_destroy(back->port, &ring);
    (void)wrg_port_lock_destroy(back->port, &rsp);
}

static int create_tasks(struct wrg_back *back)
{
    struct wrg_task_create ring = {
        .fn = wrg_back_drain, .arg = back, .name = "back.ring", .worker = true
    };
    struct wrg_task_create bus = {
        .fn = xenbus_work, .arg = back, .name = "back.xenbus", .worker = true
    };
    int result = wrg_port_task_create(back->port, &ring);

    if (result)
        return result;
    back->ring_task = ring.task;
    result = wrg_port_task_create(back->port, &bus);
    back->xenbus_task = bus.task;
    if (result) {
        struct wrg_task_exit exit = { .task = back->ring_task };
        (void)wrg_port_task_exit(back->port, &exit);
    }
    return result;
}

static void exit_tasks(struct wrg_back *back)
{
    struct wrg_task_exit ring = { .task = back->ring_task };
    struct wrg_task_exit bus = { .task = back->xenbus_task };

    (void)wrg_port_task_exit(back->port, &ring);
    (void)wrg_port_task_exit(back->port, &bus);
}

static void free_back(struct wrg_back *back)
{
    struct wrg_free args = { .ptr = back };

    (void)wrg_port_free(back->port, &args);
}

static int start(struct wrg_port *port, void **self)
{
    struct wrg_alloc alloc = { .size = sizeof(struct wrg_back),
                               .kind = WRG_ALLOC_HEAP,
                               .zero = true };
    int result = wrg_port_alloc(port, &alloc);

    if (result)
        return result;
    struct wrg_back *back = alloc.ptr;
    back->port = port;
    result = wrg_xenbus_init(&back->bus, port, "frontend");
    if (!result)
        result = create_locks(back);
    if (result) {
        free_back(back);
        return result;
    }
    result = create_tasks(back);
    if (!result) {
        result = wrg_xenbus_watch_state(&back->bus, back->xenbus_task);
        if (result)
            exit_tasks(back);
    }
    if (result) {
        destroy_locks(back);
        free_back(back);
        return result;
    }
    *self = back;
    return 0;
}

static void stop(void *self)
{
    struct wrg_back *back = self;

    (void)wrg_back_disconnect(back);
    wrg_xenbus_fini(&back->bus);
    exit_tasks(back);
    destroy_locks(back);
    free_back(back);
}

static void detach(void *self)
{
    struct wrg_back *back = self;
    struct wrg_task_wake wake = { .task = back->xenbus_task };

    back->detaching = true;
    (void)wrg_port_task_wake(back->port, &wake);
}

static int submit(void *self, struct wrg_io *io)
{
    (void)self;
    (void)io;
    return -EOPNOTSUPP;
}

const struct wrg_endpoint wrg_back_endpoint = {
    .name = "blkback",
    .seat = WRG_SEAT_BACK,
    .traits = WRG_TRAIT_SNAPSHOT,
    .start = start,
    .stop = stop,
    .detach = detach,
    .submit = submit,
};
