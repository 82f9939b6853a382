/* SPDX-License-Identifier: MIT */
/*
 * Pins: who may map what for how long. The last part holds the invariants of grants, each under its
 * name.
 */
#include "xen/test_xen.h"

#define IN_USE (GTF_reading | GTF_writing)
/* A bit of the flags that means nothing to a map. */
#define HARMLESS 0x20

static struct wrg_grant_entry entry_of(uint32_t gref)
{
    struct wrg_grant_entry entry;

    assert_true(wrg_gnttab_peek(&t.xen, t.front, gref, &entry));
    return entry;
}

static uint32_t granted(bool readonly)
{
    return grant_page(t.front, WRG_DOM_BACK, page_of(t.front, 1), readonly);
}

static int16_t map_status(uint32_t gref, bool readonly)
{
    return map_gref(t.back, WRG_DOM_FRONT, gref, readonly).status;
}

static struct map_result map_as(uint32_t gref, bool readonly, uint16_t flags)
{
    struct wrg_gnttab_map_op op = { .gref = gref, .status = 77 };
    struct wrg_gnttab_map args = {
        .domid = WRG_DOM_FRONT, .readonly = readonly, .count = 1, .ops = &op, .flags = flags
    };

    assert_int_equal(wrg_gnttab_map(&t.xen, t.back, &args), 0);
    return (struct map_result){ op.status, op.page };
}

static void unmap_part(uint32_t page, uint16_t flags)
{
    struct wrg_gnttab_unmap args = { .count = 1, .pages = &page, .flags = flags };

    forget_events();
    wrg_gnttab_unmap(&t.xen, t.back, &args);
}

/* ---- flags of a map ---- */

static void map_neither_for_device_nor_host__bad_gntref(void **state)
{
    uint32_t gref = granted(false);

    assert_int_equal(map_as(gref, true, GNTMAP_contains_pte).status, GNTST_bad_gntref);
    assert_int_equal(map_as(gref, true, GNTMAP_readonly | 0x40).status, GNTST_bad_gntref);
    assert_int_equal(t.back->mappings.taken, 0);
    assert_int_equal(map_as(gref, true, GNTMAP_device_map).status, GNTST_okay);
    assert_int_equal(map_as(gref, true, GNTMAP_host_map | 0x40).status, GNTST_okay);
}

static void counters_of_device_and_host__full_one_by_one(void **state)
{
    static const uint16_t kinds[] = { GNTMAP_host_map, GNTMAP_device_map };
    uint32_t gref = granted(false);

    for (unsigned k = 0; k < 4; k++) {
        uint16_t flags = kinds[k / 2];
        bool readonly = k % 2;
        for (uint32_t i = 0; i < WRG_GNTTAB_PINS_MAX; i++)
            assert_int_equal(map_as(gref, readonly, flags).status, GNTST_okay);
        assert_int_equal(map_as(gref, readonly, flags).status, GNTST_general_error);
    }
    assert_int_equal(t.front->gnttab.pinned, 4 * WRG_GNTTAB_PINS_MAX);
}

static void unmap_of_one_part__handle_lives_until_both_are_gone(void **state)
{
    uint32_t gref = granted(false);
    struct map_result both = map_as(gref, false, GNTMAP_device_map | GNTMAP_host_map);

    assert_int_equal(both.status, GNTST_okay);
    unmap_part(both.page, GNTMAP_host_map);
    assert_int_equal(violation(), WRG_RULE_CLEAN);
    assert_int_equal(t.back->mappings.taken, 1);
    assert_int_equal(entry_of(gref).flags & IN_USE, IN_USE);
    unmap_part(both.page, GNTMAP_host_map); /* that part is gone */
    assert_int_equal(violation(), WRG_RULE_GNT_001);
    unmap_part(both.page, GNTMAP_device_map);
    assert_int_equal(violation(), WRG_RULE_CLEAN);
    assert_int_equal(t.back->mappings.taken, 0);
    assert_int_equal(entry_of(gref).flags & IN_USE, 0);
    unmap_part(both.page, GNTMAP_device_map);
    assert_int_equal(violation(), WRG_RULE_GNT_001);
}

/* ---- an entry that somebody else changes ---- */

static void entry_changes_four_times__mapped_at_the_fifth(void **state)
{
    uint32_t gref = granted(false);

    t.front->gnttab.flip = (struct wrg_grant_flip){ .gref = gref, .times = 4, .mask = HARMLESS };
    assert_int_equal(map_status(gref, false), GNTST_okay);
    assert_int_equal(t.front->gnttab.flip.times, 0);
}

