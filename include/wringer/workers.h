/* SPDX-License-Identifier: MIT */
/*
 * Helpers of a driver that comes and goes: workers and locks, several at once, all or none.
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

/* Each element says where the number of a lock goes. */
int wrg_locks_create(struct wrg_port *port, uint32_t *const *locks, uint32_t count);
void wrg_lock_give_back(struct wrg_port *port, uint32_t lock);

#endif
