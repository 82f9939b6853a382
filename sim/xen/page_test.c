/* SPDX-License-Identifier: MIT */
#include "xen/test_xen.h"

static void load(struct wrg_domain *dom, uint32_t page, uint32_t off, void *buf, uint32_t len)
{
    struct wrg_access access = {
        .page = page, .off = off, .len = len, .buf = buf, .site = WRG_SITE_USER
    };

    wrg_xen_access(&t.xen, dom, &access);
}

static void store(struct wrg_domain *dom, uint32_t page, uint32_t off, const void *buf,
                  uint32_t len)
{
    struct wrg_access access = { .page = page,
                                 .off = off,
                                 .len = len,
                                 .buf = (void *)(uintptr_t)buf,
                                 .write = true,
                                 .site = WRG_SITE_USER };

    wrg_xen_access(&t.xen, dom, &access);
}

/* ---- allocation ---- */

static void fresh_page__zero_or_secret_as_asked(void **state)
{
    uint32_t zero = wrg_xen_page_alloc(&t.xen, t.front, 1, WRG_FILL_ZERO);
    uint32_t other = wrg_xen_page_alloc(&t.xen, t.front, 1, WRG_FILL_SECRET);

    assert_false(wrg_memory_has_secret(bytes_of(t.front, zero), WRG_PAGE_SIZE));
    assert_true(wrg_memory_has_secret(bytes_of(t.front, other), 4));
    assert_true(wrg_memory_has_secret(bytes_of(t.front, other) + WRG_PAGE_SIZE - 4, 4));
}

static void freed_page__is_reused_first_under_another_handle(void **state)
{
    uint32_t page = page_of(t.front, 1);
    uint32_t frame = frame_of(t.front, page);

    wrg_xen_page_free(&t.xen, t.front, page, 1);
    assert_null(wrg_xen_view(t.front, page));
    uint32_t again = page_of(t.front, 1);
    assert_int_equal(frame_of(t.front, again), frame);
    assert_int_not_equal(again, page);
    assert_null(wrg_xen_view(t.front, page));
}

static void slot_reused_5000_times__handle_of_before_never_valid(void **state)
{
    uint32_t last = WRG_NO_PAGE;

    t.trace.on = false;
    for (unsigned i = 0; i < 5000; i++) { /* the generation wraps at 4096 */
        uint32_t page = page_of(t.front, 1);
        assert_int_not_equal(page, last);
        assert_true(page >> WRG_VIEW_BITS != 0);
        assert_null(wrg_xen_view(t.front, last));
        wrg_xen_page_free(&t.xen, t.front, page, 1);
        last = page;
    }
}

static void run_over_used_and_fresh_slots__handles_are_neighbours(void **state)
{
    uint32_t first = page_of(t.front, 3);

    wrg_xen_page_free(&t.xen, t.front, first, 1);
    uint32_t again = page_of(t.front, 1);
    wrg_xen_page_free(&t.xen, t.front, again, 1);
    wrg_xen_page_free(&t.xen, t.front, first + 1, 2);
    uint32_t run = page_of(t.front, 8);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(frame_of(t.front, run + i), frame_of(t.front, run) + i);
    assert_null(wrg_xen_view(t.front, first));
    assert_null(wrg_xen_view(t.front, again));
}

static void memory_used_up__no_page(void **state)
{
    assert_int_equal(wrg_xen_page_alloc(&t.xen, t.back, t.back->nframes + 1, WRG_FILL_ZERO),
                     WRG_NO_PAGE);
    assert_int_equal(wrg_xen_page_alloc(&t.xen, t.back, 0, WRG_FILL_ZERO), WRG_NO_PAGE);
    page_of(t.back, t.back->nframes);
    assert_int_equal(wrg_xen_page_alloc(&t.xen, t.back, 1, WRG_FILL_ZERO), WRG_NO_PAGE);
}

