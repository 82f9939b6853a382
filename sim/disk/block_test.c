/* SPDX-License-Identifier: MIT */
/* What does a disk of large blocks refuse, and what does it say of itself? */
#include "disk/block.h"
#include "disk/queue.h"
#include "disk/test_disk.h"

static struct wrg_block_disk block;

static void set_up(uint32_t bytes)
{
    wrg_block_disk_init(&block, &d.md.disk);
    wrg_block_disk_set(&block, bytes);
}

/* One vector of so many sectors. */
static int move(uint8_t op, uint64_t sector, uint32_t nsectors)
{
    d.vec[0].len = (uint16_t)(nsectors * WRG_SECTOR_SIZE);
    return run_on(&block.disk, op, sector, 1);
}

static void request_off_a_block__einval_and_nothing_moved(void **state)
{
    static const struct {
        uint32_t bytes;
        uint64_t sector;
        uint32_t nsectors;
        int error;
    } rows[] = {
        { 512, 1, 1, 0 },  { 1024, 1, 2, -EINVAL }, { 1024, 2, 1, -EINVAL },
        { 1024, 2, 2, 0 }, { 2048, 2, 4, -EINVAL }, { 2048, 4, 6, -EINVAL },
        { 2048, 4, 4, 0 }, { 4096, 4, 8, -EINVAL }, { 4096, 8, 4, -EINVAL },
        { 4096, 8, 8, 0 },
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(rows); i++) {
        set_up(rows[i].bytes);
        forget_events();
        assert_int_equal(move(WRG_IO_READ, rows[i].sector, rows[i].nsectors), rows[i].error);
        assert_int_equal(count_events(WRG_EV_DISK_DATA), rows[i].error ? 0 : 1);
        assert_int_equal(move(WRG_IO_WRITE, rows[i].sector, rows[i].nsectors), rows[i].error);
    }
}

/* Two halves of a block make a block, but not for a medium that is given them one by one. */
static void vectors_that_make_a_block_together__einval(void **state)
{
    set_up(4096);
    d.vec[0].len = d.vec[1].len = 2048;
    assert_int_equal(run_on(&block.disk, WRG_IO_WRITE, 8, 2), -EINVAL);
    assert_int_equal(d.md.used, 0);
}

static void place_in_the_page__free(void **state)
{
    set_up(1024);
    d.vec[0].off = 512;
    assert_int_equal(move(WRG_IO_WRITE, 2, 4), 0);
}

static void discard_and_flush__the_one_aligned_the_other_free(void **state)
{
    struct wrg_disk_request discard = { .op = WRG_IO_DISCARD, .sector = 8, .nsectors = 12 };

    set_up(4096);
    d.md.discard = true;
    assert_int_equal(wrg_disk_execute(&block.disk, &discard, &d.context), -EINVAL);
    discard.nsectors = 16;
    assert_int_equal(wrg_disk_execute(&block.disk, &discard, &d.context), 0);
    assert_int_equal(run_on(&block.disk, WRG_IO_FLUSH, 3, 0), 0);
}

static void capacity_that_is_no_multiple__whole_blocks_only(void **state)
{
    struct wrg_disk_info info = { .sectors = 0 };

    wrg_memory_disk_resize(&d.md, 1003);
    set_up(4096);
    wrg_disk_info(&block.disk, &info);
    assert_int_equal(info.sectors, 1000);
    assert_int_equal(info.block_bytes, 4096);
    set_up(1024);
    wrg_disk_info(&block.disk, &info);
    assert_int_equal(info.sectors, 1002);
}

static void disk_without_the_filter__blocks_of_512_bytes(void **state)
{
    struct wrg_disk_info info = { .block_bytes = 0 };
    struct wrg_disk_queue queue;

    wrg_disk_queue_init(&queue, &t.xen, t.back, &d.md.disk);
    assert_int_equal(wrg_disk_queue_info(&queue, &info), 0);
    assert_int_equal(info.block_bytes, 512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        D(request_off_a_block__einval_and_nothing_moved),
        D(vectors_that_make_a_block_together__einval),
        D(place_in_the_page__free),
        D(discard_and_flush__the_one_aligned_the_other_free),
        D(capacity_that_is_no_multiple__whole_blocks_only),
        D(disk_without_the_filter__blocks_of_512_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
