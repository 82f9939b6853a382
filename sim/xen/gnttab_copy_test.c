/* SPDX-License-Identifier: MIT */
/* GNTTABOP_copy: every status of it (GNTST_* in xen/grant_table.h). */
#include "xen/test_xen.h"

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

#define IN_USE (GTF_reading | GTF_writing)

static int16_t copy(struct wrg_gnttab_copy_op op)
{
    struct wrg_gnttab_copy args = { .domid = WRG_DOM_FRONT, .count = 1, .ops = &op };

    op.status = 77;
    uint32_t pinned = t.front->gnttab.pinned;
    assert_int_equal(wrg_gnttab_copy(&t.xen, t.back, &args), 0);
    assert_int_equal(t.front->gnttab.pinned, pinned); /* pinned for the duration only */
    return op.status;
}

static void copy__both_ways(void **state)
{
    uint32_t theirs = page_of(t.front, 1), ours = page_of(t.back, 1);
    uint32_t gref = grant_page(t.front, WRG_DOM_BACK, theirs, false);

    memset(bytes_of(t.front, theirs), 5, 512);
    assert_int_equal(copy((struct wrg_gnttab_copy_op){ .source_is_gref = true,
                                                       .source = gref,
                                                       .dest = ours,
                                                       .source_off = 256,
                                                       .dest_off = 4000,
                                                       .len = 96 }),
                     GNTST_okay);
    assert_int_equal(bytes_of(t.back, ours)[3999], 0);
    assert_int_equal(bytes_of(t.back, ours)[4000], 5);
    assert_int_equal(bytes_of(t.back, ours)[4095], 5);
    bytes_of(t.back, ours)[0] = 9;
    assert_int_equal(copy((struct wrg_gnttab_copy_op){
                         .dest_is_gref = true, .dest = gref, .source = ours, .len = 1 }),
                     GNTST_okay);
    assert_int_equal(bytes_of(t.front, theirs)[0], 9);
    assert_int_equal(entry_of(gref).flags & IN_USE, 0);
}

static void copy__every_status(void **state)
{
    uint32_t ours = page_of(t.back, 1);
    uint32_t rw = granted(false), ro = granted(true);
    uint32_t foreign = grant_page(t.front, WRG_DOM_STRANGER, page_of(t.front, 1), false);
    uint32_t readonly_map = back_maps(granted(true), true);
    uint32_t dead = back_maps(granted(true), true);
    const struct {
        struct wrg_gnttab_copy_op op;
        int16_t status;
    } cases[] = {
        { { true, false, rw, ours, 0, 0, 4096, 0 }, GNTST_okay },
        { { true, false, ro, ours, 0, 0, 4096, 0 }, GNTST_okay },
        { { true, false, rw, ours, 4096, 0, 0, 0 }, GNTST_okay }, /* length 0 */
        { { true, false, rw, ours, 1, 0, 4096, 0 }, GNTST_bad_copy_arg },
        { { true, false, rw, ours, 0, 1, 4096, 0 }, GNTST_bad_copy_arg },
        { { true, false, rw, ours, 0xffff, 0, 0xffff, 0 }, GNTST_bad_copy_arg },
        { { false, true, ours, ro, 0, 0, 1, 0 }, GNTST_general_error },
        { { false, true, ours, rw, 0, 0, 1, 0 }, GNTST_okay },
        { { true, false, foreign, ours, 0, 0, 1, 0 }, GNTST_general_error },
        { { true, false, UINT32_MAX, ours, 0, 0, 1, 0 }, GNTST_bad_gntref },
        { { true, false, rw, readonly_map, 0, 0, 1, 0 }, GNTST_bad_page },
        { { true, false, rw, dead, 0, 0, 1, 0 }, GNTST_bad_page },
        { { true, true, ro, rw, 0, 0, 1, 0 }, GNTST_okay },
    };

    unmap_page(t.back, dead);
    for (size_t i = 0; i < WRG_ARRAY_LEN(cases); i++)
        assert_int_equal(copy(cases[i].op), cases[i].status);
}

static void copy_from_unknown_domain__bad_domain(void **state)
{
    struct wrg_gnttab_copy_op op = {
        .source_is_gref = true, .source = granted(false), .dest = page_of(t.back, 1), .len = 1
    };
    struct wrg_gnttab_copy args = { .domid = 77, .count = 1, .ops = &op };

    assert_int_equal(wrg_gnttab_copy(&t.xen, t.back, &args), 0);
    assert_int_equal(op.status, GNTST_bad_domain);
}

static void copy_while_mapped__fine_and_mapping_stays(void **state)
{
    uint32_t gref = granted(false), ours = page_of(t.back, 1);
    struct wrg_gnttab_copy_op op = {
        .source_is_gref = true, .source = gref, .dest = ours, .len = 8
    };
    struct wrg_gnttab_copy args = { .domid = WRG_DOM_FRONT, .count = 1, .ops = &op };

    uint32_t mapped = back_maps(gref, false);
    assert_int_equal(wrg_gnttab_copy(&t.xen, t.back, &args), 0);
    assert_int_equal(op.status, GNTST_okay);
    assert_int_equal(entry_of(gref).flags & IN_USE, IN_USE);
    assert_non_null(wrg_xen_view(t.back, mapped));
}

