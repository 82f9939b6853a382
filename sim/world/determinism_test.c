/* SPDX-License-Identifier: MIT */
/*
 * The same case gives the same trace: twice, in another world, from the snapshot, under a schedule.
 */
#include "world/world_fixture.h"

static void twice_in_one_world__same_hash(void **state)
{
    for (size_t i = 0; i < WRG_ARRAY_LEN(fixture_seeds); i++) {
        struct wrg_case *c = fixture_case(fixture_seeds[i]);
        struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, false);
        struct wrg_verdict first = fixture_run(world, c);
        struct wrg_verdict second = fixture_run(world, c);
        fixture_expect_clean(&first, fixture_seeds[i]);
        assert_int_equal(first.hash, second.hash);
        assert_int_equal(first.peer_hash, second.peer_hash);
        wrg_world_destroy(world);
        free(c);
    }
}

static void snapshot_and_fresh_connect__same_hash(void **state)
{
    for (size_t i = 0; i < WRG_ARRAY_LEN(fixture_seeds); i++) {
        struct wrg_case *c = fixture_case(fixture_seeds[i]);
        struct wrg_world *fresh = fixture_world(WRG_ENGINE_FIBER, false);
        struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);
        struct wrg_verdict expected = fixture_run(fresh, c);
        bool used = false;
        for (unsigned run = 0; run < 5; run++) {
            struct wrg_verdict verdict = fixture_run(world, c);
            assert_int_equal(verdict.hash, expected.hash);
            assert_int_equal(verdict.peer_hash, expected.peer_hash);
            assert_int_equal(verdict.steps, expected.steps);
            used |= verdict.from_snapshot;
        }
        /* A domain that is built again has nothing of what a snapshot knows. */
        bool rebuilds =
            strstr(fixture_seeds[i], "power-cut") || strstr(fixture_seeds[i], "migrate");
        bool early = strstr(fixture_seeds[i], "hold");
        assert_int_equal(used, !rebuilds && !early);
        wrg_world_destroy(world);
        wrg_world_destroy(fresh);
        free(c);
    }
}

static void cases_of_different_profiles_in_turn__each_keeps_its_hash(void **state)
{
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);
    uint64_t hashes[WRG_ARRAY_LEN(fixture_seeds)] = { 0 };

    for (unsigned round = 0; round < 3; round++) {
        for (size_t i = 0; i < WRG_ARRAY_LEN(fixture_seeds); i++) {
            struct wrg_case *c = fixture_case(fixture_seeds[i]);
            struct wrg_verdict verdict = fixture_run(world, c);
            if (round)
                assert_int_equal(verdict.hash, hashes[i]);
            hashes[i] = verdict.hash;
            free(c);
        }
    }
    wrg_world_destroy(world);
}

/* Worlds that divide their memory differently. */
static const char *const shapes[] = {
    "config victim=none\nio op=write sector=8 count=600\nwait\nio op=read sector=8 count=600\n",
    "config victim=none data=copy\nio op=write sector=8 count=600\nwait\n"
    "io op=read sector=8 count=600\n",
    "config victim=none guests=4 persistent=yes front-persistent=yes\nio op=write sector=8 "
    "count=88\n",
    "config victim=back neighbour=yes\nreq op=write nseg=3 sector=16\npublish\nkill dom=front "
    "after=40\n",
    "config victim=none guests=3 data=copy memory=64\nio op=write sector=8 count=88\n",
    "config victim=none guests=2 queues=2 grant-version=2\nio op=write sector=8 count=88 times=4\n"
    "wait\ntoolstack action=power-cut\nio op=read\n",
};

static void world_of_another_shape_before__same_hash(void **state)
{
    struct wrg_case *cases[WRG_ARRAY_LEN(shapes)];
    struct wrg_verdict expected[WRG_ARRAY_LEN(shapes)];
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);

    for (size_t i = 0; i < WRG_ARRAY_LEN(shapes); i++) {
        struct wrg_world *fresh = fixture_world(WRG_ENGINE_FIBER, false);
        cases[i] = fixture_case(shapes[i]);
        expected[i] = fixture_run(fresh, cases[i]);
        fixture_expect_clean(&expected[i], shapes[i]);
        wrg_world_destroy(fresh);
    }
    for (size_t i = 0; i < WRG_ARRAY_LEN(shapes) * WRG_ARRAY_LEN(shapes); i++) {
        const size_t pair[] = { i / WRG_ARRAY_LEN(shapes), i % WRG_ARRAY_LEN(shapes) };
        for (size_t k = 0; k < 2; k++) {
            struct wrg_verdict verdict = fixture_run(world, cases[pair[k]]);
            assert_int_equal(verdict.hash, expected[pair[k]].hash);
            assert_int_equal(verdict.steps, expected[pair[k]].steps);
        }
    }
    for (size_t i = 0; i < WRG_ARRAY_LEN(shapes); i++)
        free(cases[i]);
    wrg_world_destroy(world);
}

