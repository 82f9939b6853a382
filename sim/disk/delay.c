/* SPDX-License-Identifier: MIT */
#include "disk/delay.h"

#include "base/rng.h"

#define NS_PER_US UINT64_C(1000)
#define TICKETS   UINT64_C(0xd1342543de82ef95) /* odd, so that no two tickets draw alike */

uint64_t wrg_delay_disk_ns(const struct wrg_delay_disk *delay, uint32_t ticket)
{
    uint64_t state = delay->seed + ticket * TICKETS;

    return delay->max_us ? wrg_splitmix64(&state) % (delay->max_us * NS_PER_US + 1) : 0;
}

static int execute(struct wrg_disk *disk, const struct wrg_disk_request *request,
                   struct wrg_disk_context *context)
{
    struct wrg_sched *sched = context->xen->sched;
    const struct wrg_delay_disk *delay = (const struct wrg_delay_disk *)(const void *)disk;
    uint64_t until = wrg_sched_now(sched) + wrg_delay_disk_ns(delay, context->ticket);

    /* A new request wakes the disk's task: it looks at its queue when this one is done. */
    for (uint64_t now = wrg_sched_now(sched); now < until; now = wrg_sched_now(sched))
        (void)!wrg_sched_wait(sched, until - now);
    return wrg_disk_execute(disk->next, request, context);
}

static const struct wrg_disk_ops ops = { .execute = execute,
                                         .transfer = wrg_disk_pass_transfer,
                                         .info = wrg_disk_pass_info,
                                         .reset = wrg_disk_pass_reset };

void wrg_delay_disk_init(struct wrg_delay_disk *delay, struct wrg_disk *next)
{
    *delay = (struct wrg_delay_disk){ .disk = { .ops = &ops, .next = next } };
}

void wrg_delay_disk_set(struct wrg_delay_disk *delay, uint32_t max_us, uint64_t seed)
{
    delay->max_us = max_us;
    delay->seed = seed;
}
