/* SPDX-License-Identifier: MIT */
/*
 * Several queues between both reference drivers: who carries the I/O, what a barrier does to all of
 * them, and what becomes of them when the connection goes. Layer: world, tests only.
 */
#include "vocab/events.h"
#include "world/world_fixture.h"

enum { MOST = 12 };

struct seen {
    unsigned requests[MOST + 1]; /* by lane */
    unsigned inflight;           /* in the disk */
    unsigned barrier_steps;      /* flush, write, flush of the one that goes on; 0: none does */
    unsigned barriers;
    bool crossed; /* something else was in the disk meanwhile */
};

static void watch(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct seen *seen = ctx;

    if (ev->kind == WRG_EV_LOAD && ev->role == WRG_ROLE_BACK &&
        wrg_event_class(ev) == WRG_SHARED_RING_SLOT)
        seen->requests[wrg_event_lane(ev)]++;
    if (ev->kind == WRG_EV_DISK_DONE)
        seen->inflight--;
    if (ev->kind != WRG_EV_DISK_SUBMIT)
        return;
    seen->inflight++;
    bool flush = ev->b == WRG_CASE_IO_FLUSH;
    if (flush || seen->barrier_steps == 1)
        seen->barrier_steps++;
    if (seen->barrier_steps && seen->inflight != 1)
        seen->crossed = true;
    if (seen->barrier_steps == 3) {
        seen->barriers++;
        seen->barrier_steps = 0;
    }
}

struct play {
    const char *ops;
    enum wrg_engine engine;
    uint64_t seed; /* of a schedule; 0: none */
};

static struct wrg_verdict play(const struct play *args, struct seen *seen)
{
    const struct wrg_world_options options = { .engine = args->engine,
                                               .oracles = true,
                                               .hash = true,
                                               .tap = seen ? watch : NULL,
                                               .tap_ctx = seen };
    struct wrg_world *world = wrg_world_create(&options);
    struct wrg_case *c = fixture_case(args->ops);
    struct wrg_verdict verdict;

    if (seen)
        memset(seen, 0, sizeof(*seen));
    assert_non_null(world);
    assert_int_equal(wrg_world_start(world, c), 0);
    if (args->seed)
        wrg_world_schedule(world, args->seed);
    assert_int_equal(wrg_world_run(world, 0), WRG_WORLD_FINISHED);
    wrg_world_verdict(world, &verdict);
    fixture_expect_clean(&verdict, args->ops);
    wrg_world_destroy(world);
    free(c);
    return verdict;
}

static void io_of_a_device__goes_to_each_queue_in_turn(void **state)
{
    static const unsigned numbers[] = { 1, 2, 5, 12 };

    for (size_t i = 0; i < WRG_ARRAY_LEN(numbers); i++) {
        unsigned n = numbers[i];
        char ops[128];
        struct seen seen;
        snprintf(ops, sizeof(ops),
                 "config victim=none queues=%u\nio op=write times=120 stride=8\n"
                 "io op=read times=120 stride=8\n",
                 n);
        struct wrg_verdict verdict = play(&(struct play){ .ops = ops }, &seen);
        assert_int_equal(verdict.ios, 240);
        assert_int_equal(verdict.ios_failed, 0);
        assert_int_equal(verdict.requests, 240);
        for (unsigned lane = 0; lane < n; lane++)
            assert_int_equal(seen.requests[lane], 240 / n);
        assert_int_equal(seen.requests[n], 0);
    }
}

/* Of writes on all rings around it; two wait at the same time, on rings of their own. */
static void barrier__stands_alone_among_the_requests_of_all_queues(void **state)
{
    static const char ops[] =
        "config victim=none queues=4 barrier=yes delay=50 reorder=yes depth=64\n"
        "io op=write times=9 stride=8\nio op=barrier sector=80\n"
        "io op=barrier sector=88\nio op=write sector=96 times=9 stride=8\n"
        "io op=barrier sector=160\nio op=read times=20 stride=8\n";
    struct seen seen;

    for (uint64_t seed = 0; seed < 100; seed++) {
        struct wrg_verdict verdict = play(&(struct play){ .ops = ops, .seed = seed }, &seen);
        assert_int_equal(verdict.ios, 41);
        assert_int_equal(verdict.ios_failed, 0);
        assert_int_equal(seen.barriers, 3);
        assert_false(seen.crossed);
    }
}

