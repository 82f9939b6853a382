/* SPDX-License-Identifier: MIT */
/*
 * What does a backend publish of a disk, and what does a frontend make of it, in each way of
 * counting? Each driver alone, its other end is domain 0's writes.
 */
#include "world/driver_fixture.h"

#include <wringer/units.h>

#define FRONT_ERROR "/local/domain/1/error/device/vbd/51712/error"

static void expect_node(const char *path, const char *value, size_t row)
{
    if (strcmp(get(path), value) != 0)
        fail_msg("row %zu: %s is \"%s\", not \"%s\"", row, path, get(path), value);
}

/* ---- the backend ---- */

static void disk_of_a_backend__published_in_its_units(void **state)
{
    static const struct {
        uint32_t block_bytes;
        uint8_t counting;
        uint32_t physical_bytes;
        const char *sectors, *size, *physical;
    } rows[] = {
        { 512, WRG_COUNTS_512, 0, "800", "512", "512" },
        { 512, WRG_COUNTS_ALL, 4096, "800", "512", "4096" },
        { 4096, WRG_COUNTS_512, 0, "800", "4096", "4096" },
        { 4096, WRG_COUNTS_NODE, 8192, "100", "4096", "8192" },
        { 4096, WRG_COUNTS_NUMBER, 0, "800", "4096", "4096" },
        { 4096, WRG_COUNTS_ALL, 0, "100", "4096", "4096" },
        { 1024, WRG_COUNTS_NODE_NUMBER, 0, "400", "1024", "1024" },
        { 2048, WRG_COUNTS_ALL, 0, "200", "2048", "2048" },
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(rows); i++) {
        if (i)
            assert_int_equal(setup(state), 0);
        g.info = (struct wrg_disk_info){ .sectors = 800, .block_bytes = rows[i].block_bytes };
        g.back->params.counting = rows[i].counting;
        g.back->params.physical_bytes = rows[i].physical_bytes;
        set(FRONT "/feature-large-sector-size", "1"); /* deprecated, and acted upon by nobody */
        back_in("4");
        expect_node(BACK "/sectors", rows[i].sectors, i);
        expect_node(BACK "/sector-size", rows[i].size, i);
        expect_node(BACK "/physical-sector-size", rows[i].physical, i);
        if (i + 1 < WRG_ARRAY_LEN(rows))
            teardown_guests(state);
    }
}

static void disk_of_no_block__not_served(void **state)
{
    static const uint32_t sizes[] = { 0, 256, 520, 8192 };

    for (size_t i = 0; i < WRG_ARRAY_LEN(sizes); i++) {
        if (i)
            assert_int_equal(setup(state), 0);
        g.info.block_bytes = sizes[i];
        hotplug();
        offer_ring();
        start(&wrg_back_endpoint, g.back);
        expect_node(BACK "/state", "5", i);
        if (i + 1 < WRG_ARRAY_LEN(sizes))
            teardown_guests(state);
    }
}

static void device_of_each_kind__info(void **state)
{
    static const struct {
        const char *type, *removable, *mode;
        bool readonly; /* the disk itself */
        const char *info;
    } rows[] = {
        { "disk", "0", "w", false, "0" },   { "disk", "1", "w", false, "2" },
        { "cdrom", "1", "r", false, "7" },  { "cdrom", "0", "w", false, "1" },
        { "disk", "0", "r", false, "4" },   { "disk", "0", "w", true, "4" },
        { "cdroms", "x", "w", false, "0" }, { "", "", "w", false, "0" },
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(rows); i++) {
        if (i)
            assert_int_equal(setup(state), 0);
        g.info.readonly = rows[i].readonly;
        set(BACK "/device-type", rows[i].type);
        set(BACK "/removable", rows[i].removable);
        set(BACK "/mode", rows[i].mode);
        set(FRONT "/device-type", "cdrom"); /* the frontend's own word does not count */
        back_in("4");
        expect_node(BACK "/info", rows[i].info, i);
        if (i + 1 < WRG_ARRAY_LEN(rows))
            teardown_guests(state);
    }
}

/* ---- the frontend ---- */

