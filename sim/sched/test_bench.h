/* SPDX-License-Identifier: MIT */
/*
 * A scheduler on fibers with small tasks that leave letters behind: the bench of this layer's
 * tests. Layer: sched, tests only. Each test has a fresh one, `b`.
 */
#ifndef WRG_SCHED_TEST_BENCH_H
#define WRG_SCHED_TEST_BENCH_H

#include "sched/sched.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Not every test file needs every body. */
#define BENCH __attribute__((unused)) static

enum { FRONT, BACK, SCRIPT };

struct bench {
    struct wrg_sched sched;
    char trace[4096]; /* a letter an event */
    size_t trace_len;
    int ids[8];
    int rc;
    uint64_t at_ns;
    unsigned runs;
};

BENCH struct bench b;

BENCH void put(char c)
{
    if (b.trace_len < sizeof(b.trace) - 1)
        b.trace[b.trace_len++] = c;
    b.trace[b.trace_len] = 0;
}

BENCH int setup(void **state)
{
    struct wrg_sched_limits limits = { .engine = WRG_ENGINE_FIBER };

    memset(&b, 0, sizeof(b));
    return wrg_sched_init(&b.sched, &limits);
}

BENCH int teardown(void **state)
{
    wrg_sched_fini(&b.sched);
    return 0;
}

BENCH int make(void (*fn)(void *), intptr_t arg, uint8_t role, bool worker)
{
    int id = wrg_sched_task_create(
        &b.sched, &(struct wrg_task_args){
                      .fn = fn, .arg = (void *)arg, .name = "t", .role = role, .worker = worker });

    assert_true(id >= 0);
    return id;
}

BENCH void begin(enum wrg_strategy strategy, uint64_t seed)
{
    wrg_sched_begin(&b.sched, &(struct wrg_sched_run){ .strategy = strategy, .seed = seed });
}

BENCH void clear_trace(void)
{
    b.trace_len = 0;
    b.trace[0] = 0;
}

/* ---- bodies ---- */

BENCH void four_points(void *arg)
{
    for (int i = 0; i < 4; i++) {
        wrg_sched_point(&b.sched, WRG_POINT_LOAD);
        put((char)(intptr_t)arg);
    }
}

BENCH void count_run(void *arg)
{
    b.runs++;
    put((char)(intptr_t)arg);
}

BENCH void wait_once(void *arg)
{
    b.rc = wrg_sched_wait(&b.sched, (uint64_t)(intptr_t)arg);
    b.at_ns = wrg_sched_now(&b.sched);
    put('w');
}

BENCH void forever(void *arg)
{
    for (;;)
        wrg_sched_point(&b.sched, WRG_POINT_LOAD);
}

BENCH void sleeper(void *arg)
{
    intptr_t n = (intptr_t)arg;
    int rc = wrg_sched_wait(&b.sched, (uint64_t)(10 - n) * 100);

    put(rc == -ETIMEDOUT ? (char)('0' + n) : '!');
}

BENCH void set_timer(int task, uint64_t at, bool housekeeping)
{
    int id = wrg_sched_timer_set(&b.sched, &(struct wrg_timer_args){ task, at, housekeeping });

    assert_true(id >= 0);
}

BENCH void run_three(enum wrg_strategy strategy, uint64_t seed)
{
    wrg_sched_reset(&b.sched);
    clear_trace();
    begin(strategy, seed);
    for (int i = 0; i < 3; i++)
        make(four_points, 'a' + i, FRONT, false);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_int_equal(b.trace_len, 12);
    assert_int_equal(b.sched.steps, 15);
}

BENCH void stop_here(void *arg)
{
    put('s');
    wrg_sched_stop(&b.sched);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
