/* SPDX-License-Identifier: MIT */
/*
 * What a barrier does to the order in which the disk is asked. Layer: back, tests only.
 */
#include "vocab/events.h"
#include "world/world_fixture.h"

enum { MOST = 64 };

struct seen { /* the disk's work, in order: 'r', 'w' or 'f' as it is asked, '.' as it is done */
    char text[MOST];
    uint32_t n;
};

static void watch(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    static const char ops[] = {
        [WRG_CASE_IO_READ] = 'r', [WRG_CASE_IO_WRITE] = 'w', [WRG_CASE_IO_FLUSH] = 'f'
    };
    struct seen *seen = ctx;

    if (seen->n + 1 >= MOST)
        return;
    if (ev->kind == WRG_EV_DISK_SUBMIT)
        seen->text[seen->n++] = ev->b < sizeof(ops) ? ops[ev->b] : '?';
    if (ev->kind == WRG_EV_DISK_DONE)
        seen->text[seen->n++] = '.';
}

static struct seen disk_work(const char *ops)
{
    struct seen seen = { .n = 0 };
    const struct wrg_world_options options = {
        .engine = WRG_ENGINE_FIBER, .oracles = true, .hash = true, .tap = watch, .tap_ctx = &seen
    };
    struct wrg_world *world = wrg_world_create(&options);
    struct wrg_case *c = fixture_case(ops);

    assert_non_null(world);
    struct wrg_verdict verdict = fixture_run(world, c);
    fixture_expect_clean(&verdict, ops);
    wrg_world_destroy(world);
    free(c);
    return seen;
}

static void barrier_among_writes__waits_for_those_before_and_holds_up_those_behind(void **state)
{
    struct seen seen = disk_work("config victim=back barrier=yes\n"
                                 "req op=write nseg=1 sector=8\nreq op=write nseg=1 sector=16\n"
                                 "req op=barrier nseg=1 sector=24\n"
                                 "req op=write nseg=1 sector=32\nreq op=read nseg=1 sector=8\n"
                                 "publish\nwait for=responses n=5\n");

    assert_string_equal(seen.text, "ww..f.w.f.wr..");
}

static void empty_barrier__flushes_once(void **state)
{
    struct seen seen = disk_work("config victim=back barrier=yes\nreq op=barrier nseg=0\n"
                                 "req op=write nseg=1 sector=8\npublish\n"
                                 "wait for=responses n=2\n");

    assert_string_equal(seen.text, "f.w.");
}

static void flush_not_offered__empty_barrier_instead(void **state)
{
    struct seen seen = disk_work("config victim=none barrier=only\nio op=write sector=8\n"
                                 "io op=flush\nio op=write sector=16\n");

    assert_string_equal(seen.text, "w.f.w.");
}

static void barrier_not_offered__disk_is_not_asked(void **state)
{
    struct seen seen = disk_work("config victim=none\nio op=barrier sector=8\nio op=read\n");

    assert_string_equal(seen.text, "r.");
}

static void long_barrier__several_one_after_the_other(void **state)
{
    struct seen seen = disk_work("config victim=none barrier=yes\nio op=barrier count=96\n");

    assert_string_equal(seen.text, "f.w.f.f.w.f.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(barrier_among_writes__waits_for_those_before_and_holds_up_those_behind),
        cmocka_unit_test(empty_barrier__flushes_once),
        cmocka_unit_test(flush_not_offered__empty_barrier_instead),
        cmocka_unit_test(barrier_not_offered__disk_is_not_asked),
        cmocka_unit_test(long_barrier__several_one_after_the_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