static void disk_as_published__told_in_sectors_of_512_bytes(void **state)
{
    static const struct {
        uint8_t counting;
        const char *size, *sectors, *physical; /* "": the node is empty, which is as good as none */
        uint64_t is_sectors;                   /* 0: refused */
        uint32_t is_size, is_physical;
    } rows[] = {
        { WRG_COUNTS_512, "512", "801", "4096", 801, 512, 4096 },
        { WRG_COUNTS_512, "", "801", "", 801, 512, 512 },
        { WRG_COUNTS_512, "4096", "807", "", 800, 4096, 4096 },
        { WRG_COUNTS_512, "4096", "7", "", 0, 0, 0 },
        { WRG_COUNTS_NODE, "4096", "7", "512", 56, 4096, 4096 },
        { WRG_COUNTS_NUMBER, "4096", "807", "0", 800, 4096, 4096 },
        { WRG_COUNTS_ALL, "2048", "7", "4096", 28, 2048, 4096 },
        { WRG_COUNTS_ALL, "2048", "7", "5000", 28, 2048, 2048 },
        { WRG_COUNTS_NODE_NUMBER, "1024", "7", "x", 14, 1024, 1024 },
        { WRG_COUNTS_ALL, "512", "7", "", 7, 512, 512 },
        /* 2^61 blocks: the product would be no sector at all, or a few. */
        { WRG_COUNTS_ALL, "4096", "2305843009213693952", "", 0, 0, 0 },
        { WRG_COUNTS_ALL, "4096", "2305843009213693953", "", 0, 0, 0 },
        { WRG_COUNTS_512, "4096", "2305843009213693953", "", UINT64_C(1) << 61, 4096, 4096 },
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(rows); i++) {
        if (i)
            assert_int_equal(setup(state), 0);
        g.front->params.counting = rows[i].counting;
        start(&wrg_front_endpoint, g.front);
        set(BACK "/sectors", rows[i].sectors);
        set(BACK "/sector-size", rows[i].size);
        set(BACK "/physical-sector-size", rows[i].physical);
        back_says("2");
        back_says("4");
        expect_node(FRONT "/state", rows[i].is_sectors ? "4" : "6", i);
        expect_node(FRONT_ERROR, rows[i].is_sectors ? "" : "22 sectors is no size of a disk", i);
        expect_node(FRONT "/feature-large-sector-size", "", i);
        assert_int_equal(g.ready.sectors, rows[i].is_sectors);
        assert_int_equal(g.ready.sector_size_bytes, rows[i].is_size);
        assert_int_equal(g.ready.physical_size_bytes, rows[i].is_physical);
        if (i + 1 < WRG_ARRAY_LEN(rows))
            teardown_guests(state);
    }
}

/* ---- I/O that a disk cannot do ---- */

static int submit(uint8_t op, uint64_t sector, uint16_t off, uint16_t len)
{
    static struct wrg_vec vec;
    static struct wrg_io io;
    bool discard = op == WRG_IO_DISCARD || op == WRG_IO_SECURE_ERASE;
    bool flush = op == WRG_IO_FLUSH;

    vec = (struct wrg_vec){ .page = port_pages(g.front, 1), .off = off, .len = len };
    io = (struct wrg_io){ .tag = 1,
                          .op = op,
                          .sector = sector,
                          .nvec = !discard && !flush,
                          .vec = &vec,
                          .nsectors = discard ? len / 512u : 0 };
    return wrg_front_endpoint.submit(self, &io);
}

static void front_on(uint8_t counting, const char *size, const char *info)
{
    g.front->params.counting = counting;
    start(&wrg_front_endpoint, g.front);
    set(BACK "/sectors", "800");
    set(BACK "/sector-size", size);
    set(BACK "/info", info);
    back_says("2");
    back_says("4");
    assert_string_equal(get(FRONT "/state"), "4");
}

static void part_of_a_block__einval(void **state)
{
    front_on(WRG_COUNTS_512, "2048", "0");
    assert_int_equal(submit(WRG_IO_READ, 2, 0, 2048), -EINVAL);
    assert_int_equal(submit(WRG_IO_READ, 4, 0, 1024), -EINVAL);
    assert_int_equal(submit(WRG_IO_WRITE, 4, 0, 3072), -EINVAL);
    assert_int_equal(submit(WRG_IO_BARRIER, 1, 0, 2048), -EINVAL);
    assert_int_equal(submit(WRG_IO_DISCARD, 4, 0, 1024), -EINVAL);
    assert_int_equal(submit(WRG_IO_READ, 4, 512, 2048), 0); /* where it lies in its page is free */
    assert_int_equal(submit(WRG_IO_FLUSH, 1, 0, 0), 0);
}

static void data_within_a_block_that_segments_are_counted_in__einval(void **state)
{
    front_on(WRG_COUNTS_ALL, "2048", "0");
    assert_int_equal(submit(WRG_IO_READ, 4, 512, 2048), -EINVAL);
    assert_int_equal(submit(WRG_IO_READ, 4, 2048, 2048), 0);
}

static void write_to_a_read_only_disk__erofs(void **state)
{
    front_on(WRG_COUNTS_512, "512", "5");
    assert_int_equal(g.ready.vdisk_info, WRG_VDISK_CDROM | WRG_VDISK_READONLY);
    assert_int_equal(submit(WRG_IO_WRITE, 0, 0, 512), -EROFS);
    assert_int_equal(submit(WRG_IO_BARRIER, 0, 0, 512), -EROFS);
    assert_int_equal(submit(WRG_IO_DISCARD, 0, 0, 512), -EROFS);
    assert_int_equal(submit(WRG_IO_SECURE_ERASE, 0, 0, 512), -EROFS);
    assert_int_equal(submit(WRG_IO_READ, 0, 0, 512), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(disk_of_a_backend__published_in_its_units),
        T(disk_of_no_block__not_served),
        T(device_of_each_kind__info),
        T(disk_as_published__told_in_sectors_of_512_bytes),
        T(part_of_a_block__einval),
        T(data_within_a_block_that_segments_are_counted_in__einval),
        T(write_to_a_read_only_disk__erofs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
