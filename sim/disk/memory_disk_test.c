/* SPDX-License-Identifier: MIT */
#include "disk/test_disk.h"

#include "base/digest.h"

#define SECTORS_A_CHUNK (WRG_MEMORY_DISK_CHUNK_BYTES / WRG_SECTOR_SIZE)

static struct wrg_disk *disk(void)
{
    return &d.md.disk;
}

/* Writes pages of pattern `seed`, reads them back over other bytes, compares. */
static void round_trip(uint64_t sector, uint32_t nvec, uint8_t seed)
{
    static uint8_t want[DISK_PAGES * WRG_PAGE_SIZE];

    fill_pages(seed);
    for (uint32_t i = 0; i < nvec; i++)
        memcpy(want + i * WRG_PAGE_SIZE, bytes_of(t.back, d.page + i), WRG_PAGE_SIZE);
    assert_int_equal(run_on(disk(), WRG_IO_WRITE, sector, nvec), 0);
    fill_pages((uint8_t)(seed + 1));
    assert_int_equal(run_on(disk(), WRG_IO_READ, sector, nvec), 0);
    for (uint32_t i = 0; i < nvec; i++)
        assert_memory_equal(bytes_of(t.back, d.page + i), want + i * WRG_PAGE_SIZE, WRG_PAGE_SIZE);
}

static void written_page__reads_back(void **state)
{
    round_trip(8, 1, 3);
    assert_int_equal(d.md.used, 1);
}

static void hole__reads_zeros(void **state)
{
    fill_pages(9);
    assert_int_equal(run_on(disk(), WRG_IO_READ, 123456, 3), 0);
    for (uint32_t i = 0; i < 3; i++)
        assert_zero(bytes_of(t.back, d.page + i), WRG_PAGE_SIZE);
    assert_int_equal(d.md.used, 0); /* a read takes no chunk */
}

static void sectors_beyond_2_to_40__are_distinct(void **state)
{
    static const uint64_t at[] = { 0, UINT64_C(1) << 32, UINT64_C(1) << 40,
                                   (UINT64_C(1) << 40) + (UINT64_C(1) << 20), DISK_SECTORS - 8 };

    for (size_t i = 0; i < WRG_ARRAY_LEN(at); i++)
        round_trip(at[i], 1, (uint8_t)(10 * i + 1));
    for (size_t i = 0; i < WRG_ARRAY_LEN(at); i++) {
        uint8_t want[WRG_PAGE_SIZE];
        fill_pages((uint8_t)(10 * i + 1));
        memcpy(want, bytes_of(t.back, d.page), sizeof(want));
        fill_pages(200);
        assert_int_equal(run_on(disk(), WRG_IO_READ, at[i], 1), 0);
        assert_memory_equal(bytes_of(t.back, d.page), want, sizeof(want));
    }
}

static void last_sectors_of_2_to_55__work(void **state)
{
    wrg_memory_disk_resize(&d.md, WRG_MEMORY_DISK_SECTORS_MAX);
    round_trip(WRG_MEMORY_DISK_SECTORS_MAX - 16, 2, 77);
    assert_int_equal(run_on(disk(), WRG_IO_READ, WRG_MEMORY_DISK_SECTORS_MAX - 15, 2), -EIO);
}

static void request_over_chunk_border__moves_both_parts(void **state)
{
    /* Not aligned to blocks, the border within the second page. */
    round_trip(SECTORS_A_CHUNK - 11, 3, 42);
    assert_int_equal(d.md.used, 2);
    /* Three chunks in one request. */
    round_trip(4 * SECTORS_A_CHUNK - 8, 18, 43);
}

