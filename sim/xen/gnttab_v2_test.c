/* SPDX-License-Identifier: MIT */
/* Version 2: its entries, what may be in use of them, and how they are taken back. */
#include "xen/gnttab_impl.h"
#include "xen/test_xen.h"

#define IN_USE (GTF_reading | GTF_writing)

static int setup_v2(void **state)
{
    if (setup_xen(state))
        return -1;
    return wrg_gnttab_set_version(&t.xen, t.front, 2);
}

#define V2(f) cmocka_unit_test_setup_teardown(f, setup_v2, teardown_xen)

static uint32_t granted(bool readonly)
{
    return grant_page(t.front, WRG_DOM_BACK, page_of(t.front, 1), readonly);
}

static struct wrg_grant_entry_v2 *entry(uint32_t gref)
{
    return wrg_gnttab_entry_v2(&t.xen, t.front, gref);
}

static uint16_t in_use(uint32_t gref)
{
    return wrg_gnttab_status(&t.xen, t.front, gref);
}

static int16_t map_status(uint32_t gref, bool readonly)
{
    return map_gref(t.back, WRG_DOM_FRONT, gref, readonly).status;
}

static int16_t copy_from(uint32_t gref, uint16_t off, uint16_t len)
{
    struct wrg_gnttab_copy_op op = { .source_is_gref = true,
                                     .source = gref,
                                     .dest = page_of(t.back, 1),
                                     .source_off = off,
                                     .len = len };
    struct wrg_gnttab_copy args = { .domid = WRG_DOM_FRONT, .count = 1, .ops = &op };

    assert_int_equal(wrg_gnttab_copy(&t.xen, t.back, &args), 0);
    return op.status;
}

/* ---- entries ---- */

static void grant__sixteen_bytes_with_the_frame_at_eight(void **state)
{
    uint32_t page = page_of(t.front, 1);
    uint32_t gref = grant_page(t.front, WRG_DOM_BACK, page, true);
    const grant_entry_v2_t *theirs = (const grant_entry_v2_t *)(const void *)entry(gref);

    assert_int_equal(sizeof(*theirs), 16);
    assert_int_equal(theirs->hdr.flags, GTF_permit_access | GTF_readonly);
    assert_int_equal(theirs->hdr.domid, WRG_DOM_BACK);
    assert_int_equal(theirs->full_page.frame, frame_of(t.front, page));
    assert_int_equal(offsetof(grant_entry_v2_t, full_page.frame), 8);
    assert_int_equal(offsetof(grant_entry_v2_t, sub_page.page_off), 4);
    assert_int_equal(offsetof(grant_entry_v2_t, sub_page.length), 6);
    assert_int_equal(offsetof(grant_entry_v2_t, transitive.gref), 8);
}

static void map__every_status(void **state)
{
    uint32_t rw = granted(false), ro = granted(true), other = granted(false);
    uint32_t sub = granted(false), transitive = granted(false), far = granted(false);

    entry(other)->domid = WRG_DOM_STRANGER;
    entry(sub)->flags |= GTF_sub_page;
    entry(transitive)->flags = GTF_transitive;
    entry(far)->frame |= UINT64_C(1) << 32;
    assert_int_equal(map_status(256, true), GNTST_bad_gntref);
    assert_int_equal(map_status(200, true), GNTST_general_error); /* in the table, and empty */
    assert_int_equal(map_status(other, true), GNTST_general_error);
    assert_int_equal(map_status(sub, true), GNTST_general_error);
    assert_int_equal(map_status(transitive, true), GNTST_general_error);
    assert_int_equal(map_status(ro, false), GNTST_general_error);
    assert_int_equal(map_status(far, true), GNTST_bad_page);
    assert_int_equal(in_use(other) | in_use(sub) | in_use(transitive) | in_use(ro) | in_use(far),
                     0);
    assert_int_equal(map_status(ro, true), GNTST_okay);
    assert_int_equal(map_status(rw, false), GNTST_okay);
}

static void in_use__noted_in_the_status_and_not_in_the_entry(void **state)
{
    uint32_t gref = granted(false);
    uint32_t reader = back_maps(gref, true);

    assert_int_equal(in_use(gref), GTF_reading);
    uint32_t writer = back_maps(gref, false);
    assert_int_equal(in_use(gref), IN_USE);
    assert_int_equal(entry(gref)->flags, GTF_permit_access);
    unmap_page(t.back, writer);
    assert_int_equal(in_use(gref), GTF_reading);
    unmap_page(t.back, reader);
    assert_int_equal(in_use(gref), 0);
}

