/* SPDX-License-Identifier: MIT */
/*
 * For tests of one reference driver against domain 0's writes, which stand for the other end: a
 * device in xenstore, and a driver brought to a state of its own. Layer: world, tests only. Each
 * test has fresh guests in `g` and the driver in `self`.
 */
#ifndef WRG_WORLD_DRIVER_FIXTURE_H
#define WRG_WORLD_DRIVER_FIXTURE_H

#include "guest/test_guest.h"
#include "toolstack/toolstack.h"

#include <wringer/scan.h>

extern const struct wrg_endpoint wrg_front_endpoint;
extern const struct wrg_endpoint wrg_back_endpoint;

#define FRONT "/local/domain/1/device/vbd/51712"
#define BACK  "/local/domain/2/backend/vbd/1/51712"

static const struct wrg_vbd_id xvda = { .front_domid = WRG_DOM_FRONT,
                                        .back_domid = WRG_DOM_BACK,
                                        .vdev = 51712 };
static void *self;

/* ---- domain 0 ---- */

BENCH struct wrg_xs_call dom0(void)
{
    return (struct wrg_xs_call){ .conn = t.xen.domains[WRG_DOM_TOOLSTACK].xs_conn };
}

BENCH void set(const char *path, const char *value)
{
    const struct wrg_xs_call call = dom0();

    assert_int_equal(wrg_xenstore_write(t.xen.store, &call, path, value, strlen(value)), 0);
}

BENCH void set_number(const char *path, uint64_t value)
{
    char text[WRG_FORMAT_U64_MAX + 1];

    wrg_format_u64(value, text);
    set(path, text);
}

BENCH void take(const char *path)
{
    const struct wrg_xs_call call = dom0();

    assert_int_equal(wrg_xenstore_rm(t.xen.store, &call, path), 0);
}

/* What stands there; "" if nothing does. */
BENCH const char *get(const char *path)
{
    static char text[128];
    const struct wrg_xs_call call = dom0();
    struct wrg_xs_reply reply = { .data = text, .cap = sizeof(text) - 1 };

    if (wrg_xenstore_read(t.xen.store, &call, path, &reply))
        return "";
    text[reply.len] = 0;
    return text;
}

BENCH void hotplug(void)
{
    uint16_t conn = dom0().conn;

    assert_int_equal(wrg_toolstack_hotplug_done(t.xen.store, conn, &xvda, 0xca, 1), 0);
}

/* Until nobody can run any more; timers come in their time. */
BENCH void settle(void)
{
    run_idle();
}

BENCH int setup(void **state)
{
    const struct wrg_vbd_spec spec = { .id = xvda };
    uint16_t conn;

    if (setup_guests(state))
        return -1;
    conn = dom0().conn;
    strcpy(g.front->nodename, FRONT);
    strcpy(g.back->nodename, BACK);
    g.back->params = (struct wrg_params){ .indirect_max = 32, .ring_order = 4 };
    g.front->params = (struct wrg_params){ .indirect_max = 32 };
    return wrg_toolstack_add_domain(t.xen.store, conn, WRG_DOM_FRONT) ||
           wrg_toolstack_add_domain(t.xen.store, conn, WRG_DOM_BACK) ||
           wrg_toolstack_add_vbd(t.xen.store, conn, &spec);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown_guests)

BENCH void start(const struct wrg_endpoint *endpoint, struct wrg_port *port)
{
    assert_int_equal(endpoint->start(port, &self), 0);
    settle();
}

/* ---- the backend ---- */

/* What offer_ring has offered. */
BENCH uint32_t ring_page, ring_evtchn;

/* A ring page and a port, and the nodes that name them, as a frontend offers them. */
BENCH void offer_ring(void)
{
    uint32_t page = port_pages(g.front, 1);
    uint32_t gref;
    struct wrg_gnttab_grant grant = {
        .domid = WRG_DOM_BACK, .count = 1, .pages = &page, .grefs = &gref
    };
    struct wrg_evtchn_alloc_unbound port = { .remote_domid = WRG_DOM_BACK };

    assert_int_equal(wrg_port_gnttab_grant(g.front, &grant), 0);
    assert_int_equal(wrg_port_evtchn_alloc_unbound(g.front, &port), 0);
    ring_page = page;
    ring_evtchn = port.evtchn;
    set_number(FRONT "/ring-ref", gref);
    set_number(FRONT "/event-channel", port.evtchn);
    set(FRONT "/protocol", "x86_64-abi");
}

BENCH void front_says(const char *state)
{
    set(FRONT "/state", state);
    settle();
}

/* A backend in that state, with a frontend that has a ring to offer. */
BENCH void back_in(const char *own)
{
    hotplug();
    offer_ring();
    if (strcmp(own, "1") == 0)
        set(BACK "/online", "0"); /* a device that is not wanted is not announced */
    start(&wrg_back_endpoint, g.back);
    set(BACK "/online", "1");
    if (*own >= '4')
        front_says("3");
    if (*own == '5')
        front_says("5");
    if (*own == '6')
        front_says("6");
    assert_string_equal(get(BACK "/state"), own);
}

/* ---- the frontend ---- */

BENCH void back_says(const char *state)
{
    set(BACK "/state", state);
    settle();
}

BENCH void offer_disk(void)
{
    set(BACK "/sectors", "64");
    set(BACK "/sector-size", "512");
}

BENCH void front_in(const char *own)
{
    offer_disk();
    start(&wrg_front_endpoint, g.front);
    if (*own >= '3')
        back_says("2");
    if (*own >= '4')
        back_says("4");
    if (*own == '6')
        back_says("6");
}

#endif
