/* SPDX-License-Identifier: MIT */
/* The grant table itself: how it grows, which version it has, what may be asked of it. */
#include "xen/test_xen.h"

/* Grants `count` refs of one page; how many there were, and the last of them. */
static uint32_t grant_many(struct wrg_domain *dom, uint32_t count, uint32_t *last)
{
    uint32_t page = page_of(dom, 1);

    for (uint32_t i = 0; i < count; i++) {
        uint32_t gref = WRG_NO_GREF;
        struct wrg_gnttab_grant args = {
            .domid = WRG_DOM_BACK, .count = 1, .pages = &page, .grefs = &gref
        };
        if (wrg_gnttab_grant(&t.xen, dom, &args))
            return i;
        *last = gref;
    }
    return count;
}

static void set_version(uint32_t version)
{
    assert_int_equal(wrg_gnttab_set_version(&t.xen, t.front, version), 0);
}

static struct wrg_gnttab_query query(uint16_t domid)
{
    struct wrg_gnttab_query args = { .domid = domid, .status = 77 };

    wrg_gnttab_query(&t.xen, &args);
    return args;
}

/* ---- growth ---- */

static void fresh_table__one_frame(void **state)
{
    struct wrg_gnttab_query q = query(WRG_DOM_FRONT);

    assert_int_equal(q.status, GNTST_okay);
    assert_int_equal(q.version, 1);
    assert_int_equal(q.frames, 1);
    assert_int_equal(q.max_frames, 64);
    assert_int_equal(map_gref(t.back, WRG_DOM_FRONT, 512, true).status, GNTST_bad_gntref);
    assert_int_equal(map_gref(t.back, WRG_DOM_FRONT, 511, true).status, GNTST_general_error);
}

static void more_grants_than_a_frame_holds__table_grows(void **state)
{
    uint32_t last = 0, taken = t.front->own.taken;

    assert_int_equal(grant_many(t.front, 512, &last), 512);
    assert_int_equal(last, WRG_GNTTAB_RESERVED + 511);
    assert_int_equal(query(WRG_DOM_FRONT).frames, 2);
    assert_int_equal(map_gref(t.back, WRG_DOM_FRONT, last, true).status, GNTST_okay);
    assert_int_equal(t.front->own.taken, taken + 1); /* the page granted, no page for the table */
}

static void batch_over_the_end_of_the_table__one_run_of_refs(void **state)
{
    uint32_t pages[1200], grefs[1200];
    struct wrg_gnttab_grant args = {
        .domid = WRG_DOM_BACK, .count = 1200, .pages = pages, .grefs = grefs
    };

    pages[0] = page_of(t.front, 1);
    for (uint32_t i = 1; i < 1200; i++)
        pages[i] = pages[0];
    assert_int_equal(wrg_gnttab_grant(&t.xen, t.front, &args), 0);
    for (uint32_t i = 0; i < 1200; i++)
        assert_int_equal(grefs[i], WRG_GNTTAB_RESERVED + i);
    assert_int_equal(query(WRG_DOM_FRONT).frames, 3);
}

static void max_frames_are_full__enospc(void **state)
{
    uint32_t last = 0;

    t.trace.on = false; /* 32768 grants are too many to keep */
    assert_int_equal(grant_many(t.front, 40000, &last), 64 * 512 - WRG_GNTTAB_RESERVED);
    assert_int_equal(last, 64 * 512 - 1);
    assert_int_equal(query(WRG_DOM_FRONT).frames, 64);
    assert_false(wrg_gnttab_grow(&t.xen, t.front));
}

static void table_of_version_2__half_as_many_refs_a_frame(void **state)
{
    uint32_t last = 0;

    set_version(2);
    t.trace.on = false;
    assert_int_equal(map_gref(t.back, WRG_DOM_FRONT, 256, true).status, GNTST_bad_gntref);
    assert_int_equal(grant_many(t.front, 40000, &last), 64 * 256 - WRG_GNTTAB_RESERVED);
    assert_int_equal(last, 64 * 256 - 1);
    assert_int_equal(map_gref(t.back, WRG_DOM_FRONT, last, true).status, GNTST_okay);
    assert_true(wrg_gnttab_status(&t.xen, t.front, last) & GTF_reading);
}

static void query_of_unknown_domain__bad_domain(void **state)
{
    assert_int_equal(query(77).status, GNTST_bad_domain);
}

/* ---- version ---- */

static void set_version_to_none_there_is__einval(void **state)
{
    assert_int_equal(wrg_gnttab_set_version(&t.xen, t.front, 0), -EINVAL);
    assert_int_equal(wrg_gnttab_set_version(&t.xen, t.front, 3), -EINVAL);
    assert_int_equal(query(WRG_DOM_FRONT).version, 1);
}

static void set_version_while_mapped__ebusy_and_nothing_changed(void **state)
{
    uint32_t gref = grant_page(t.front, WRG_DOM_BACK, page_of(t.front, 1), false);
    uint32_t mapped = back_maps(gref, true);
    struct wrg_grant_entry entry;

    assert_int_equal(wrg_gnttab_set_version(&t.xen, t.front, 2), -EBUSY);
    assert_int_equal(query(WRG_DOM_FRONT).version, 1);
    assert_true(wrg_gnttab_peek(&t.xen, t.front, gref, &entry));
    assert_int_equal(entry.flags, GTF_permit_access | GTF_reading);
    assert_int_equal(wrg_gnttab_set_version(&t.xen, t.front, 1), 0); /* the one it has: fine */
    unmap_page(t.back, mapped);
    assert_int_equal(wrg_gnttab_set_version(&t.xen, t.front, 2), 0);
    assert_int_equal(query(WRG_DOM_FRONT).version, 2);
}