static void edit_of_a_pinned_entry__recorded_frame_counts(void **state)
{
    uint32_t page = page_of(t.front, 1), other = page_of(t.front, 1);
    uint32_t gref = grant_page(t.front, WRG_DOM_BACK, page, false);
    uint32_t mapped = back_maps(gref, true);

    entry(gref)->frame = frame_of(t.front, other);
    entry(gref)->domid = WRG_DOM_STRANGER;
    uint32_t second = back_maps(gref, true);
    assert_int_equal(frame_of(t.back, second), frame_of(t.front, page));
    unmap_page(t.back, second);
    unmap_page(t.back, mapped);
    assert_int_equal(map_status(gref, true), GNTST_general_error);
    entry(gref)->domid = WRG_DOM_BACK;
    assert_int_equal(frame_of(t.back, back_maps(gref, true)), frame_of(t.front, other));
}

static void flags_change_between_status_and_second_look__general_error_and_status_clear(
    void **state)
{
    uint32_t gref = granted(false);

    t.front->gnttab.flip = (struct wrg_grant_flip){ .gref = gref, .times = 1, .mask = 1 };
    assert_int_equal(map_status(gref, true), GNTST_general_error);
    assert_int_equal(in_use(gref), 0);
    entry(gref)->flags = GTF_permit_access;
    t.front->gnttab.flip =
        (struct wrg_grant_flip){ .gref = gref, .times = 1, .mask = GTF_readonly };
    back_maps(gref, true); /* of no matter for a reader */
    entry(gref)->flags = GTF_permit_access;
    t.front->gnttab.flip.times = 1;
    assert_int_equal(map_status(gref, false), GNTST_general_error);
    assert_int_equal(in_use(gref), GTF_reading); /* the reader's stays */
}

/* ---- taking back ---- */

static void end_of_unused__revoked_and_ref_reused(void **state)
{
    uint32_t gref = granted(false);

    assert_int_equal(end_grant(t.front, gref), 0);
    assert_int_equal(entry(gref)->flags, 0);
    assert_int_equal(t.front->gnttab.given, 0);
    assert_int_equal(granted(false), gref);
}

static void end_while_mapped__still_in_use_but_no_new_map(void **state)
{
    uint32_t gref = granted(false);
    uint32_t mapped = back_maps(gref, true);

    assert_int_equal(end_grant(t.front, gref), 1);
    assert_int_equal(entry(gref)->flags, 0);
    assert_int_equal(in_use(gref), GTF_reading);
    /* One that is pinned is not asked again; once it is not, nobody gets in. */
    assert_int_equal(t.front->gnttab.given, 1);
    unmap_page(t.back, mapped);
    assert_int_equal(map_status(gref, true), GNTST_general_error);
    assert_int_equal(end_grant(t.front, gref), 0);
    assert_int_equal(t.front->gnttab.given, 0);
}

/* ---- copy ---- */

static void copy_of_a_sub_page__within_its_bounds_only(void **state)
{
    uint32_t gref = granted(false);

    entry(gref)->flags |= GTF_sub_page;
    entry(gref)->off = 512;
    entry(gref)->len = 1024;
    assert_int_equal(copy_from(gref, 512, 1024), GNTST_okay);
    assert_int_equal(copy_from(gref, 1000, 1), GNTST_okay);
    assert_int_equal(copy_from(gref, 511, 2), GNTST_general_error);
    assert_int_equal(copy_from(gref, 1535, 2), GNTST_general_error);
    assert_int_equal(copy_from(gref, 0, 0), GNTST_general_error);
    assert_int_equal(copy_from(gref, 4095, 2), GNTST_bad_copy_arg);
    assert_int_equal(in_use(gref), 0);
    assert_int_equal(t.front->gnttab.pinned, 0);
}

static void copy_of_a_transitive_grant__refused(void **state)
{
    uint32_t gref = granted(false);

    entry(gref)->flags = GTF_transitive;
    assert_int_equal(copy_from(gref, 0, 1), GNTST_general_error);
    assert_int_equal(in_use(gref), 0);
}

static void domain_dies__its_mappings_are_released(void **state)
{
    uint32_t gref = granted(false);

    back_maps(gref, false);
    wrg_xen_kill_domain(&t.xen, WRG_DOM_BACK);
    assert_int_equal(in_use(gref), 0);
    assert_int_equal(end_grant(t.front, gref), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        V2(grant__sixteen_bytes_with_the_frame_at_eight),
        V2(map__every_status),
        V2(in_use__noted_in_the_status_and_not_in_the_entry),
        V2(edit_of_a_pinned_entry__recorded_frame_counts),
        V2(flags_change_between_status_and_second_look__general_error_and_status_clear),
        V2(end_of_unused__revoked_and_ref_reused),
        V2(end_while_mapped__still_in_use_but_no_new_map),
        V2(copy_of_a_sub_page__within_its_bounds_only),
        V2(copy_of_a_transitive_grant__refused),
        V2(domain_dies__its_mappings_are_released),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