static void entry_changes_five_times__general_error(void **state)
{
    uint32_t gref = granted(false), other = granted(false);

    t.front->gnttab.flip = (struct wrg_grant_flip){ .gref = gref, .times = 5, .mask = HARMLESS };
    assert_int_equal(map_status(other, false), GNTST_okay); /* it is not that one */
    assert_int_equal(map_status(gref, false), GNTST_general_error);
    assert_int_equal(entry_of(gref).flags & IN_USE, 0);
    assert_int_equal(map_status(gref, false), GNTST_okay);
}

static void entry_becomes_readonly_under_the_map__general_error(void **state)
{
    uint32_t gref = granted(false);

    t.front->gnttab.flip =
        (struct wrg_grant_flip){ .gref = gref, .times = 1, .mask = GTF_readonly };
    assert_int_equal(map_status(gref, false), GNTST_general_error);
    assert_int_equal(entry_of(gref).flags, GTF_permit_access | GTF_readonly);
}

static void bits_wiped_while_pinned__set_again_by_the_next_first_pin_only(void **state)
{
    uint32_t gref = granted(false);
    uint32_t mapped = back_maps(gref, true);
    struct wrg_grant_entry entry = entry_of(gref);

    entry.flags &= (uint16_t)~IN_USE;
    wrg_gnttab_poke(&t.xen, t.front, gref, &entry);
    uint32_t second = back_maps(gref, true);
    assert_int_equal(entry_of(gref).flags & IN_USE, 0); /* nobody looked */
    unmap_page(t.back, mapped);
    unmap_page(t.back, second);
    back_maps(gref, true);
    assert_int_equal(entry_of(gref).flags & IN_USE, GTF_reading);
}

static void batch_of_all_kinds__each_entry_its_own_status(void **state)
{
    uint32_t good = granted(false), ro = granted(true), revoked = granted(false);
    struct wrg_gnttab_map_op ops[] = { { .gref = good }, { .gref = UINT32_MAX }, { .gref = ro },
                                       { .gref = good }, { .gref = revoked },    { .gref = good } };
    struct wrg_gnttab_map args = { .domid = WRG_DOM_FRONT, .count = 6, .ops = ops };
    static const int16_t want[] = { GNTST_okay, GNTST_bad_gntref,    GNTST_general_error,
                                    GNTST_okay, GNTST_general_error, GNTST_okay };

    assert_int_equal(end_grant(t.front, revoked), 0);
    for (unsigned quiet = 0; quiet < 2; quiet++) {
        t.trace.on = !quiet;
        assert_int_equal(wrg_gnttab_map(&t.xen, t.back, &args), 0);
        for (unsigned i = 0; i < 6; i++) {
            assert_int_equal(ops[i].status, want[i]);
            assert_true((ops[i].page != WRG_NO_PAGE) == (want[i] == GNTST_okay));
        }
        assert_int_equal(t.back->mappings.taken, 3 + 3 * quiet);
    }
}

/* ---- invariants ---- */

static void i1__page_freed_while_pinned_is_told(void **state)
{
    uint32_t page = page_of(t.front, 1);

    back_maps(grant_page(t.front, WRG_DOM_BACK, page, false), false);
    forget_events();
    wrg_xen_page_free(&t.xen, t.front, page, 1);
    const struct wrg_event *ev = &nth_event(WRG_EV_PAGE_FREE, 0)->ev;
    assert_int_equal((uint32_t)ev->c, 1);         /* granted */
    assert_int_equal((uint32_t)(ev->c >> 32), 1); /* mapped */
}

static void i2__no_map_after_a_revoke(void **state)
{
    for (uint32_t version = 1; version <= 2; version++) {
        assert_int_equal(wrg_gnttab_set_version(&t.xen, t.front, version), 0);
        uint32_t gref = granted(false);
        assert_int_equal(end_grant(t.front, gref), 0);
        assert_int_equal(map_status(gref, true), GNTST_general_error);
    }
}

static void i3__grantee_only(void **state)
{
    uint32_t gref = granted(false);

    assert_int_equal(map_gref(t.stranger, WRG_DOM_FRONT, gref, true).status, GNTST_general_error);
    assert_int_equal(map_gref(t.front, WRG_DOM_FRONT, gref, true).status, GNTST_general_error);
    back_maps(gref, true);
    assert_int_equal(map_gref(t.stranger, WRG_DOM_FRONT, gref, true).status, GNTST_general_error);
}

