/* SPDX-License-Identifier: MIT */
#include "sched/test_bench.h"

/* Who runs when, and what ends a run, on fibers. */

/* ---- strategies ---- */

static void strategy_stay__one_after_the_other(void **state)
{
    run_three(WRG_STRATEGY_STAY, 0);
    assert_string_equal(b.trace, "aaaabbbbcccc");
}

static void strategy_round_robin__turns_at_every_point(void **state)
{
    run_three(WRG_STRATEGY_ROUND_ROBIN, 0);
    assert_string_equal(b.trace, "abcabcabcabc");
}

static void strategy_sticky__same_for_a_seed_and_many_over_seeds(void **state)
{
    char first[sizeof(b.trace)];
    unsigned different = 0;

    for (uint64_t seed = 0; seed < 50; seed++) {
        run_three(WRG_STRATEGY_STICKY, seed);
        memcpy(first, b.trace, sizeof(first));
        run_three(WRG_STRATEGY_STICKY, seed);
        assert_string_equal(first, b.trace);
        different += strcmp(first, "aaaabbbbcccc") != 0;
    }
    assert_in_range(different, 20, 50);
}

static void sticky_run_replayed_from_its_log__same_order_under_stay(void **state)
{
    struct wrg_sched_preempt log[64];
    char first[sizeof(b.trace)];

    for (uint64_t seed = 0; seed < 50; seed++) {
        size_t count = 0;

        for (int pass = 0; pass < 2; pass++) {
            wrg_sched_reset(&b.sched);
            clear_trace();
            if (pass == 0)
                wrg_sched_begin(&b.sched, &(struct wrg_sched_run){ .strategy = WRG_STRATEGY_STICKY,
                                                                   .seed = seed,
                                                                   .log = log,
                                                                   .log_cap = 64 });
            else
                wrg_sched_begin(
                    &b.sched, &(struct wrg_sched_run){ .preempts = log, .preempts_count = count });
            for (int i = 0; i < 3; i++)
                make(four_points, 'a' + i, FRONT, false);
            for (int i = 3; i < 6; i++)
                make(sleeper, i, BACK, false);
            assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
            if (pass == 0) {
                count = b.sched.log_count;
                assert_in_range(count, 0, 64);
                memcpy(first, b.trace, sizeof(first));
            }
        }
        assert_string_equal(first, b.trace);
        for (size_t i = 0; i < count; i++)
            assert_true(log[i].fired);
    }
}

static void choices_of_a_run__come_from_the_one_source(void **state)
{
    struct wrg_choice_step taken[64];
    struct wrg_choice choice;

    wrg_choice_prng(&choice, 7, taken, WRG_ARRAY_LEN(taken));
    wrg_sched_begin(&b.sched,
                    &(struct wrg_sched_run){ .strategy = WRG_STRATEGY_STICKY, .choice = &choice });
    make(four_points, 'a', FRONT, false);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_int_equal(choice.taken_count, 0); /* one runnable task is no choice */
    make(four_points, 'a', FRONT, false);
    make(four_points, 'b', FRONT, false);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_in_range(choice.taken_count, 4, 64);
}

/* ---- preempts ---- */

static void two_sections(void *arg)
{
    for (uint32_t section = 1; section <= 2; section++) {
        wrg_sched_section(&b.sched, 0x20000 + section);
        four_points(arg);
    }
}

static void keyed_preempt__fires_at_exactly_its_task_section_and_event(void **state)
{
    struct wrg_sched_preempt p[] = {
        { .task = BACK << 4, .section = 0x20002, .event = 3, .to = FRONT << 4 },
        { .task = BACK << 4, .section = 0x20003, .event = 1, .to = FRONT << 4 }, /* dead */
    };

    make(two_sections, 'b', BACK, false);
    make(four_points, 'f', FRONT, false);
    wrg_sched_begin(&b.sched, &(struct wrg_sched_run){ .preempts = p, .preempts_count = 2 });
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_string_equal(b.trace, "bbbbbbffffbb"); /* before the third access of section 2 */
    assert_true(p[0].fired);
    assert_false(p[1].fired);
}

static void preempt_to_a_task_that_cannot_run__is_dead(void **state)
{
    struct wrg_sched_preempt p = { .task = BACK << 4, .event = 2, .to = FRONT << 4 };

    make(four_points, 'b', BACK, false);
    make(count_run, 'f', FRONT, true); /* parked */
    make(four_points, 's', SCRIPT, false);
    wrg_sched_begin(&b.sched, &(struct wrg_sched_run){ .preempts = &p, .preempts_count = 1 });
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_string_equal(b.trace, "bbbbssss");
    assert_false(p.fired);
}

