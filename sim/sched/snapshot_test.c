/* SPDX-License-Identifier: MIT */
#include "sched/test_bench.h"

#include <sys/resource.h>

/* What save and restore keep, and what bad endings cost. */

/* ---- snapshots ---- */

static void ping(void *arg)
{
    four_points(arg);
    if (b.runs++ % 8 < 7)
        wrg_sched_wake(&b.sched, b.ids[arg == (void *)'a']);
}

static char snap[WRG_SCHED_SAVE_MAX];

static void connect_world(void)
{
    wrg_sched_reset(&b.sched);
    b.runs = 0;
    begin(WRG_STRATEGY_STAY, 0);
    b.ids[0] = make(ping, 'a', FRONT, true);
    b.ids[1] = make(ping, 'b', BACK, true);
    set_timer(b.ids[0], 1000, true);
    make(wait_once, 50, SCRIPT, false); /* runs and exits: part of the connect */
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    clear_trace();
}

static void go_after_connect(void)
{
    begin(WRG_STRATEGY_STICKY, 3);
    wrg_sched_wake(&b.sched, b.ids[0]);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    put((char)('0' + b.sched.steps % 10));
    put((char)('0' + wrg_sched_now(&b.sched) / 10));
}

static void restored_world__runs_as_a_fresh_one_does(void **state)
{
    char first[sizeof(b.trace)];
    size_t size;

    connect_world();
    size = wrg_sched_save(&b.sched, snap, sizeof(snap));
    assert_in_range(size, 1, sizeof(snap));
    go_after_connect();
    memcpy(first, b.trace, sizeof(first));
    assert_int_equal(wrg_sched_save(&b.sched, snap + size, 10), 0); /* too small */
    for (int i = 0; i < 3; i++) {
        wrg_sched_restore(&b.sched, snap);
        b.runs = 0;
        clear_trace();
        go_after_connect();
        assert_string_equal(first, b.trace);
        make(stop_here, 0, SCRIPT, false);
        make(wait_once, -1, SCRIPT, false);
        assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_STOPPED);
    }
    connect_world();
    go_after_connect();
    assert_string_equal(first, b.trace);
}

static void world_that_is_not_quiet__cannot_be_saved(void **state)
{
    int id = make(count_run, 'a', FRONT, true);

    assert_true(wrg_sched_save(&b.sched, snap, sizeof(snap)) > 0);
    wrg_sched_wake(&b.sched, id);
    assert_int_equal(wrg_sched_save(&b.sched, snap, sizeof(snap)), 0);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_true(wrg_sched_save(&b.sched, snap, sizeof(snap)) > 0);
    make(wait_once, -1, FRONT, false);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_int_equal(wrg_sched_save(&b.sched, snap, sizeof(snap)), 0);
}

static void one_dirty_run(uint64_t seed)
{
    wrg_sched_reset(&b.sched);
    b.runs = 0;
    wrg_sched_begin(&b.sched, &(struct wrg_sched_run){ .strategy = WRG_STRATEGY_STICKY,
                                                       .seed = seed,
                                                       .budget_steps = 60 });
    b.ids[0] = make(ping, 'a', FRONT, true);
    b.ids[1] = make(ping, 'b', BACK, true);
    make(wait_once, -1, SCRIPT, false);
    make(seed % 2 ? stop_here : forever, 0, SCRIPT, false);
    wrg_sched_wake(&b.sched, b.ids[0]);
    assert_int_not_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    clear_trace();
}

static void ten_thousand_runs_that_end_badly__no_growth(void **state)
{
    struct rusage before, after;

    for (uint64_t seed = 0; seed < 5000; seed++)
        one_dirty_run(seed);
    getrusage(RUSAGE_SELF, &before);
    for (uint64_t seed = 0; seed < 10000; seed++)
        one_dirty_run(seed);
    getrusage(RUSAGE_SELF, &after);
    assert_in_range(after.ru_maxrss - before.ru_maxrss, 0, 512); /* KiB */
    assert_in_range(after.ru_minflt - before.ru_minflt, 0, 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(restored_world__runs_as_a_fresh_one_does),
        T(world_that_is_not_quiet__cannot_be_saved),
        T(ten_thousand_runs_that_end_badly__no_growth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
