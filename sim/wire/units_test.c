/* SPDX-License-Identifier: MIT */
/* Which number of a request means which sectors, by way of counting and size of a block. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <wringer/units.h>

#include "base/base.h"

static const uint8_t countings[] = { WRG_COUNTS_512, WRG_COUNTS_NODE, WRG_COUNTS_NUMBER,
                                     WRG_COUNTS_ALL, WRG_COUNTS_NODE_NUMBER };

static void size_of_a_block__power_of_two_up_to_a_page(void **state)
{
    static const struct {
        uint64_t bytes;
        bool valid;
    } rows[] = {
        { 0, false },          { 1, false },
        { 256, false },        { 511, false },
        { 512, true },         { 513, false },
        { 520, false },        { 1024, true },
        { 1536, false },       { 2048, true },
        { 4096, true },        { 4097, false },
        { 8192, false },       { 65536, false },
        { UINT32_MAX, false }, { (UINT64_C(1) << 32) + 512, false },
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(rows); i++)
        assert_int_equal(wrg_block_is_valid(rows[i].bytes), rows[i].valid);
}

static void blocks_of_512_bytes__all_countings_alike(void **state)
{
    for (size_t i = 0; i < WRG_ARRAY_LEN(countings); i++) {
        struct wrg_units units = wrg_units_of(countings[i], 512);
        assert_int_equal(units.block | units.node | units.number | units.segment, 0);
        assert_int_equal(wrg_block_mask(&units), 0);
    }
}

static void blocks_of_a_page__what_is_counted_in_them(void **state)
{
    static const struct {
        uint8_t counting, node, number, segment;
    } rows[] = {
        { WRG_COUNTS_512, 0, 0, 0 },         { WRG_COUNTS_NODE, 3, 0, 0 },
        { WRG_COUNTS_NUMBER, 0, 3, 0 },      { WRG_COUNTS_ALL, 3, 3, 3 },
        { WRG_COUNTS_NODE_NUMBER, 3, 3, 0 },
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(rows); i++) {
        struct wrg_units units = wrg_units_of(rows[i].counting, 4096);
        assert_int_equal(units.block, 3);
        assert_int_equal(wrg_block_mask(&units), 7);
        assert_int_equal(units.node, rows[i].node);
        assert_int_equal(units.number, rows[i].number);
        assert_int_equal(units.segment, rows[i].segment);
    }
}

static void product_beyond_64_bits__saturates(void **state)
{
    assert_int_equal(wrg_sectors_of(5, 3), 40);
    assert_int_equal(wrg_sectors_of(UINT64_MAX, 0), UINT64_MAX);
    assert_int_equal(wrg_sectors_of((UINT64_C(1) << 61) - 1, 3), UINT64_MAX - 7);
    assert_int_equal(wrg_sectors_of(UINT64_C(1) << 61, 3), UINT64_MAX);
    assert_int_equal(wrg_sectors_of((UINT64_C(1) << 61) + 1, 3), UINT64_MAX); /* not sector 8 */
}

static void segment_in_blocks__its_sectors_and_back(void **state)
{
    struct wrg_blkif_segment seg = { .first_sect = 1, .last_sect = 2 };

    wrg_segment_to_sectors(&seg, 1);
    assert_int_equal(seg.first_sect, 2);
    assert_int_equal(seg.last_sect, 5);
    wrg_segment_from_sectors(&seg, 1);
    assert_int_equal(seg.first_sect, 1);
    assert_int_equal(seg.last_sect, 2);
}

/* All that a peer can write: no shift makes a legal segment of an illegal one. */
static void segment_out_of_its_page__stays_so(void **state)
{
    for (uint8_t shift = 0; shift <= 3; shift++) {
        unsigned blocks = WRG_BLKIF_SECTORS_PER_PAGE >> shift;
        for (unsigned i = 0; i < 65536; i++) {
            unsigned first = i >> 8, last = i & 255;
            struct wrg_blkif_segment seg = { .first_sect = (uint8_t)first,
                                             .last_sect = (uint8_t)last };
            wrg_segment_to_sectors(&seg, shift);
            bool legal =
                seg.first_sect <= seg.last_sect && seg.last_sect < WRG_BLKIF_SECTORS_PER_PAGE;
            assert_int_equal(legal, first <= last && last < blocks);
            if (legal)
                assert_int_equal(seg.last_sect + 1u - seg.first_sect, (last - first + 1) << shift);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(size_of_a_block__power_of_two_up_to_a_page),
        cmocka_unit_test(blocks_of_512_bytes__all_countings_alike),
        cmocka_unit_test(blocks_of_a_page__what_is_counted_in_them),
        cmocka_unit_test(product_beyond_64_bits__saturates),
        cmocka_unit_test(segment_in_blocks__its_sectors_and_back),
        cmocka_unit_test(segment_out_of_its_page__stays_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
