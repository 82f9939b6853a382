/* SPDX-License-Identifier: MIT */
/* Xen as a whole: accesses and the fetch shadow together, death, snapshot and trace. */
#include "xen/test_xen.h"

#include <wringer/wire.h>

/* A one-page ring of the front that the back maps and declares. */
static struct {
    uint32_t front, back; /* handles */
    uint32_t frame;
} r;

static int setup_ring(void **state)
{
    if (setup_xen(state))
        return -1;
    r.front = page_of(t.front, 1);
    r.back = back_maps(grant_page(t.front, WRG_DOM_BACK, r.front, false), false);
    r.frame = frame_of(t.front, r.front);
    const struct wrg_fetch_declare declare = {
        .seat = WRG_SEAT_BACK, .abi = WRG_ABI_X86_64, .npages = 1, .page = r.back
    };
    assert_int_equal(wrg_fetch_declare(&t.xen.fetch, &t.back->spots, &declare), 0);
    forget_events();
    return 0;
}

#define R(f) cmocka_unit_test_setup_teardown(f, setup_ring, teardown_xen)

static void back_loads(uint32_t page, uint32_t off, void *buf, uint32_t len)
{
    struct wrg_access access = { .page = page, .off = off, .len = len, .buf = buf };

    wrg_xen_access(&t.xen, t.back, &access);
}

static const struct wrg_event *last_load(void)
{
    return &nth_event(WRG_EV_LOAD, count_events(WRG_EV_LOAD) - 1)->ev;
}

static void slot_read_twice__flagged_with_its_request(void **state)
{
    uint8_t slot[112];

    back_loads(r.back, WRG_WIRE_RING, slot, sizeof(slot));
    assert_int_equal(wrg_event_class(last_load()), WRG_SHARED_RING_SLOT);
    assert_int_equal(wrg_event_flag(last_load()), 0);
    assert_int_equal(wrg_event_request(last_load()), 1);
    back_loads(r.back, WRG_WIRE_RING + 1, slot, 1);
    assert_int_equal(wrg_event_flag(last_load()), 1);
    assert_int_equal(wrg_event_request(last_load()), 1);
}

static void response_published__next_lap_is_no_double_fetch(void **state)
{
    uint8_t slot[112];
    uint32_t index = 1;
    struct wrg_access publish = { .page = r.back,
                                  .off = WRG_WIRE_RSP_PROD,
                                  .len = 4,
                                  .write = true,
                                  .buf = &index,
                                  .order = WRG_ORDER_RELEASE };

    back_loads(r.back, WRG_WIRE_RING, slot, sizeof(slot));
    wrg_xen_access(&t.xen, t.back, &publish);
    assert_int_equal(wrg_event_class(&nth_event(WRG_EV_STORE, 0)->ev), WRG_SHARED_RING_INDEX);
    back_loads(r.back, WRG_WIRE_RING, slot, sizeof(slot));
    assert_int_equal(wrg_event_flag(last_load()), 0);
    assert_int_equal(wrg_event_request(last_load()), 2);
}

static void indirect_page_mapped_after_its_request__double_fetch_is_seen(void **state)
{
    uint32_t page = page_of(t.front, 1);
    uint32_t gref = grant_page(t.front, WRG_DOM_BACK, page, true);
    struct wrg_blkif_request request = { .operation = WRG_BLKIF_OP_INDIRECT,
                                         .nr_segments = 20,
                                         .indirect_grefs = { gref } };
    uint8_t slot[112] = { 0 };
    uint8_t segment[8];

    (void)wrg_wire_put_request(WRG_ABI_X86_64, &request, slot);
    wrg_xen_patch(&t.xen, r.frame, WRG_WIRE_RING, slot, sizeof(slot));
    back_loads(r.back, WRG_WIRE_RING, slot, sizeof(slot));
    uint32_t mapped = back_maps(gref, true);
    back_loads(mapped, 8, segment, sizeof(segment));
    assert_int_equal(wrg_event_class(last_load()), WRG_SHARED_INDIRECT);
    assert_int_equal(wrg_event_request(last_load()), 1);
    assert_int_equal(wrg_event_flag(last_load()), 0);
    back_loads(mapped, 12, segment, 1);
    assert_int_equal(wrg_event_flag(last_load()), 1);
}

