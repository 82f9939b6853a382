/* SPDX-License-Identifier: MIT */
#include "front/front.h"

#include <errno.h>

void wrg_front_wake_xenbus(struct wrg_front *front)
{
    struct wrg_task_wake wake = { .task = front->xenbus_task };

    (void)wrg_port_task_wake(front->port, &wake);
}

static int create_tasks(struct wrg_front *front)
{
    const struct wrg_worker bus = { .fn = wrg_front_xenbus_work,
                                    .arg = front,
                                    .name = "front.xenbus",
                                    .task = &front->xenbus_task };
    int result = wrg_front_create_queue(front);

    if (result)
        return result;
    result = wrg_workers_create(front->port, &bus, 1);
    if (result)
        wrg_front_destroy_queues(front);
    return result;
}

static void exit_tasks(struct wrg_front *front)
{
    wrg_front_destroy_queues(front);
    wrg_worker_exit(front->port, front->xenbus_task);
}

static void free_front(struct wrg_front *front)
{
    struct wrg_free args = { .ptr = front };

    (void)wrg_port_free(front->port, &args);
}

static int start_parts(struct wrg_front *front)
{
    int result = create_tasks(front);

    if (result)
        return result;
    result = wrg_xenbus_watch_state(&front->bus, front->xenbus_task);
    if (result)
        exit_tasks(front);
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
    front->nrings = 1;
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
    exit_tasks(front);
    free_front(front);
}

static void detach(void *self)
{
    struct wrg_front *front = self;

    wrg_front_set_detaching(front);
    __atomic_store_n(&front->left, false, __ATOMIC_RELEASE);
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
