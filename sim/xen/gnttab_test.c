/* SPDX-License-Identifier: MIT */
/* Grant, end, map, unmap: every status (GNTST_* in xen/grant_table.h). Copy has its own file. */
#include "xen/test_xen.h"

static struct wrg_grant_entry entry_of(uint32_t gref)
{
    struct wrg_grant_entry entry;

    assert_true(wrg_gnttab_peek(&t.xen, t.front, gref, &entry));
    return entry;
}

static void poke(uint32_t gref, struct wrg_grant_entry entry)
{
    wrg_gnttab_poke(&t.xen, t.front, gref, &entry);
}

static uint32_t granted(bool readonly)
{
    return grant_page(t.front, WRG_DOM_BACK, page_of(t.front, 1), readonly);
}

static int16_t map_status(uint32_t gref, bool readonly)
{
    return map_gref(t.back, WRG_DOM_FRONT, gref, readonly).status;
}

#define IN_USE (GTF_reading | GTF_writing)

/* ---- granting and ending ---- */

static void grant__entry_as_xen_reads_it(void **state)
{
    uint32_t page = page_of(t.front, 1);
    uint32_t gref = grant_page(t.front, WRG_DOM_BACK, page, true);
    struct wrg_grant_entry entry = entry_of(gref);

    assert_int_equal(gref, WRG_GNTTAB_RESERVED); /* the lowest that is not reserved */
    assert_int_equal(entry.flags, GTF_permit_access | GTF_readonly);
    assert_int_equal(entry.domid, WRG_DOM_BACK);
    assert_int_equal(entry.frame, frame_of(t.front, page));
    assert_int_equal(t.front->gnttab.given, 1);
    assert_int_equal(t.xen.memory.frames[entry.frame].granted, 1);
}

static void grant_of_page_not_owned__einval_and_nothing_taken(void **state)
{
    uint32_t pages[2] = { page_of(t.front, 1), WRG_NO_PAGE };
    uint32_t grefs[2];
    struct wrg_gnttab_grant args = {
        .domid = WRG_DOM_BACK, .count = 2, .pages = pages, .grefs = grefs
    };

    assert_int_equal(wrg_gnttab_grant(&t.xen, t.front, &args), -EINVAL);
    assert_int_equal(t.front->gnttab.given, 0);
    assert_int_equal(granted(false), WRG_GNTTAB_RESERVED);
}

static void refs_used_up__enospc_and_none_of_the_batch(void **state)
{
    uint32_t page = page_of(t.stranger, 1);
    uint32_t pages[WRG_GNTTAB_PER_FRAME], grefs[WRG_GNTTAB_PER_FRAME];
    struct wrg_gnttab_grant args = { .domid = WRG_DOM_BACK,
                                     .pages = pages,
                                     .grefs = grefs,
                                     .count = WRG_GNTTAB_PER_FRAME - WRG_GNTTAB_RESERVED - 1 };

    for (uint32_t i = 0; i < WRG_GNTTAB_PER_FRAME; i++)
        pages[i] = page;
    assert_int_equal(wrg_gnttab_grant(&t.xen, t.stranger, &args), 0);
    args.count = 2; /* one is left */
    assert_int_equal(wrg_gnttab_grant(&t.xen, t.stranger, &args), -ENOSPC);
    args.count = 1;
    assert_int_equal(wrg_gnttab_grant(&t.xen, t.stranger, &args), 0);
    assert_int_equal(grefs[0], WRG_GNTTAB_PER_FRAME - 1);
}

static void end_of_unused__revoked_and_ref_reused(void **state)
{
    uint32_t gref = granted(false);

    assert_int_equal(end_grant(t.front, gref), 0);
    assert_int_equal(entry_of(gref).flags, 0);
    assert_int_equal(t.front->gnttab.given, 0);
    assert_int_equal(map_status(gref, false), GNTST_general_error);
    assert_int_equal(granted(false), gref);
}

static void end_while_mapped__still_in_use_and_unchanged(void **state)
{
    uint32_t gref = granted(false);
    uint32_t page = back_maps(gref, false);
    struct wrg_grant_entry before = entry_of(gref);

    forget_events();
    assert_int_equal(end_grant(t.front, gref), 1);
    struct wrg_grant_entry after = entry_of(gref);
    assert_memory_equal(&before, &after, sizeof(before));
    assert_int_equal(nth_event(WRG_EV_GRANT_END, 0)->ev.c, 1);
    assert_int_equal(map_status(gref, false), GNTST_okay); /* a failed v1 revoke changes nothing */
    assert_int_not_equal(granted(false), gref);
    (void)page;
}

