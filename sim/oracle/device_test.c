/* SPDX-License-Identifier: MIT */
/* Is a device that is told of wrongly seen, and one that changes not? */
#include "oracle/test_events.h"

static void begin(struct bench *t, uint8_t shift, uint32_t info)
{
    t->config.honest_front = true;
    t->config.units = wrg_units_of(WRG_COUNTS_512, 512u << shift);
    t->config.vdisk_info = info;
    bench_begin(t);
}

/* As a frontend tells it. */
static void ready(struct bench *t, uint64_t sectors, uint32_t block_bytes, uint32_t info)
{
    emit(t, .kind = WRG_EV_BLK_READY, .role = FRONT, .a = 11, .b = info, .c = sectors,
         .d = block_bytes - 512u);
}

static void resize(struct bench *t, uint64_t sectors)
{
    emit(t, .kind = WRG_EV_DISK_INFO, .role = BACK, .c = sectors);
}

static void disk_as_it_is__clean(struct bench *t)
{
    begin(t, 0, 0);
    ready(t, 2048, 512, 0);
}

static void cdrom_of_large_blocks_as_it_is__clean(struct bench *t)
{
    begin(t, 2, WRG_VDISK_CDROM | WRG_VDISK_REMOVABLE | WRG_VDISK_READONLY);
    ready(t, 2048, 2048, 7);
}

static void more_sectors_than_the_disk_has__fires(struct bench *t)
{
    begin(t, 0, 0);
    ready(t, 2049, 512, 0);
}

static void fewer_sectors_than_the_disk_has__fires(struct bench *t)
{
    begin(t, 3, 0);
    ready(t, 256, 4096, 0);
}

static void size_of_a_block_not_told__fires(struct bench *t)
{
    begin(t, 3, 0);
    ready(t, 2048, 512, 0);
}

static void read_only_not_told__fires(struct bench *t)
{
    t->config.readonly = true;
    begin(t, 0, WRG_VDISK_READONLY);
    ready(t, 2048, 512, 0);
}

static void read_only_by_its_own_word_not_told__fires(struct bench *t)
{
    begin(t, 0, 0);
    emit(t, .kind = WRG_EV_DISK_INFO, .role = BACK, .a = 1, .c = 2048);
    ready(t, 2048, 512, 0);
}

static void removable_not_told__fires(struct bench *t)
{
    begin(t, 0, WRG_VDISK_REMOVABLE);
    ready(t, 2048, 512, 0);
}

static void disk_that_has_grown__either_size_is_clean(struct bench *t)
{
    begin(t, 0, 0);
    resize(t, 4096);
    ready(t, 2048, 512, 0);
    ready(t, 4096, 512, 0);
}

static void size_that_the_disk_never_had__fires(struct bench *t)
{
    begin(t, 0, 0);
    resize(t, 4096);
    ready(t, 4096, 512, 0);
    QUIETLY(t);
    ready(t, 8192, 512, 0);
}

static void node_written_by_a_script__excused(struct bench *t)
{
    begin(t, 0, 0);
    change(t, WRG_ROLE_SCRIPT, "/local/domain/2/backend/vbd/1/51712/sectors", "7");
    ready(t, 7, 512, 0);
}

static void other_node_written_by_a_script__fires(struct bench *t)
{
    begin(t, 0, 0);
    change(t, WRG_ROLE_SCRIPT, "/local/domain/2/backend/vbd/1/51712/online", "1");
    ready(t, 7, 512, 0);
}

static void calls_that_may_fail__excused(struct bench *t)
{
    t->config.faults = true;
    begin(t, 0, 0);
    ready(t, 7, 512, 0);
}

static void units_that_differ_and_one_judged__excused(struct bench *t)
{
    t->config.units_differ = true;
    begin(t, 3, 0);
    ready(t, 256, 4096, 0);
}

static void units_that_differ_and_both_judged__fires(struct bench *t)
{
    t->config.units_differ = true;
    t->config.judged = WRG_JUDGE_FRONT | WRG_JUDGE_BACK;
    begin(t, 3, 0);
    ready(t, 256, 4096, 0);
}

static const struct scenario scenarios[] = {
    PLAY(disk_as_it_is__clean, CLEAN),
    PLAY(cdrom_of_large_blocks_as_it_is__clean, CLEAN),
    PLAY(more_sectors_than_the_disk_has__fires, DATA_005),
    PLAY(fewer_sectors_than_the_disk_has__fires, DATA_005),
    PLAY(size_of_a_block_not_told__fires, DATA_005),
    PLAY(read_only_not_told__fires, DATA_005),
    PLAY(read_only_by_its_own_word_not_told__fires, DATA_005),
    PLAY(removable_not_told__fires, DATA_005),
    PLAY(disk_that_has_grown__either_size_is_clean, CLEAN),
    PLAY(size_that_the_disk_never_had__fires, DATA_005),
    PLAY(node_written_by_a_script__excused, CLEAN),
    PLAY(other_node_written_by_a_script__fires, DATA_005),
    PLAY(calls_that_may_fail__excused, CLEAN),
    PLAY(units_that_differ_and_one_judged__excused, CLEAN),
    PLAY(units_that_differ_and_both_judged__fires, DATA_005),
};

static void what_is_told_of_the_disk__judged(void **state)
{
    play_all(*state, scenarios, WRG_ARRAY_LEN(scenarios));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_told_of_the_disk__judged, bench_open, bench_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
