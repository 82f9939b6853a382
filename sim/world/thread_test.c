/* SPDX-License-Identifier: MIT */
/*
 * The same drivers on pthreads in parallel. Under TSan a race here fails the test.
 */
#include "world/world_fixture.h"

static void honest_pair_on_threads__clean_and_complete(void **state)
{
    struct wrg_case *c = fixture_case(
        "config victim=none indirect-max=64 sectors=20480\n"
        "io op=write times=200 stride=8\nwait for=idle\n"
        "io op=read count=256 times=20 stride=8\nio op=read times=200 stride=8\nio op=flush\n"
        "wait for=idle\ndetach by=front\n");
    struct wrg_world *world = fixture_world(WRG_ENGINE_THREAD, false);

    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        struct wrg_verdict verdict = fixture_run(world, c);
        fixture_expect_clean(&verdict, "threads");
        assert_int_equal(verdict.ios, 421);
        assert_int_equal(verdict.ios_failed, 0);
        assert_true(verdict.blind != 0); /* checkers of single accesses see nothing here */
    }
    wrg_world_destroy(world);
    free(c);
}

static void cases_without_schedule__same_verdict_on_both_engines(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct wrg_case *c = fixture_case(fixture_seeds[i]);
        struct wrg_world *fibers = fixture_world(WRG_ENGINE_FIBER, false);
        struct wrg_world *threads = fixture_world(WRG_ENGINE_THREAD, false);
        struct wrg_verdict one = fixture_run(fibers, c);
        struct wrg_verdict two = fixture_run(threads, c);
        assert_int_equal(one.rule, two.rule);
        assert_int_equal(one.ios, two.ios);
        assert_int_equal(two.hash, 0);
        wrg_world_destroy(threads);
        wrg_world_destroy(fibers);
        free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(honest_pair_on_threads__clean_and_complete),
        cmocka_unit_test(cases_without_schedule__same_verdict_on_both_engines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
