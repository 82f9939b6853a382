/* SPDX-License-Identifier: MIT */
/*
 * Helpers of a driver that comes and goes: workers and locks, several at once, all or none; and
 * how its tasks take those locks.
 *
 * Layer         public; implemented by sim/guest on nothing but the port
 * Ownership     the driver's, from create until it gives them back
 * Threads       any task of the driver; a worker may run before the call that creates it returns
 * Errors        -errno of the call that failed; then nothing is held
 */
#ifndef WRINGER_WORKERS_H
#define WRINGER_WORKERS_H

#include <wringer/port.h>

struct wrg_worker {
    void (*fn)(void *arg); /* once per wake, see struct wrg_task_create */
    void *arg;
    const char *name;
    bool housekeeping;
    uint32_t *task; /* out */
};

int wrg_workers_create(struct wrg_port *port, const struct wrg_worker *workers, uint32_t count);
void wrg_worker_exit(struct wrg_port *port, uint32_t task);

/* ---- locks ---- */

/* Each element says where the number of a lock goes. */
int wrg_locks_create(struct wrg_port *port, uint32_t *const *locks, uint32_t count);
void wrg_lock_give_back(struct wrg_port *port, uint32_t lock);

/* Where one task runs at a time, a lock is taken and dropped without a call of the port. */
static inline bool *wrg_port_held(struct wrg_port *port, uint32_t lock)
{
    if (__builtin_expect(!port->held || lock >= WRG_LOCKS_MAX, 0))
        return NULL;
    if (__builtin_expect(port->hooks != 0, 0))
        port->point(port);
    return &port->held[lock];
}

/* A lock stands between tasks of one driver, none of which waits while it holds it. It exists. */
static inline void wrg_port_lock(struct wrg_port *port, uint32_t lock)
{
    struct wrg_lock_take take = { .lock = lock };
    bool *held = wrg_port_held(port, lock);

    if (__builtin_expect(held && !*held, 1))
        *held = true;
    else
        (void)wrg_port_lock_take(port, &take);
}

static inline void wrg_port_unlock(struct wrg_port *port, uint32_t lock)
{
    struct wrg_lock_drop drop = { .lock = lock };
    bool *held = wrg_port_held(port, lock);

    if (__builtin_expect(held != NULL, 1))
        *held = false;
    else
        (void)wrg_port_lock_drop(port, &drop);
}

#endif
