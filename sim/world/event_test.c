/* SPDX-License-Identifier: MIT */
/*
 * Events without work, in whole worlds: who is slowed down, who is not, and what it must not hide.
 */
#include "world/world_fixture.h"
#include "world/world_impl.h"

static const char *const storm[] = {
    [WRG_SEAT_FRONT] = "config victim=front\n"
                       "event action=send\nwait\nevent action=send count=9\nwait\n"
                       "event action=send\nevent action=send count=9\nwait\n"
                       "event action=send\nevent action=send count=9\nwait\n"
                       "io op=write sector=8\nwait for=responses n=1\n",
    [WRG_SEAT_BACK] = "config victim=back\n"
                      "event action=send\nwait\nevent action=send count=9\nwait\n"
                      "event action=send\nevent action=send count=9\nwait\n"
                      "event action=send\nevent action=send count=9\nwait\n"
                      "req op=write nseg=1 sector=8\npublish notify=yes\n"
                      "wait for=responses n=1\n",
};

struct seen {
    uint8_t role; /* only this one's are counted */
    uint32_t eois, spurious, delayed, late;
    uint64_t longest_jiffies;
};

static void count(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct seen *seen = ctx;

    if (ev->role != seen->role)
        return;
    seen->late += ev->kind == WRG_EV_EVTCHN_LATE_EOI;
    if (ev->kind != WRG_EV_EVTCHN_EOI)
        return;
    seen->eois++;
    seen->spurious += ev->b;
    seen->delayed += ev->c != 0;
    if (seen->longest_jiffies < ev->c)
        seen->longest_jiffies = ev->c;
}

static struct wrg_world *watched_world(struct seen *seen, bool snapshot)
{
    const struct wrg_world_options options = { .engine = WRG_ENGINE_FIBER,
                                               .oracles = true,
                                               .hash = true,
                                               .snapshot = snapshot,
                                               .tap = count,
                                               .tap_ctx = seen };
    struct wrg_world *world = wrg_world_create(&options);

    assert_non_null(world);
    return world;
}

static void check_clean(const struct wrg_verdict *verdict, const char *ops)
{
    fixture_expect_clean(verdict, ops);
    assert_int_equal(verdict->dead_ops, 0);
}

static void storm__victims_kernel_slows_it_down(void **state)
{
    for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++) {
        struct seen seen = { .role = seat == WRG_SEAT_FRONT ? WRG_ROLE_FRONT : WRG_ROLE_BACK };
        struct wrg_world *world = watched_world(&seen, false);
        struct wrg_case *c = fixture_case(storm[seat]);
        struct wrg_verdict verdict = fixture_run(world, c);
        struct wrg_event_stats stats = wrg_late_eoi_stats(&world->vbd.guests[seat]);

        check_clean(&verdict, storm[seat]); /* what came with the storm was served */
        assert_true(seen.delayed >= 3);
        assert_true(seen.longest_jiffies >= 4);
        assert_true(seen.late > 0);
        assert_true(stats.spurious_events >= seen.delayed);
        assert_true(stats.jiffies_eoi_delayed >= seen.delayed);
        assert_true(stats.events < 12); /* of more than thirty that were sent */
        wrg_world_destroy(world);
        free(c);
    }
}

static void storm__same_hash_from_a_snapshot(void **state)
{
    for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++) {
        struct wrg_world *fresh = fixture_world(WRG_ENGINE_FIBER, false);
        struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);
        struct wrg_case *c = fixture_case(storm[seat]);
        struct wrg_verdict want = fixture_run(fresh, c);

        for (unsigned i = 0; i < 4; i++) {
            struct wrg_verdict got = fixture_run(world, c);
            assert_true(got.hash == want.hash);
            assert_true(got.from_snapshot == (i > 0));
        }
        wrg_world_destroy(fresh);
        wrg_world_destroy(world);
        free(c);
    }
}

static void honest_pair__never_slowed_down(void **state)
{
    struct seen seen = { .role = WRG_ROLE_FRONT };
    struct wrg_world *world = watched_world(&seen, true);

    for (unsigned role = WRG_ROLE_FRONT; role <= WRG_ROLE_BACK; role++)
        for (size_t i = 0; i < WRG_ARRAY_LEN(fixture_seeds); i++) {
            struct wrg_case *c = fixture_case(fixture_seeds[i]);
            seen.role = (uint8_t)role;
            struct wrg_verdict verdict = fixture_run(world, c);
            check_clean(&verdict, fixture_seeds[i]);
            free(c);
        }
    assert_true(seen.eois > 0);
    assert_int_equal(seen.delayed, 0);
    assert_int_equal(seen.late, 0);
    wrg_world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storm__victims_kernel_slows_it_down),
        cmocka_unit_test(storm__same_hash_from_a_snapshot),
        cmocka_unit_test(honest_pair__never_slowed_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