static void end_of_batch_partly_in_use__keeps_those_and_counts_them(void **state)
{
    const uint32_t given[3] = { granted(false), granted(false), granted(false) };
    uint32_t grefs[3] = { given[0], given[1], given[2] };
    struct wrg_gnttab_end args = { .count = 3, .grefs = grefs };

    uint32_t mapped = back_maps(grefs[1], true);
    wrg_gnttab_end(&t.xen, t.front, &args);
    assert_int_equal(args.still_in_use, 1);
    assert_int_equal(grefs[0], WRG_NO_GREF);
    assert_int_equal(grefs[1], given[1]);
    assert_int_equal(grefs[2], WRG_NO_GREF);
    assert_int_equal(entry_of(given[0]).flags | entry_of(given[2]).flags, 0);
    assert_int_equal(t.front->gnttab.given, 1);
    /* The same batch again, once the peer is gone: what was taken back is passed over. */
    unmap_page(t.back, mapped);
    forget_events();
    wrg_gnttab_end(&t.xen, t.front, &args);
    assert_int_equal(args.still_in_use, 0);
    assert_int_equal(count_events(WRG_EV_GRANT_END), 1);
    assert_int_equal(violation(), WRG_RULE_CLEAN);
    assert_int_equal(t.front->gnttab.given, 0);
}

static void end_of_ref_not_given__mem_001(void **state)
{
    uint32_t gref = granted(false);
    const uint32_t bad[] = { gref, 0, 1, WRG_GNTTAB_RESERVED - 1, 4000, WRG_NO_GREF - 1 };

    assert_int_equal(end_grant(t.front, gref), 0);
    for (size_t i = 0; i < WRG_ARRAY_LEN(bad); i++) {
        forget_events();
        assert_int_equal(end_grant(t.front, bad[i]), 0);
        assert_int_equal(violation(), WRG_RULE_MEM_001);
    }
}

static void grant_of_page_with_secret__event_tells(void **state)
{
    uint32_t page = wrg_xen_page_alloc(&t.xen, t.front, 1, WRG_FILL_SECRET);

    forget_events();
    grant_page(t.front, WRG_DOM_BACK, page, true);
    grant_page(t.front, WRG_DOM_BACK, page_of(t.front, 1), true);
    assert_int_equal(nth_event(WRG_EV_GRANT, 0)->ev.d, 1);
    assert_int_equal(nth_event(WRG_EV_GRANT, 1)->ev.d, 0);
}

/* ---- map: every status ---- */

static void map__okay_and_same_bytes(void **state)
{
    uint32_t page = page_of(t.front, 1);
    uint32_t gref = grant_page(t.front, WRG_DOM_BACK, page, false);

    forget_events();
    uint32_t mapped = back_maps(gref, false);
    assert_ptr_equal(bytes_of(t.back, mapped), bytes_of(t.front, page));
    const struct wrg_event *ev = &nth_event(WRG_EV_MAP, 0)->ev;
    assert_int_equal(ev->a, gref);
    assert_int_equal(ev->b, mapped);
    assert_int_equal(ev->c, frame_of(t.front, page));
    assert_int_equal(ev->d, WRG_DOM_FRONT);
    assert_int_equal(ev->role, WRG_ROLE_BACK);
}

static void map_from_unknown_domain__bad_domain(void **state)
{
    uint32_t gref = granted(false);

    assert_int_equal(map_gref(t.back, WRG_DOMAINS, gref, false).status, GNTST_bad_domain);
    assert_int_equal(map_gref(t.back, 0x7ff0, gref, false).status, GNTST_bad_domain);
    wrg_xen_kill_domain(&t.xen, WRG_DOM_FRONT);
    assert_int_equal(map_status(gref, false), GNTST_bad_domain);
}

static void map_of_ref_beyond_the_table__bad_gntref(void **state)
{
    assert_int_equal(map_status(wrg_gnttab_size(&t.front->gnttab), false), GNTST_bad_gntref);
    assert_int_equal(map_status(UINT32_MAX, false), GNTST_bad_gntref);
    assert_int_equal(map_status(wrg_gnttab_size(&t.front->gnttab) - 1, false),
                     GNTST_general_error); /* in the table, and empty */
}