static void small_write_in_fresh_block__keeps_zeros_around(void **state)
{
    const uint8_t *page = bytes_of(t.back, d.page);

    fill_pages(1);
    /* Used before, so that the chunk holds old bytes. */
    assert_int_equal(run_on(disk(), WRG_IO_WRITE, 0, 16), 0);
    wrg_disk_reset(disk());
    d.vec[0].len = WRG_SECTOR_SIZE;
    d.vec[0].off = 512;
    assert_int_equal(run_on(disk(), WRG_IO_WRITE, 3, 1), 0);
    d.vec[0] = (struct wrg_vec){ .page = d.page, .len = WRG_PAGE_SIZE };
    uint8_t want[WRG_SECTOR_SIZE];
    memcpy(want, page + 512, sizeof(want));
    fill_pages(2);
    assert_int_equal(run_on(disk(), WRG_IO_READ, 0, 2), 0);
    assert_zero(page, 3 * 512);
    assert_memory_equal(page + 3 * 512, want, sizeof(want));
    assert_zero(page + 4 * 512, 4 * 512);
    assert_zero(bytes_of(t.back, d.page + 1), WRG_PAGE_SIZE);
}

static void sector_at_odd_offset_of_page__moves_only_it(void **state)
{
    round_trip(0, 1, 5);
    memset(bytes_of(t.back, d.page), 0xee, WRG_PAGE_SIZE);
    d.vec[0] = (struct wrg_vec){ .page = d.page, .off = 7 * 512, .len = 512 };
    assert_int_equal(run_on(disk(), WRG_IO_READ, 2, 1), 0);
    for (uint32_t i = 0; i < 7 * 512; i++)
        assert_int_equal(bytes_of(t.back, d.page)[i], 0xee);
    fill_pages(5);
    uint8_t want[512];
    memcpy(want, bytes_of(t.back, d.page) + 2 * 512, sizeof(want));
    assert_int_equal(run_on(disk(), WRG_IO_READ, 2, 1), 0);
    assert_memory_equal(bytes_of(t.back, d.page) + 7 * 512, want, sizeof(want));
}

static void reset__forgets_everything(void **state)
{
    for (unsigned round = 0; round < 5; round++) {
        round_trip(round * 1000, 20, (uint8_t)round);
        wrg_disk_reset(disk());
        assert_int_equal(d.md.used, 0);
        fill_pages(99);
        assert_int_equal(run_on(disk(), WRG_IO_READ, round * 1000, 20), 0);
        for (uint32_t i = 0; i < 20; i++)
            assert_zero(bytes_of(t.back, d.page + i), WRG_PAGE_SIZE);
    }
}

static void reset_with_epoch_at_its_end__forgets_everything(void **state)
{
    round_trip(0, 1, 1); /* in epoch 1 */
    d.md.epoch = UINT32_MAX;
    round_trip(8, 1, 2);
    wrg_disk_reset(disk());
    assert_int_equal(d.md.epoch, 1);
    assert_int_equal(run_on(disk(), WRG_IO_READ, 0, 2), 0);
    assert_zero(bytes_of(t.back, d.page), WRG_PAGE_SIZE);
    assert_zero(bytes_of(t.back, d.page + 1), WRG_PAGE_SIZE);
}

static void pool_of_chunks_used_up__eio_and_old_data_stay(void **state)
{
    for (uint32_t i = 0; i < DISK_CHUNKS; i++)
        round_trip(i * 1000000, 1, (uint8_t)i);
    assert_int_equal(run_on(disk(), WRG_IO_WRITE, 1000, 1), -EIO);
    round_trip(3 * 1000000, 1, 50);
    wrg_disk_reset(disk());
    round_trip(1000, 1, 51);
}

static void hash_of_many_chunks__finds_each(void **state)
{
    const struct wrg_memory_disk_args args = { .sectors = UINT64_C(1) << 50, .chunks = 500 };
    struct wrg_memory_disk md;

    assert_int_equal(wrg_memory_disk_init(&md, &args), 0);
    for (uint64_t i = 0; i < 500; i++) {
        uint64_t sector = i * i * i * 12345 * SECTORS_A_CHUNK;
        memset(bytes_of(t.back, d.page), (int)(i % 251), WRG_PAGE_SIZE);
        assert_int_equal(run_on(&md.disk, WRG_IO_WRITE, sector, 1), 0);
    }
    for (uint64_t i = 0; i < 500; i++) {
        uint64_t sector = i * i * i * 12345 * SECTORS_A_CHUNK;
        assert_int_equal(run_on(&md.disk, WRG_IO_READ, sector, 1), 0);
        assert_int_equal(bytes_of(t.back, d.page)[4095], i % 251);
    }
    assert_int_equal(md.used, 500);
    wrg_memory_disk_fini(&md);
}

