/* SPDX-License-Identifier: MIT */
/*
 * How many requests fit into a ring, where does each lie, how many pages do segments take?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <wringer/wire.h>

#include "base/base.h"

static const enum wrg_abi abis[] = { WRG_ABI_NATIVE, WRG_ABI_X86_64, WRG_ABI_X86_32 };

static void sizes_of_each_abi__as_the_protocol_says(void **state)
{
    static const uint32_t request[] = { 112, 112, 108 }, response[] = { 16, 16, 12 };
    static const uint32_t align[] = { 8, 8, 4 };

    for (unsigned int a = 0; a < WRG_ARRAY_LEN(abis); a++) {
        assert_int_equal(wrg_wire_request_size(abis[a]), request[a]);
        assert_int_equal(wrg_wire_response_size(abis[a]), response[a]);
        assert_int_equal(wrg_wire_request_align(abis[a]), align[a]);
    }
    assert_int_equal(WRG_WIRE_REQ_PROD, 0);
    assert_int_equal(WRG_WIRE_REQ_EVENT, 4);
    assert_int_equal(WRG_WIRE_RSP_PROD, 8);
    assert_int_equal(WRG_WIRE_RSP_EVENT, 12);
    assert_int_equal(WRG_WIRE_RING, 64);
}

static void ring_of_n_pages__entries_in_every_abi(void **state)
{
    /* Powers of two give the same in every ABI; 7 and 14 pages, which num-ring-pages allows, no. */
    static const struct {
        uint32_t pages, entries64, entries32;
    } rows[] = { { 0, 0, 0 },      { 1, 32, 32 },     { 2, 64, 64 },    { 3, 64, 64 },
                 { 4, 128, 128 },  { 5, 128, 128 },   { 7, 128, 256 },  { 8, 256, 256 },
                 { 9, 256, 256 },  { 14, 256, 512 },  { 15, 512, 512 }, { 16, 512, 512 },
                 { 17, 512, 512 }, { 32, 1024, 1024 } };

    for (unsigned int i = 0; i < WRG_ARRAY_LEN(rows); i++) {
        assert_int_equal(wrg_wire_ring_entries(WRG_ABI_NATIVE, rows[i].pages), rows[i].entries64);
        assert_int_equal(wrg_wire_ring_entries(WRG_ABI_X86_64, rows[i].pages), rows[i].entries64);
        assert_int_equal(wrg_wire_ring_entries(WRG_ABI_X86_32, rows[i].pages), rows[i].entries32);
    }
    assert_int_equal(wrg_wire_ring_entries(WRG_ABI_NATIVE, WRG_BLKIF_MAX_RING_PAGES),
                     WRG_BLKIF_MAX_RING_ENTRIES);
}

static void every_ring__last_slot_ends_within_its_pages(void **state)
{
    for (uint32_t pages = 1; pages <= WRG_BLKIF_MAX_RING_PAGES; pages++) {
        for (unsigned int a = 0; a < WRG_ARRAY_LEN(abis); a++) {
            const uint32_t size = wrg_wire_request_size(abis[a]);
            const uint32_t entries = wrg_wire_ring_entries(abis[a], pages);
            const uint32_t last = wrg_wire_slot_offset(abis[a], entries, entries - 1);

            assert_true(last + size <= pages * 4096);
            /* Twice as many would not fit. */
            assert_true(64 + 2 * entries * size > pages * 4096);
            assert_int_equal(wrg_wire_slot_offset(abis[a], entries, 0), 64);
            assert_int_equal(last % wrg_wire_request_align(abis[a]), 0);
        }
    }
}

static void free_running_index__wraps_without_a_seam(void **state)
{
    static const uint32_t starts[] = { 0, 31, 32, 33, 63, 64, 0x80000000, 0xfffffff0, 0xffffffff };

    for (unsigned int i = 0; i < WRG_ARRAY_LEN(starts); i++) {
        for (unsigned int a = 0; a < WRG_ARRAY_LEN(abis); a++) {
            const uint32_t slot = starts[i] % 32;
            const uint32_t at = wrg_wire_slot_offset(abis[a], 32, starts[i]);
            const uint32_t next = wrg_wire_slot_offset(abis[a], 32, starts[i] + 1);

            assert_int_equal(at, 64 + slot * wrg_wire_request_size(abis[a]));
            assert_int_equal(next, slot == 31 ? 64 : at + wrg_wire_request_size(abis[a]));
        }
    }
}

/* The stride divides no page, so code that maps ring pages apart breaks: keep the case visible. */
static void two_page_ring__some_slot_straddles(void **state)
{
    for (unsigned int a = 0; a < WRG_ARRAY_LEN(abis); a++) {
        const uint32_t size = wrg_wire_request_size(abis[a]);
        unsigned int straddling = 0;

        for (uint32_t i = 0; i < 64; i++) {
            const uint32_t at = wrg_wire_slot_offset(abis[a], 64, i);

            straddling += at / 4096 != (at + size - 1) / 4096;
        }
        assert_int_equal(straddling, size == 112 ? 0 : 1);
    }
}

static void segments__indirect_pages_rounded_up(void **state)
{
    static const struct {
        uint32_t segments, pages, held;
    } rows[] = {
        { 0, 0, 0 },    { 1, 1, 1 },    { 11, 1, 1 },   { 12, 1, 1 },   { 256, 1, 1 },
        { 511, 1, 1 },  { 512, 1, 1 },  { 513, 2, 2 },  { 1023, 2, 2 }, { 1024, 2, 2 },
        { 1025, 3, 3 }, { 4095, 8, 8 }, { 4096, 8, 8 }, { 4097, 9, 8 }, { 65535, 128, 8 }
    };

    for (unsigned int i = 0; i < WRG_ARRAY_LEN(rows); i++) {
        assert_int_equal(wrg_wire_indirect_pages(rows[i].segments), rows[i].pages);
        assert_int_equal(wrg_wire_indirect_count(rows[i].segments), rows[i].held);
    }
    assert_int_equal(wrg_wire_direct_count(0), 0);
    assert_int_equal(wrg_wire_direct_count(11), 11);
    assert_int_equal(wrg_wire_direct_count(12), 11);
    assert_int_equal(wrg_wire_direct_count(255), 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_of_each_abi__as_the_protocol_says),
        cmocka_unit_test(ring_of_n_pages__entries_in_every_abi),
        cmocka_unit_test(every_ring__last_slot_ends_within_its_pages),
        cmocka_unit_test(free_running_index__wraps_without_a_seam),
        cmocka_unit_test(two_page_ring__some_slot_straddles),
        cmocka_unit_test(segments__indirect_pages_rounded_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
