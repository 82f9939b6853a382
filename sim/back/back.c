/* SPDX-License-Identifier: MIT */
#include "back/back.h"

#include <errno.h>

/* ---- what is done when the frontend's state has changed ---- */

static void ignore(struct wrg_back *back)
{
}

static void follow(struct wrg_back *back)
{
    struct wrg_timer_set retry = { .task = back->xenbus_task, .delay_ns = BACK_RETRY_NS };

    /* Nobody else would remind it: the frontend does not know yet that the device shall close. */
    if (!wrg_xenbus_switch_state(&back->bus, WRG_XENBUS_CLOSING))
        back->closing_tries = 0;
    else if (++back->closing_tries < BACK_CLOSE_TRIES)
        (void)wrg_port_timer_set(back->port, &retry);
}

/* Says so twice where the store refuses: nobody would remind it of what has not been said. */
static void give_up(struct wrg_back *back, int error, const char *text)
{
    wrg_xenbus_fatal(&back->bus, error, text);
    follow(back);
}

/* Whoever unbinds the driver does not run in a task of it. */
static bool is_detaching(const struct wrg_back *back)
{
    return __atomic_load_n(&back->detaching, __ATOMIC_ACQUIRE);
}

/* The frontend starts afresh, or for the first time. */
static void announce(struct wrg_back *back)
{
    int result;

    /* A device that is being unplugged, or was told to close, does not come back. */
    if (is_detaching(back) || wrg_xenbus_read_own_u64(&back->bus, "online", 0) == 0)
        return;
    result = wrg_back_publish(back);
    if (!result)
        result = wrg_xenbus_switch_state(&back->bus, WRG_XENBUS_INIT_WAIT);
    if (result)
        give_up(back, result, "publishing features");
}

static void take_up(struct wrg_back *back)
{
    const char *why;
    int result;

    if (!back->open) /* the hotplug script will bring us here again */
        return;
    result = wrg_back_connect(back, &why);
    if (!result) {
        result = wrg_xenbus_switch_state(&back->bus, WRG_XENBUS_CONNECTED);
        if (result) /* what is in flight already keeps the ring until the frontend closes */
            (void)wrg_back_disconnect(back);
    }
    if (result == -ESHUTDOWN) /* the toolstack has asked for the device meanwhile */
        follow(back);
    else if (result)
        give_up(back, result, why);
}

/* A frontend may skip the wait for InitWait. */
static void announce_and_take_up(struct wrg_back *back)
{
    announce(back);
    if (back->bus.state == WRG_XENBUS_INIT_WAIT)
        take_up(back);
}

static void leave(struct wrg_back *back)
{
    struct wrg_timer_set retry = { .task = back->xenbus_task, .delay_ns = BACK_RETRY_NS };

    if (!wrg_back_disconnect(back))
        return;
    /* A store that refuses now may not later, and the frontend waits for this. */
    if (wrg_xenbus_switch_state(&back->bus, WRG_XENBUS_CLOSED)) {
        if (++back->close_tries < BACK_CLOSE_TRIES)
            (void)wrg_port_timer_set(back->port, &retry);
        return;
    }
    back->close_tries = back->closing_tries = 0;
    /* Offline is what an unplug makes it. A device that is gone does not come back by itself. */
    if (back->leaving || wrg_xenbus_read_own_u64(&back->bus, "online", 0) == 0)
        back->gone = true;
}

/* The frontend's directory is gone, and the device with it. */
static void unregister(struct wrg_back *back)
{
    back->leaving = true;
    leave(back);
}

static void refuse(struct wrg_back *back)
{
    give_up(back, -EINVAL, "frontend in a state it cannot be in");
}

/* ---- states ---- */

typedef void action_fn(struct wrg_back *back);

/* The own states that there are; a backend has no Initialised. */
enum { OWN_INITIALISING, OWN_INIT_WAIT, OWN_CONNECTED, OWN_CLOSING, OWN_CLOSED, NR_OWN };

static const uint8_t own_index[] = {
    [WRG_XENBUS_INITIALISING] = OWN_INITIALISING,
    [WRG_XENBUS_INIT_WAIT] = OWN_INIT_WAIT,
    [WRG_XENBUS_CONNECTED] = OWN_CONNECTED,
    [WRG_XENBUS_CLOSING] = OWN_CLOSING,
    [WRG_XENBUS_CLOSED] = OWN_CLOSED,
};

