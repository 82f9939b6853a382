/* SPDX-License-Identifier: MIT */
/* Workers and locks of a driver: all or none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>

#include <wringer/workers.h>

#include "guest/test_guest.h"

static void nothing(void *arg)
{
}

static uint32_t tasks_of_front(void)
{
    return g.front_guest.state.ntasks;
}

static void locks_more_than_there_are__none_is_held(void **state)
{
    uint32_t numbers[WRG_LOCKS_MAX + 1];
    uint32_t *locks[WRG_LOCKS_MAX + 1];

    for (unsigned i = 0; i <= WRG_LOCKS_MAX; i++)
        locks[i] = &numbers[i];
    assert_int_equal(wrg_locks_create(g.front, locks, WRG_LOCKS_MAX + 1), -ENOSPC);
    assert_int_equal(wrg_locks_create(g.front, locks, WRG_LOCKS_MAX), 0);
    assert_int_equal(numbers[WRG_LOCKS_MAX - 1], WRG_LOCKS_MAX - 1);
}

static void workers_more_than_there_is_room_for__none_is_left(void **state)
{
    struct wrg_worker workers[WRG_SCHED_TASKS + 1];
    uint32_t tasks[WRG_SCHED_TASKS + 1], before = tasks_of_front();

    for (unsigned i = 0; i <= WRG_SCHED_TASKS; i++)
        workers[i] = (struct wrg_worker){ .fn = nothing, .name = "worker", .task = &tasks[i] };
    assert_int_equal(wrg_workers_create(g.front, workers, WRG_SCHED_TASKS + 1), -ENOSPC);
    assert_int_equal(tasks_of_front(), before);
    assert_int_equal(wrg_workers_create(g.front, workers, 2), 0);
    assert_int_equal(tasks_of_front(), before + 2);
    wrg_worker_exit(g.front, tasks[0]);
    wrg_worker_exit(g.front, tasks[1]);
    assert_int_equal(tasks_of_front(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(locks_more_than_there_are__none_is_held, setup_guests,
                                        teardown_guests),
        cmocka_unit_test_setup_teardown(workers_more_than_there_is_room_for__none_is_left,
                                        setup_guests, teardown_guests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
