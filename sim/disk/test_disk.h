/* SPDX-License-Identifier: MIT */
/*
 * A memory disk below a domain with some pages: the bench of this layer's tests. Layer: disk, tests
 * only. Each test has a fresh one, `d`, on a fresh Xen.
 */
#ifndef WRG_DISK_TEST_DISK_H
#define WRG_DISK_TEST_DISK_H

#include "disk/memory_disk.h"
#include "xen/test_xen.h"

#define DISK_SECTORS (UINT64_C(1) << 41)
#define DISK_CHUNKS  8
#define DISK_PAGES   88 /* of several chunks, and of more than one piece */

struct test_disk {
    struct wrg_memory_disk md;
    struct wrg_disk_context context;
    uint32_t page; /* the first of DISK_PAGES of the back */
    struct wrg_vec vec[DISK_PAGES];
};

BENCH struct test_disk d;

BENCH int setup_disk(void **state)
{
    const struct wrg_memory_disk_args args = { .sectors = DISK_SECTORS, .chunks = DISK_CHUNKS };

    if (setup_xen(state))
        return -1;
    memset(&d, 0, sizeof(d));
    d.context = (struct wrg_disk_context){ .xen = &t.xen, .dom = t.back, .ticket = 7 };
    d.page = page_of(t.back, DISK_PAGES);
    for (uint32_t i = 0; i < DISK_PAGES; i++)
        d.vec[i] = (struct wrg_vec){ .page = d.page + i, .len = WRG_PAGE_SIZE };
    return wrg_memory_disk_init(&d.md, &args);
}

BENCH int teardown_disk(void **state)
{
    wrg_memory_disk_fini(&d.md);
    return teardown_xen(state);
}

#define D(f) cmocka_unit_test_setup_teardown(f, setup_disk, teardown_disk)

/* Moves the first nvec vectors of the bench. */
BENCH int run_on(struct wrg_disk *disk, uint8_t op, uint64_t sector, uint32_t nvec)
{
    const struct wrg_disk_request request = {
        .op = op, .sector = sector, .nvec = nvec, .vec = d.vec
    };

    return wrg_disk_execute(disk, &request, &d.context);
}

BENCH void fill_pages(uint8_t seed)
{
    for (uint32_t i = 0; i < DISK_PAGES; i++)
        for (uint32_t k = 0; k < WRG_PAGE_SIZE; k++)
            bytes_of(t.back, d.page + i)[k] = (uint8_t)(seed + i * 31 + k / 512 * 7 + k);
}

BENCH void assert_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        assert_int_equal(bytes[i], 0);
}

#endif