/* By the frontend's state; in each row by the own one: 1, 2, 4, 5, 6. */
static action_fn *const on_frontend[][NR_OWN] = {
    [WRG_XENBUS_UNKNOWN] = { unregister, unregister, unregister, unregister, unregister },
    [WRG_XENBUS_INITIALISING] = { announce, ignore, ignore, ignore, announce },
    [WRG_XENBUS_INIT_WAIT] = { refuse, refuse, refuse, ignore, ignore },
    [WRG_XENBUS_INITIALISED] = { announce_and_take_up, take_up, ignore, ignore,
                                 announce_and_take_up },
    [WRG_XENBUS_CONNECTED] = { announce_and_take_up, take_up, ignore, ignore,
                               announce_and_take_up },
    [WRG_XENBUS_CLOSING] = { follow, follow, follow, follow, follow },
    [WRG_XENBUS_CLOSED] = { leave, leave, leave, leave, leave },
    [WRG_XENBUS_RECONFIGURING] = { refuse, refuse, refuse, ignore, ignore },
    [WRG_XENBUS_RECONFIGURED] = { refuse, refuse, refuse, ignore, ignore },
};

static void react(struct wrg_back *back, uint32_t frontend)
{
    if (frontend >= sizeof(on_frontend) / sizeof(*on_frontend))
        frontend = WRG_XENBUS_RECONFIGURED; /* as senseless as that one */
    on_frontend[frontend][own_index[back->bus.state]](back);
}

/* The watch is set here, not at start: the task runs as soon as there is one. */
static void look_for_device(struct wrg_back *back)
{
    int result = 0;

    if (back->bus.state >= WRG_XENBUS_CLOSING) /* too late, or not yet again */
        return;
    if (back->bus.own_path[0] == '\0')
        result = wrg_xenbus_watch_own(&back->bus, "physical-device", back->xenbus_task);
    if (!result && (!back->open || back->bus.own_changed))
        result = wrg_back_open(back);
    if (result)
        give_up(back, result, "reading the device of the hotplug script");
}

static void xenbus_work(void *arg)
{
    struct wrg_back *back = arg;
    uint32_t state;

    wrg_port_section(back->port, WRG_AT_CONNECT, 0);
    (void)wrg_xenbus_drain_events(&back->bus);
    if (back->gone)
        return;
    look_for_device(back);
    state = (uint32_t)wrg_xenbus_read_other_state(&back->bus);
    /* A connection that began to close does so, whatever the frontend says meanwhile. */
    if (back->close_tries || (back->queues[0].ring && (back->hold & BACK_STOPPING)))
        leave(back);
    if (back->gone)
        return;
    if (back->closing_tries && state != WRG_XENBUS_CLOSED && state != WRG_XENBUS_UNKNOWN)
        follow(back);
    else
        react(back, state);
    if (!back->gone && __atomic_exchange_n(&back->resized, false, __ATOMIC_ACQ_REL) &&
        wrg_back_tell_size(back))
        give_up(back, -EIO, "telling the size of the disk");
    if (!back->gone && __atomic_exchange_n(&back->lost, false, __ATOMIC_ACQ_REL))
        (void)wrg_back_withdraw(back); /* a frontend that is not told finds out by itself */
    if (is_detaching(back) && back->bus.state != WRG_XENBUS_CLOSED)
        follow(back);
}

/* ---- driver ---- */

static int create_tasks(struct wrg_back *back)
{
    const struct wrg_worker bus = {
        .fn = xenbus_work, .arg = back, .name = "back.xenbus", .task = &back->xenbus_task
    };
    int result = wrg_back_create_queue(back);

    if (result)
        return result;
    result = wrg_workers_create(back->port, &bus, 1);
    if (result)
        wrg_back_destroy_queues(back);
    return result;
}

static void exit_tasks(struct wrg_back *back)
{
    wrg_back_destroy_queues(back);
    wrg_worker_exit(back->port, back->xenbus_task);
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
        result = create_tasks(back);
    if (result) {
        free_back(back);
        return result;
    }
    result = wrg_xenbus_watch_state(&back->bus, back->xenbus_task);
    if (result) {
        exit_tasks(back);
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
    wrg_back_take_back_offer(back);
    wrg_xenbus_fini(&back->bus);
    exit_tasks(back);
    free_back(back);
}

static void detach(void *self)
{
    struct wrg_back *back = self;
    struct wrg_task_wake wake = { .task = back->xenbus_task };

    __atomic_store_n(&back->detaching, true, __ATOMIC_RELEASE);
    (void)wrg_port_task_wake(back->port, &wake);
}

static void resized(void *self)
{
    struct wrg_back *back = self;
    struct wrg_task_wake wake = { .task = back->xenbus_task };

    __atomic_store_n(&back->resized, true, __ATOMIC_RELEASE);
    (void)wrg_port_task_wake(back->port, &wake);
}

const struct wrg_endpoint wrg_back_endpoint = {
    .name = "blkback",
    .seat = WRG_SEAT_BACK,
    .traits = WRG_TRAIT_SNAPSHOT,
    .start = start,
    .stop = stop,
    .detach = detach,
    .resized = resized,
};
