/* SPDX-License-Identifier: MIT */
/*
 * A simulated Xen with a scheduler on fibers and a trace that is kept: the bench of the tests of
 * xen and of the layers above it. Layer: xen, tests only. Each test has a fresh one, `t`.
 */
#ifndef WRG_XEN_TEST_XEN_H
#define WRG_XEN_TEST_XEN_H

#include "base/sanitizers.h"
#include "xen/hypervisor.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/event_channel.h>

/* Not every test file needs every part. */
#define BENCH    __attribute__((unused)) static

#define SEEN_MAX 16384

struct seen {
    struct wrg_event ev;
    uint32_t len;
    uint8_t payload[WRG_TRACE_PAYLOAD_MAX];
};

struct test_xen {
    struct wrg_sched sched;
    struct wrg_trace trace;
    struct wrg_fault fault;
    struct wrg_xen xen;
    struct wrg_domain *front, *back, *stranger;
    uint32_t nseen;
    struct seen seen[SEEN_MAX];
};

BENCH struct test_xen t;

BENCH void keep_event(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    assert_true(t.nseen < SEEN_MAX);
    struct seen *seen = &t.seen[t.nseen++];
    seen->ev = *ev;
    seen->len = len;
    if (len)
        memcpy(seen->payload, payload, len);
}

BENCH int setup_xen_engine(enum wrg_engine engine)
{
    const struct wrg_sched_limits sched = { .engine = engine };
    const struct wrg_xen_limits limits = { .frames = 8192, .mappings = 8192 };

    memset(&t, 0, sizeof(t));
    if (wrg_sched_init(&t.sched, &sched))
        return -1;
    wrg_trace_init(&t.trace);
    t.trace.on = true;
    t.trace.hashing = engine == WRG_ENGINE_FIBER;
    t.trace.parallel = t.xen.parallel = engine == WRG_ENGINE_THREAD;
    wrg_trace_tap(&t.trace, keep_event, NULL);
    wrg_fault_begin(&t.fault);
    t.xen.sched = &t.sched;
    t.xen.trace = &t.trace;
    t.xen.fault = &t.fault;
    if (wrg_xen_init(&t.xen, &limits))
        return -1;
    t.front = &t.xen.domains[WRG_DOM_FRONT];
    t.back = &t.xen.domains[WRG_DOM_BACK];
    t.stranger = &t.xen.domains[WRG_DOM_STRANGER];
    wrg_sched_begin(&t.sched, &(struct wrg_sched_run){ .strategy = WRG_STRATEGY_STAY });
    return 0;
}

BENCH int setup_xen(void **state)
{
    return setup_xen_engine(WRG_ENGINE_FIBER);
}

BENCH int teardown_xen(void **state)
{
    wrg_xen_fini(&t.xen);
    wrg_sched_fini(&t.sched);
    return 0;
}

#define X(f) cmocka_unit_test_setup_teardown(f, setup_xen, teardown_xen)

/* ---- what ASan catches ---- */

/* Whether fn ends the process with a report of ASan; runs in a child. */
BENCH bool dies_of_asan(void (*fn)(void *arg), void *arg)
{
    char text[16384];
    size_t len = 0;
    ssize_t got = 0;
    int ends[2], status;

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        fn(arg);
        _exit(0);
    }
    close(ends[1]);
    do {
        got = read(ends[0], text + len, sizeof(text) - 1 - len);
        len += got > 0 ? (size_t)got : 0;
    } while (got > 0);
    text[len] = 0;
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status != 0 && strstr(text, "AddressSanitizer");
}

/* ---- what was seen ---- */

BENCH void forget_events(void)
{
    t.nseen = 0;
}

BENCH uint32_t count_events(enum wrg_event_kind kind)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < t.nseen; i++)
        count += t.seen[i].ev.kind == kind;
    return count;
}

/* The n-th (from 0) of a kind, or NULL. */
BENCH const struct seen *nth_event(enum wrg_event_kind kind, uint32_t n)
{
    for (uint32_t i = 0; i < t.nseen; i++)
        if (t.seen[i].ev.kind == kind && n-- == 0)
            return &t.seen[i];
    return NULL;
}

/* The rule of the only violation since forget_events; CLEAN if there was none. */
BENCH uint64_t violation(void)
{
    const struct seen *seen = nth_event(WRG_EV_VIEW_FAULT, 0);

    assert_true(count_events(WRG_EV_VIEW_FAULT) <= 1);
    return seen ? seen->ev.c : WRG_RULE_CLEAN;
}

/* ---- short ways ---- */

BENCH uint32_t page_of(struct wrg_domain *dom, uint32_t count)
{
    uint32_t page = wrg_xen_page_alloc(&t.xen, dom, count, WRG_FILL_ZERO);

    assert_int_not_equal(page, WRG_NO_PAGE);
    return page;
}

BENCH uint8_t *bytes_of(const struct wrg_domain *dom, uint32_t page)
{
    const struct wrg_view *view = wrg_xen_view(dom, page);

    assert_non_null(view);
    wrg_memory_mark(&t.xen.memory, view->frame); /* for whoever writes there */
    return view->base;
}

BENCH uint32_t frame_of(const struct wrg_domain *dom, uint32_t page)
{
    const struct wrg_view *view = wrg_xen_view(dom, page);

    assert_non_null(view);
    return view->frame;
}

BENCH uint32_t grant_page(struct wrg_domain *dom, uint16_t to, uint32_t page, bool readonly)
{
    uint32_t gref = WRG_NO_GREF;
    struct wrg_gnttab_grant args = {
        .domid = to, .readonly = readonly, .count = 1, .pages = &page, .grefs = &gref
    };

    assert_int_equal(wrg_gnttab_grant(&t.xen, dom, &args), 0);
    return gref;
}

BENCH uint32_t end_grant(struct wrg_domain *dom, uint32_t gref)
{
    struct wrg_gnttab_end args = { .count = 1, .grefs = &gref };

    wrg_gnttab_end(&t.xen, dom, &args);
    return args.still_in_use;
}

struct map_result {
    int16_t status;
    uint32_t page;
};

BENCH struct map_result map_gref(struct wrg_domain *dom, uint16_t granter, uint32_t gref,
                                 bool readonly)
{
    struct wrg_gnttab_map_op op = { .gref = gref, .status = 77 };
    struct wrg_gnttab_map args = { .domid = granter, .readonly = readonly, .count = 1, .ops = &op };

    assert_int_equal(wrg_gnttab_map(&t.xen, dom, &args), 0);
    return (struct map_result){ op.status, op.page };
}

/* Maps a gref of the front into the back; must succeed. */
BENCH uint32_t back_maps(uint32_t gref, bool readonly)
{
    struct map_result result = map_gref(t.back, WRG_DOM_FRONT, gref, readonly);

    assert_int_equal(result.status, GNTST_okay);
    return result.page;
}

BENCH void unmap_page(struct wrg_domain *dom, uint32_t page)
{
    struct wrg_gnttab_unmap args = { .count = 1, .pages = &page };

    wrg_gnttab_unmap(&t.xen, dom, &args);
}

#endif
