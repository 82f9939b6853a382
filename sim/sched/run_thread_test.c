/* SPDX-License-Identifier: MIT */
#include "sched/sched.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The thread engine: the same tasks under pthreads; ThreadSanitizer watches in its preset. */

enum { FRONT, BACK };

struct bench {
    struct wrg_sched sched;
    int ids[4];
    unsigned count[4]; /* of task i; written by it, read after the run */
    unsigned shared;   /* atomic */
    int rc[4];
    uint64_t at_ns[4];
};

static struct bench *b; /* on the heap: TSan names it in its reports */

static int setup(void **state)
{
    struct wrg_sched_limits limits = { .engine = WRG_ENGINE_THREAD };

    b = calloc(1, sizeof(*b));
    return b ? wrg_sched_init(&b->sched, &limits) : -1;
}

/* Until the first reset. */
static int setup_shared(void **state)
{
    int rc = setup(state);

    if (rc == 0)
        wrg_sched_begin(&b->sched, &(struct wrg_sched_run){ .share = true, .spin = 2 });
    return rc;
}

/* Any pthread runs any task, and there is only one processor. */
static int setup_single(void **state)
{
    cpu_set_t all, one;
    int rc;

    CPU_ZERO(&one);
    if (sched_getaffinity(0, sizeof(all), &all))
        return -1;
    for (int i = 0; CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    if (sched_setaffinity(0, sizeof(one), &one))
        return -1;
    rc = setup_shared(state);
    return sched_setaffinity(0, sizeof(all), &all) ? -1 : rc;
}

static int teardown(void **state)
{
    wrg_sched_fini(&b->sched);
    free(b);
    return 0;
}

static int make(void (*fn)(void *), intptr_t arg, uint8_t role, bool worker)
{
    struct wrg_task_args args = {
        .fn = fn, .arg = (void *)arg, .name = "t", .role = role, .worker = worker
    };
    int id = wrg_sched_task_create(&b->sched, &args);

    assert_true(id >= 0);
    b->ids[arg] = id;
    return id;
}

#define ROUNDS 2000

/* Plain data handed back and forth: a race, unless wake and wait order it. */
static void ping_pong(void *arg)
{
    int me = (int)(intptr_t)arg;

    for (int i = 0; i < ROUNDS; i++) {
        int rc = wrg_sched_wait(&b->sched, WRG_SCHED_FOREVER);

        b->rc[me] |= rc;
        b->count[0]++; /* plain, by both in turn */
        b->count[1 + me]++;
        wrg_sched_wake(&b->sched, b->ids[!me]);
    }
}

static void ping_pong_of_two_threads__every_wake_arrives(void **state)
{
    make(ping_pong, 0, FRONT, false);
    make(ping_pong, 1, BACK, false);
    wrg_sched_wake(&b->sched, b->ids[0]);
    assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_IDLE);
    assert_int_equal(b->count[0], 2 * ROUNDS);
    assert_int_equal(b->count[1], ROUNDS);
    assert_int_equal(b->count[2], ROUNDS);
    assert_int_equal(b->rc[0] | b->rc[1], 0);
}

static void count_run(void *arg)
{
    int me = (int)(intptr_t)arg;

    b->count[me]++;
    b->rc[me] = wrg_sched_current(&b->sched);
}

static void workers_without_a_wake__quiet_at_once(void **state)
{
    make(count_run, 0, FRONT, true);
    make(count_run, 1, BACK, true);
    assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_IDLE);
    wrg_sched_wake(&b->sched, b->ids[1]);
    wrg_sched_wake(&b->sched, b->ids[1]);
    assert_int_equal(b->count[1], 0); /* nothing runs outside a run */
    assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_IDLE);
    assert_int_equal(b->count[0], 0);
    assert_int_equal(b->count[1], 1);
    assert_int_equal(b->rc[1], b->ids[1]);
    assert_int_equal(wrg_sched_current(&b->sched), WRG_TASK_NONE);
}