static void free_of_page_not_owned__gnt_008(void **state)
{
    uint32_t page = page_of(t.front, 1);

    wrg_xen_page_free(&t.xen, t.front, page, 1);
    forget_events();
    wrg_xen_page_free(&t.xen, t.front, page, 1); /* twice */
    assert_int_equal(violation(), WRG_RULE_GNT_008);
    forget_events();
    uint32_t mapped =
        back_maps(grant_page(t.front, WRG_DOM_BACK, page_of(t.front, 1), false), false);
    forget_events();
    wrg_xen_page_free(&t.xen, t.back, mapped, 1); /* a mapping is unmapped, not freed */
    assert_int_equal(violation(), WRG_RULE_GNT_008);
    assert_non_null(wrg_xen_view(t.back, mapped));
}

static void free_while_granted_and_mapped__event_tells(void **state)
{
    uint32_t page = page_of(t.front, 1);

    back_maps(grant_page(t.front, WRG_DOM_BACK, page, false), false);
    forget_events();
    wrg_xen_page_free(&t.xen, t.front, page, 1);
    assert_int_equal(nth_event(WRG_EV_PAGE_FREE, 0)->ev.c, UINT64_C(1) << 32 | 1);
}

/* ---- accesses ---- */

static void store_and_load__move_bytes_and_emit(void **state)
{
    uint32_t page = page_of(t.front, 1);
    const uint8_t in[5] = { 1, 2, 3, 4, 5 };
    uint8_t out[5] = { 0 };

    forget_events();
    store(t.front, page, 100, in, sizeof(in));
    load(t.front, page, 100, out, sizeof(out));
    assert_memory_equal(in, out, sizeof(in));
    const struct seen *stored = nth_event(WRG_EV_STORE, 0);
    const struct seen *loaded = nth_event(WRG_EV_LOAD, 0);
    assert_int_equal(stored->ev.a, frame_of(t.front, page));
    assert_int_equal(wrg_event_off(&stored->ev), 100);
    assert_int_equal(wrg_event_len(&stored->ev), 5);
    assert_int_equal(wrg_event_site(&stored->ev), WRG_SITE_USER);
    assert_int_equal(wrg_event_class(&stored->ev), WRG_SHARED_NONE);
    assert_int_equal(stored->len, 10); /* new bytes, then old ones */
    assert_memory_equal(stored->payload, in, 5);
    assert_int_equal(stored->payload[5], 0);
    assert_int_equal(loaded->ev.d, UINT64_C(0x0504030201));
    assert_int_equal(loaded->len, 5);
}

static void use_after_unmap__gnt_001_and_zeros(void **state)
{
    uint32_t mapped =
        back_maps(grant_page(t.front, WRG_DOM_BACK, page_of(t.front, 1), false), false);
    uint8_t buf[4] = { 9, 9, 9, 9 };

    unmap_page(t.back, mapped);
    forget_events();
    load(t.back, mapped, 8, buf, sizeof(buf));
    assert_int_equal(violation(), WRG_RULE_GNT_001);
    assert_int_equal(nth_event(WRG_EV_VIEW_FAULT, 0)->ev.a, mapped);
    assert_int_equal(nth_event(WRG_EV_VIEW_FAULT, 0)->ev.b, 8);
    assert_int_equal(buf[0] | buf[3], 0);
    assert_int_equal(count_events(WRG_EV_LOAD), 0);
    forget_events();
    store(t.back, mapped, 0, buf, sizeof(buf));
    assert_int_equal(violation(), WRG_RULE_GNT_001);
}

static void handle_that_never_was__gnt_001(void **state)
{
    static const uint32_t handles[] = { WRG_NO_PAGE, 1, UINT32_MAX, WRG_VIEW_MASK,
                                        1u << WRG_VIEW_BITS | WRG_VIEW_MASK };
    uint8_t buf[4];

    for (size_t i = 0; i < WRG_ARRAY_LEN(handles); i++) {
        forget_events();
        load(t.back, handles[i], 0, buf, sizeof(buf));
        assert_int_equal(violation(), WRG_RULE_GNT_001);
    }
}