static void set_version_while_a_reserved_ref_is_mapped__ok_only_for_plain_grants(void **state)
{
    const uint32_t frame = frame_of(t.front, page_of(t.front, 1));
    const struct wrg_grant_entry plain = { GTF_permit_access, WRG_DOM_BACK, frame };
    const struct wrg_grant_entry transfer = { GTF_accept_transfer, WRG_DOM_BACK, frame };

    wrg_gnttab_poke(&t.xen, t.front, 1, &plain);
    wrg_gnttab_poke(&t.xen, t.front, 2, &transfer);
    assert_int_equal(wrg_gnttab_set_version(&t.xen, t.front, 2), -EINVAL);
    wrg_gnttab_poke(&t.xen, t.front, 2, &plain);
    uint32_t mapped = back_maps(1, true); /* in use: it cannot be taken over */
    assert_int_equal(wrg_gnttab_set_version(&t.xen, t.front, 2), -EINVAL);
    unmap_page(t.back, mapped);
    assert_int_equal(wrg_gnttab_set_version(&t.xen, t.front, 2), 0);
}

static void set_version__reserved_refs_stay_the_others_go(void **state)
{
    uint32_t page = page_of(t.front, 1);
    const struct wrg_grant_entry console = { GTF_permit_access, WRG_DOM_BACK,
                                             frame_of(t.front, page) };
    uint32_t gref = grant_page(t.front, WRG_DOM_BACK, page, false);

    wrg_gnttab_poke(&t.xen, t.front, 0, &console);
    for (uint32_t version = 2; version >= 1; version--) {
        set_version(version);
        assert_int_equal(map_gref(t.back, WRG_DOM_FRONT, gref, true).status, GNTST_general_error);
        unmap_page(t.back, back_maps(0, true));
        assert_int_equal(t.front->gnttab.given, 0);
        assert_int_equal(t.xen.memory.frames[console.frame].granted, 0);
        assert_int_equal(grant_page(t.front, WRG_DOM_BACK, page, false), gref);
    }
}

/* ---- status frames ---- */

static void status_frames__as_many_as_the_table_needs(void **state)
{
    uint32_t frames[8] = { 0 }, last = 0;
    struct wrg_gnttab_status_frames args = { .domid = WRG_DOM_FRONT, .count = 1, .frames = frames };

    wrg_gnttab_status_frames(&t.xen, &args);
    assert_int_equal(args.status, GNTST_general_error); /* version 1 has none */
    set_version(2);
    wrg_gnttab_status_frames(&t.xen, &args);
    assert_int_equal(args.status, GNTST_okay);
    args.count = 2;
    wrg_gnttab_status_frames(&t.xen, &args);
    assert_int_equal(args.status, GNTST_general_error);
    t.trace.on = false;
    assert_int_equal(grant_many(t.front, 2048, &last), 2048); /* ref 2055: in the second */
    wrg_gnttab_status_frames(&t.xen, &args);
    assert_int_equal(args.status, GNTST_okay);
    assert_int_equal(frames[1], frames[0] + 1);
    back_maps(last, false);
    const uint16_t *words = (const uint16_t *)(void *)wrg_memory_at(&t.xen.memory, frames[1]);
    assert_int_equal(words[last - 2048], GTF_reading | GTF_writing);
}

static void status_frames_of_unknown_domain__bad_domain(void **state)
{
    struct wrg_gnttab_status_frames args = { .domid = 99 };

    wrg_gnttab_status_frames(&t.xen, &args);
    assert_int_equal(args.status, GNTST_bad_domain);
}

/* ---- snapshot ---- */

static void restore__version_and_size_at_save(void **state)
{
    uint32_t last = 0;

    set_version(2);
    uint32_t gref = grant_page(t.front, WRG_DOM_BACK, page_of(t.front, 1), false);
    struct wrg_xen_saved *saved = wrg_xen_save(&t.xen);
    assert_non_null(saved);
    uint32_t mapped = back_maps(gref, false);
    assert_int_equal(grant_many(t.front, 600, &last), 600);
    unmap_page(t.back, mapped);
    set_version(1);
    wrg_xen_restore(&t.xen, saved);
    assert_int_equal(query(WRG_DOM_FRONT).version, 2);
    assert_int_equal(query(WRG_DOM_FRONT).frames, 1);
    assert_int_equal(wrg_gnttab_status(&t.xen, t.front, gref), 0);
    assert_int_equal(t.front->gnttab.given, 1);
    back_maps(gref, false);
    wrg_xen_reset(&t.xen);
    assert_int_equal(query(WRG_DOM_FRONT).version, 1);
    wrg_xen_saved_free(saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        X(fresh_table__one_frame),
        X(more_grants_than_a_frame_holds__table_grows),
        X(batch_over_the_end_of_the_table__one_run_of_refs),
        X(max_frames_are_full__enospc),
        X(table_of_version_2__half_as_many_refs_a_frame),
        X(query_of_unknown_domain__bad_domain),
        X(set_version_to_none_there_is__einval),
        X(set_version_while_mapped__ebusy_and_nothing_changed),
        X(set_version_while_a_reserved_ref_is_mapped__ok_only_for_plain_grants),
        X(set_version__reserved_refs_stay_the_others_go),
        X(status_frames__as_many_as_the_table_needs),
        X(status_frames_of_unknown_domain__bad_domain),
        X(restore__version_and_size_at_save),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