static void wake_itself(void *arg)
{
    if (b->count[0]++ < 5)
        wrg_sched_wake(&b->sched, b->ids[0]);
}

static void worker_woken_while_it_runs__runs_once_more(void **state)
{
    make(wake_itself, 0, FRONT, true);
    wrg_sched_wake(&b->sched, b->ids[0]);
    assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_IDLE);
    assert_int_equal(b->count[0], 6);
}

static void sleeper(void *arg)
{
    int me = (int)(intptr_t)arg;

    b->rc[me] = wrg_sched_wait(&b->sched, (uint64_t)(4 - me) * 1000000000);
    b->at_ns[me] = wrg_sched_now(&b->sched);
    b->count[me] = __atomic_fetch_add(&b->shared, 1, __ATOMIC_RELAXED);
}

static void timeouts__jump_in_virtual_time_and_in_order(void **state)
{
    for (int i = 0; i < 4; i++)
        make(sleeper, i, FRONT, false);
    assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_IDLE);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(b->rc[i], -ETIMEDOUT);
        assert_int_equal(b->at_ns[i], (4 - i) * UINT64_C(1000000000));
        assert_int_equal(b->count[i], 3 - i);
    }
}

static void only_housekeeping_left__idle(void **state)
{
    struct wrg_timer_args timer = { .deadline_ns = 1000, .housekeeping = true };

    timer.task = make(count_run, 0, FRONT, true);
    assert_true(wrg_sched_timer_set(&b->sched, &timer) >= 0);
    assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_IDLE);
    assert_int_equal(b->count[0], 0);
    timer.housekeeping = false;
    assert_true(wrg_sched_timer_set(&b->sched, &timer) >= 0);
    assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_IDLE);
    assert_int_equal(b->count[0], 1);
}

static void forever(void *arg)
{
    for (;;)
        wrg_sched_point(&b->sched, WRG_POINT_LOAD);
}

static void stop_soon(void *arg)
{
    for (int i = 0; i < 1000; i++)
        wrg_sched_point(&b->sched, WRG_POINT_LOAD);
    wrg_sched_stop(&b->sched);
}

static void wait_for_ever(void *arg)
{
    int me = (int)(intptr_t)arg;

    b->rc[me] = wrg_sched_wait(&b->sched, WRG_SCHED_FOREVER);
    b->count[me]++; /* not reached after a stop */
}

static void stop_by_one_task__ends_the_others_too(void **state)
{
    for (int pass = 0; pass < 20; pass++) {
        make(forever, 0, FRONT, false);
        make(wait_for_ever, 1, FRONT, false);
        make(stop_soon, 2, BACK, false);
        assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_STOPPED);
        wrg_sched_reset(&b->sched);
        assert_int_equal(b->count[1], 0);
    }
    make(count_run, 3, BACK, false);
    assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_IDLE);
    assert_int_equal(b->count[3], 1);
}

static void kill_front(void *arg)
{
    wrg_sched_kill_role(&b->sched, FRONT);
    b->count[2]++;
}

static void role_killed__its_tasks_end_and_the_rest_goes_on(void **state)
{
    make(forever, 0, FRONT, false);
    make(wait_for_ever, 1, FRONT, false);
    make(kill_front, 2, BACK, false);
    assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_IDLE);
    assert_int_equal(b->count[2], 1);
    wrg_sched_wake(&b->sched, b->ids[1]);
    assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_IDLE);
    assert_int_equal(b->count[1], 0);
}

static void deadline_passed__budget_and_reset_joins(void **state)
{
    make(forever, 0, FRONT, false);
    wrg_sched_begin(&b->sched, &(struct wrg_sched_run){ .deadline_seconds = 0.05 });
    assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_BUDGET);
    wrg_sched_reset(&b->sched);
    make(count_run, 3, BACK, false);
    assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_IDLE);
    assert_int_equal(b->count[3], 1);
}