static void request_beyond_the_end__eio_and_nothing_moved(void **state)
{
    static const uint64_t at[] = { DISK_SECTORS - 7, DISK_SECTORS,   DISK_SECTORS + 1,
                                   UINT64_MAX,       UINT64_MAX - 7, UINT64_C(1) << 63 };

    for (size_t i = 0; i < WRG_ARRAY_LEN(at); i++) {
        assert_int_equal(run_on(disk(), WRG_IO_WRITE, at[i], 1), -EIO);
        assert_int_equal(run_on(disk(), WRG_IO_READ, at[i], 1), -EIO);
    }
    assert_int_equal(d.md.used, 0);
    assert_int_equal(count_events(WRG_EV_DISK_DATA), 0);
}

static void length_of_no_whole_sector__einval_and_violation(void **state)
{
    static const uint16_t lens[] = { 1, 511, 513, 4095, 4608, 0xfe00 };

    for (size_t i = 0; i < WRG_ARRAY_LEN(lens); i++) {
        d.vec[1].len = lens[i];
        forget_events();
        assert_int_equal(run_on(disk(), WRG_IO_READ, 0, 2), -EINVAL);
        assert_int_equal(violation(), WRG_RULE_GNT_008);
    }
    assert_int_equal(run_on(disk(), 9, 0, 1), -EINVAL);
}

static void page_not_mapped__efault_and_violation(void **state)
{
    d.vec[0].page = d.page + (1u << WRG_VIEW_BITS);
    forget_events();
    assert_int_equal(run_on(disk(), WRG_IO_READ, 0, 1), -EFAULT);
    assert_int_equal(violation(), WRG_RULE_GNT_001);
}

static void read_into_readonly_mapping__efault_and_violation(void **state)
{
    uint32_t gref = grant_page(t.front, WRG_DOM_BACK, page_of(t.front, 1), true);

    d.vec[0].page = back_maps(gref, true);
    assert_int_equal(run_on(disk(), WRG_IO_WRITE, 0, 1), 0);
    forget_events();
    assert_int_equal(run_on(disk(), WRG_IO_READ, 0, 1), -EFAULT);
    assert_int_equal(violation(), WRG_RULE_GNT_002);
}

static void range_beyond_page__efault_and_violation(void **state)
{
    d.vec[0].off = 512;
    forget_events();
    assert_int_equal(run_on(disk(), WRG_IO_WRITE, 0, 1), -EFAULT);
    assert_int_equal(violation(), WRG_RULE_GNT_008);
}

static void data__event_a_vector_with_digest_a_sector(void **state)
{
    uint64_t digests[8];

    fill_pages(1);
    d.vec[1] = (struct wrg_vec){ .page = d.page + 1, .off = 1024, .len = 1024 };
    forget_events();
    assert_int_equal(run_on(disk(), WRG_IO_WRITE, 100, 2), 0);
    assert_int_equal(count_events(WRG_EV_DISK_DATA), 2);
    const struct seen *first = nth_event(WRG_EV_DISK_DATA, 0);
    const struct seen *second = nth_event(WRG_EV_DISK_DATA, 1);
    assert_int_equal(first->ev.a, 7);
    assert_int_equal(first->ev.b, WRG_IO_WRITE);
    assert_int_equal(first->ev.c, 100);
    assert_int_equal(first->ev.d, (uint64_t)frame_of(t.back, d.page) << 32 | 4096);
    assert_int_equal(first->len, sizeof(digests));
    memcpy(digests, first->payload, sizeof(digests));
    uint64_t want[8];
    wrg_digest_sectors(bytes_of(t.back, d.page), 8, want);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(digests[i], want[i]);
    assert_int_equal(second->ev.c, 108);
    assert_int_equal(second->ev.d,
                     (uint64_t)frame_of(t.back, d.page + 1) << 32 | 1024 << 16 | 1024);
    assert_int_equal(second->len, 16);
}

