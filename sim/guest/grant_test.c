/* SPDX-License-Identifier: MIT */
/* What a guest's kernel does about grants: patience with pages that are paged out, and retries. */
#include <wringer/grant.h>

#include "guest/test_guest.h"

#define MS UINT64_C(1000000)

static struct {
    uint32_t task;
    uint32_t grefs[40];
    struct wrg_gnttab_map_op ops[3];
    struct wrg_gnttab_map map;
    struct wrg_gnttab_copy_op copy_op;
    int result;
    unsigned runs;
} s;

static int setup(void **state)
{
    memset(&s, 0, sizeof(s));
    if (setup_guests(state))
        return -1;
    for (unsigned i = 0; i < WRG_ARRAY_LEN(s.grefs); i++)
        s.grefs[i] = grant_page(t.front, WRG_DOM_BACK, page_of(t.front, 1), false);
    for (unsigned i = 0; i < 3; i++)
        s.ops[i].gref = s.grefs[i];
    s.map = (struct wrg_gnttab_map){ .domid = WRG_DOM_FRONT, .count = 3, .ops = s.ops };
    return 0;
}

#define P(f) cmocka_unit_test_setup_teardown(f, setup, teardown_guests)

static void fail_maps(uint32_t nth, uint16_t count, int32_t status)
{
    const struct wrg_fault_rule rule = {
        .site = WRG_FAULT_GNTTAB_MAP, .nth = nth, .count = count, .status = status
    };

    assert_true(wrg_fault_add(&t.fault, &rule));
    wrg_fault_enable(&t.fault, true);
}

/* ---- patience ---- */

static void map_patiently(void *arg)
{
    if (s.runs++ == 0)
        s.result = wrg_grant_map_patiently(g.back, &s.map, s.task);
}

/* Virtual time that the call took. */
static uint64_t run_map(void)
{
    s.task = make_task(g.back, map_patiently, NULL, true);
    wrg_sched_wake(&t.sched, (int)s.task);
    run_idle();
    return wrg_sched_now(&t.sched) / MS;
}

