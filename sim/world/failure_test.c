/* SPDX-License-Identifier: MIT */
/*
 * The n-th fallible call fails, for every n, over small cases. The drivers survive it: no rule is
 * broken (nothing leaks, hangs, or is lost), and what the block layer submitted is completed.
 */
#include "world/world_fixture.h"

#include <errno.h>

#include <wringer/port.h>

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

    assert_int_equal(verdict.dead_ops, 1);
    assert_int_equal(verdict.dead[0], 1);
    wrg_world_destroy(world);
    free(c);
}

static struct wrg_verdict run_text(struct wrg_world *world, const char *ops)
{
    struct wrg_case *c = fixture_case(ops);
    struct wrg_verdict verdict = fixture_run(world, c);

    fixture_expect_clean(&verdict, ops);
    free(c);
    return verdict;
}

/* The backend maps the ring, then data; the frontend maps nothing. */
static void fault_of_a_side__counts_its_calls_only(void **state)
{
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);

    struct wrg_verdict back =
        run_text(world, "config victim=none\nfault site=gnttab-map nth=2 side=back\nio op=write\n");
    assert_int_equal(back.ios_failed, 1);
    assert_int_equal(back.dead_ops, 0);
    struct wrg_verdict front = run_text(
        world, "config victim=none\nfault site=gnttab-map nth=1 side=front\nio op=write\n");
    assert_int_equal(front.ios_failed, 0);
    assert_int_equal(front.dead_ops, 1);
    wrg_world_destroy(world);
}

static const char all_disk_writes[] = "config victim=none\n"
                                      "fault-rate site=disk-write per-1000=1000 since=connected\n"
                                      "io op=write times=3 stride=8\nio op=read sector=80\n";

static void fault_rate__every_such_call_and_no_other(void **state)
{
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);

    struct wrg_verdict verdict = run_text(world, all_disk_writes);
    assert_int_equal(verdict.ios, 4);
    assert_int_equal(verdict.ios_failed, 3);
    assert_int_equal(verdict.dead_ops, 0);
    wrg_world_destroy(world);
}

/* A rate from the start can hit while the drivers connect: no snapshot will do. */
static void fault_rate__same_hash_with_and_without_the_snapshot(void **state)
{
    static const char late[] = "config victim=none\nfault-rate per-1000=60 seed=5\n"
                               "io op=write times=20 stride=8\nio op=read count=160\n";
    static const char early[] = "config victim=none\nfault-rate per-1000=2 seed=5 since=start\n"
                                "io op=write times=20 stride=8\nio op=read count=160\n";
    struct wrg_world *fresh = fixture_world(WRG_ENGINE_FIBER, false);
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);
    const struct wrg_verdict wanted = run_text(fresh, late);
    const struct wrg_verdict wanted_early = run_text(fresh, early);

    bool used = false;
    assert_true(wanted.ios_failed > 0);
    for (unsigned i = 0; i < 4; i++) {
        struct wrg_verdict verdict = run_text(world, late);
        assert_int_equal(verdict.hash, wanted.hash);
        used |= verdict.from_snapshot;
    }
    for (unsigned i = 0; i < 2; i++) {
        struct wrg_verdict verdict = run_text(world, early);
        assert_int_equal(verdict.hash, wanted_early.hash);
        assert_false(verdict.from_snapshot);
    }
    assert_true(used);
    wrg_world_destroy(world);
    wrg_world_destroy(fresh);
}

/* What the toolstack has unplugged (online 0) is not offered to a frontend that starts afresh. */
static void unplugged_device__does_not_connect_again(void **state)
{
    struct wrg_case *c = fixture_case("config victim=none\ndetach by=toolstack\n"
                                      "wait for=closed\nreconnect by=front\n");
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);
    struct wrg_verdict verdict = fixture_run(world, c);

    fixture_expect_clean(&verdict, "unplug");
    assert_int_equal(verdict.dead_ops, 1);
    assert_int_equal(verdict.dead[0], 3);
    wrg_world_destroy(world);
    free(c);
}

/* ---- a driver that asks for more tasks than there are ---- */

extern const struct wrg_endpoint wrg_front_endpoint;

static unsigned made;
static int refused;

static void idle(void *arg)
{
}

static int start_with_many_tasks(struct wrg_port *port, void **self)
{
    struct wrg_task_create task = { .fn = idle, .name = "idle", .worker = true };

    for (made = 0; !(refused = wrg_port_task_create(port, &task)); made++)
        ;
    return wrg_front_endpoint.start(port, self);
}

static void tasks_without_end__refused_and_the_world_goes_on(void **state)
{
    struct wrg_endpoint greedy = wrg_front_endpoint;
    const struct wrg_world_options options = { .oracles = true, .hash = true, .front = &greedy };
    struct wrg_case *c = fixture_case("config victim=none\nio op=write\n");
    struct wrg_verdict verdict;

    greedy.start = start_with_many_tasks;
    greedy.traits = 0;
    struct wrg_world *world = wrg_world_create(&options);
    assert_int_equal(wrg_world_run_case(world, c, &verdict), 0);
    assert_int_equal(refused, -ENOSPC);
    assert_true(made > 60);
    assert_int_equal(verdict.ios_failed, verdict.ios); /* it had no task left */
    wrg_world_destroy(world);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nth_call_fails__drivers_survive),
        cmocka_unit_test(fault_op__is_seen_by_the_block_layer),
        cmocka_unit_test(fault_that_never_hits__is_a_dead_op),
        cmocka_unit_test(fault_of_a_side__counts_its_calls_only),
        cmocka_unit_test(fault_rate__every_such_call_and_no_other),
        cmocka_unit_test(fault_rate__same_hash_with_and_without_the_snapshot),
        cmocka_unit_test(unplugged_device__does_not_connect_again),
        cmocka_unit_test(tasks_without_end__refused_and_the_world_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
