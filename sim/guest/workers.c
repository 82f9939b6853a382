/* SPDX-License-Identifier: MIT */
#include <wringer/workers.h>

void wrg_worker_exit(struct wrg_port *port, uint32_t task)
{
    struct wrg_task_exit exit = { .task = task };

    (void)wrg_port_task_exit(port, &exit);
}

int wrg_workers_create(struct wrg_port *port, const struct wrg_worker *workers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct wrg_task_create create = { .fn = workers[i].fn,
                                          .arg = workers[i].arg,
                                          .name = workers[i].name,
                                          .worker = true,
                                          .housekeeping = workers[i].housekeeping };
        int result = wrg_port_task_create(port, &create);

        if (result) {
            while (i > 0)
                wrg_worker_exit(port, *workers[--i].task);
            return result;
        }
        *workers[i].task = create.task;
    }
    return 0;
}

void wrg_lock_give_back(struct wrg_port *port, uint32_t lock)
{
    struct wrg_lock_destroy destroy = { .lock = lock };

    (void)wrg_port_lock_destroy(port, &destroy);
}

int wrg_locks_create(struct wrg_port *port, uint32_t *const *locks, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct wrg_lock_create create = { .lock = 0 };
        int result = wrg_port_lock_create(port, &create);

        if (result) {
            while (i > 0)
                wrg_lock_give_back(port, *locks[--i]);
            return result;
        }
        *locks[i] = create.lock;
    }
    return 0;
}