static void make_more(void *arg)
{
    for (int i = 1; i < 4; i++)
        make(count_run, i, BACK, false);
}

static void task_created_by_a_task__runs_in_the_same_run(void **state)
{
    make(make_more, 0, FRONT, false);
    assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_IDLE);
    for (int i = 1; i < 4; i++)
        assert_int_equal(b->count[i], 1);
}

static void exit_early(void *arg)
{
    b->count[0]++;
    wrg_sched_exit(&b->sched);
}

static void exit_from_within__ends_the_job(void **state)
{
    for (unsigned i = 1; i <= 20; i++) {
        make(exit_early, 0, FRONT, i % 2 != 0);
        wrg_sched_wake(&b->sched, b->ids[0]);
        assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_IDLE);
        assert_int_equal(b->count[0], i);
    }
}

static void retire_itself(void *arg)
{
    int me = (int)(intptr_t)arg;

    b->count[me]++;
    wrg_sched_wake(&b->sched, b->ids[me]);
    wrg_sched_task_retire(&b->sched, b->ids[me]);
}

static void worker_retired__never_runs_again(void **state)
{
    make(retire_itself, 0, FRONT, true);
    make(count_run, 1, FRONT, true);
    wrg_sched_wake(&b->sched, b->ids[0]);
    wrg_sched_wake(&b->sched, b->ids[1]);
    wrg_sched_task_retire(&b->sched, b->ids[1]);
    assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_IDLE);
    assert_int_equal(b->count[0], 1);
    assert_int_equal(b->count[1], 0);
    assert_int_equal(b->sched.tasks_high, 0);
}

/* ---- standing still ---- */

static void count_at_points(void *arg)
{
    int me = (int)(intptr_t)arg;

    __atomic_fetch_add(&b->count[2], 1, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&b->shared, __ATOMIC_RELAXED)) {
        b->count[me]++; /* plain: whoever reads it meanwhile must have stopped this task */
        wrg_sched_point(&b->sched, WRG_POINT_CALL);
    }
}

static void pause_and_look(void *arg)
{
    while (__atomic_load_n(&b->count[2], __ATOMIC_ACQUIRE) !=
           2) /* a pause before that shows nothing */
        wrg_sched_yield(&b->sched);
    for (unsigned i = 0; i < 50; i++) {
        wrg_sched_pause(&b->sched);
        unsigned first = b->count[0], second = b->count[1];
        for (unsigned k = 0; k < 20; k++)
            (void)sched_yield();
        b->rc[2] |= b->count[0] != first || b->count[1] != second;
        wrg_sched_wake(&b->sched, b->ids[3]); /* nor does a task begin */
        b->rc[2] |= b->count[3] != i;
        wrg_sched_unpause(&b->sched);
        while (__atomic_load_n(&b->count[3], __ATOMIC_ACQUIRE) == i)
            wrg_sched_yield(&b->sched);
    }
    __atomic_store_n(&b->shared, 1, __ATOMIC_RELAXED);
}

static void count_wakes(void *arg)
{
    __atomic_fetch_add(&b->count[(int)(intptr_t)arg], 1, __ATOMIC_RELEASE);
}

static void pause__nobody_else_moves_until_it_is_over(void **state)
{
    make(count_at_points, 0, FRONT, false);
    make(count_at_points, 1, BACK, false);
    make(pause_and_look, 2, FRONT, false);
    make(count_wakes, 3, BACK, true);
    b->sched.points_on = 1;
    assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_IDLE);
    assert_int_equal(b->rc[2], 0);
    assert_int_equal(b->count[3], 50);
}

