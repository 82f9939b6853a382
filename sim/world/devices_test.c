/* SPDX-License-Identifier: MIT */
/*
 * Several guests on one backend: each has its I/O, each is judged, none changes what another's
 * trace is by being there or not.
 */
#include "world/world_fixture.h"

#include "disk/memory_disk.h"
#include "trace/trace.h"
#include "world/program.h"

static const char several[] =
    "config victim=none guests=4 queues=2 front-queues=2\n"
    "io op=write sector=8 count=240 times=4 stride=240\nwait\n"
    "io op=read sector=8 count=240 times=4 stride=240\nwait\ndetach by=front\n";
static const char alone[] = "config victim=none\nio op=write sector=8\nwait\nio op=read sector=8\n";

static void four_guests__each_does_io(void **state)
{
    struct wrg_case *c = fixture_case(several);
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);
    struct wrg_verdict verdict = fixture_run(world, c);

    fixture_expect_clean(&verdict, "several");
    assert_true(verdict.ios >= 8 + 3 * 12);
    assert_int_equal(verdict.ios_failed, 0);
    assert_int_equal(verdict.dead_ops, 0);
    wrg_world_destroy(world);
    free(c);
}

/* More queues than there are rings to be told apart, and tasks to serve them. */
static void many_guests_of_many_queues__all_are_served(void **state)
{
    static const char *const numbers[] = { "queues=12", "queues=4", "queues=1" };

    for (size_t i = 0; i < WRG_ARRAY_LEN(numbers); i++) {
        char ops[256];
        snprintf(
            ops, sizeof(ops),
            "config victim=none guests=4 neighbour=yes persistent=yes front-persistent=yes %s\n"
            "io op=write times=30 stride=8\nwait\nreconnect by=back queues=12\n"
            "io op=read times=30 stride=8\n",
            numbers[i]);
        struct wrg_case *c = fixture_case(ops);
        struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, false);
        struct wrg_verdict verdict = fixture_run(world, c);
        fixture_expect_clean(&verdict, ops);
        assert_int_equal(verdict.dead_ops, 0);
        assert_true(verdict.ios > 60);
        wrg_world_destroy(world);
        free(c);
    }
}

/* The first device has to wait for its script, the others have none to wait for. */
static void first_device_is_held__others_do_io(void **state)
{
    struct wrg_case *c = fixture_case("config victim=none guests=2\ntoolstack action=hold\n"
                                      "toolstack action=hotplug when=5\nwait for=connected\n");
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, false);
    struct wrg_verdict verdict = fixture_run(world, c);

    fixture_expect_clean(&verdict, "held");
    assert_true(verdict.ios >= 12);
    wrg_world_destroy(world);
    free(c);
}

static void four_guests_twice__same_hash(void **state)
{
    struct wrg_case *c = fixture_case(several);
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);

    for (uint64_t seed = 0; seed < 4; seed++) {
        uint64_t hashes[2];
        for (unsigned i = 0; i < 2; i++) {
            struct wrg_verdict verdict;
            assert_int_equal(wrg_world_start(world, c), 0);
            wrg_world_schedule(world, seed);
            assert_int_equal(wrg_world_run(world, 0), WRG_WORLD_FINISHED);
            wrg_world_verdict(world, &verdict);
            fixture_expect_clean(&verdict, "schedule");
            hashes[i] = verdict.hash;
        }
        assert_int_equal(hashes[0], hashes[1]);
    }
    wrg_world_destroy(world);
    free(c);
}

static void one_guest_after_four__hash_of_a_world_that_never_had_them(void **state)
{
    struct wrg_case *many = fixture_case(several), *one = fixture_case(alone);
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);
    uint64_t hash = fixture_run(world, one).hash;

    for (unsigned i = 0; i < 3; i++) {
        struct wrg_verdict verdict = fixture_run(world, many);
        fixture_expect_clean(&verdict, "many");
        for (unsigned k = 0; k < 3; k++)
            assert_int_equal(fixture_run(world, one).hash, hash);
    }
    wrg_world_destroy(world);
    free(one);
    free(many);
}

/* ---- what happens at a device beside the first is found ---- */