static void map_of_entry_that_permits_not__general_error(void **state)
{
    uint32_t gref = granted(false);
    const struct wrg_grant_entry good = entry_of(gref);
    static const uint16_t flags[] = { GTF_invalid, GTF_accept_transfer, GTF_transitive,
                                      GTF_permit_access | GTF_sub_page };

    for (size_t i = 0; i < WRG_ARRAY_LEN(flags); i++) {
        struct wrg_grant_entry entry = good;
        entry.flags = flags[i];
        poke(gref, entry);
        assert_int_equal(map_status(gref, true), GNTST_general_error);
    }
    poke(gref, good);
    assert_int_equal(map_status(gref, true), GNTST_okay);
}

static void map_by_another_than_the_grantee__general_error(void **state)
{
    uint32_t gref = granted(false);

    assert_int_equal(map_gref(t.stranger, WRG_DOM_FRONT, gref, true).status, GNTST_general_error);
    back_maps(gref, false);
    /* Pinned: the recorded grantee counts, not what the entry says now. */
    struct wrg_grant_entry entry = entry_of(gref);
    entry.domid = WRG_DOM_STRANGER;
    poke(gref, entry);
    assert_int_equal(map_gref(t.stranger, WRG_DOM_FRONT, gref, true).status, GNTST_general_error);
    assert_int_equal(map_status(gref, true), GNTST_okay);
}

static void map_for_writing_of_readonly_entry__general_error(void **state)
{
    uint32_t gref = granted(true);

    assert_int_equal(map_status(gref, false), GNTST_general_error);
    assert_int_equal(map_status(gref, true), GNTST_okay);
    /* Also while it is pinned for reading. */
    assert_int_equal(map_status(gref, false), GNTST_general_error);
}

static void map_of_frame_not_owned__bad_page(void **state)
{
    uint32_t gref = granted(false);
    const uint32_t frames[] = { t.back->first_frame, t.stranger->first_frame, 0, UINT32_MAX,
                                t.front->first_frame + t.front->nframes };

    for (size_t i = 0; i < WRG_ARRAY_LEN(frames); i++) {
        struct wrg_grant_entry entry = entry_of(gref);
        entry.frame = frames[i];
        poke(gref, entry);
        assert_int_equal(map_status(gref, true), GNTST_bad_page);
    }
}

static void maptrack_used_up__no_space(void **state)
{
    uint32_t few = t.stranger->nviews - t.stranger->nframes;
    uint32_t gref = grant_page(t.front, WRG_DOM_STRANGER, page_of(t.front, 1), false);

    for (uint32_t i = 0; i < few; i++)
        assert_int_equal(map_gref(t.stranger, WRG_DOM_FRONT, gref, true).status, GNTST_okay);
    assert_int_equal(map_gref(t.stranger, WRG_DOM_FRONT, gref, true).status, GNTST_no_space);
}

static void map_number_129_of_a_kind__general_error(void **state)
{
    uint32_t gref = granted(false);

    for (uint32_t i = 0; i < WRG_GNTTAB_PINS_MAX; i++)
        assert_int_equal(map_status(gref, true), GNTST_okay);
    assert_int_equal(map_status(gref, true), GNTST_general_error);
    /* The other kind has a counter of its own. */
    for (uint32_t i = 0; i < WRG_GNTTAB_PINS_MAX; i++)
        assert_int_equal(map_status(gref, false), GNTST_okay);
    assert_int_equal(map_status(gref, false), GNTST_general_error);
}