/* Nothing fails, and nothing is lost, although each I/O may wait for a queue that goes. */
static void moved_to_other_numbers_of_queues__nothing_fails(void **state)
{
    static const struct {
        unsigned before, behind;
    } table[] = { { 4, 1 }, { 1, 4 }, { 12, 5 }, { 3, 3 } };

    for (size_t i = 0; i < WRG_ARRAY_LEN(table); i++) {
        for (unsigned steps = 0; steps < 300; steps += 29) {
            char ops[320];
            snprintf(ops, sizeof(ops),
                     "config victim=none queues=%u indirect-max=64 depth=64\n"
                     "sched strategy=round-robin\n"
                     "io op=write count=64 times=40 stride=64\nwait for=steps n=%u\n"
                     "reconnect how=migrate queues=%u ring-order=0\n"
                     "io op=read count=64 times=40 stride=64\n",
                     table[i].before, steps, table[i].behind);
            struct wrg_verdict verdict = play(&(struct play){ .ops = ops }, NULL);
            assert_int_equal(verdict.ios, 80);
            assert_int_equal(verdict.ios_failed, 0);
            assert_int_equal(verdict.dead_ops, 0);
        }
    }
}

static void connected_again_with_other_numbers__each_queue_works(void **state)
{
    static const char ops[] = "config victim=none queues=5 front-queues=7 ring-order=1\n"
                              "io op=write times=30 stride=8\nwait\n"
                              "reconnect by=back queues=12\nio op=read times=30 stride=8\nwait\n"
                              "reconnect by=front queues=3\nio op=write times=30 stride=8\nwait\n"
                              "reconnect how=kexec\nio op=read times=30 stride=8\nwait\n"
                              "reconnect by=back queues=0\nio op=write times=30 stride=8\nwait\n"
                              "reconnect how=firmware\nio op=read times=30 stride=8\nwait\n";
    struct seen seen;

    for (uint64_t seed = 0; seed < 20; seed++) {
        struct wrg_verdict verdict = play(&(struct play){ .ops = ops, .seed = seed }, &seen);
        assert_int_equal(verdict.ios_failed, 0);
        assert_int_equal(verdict.dead_ops, 0);
        for (unsigned lane = 0; lane < 7; lane++)
            assert_true(seen.requests[lane] > 0);
    }
}

/* What was in flight on any ring is answered, or fails, and nothing is left of any of them. */
static void end_with_io_in_flight_on_all_queues__nothing_is_left(void **state)
{
    static const char *const ends[] = { "kill dom=back",           "kill dom=front",
                                        "detach by=front",         "detach by=back",
                                        "toolstack action=unplug", "toolstack action=power-cut" };

    for (size_t i = 0; i < WRG_ARRAY_LEN(ends); i++) {
        for (unsigned steps = 0; steps < 200; steps += 29) {
            char ops[256];
            snprintf(ops, sizeof(ops),
                     "config victim=none queues=4 delay=20 depth=64\nsched strategy=round-robin\n"
                     "io op=write count=80 times=24 stride=80\nwait for=steps n=%u\n%s\n",
                     steps, ends[i]);
            (void)play(&(struct play){ .ops = ops }, NULL);
        }
    }
}

static void disk_resized_under_several_queues__told_once(void **state)
{
    struct wrg_verdict verdict =
        play(&(struct play){ .ops = "config victim=none queues=4 sectors=1024\n"
                                    "io op=write times=40 stride=8\nresize sectors=4096\nwait\n"
                                    "io op=write sector=4000 times=8\n" },
             NULL);

    assert_int_equal(verdict.ios_failed, 0);
}

/* Real threads, one a queue: for ThreadSanitizer above all. */
static void threads__every_io_is_completed(void **state)
{
    static const char ops[] = "config victim=none queues=4 barrier=yes depth=64\n"
                              "io op=write times=300 stride=8\nio op=barrier times=20 stride=8\n"
                              "io op=read times=300 stride=8\nresize sectors=262144\n"
                              "reconnect by=back queues=2\nio op=write times=100 stride=8\n"
                              "io op=barrier times=20 stride=8\ndetach by=front\n";

    for (unsigned i = 0; i < 3; i++) {
        struct wrg_verdict verdict =
            play(&(struct play){ .ops = ops, .engine = WRG_ENGINE_THREAD }, NULL);
        assert_int_equal(verdict.ios, 740);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(io_of_a_device__goes_to_each_queue_in_turn),
        cmocka_unit_test(barrier__stands_alone_among_the_requests_of_all_queues),
        cmocka_unit_test(moved_to_other_numbers_of_queues__nothing_fails),
        cmocka_unit_test(connected_again_with_other_numbers__each_queue_works),
        cmocka_unit_test(end_with_io_in_flight_on_all_queues__nothing_is_left),
        cmocka_unit_test(disk_resized_under_several_queues__told_once),
        cmocka_unit_test(threads__every_io_is_completed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