static void store_through_readonly_mapping__gnt_002_and_dropped(void **state)
{
    uint32_t page = page_of(t.front, 1);
    uint32_t mapped = back_maps(grant_page(t.front, WRG_DOM_BACK, page, true), true);
    uint8_t buf[4] = { 1, 2, 3, 4 };

    forget_events();
    store(t.back, mapped, 0, buf, sizeof(buf));
    assert_int_equal(violation(), WRG_RULE_GNT_002);
    assert_int_equal(bytes_of(t.front, page)[0], 0);
    forget_events();
    load(t.back, mapped, 0, buf, sizeof(buf));
    assert_int_equal(violation(), WRG_RULE_CLEAN);
    assert_int_equal(buf[0], 0);
}

static void access_over_the_end__first_part_moves_then_gnt_008(void **state)
{
    uint32_t page = page_of(t.front, 2);
    uint8_t buf[16];

    wrg_xen_page_free(&t.xen, t.front, page + 1, 1);
    memset(buf, 0xaa, sizeof(buf));
    memset(bytes_of(t.front, page), 7, WRG_PAGE_SIZE);
    forget_events();
    load(t.front, page, WRG_PAGE_SIZE - 8, buf, sizeof(buf));
    assert_int_equal(violation(), WRG_RULE_GNT_008);
    assert_int_equal(buf[7], 7);
    assert_int_equal(buf[8] | buf[15], 0);
}

