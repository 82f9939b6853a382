/* SPDX-License-Identifier: MIT */
/* Does a world run cases whose victim is the store, and others beside them? */
#include "world/world_fixture.h"

static const char talk[] = "config victim=xenstore\n"
                           "store client=2 action=watch path=\"/local/domain/1\" value=\"t\"\n"
                           "store action=start\n"
                           "store tx=1 path=\"a/b\" value=\"x\"\n"
                           "store action=commit tx=1\n"
                           "store action=die\n";
static const char block[] = "config victim=none\nio op=write sector=8\nio op=read sector=8\n";

static struct wrg_verdict run_once(struct wrg_world *world, const char *ops)
{
    struct wrg_case *c = fixture_case(ops);
    struct wrg_verdict verdict = fixture_run(world, c);

    fixture_expect_clean(&verdict, ops);
    free(c);
    return verdict;
}

static void same_case_between_others__same_hash(void **state)
{
    uint64_t hashes[2] = { 0 };

    for (unsigned snapshot = 0; snapshot < 2; snapshot++) {
        struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, snapshot);
        for (unsigned i = 0; i < 6; i++) {
            uint64_t hash = run_once(world, i % 2 ? talk : block).hash;
            if (!hashes[i % 2])
                hashes[i % 2] = hash;
            assert_int_equal(hash, hashes[i % 2]);
        }
        wrg_world_destroy(world);
    }
    assert_int_not_equal(hashes[0], hashes[1]);
}

static void another_value__another_hash(void **state)
{
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);
    uint64_t x, y;

    x = run_once(world, "config victim=xenstore\nstore path=\"a\" value=\"x\"\n").hash;
    y = run_once(world, "config victim=xenstore\nstore path=\"a\" value=\"y\"\n").hash;
    assert_int_not_equal(x, y);
    wrg_world_destroy(world);
}

static void target_xenstore__whatever_the_case_says(void **state)
{
    const struct wrg_world_options options = { .target = WRG_TARGET_XENSTORE, .oracles = true };
    struct wrg_world *world = wrg_world_create(&options);
    struct wrg_verdict verdict;

    assert_non_null(world);
    verdict = run_once(world, "config victim=front\nstore path=\"a\" value=\"x\"\n");
    assert_int_equal(verdict.dead_ops, 0);
    assert_int_equal(verdict.requests, 0);
    wrg_world_destroy(world);
}

static void ops_that_do_nothing__dead(void **state)
{
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);
    struct wrg_verdict verdict;

    verdict = run_once(world, "config victim=xenstore\nreq op=read\nstore action=disconnect\n"
                              "store path=\"a\"\nstore client=4 path=\"a\"\n");
    assert_int_equal(verdict.dead_ops, 2);
    assert_int_equal(verdict.dead[0], 1);
    assert_int_equal(verdict.dead[1], 3); /* the client is gone */
    verdict = run_once(world, "store path=\"a\" value=\"x\"\nreq op=read\n");
    assert_int_equal(verdict.dead_ops, 1); /* a backend has no such clients */
    wrg_world_destroy(world);
}

static void thread_engine__same_verdict(void **state)
{
    struct wrg_world *world = fixture_world(WRG_ENGINE_THREAD, false);

    assert_int_equal(run_once(world, talk).dead_ops, 0);
    wrg_world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_case_between_others__same_hash),
        cmocka_unit_test(another_value__another_hash),
        cmocka_unit_test(target_xenstore__whatever_the_case_says),
        cmocka_unit_test(ops_that_do_nothing__dead),
        cmocka_unit_test(thread_engine__same_verdict),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