static void tamper_case(uint8_t mode, uint64_t value, uint32_t want)
{
    uint32_t word = 0x11223344;

    t.xen.fetch.ntampers = 1;
    t.xen.fetch.tampers[0] = (struct wrg_tamper){ .request = t.xen.fetch.rings[1][0].requests + 1,
                                                  .fetch = 2,
                                                  .off = 4,
                                                  .len = 4,
                                                  .mode = mode,
                                                  .value = value };
    t.xen.fetch.tamper_on = true;
    t.xen.fetch.tamper_seat = WRG_SEAT_BACK;
    uint32_t slot = WRG_WIRE_RING + t.xen.fetch.rings[1][0].requests * 112;
    uint8_t buf[16];
    wrg_xen_patch(&t.xen, r.frame, slot + 20, &word, sizeof(word));
    back_loads(r.back, slot, buf, 16);
    assert_false(t.xen.fetch.tampers[0].fired);
    back_loads(r.back, slot + 16, buf, 16); /* the second fetch, of 16..31 */
    memcpy(&word, buf + 4, sizeof(word));
    assert_int_equal(word, want);
    assert_true(t.xen.fetch.tampers[0].fired);
    wrg_xen_peek(&t.xen, r.frame, slot + 20, &word, sizeof(word));
    assert_int_equal(word, want);
}

static void tamper__changes_memory_just_before_the_fetch(void **state)
{
    tamper_case(0, 0xdeadbeef, 0xdeadbeef);
    assert_int_equal(count_events(WRG_EV_TAMPER), 1);
    assert_int_equal(nth_event(WRG_EV_TAMPER, 0)->ev.a, r.frame);
    assert_int_equal(nth_event(WRG_EV_TAMPER, 0)->ev.role, WRG_ROLE_SCRIPT);
    tamper_case(1, 0xff, 0x112233bb);
    tamper_case(2, 0x100, 0x11223444);
}

static void tamper_beyond_the_page__stays_unfired(void **state)
{
    uint8_t buf[16];

    t.xen.fetch.ntampers = 1;
    t.xen.fetch.tampers[0] = (struct wrg_tamper){ .request = 1, .fetch = 1, .off = 4095, .len = 2 };
    t.xen.fetch.tamper_on = true;
    t.xen.fetch.tamper_seat = WRG_SEAT_BACK;
    back_loads(r.back, WRG_WIRE_RING, buf, sizeof(buf));
    assert_false(t.xen.fetch.tampers[0].fired);
    assert_int_equal(count_events(WRG_EV_TAMPER), 0);
}

static void peek_and_patch__leave_no_marks(void **state)
{
    uint8_t buf[8];

    wrg_xen_peek(&t.xen, r.frame, WRG_WIRE_RING, buf, sizeof(buf));
    wrg_xen_patch(&t.xen, r.frame, WRG_WIRE_RING, buf, sizeof(buf));
    assert_int_equal(t.nseen, 0);
    back_loads(r.back, WRG_WIRE_RING, buf, sizeof(buf));
    assert_int_equal(wrg_event_flag(last_load()), 0);
}

/* ---- domains ---- */

static void dead_domain__gone_for_everybody(void **state)
{
    assert_ptr_equal(wrg_xen_domain(&t.xen, WRG_DOM_BACK), t.back);
    wrg_xen_kill_domain(&t.xen, WRG_DOM_BACK);
    assert_null(wrg_xen_domain(&t.xen, WRG_DOM_BACK));
    assert_int_equal(count_events(WRG_EV_DEATH), 1);
    wrg_xen_kill_domain(&t.xen, WRG_DOM_BACK); /* again: nothing happens */
    assert_int_equal(count_events(WRG_EV_DEATH), 1);
    wrg_xen_reset(&t.xen);
    assert_ptr_equal(wrg_xen_domain(&t.xen, WRG_DOM_BACK), t.back);
}

static void loop(void *arg)
{
    ++*(uint32_t *)arg;
    for (;;)
        wrg_sched_yield(&t.sched);
}

static void kill_back(void *arg)
{
    for (unsigned i = 0; i < 10; i++)
        wrg_sched_yield(&t.sched);
    wrg_xen_kill_domain(&t.xen, WRG_DOM_BACK);
}

