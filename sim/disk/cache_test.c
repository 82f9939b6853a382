/* SPDX-License-Identifier: MIT */
/* What may be lost by a power cut is, and what must not be is not. */
#include "disk/test_disk.h"

#include "base/digest.h"
#include "disk/cache.h"

enum { OLD = 1, NEW = 101, NEWER = 201 };

static struct wrg_cache_disk cache;

static int setup_cache(void **state)
{
    return setup_disk(state) || wrg_cache_disk_init(&cache, &d.md.disk);
}

static int teardown_cache(void **state)
{
    wrg_cache_disk_fini(&cache);
    return teardown_disk(state);
}

#define C(f) cmocka_unit_test_setup_teardown(f, setup_cache, teardown_cache)

/* Every sector of these pages becomes `value`, by one write. */
static void write_value(uint64_t sector, uint32_t pages, uint8_t value)
{
    for (uint32_t i = 0; i < pages; i++)
        memset(bytes_of(t.back, d.page + i), value, WRG_PAGE_SIZE);
    assert_int_equal(run_on(&cache.disk, WRG_IO_WRITE, sector, pages), 0);
}

static void flush(void)
{
    assert_int_equal(run_on(&cache.disk, WRG_IO_FLUSH, 0, 0), 0);
}

static void cut(enum wrg_cut lost, bool torn, uint64_t seed)
{
    const struct wrg_cut_args args = { .lost = lost, .torn = torn, .seed = seed };

    wrg_cache_disk_cut(&cache, &args, &d.context);
}

/* That of the sector's first byte; all its bytes are the same. */
static uint8_t value_of(uint64_t sector)
{
    uint8_t bytes[WRG_SECTOR_SIZE];
    const struct wrg_disk_run run = { .sector = sector, .count = 1, .bytes = bytes };

    assert_int_equal(wrg_disk_transfer(&cache.disk, &run), 0);
    for (size_t i = 1; i < sizeof(bytes); i++)
        assert_int_equal(bytes[i], bytes[0]);
    return bytes[0];
}

static void write_not_flushed__is_read_back_until_a_cut(void **state)
{
    write_value(8, 1, NEW);
    assert_int_equal(run_on(&cache.disk, WRG_IO_READ, 8, 1), 0);
    assert_int_equal(bytes_of(t.back, d.page)[0], NEW);
    cut(WRG_CUT_ALL, false, 0);
    assert_int_equal(value_of(8), 0);
    assert_int_equal(value_of(15), 0);
}

static void flushed__survives_and_later_write_is_lost(void **state)
{
    write_value(8, 2, OLD);
    flush();
    write_value(16, 1, NEW);
    write_value(16, 1, NEWER);
    cut(WRG_CUT_ALL, false, 0);
    for (uint64_t sector = 8; sector < 24; sector++)
        assert_int_equal(value_of(sector), OLD);
}

static void cut_that_loses_nothing__newest_is_there_and_durable(void **state)
{
    write_value(8, 1, OLD);
    write_value(8, 1, NEW);
    cut(WRG_CUT_NONE, false, 0);
    assert_int_equal(value_of(8), NEW);
    cut(WRG_CUT_ALL, false, 0);
    assert_int_equal(value_of(8), NEW);
}

/* Over many seeds each of the three is seen, and a write is there as a whole. */
static void some_lost__each_outcome_happens_and_none_is_torn(void **state)
{
    uint32_t seen[256] = { 0 };

    for (uint64_t seed = 0; seed < 64; seed++) {
        write_value(8, 4, OLD);
        flush();
        write_value(8, 4, NEW);
        write_value(8, 4, NEWER);
        cut(WRG_CUT_SOME, false, seed);
        for (uint64_t sector = 9; sector < 40; sector++)
            assert_int_equal(value_of(sector), value_of(8));
        seen[value_of(8)]++;
    }
    assert_int_equal(seen[OLD] + seen[NEW] + seen[NEWER], 64);
    assert_true(seen[OLD] && seen[NEW] && seen[NEWER]);
}

static void same_seed__same_remains(void **state)
{
    uint8_t first[64];

    for (unsigned round = 0; round < 2; round++) {
        write_value(0, 8, OLD);
        flush();
        for (uint32_t i = 0; i < 8; i++)
            write_value(8ull * i, 1, NEW);
        cut(WRG_CUT_SOME, true, 7);
        for (uint32_t i = 0; i < 64 && round == 0; i++)
            first[i] = value_of(i);
        for (uint32_t i = 0; i < 64; i++)
            assert_int_equal(value_of(i), first[i]);
    }
}