static void i4__readonly_is_never_written(void **state)
{
    uint32_t page = page_of(t.front, 1);
    uint32_t gref = grant_page(t.front, WRG_DOM_BACK, page, true);
    uint32_t mapped = back_maps(gref, true);
    uint32_t value = 7;
    struct wrg_access store = { .page = mapped, .len = 4, .write = true, .buf = &value };
    struct wrg_gnttab_copy_op op = {
        .source = page_of(t.back, 1), .dest = gref, .dest_is_gref = true, .len = 4
    };
    struct wrg_gnttab_copy copy = { .domid = WRG_DOM_FRONT, .count = 1, .ops = &op };

    memset(bytes_of(t.back, op.source), 9, 4);
    assert_int_equal(map_status(gref, false), GNTST_general_error);
    assert_int_equal(wrg_gnttab_copy(&t.xen, t.back, &copy), 0);
    assert_int_equal(op.status, GNTST_general_error);
    forget_events();
    wrg_xen_access(&t.xen, t.back, &store);
    assert_int_equal(violation(), WRG_RULE_GNT_002);
    assert_int_equal(bytes_of(t.front, page)[0], 0);
}

static void i5__pins_are_live_handles(void **state)
{
    uint32_t grefs[4] = { granted(false), granted(true), granted(false), granted(false) };
    uint32_t pages[64], live = 0;
    unsigned seed = 5;

    for (unsigned i = 0; i < 2000; i++) {
        seed = seed * 1103515245 + 12345;
        unsigned roll = seed >> 16;
        struct map_result m = { GNTST_okay, 0 };
        if (live < 64 && roll % 2) {
            m = map_gref(t.back, WRG_DOM_FRONT, grefs[roll / 2 % 4], roll / 8 % 2);
            if (m.status == GNTST_okay)
                pages[live++] = m.page;
        } else if (live) {
            unmap_page(t.back, pages[--live]);
        }
        forget_events();
        uint32_t pins = 0;
        for (unsigned g = 0; g < 4; g++)
            for (unsigned k = 0; k < WRG_PINS; k++)
                pins += t.front->gnttab.pins[grefs[g]].count[k];
        assert_int_equal(pins, live);
        assert_int_equal(t.front->gnttab.pinned, live);
        assert_int_equal(t.back->mappings.taken, live);
    }
}

static void i6__handle_is_unique_and_valid_once(void **state)
{
    uint32_t gref = granted(false);
    uint32_t seen[200];

    for (unsigned i = 0; i < 200; i++) {
        seen[i] = back_maps(gref, false);
        for (unsigned k = 0; k < i; k++)
            assert_int_not_equal(seen[k], seen[i]);
        unmap_page(t.back, seen[i]);
        assert_null(wrg_xen_view(t.back, seen[i]));
        forget_events();
        unmap_page(t.back, seen[i]);
        assert_int_equal(violation(), WRG_RULE_GNT_001);
    }
}

static void i7__death_releases_mappings(void **state)
{
    uint32_t grefs[3] = { granted(false), granted(false), granted(true) };

    for (unsigned i = 0; i < 3; i++)
        back_maps(grefs[i], i == 2);
    wrg_xen_kill_domain(&t.xen, WRG_DOM_BACK);
    assert_int_equal(t.front->gnttab.pinned, 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(end_grant(t.front, grefs[i]), 0);
}

static void i8__ref_reused_at_pin_zero_only(void **state)
{
    for (uint32_t version = 1; version <= 2; version++) {
        assert_int_equal(wrg_gnttab_set_version(&t.xen, t.front, version), 0);
        uint32_t gref = granted(false);
        uint32_t mapped = back_maps(gref, true);
        assert_int_equal(end_grant(t.front, gref), 1);
        uint32_t next = granted(false);
        assert_int_not_equal(next, gref);
        unmap_page(t.back, mapped);
        assert_int_equal(end_grant(t.front, gref), 0);
        assert_int_equal(granted(false), gref);
        assert_int_equal(end_grant(t.front, gref), 0);
        assert_int_equal(end_grant(t.front, next), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        X(map_neither_for_device_nor_host__bad_gntref),
        X(counters_of_device_and_host__full_one_by_one),
        X(unmap_of_one_part__handle_lives_until_both_are_gone),
        X(entry_changes_four_times__mapped_at_the_fifth),
        X(entry_changes_five_times__general_error),
        X(entry_becomes_readonly_under_the_map__general_error),
        X(bits_wiped_while_pinned__set_again_by_the_next_first_pin_only),
        X(batch_of_all_kinds__each_entry_its_own_status),
        X(i1__page_freed_while_pinned_is_told),
        X(i2__no_map_after_a_revoke),
        X(i3__grantee_only),
        X(i4__readonly_is_never_written),
        X(i5__pins_are_live_handles),
        X(i6__handle_is_unique_and_valid_once),
        X(i7__death_releases_mappings),
        X(i8__ref_reused_at_pin_zero_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
