/* SPDX-License-Identifier: MIT */
/* What a disk forgets, what it keeps, and what it refuses to forget. */
#include "disk/test_disk.h"

#include "disk/error.h"
#include "disk/faulty.h"
#include "disk/readonly.h"

#define SECTOR 512u

static int discard_on(struct wrg_disk *disk, uint8_t op, uint64_t sector, uint64_t nsectors)
{
    const struct wrg_disk_request request = { .op = op, .sector = sector, .nsectors = nsectors };

    return wrg_disk_execute(disk, &request, &d.context);
}

static int discard(uint8_t op, uint64_t sector, uint64_t nsectors)
{
    return discard_on(&d.md.disk, op, sector, nsectors);
}

/* Writes 20 pages at sector 120, which spans two chunks, and enables what is asked for. */
static void prepare(bool secure)
{
    d.md.discard = true;
    d.md.secure = secure;
    fill_pages(3);
    assert_int_equal(run_on(&d.md.disk, WRG_IO_WRITE, 120, 20), 0);
}

/* Sectors [first, end) read as zeros, the others of the 160 as they were written. */
static void assert_forgotten(uint64_t first, uint64_t end)
{
    uint8_t want[SECTOR];

    for (uint64_t sector = 120; sector < 280; sector++) {
        uint32_t page = (uint32_t)(sector - 120) / 8, off = (uint32_t)(sector - 120) % 8 * SECTOR;
        const struct wrg_vec all = d.vec[0];
        fill_pages(3);
        memcpy(want, bytes_of(t.back, d.page + page) + off, SECTOR);
        d.vec[0] = (struct wrg_vec){ .page = d.page, .len = SECTOR };
        assert_int_equal(run_on(&d.md.disk, WRG_IO_READ, sector, 1), 0);
        d.vec[0] = all;
        if (sector >= first && sector < end)
            assert_zero(bytes_of(t.back, d.page), SECTOR);
        else
            assert_memory_equal(bytes_of(t.back, d.page), want, SECTOR);
    }
}

static void whole_blocks__read_as_zeros(void **state)
{
    prepare(false);
    assert_int_equal(discard(WRG_IO_DISCARD, 128, 16), 0);
    assert_forgotten(128, 144);
}

static void parts_of_blocks__stay(void **state)
{
    prepare(false);
    assert_int_equal(discard(WRG_IO_DISCARD, 129, 30), 0);
    assert_forgotten(136, 152);
}

static void secure__parts_are_zeroed_too(void **state)
{
    prepare(true);
    assert_int_equal(discard(WRG_IO_SECURE_ERASE, 121, 30), 0);
    assert_forgotten(121, 151);
}

static void whole_disk__all_forgotten(void **state)
{
    prepare(false);
    assert_int_equal(discard(WRG_IO_DISCARD, 0, DISK_SECTORS), 0);
    assert_forgotten(0, DISK_SECTORS);
}

static void nothing__nothing_forgotten(void **state)
{
    prepare(true);
    assert_int_equal(discard(WRG_IO_SECURE_ERASE, 128, 0), 0);
    assert_forgotten(0, 0);
}

static void written_again__holds_that(void **state)
{
    prepare(false);
    assert_int_equal(discard(WRG_IO_DISCARD, 120, 160), 0);
    prepare(false);
    assert_forgotten(0, 0);
}

static void beyond_the_end__eio_and_nothing_forgotten(void **state)
{
    static const struct {
        uint64_t sector, nsectors;
    } cases[] = {
        { DISK_SECTORS - 8, 16 }, { DISK_SECTORS + 1, 0 },         { 120, UINT64_MAX },
        { UINT64_MAX, 8 },        { 128, DISK_SECTORS - 128 + 1 },
    };

    prepare(true);
    for (size_t i = 0; i < WRG_ARRAY_LEN(cases); i++)
        assert_int_equal(discard(WRG_IO_DISCARD, cases[i].sector, cases[i].nsectors), -EIO);
    assert_forgotten(0, 0);
}

static void disk_that_cannot__eopnotsupp(void **state)
{
    struct wrg_disk_info info = { 0 };

    prepare(false);
    assert_int_equal(discard(WRG_IO_SECURE_ERASE, 128, 8), -EOPNOTSUPP);
    wrg_disk_info(&d.md.disk, &info);
    assert_int_equal(info.discard_granularity_bytes, 4096);
    assert_false(info.discard_secure);
    d.md.discard = false;
    assert_int_equal(discard(WRG_IO_DISCARD, 128, 8), -EOPNOTSUPP);
    wrg_disk_info(&d.md.disk, &info);
    assert_int_equal(info.discard_granularity_bytes, 0);
    assert_forgotten(0, 0);
}

static void readonly__erofs_and_nothing_forgotten(void **state)
{
    struct wrg_readonly_disk ro;

    prepare(true);
    wrg_readonly_disk_init(&ro, &d.md.disk);
    assert_int_equal(discard_on(&ro.disk, WRG_IO_DISCARD, 128, 8), -EROFS);
    assert_int_equal(discard_on(&ro.disk, WRG_IO_SECURE_ERASE, 128, 8), -EROFS);
    assert_forgotten(0, 0);
}

static void bad_spot__fails_what_touches_it(void **state)
{
    struct wrg_error_disk bad;

    prepare(false);
    wrg_error_disk_init(&bad, &d.md.disk);
    wrg_error_disk_set(&bad, 130, 1);
    assert_int_equal(discard_on(&bad.disk, WRG_IO_DISCARD, 128, 8), -EIO);
    assert_int_equal(discard_on(&bad.disk, WRG_IO_DISCARD, 0, DISK_SECTORS), -EIO);
    assert_int_equal(discard_on(&bad.disk, WRG_IO_DISCARD, 136, 8), 0);
    assert_forgotten(136, 144);
}

static void fault__hits_discards(void **state)
{
    struct wrg_faulty_disk faulty;
    const struct wrg_fault_rule rule = {
        .site = WRG_FAULT_DISK_DISCARD, .nth = 2, .count = 1, .status = -EIO
    };

    prepare(true);
    wrg_faulty_disk_init(&faulty, &d.md.disk);
    assert_true(wrg_fault_add(&t.fault, &rule));
    wrg_fault_enable(&t.fault, true);
    assert_int_equal(discard_on(&faulty.disk, WRG_IO_DISCARD, 128, 8), 0);
    assert_int_equal(discard_on(&faulty.disk, WRG_IO_SECURE_ERASE, 136, 8), -EIO);
    assert_forgotten(128, 136);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        D(whole_blocks__read_as_zeros),
        D(parts_of_blocks__stay),
        D(secure__parts_are_zeroed_too),
        D(whole_disk__all_forgotten),
        D(nothing__nothing_forgotten),
        D(written_again__holds_that),
        D(beyond_the_end__eio_and_nothing_forgotten),
        D(disk_that_cannot__eopnotsupp),
        D(readonly__erofs_and_nothing_forgotten),
        D(bad_spot__fails_what_touches_it),
        D(fault__hits_discards),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