/* They stand in the midst of a wait when they die; their slots are needed more than once. */
static void replace_the_dead(void *arg)
{
    const struct wrg_task_args waits = {
        .fn = wait_for_ever, .arg = (void *)1, .role = BACK, .worker = false
    };
    int made = 0;

    while (made <= 3 * WRG_SCHED_TASKS) {
        while (wrg_sched_task_create(&b->sched, &waits) >= 0)
            made++;
        wrg_sched_yield(&b->sched);
        wrg_sched_pause(&b->sched);
        wrg_sched_kill_role(&b->sched, BACK);
        wrg_sched_unpause(&b->sched);
    }
    b->rc[0] = made;
}

static void no_free_slot__those_of_the_dead_are_used(void **state)
{
    make(replace_the_dead, 0, FRONT, false);
    assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_IDLE);
    assert_true(b->rc[0] > 3 * WRG_SCHED_TASKS);
    assert_int_equal(b->count[1], 0);
}

static void kill_while_paused(void *arg)
{
    wrg_sched_pause(&b->sched);
    wrg_sched_kill_role(&b->sched, BACK);
    memset(&b->count[1], 0xaa, sizeof(b->count[1])); /* it is nobody's any more */
    wrg_sched_unpause(&b->sched);
    __atomic_store_n(&b->shared, 1, __ATOMIC_RELAXED);
}

static void killed_in_a_pause__has_left_when_kill_returns(void **state)
{
    make(count_at_points, 0, FRONT, false);
    make(count_at_points, 1, BACK, false);
    make(kill_while_paused, 2, FRONT, false);
    b->sched.points_on = 1;
    assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_IDLE);
    assert_int_equal(b->count[1], 0xaaaaaaaa);
}

static void stop_others(void *arg)
{
    wrg_sched_stop(&b->sched);
}

static void pause_for_ever(void *arg)
{
    wrg_sched_pause(&b->sched);
    wrg_sched_unpause(&b->sched);
    for (;;)
        wrg_sched_yield(&b->sched);
}

static void stop_beside_a_pause__run_ends(void **state)
{
    for (unsigned i = 0; i < 20; i++) {
        wrg_sched_reset(&b->sched);
        make(count_at_points, 0, FRONT, false);
        make(pause_for_ever, 1, FRONT, false);
        make(stop_others, 2, BACK, false);
        b->sched.points_on = 1;
        assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_STOPPED);
    }
}

/* ---- pthreads that run any task ---- */

static void wake_the_other(void *arg)
{
    static pthread_t last;
    int me = (int)(intptr_t)arg;

    if (b->count[0] + b->count[1])
        b->shared += pthread_equal(last, pthread_self()) != 0;
    last = pthread_self();
    if (b->count[me]++ < 100)
        wrg_sched_wake(&b->sched, b->ids[!me]);
}

static void shared__a_pthread_begins_what_it_has_woken(void **state)
{
    make(wake_the_other, 0, FRONT, true);
    make(wake_the_other, 1, BACK, true);
    wrg_sched_wake(&b->sched, b->ids[0]);
    assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_IDLE);
    assert_int_equal(b->count[0] + b->count[1], 201);
    assert_true(b->shared > 0); /* mostly: whoever waits for too long is begun by somebody else */
}

static void yield_until_shared(void *arg)
{
    wrg_sched_wake(&b->sched, b->ids[!(int)(intptr_t)arg]);
    while (!__atomic_load_n(&b->shared, __ATOMIC_RELAXED))
        wrg_sched_yield(&b->sched);
}

static void set_shared(void *arg)
{
    __atomic_store_n(&b->shared, 1, __ATOMIC_RELAXED);
}

static void shared__what_is_ready_begins_though_nobody_ends(void **state)
{
    make(set_shared, 1, BACK, true);
    make(yield_until_shared, 0, FRONT, false);
    assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_IDLE);
}

static void wait_in_a_worker(void *arg)
{
    int me = (int)(intptr_t)arg;

    b->count[me]++;
    wrg_sched_wake(&b->sched, b->ids[!me]);
    b->rc[me] |= wrg_sched_wait(&b->sched, WRG_SCHED_FOREVER);
}

