/* SPDX-License-Identifier: MIT */
/*
 * The same drivers on pthreads in parallel. Under TSan a race here fails the test.
 */
#include <pthread.h>
#include <time.h>

#include "world/world_fixture.h"

#include "guest/port_calls.h"

static void honest_pair_on_threads__clean_and_complete(void **state)
{
    struct wrg_case *c = fixture_case(
        "config victim=none indirect-max=64 sectors=20480\n"
        "io op=write times=200 stride=8\nwait for=idle\n"
        "io op=read count=256 times=20 stride=8\nio op=read times=200 stride=8\nio op=flush\n"
        "wait for=idle\ndetach by=front\n");
    struct wrg_world *world = fixture_world(WRG_ENGINE_THREAD, false);

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

/* ---- two at one time ---- */

extern const struct wrg_endpoint wrg_back_endpoint;

/*
 * Where tasks of the backend meet: each comes with a request in hand that it has taken out of a
 * ring and has not answered. The first waits there, for real, until there are two.
 */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t met;
    uint32_t inside, most;
    wrg_port_call *const *calls; /* the real ones */
    wrg_port_call *wrapped[WRG_NR_CALLS];
    struct wrg_endpoint back;
} meeting = { .lock = PTHREAD_MUTEX_INITIALIZER, .met = PTHREAD_COND_INITIALIZER };

static void meet(void)
{
    struct timespec late;

    clock_gettime(CLOCK_REALTIME, &late);
    late.tv_sec += 20;
    pthread_mutex_lock(&meeting.lock);
    if (++meeting.inside > meeting.most)
        meeting.most = meeting.inside;
    pthread_cond_broadcast(&meeting.met);
    while (meeting.most < 2)
        if (pthread_cond_timedwait(&meeting.met, &meeting.lock, &late))
            break;
    meeting.inside--;
    pthread_mutex_unlock(&meeting.lock);
}

static int map_and_meet(struct wrg_port *port, void *ptr)
{
    const struct wrg_gnttab_map *args = ptr;

    if (!args->contiguous) /* data, not a ring */
        meet();
    return meeting.calls[WRG_CALL_GNTTAB_MAP](port, ptr);
}

static int start_and_wrap(struct wrg_port *port, void **self)
{
    if (!meeting.calls) {
        meeting.calls = port->calls;
        memcpy(meeting.wrapped, port->calls, sizeof(meeting.wrapped));
        meeting.wrapped[WRG_CALL_GNTTAB_MAP] = map_and_meet;
    }
    port->calls = meeting.wrapped;
    return wrg_back_endpoint.start(port, self);
}

static void expect_a_meeting(const char *text)
{
    struct wrg_world_options options = { .engine = WRG_ENGINE_THREAD, .oracles = true };
    struct wrg_case *c = fixture_case(text);

    meeting.calls = NULL;
    meeting.most = 0;
    meeting.back = wrg_back_endpoint;
    meeting.back.start = start_and_wrap;
    options.back = &meeting.back;
    struct wrg_world *world = wrg_world_create(&options);
    struct wrg_verdict verdict = fixture_run(world, c);
    fixture_expect_clean(&verdict, text);
    assert_true(meeting.most >= 2);
    wrg_world_destroy(world);
    free(c);
}

static void two_guests__their_rings_are_served_at_one_time(void **state)
{
    expect_a_meeting("config victim=none guests=2\nio op=write count=16 times=4\n");
}

static void two_queues__are_served_at_one_time(void **state)
{
    expect_a_meeting("config victim=none queues=2 front-queues=2\n"
                     "io op=write count=16 times=16 stride=16\n");
}

/* ---- both engines ---- */

static void cases_without_schedule__same_verdict_on_both_engines(void **state)
{
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
        cmocka_unit_test(two_guests__their_rings_are_served_at_one_time),
        cmocka_unit_test(two_queues__are_served_at_one_time),
        cmocka_unit_test(cases_without_schedule__same_verdict_on_both_engines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