static void fault_in_batch__that_entry_alone(void **state)
{
    const struct wrg_fault_rule rule = {
        .site = WRG_FAULT_GNTTAB_MAP, .nth = 2, .count = 1, .status = GNTST_eagain
    };
    struct wrg_gnttab_map_op ops[3];
    struct wrg_gnttab_map args = { .domid = WRG_DOM_FRONT, .count = 3, .ops = ops };

    for (unsigned i = 0; i < 3; i++)
        ops[i].gref = granted(false);
    assert_true(wrg_fault_add(&t.fault, &rule));
    wrg_fault_enable(&t.fault, true);
    forget_events();
    assert_int_equal(wrg_gnttab_map(&t.xen, t.back, &args), 0);
    assert_int_equal(ops[0].status, GNTST_okay);
    assert_int_equal(ops[1].status, GNTST_eagain);
    assert_int_equal(ops[1].page, WRG_NO_PAGE);
    assert_int_equal(ops[2].status, GNTST_okay);
    assert_int_equal(t.back->mappings.taken, 2);
    assert_int_equal(count_events(WRG_EV_FAULT), 1);
    assert_int_equal(count_events(WRG_EV_MAP), 3);
}

/* ---- pins ---- */

static void in_use_bits__follow_the_kinds_of_mappings(void **state)
{
    uint32_t gref = granted(false);
    uint32_t reader = back_maps(gref, true);

    assert_int_equal(entry_of(gref).flags & IN_USE, GTF_reading);
    uint32_t writer = back_maps(gref, false);
    assert_int_equal(entry_of(gref).flags & IN_USE, IN_USE);
    unmap_page(t.back, writer);
    assert_int_equal(entry_of(gref).flags & IN_USE, GTF_reading);
    unmap_page(t.back, reader);
    assert_int_equal(entry_of(gref).flags & IN_USE, 0);
    writer = back_maps(gref, false);
    reader = back_maps(gref, true);
    unmap_page(t.back, reader);
    assert_int_equal(entry_of(gref).flags & IN_USE, IN_USE);
    unmap_page(t.back, writer);
    assert_int_equal(entry_of(gref).flags & IN_USE, 0);
    assert_int_equal(t.front->gnttab.pinned, 0);
}

static void entry_edited_while_pinned__recorded_frame_counts(void **state)
{
    uint32_t page = page_of(t.front, 1), other = page_of(t.front, 1);
    uint32_t gref = grant_page(t.front, WRG_DOM_BACK, page, false);
    uint32_t first = back_maps(gref, true);

    struct wrg_grant_entry entry = entry_of(gref);
    entry.frame = frame_of(t.front, other);
    entry.flags = GTF_invalid;
    poke(gref, entry);
    uint32_t second = back_maps(gref, true);
    assert_int_equal(frame_of(t.back, second), frame_of(t.front, page));
    unmap_page(t.back, first);
    unmap_page(t.back, second);
    assert_int_equal(map_status(gref, true), GNTST_general_error); /* unpinned: read anew */
    entry.flags = GTF_permit_access;
    poke(gref, entry);
    assert_int_equal(frame_of(t.back, back_maps(gref, true)), frame_of(t.front, other));
}

static void readonly_set_while_pinned_for_writing__write_maps_go_on(void **state)
{
    uint32_t gref = granted(false);
    uint32_t writer = back_maps(gref, false);
    struct wrg_grant_entry entry = entry_of(gref);

    entry.flags |= GTF_readonly;
    poke(gref, entry);
    uint32_t second = back_maps(gref, false);
    uint32_t reader = back_maps(gref, true);
    unmap_page(t.back, writer);
    unmap_page(t.back, second);
    /* The first write pin asks again. */
    assert_int_equal(map_status(gref, false), GNTST_general_error);
    (void)reader;
}

/* ---- unmap ---- */

static void unmap_twice__gnt_001_and_pins_stay_right(void **state)
{
    uint32_t gref = granted(false);
    uint32_t a = back_maps(gref, false), b = back_maps(gref, false);

    unmap_page(t.back, a);
    forget_events();
    unmap_page(t.back, a);
    assert_int_equal(violation(), WRG_RULE_GNT_001);
    assert_int_equal(entry_of(gref).flags & IN_USE, IN_USE);
    unmap_page(t.back, b);
    assert_int_equal(end_grant(t.front, gref), 0);
}

static void unmap_of_handles_never_given__gnt_001(void **state)
{
    const uint32_t bad[] = { WRG_NO_PAGE, UINT32_MAX, page_of(t.back, 1), t.back->nframes,
                             (1u << WRG_VIEW_BITS) | t.back->nframes };

    for (size_t i = 0; i < WRG_ARRAY_LEN(bad); i++) {
        forget_events();
        unmap_page(t.back, bad[i]);
        assert_int_equal(violation(), WRG_RULE_GNT_001);
    }
}