static WRG_MUST_USE int forget(struct wrg_disk *disk, const struct wrg_disk_request *request,
                               struct wrg_disk_context *context)
{
    if (request->op == WRG_IO_WRITE)
        return 0;
    return wrg_disk_execute(disk->next, request, context);
}

static const struct wrg_disk_ops forgetful = { .execute = forget,
                                               .transfer = wrg_disk_pass_transfer,
                                               .info = wrg_disk_pass_info,
                                               .reset = wrg_disk_pass_reset };

static void disk_of_the_second_guest_forgets__found_there(void **state)
{
    const struct wrg_memory_disk_args args = { .sectors = 65536, .chunks = 64 };
    struct wrg_case *c = fixture_case("config victim=none guests=2\nio op=write sector=8\n");
    struct wrg_memory_disk memory;
    struct wrg_disk disk = { .ops = &forgetful, .next = &memory.disk };
    struct wrg_world_options options = { .oracles = true, .hash = true, .disks = { NULL, &disk } };
    struct wrg_world *world = wrg_world_create(&options);
    int result = wrg_memory_disk_init(&memory, &args);

    assert_int_equal(result, 0);
    struct wrg_verdict verdict = fixture_run(world, c);
    assert_int_equal(verdict.rule, WRG_RULE_DATA_002);
    assert_int_equal(verdict.role >> 2, 1);
    wrg_world_destroy(world);
    wrg_memory_disk_fini(&memory);
    free(c);
}

struct failures {
    unsigned by_device[WRG_WORLD_DEVICES];
};

static void count_failures(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct failures *failures = ctx;

    if (ev->kind == WRG_EV_BLK_COMPLETE && ev->b)
        failures->by_device[ev->role >> WRG_TRACE_ROLE_BITS]++;
}

/* No fault of the case hits a call for another device, nor does one of those count. */
static void faults__hit_the_first_device_alone(void **state)
{
    static const char *const text[] = {
        "config victim=none guests=1\nio op=write count=64\n",
        "config victim=none guests=3\nio op=write count=64\n",
        "config victim=none guests=3\nfault-rate site=gnttab-map per-1000=1000\nio op=write\nio\n",
    };
    uint32_t calls[2];

    for (unsigned i = 0; i < 3; i++) {
        struct wrg_case *c = fixture_case(text[i]);
        struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, false);
        struct wrg_verdict verdict = fixture_run(world, c);
        fixture_expect_clean(&verdict, text[i]);
        assert_int_equal(verdict.ios_failed, i == 2 ? 2 : 0);
        if (i < 2)
            calls[i] = wrg_world_fallible(world, WRG_FAULT_GNTTAB_MAP);
        wrg_world_destroy(world);
        free(c);
    }
    assert_int_equal(calls[0], calls[1]);
}

/* Named by the op, a device beside the first is hit, and it alone. */
static void ops_that_name_a_device__hit_it_alone(void **state)
{
    static const char *const ops[] = {
        "fault site=gnttab-map side=back device=1 nth=3 count=65535\n",
        "fault site=disk-write device=1 nth=1 count=65535\n",
        "fault-rate site=disk-read per-1000=1000 device=1\n",
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(ops); i++) {
        char text[256];
        snprintf(text, sizeof(text), "config victim=none guests=3\n%sio op=write count=64\nio\n",
                 ops[i]);
        struct wrg_case *c = fixture_case(text);
        struct failures seen = { { 0 } };
        const struct wrg_world_options options = {
            .oracles = true, .hash = true, .tap = count_failures, .tap_ctx = &seen
        };
        struct wrg_world *world = wrg_world_create(&options);
        struct wrg_verdict verdict = fixture_run(world, c);
        fixture_expect_clean(&verdict, text);
        assert_int_equal(verdict.dead_ops, 0);
        assert_int_equal(seen.by_device[0], 0);
        assert_true(seen.by_device[1] > 0);
        assert_int_equal(seen.by_device[2], 0);
        wrg_world_destroy(world);
        free(c);
    }
}

/* ---- what happens to a host or a kernel happens to all of its devices ---- */