static void liveness__switches_strategy_and_preempts_off(void **state)
{
    struct wrg_sched_preempt p = { .task = BACK << 4, .event = 2, .to = FRONT << 4 };

    make(four_points, 'b', BACK, false);
    make(four_points, 'f', FRONT, false);
    wrg_sched_begin(&b.sched, &(struct wrg_sched_run){ .strategy = WRG_STRATEGY_ROUND_ROBIN,
                                                       .preempts = &p,
                                                       .preempts_count = 1 });
    wrg_sched_liveness(&b.sched);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_string_equal(b.trace, "bbbbffff");
}

/* ---- limits ---- */

static void step_budget_spent__run_ends_and_a_raise_goes_on_where_it_stood(void **state)
{
    make(four_points, 'a', FRONT, false);
    wrg_sched_begin(&b.sched, &(struct wrg_sched_run){ .budget_steps = 3 });
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_BUDGET);
    assert_string_equal(b.trace, "aa");
    b.sched.budget_steps += 100;
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_string_equal(b.trace, "aaaa");
}

static void raise_own_budget(void *arg)
{
    for (int i = 0; i < 50; i++) {
        b.sched.budget_steps++;
        wrg_sched_point(&b.sched, WRG_POINT_LOAD);
    }
}

static void budget_raised_while_running__is_not_spent(void **state)
{
    make(raise_own_budget, 0, FRONT, false);
    wrg_sched_begin(&b.sched, &(struct wrg_sched_run){ .budget_steps = 3 });
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
}

static void endless_loop__step_budget_then_reset(void **state)
{
    make(forever, 0, FRONT, false);
    wrg_sched_begin(&b.sched, &(struct wrg_sched_run){ .budget_steps = 20000 });
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_BUDGET);
    assert_int_equal(b.sched.steps, 20000);
    wrg_sched_reset(&b.sched);
    run_three(WRG_STRATEGY_STAY, 0);
}

static void one_task_works_too_much__task_budget_names_it(void **state)
{
    int guilty;

    make(four_points, 'a', FRONT, false);
    guilty = make(forever, 0, BACK, false);
    wrg_sched_begin(&b.sched, &(struct wrg_sched_run){ .strategy = WRG_STRATEGY_ROUND_ROBIN,
                                                       .budget_steps = 20000,
                                                       .budget_task_points = 500 });
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_TASK_BUDGET);
    assert_int_equal(b.sched.guilty, guilty);
    assert_int_equal(b.sched.tasks[guilty].points, 500);
    assert_string_equal(b.trace, "aaaa");
}

static void waits_between(void *arg)
{
    for (int i = 0; i < 100; i++) {
        four_points((void *)(intptr_t)'w');
        b.rc = wrg_sched_wait(&b.sched, 10);
    }
}

static void task_that_waits_now_and_then__keeps_within_the_task_budget(void **state)
{
    make(waits_between, 0, FRONT, false);
    wrg_sched_begin(&b.sched, &(struct wrg_sched_run){ .budget_task_points = 6 });
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_int_equal(wrg_sched_now(&b.sched), 1000);
}

static void alarm_at_a_step__returns_there_and_goes_on_there(void **state)
{
    make(four_points, 'a', FRONT, false);
    make(four_points, 'b', BACK, false);
    begin(WRG_STRATEGY_STAY, 0);
    wrg_sched_alarm(&b.sched, 3);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_ALARM);
    assert_int_equal(b.sched.steps, 3);
    assert_string_equal(b.trace, "aa");
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_string_equal(b.trace, "aaaabbbb");
}

static void role_killed_at_an_alarm__never_runs_again(void **state)
{
    int parked = make(count_run, 'p', FRONT, true);

    make(four_points, 'a', FRONT, false);
    make(four_points, 'b', BACK, false);
    set_timer(parked, 100, false);
    begin(WRG_STRATEGY_STAY, 0);
    wrg_sched_alarm(&b.sched, 3);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_ALARM);
    wrg_sched_kill_role(&b.sched, FRONT);
    wrg_sched_wake(&b.sched, parked);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_string_equal(b.trace, "aabbbb");
    assert_int_equal(wrg_sched_now(&b.sched), 0);
    wrg_sched_reset(&b.sched);
    run_three(WRG_STRATEGY_STAY, 0);
}

