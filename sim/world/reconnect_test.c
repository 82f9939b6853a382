/* SPDX-License-Identifier: MIT */
/*
 * What becomes of I/O when the connection below it goes and another one comes.
 */
#include "world/world_fixture.h"

static struct wrg_verdict verdict_of(const char *ops)
{
    struct wrg_case *c = fixture_case(ops);
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, false);
    struct wrg_verdict verdict = fixture_run(world, c);

    fixture_expect_clean(&verdict, ops);
    assert_int_equal(verdict.dead_ops, 0);
    wrg_world_destroy(world);
    free(c);
    return verdict;
}

/* 8 I/Os of 64 segments each; the next backend takes 16, so that each makes 4 requests there. */
#define MOVED                                                                                      \
    "config victim=none indirect-max=256\n"                                                        \
    "io op=write count=512 times=8 stride=512\n"                                                   \
    "reconnect how=migrate indirect-max=16\n"

static void moved_in_flight__asked_for_again_in_smaller_parts(void **state)
{
    struct wrg_verdict verdict = verdict_of(MOVED);

    assert_int_equal(verdict.ios, 8);
    assert_int_equal(verdict.ios_failed, 0);
    assert_in_range(verdict.requests, 8 * 4, 8 * 4 + 8);
}

static void moved_in_flight_at_any_step__nothing_fails(void **state)
{
    for (unsigned steps = 0; steps < 300; steps += 7) {
        char ops[256];
        snprintf(ops, sizeof(ops),
                 "config victim=none indirect-max=64\nsched strategy=round-robin\n"
                 "io op=write count=512 times=3 stride=512\nwait for=steps n=%u\n"
                 "reconnect how=migrate indirect-max=70000 ring-order=0\nio op=read count=512\n",
                 steps);
        struct wrg_verdict verdict = verdict_of(ops);
        assert_int_equal(verdict.ios, 4);
        assert_int_equal(verdict.ios_failed, 0);
    }
}

static void unplugged_in_flight__answered_before_it_closes(void **state)
{
    struct wrg_verdict verdict =
        verdict_of("config victim=none\nio op=write count=80 times=8 stride=80\n"
                   "toolstack action=unplug\nwait for=closed\n");

    assert_int_equal(verdict.ios, 8);
    assert_int_equal(verdict.ios_failed, 0);
}

static void power_cut_in_flight__fails_and_later_io_works(void **state)
{
    struct wrg_verdict verdict =
        verdict_of("config victim=none\nio op=write count=80 times=8 stride=80\n"
                   "toolstack action=power-cut\nio op=read count=8 times=3\n");

    assert_int_equal(verdict.ios, 11);
    assert_int_equal(verdict.ios_failed, 8);
}

static uint64_t seen_after_a_cut(const char *cache, unsigned fate)
{
    char ops[256];

    snprintf(ops, sizeof(ops),
             "config victim=none cache=%s\nio op=write count=80\nwait\nio op=flush\nwait\n"
             "io op=write count=80 times=4\nwait\ntoolstack action=power-cut value=%u\n"
             "io op=read count=80\n",
             cache, fate);
    return verdict_of(ops).peer_hash;
}

static void power_cut_of_a_volatile_cache__loses_what_its_value_says(void **state)
{
    static const char *const caches[] = { "volatile", "torn" };

    assert_int_equal(seen_after_a_cut("none", 0), seen_after_a_cut("none", 1));
    for (unsigned i = 0; i < WRG_ARRAY_LEN(caches); i++) {
        assert_int_not_equal(seen_after_a_cut(caches[i], 0), seen_after_a_cut(caches[i], 1));
        assert_int_not_equal(seen_after_a_cut(caches[i], 0), seen_after_a_cut(caches[i], 2));
        assert_int_equal(seen_after_a_cut(caches[i], 2), seen_after_a_cut(caches[i], 2));
    }
    assert_int_not_equal(seen_after_a_cut("volatile", 2), seen_after_a_cut("torn", 2));
}

static void disk_that_shrinks__requests_beyond_its_end_fail(void **state)
{
    struct wrg_verdict verdict =
        verdict_of("config victim=none sectors=1024\nresize sectors=64\nwait\n"
                   "io op=write sector=56 count=8\nio op=write sector=57 count=8\n");

    assert_int_equal(verdict.ios, 2);
    assert_int_equal(verdict.ios_failed, 1);
}

static void script_that_hangs__device_is_given_up_after_40_s(void **state)
{
    /* 40 s for the script; both ends close at once. */
    static const char before[] = "config victim=none\ntoolstack action=hold\n"
                                 "wait for=time-ms n=39999\ntoolstack action=online value=1\n";
    static const char after[] = "config victim=none\ntoolstack action=hold\n"
                                "wait for=time-ms n=40001\nwait\ntoolstack action=add\n";

    verdict_of(before);
    verdict_of(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moved_in_flight__asked_for_again_in_smaller_parts),
        cmocka_unit_test(moved_in_flight_at_any_step__nothing_fails),
        cmocka_unit_test(unplugged_in_flight__answered_before_it_closes),
        cmocka_unit_test(power_cut_in_flight__fails_and_later_io_works),
        cmocka_unit_test(power_cut_of_a_volatile_cache__loses_what_its_value_says),
        cmocka_unit_test(disk_that_shrinks__requests_beyond_its_end_fail),
        cmocka_unit_test(script_that_hangs__device_is_given_up_after_40_s),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