static void count_ready(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    unsigned *ready = ctx;

    if (ev->kind == WRG_EV_BLK_READY)
        ready[ev->role >> WRG_TRACE_ROLE_BITS]++;
}

/* Until there is nothing more to write to. */
static void write_on(void *ctx, struct wrg_world *world)
{
    while (wrg_program_wait(world))
        ;
}

struct coming_back {
    const char *ops;
    bool program;
    unsigned ready[3]; /* how often each device has come up */
};

static void expect_ready(const struct coming_back *expected)
{
    unsigned ready[WRG_WORLD_DEVICES] = { 0 };
    struct wrg_case *c = fixture_case(expected->ops);
    struct wrg_world_options options = {
        .oracles = true, .hash = true, .tap = count_ready, .tap_ctx = ready
    };

    if (expected->program) {
        options.program = write_on;
        options.devices = 3;
    }
    struct wrg_world *world = wrg_world_create(&options);
    struct wrg_verdict verdict = fixture_run(world, c);
    fixture_expect_clean(&verdict, expected->ops);
    assert_int_equal(verdict.dead_ops, 0);
    for (unsigned i = 0; i < WRG_ARRAY_LEN(expected->ready); i++)
        if (ready[i] != expected->ready[i])
            fail_msg("%s: device %u came up %u times", expected->ops, i, ready[i]);
    wrg_world_destroy(world);
    free(c);
}

static void host_or_kernel_goes__all_of_its_devices_come_back(void **state)
{
    static const struct coming_back table[] = {
        { "config victim=none guests=3\ntoolstack action=power-cut\n", false, { 2, 2, 2 } },
        { "config victim=none guests=3\nreconnect how=migrate\n", false, { 2, 2, 2 } },
        { "config victim=none guests=3\nreconnect how=restart\n", false, { 2, 1, 1 } },
        { "config victim=none guests=3\nreconnect how=kexec\n", false, { 2, 1, 1 } },
        { "config victim=none\ntoolstack action=power-cut\n", true, { 2, 2, 2 } },
        { "config victim=none\nreconnect how=migrate\n", true, { 2, 2, 2 } },
        { "config victim=none\nreconnect how=kexec\n", true, { 2, 2, 2 } },
        { "config victim=none\nreconnect how=firmware\n", true, { 2, 2, 2 } },
        { "config victim=none\nreconnect by=back\n", true, { 2, 1, 1 } },
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(table); i++)
        expect_ready(&table[i]);
}

/* Its guest reads and writes again: at least two rounds of three writes and three reads. */
static void device_that_is_back__has_io_again(void **state)
{
    static const char *const numbers[] = { "toolstack action=power-cut", "reconnect how=migrate" };
    enum { RINGS_BACK = 2, ROUND_IOS = 6, ROUNDS = 2 };

    for (size_t i = 0; i < WRG_ARRAY_LEN(numbers); i++) {
        char ops[128];
        snprintf(ops, sizeof(ops), "config victim=none guests=3\nwait for=time-ms n=60\n%s\n",
                 numbers[i]);
        struct wrg_case *c = fixture_case(ops);
        struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, false);
        struct wrg_verdict verdict = fixture_run(world, c);
        fixture_expect_clean(&verdict, ops);
        assert_true(verdict.ios >= 2 * 16 * ROUND_IOS + RINGS_BACK * ROUND_IOS * ROUNDS);
        wrg_world_destroy(world);
        free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_guests__each_does_io),
        cmocka_unit_test(many_guests_of_many_queues__all_are_served),
        cmocka_unit_test(first_device_is_held__others_do_io),
        cmocka_unit_test(four_guests_twice__same_hash),
        cmocka_unit_test(one_guest_after_four__hash_of_a_world_that_never_had_them),
        cmocka_unit_test(disk_of_the_second_guest_forgets__found_there),
        cmocka_unit_test(faults__hit_the_first_device_alone),
        cmocka_unit_test(ops_that_name_a_device__hit_it_alone),
        cmocka_unit_test(host_or_kernel_goes__all_of_its_devices_come_back),
        cmocka_unit_test(device_that_is_back__has_io_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