static void access_straddling_pages__two_events_one_copy(void **state)
{
    uint32_t page = page_of(t.front, 3);
    uint8_t in[112], out[112];

    for (uint32_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(i + 1);
    forget_events();
    store(t.front, page, 2 * WRG_PAGE_SIZE - 50, in, sizeof(in));
    load(t.front, page, 2 * WRG_PAGE_SIZE - 50, out, sizeof(out));
    assert_memory_equal(in, out, sizeof(in));
    assert_int_equal(count_events(WRG_EV_STORE), 2);
    assert_int_equal(count_events(WRG_EV_LOAD), 2);
    assert_int_equal(wrg_event_len(&nth_event(WRG_EV_LOAD, 0)->ev), 50);
    assert_int_equal(nth_event(WRG_EV_LOAD, 0)->ev.a, frame_of(t.front, page + 1));
    assert_int_equal(wrg_event_len(&nth_event(WRG_EV_LOAD, 1)->ev), 62);
    assert_int_equal(wrg_event_off(&nth_event(WRG_EV_LOAD, 1)->ev), 0);
    assert_int_equal(bytes_of(t.front, page + 2)[0], 51);
}

static void straddling_two_mappings__not_neighbours_in_memory(void **state)
{
    uint32_t a = page_of(t.front, 1), gap = page_of(t.front, 1), b = page_of(t.front, 1);
    struct wrg_gnttab_map_op ops[2] = { { .gref = grant_page(t.front, WRG_DOM_BACK, b, false) },
                                        { .gref = grant_page(t.front, WRG_DOM_BACK, a, false) } };
    struct wrg_gnttab_map map = {
        .domid = WRG_DOM_FRONT, .contiguous = true, .count = 2, .ops = ops
    };
    uint8_t out[8];

    (void)gap;
    assert_int_equal(wrg_gnttab_map(&t.xen, t.back, &map), 0);
    memset(bytes_of(t.front, b), 0xbb, WRG_PAGE_SIZE);
    memset(bytes_of(t.front, a), 0xaa, WRG_PAGE_SIZE);
    load(t.back, ops[0].page, WRG_PAGE_SIZE - 4, out, sizeof(out));
    assert_int_equal(out[3], 0xbb);
    assert_int_equal(out[4], 0xaa);
}

static void secret_stored_into_granted_page__flagged(void **state)
{
    uint32_t own = page_of(t.front, 1);
    uint32_t shared = page_of(t.front, 1);
    uint8_t secret[8];

    wrg_memory_fill_secret(secret, sizeof(secret));
    grant_page(t.front, WRG_DOM_BACK, shared, false);
    forget_events();
    store(t.front, own, 0, secret, sizeof(secret));
    store(t.front, shared, 0, secret, sizeof(secret));
    assert_int_equal(wrg_event_flag(&nth_event(WRG_EV_STORE, 0)->ev), 0);
    assert_int_equal(wrg_event_flag(&nth_event(WRG_EV_STORE, 1)->ev), 1);
}

static void secret_stored_before_the_grant__grant_tells(void **state)
{
    uint32_t page = page_of(t.front, 1);
    uint8_t secret[8];

    wrg_memory_fill_secret(secret, sizeof(secret));
    end_grant(t.front, grant_page(t.front, WRG_DOM_BACK, page, false)); /* found clean once */
    store(t.front, page, 512, secret, sizeof(secret));
    forget_events();
    grant_page(t.front, WRG_DOM_BACK, page, false);
    assert_int_equal(nth_event(WRG_EV_GRANT, 0)->ev.d, 1);
}

static void dma__bytes_or_violation(void **state)
{
    uint32_t page = page_of(t.back, 1);
    uint32_t readonly =
        back_maps(grant_page(t.front, WRG_DOM_BACK, page_of(t.front, 1), true), true);
    const struct {
        struct wrg_vec vec;
        bool write;
        enum wrg_rule rule;
    } cases[] = {
        { { page, 512, 3584 }, true, WRG_RULE_CLEAN },
        { { page, 512, 3585 }, true, WRG_RULE_GNT_008 },
        { { page, 0xffff, 0xffff }, false, WRG_RULE_GNT_008 },
        { { readonly, 0, 4096 }, false, WRG_RULE_CLEAN },
        { { readonly, 0, 4096 }, true, WRG_RULE_GNT_002 },
        { { page + 1, 0, 4096 }, false, WRG_RULE_GNT_001 },
        { { WRG_NO_PAGE, 0, 4096 }, false, WRG_RULE_GNT_001 },
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(cases); i++) {
        forget_events();
        const uint8_t *at = wrg_xen_dma(&t.xen, t.back, &cases[i].vec, cases[i].write);
        assert_int_equal(violation(), cases[i].rule);
        assert_int_equal(at == NULL, cases[i].rule != WRG_RULE_CLEAN);
        if (at)
            assert_ptr_equal(at, bytes_of(t.back, cases[i].vec.page) + cases[i].vec.off);
    }
}

#if WRG_HAS_ASAN
static void store_from_freed(void *page)
{
    char *gone = malloc(16);

    free(gone);
    store(t.front, (uint32_t)(uintptr_t)page, 0, gone, 16);
}

static void store_from_good(void *page)
{
    store(t.front, (uint32_t)(uintptr_t)page, 0, "0123456789abcdef", 16);
}

/* The page module checks the caller's buffer itself: it may be built without ASan. */
static void access_with_freed_buffer__asan_ends_the_process(void **state)
{
    void *page = (void *)(uintptr_t)page_of(t.front, 1);

    assert_true(dies_of_asan(store_from_freed, page));
    assert_false(dies_of_asan(store_from_good, page));
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        X(fresh_page__zero_or_secret_as_asked),
        X(freed_page__is_reused_first_under_another_handle),
        X(slot_reused_5000_times__handle_of_before_never_valid),
        X(run_over_used_and_fresh_slots__handles_are_neighbours),
        X(memory_used_up__no_page),
        X(free_of_page_not_owned__gnt_008),
        X(free_while_granted_and_mapped__event_tells),
        X(store_and_load__move_bytes_and_emit),
        X(use_after_unmap__gnt_001_and_zeros),
        X(handle_that_never_was__gnt_001),
        X(store_through_readonly_mapping__gnt_002_and_dropped),
        X(access_over_the_end__first_part_moves_then_gnt_008),
        X(access_straddling_pages__two_events_one_copy),
        X(straddling_two_mappings__not_neighbours_in_memory),
        X(secret_stored_into_granted_page__flagged),
        X(secret_stored_before_the_grant__grant_tells),
        X(dma__bytes_or_violation),
#if WRG_HAS_ASAN
        X(access_with_freed_buffer__asan_ends_the_process),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