static void eagain_three_times__mapped_after_1_and_2_and_3_ms(void **state)
{
    fail_maps(2, 1, GNTST_eagain); /* the second of the batch; then its retries, 4th call on */
    fail_maps(4, 2, GNTST_eagain);
    assert_int_equal(run_map(), 1 + 2 + 3);
    assert_int_equal(s.result, 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(s.ops[i].status, GNTST_okay);
    assert_int_equal(t.back->mappings.taken, 3);
}

static void eagain_for_ever__bad_page_after_255_tries(void **state)
{
    s.map.count = 1;
    fail_maps(1, 1000, GNTST_eagain);
    assert_int_equal(run_map(), 255 * 256 / 2);
    assert_int_equal(s.ops[0].status, GNTST_bad_page);
    assert_int_equal(wrg_fault_calls(&t.fault, WRG_FAULT_GNTTAB_MAP, WRG_CASE_WHOSE_ANY), 1 + 255);
    assert_int_equal(t.back->mappings.taken, 0);
}

static void other_errors__not_tried_again(void **state)
{
    s.ops[1].gref = UINT32_MAX;
    assert_int_equal(run_map(), 0);
    assert_int_equal(s.ops[1].status, GNTST_bad_gntref);
    assert_int_equal(wrg_fault_calls(&t.fault, WRG_FAULT_GNTTAB_MAP, WRG_CASE_WHOSE_ANY), 3);
}

static void window_with_an_eagain__whole_window_again(void **state)
{
    s.map.contiguous = true;
    fail_maps(2, 1, GNTST_eagain);
    assert_int_equal(run_map(), 1);
    assert_int_equal(s.result, 0);
    assert_int_equal(s.ops[2].page, s.ops[0].page + 2);
}

static void window_paged_out_for_ever__bad_page(void **state)
{
    s.map.contiguous = true;
    fail_maps(1, 10000, GNTST_eagain);
    assert_int_equal(run_map(), 255 * 256 / 2);
    assert_int_not_equal(s.result, 0);
    assert_int_equal(s.ops[0].status, GNTST_bad_page);
}

static void waker(void *arg)
{
    struct wrg_task_wake wake = { .task = s.task };

    (void)wrg_port_task_wake(g.back, &wake);
}

static void wake_while_it_waits__not_lost_and_no_shorter_wait(void **state)
{
    s.map.count = 1;
    fail_maps(1, 2, GNTST_eagain);
    s.task = make_task(g.back, map_patiently, NULL, true);
    wrg_sched_wake(&t.sched, (int)s.task);
    make_task(g.back, waker, NULL, false);
    run_idle();
    assert_int_equal(wrg_sched_now(&t.sched) / MS, 1 + 2);
    assert_int_equal(s.ops[0].status, GNTST_okay);
    assert_int_equal(s.runs, 2);
}

static void copy_patiently(void *arg)
{
    struct wrg_gnttab_copy args = { .domid = WRG_DOM_FRONT, .count = 1, .ops = &s.copy_op };

    s.result = wrg_grant_copy_patiently(g.back, &args, s.task);
}

static void copy_with_eagain__tried_again(void **state)
{
    const struct wrg_fault_rule rule = {
        .site = WRG_FAULT_GNTTAB_COPY, .nth = 1, .count = 2, .status = GNTST_eagain
    };

    assert_true(wrg_fault_add(&t.fault, &rule));
    wrg_fault_enable(&t.fault, true);
    s.copy_op = (struct wrg_gnttab_copy_op){
        .source_is_gref = true, .source = s.grefs[0], .dest = port_pages(g.back, 1), .len = 8
    };
    make_task(g.back, copy_patiently, NULL, false);
    run_idle();
    assert_int_equal(s.copy_op.status, GNTST_okay);
    assert_int_equal(wrg_sched_now(&t.sched) / MS, 1 + 2);
}

/* ---- what a driver abandons ---- */

static uint32_t abandon(uint32_t count, uint32_t pages)
{
    struct wrg_gnttab_end end = {
        .count = count, .grefs = s.grefs, .abandon = true, .abandoned_pages = pages
    };

    assert_int_equal(wrg_port_gnttab_end(g.front, &end), 0);
    return end.still_in_use;
}

static void nothing(void *arg)
{
}

/* Lets the virtual clock pass: housekeeping alone does not make it. */
static void pass_seconds(uint64_t seconds)
{
    const struct wrg_timer_args timer = {
        .task = (int)make_task(g.front, nothing, NULL, true),
        .deadline_ns = wrg_sched_now(&t.sched) + seconds * 1000 * MS + MS / 2,
    };

    assert_true(wrg_sched_timer_set(&t.sched, &timer) >= 0);
    run_idle();
}

static void abandoned_and_let_go__freed_with_its_page_a_second_later(void **state)
{
    uint32_t mapped = back_maps(s.grefs[0], true), gref = s.grefs[0];
    uint32_t own = t.front->own.taken, given = t.front->gnttab.given;

    assert_int_equal(abandon(1, 1), 1);
    assert_int_equal(t.front->gnttab.abandoned_pages, 1);
    assert_int_equal(t.front->gnttab.given, given - 1);
    pass_seconds(3);
    assert_int_equal(t.front->own.taken, own); /* still mapped */
    unmap_page(t.back, mapped);
    pass_seconds(1);
    assert_int_equal(t.front->own.taken, own - 1);
    assert_int_equal(t.front->gnttab.abandoned_pages, 0);
    assert_int_equal(t.front->gnttab.given, given - 1);
    assert_int_equal(g.front_guest.deferred.count, 0);
    assert_int_equal(grant_page(t.front, WRG_DOM_BACK, page_of(t.front, 1), false), gref);
}

static void many_abandoned__ten_a_second(void **state)
{
    uint32_t mapped[35];

    for (unsigned i = 0; i < 35; i++)
        mapped[i] = back_maps(s.grefs[i], false);
    assert_int_equal(abandon(35, 0), 35);
    assert_int_equal(g.front_guest.deferred.count, 35);
    for (unsigned i = 0; i < 35; i++)
        unmap_page(t.back, mapped[i]);
    for (unsigned left = 25; left > 5; left -= 10) {
        pass_seconds(1);
        assert_int_equal(g.front_guest.deferred.count, left);
    }
    pass_seconds(2);
    assert_int_equal(g.front_guest.deferred.count, 0);
}

static void one_that_stays_mapped__does_not_hold_up_the_others(void **state)
{
    back_maps(s.grefs[0], true);
    unsigned last = 14;
    uint32_t mapped = back_maps(s.grefs[last], true);
    for (unsigned i = 1; i < last; i++)
        back_maps(s.grefs[i], true);
    assert_int_equal(abandon(last + 1, 0), last + 1);
    unmap_page(t.back, mapped);
    pass_seconds(2);
    assert_int_equal(g.front_guest.deferred.count, last);
}

static void abandoned_and_nothing_else_to_do__world_comes_to_rest(void **state)
{
    back_maps(s.grefs[0], true);
    assert_int_equal(abandon(1, 0), 1);
    run_idle();
    assert_int_equal(wrg_sched_now(&t.sched), 0);
}

static void pass_time(void *arg)
{
    struct wrg_timer_set again = { *(uint32_t *)arg, 1000 * MS };

    (void)wrg_port_timer_set(g.back, &again);
}

static void timer_of_a_housekeeping_task__does_not_keep_the_world_busy(void **state)
{
    uint32_t self = 0;
    struct wrg_task_create args = {
        .fn = pass_time, .arg = &self, .name = "test", .worker = true, .housekeeping = true
    };
    struct wrg_timer_set first = { .delay_ns = 1000 * MS };

    assert_int_equal(wrg_port_task_create(g.back, &args), 0);
    self = first.task = args.task;
    assert_int_equal(wrg_port_timer_set(g.back, &first), 0);
    run_idle(); /* for ever, if it were work */
    assert_int_equal(wrg_sched_now(&t.sched), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        P(eagain_three_times__mapped_after_1_and_2_and_3_ms),
        P(eagain_for_ever__bad_page_after_255_tries),
        P(other_errors__not_tried_again),
        P(window_with_an_eagain__whole_window_again),
        P(window_paged_out_for_ever__bad_page),
        P(wake_while_it_waits__not_lost_and_no_shorter_wait),
        P(copy_with_eagain__tried_again),
        P(abandoned_and_let_go__freed_with_its_page_a_second_later),
        P(many_abandoned__ten_a_second),
        P(one_that_stays_mapped__does_not_hold_up_the_others),
        P(abandoned_and_nothing_else_to_do__world_comes_to_rest),
        P(timer_of_a_housekeeping_task__does_not_keep_the_world_busy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