static void copy_with_pages_of_somebody_else__permission_denied(void **state)
{
    struct wrg_gnttab_copy_op op = {
        .source_is_gref = true, .source = granted(false), .dest = page_of(t.back, 1), .len = 1
    };
    struct wrg_gnttab_copy args = {
        .domid = WRG_DOM_FRONT, .count = 1, .ops = &op, .pages_domid = WRG_DOM_STRANGER
    };

    assert_int_equal(wrg_gnttab_copy(&t.xen, t.back, &args), 0);
    assert_int_equal(op.status, GNTST_permission_denied);
    assert_int_equal(t.front->gnttab.pinned, 0);
    args.pages_domid = DOMID_SELF;
    assert_int_equal(wrg_gnttab_copy(&t.xen, t.back, &args), 0);
    assert_int_equal(op.status, GNTST_okay);
}

static void copy_batch__entries_fail_one_by_one(void **state)
{
    uint32_t gref = granted(false), ours = page_of(t.back, 1);
    struct wrg_gnttab_copy_op ops[] = { { true, false, gref, ours, 0, 0, 8, 77 },
                                        { true, false, UINT32_MAX, ours, 0, 0, 8, 77 },
                                        { true, false, gref, ours, 4095, 0, 8, 77 },
                                        { true, false, gref, ours, 0, 0, 8, 77 } };
    struct wrg_gnttab_copy args = { .domid = WRG_DOM_FRONT, .count = 4, .ops = ops };
    static const int16_t want[] = { GNTST_okay, GNTST_bad_gntref, GNTST_bad_copy_arg, GNTST_okay };

    assert_int_equal(wrg_gnttab_copy(&t.xen, t.back, &args), 0);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(ops[i].status, want[i]);
}

/* Version 1 knows no parts of a page: for a copy, the flag means nothing. */
static void copy_of_version_1_with_sub_page_flag__whole_page(void **state)
{
    uint32_t gref = granted(false);
    struct wrg_grant_entry entry = entry_of(gref);

    entry.flags |= GTF_sub_page;
    wrg_gnttab_poke(&t.xen, t.front, gref, &entry);
    assert_int_equal(
        copy((struct wrg_gnttab_copy_op){
            .source_is_gref = true, .source = gref, .dest = page_of(t.back, 1), .len = 4096 }),
        GNTST_okay);
}

static uint64_t flags_of_last_copy(void)
{
    for (uint32_t i = t.nseen; i-- > 0;)
        if (t.seen[i].ev.kind == WRG_EV_COPY)
            return t.seen[i].ev.d;
    return UINT64_MAX;
}

/* Which side is a gref, and whether the other end sees bytes that nobody has written. */
static void copy_of_fresh_memory__the_event_tells(void **state)
{
    uint32_t fresh = wrg_xen_page_alloc(&t.xen, t.back, 1, WRG_FILL_SECRET);
    uint32_t gref = granted(false);
    struct wrg_gnttab_copy_op to = {
        .dest_is_gref = true, .dest = gref, .source = fresh, .len = 64
    };
    struct wrg_gnttab_copy_op from = { .source_is_gref = true, .source = gref, .dest = fresh };

    assert_int_equal(copy(to), GNTST_okay);
    assert_true(flags_of_last_copy() == (UINT64_C(1) << 40 | UINT64_C(1) << 48));
    memset(bytes_of(t.back, fresh), 7, 64);
    assert_int_equal(copy(to), GNTST_okay);
    assert_true(flags_of_last_copy() == UINT64_C(1) << 40);
    from.len = 64;
    assert_int_equal(copy(from), GNTST_okay);
    assert_true(flags_of_last_copy() == UINT64_C(1) << 32);
}

static void copy_fault__its_status(void **state)
{
    const struct wrg_fault_rule rule = {
        .site = WRG_FAULT_GNTTAB_COPY, .nth = 1, .count = 1, .status = GNTST_bad_copy_arg
    };

    assert_true(wrg_fault_add(&t.fault, &rule));
    wrg_fault_enable(&t.fault, true);
    assert_int_equal(copy((struct wrg_gnttab_copy_op){ .source_is_gref = true,
                                                       .source = granted(false),
                                                       .dest = page_of(t.back, 1),
                                                       .len = 1 }),
                     GNTST_bad_copy_arg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        X(copy__both_ways),
        X(copy__every_status),
        X(copy_from_unknown_domain__bad_domain),
        X(copy_while_mapped__fine_and_mapping_stays),
        X(copy_with_pages_of_somebody_else__permission_denied),
        X(copy_batch__entries_fail_one_by_one),
        X(copy_of_version_1_with_sub_page_flag__whole_page),
        X(copy_of_fresh_memory__the_event_tells),
        X(copy_fault__its_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
