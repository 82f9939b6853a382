/* SPDX-License-Identifier: MIT */
#include "front/front.h"

#include <errno.h>

static uint64_t now_ns(struct wrg_front *front)
{
    struct wrg_clock_read clock = { .now_ns = 0 };

    (void)wrg_port_clock_read(front->port, &clock);
    return clock.now_ns;
}

void wrg_front_wake_xenbus(struct wrg_front *front)
{
    struct wrg_task_wake wake = { .task = front->xenbus_task };

    (void)wrg_port_task_wake(front->port, &wake);
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
    bool was_up = front->ring != NULL;

    wrg_front_tear_down(front);
    set_state(front, FRONT_DOWN);
    front->detaching = true; /* also where the error was the reason, and Closing was not written */
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
    return front->ring ? __atomic_load_n(&front->ring->outstanding, __ATOMIC_ACQUIRE) : 0;
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
    front->detaching = true; /* also where the store would not have it said */
}

static void ignore(struct wrg_front *front)
{
    (void)front;
}

static void set_up(struct wrg_front *front)
{
    int result;

    if (front->detaching)
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
        give_up(front, result, "taking up the backend's properties");
        return;
    }
    set_state(front, FRONT_UP);
    struct wrg_task_wake wake = { .task = front->ring_task };
    (void)wrg_port_task_wake(front->port, &wake);
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
    front->detaching = true;
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
    front->handed_over = front->left = true;
    wrg_xenbus_walk_begin(&front->bus, &front->walk);
    (void)wrg_xenbus_walk_on(&front->bus, &front->walk, front->xenbus_task);
}

/* True: there is more to do than to go on with what had begun. */
static bool is_at_work(struct wrg_front *front)
{
    if (__atomic_exchange_n(&front->suspended, false, __ATOMIC_ACQ_REL) && wrg_front_recover(front))
        front->detaching = true;
    if (front->walk.next && !wrg_xenbus_walk_on(&front->bus, &front->walk, front->xenbus_task))
        return false;
    return !front->left;
}

static void xenbus_work(void *arg)
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
    if (front->detaching || state_of(front) == FRONT_ERROR ||
        front->bus.state == WRG_XENBUS_CLOSING)
        go_on_closing(front, backend);
}

/* ---- driver ---- */

static int create_locks(struct wrg_front *front)
{
    struct wrg_lock_create ring = { .lock = 0 };
    struct wrg_lock_create list = { .lock = 0 };
    int result = wrg_port_lock_create(front->port, &ring);

    if (!result)
        result = wrg_port_lock_create(front->port, &list);
    front->ring_lock = ring.lock;
    front->list_lock = list.lock;
    return result;
}

static void destroy_locks(struct wrg_front *front)
{
    struct wrg_lock_destroy ring = { .lock = front->ring_lock };
    struct wrg_lock_destroy list = { .lock = front->list_lock };

    (void)wrg_port_lock_destroy(front->port, &ring);
    (void)wrg_port_lock_destroy(front->port, &list);
}

static void exit_task(struct wrg_front *front, uint32_t task)
{
    struct wrg_task_exit exit = { .task = task };

    (void)wrg_port_task_exit(front->port, &exit);
}

static int create_tasks(struct wrg_front *front)
{
    struct wrg_task_create ring = {
        .fn = wrg_front_work, .arg = front, .name = "front.ring", .worker = true
    };
    struct wrg_task_create bus = {
        .fn = xenbus_work, .arg = front, .name = "front.xenbus", .worker = true
    };
    int result = wrg_port_task_create(front->port, &ring);

    if (result)
        return result;
    result = wrg_port_task_create(front->port, &bus);
    front->ring_task = ring.task;
    front->xenbus_task = bus.task;
    if (result)
        exit_task(front, ring.task);
    return result;
}

static void free_front(struct wrg_front *front)
{
    struct wrg_free args = { .ptr = front };

    (void)wrg_port_free(front->port, &args);
}

static int start_parts(struct wrg_front *front)
{
    int result = create_locks(front);

    if (result)
        return result;
    result = create_tasks(front);
    if (!result) {
        result = wrg_xenbus_watch_state(&front->bus, front->xenbus_task);
        if (result) {
            exit_task(front, front->ring_task);
            exit_task(front, front->xenbus_task);
        }
    }
    if (result)
        destroy_locks(front);
    return result;
}

/* The guest that was here before may have ended without a word, and left its connection behind. */
static void look_for_leftovers(struct wrg_front *front)
{
    uint32_t own = (uint32_t)wrg_xenbus_read_own_state(&front->bus);
    bool fresh = own == WRG_XENBUS_UNKNOWN || own == WRG_XENBUS_INITIALISING;

    /* A backend that is connected although nothing was offered yet is so to somebody else. */
    if (fresh && wrg_xenbus_read_other_state(&front->bus) != WRG_XENBUS_CONNECTED)
        return;
    front->bus.state = own == WRG_XENBUS_CLOSING || own == WRG_XENBUS_CLOSED
                           ? (enum wrg_xenbus_state)own
                           : WRG_XENBUS_CONNECTED;
    wrg_xenbus_walk_begin(&front->bus, &front->walk);
}

static int start(struct wrg_port *port, void **self)
{
    struct wrg_alloc alloc = { .size = sizeof(struct wrg_front),
                               .kind = WRG_ALLOC_HEAP,
                               .zero = true };
    int result = wrg_port_alloc(port, &alloc);

    if (result)
        return result;
    struct wrg_front *front = alloc.ptr;
    front->port = port;
    front->handle = (uint16_t)wrg_xenbus_handle(port->nodename);
    result = wrg_xenbus_init(&front->bus, port, "backend");
    if (!result)
        look_for_leftovers(front);
    if (!result)
        result = start_parts(front);
    if (result)
        free_front(front);
    else
        *self = front;
    return result;
}

static void stop(void *self)
{
    struct wrg_front *front = self;

    wrg_front_fail_waiting(front, -EIO);
    wrg_front_tear_down(front);
    wrg_front_retry_kept(front);
    wrg_front_abandon_kept(front);
    wrg_front_stop_timer(front);
    wrg_xenbus_fini(&front->bus);
    exit_task(front, front->ring_task);
    exit_task(front, front->xenbus_task);
    destroy_locks(front);
    free_front(front);
}

static void detach(void *self)
{
    struct wrg_front *front = self;

    front->detaching = true;
    front->left = false;
    wrg_front_wake_xenbus(front);
}

const struct wrg_endpoint wrg_front_endpoint = {
    .name = "blkfront",
    .seat = WRG_SEAT_FRONT,
    .traits = WRG_TRAIT_SNAPSHOT,
    .start = start,
    .stop = stop,
    .detach = detach,
    .submit = wrg_front_submit,
    .resume = wrg_front_resume,
};