static void torn__sectors_of_one_write_differ(void **state)
{
    uint32_t torn = 0;

    for (uint64_t seed = 0; seed < 8; seed++) {
        uint32_t fresh = 0;
        write_value(8, 4, OLD);
        flush();
        write_value(8, 4, NEW);
        cut(WRG_CUT_SOME, true, seed);
        for (uint64_t sector = 8; sector < 40; sector++) {
            assert_true(value_of(sector) == OLD || value_of(sector) == NEW);
            fresh += value_of(sector) == NEW;
        }
        torn += fresh > 0 && fresh < 32;
    }
    assert_int_equal(torn, 8);
}

static int refuse(struct wrg_disk *disk, const struct wrg_disk_request *request,
                  struct wrg_disk_context *context)
{
    return request->op == WRG_IO_FLUSH ? -EIO : wrg_disk_execute(disk->next, request, context);
}

static void flush_that_fails_below__keeps_the_cache(void **state)
{
    static const struct wrg_disk_ops refusing = { .execute = refuse,
                                                  .transfer = wrg_disk_pass_transfer,
                                                  .info = wrg_disk_pass_info,
                                                  .reset = wrg_disk_pass_reset };
    struct wrg_disk below = { .ops = &refusing, .next = &d.md.disk };

    cache.disk.next = &below;
    write_value(8, 1, NEW);
    assert_int_equal(run_on(&cache.disk, WRG_IO_FLUSH, 0, 0), -EIO);
    cut(WRG_CUT_ALL, false, 0);
    assert_int_equal(value_of(8), 0);
}

static void events__what_is_left_then_the_cut(void **state)
{
    write_value(8, 3, OLD);
    flush();
    write_value(8, 3, NEW);
    uint64_t old;
    uint8_t sector[WRG_SECTOR_SIZE];
    memset(sector, OLD, sizeof(sector));
    wrg_digest_sectors(sector, 1, &old);
    forget_events();
    cut(WRG_CUT_ALL, false, 0);
    assert_int_equal(count_events(WRG_EV_DISK_LEFT), 2); /* 16 digests, and 8 */
    assert_int_equal(nth_event(WRG_EV_DISK_LEFT, 1)->ev.c, 24);
    assert_memory_equal(nth_event(WRG_EV_DISK_LEFT, 1)->payload, &old, sizeof(old));
    assert_int_equal(count_events(WRG_EV_DISK_CUT), 1);
    assert_int_equal(nth_event(WRG_EV_DISK_CUT, 0)->ev.a, 1);
    assert_int_equal(nth_event(WRG_EV_DISK_CUT, 0)->ev.b, 0);
}

static void full__is_written_back(void **state)
{
    for (uint32_t i = 0; i <= WRG_CACHE_SECTORS / (8 * DISK_PAGES); i++)
        write_value(0, DISK_PAGES, NEW);
    assert_int_equal(cache.nwrites, 1);
    cut(WRG_CUT_ALL, false, 0);
    assert_int_equal(value_of(0), NEW); /* the one before it, which was written back */
}

static void disk_became_smaller__rest_is_rolled_back(void **state)
{
    write_value(0, 1, NEW);
    write_value(512, 1, NEW);
    wrg_memory_disk_resize(&d.md, 64);
    cut(WRG_CUT_ALL, false, 0);
    wrg_memory_disk_resize(&d.md, DISK_SECTORS);
    assert_int_equal(value_of(0), 0);
    assert_int_equal(value_of(512), NEW);
}

static void reset__forgets_the_cache(void **state)
{
    write_value(8, 1, OLD);
    wrg_disk_reset(&cache.disk);
    assert_int_equal(cache.nwrites, 0);
    write_value(8, 1, NEW);
    cut(WRG_CUT_ALL, false, 0);
    assert_int_equal(value_of(8), 0);
}

static void info__has_a_cache_to_flush(void **state)
{
    struct wrg_disk_info out = { 0 };

    wrg_disk_info(&cache.disk, &out);
    assert_true(out.flush);
    assert_int_equal(out.sectors, DISK_SECTORS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        C(write_not_flushed__is_read_back_until_a_cut),
        C(flushed__survives_and_later_write_is_lost),
        C(cut_that_loses_nothing__newest_is_there_and_durable),
        C(some_lost__each_outcome_happens_and_none_is_torn),
        C(same_seed__same_remains),
        C(torn__sectors_of_one_write_differ),
        C(flush_that_fails_below__keeps_the_cache),
        C(events__what_is_left_then_the_cut),
        C(full__is_written_back),
        C(disk_became_smaller__rest_is_rolled_back),
        C(reset__forgets_the_cache),
        C(info__has_a_cache_to_flush),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
