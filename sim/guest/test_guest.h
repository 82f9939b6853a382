/* SPDX-License-Identifier: MIT */
/*
 * Two guests, front and back, on a simulated Xen: the bench of the tests of guest and ring. Layer:
 * guest, tests only. Each test has fresh ones in `g`; the block edge counts and stores its calls.
 */
#ifndef WRG_GUEST_TEST_GUEST_H
#define WRG_GUEST_TEST_GUEST_H

#include "guest/guest.h"
#include "xen/test_xen.h"

struct test_guests {
    struct wrg_guest front_guest, back_guest;
    struct wrg_port *front, *back;
    unsigned infos, submits, readies, completes, gones;
    uint64_t last_tag;
    struct wrg_blk_ready ready; /* the last one */
    struct wrg_disk_info info;  /* what a backend finds */
    bool serves;                /* it does what it is asked for at once, with disk_error */
    int disk_error;
    uint8_t last_op;
};

BENCH struct test_guests g;

BENCH int edge_info(void *ctx, struct wrg_disk_info *args)
{
    g.infos++;
    *args = g.info;
    return 0;
}

BENCH int edge_submit(void *ctx, struct wrg_disk_submit *args)
{
    g.submits++;
    g.last_op = args->op;
    if (!g.serves)
        return -EAGAIN;
    args->done(args->ctx, g.disk_error);
    return 0;
}

BENCH void edge_ready(void *ctx, const struct wrg_blk_ready *args)
{
    g.ready = *args;
    g.readies++;
}

BENCH void edge_complete(void *ctx, const struct wrg_blk_complete *args)
{
    g.completes++;
    g.last_tag = args->tag;
}

BENCH void edge_gone(void *ctx, const struct wrg_blk_gone *args)
{
    g.gones++;
}

BENCH void on_store_event(void *ctx, uint16_t conn)
{
    if (conn == t.front->xs_conn)
        wrg_guest_on_store_event(&g.front_guest);
    if (conn == t.back->xs_conn)
        wrg_guest_on_store_event(&g.back_guest);
}

BENCH int setup_guests_engine(enum wrg_engine engine)
{
    const struct wrg_edge edge = { .disk_info = edge_info,
                                   .disk_submit = edge_submit,
                                   .blk_ready = edge_ready,
                                   .blk_complete = edge_complete,
                                   .blk_gone = edge_gone };
    const struct wrg_guest_args front = {
        .xen = &t.xen, .domid = WRG_DOM_FRONT, .peer_domid = WRG_DOM_BACK, .edge = edge
    };
    const struct wrg_guest_args back = {
        .xen = &t.xen, .domid = WRG_DOM_BACK, .peer_domid = WRG_DOM_FRONT, .edge = edge
    };
    const struct wrg_xs_observer observer = { .on_event_queued = on_store_event };

    memset(&g, 0, sizeof(g));
    g.info = (struct wrg_disk_info){ .sectors = 77, .block_bytes = WRG_SECTOR_SIZE };
    if (setup_xen_engine(engine) || wrg_guest_init(&g.front_guest, &front) ||
        wrg_guest_init(&g.back_guest, &back))
        return -1;
    wrg_xenstore_set_observer(t.xen.store, &observer);
    g.front = &g.front_guest.port;
    g.back = &g.back_guest.port;
    return 0;
}

BENCH int setup_guests(void **state)
{
    return setup_guests_engine(WRG_ENGINE_FIBER);
}

BENCH int teardown_guests(void **state)
{
    wrg_sched_reset(&t.sched); /* joins or unwinds what still uses the guests */
    wrg_guest_fini(&g.front_guest);
    wrg_guest_fini(&g.back_guest);
    return teardown_xen(state);
}

#define G(f) cmocka_unit_test_setup_teardown(f, setup_guests, teardown_guests)

BENCH void hooks(bool on)
{
    wrg_guest_set_hooks(&g.front_guest, on);
    wrg_guest_set_hooks(&g.back_guest, on);
}

BENCH void run_idle(void)
{
    assert_int_equal(wrg_sched_run(&t.sched), WRG_SCHED_IDLE);
}

BENCH uint32_t make_task(struct wrg_port *port, void (*fn)(void *), void *arg, bool worker)
{
    struct wrg_task_create args = { .fn = fn, .arg = arg, .name = "test", .worker = worker };

    assert_int_equal(wrg_port_task_create(port, &args), 0);
    return args.task;
}

BENCH uint32_t port_pages(struct wrg_port *port, uint32_t count)
{
    struct wrg_page_alloc args = { .count = count, .zero = true };

    assert_int_equal(wrg_port_page_alloc(port, &args), 0);
    return args.page;
}

#endif
