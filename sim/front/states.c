/* SPDX-License-Identifier: MIT */
/*
 * The xenbus task: what the frontend does when the backend's state has changed, and how it closes.
 */
#include <errno.h>

#include "front/front.h"

static uint64_t now_ns(struct wrg_front *front)
{
    struct wrg_clock_read clock = { .now_ns = 0 };

    (void)wrg_port_clock_read(front->port, &clock);
    return clock.now_ns;
}

static uint8_t state_of(const struct wrg_front *front)
{
    return __atomic_load_n(&front->state, __ATOMIC_ACQUIRE);
}

static void set_state(struct wrg_front *front, uint8_t state)
{
    __atomic_store_n(&front->state, state, __ATOMIC_RELEASE);
}

/* ---- closing ---- */

static void close_now(struct wrg_front *front)
{
    struct wrg_blk_gone gone = { .error = state_of(front) == FRONT_ERROR ? -EIO : 0 };
    struct wrg_timer_set retry = { .task = front->xenbus_task, .delay_ns = FRONT_RETRY_NS };
    bool was_up = front->queues[0].ring != NULL;

    wrg_front_tear_down(front);
    set_state(front, FRONT_DOWN);
    /* Also where the error was the reason, and Closing was not written. */
    wrg_front_set_detaching(front);
    /* A store that refuses now may not later, and the backend waits for this. */
    if (wrg_xenbus_switch_state(&front->bus, WRG_XENBUS_CLOSED) &&
        ++front->close_tries < FRONT_CLOSE_TRIES)
        (void)wrg_port_timer_set(front->port, &retry);
    if (was_up)
        (void)wrg_port_blk_gone(front->port, &gone);
}

/* Wakes this task again when the backend has had its time. True: it has. */
static bool patience_is_over(struct wrg_front *front)
{
    uint64_t now = now_ns(front);
    const uint64_t patience_ns = (uint64_t)FRONT_CLOSE_TIMEOUT_MS * 1000 * 1000;

    if (front->deadline_ns == 0) {
        struct wrg_timer_set timer = { .task = front->xenbus_task, .delay_ns = patience_ns };
        front->deadline_ns = now + patience_ns;
        (void)wrg_port_timer_set(front->port, &timer);
    }
    return now >= front->deadline_ns;
}

void wrg_front_stop_timer(struct wrg_front *front)
{
    struct wrg_timer_set timer = { .task = front->xenbus_task, .delay_ns = WRG_FOREVER };

    front->deadline_ns = 0;
    (void)wrg_port_timer_set(front->port, &timer);
}

static uint32_t outstanding(struct wrg_front *front)
{
    uint32_t count = 0;

    for (unsigned i = 0; i < front->nqueues; i++) {
        struct front_ring *ring = front->queues[i].ring;
        if (ring)
            count += __atomic_load_n(&ring->outstanding, __ATOMIC_ACQUIRE);
    }
    return count;
}

/*
 * Closing in order: let the backend answer what is in flight, announce Closing, wait until it
 * follows, take the ring back. Each wait has an end, for a backend that does nothing.
 */
static void go_on_closing(struct wrg_front *front, uint32_t backend)
{
    bool follows = backend == WRG_XENBUS_CLOSING || backend == WRG_XENBUS_CLOSED ||
                   backend == WRG_XENBUS_UNKNOWN;
    bool dead = backend == WRG_XENBUS_CLOSED || backend == WRG_XENBUS_UNKNOWN;

    if (state_of(front) == FRONT_UP || state_of(front) == FRONT_SUSPENDED)
        set_state(front, FRONT_CLOSING);
    wrg_front_fail_waiting(front, -EIO);
    if (outstanding(front) && !dead && state_of(front) != FRONT_ERROR && !patience_is_over(front))
        return;
    (void)wrg_xenbus_switch_state(&front->bus, WRG_XENBUS_CLOSING);
    if (!follows && !patience_is_over(front))
        return;
    wrg_front_stop_timer(front);
    close_now(front);
}

/* ---- what is done when the backend's state has changed ---- */

static bool is_suspended(const struct wrg_front *front)
{
    return __atomic_load_n(&front->suspended, __ATOMIC_ACQUIRE);
}

static void give_up(struct wrg_front *front, int error, const char *text)
{
    if (is_suspended(front)) /* what failed was at the old host */
        return;
    wrg_xenbus_fatal(&front->bus, error, text);
    wrg_front_set_detaching(front); /* also where the store would not have it said */
}

static void ignore(struct wrg_front *front)
{
}

static void set_up(struct wrg_front *front)
{
    int result;

    if (wrg_front_detaches(front))
        return;
    result = wrg_front_set_up(front);
    if (!result) {
        result = wrg_xenbus_switch_state(&front->bus, WRG_XENBUS_INITIALISED);
        if (result)
            wrg_front_tear_down(front);
    }
    if (result)
        give_up(front, result, "setting up the ring");
}