static void domain_dies__its_tasks_never_run_again(void **state)
{
    uint32_t ran = 0;
    const struct wrg_task_args victim = { .fn = loop, .arg = &ran, .role = WRG_ROLE_BACK };
    const struct wrg_task_args killer = { .fn = kill_back, .role = WRG_ROLE_TOOLSTACK };

    assert_true(wrg_sched_task_create(&t.sched, &victim) >= 0);
    assert_true(wrg_sched_task_create(&t.sched, &killer) >= 0);
    assert_int_equal(wrg_sched_run(&t.sched), WRG_SCHED_IDLE);
    assert_int_equal(ran, 1);
    wrg_sched_reset(&t.sched);
}

static void unknown_domid__no_domain(void **state)
{
    /* volatile: gcc sees constants beyond the array, and not that the bound is looked at first */
    volatile uint16_t next = WRG_DOMAINS;
    volatile uint16_t reserved = 0x7ff0;

    assert_null(wrg_xen_domain(&t.xen, next));
    assert_null(wrg_xen_domain(&t.xen, reserved));
}

/* ---- findings, snapshot ---- */

static void report_first_load(void *ctx, const struct wrg_event *ev, const void *payload,
                              uint32_t len)
{
    wrg_trace_report(&t.trace, WRG_RULE_GNT_001, ev, "planted");
}

static void load_then_count(void *arg)
{
    uint8_t byte;

    back_loads(r.back, 0, &byte, 1);
    ++*(uint32_t *)arg;
}

static void finding_in_a_task__ends_the_run_there(void **state)
{
    uint32_t went_on = 0;
    const struct wrg_task_args task = { .fn = load_then_count,
                                        .arg = &went_on,
                                        .role = WRG_ROLE_BACK };

    wrg_trace_subscribe(&t.trace, WRG_EV_LOAD, report_first_load, NULL);
    int id = wrg_sched_task_create(&t.sched, &task);
    assert_true(id >= 0);
    assert_int_equal(wrg_sched_run(&t.sched), WRG_SCHED_STOPPED);
    assert_int_equal(went_on, 0);
    assert_int_equal(t.trace.finding.rule, WRG_RULE_GNT_001);
    assert_int_equal(last_load()->task, id);
    wrg_sched_reset(&t.sched);
}

static void too_much_in_use__no_snapshot(void **state)
{
    page_of(t.front, 2000);
    assert_null(wrg_xen_save(&t.xen));
}

static uint64_t hash_of_some_work(void)
{
    uint8_t slot[112];
    uint32_t gref = grant_page(t.front, WRG_DOM_BACK, page_of(t.front, 1), false);

    back_loads(r.back, WRG_WIRE_RING, slot, sizeof(slot));
    uint32_t mapped = back_maps(gref, false);
    back_loads(mapped, 0, slot, 8);
    unmap_page(t.back, mapped);
    assert_int_equal(end_grant(t.front, gref), 0);
    return wrg_trace_hash(&t.trace);
}

static void work_after_restore__hash_of_the_first_time(void **state)
{
    struct wrg_trace_saved trace;
    struct wrg_xen_saved *saved = wrg_xen_save(&t.xen);

    assert_non_null(saved);
    wrg_trace_save(&t.trace, &trace);
    uint64_t first = hash_of_some_work();
    assert_true(first != 0);
    for (unsigned i = 0; i < 5; i++) {
        page_of(t.front, i + 1); /* something else happens in between */
        (void)hash_of_some_work();
        wrg_xen_restore(&t.xen, saved);
        wrg_trace_restore(&t.trace, &trace);
        assert_true(hash_of_some_work() == first);
    }
    wrg_xen_saved_free(saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        R(slot_read_twice__flagged_with_its_request),
        R(response_published__next_lap_is_no_double_fetch),
        R(indirect_page_mapped_after_its_request__double_fetch_is_seen),
        R(tamper__changes_memory_just_before_the_fetch),
        R(tamper_beyond_the_page__stays_unfired),
        R(peek_and_patch__leave_no_marks),
        X(dead_domain__gone_for_everybody),
        X(domain_dies__its_tasks_never_run_again),
        X(unknown_domid__no_domain),
        R(finding_in_a_task__ends_the_run_there),
        X(too_much_in_use__no_snapshot),
        R(work_after_restore__hash_of_the_first_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
