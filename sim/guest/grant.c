/* SPDX-License-Identifier: MIT */
#include <wringer/grant.h>

#include <stdint.h>
#include <xen/xen.h>
#include <xen/grant_table.h>

#include "base/base.h"

#define MS        UINT64_C(1000000)
#define DELAYS_MS 255

/* A batch that is tried again, entry by entry. */
struct patience {
    struct wrg_port *port;
    uint32_t task;
    bool woken; /* while it waited */
    void *args; /* of the call */
    int (*retry)(struct patience *patience, uint32_t entry, int16_t *status);
};

static void sleep_ms(struct patience *p, uint64_t ms)
{
    struct wrg_clock_read clock = { 0 };

    (void)wrg_port_clock_read(p->port, &clock);
    for (uint64_t end = clock.now_ns + ms * MS; clock.now_ns < end;
         (void)wrg_port_clock_read(p->port, &clock)) {
        struct wrg_task_wait wait = { .timeout_ns = end - clock.now_ns };
        if (wrg_port_task_wait(p->port, &wait) == 0)
            p->woken = true;
    }
}

/* *status is GNTST_eagain, or the entry is done. */
static int insist(struct patience *p, uint32_t entry, int16_t *status)
{
    int result = 0;

    for (uint64_t ms = 1; *status == GNTST_eagain && ms <= DELAYS_MS; ms++) {
        sleep_ms(p, ms);
        result = p->retry(p, entry, status);
    }
    if (*status == GNTST_eagain)
        *status = GNTST_bad_page;
    return result;
}

static void finish(const struct patience *p)
{
    struct wrg_task_wake wake = { .task = p->task };

    if (p->woken)
        (void)wrg_port_task_wake(p->port, &wake);
}

static int retry_map(struct patience *p, uint32_t entry, int16_t *status)
{
    struct wrg_gnttab_map one = *(const struct wrg_gnttab_map *)p->args;
    struct wrg_gnttab_map_op *ops = one.ops;

    one.ops = &ops[entry];
    one.count = 1;
    int result = wrg_port_gnttab_map(p->port, &one);
    *status = ops[entry].status;
    return result;
}

/* A window stands or falls as a whole: the entry that spoilt it tells whether it is worth it. */
static int retry_window(struct patience *p, uint32_t entry, int16_t *status)
{
    struct wrg_gnttab_map *args = p->args;

    int result = wrg_port_gnttab_map(p->port, args);
    *status = GNTST_okay;
    for (uint32_t i = 0; i < args->count && *status == GNTST_okay; i++)
        *status = args->ops[i].status;
    return result;
}

static int map_window(struct patience *p, struct wrg_gnttab_map *args)
{
    int16_t status = GNTST_eagain;

    for (uint32_t i = 0; i < args->count; i++) /* those behind one that fails are not looked at */
        args->ops[i].status = GNTST_okay;
    int result = retry_window(p, 0, &status);
    if (status == GNTST_eagain)
        result = insist(p, 0, &status);
    for (uint32_t i = 0; i < args->count && status == GNTST_bad_page; i++)
        if (args->ops[i].status == GNTST_eagain)
            args->ops[i].status = GNTST_bad_page;
    return result;
}

int wrg_grant_map_patiently(struct wrg_port *port, struct wrg_gnttab_map *args, uint32_t task)
{
    struct patience p = { .port = port, .task = task, .args = args, .retry = retry_map };
    int result;

    if (args->contiguous) {
        p.retry = retry_window;
        result = map_window(&p, args);
    } else {
        result = wrg_port_gnttab_map(port, args);
        for (uint32_t i = 0; i < args->count && !result; i++)
            result = insist(&p, i, &args->ops[i].status);
    }
    finish(&p);
    return result;
}

static int retry_copy(struct patience *p, uint32_t entry, int16_t *status)
{
    struct wrg_gnttab_copy one = *(const struct wrg_gnttab_copy *)p->args;
    struct wrg_gnttab_copy_op *ops = one.ops;

    one.ops = &ops[entry];
    one.count = 1;
    int result = wrg_port_gnttab_copy(p->port, &one);
    *status = ops[entry].status;
    return result;
}

int wrg_grant_copy_patiently(struct wrg_port *port, struct wrg_gnttab_copy *args, uint32_t task)
{
    struct patience p = { .port = port, .task = task, .args = args, .retry = retry_copy };
    int result = wrg_port_gnttab_copy(port, args);

    for (uint32_t i = 0; i < args->count && !result; i++)
        result = insist(&p, i, &args->ops[i].status);
    finish(&p);
    return result;
}