static void connect(struct wrg_front *front)
{
    int result = wrg_front_connect(front);

    if (!result)
        result = wrg_xenbus_switch_state(&front->bus, WRG_XENBUS_CONNECTED);
    if (result) {
        give_up(front, result,
                front->refusal ? front->refusal : "taking up the backend's properties");
        return;
    }
    set_state(front, FRONT_UP);
    for (unsigned i = 0; i < front->nqueues; i++) {
        struct wrg_task_wake wake = { .task = front->queues[i].task };
        (void)wrg_port_task_wake(front->port, &wake);
    }
}

/* A backend may be early. */
static void set_up_and_connect(struct wrg_front *front)
{
    set_up(front);
    if (front->bus.state == WRG_XENBUS_INITIALISED)
        connect(front);
}

static void look_again(struct wrg_front *front)
{
    if (state_of(front) == FRONT_UP && wrg_front_look_again(front))
        give_up(front, -EIO, "taking up the new size of the disk");
}

static void close_down(struct wrg_front *front)
{
    wrg_front_set_detaching(front);
}

/*
 * A backend that is Closed, or not there, before this connection began has not closed it. But one
 * at the next host begins with it, and has given up.
 */
static void close_if_suspended(struct wrg_front *front)
{
    if (state_of(front) == FRONT_SUSPENDED)
        close_down(front);
}

/* ---- states ---- */

typedef void action_fn(struct wrg_front *front);

/* The own states that there are; a frontend has no InitWait. */
enum { OWN_INITIALISING, OWN_INITIALISED, OWN_CONNECTED, OWN_CLOSING, OWN_CLOSED, NR_OWN };

static const uint8_t own_index[] = {
    [WRG_XENBUS_INITIALISING] = OWN_INITIALISING,
    [WRG_XENBUS_INITIALISED] = OWN_INITIALISED,
    [WRG_XENBUS_CONNECTED] = OWN_CONNECTED,
    [WRG_XENBUS_CLOSING] = OWN_CLOSING,
    [WRG_XENBUS_CLOSED] = OWN_CLOSED,
};

/* By the backend's state; in each row by the own one: 1, 3, 4, 5, 6. */
static action_fn *const on_backend[][NR_OWN] = {
    [WRG_XENBUS_UNKNOWN] = { close_if_suspended, close_down, close_down, close_down, ignore },
    [WRG_XENBUS_INITIALISING] = { ignore, ignore, ignore, ignore, ignore },
    [WRG_XENBUS_INIT_WAIT] = { set_up, ignore, ignore, ignore, ignore },
    [WRG_XENBUS_INITIALISED] = { ignore, ignore, ignore, ignore, ignore },
    [WRG_XENBUS_CONNECTED] = { set_up_and_connect, connect, look_again, ignore, ignore },
    [WRG_XENBUS_CLOSING] = { close_down, close_down, close_down, close_down, ignore },
    [WRG_XENBUS_CLOSED] = { close_if_suspended, close_down, close_down, close_down, ignore },
    [WRG_XENBUS_RECONFIGURING] = { ignore, ignore, ignore, ignore, ignore },
    [WRG_XENBUS_RECONFIGURED] = { ignore, ignore, ignore, ignore, ignore },
};

static void react(struct wrg_front *front, uint32_t backend)
{
    if (backend < sizeof(on_backend) / sizeof(*on_backend))
        on_backend[backend][own_index[front->bus.state]](front);
}

/* Firmware takes the device on to where the next driver will find it. */
static void hand_over(struct wrg_front *front, uint32_t backend)
{
    if (!front->port->params.handoff || backend != WRG_XENBUS_CLOSED || front->handed_over)
        return;
    front->handed_over = true;
    __atomic_store_n(&front->left, true, __ATOMIC_RELEASE);
    wrg_xenbus_walk_begin(&front->bus, &front->walk);
    (void)wrg_xenbus_walk_on(&front->bus, &front->walk, front->xenbus_task);
}

/* True: there is more to do than to go on with what had begun. */
static bool is_at_work(struct wrg_front *front)
{
    if (__atomic_exchange_n(&front->suspended, false, __ATOMIC_ACQ_REL) && wrg_front_recover(front))
        wrg_front_set_detaching(front);
    if (front->walk.next && !wrg_xenbus_walk_on(&front->bus, &front->walk, front->xenbus_task))
        return false;
    return !__atomic_load_n(&front->left, __ATOMIC_ACQUIRE);
}

void wrg_front_xenbus_work(void *arg)
{
    struct wrg_front *front = arg;
    uint32_t backend;

    wrg_port_section(front->port, WRG_AT_CONNECT, 0);
    (void)wrg_xenbus_drain_events(&front->bus);
    if (!is_at_work(front))
        return;
    backend = (uint32_t)wrg_xenbus_read_other_state(&front->bus);
    react(front, backend);
    if (front->bus.state == WRG_XENBUS_CLOSED) {
        wrg_front_retry_kept(front); /* the backend lets go of the ring when it has seen Closed */
        hand_over(front, backend);
        return;
    }
    if (wrg_front_detaches(front) || state_of(front) == FRONT_ERROR ||
        front->bus.state == WRG_XENBUS_CLOSING)
        go_on_closing(front, backend);
}