static void digests_of_read__are_of_data_and_of_zeros(void **state)
{
    static const uint8_t zeros[512];
    uint64_t digests[8];

    fill_pages(1);
    d.vec[0].len = 512;
    assert_int_equal(run_on(disk(), WRG_IO_WRITE, SECTORS_A_CHUNK - 1, 1), 0);
    uint64_t want, want_zeros;
    wrg_digest_sectors(bytes_of(t.back, d.page), 1, &want);
    wrg_digest_sectors(zeros, 1, &want_zeros);
    d.vec[0].len = 4096;
    forget_events();
    /* Half in a chunk with one sector of data in its last block, half in a hole. */
    assert_int_equal(run_on(disk(), WRG_IO_READ, SECTORS_A_CHUNK - 4, 1), 0);
    memcpy(digests, nth_event(WRG_EV_DISK_DATA, 0)->payload, sizeof(digests));
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(digests[i], i == 3 ? want : want_zeros);
}

/* What a read of 8 sectors tells must be what it brings, whatever was told before. */
static void assert_read_tells(uint64_t sector)
{
    uint64_t digests[8], want[8];

    forget_events();
    assert_int_equal(run_on(disk(), WRG_IO_READ, sector, 1), 0);
    memcpy(digests, nth_event(WRG_EV_DISK_DATA, 0)->payload, sizeof(digests));
    wrg_digest_sectors(bytes_of(t.back, d.page), 8, want);
    assert_memory_equal(digests, want, sizeof(digests));
}

static void write_sector(uint64_t sector, uint8_t seed)
{
    fill_pages(seed);
    d.vec[0].len = 512;
    assert_int_equal(run_on(disk(), WRG_IO_WRITE, sector, 1), 0);
    d.vec[0].len = 4096;
}

static void digests_of_block_written_in_part__follow_it(void **state)
{
    fill_pages(1);
    assert_int_equal(run_on(disk(), WRG_IO_WRITE, 16, 1), 0);
    assert_read_tells(16);
    assert_read_tells(16);
    write_sector(19, 50);
    assert_read_tells(16);
    assert_read_tells(12);
    assert_read_tells(20);
    t.xen.trace->on = false;
    write_sector(18, 90);
    t.xen.trace->on = true;
    assert_read_tells(16);
    disk()->ops->reset(disk());
    write_sector(17, 130);
    assert_read_tells(16);
}

static void info__tells_size(void **state)
{
    struct wrg_disk_info info = { .readonly = true };

    wrg_disk_info(disk(), &info);
    assert_int_equal(info.sectors, DISK_SECTORS);
    assert_false(info.readonly);
    assert_true(info.flush);
    assert_int_equal(run_on(disk(), WRG_IO_FLUSH, 0, 0), 0);
}

static void size_out_of_bounds__einval(void **state)
{
    struct wrg_memory_disk md;
    const struct wrg_memory_disk_args big = { .sectors = WRG_MEMORY_DISK_SECTORS_MAX + 1,
                                              .chunks = 1 };
    const struct wrg_memory_disk_args none = { .sectors = 8, .chunks = 0 };

    assert_int_equal(wrg_memory_disk_init(&md, &big), -EINVAL);
    assert_int_equal(wrg_memory_disk_init(&md, &none), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        D(written_page__reads_back),
        D(hole__reads_zeros),
        D(sectors_beyond_2_to_40__are_distinct),
        D(last_sectors_of_2_to_55__work),
        D(request_over_chunk_border__moves_both_parts),
        D(small_write_in_fresh_block__keeps_zeros_around),
        D(sector_at_odd_offset_of_page__moves_only_it),
        D(reset__forgets_everything),
        D(reset_with_epoch_at_its_end__forgets_everything),
        D(pool_of_chunks_used_up__eio_and_old_data_stay),
        D(hash_of_many_chunks__finds_each),
        D(request_beyond_the_end__eio_and_nothing_moved),
        D(length_of_no_whole_sector__einval_and_violation),
        D(page_not_mapped__efault_and_violation),
        D(read_into_readonly_mapping__efault_and_violation),
        D(range_beyond_page__efault_and_violation),
        D(data__event_a_vector_with_digest_a_sector),
        D(digests_of_read__are_of_data_and_of_zeros),
        D(digests_of_block_written_in_part__follow_it),
        D(info__tells_size),
        D(size_out_of_bounds__einval),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
