/* SPDX-License-Identifier: MIT */
#include "sched/test_bench.h"

/* Tasks, wakes, the virtual clock, on fibers. */

/* ---- workers and wakes ---- */

static void worker_woken_twice_before_it_runs__runs_once(void **state)
{
    int id = make(count_run, 'a', FRONT, true);

    begin(WRG_STRATEGY_STAY, 0);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_int_equal(b.runs, 0);
    wrg_sched_wake(&b.sched, id);
    wrg_sched_wake(&b.sched, id);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_int_equal(b.runs, 1);
    assert_int_equal(b.sched.tasks[id].state, WRG_TASK_PARKED);
    wrg_sched_wake(&b.sched, id);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_int_equal(b.runs, 2);
}

static void wake_itself_twice(void *arg)
{
    if (b.runs++ == 0) {
        wrg_sched_wake(&b.sched, (int)(intptr_t)arg);
        wrg_sched_wake(&b.sched, (int)(intptr_t)arg);
    }
}

static void worker_woken_while_it_runs__runs_once_more(void **state)
{
    int id = make(wake_itself_twice, 0, FRONT, true);

    assert_int_equal(id, 0);
    wrg_sched_wake(&b.sched, id);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_int_equal(b.runs, 2);
}

static void plain_task_that_exits__frees_its_slot_and_index(void **state)
{
    int first = make(count_run, 'a', BACK, false);
    int second = make(wait_once, -1, BACK, false);

    assert_int_equal(b.sched.tasks[second].actor, BACK << 4 | 1);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_int_equal(wrg_sched_find(&b.sched, BACK << 4), WRG_TASK_NONE);
    assert_int_equal(wrg_sched_find(&b.sched, BACK << 4 | 1), second);
    assert_int_equal(make(count_run, 'c', BACK, false), first);
    assert_int_equal(b.sched.tasks[first].actor, BACK << 4);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_string_equal(b.trace, "ac");
}

static void exit_early(void *arg)
{
    put('x');
    wrg_sched_exit(&b.sched);
}

static void exit_from_within__ends_the_task_as_a_return_does(void **state)
{
    int plain = make(exit_early, 0, FRONT, false);
    int worker = make(exit_early, 0, FRONT, true);

    wrg_sched_wake(&b.sched, worker);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    wrg_sched_wake(&b.sched, worker);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_string_equal(b.trace, "xxx");
    assert_int_equal(b.sched.tasks[plain].state, WRG_TASK_FREE);
}

static void retire_itself(void *arg)
{
    int id = wrg_sched_current(&b.sched);

    wrg_sched_wake(&b.sched, id);
    wrg_sched_task_retire(&b.sched, id);
    wrg_sched_yield(&b.sched);
    put((char)(intptr_t)arg);
}

static void worker_retired__never_runs_again_and_frees_its_slot(void **state)
{
    int parked = make(count_run, 'p', FRONT, true);
    int woken = make(count_run, 'w', FRONT, true);
    int own = make(retire_itself, 'o', FRONT, true);

    wrg_sched_task_retire(&b.sched, parked);
    wrg_sched_wake(&b.sched, parked);
    wrg_sched_wake(&b.sched, woken);
    wrg_sched_task_retire(&b.sched, woken);
    wrg_sched_wake(&b.sched, own);
    assert_int_equal(b.sched.ready_count, 1);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_string_equal(b.trace, "o"); /* its own wake is void */
    assert_int_equal(b.sched.tasks_high, 0);
}

static void more_tasks_than_slots__enospc(void **state)
{
    struct wrg_task_args args = { .fn = count_run, .worker = true };

    for (int i = 0; i < WRG_SCHED_TASKS; i++)
        assert_int_equal(wrg_sched_task_create(&b.sched, &args), i);
    assert_int_equal(wrg_sched_task_create(&b.sched, &args), -ENOSPC);
    assert_int_equal(b.sched.tasks[15].actor, 15);
    assert_int_equal(b.sched.tasks[16].actor, WRG_ACTOR_NONE);
    for (int i = 0; i < WRG_SCHED_TASKS; i++)
        wrg_sched_wake(&b.sched, i);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_int_equal(b.runs, WRG_SCHED_TASKS);
}

/* ---- clock ---- */

static void wait_with_pending_wake__returns_at_once_and_time_stands(void **state)
{
    int id = make(wait_once, 1000, FRONT, false);

    wrg_sched_wake(&b.sched, id);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_int_equal(b.rc, 0);
    assert_int_equal(b.at_ns, 0);
}

static void wait_nobody_ends__times_out_in_virtual_time(void **state)
{
    make(wait_once, INT64_C(3600000000000), FRONT, false);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_int_equal(b.rc, -ETIMEDOUT);
    assert_int_equal(b.at_ns, UINT64_C(3600000000000));
}

static void wait_of_zero__only_looks(void **state)
{
    make(wait_once, 0, FRONT, false);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_int_equal(b.rc, -ETIMEDOUT);
    assert_int_equal(b.at_ns, 0);
}

static void timeouts_of_several_tasks__pass_in_order_of_deadline(void **state)
{
    for (int i = 0; i < 5; i++)
        make(sleeper, i, FRONT, false);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_string_equal(b.trace, "43210");
    assert_int_equal(wrg_sched_now(&b.sched), 1000);
}

static void only_housekeeping_left__idle_and_the_clock_stands(void **state)
{
    int lru = make(count_run, 'h', BACK, true);

    set_timer(lru, 500, true);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_int_equal(b.runs, 0);
    assert_int_equal(wrg_sched_now(&b.sched), 0);
    set_timer(make(count_run, 'n', BACK, true), 900, false);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_string_equal(b.trace, "hn");
    assert_int_equal(wrg_sched_now(&b.sched), 900);
}

static void housekeeping_task_that_sleeps__does_not_keep_the_world_busy(void **state)
{
    int id = wrg_sched_task_create(
        &b.sched, &(struct wrg_task_args){ .fn = sleeper, .role = BACK, .housekeeping = true });

    assert_true(id >= 0);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_string_equal(b.trace, "");
}

static void timer_cancelled_or_stale__does_not_fire_and_hits_no_other(void **state)
{
    int id = make(count_run, 'a', FRONT, true);
    int first = wrg_sched_timer_set(&b.sched, &(struct wrg_timer_args){ id, 10, false });
    int second;

    wrg_sched_timer_cancel(&b.sched, first);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_int_equal(b.runs, 0);
    second = wrg_sched_timer_set(&b.sched, &(struct wrg_timer_args){ id, 20, false });
    assert_int_not_equal(first, second);
    wrg_sched_timer_cancel(&b.sched, first); /* the same slot, another timer */
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_int_equal(b.runs, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(worker_woken_twice_before_it_runs__runs_once),
        T(worker_woken_while_it_runs__runs_once_more),
        T(plain_task_that_exits__frees_its_slot_and_index),
        T(exit_from_within__ends_the_task_as_a_return_does),
        T(worker_retired__never_runs_again_and_frees_its_slot),
        T(more_tasks_than_slots__enospc),
        T(wait_with_pending_wake__returns_at_once_and_time_stands),
        T(wait_nobody_ends__times_out_in_virtual_time),
        T(wait_of_zero__only_looks),
        T(timeouts_of_several_tasks__pass_in_order_of_deadline),
        T(only_housekeeping_left__idle_and_the_clock_stands),
        T(housekeeping_task_that_sleeps__does_not_keep_the_world_busy),
        T(timer_cancelled_or_stale__does_not_fire_and_hits_no_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
