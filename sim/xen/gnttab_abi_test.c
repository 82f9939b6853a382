/* SPDX-License-Identifier: MIT */
/* The numbers that grant tables live by, as Xen's headers have them and as they are known. */
#include "xen/gnttab_impl.h"
#include "xen/test_xen.h"

struct number {
    long value, known;
};

static void check(const struct number *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(numbers[i].value, numbers[i].known);
}

#define CHECK_ALL(numbers) check(numbers, WRG_ARRAY_LEN(numbers))

static void types_of_entries__0_to_3(void **state)
{
    static const struct number types[] = {
        { GTF_invalid, 0 },    { GTF_permit_access, 1 }, { GTF_accept_transfer, 2 },
        { GTF_transitive, 3 }, { GTF_type_mask, 3 },
    };

    CHECK_ALL(types);
}

static void flags_of_entries__their_bits(void **state)
{
    static const struct number flags[] = {
        { GTF_readonly, 4 },
        { GTF_reading, 8 },
        { GTF_writing, 0x10 },
        { GTF_PWT, 0x20 },
        { GTF_PCD, 0x40 },
        { GTF_PAT, 0x80 },
        { GTF_sub_page, 0x100 },
        { GTF_transfer_committed, 4 },
        { GTF_transfer_completed, 8 },
    };

    CHECK_ALL(flags);
}

static void flags_of_a_map__their_bits(void **state)
{
    static const struct number flags[] = {
        { GNTMAP_device_map, 1 },      { GNTMAP_host_map, 2 },      { GNTMAP_readonly, 4 },
        { GNTMAP_application_map, 8 }, { GNTMAP_contains_pte, 16 }, { _GNTMAP_guest_avail0, 16 },
    };

    CHECK_ALL(flags);
}

static void statuses__0_to_minus_13(void **state)
{
    static const struct number statuses[] = {
        { GNTST_okay, 0 },          { GNTST_general_error, -1 },   { GNTST_bad_domain, -2 },
        { GNTST_bad_gntref, -3 },   { GNTST_bad_handle, -4 },      { GNTST_bad_virt_addr, -5 },
        { GNTST_bad_dev_addr, -6 }, { GNTST_no_device_space, -7 }, { GNTST_permission_denied, -8 },
        { GNTST_bad_page, -9 },     { GNTST_bad_copy_arg, -10 },   { GNTST_address_too_big, -11 },
        { GNTST_eagain, -12 },      { GNTST_no_space, -13 },
    };

    CHECK_ALL(statuses);
}

static void operations__their_numbers(void **state)
{
    static const struct number operations[] = {
        { GNTTABOP_map_grant_ref, 0 }, { GNTTABOP_unmap_grant_ref, 1 },
        { GNTTABOP_setup_table, 2 },   { GNTTABOP_dump_table, 3 },
        { GNTTABOP_transfer, 4 },      { GNTTABOP_copy, 5 },
        { GNTTABOP_query_size, 6 },    { GNTTABOP_unmap_and_replace, 7 },
        { GNTTABOP_set_version, 8 },   { GNTTABOP_get_status_frames, 9 },
        { GNTTABOP_get_version, 10 },  { GNTTABOP_swap_grant_ref, 11 },
        { GNTTABOP_cache_flush, 12 },
    };

    CHECK_ALL(operations);
}

static void arguments_of_operations__their_sizes(void **state)
{
    const struct number sizes[] = {
        { sizeof(struct gnttab_map_grant_ref), 32 },
        { sizeof(struct gnttab_unmap_grant_ref), 24 },
        { sizeof(struct gnttab_copy), sizeof(long) == 8 ? 40 : 24 },
        { sizeof(grant_entry_v1_t), 8 },
        { sizeof(grant_entry_v2_t), 16 },
        { sizeof(grant_status_t), 2 },
    };

    CHECK_ALL(sizes);
}

static void entries_of_a_frame__by_their_size(void **state)
{
    assert_int_equal(WRG_PAGE_SIZE / sizeof(grant_entry_v1_t), WRG_GNTTAB_PER_FRAME);
    assert_int_equal(WRG_PAGE_SIZE / sizeof(grant_entry_v2_t), WRG_GNTTAB_PER_FRAME_V2);
    assert_int_equal(WRG_PAGE_SIZE / sizeof(grant_status_t), WRG_GNTTAB_STATUS_FRAME);
    assert_int_equal(WRG_GNTTAB_PER_FRAME, 512);
    assert_int_equal(WRG_GNTTAB_PER_FRAME_V2, 256);
    assert_int_equal(WRG_GNTTAB_STATUS_FRAME, 2048);
    assert_int_equal(WRG_GNTTAB_FRAMES_MAX * WRG_GNTTAB_PER_FRAME, 32768);
}

static void reserved_refs__0_to_7_are_never_given(void **state)
{
    struct wrg_slots *refs = &t.front->gnttab.refs;

    assert_int_equal(GNTTAB_NR_RESERVED_ENTRIES, WRG_GNTTAB_RESERVED);
    assert_int_equal(GNTTAB_RESERVED_CONSOLE, 0);
    assert_int_equal(GNTTAB_RESERVED_XENSTORE, 1);
    for (uint32_t gref = 0; gref < WRG_GNTTAB_RESERVED; gref++)
        assert_true(wrg_slots_is_taken(refs, gref));
    assert_int_equal(grant_page(t.front, WRG_DOM_BACK, page_of(t.front, 1), false), 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_of_entries__0_to_3),
        cmocka_unit_test(flags_of_entries__their_bits),
        cmocka_unit_test(flags_of_a_map__their_bits),
        cmocka_unit_test(statuses__0_to_minus_13),
        cmocka_unit_test(operations__their_numbers),
        cmocka_unit_test(arguments_of_operations__their_sizes),
        cmocka_unit_test(entries_of_a_frame__by_their_size),
        X(reserved_refs__0_to_7_are_never_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