static void schedules__each_seed_has_a_hash_of_its_own_and_keeps_it(void **state)
{
    struct wrg_case *c = fixture_case(fixture_seeds[2]);
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);
    uint64_t hashes[8];

    for (unsigned round = 0; round < 2; round++) {
        for (unsigned seed = 0; seed < 8; seed++) {
            struct wrg_verdict verdict;
            assert_int_equal(wrg_world_start(world, c), 0);
            wrg_world_schedule(world, seed + 1);
            assert_int_equal(wrg_world_run(world, 0), WRG_WORLD_FINISHED);
            wrg_world_verdict(world, &verdict);
            fixture_expect_clean(&verdict, "schedule");
            if (round)
                assert_int_equal(verdict.hash, hashes[seed]);
            hashes[seed] = verdict.hash;
        }
    }
    assert_int_not_equal(hashes[0], hashes[1]);
    wrg_world_destroy(world);
    free(c);
}

/* What a schedule decided is known afterwards, and a deviation log says where it left `stay`. */
static void scheduled_run__choices_are_recorded(void **state)
{
    struct wrg_case *c = fixture_case(fixture_seeds[2]);
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, false);
    struct wrg_choice_step first[64], second[64];
    struct wrg_sched_preempt deviations[8];
    struct wrg_verdict verdict;
    size_t taken[2];

    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(wrg_world_start(world, c), 0);
        wrg_world_schedule(world, 7);
        assert_int_equal(wrg_world_run(world, 0), WRG_WORLD_FINISHED);
        wrg_world_verdict(world, &verdict);
        taken[round] = wrg_world_choices(world, round ? second : first, 64);
    }
    assert_true(taken[0] > 64);
    assert_int_equal(taken[0], taken[1]);
    assert_memory_equal(first, second, sizeof(first));
    assert_true(wrg_world_deviations(world, deviations, 8) > 0);
    wrg_world_destroy(world);
    free(c);
}

static void run_in_slices_of_steps__same_hash(void **state)
{
    struct wrg_case *c = fixture_case(fixture_seeds[2]);
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, false);
    struct wrg_verdict whole = fixture_run(world, c);
    struct wrg_verdict sliced;
    unsigned slices = 0;

    assert_int_equal(wrg_world_start(world, c), 0);
    while (wrg_world_run(world, 100) == WRG_WORLD_BUDGET_SPENT)
        slices++;
    wrg_world_verdict(world, &sliced);
    assert_true(slices > 5);
    assert_int_equal(sliced.hash, whole.hash);
    wrg_world_destroy(world);
    free(c);
}

/* A run that a finding ends leaves I/O behind, flushes without a buffer among it. */
static void after_a_run_that_was_cut_off__next_runs_are_whole(void **state)
{
    struct wrg_case *cut = fixture_case(
        "config victim=front judge=back\nio op=flush times=30\nio times=2\nrsp id=77\n");
    struct wrg_case *whole =
        fixture_case("config victim=front\nio op=flush times=40\nio times=40\n");
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);

    for (unsigned i = 0; i < 8; i++) {
        struct wrg_verdict verdict = fixture_run(world, cut);
        assert_int_equal(verdict.rule, WRG_RULE_RING_004);
        verdict = fixture_run(world, whole);
        fixture_expect_clean(&verdict, "after a cut");
        assert_int_equal(verdict.ios, 80);
    }
    wrg_world_destroy(world);
    free(whole);
    free(cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twice_in_one_world__same_hash),
        cmocka_unit_test(snapshot_and_fresh_connect__same_hash),
        cmocka_unit_test(cases_of_different_profiles_in_turn__each_keeps_its_hash),
        cmocka_unit_test(world_of_another_shape_before__same_hash),
        cmocka_unit_test(schedules__each_seed_has_a_hash_of_its_own_and_keeps_it),
        cmocka_unit_test(after_a_run_that_was_cut_off__next_runs_are_whole),
        cmocka_unit_test(scheduled_run__choices_are_recorded),
        cmocka_unit_test(run_in_slices_of_steps__same_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