static void shared__waits_in_one_pthread_do_not_hold_up_its_own_task(void **state)
{
    make(wait_in_a_worker, 0, FRONT, true);
    make(wait_in_a_worker, 1, BACK, true);
    for (unsigned i = 1; i <= 50; i++) {
        wrg_sched_wake(&b->sched, b->ids[i % 2]);
        assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_IDLE);
        wrg_sched_wake(&b->sched, b->ids[0]);
        wrg_sched_wake(&b->sched, b->ids[1]);
        assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_IDLE);
        assert_true(b->count[0] >= i && b->count[1] >= i);
    }
    assert_int_equal(b->rc[0] | b->rc[1], 0);
}

static void retire_the_other(void *arg)
{
    wrg_sched_wake(&b->sched, b->ids[!(int)(intptr_t)arg]);
    wrg_sched_task_retire(&b->sched, b->ids[!(int)(intptr_t)arg]);
}

static void shared__retired_before_anybody_begins_it__never_runs(void **state)
{
    make(count_run, 1, BACK, true);
    make(retire_the_other, 0, FRONT, false);
    assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_IDLE);
    assert_int_equal(b->sched.tasks_high, 0);
}

static void kill_what_it_woke(void *arg)
{
    wrg_sched_wake(&b->sched, b->ids[1]);
    wrg_sched_kill_role(&b->sched, BACK);
    b->count[0]++;
}

static void shared__killed_before_anybody_begins_it__run_ends(void **state)
{
    make(count_run, 1, BACK, true);
    make(kill_what_it_woke, 0, FRONT, false);
    assert_int_equal(wrg_sched_run(&b->sched), WRG_SCHED_IDLE);
    assert_int_equal(b->count[0], 1);
}

static void snapshot__refused(void **state)
{
    static char buf[WRG_SCHED_SAVE_MAX];

    assert_int_equal(wrg_sched_save(&b->sched, buf, sizeof(buf)), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define S(f) cmocka_unit_test_setup_teardown(f, setup_shared, teardown)
#define O(f) cmocka_unit_test_setup_teardown(f, setup_single, teardown)
#define ALL(T)                                                                                     \
    T(ping_pong_of_two_threads__every_wake_arrives), T(workers_without_a_wake__quiet_at_once),     \
        T(worker_woken_while_it_runs__runs_once_more),                                             \
        T(timeouts__jump_in_virtual_time_and_in_order), T(only_housekeeping_left__idle),           \
        T(stop_by_one_task__ends_the_others_too),                                                  \
        T(role_killed__its_tasks_end_and_the_rest_goes_on),                                        \
        T(deadline_passed__budget_and_reset_joins),                                                \
        T(task_created_by_a_task__runs_in_the_same_run), T(exit_from_within__ends_the_job),        \
        T(worker_retired__never_runs_again), T(pause__nobody_else_moves_until_it_is_over),         \
        T(killed_in_a_pause__has_left_when_kill_returns),                                          \
        T(no_free_slot__those_of_the_dead_are_used), T(stop_beside_a_pause__run_ends),             \
        T(snapshot__refused),
    const struct CMUnitTest tests[] = {
        ALL(T) ALL(S) ALL(O) O(shared__a_pthread_begins_what_it_has_woken),
        S(shared__what_is_ready_begins_though_nobody_ends),
        O(shared__what_is_ready_begins_though_nobody_ends),
        S(shared__waits_in_one_pthread_do_not_hold_up_its_own_task),
        O(shared__waits_in_one_pthread_do_not_hold_up_its_own_task),
        S(shared__retired_before_anybody_begins_it__never_runs),
        O(shared__retired_before_anybody_begins_it__never_runs),
        S(shared__killed_before_anybody_begins_it__run_ends),
        O(shared__killed_before_anybody_begins_it__run_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