/* Some are in the midst of something, some have nothing to do, some have not begun. */
static void no_free_slot__those_of_the_dead_are_used(void **state)
{
    struct wrg_task_args args = { .fn = count_run, .role = FRONT, .worker = true };

    make(four_points, 'a', FRONT, false);
    make(wait_once, -1, FRONT, false);
    make(four_points, 'c', FRONT, false);
    for (int i = 3; i < WRG_SCHED_TASKS; i++)
        assert_int_equal(wrg_sched_task_create(&b.sched, &args), i);
    begin(WRG_STRATEGY_ROUND_ROBIN, 0);
    wrg_sched_alarm(&b.sched, 3);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_ALARM);
    assert_int_equal(wrg_sched_task_create(&b.sched, &args), -ENOSPC);
    wrg_sched_kill_role(&b.sched, FRONT);
    clear_trace();
    for (int i = 0; i < 4; i++)
        assert_int_equal(make(four_points, 'p' + i, BACK, false), i);
    begin(WRG_STRATEGY_STAY, 0);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_string_equal(b.trace, "ppppqqqqrrrrssss");
    wrg_sched_reset(&b.sched);
    run_three(WRG_STRATEGY_STAY, 0);
}

static void kill_own(void *arg)
{
    put('k');
    wrg_sched_kill_role(&b.sched, FRONT);
    put('!');
}

static void role_that_kills_itself__does_not_return(void **state)
{
    make(kill_own, 0, FRONT, false);
    make(four_points, 'b', BACK, false);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_string_equal(b.trace, "kbbbb");
}

static void stop_from_within__ends_the_run_and_reset_makes_it_whole(void **state)
{
    make(wait_once, -1, FRONT, false);
    make(stop_here, 0, FRONT, false);
    make(four_points, 'a', FRONT, false);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_STOPPED);
    assert_string_equal(b.trace, "s");
    assert_int_equal(wrg_sched_current(&b.sched), WRG_TASK_NONE);
    wrg_sched_reset(&b.sched);
    run_three(WRG_STRATEGY_STAY, 0);
    assert_string_equal(b.trace, "aaaabbbbcccc");
}

static void yield_twice(void *arg)
{
    for (int i = 0; i < 2; i++) {
        put((char)(intptr_t)arg);
        wrg_sched_yield(&b.sched);
    }
}

static void yield__lets_the_next_runnable_go_first(void **state)
{
    for (int i = 0; i < 3; i++)
        make(yield_twice, 'a' + i, FRONT, false);
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_string_equal(b.trace, "abcabc");
}

static void points_off__cost_no_step(void **state)
{
    make(four_points, 'a', FRONT, false);
    make(four_points, 'b', FRONT, false);
    wrg_sched_begin(&b.sched, &(struct wrg_sched_run){ .strategy = WRG_STRATEGY_ROUND_ROBIN,
                                                       .points_off = true });
    assert_int_equal(wrg_sched_run(&b.sched), WRG_SCHED_IDLE);
    assert_string_equal(b.trace, "aaaabbbb");
    assert_int_equal(b.sched.steps, 2); /* the two ends */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(strategy_stay__one_after_the_other),
        T(strategy_round_robin__turns_at_every_point),
        T(strategy_sticky__same_for_a_seed_and_many_over_seeds),
        T(sticky_run_replayed_from_its_log__same_order_under_stay),
        T(choices_of_a_run__come_from_the_one_source),
        T(keyed_preempt__fires_at_exactly_its_task_section_and_event),
        T(preempt_to_a_task_that_cannot_run__is_dead),
        T(liveness__switches_strategy_and_preempts_off),
        T(step_budget_spent__run_ends_and_a_raise_goes_on_where_it_stood),
        T(budget_raised_while_running__is_not_spent),
        T(endless_loop__step_budget_then_reset),
        T(one_task_works_too_much__task_budget_names_it),
        T(task_that_waits_now_and_then__keeps_within_the_task_budget),
        T(alarm_at_a_step__returns_there_and_goes_on_there),
        T(role_killed_at_an_alarm__never_runs_again),
        T(no_free_slot__those_of_the_dead_are_used),
        T(role_that_kills_itself__does_not_return),
        T(stop_from_within__ends_the_run_and_reset_makes_it_whole),
        T(yield__lets_the_next_runnable_go_first),
        T(points_off__cost_no_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
