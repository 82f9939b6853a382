/* SPDX-License-Identifier: MIT */
/*
 * The n-th fallible call fails, for every n, over small cases. The drivers survive it: no rule is
 * broken (nothing leaks, hangs, or is lost), and what the block layer submitted is completed.
 */
#include "world/world_fixture.h"

static void fail_each(const char *ops)
{
    struct wrg_case *c = fixture_case(ops);
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);
    uint32_t calls = UINT32_MAX;

    for (uint32_t nth = 1; nth <= calls; nth++) {
        struct wrg_verdict verdict;
        char what[256];
        assert_int_equal(wrg_world_start(world, c), 0);
        wrg_world_fail_nth(world, nth);
        assert_int_equal(wrg_world_run(world, 0), WRG_WORLD_FINISHED);
        wrg_world_verdict(world, &verdict);
        snprintf(what, sizeof(what), "call %u of %.120s", nth, ops);
        fixture_expect_clean(&verdict, what);
        if (verdict.fallible_calls < nth)
            break; /* there are no more */
        calls = wrg_max_u32(nth + 1, verdict.fallible_calls);
    }
    assert_true(calls != UINT32_MAX && calls > 10);
    wrg_world_destroy(world);
    free(c);
}

static void nth_call_fails__drivers_survive(void **state)
{
    (void)state;
    for (size_t i = 0; i < WRG_ARRAY_LEN(fixture_seeds); i++)
        fail_each(fixture_seeds[i]);
}

/* A fault that is asked for and hits changes what the block layer sees. */
static void fault_op__is_seen_by_the_block_layer(void **state)
{
    struct wrg_case *c = fixture_case("config victim=none\nfault site=disk-write nth=1\n"
                                      "io op=write\nwait for=idle\nio op=write\n");
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);
    struct wrg_verdict verdict = fixture_run(world, c);

    (void)state;
    fixture_expect_clean(&verdict, "disk fault");
    assert_int_equal(verdict.ios, 2);
    assert_int_equal(verdict.ios_failed, 1);
    assert_int_equal(verdict.dead_ops, 0);
    wrg_world_destroy(world);
    free(c);
}

static void fault_that_never_hits__is_a_dead_op(void **state)
{
    struct wrg_case *c =
        fixture_case("config victim=none\nfault site=disk-write nth=7\nio op=write\n");
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);
    struct wrg_verdict verdict = fixture_run(world, c);

    (void)state;
    assert_int_equal(verdict.dead_ops, 1);
    assert_int_equal(verdict.dead[0], 1);
    wrg_world_destroy(world);
    free(c);
}

/* What the toolstack has unplugged (online 0) is not offered to a frontend that starts afresh. */
static void unplugged_device__does_not_connect_again(void **state)
{
    struct wrg_case *c = fixture_case("config victim=none\ndetach by=toolstack\n"
                                      "wait for=closed\nreconnect by=front\n");
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);
    struct wrg_verdict verdict = fixture_run(world, c);

    (void)state;
    fixture_expect_clean(&verdict, "unplug");
    assert_int_equal(verdict.dead_ops, 1);
    assert_int_equal(verdict.dead[0], 3);
    wrg_world_destroy(world);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nth_call_fails__drivers_survive),
        cmocka_unit_test(fault_op__is_seen_by_the_block_layer),
        cmocka_unit_test(fault_that_never_hits__is_a_dead_op),
        cmocka_unit_test(unplugged_device__does_not_connect_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