static void mapping_slot_reused__old_handle_stays_dead(void **state)
{
    uint32_t gref = granted(false);
    uint32_t old = back_maps(gref, false);

    unmap_page(t.back, old);
    uint32_t fresh = back_maps(gref, false);
    assert_int_equal(fresh & WRG_VIEW_MASK, old & WRG_VIEW_MASK);
    assert_int_not_equal(fresh, old);
    assert_null(wrg_xen_view(t.back, old));
}

static void domain_dies__its_mappings_are_released(void **state)
{
    uint32_t grefs[2] = { granted(false), granted(true) };

    back_maps(grefs[0], false);
    back_maps(grefs[1], true);
    wrg_xen_kill_domain(&t.xen, WRG_DOM_BACK);
    assert_int_equal(end_grant(t.front, grefs[0]), 0);
    assert_int_equal(end_grant(t.front, grefs[1]), 0);
    assert_int_equal(t.back->mappings.taken, 0);
}

/* ---- windows ---- */

static void window__neighbouring_handles(void **state)
{
    struct wrg_gnttab_map_op ops[16];
    struct wrg_gnttab_map args = {
        .domid = WRG_DOM_FRONT, .contiguous = true, .count = 16, .ops = ops
    };
    uint32_t single = back_maps(granted(false), false);

    unmap_page(t.back, single); /* so that generations in the window differ */
    for (unsigned i = 0; i < 16; i++)
        ops[i].gref = granted(false);
    assert_int_equal(wrg_gnttab_map(&t.xen, t.back, &args), 0);
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(ops[i].status, GNTST_okay);
        assert_int_equal(ops[i].page, ops[0].page + i);
        assert_non_null(wrg_xen_view(t.back, ops[i].page));
    }
}

static void window_with_one_bad_entry__none_mapped(void **state)
{
    struct wrg_gnttab_map_op ops[4];
    struct wrg_gnttab_map args = { .domid = WRG_DOM_FRONT, .contiguous = true, .ops = ops };

    for (uint32_t bad = 0; bad < 4; bad++) {
        for (uint32_t i = 0; i < 4; i++)
            ops[i].gref = i == bad ? UINT32_MAX : granted(false);
        args.count = 4;
        forget_events();
        assert_int_equal(wrg_gnttab_map(&t.xen, t.back, &args), -EFAULT);
        assert_int_equal(count_events(WRG_EV_UNMAP), bad); /* those before it */
        assert_int_equal(ops[bad].status, GNTST_bad_gntref);
        assert_int_equal(t.back->mappings.taken, 0);
        assert_int_equal(t.front->gnttab.pinned, 0);
    }
    args.count = 0;
    assert_int_equal(wrg_gnttab_map(&t.xen, t.back, &args), -ENOSPC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        X(grant__entry_as_xen_reads_it),
        X(grant_of_page_not_owned__einval_and_nothing_taken),
        X(refs_used_up__enospc_and_none_of_the_batch),
        X(end_of_unused__revoked_and_ref_reused),
        X(end_while_mapped__still_in_use_and_unchanged),
        X(end_of_batch_partly_in_use__keeps_those_and_counts_them),
        X(end_of_ref_not_given__mem_001),
        X(grant_of_page_with_secret__event_tells),
        X(map__okay_and_same_bytes),
        X(map_from_unknown_domain__bad_domain),
        X(map_of_ref_beyond_the_table__bad_gntref),
        X(map_of_entry_that_permits_not__general_error),
        X(map_by_another_than_the_grantee__general_error),
        X(map_for_writing_of_readonly_entry__general_error),
        X(map_of_frame_not_owned__bad_page),
        X(maptrack_used_up__no_space),
        X(map_number_129_of_a_kind__general_error),
        X(fault_in_batch__that_entry_alone),
        X(in_use_bits__follow_the_kinds_of_mappings),
        X(entry_edited_while_pinned__recorded_frame_counts),
        X(readonly_set_while_pinned_for_writing__write_maps_go_on),
        X(unmap_twice__gnt_001_and_pins_stay_right),
        X(unmap_of_handles_never_given__gnt_001),
        X(mapping_slot_reused__old_handle_stays_dead),
        X(domain_dies__its_mappings_are_released),
        X(window__neighbouring_handles),
        X(window_with_one_bad_entry__none_mapped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
