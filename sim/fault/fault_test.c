/* SPDX-License-Identifier: MIT */
#include "fault/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct wrg_fault f;

static int setup(void **state)
{
    memset(&f, 0xff, sizeof(f)); /* begin must not rely on what was there, */
    f.several = true;            /* but on this: which rows were in use */
    wrg_fault_begin(&f);
    return 0;
}

#define F(fn) cmocka_unit_test_setup(fn, setup)

static void add(uint8_t site, uint32_t nth, uint16_t count, int32_t status)
{
    const struct wrg_fault_rule rule = {
        .site = site, .nth = nth, .count = count, .status = status, .fired = true
    };

    assert_true(wrg_fault_add(&f, &rule));
}

static int32_t ask(enum wrg_fault_site site)
{
    return wrg_fault_point(&f, site, WRG_ROLE_FRONT);
}

static void no_rule__never_armed(void **state)
{
    wrg_fault_enable(&f, true);
    assert_false(f.armed);
    for (int site = 0; site < WRG_COUNT_SITE; site++)
        assert_int_equal(ask((enum wrg_fault_site)site), 0);
    assert_int_equal(wrg_fault_all_calls(&f), WRG_COUNT_SITE);
}

static void nth_call_at_a_site__fails_alone(void **state)
{
    add(WRG_FAULT_ALLOC, 3, 1, -12);
    wrg_fault_enable(&f, true);
    assert_false(f.rules[0].fired); /* add clears it */
    for (unsigned i = 1; i <= 5; i++) {
        assert_int_equal(ask(WRG_FAULT_PAGE_ALLOC), 0); /* other sites do not count */
        assert_int_equal(ask(WRG_FAULT_ALLOC), i == 3 ? -12 : 0);
        assert_int_equal(f.rules[0].fired, i >= 3);
    }
}

static void count__so_many_calls_in_a_row(void **state)
{
    add(WRG_FAULT_GNTTAB_MAP, 2, 3, -9);
    wrg_fault_enable(&f, true);
    for (unsigned i = 1; i <= 7; i++)
        assert_int_equal(ask(WRG_FAULT_GNTTAB_MAP), i >= 2 && i < 5 ? -9 : 0);
}

static void several_rules__the_first_that_hits(void **state)
{
    add(WRG_FAULT_XS_READ, 1, 2, -2);
    add(WRG_FAULT_XS_READ, 2, 2, -13);
    add(WRG_FAULT_XS_WRITE, 1, 1, -28);
    wrg_fault_enable(&f, true);
    assert_int_equal(ask(WRG_FAULT_XS_READ), -2);
    assert_int_equal(ask(WRG_FAULT_XS_READ), -2);
    assert_int_equal(ask(WRG_FAULT_XS_READ), -13);
    assert_int_equal(ask(WRG_FAULT_XS_WRITE), -28);
}

static void rule_for_call_0__never_hits(void **state)
{
    add(WRG_FAULT_ALLOC, 0, 1, -12);
    wrg_fault_enable(&f, true);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(ask(WRG_FAULT_ALLOC), 0);
}

static void any_nth__counts_over_all_sites_and_gives_the_default(void **state)
{
    static const enum wrg_fault_site sites[] = { WRG_FAULT_ALLOC, WRG_FAULT_GNTTAB_MAP,
                                                 WRG_FAULT_XS_TRANSACTION_END,
                                                 WRG_FAULT_DISK_FLUSH };

    for (uint32_t nth = 1; nth <= 4; nth++) {
        wrg_fault_begin(&f);
        f.any_nth = nth;
        wrg_fault_enable(&f, true);
        for (uint32_t i = 1; i <= 4; i++)
            assert_int_equal(ask(sites[i - 1]),
                             i == nth ? wrg_fault_info(sites[i - 1])->statuses[0].status : 0);
        assert_int_equal(wrg_fault_all_calls(&f), 4);
        assert_int_equal(f.any_site, sites[nth - 1]);
    }
}

static void disarmed__nothing_fails_but_calls_count(void **state)
{
    add(WRG_FAULT_ALLOC, 2, 1, -12);
    wrg_fault_enable(&f, true);
    wrg_fault_enable(&f, false);
    assert_int_equal(ask(WRG_FAULT_ALLOC), 0);
    wrg_fault_enable(&f, true);
    assert_int_equal(ask(WRG_FAULT_ALLOC), -12);
    assert_int_equal(wrg_fault_calls(&f, WRG_FAULT_ALLOC, WRG_CASE_WHOSE_ANY), 2);
}

static void begin__forgets_rules_and_counts(void **state)
{
    add(WRG_FAULT_ALLOC, 1, 1, -12);
    wrg_fault_enable(&f, true);
    (void)ask(WRG_FAULT_ALLOC);
    wrg_fault_begin(&f);
    assert_false(f.armed);
    assert_int_equal(f.nrules, 0);
    assert_int_equal(wrg_fault_calls(&f, WRG_FAULT_ALLOC, WRG_CASE_WHOSE_ANY), 0);
}

static int32_t ask_of(uint8_t role, enum wrg_fault_site site)
{
    return wrg_fault_point(&f, site, role);
}

static void rule_of_a_side__counts_its_calls_only(void **state)
{
    struct wrg_fault_rule rule = {
        .site = WRG_FAULT_ALLOC, .side = WRG_CASE_WHOSE_BACK, .nth = 2, .count = 1, .status = -12
    };

    assert_true(wrg_fault_add(&f, &rule));
    wrg_fault_enable(&f, true);
    assert_int_equal(ask_of(WRG_ROLE_BACK, WRG_FAULT_ALLOC), 0);
    assert_int_equal(ask_of(WRG_ROLE_FRONT, WRG_FAULT_ALLOC), 0);
    assert_int_equal(ask_of(WRG_ROLE_BACK, WRG_FAULT_ALLOC), -12);
    assert_int_equal(ask_of(WRG_ROLE_BACK, WRG_FAULT_ALLOC), 0);
    assert_int_equal(wrg_fault_calls(&f, WRG_FAULT_ALLOC, WRG_CASE_WHOSE_FRONT), 1);
    assert_int_equal(wrg_fault_calls(&f, WRG_FAULT_ALLOC, WRG_CASE_WHOSE_ANY), 4);
}

/* Calls for one device neither count nor fail for another. */
static void rule_of_a_device__hits_its_calls_alone(void **state)
{
    struct wrg_fault_rule rule = {
        .site = WRG_FAULT_XS_OPEN, .device = 2, .nth = 2, .count = 1, .status = -12
    };

    assert_true(wrg_fault_add(&f, &rule));
    wrg_fault_enable(&f, true);
    assert_false(wrg_fault_concerns(&f, 0));
    assert_true(wrg_fault_concerns(&f, 2));
    for (unsigned device = 0; device < WRG_FAULT_DEVICES; device++)
        for (uint8_t role = WRG_ROLE_FRONT; role <= WRG_ROLE_BACK; role++) {
            uint8_t row = wrg_fault_row(device, role);
            int32_t want = device == 2 && role == WRG_ROLE_BACK ? -12 : 0;
            assert_int_equal(ask_of(row, WRG_FAULT_XS_OPEN), want);
            assert_int_equal(wrg_fault_nth(&f, WRG_FAULT_XS_OPEN, row), role + 1u);
        }
    assert_int_equal(wrg_fault_calls(&f, WRG_FAULT_XS_OPEN, WRG_CASE_WHOSE_ANY), 2);
    assert_int_equal(wrg_fault_hits(&f, WRG_FAULT_GROUP_STORE, 0), 0);
    assert_int_equal(wrg_fault_hits(&f, WRG_FAULT_GROUP_STORE, 2), 1);
}

/* What a run of several devices has counted is gone before the next. */
static void begin_after_several__all_rows_empty(void **state)
{
    f.several = true;
    (void)ask_of(wrg_fault_row(3, WRG_ROLE_BACK), WRG_FAULT_ALLOC);
    wrg_fault_begin(&f);
    f.several = true;
    assert_int_equal(wrg_fault_nth(&f, WRG_FAULT_ALLOC, wrg_fault_row(3, WRG_ROLE_BACK)), 0);
}

static void hits__counted_by_group(void **state)
{
    add(WRG_FAULT_XS_OPEN, 1, 1, -12);
    wrg_fault_enable(&f, true);
    assert_int_equal(ask(WRG_FAULT_ALLOC), 0);
    assert_int_equal(wrg_fault_hits(&f, WRG_FAULT_GROUP_STORE, 0), 0);
    assert_int_equal(ask(WRG_FAULT_XS_OPEN), -12);
    assert_int_equal(ask(WRG_FAULT_XS_OPEN), 0);
    assert_int_equal(wrg_fault_hits(&f, WRG_FAULT_GROUP_STORE, 0), 1);
    assert_int_equal(wrg_fault_hits(&f, WRG_FAULT_GROUP_KERNEL, 0), 0);
}

enum { CALLS = 20000 };

static void add_rate(uint8_t site, uint16_t per_1000, uint64_t seed)
{
    const struct wrg_fault_rate rate = {
        .site = site, .per_1000 = per_1000, .seed = seed, .fired = true
    };

    assert_true(wrg_fault_add_rate(&f, &rate));
    assert_false(f.rates[f.nrates - 1].fired);
    wrg_fault_enable(&f, true);
    f.connected = true;
}

/* How many of CALLS calls fail; each with a status of the site. */
static unsigned count_failures(enum wrg_fault_site site, uint32_t *seen)
{
    const struct wrg_fault_info *info = wrg_fault_info(site);
    unsigned failures = 0;

    *seen = 0;
    for (unsigned i = 0; i < CALLS; i++) {
        int32_t status = ask(site);

        assert_true(!status || wrg_fault_allows(site, status));
        failures += status != 0;
        for (unsigned k = 0; k < info->nstatuses; k++)
            *seen |= (uint32_t)(status == info->statuses[k].status) << k;
    }
    return failures;
}

static void rate__so_many_of_a_thousand_with_every_status(void **state)
{
    uint32_t seen;

    add_rate(WRG_CASE_SITES_ALL, 50, 7);
    assert_in_range(count_failures(WRG_FAULT_GNTTAB_MAP, &seen), CALLS / 25, CALLS / 16);
    assert_int_equal(seen, (1u << wrg_fault_info(WRG_FAULT_GNTTAB_MAP)->nstatuses) - 1);
    assert_true(f.rates[0].fired);
}

static void rate_of_a_site__others_go_on(void **state)
{
    uint32_t seen;

    add_rate(1 + WRG_FAULT_ALLOC, 1000, 7);
    assert_int_equal(count_failures(WRG_FAULT_PAGE_ALLOC, &seen), 0);
    assert_int_equal(count_failures(WRG_FAULT_ALLOC, &seen), CALLS);
}

static void rate_0__nothing_fails(void **state)
{
    uint32_t seen;

    add_rate(WRG_CASE_SITES_ALL, 0, 7);
    assert_int_equal(count_failures(WRG_FAULT_ALLOC, &seen), 0);
    assert_false(f.rates[0].fired);
}

/* Keyed: what happens at one site does not move what happens at another. */
static void rate__same_seed_same_calls_whatever_else_is_called(void **state)
{
    int32_t before[100];

    add_rate(WRG_CASE_SITES_ALL, 300, 9);
    for (unsigned i = 0; i < 100; i++)
        before[i] = ask(WRG_FAULT_XS_WRITE);
    wrg_fault_begin(&f);
    add_rate(WRG_CASE_SITES_ALL, 300, 9);
    for (unsigned i = 0; i < 100; i++) {
        (void)ask(WRG_FAULT_ALLOC);
        (void)ask_of(WRG_ROLE_BACK, WRG_FAULT_XS_WRITE);
        assert_int_equal(ask(WRG_FAULT_XS_WRITE), before[i]);
    }
}

static void rate_since_connected__not_before(void **state)
{
    add_rate(WRG_CASE_SITES_ALL, 1000, 7);
    f.connected = false;
    assert_int_equal(ask(WRG_FAULT_ALLOC), 0);
    f.rates[0].from_start = true;
    assert_int_equal(ask(WRG_FAULT_ALLOC), -12);
}

static void no_room_for_a_rule__refused(void **state)
{
    const struct wrg_fault_rule rule = { .site = WRG_FAULT_ALLOC, .nth = 1, .count = 1 };
    const struct wrg_fault_rate rate = { .per_1000 = 1 };

    for (unsigned i = 0; i < WRG_FAULT_RULES_MAX; i++)
        assert_true(wrg_fault_add(&f, &rule));
    assert_false(wrg_fault_add(&f, &rule));
    assert_int_equal(f.nrules, WRG_FAULT_RULES_MAX);
    for (unsigned i = 0; i < WRG_FAULT_RATES_MAX; i++)
        assert_true(wrg_fault_add_rate(&f, &rate));
    assert_false(wrg_fault_add_rate(&f, &rate));
}

static void batch_passes__counted_as_if_one_by_one(void **state)
{
    assert_true(wrg_fault_pass(&f, WRG_FAULT_GNTTAB_MAP, WRG_ROLE_BACK, 5));
    assert_int_equal(f.calls[WRG_ROLE_BACK][WRG_FAULT_GNTTAB_MAP], 5);
    assert_int_equal(wrg_fault_all_calls(&f), 5);
    add(WRG_FAULT_GNTTAB_MAP, 6, 1, -1);
    wrg_fault_enable(&f, true);
    assert_false(wrg_fault_pass(&f, WRG_FAULT_GNTTAB_MAP, WRG_ROLE_BACK, 5));
    assert_int_equal(f.calls[WRG_ROLE_BACK][WRG_FAULT_GNTTAB_MAP], 5);
    assert_int_equal(ask(WRG_FAULT_GNTTAB_MAP), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        F(no_rule__never_armed),
        F(nth_call_at_a_site__fails_alone),
        F(count__so_many_calls_in_a_row),
        F(several_rules__the_first_that_hits),
        F(rule_for_call_0__never_hits),
        F(any_nth__counts_over_all_sites_and_gives_the_default),
        F(disarmed__nothing_fails_but_calls_count),
        F(begin__forgets_rules_and_counts),
        F(rule_of_a_side__counts_its_calls_only),
        F(rule_of_a_device__hits_its_calls_alone),
        F(begin_after_several__all_rows_empty),
        F(hits__counted_by_group),
        F(rate__so_many_of_a_thousand_with_every_status),
        F(rate_of_a_site__others_go_on),
        F(rate_0__nothing_fails),
        F(rate__same_seed_same_calls_whatever_else_is_called),
        F(rate_since_connected__not_before),
        F(no_room_for_a_rule__refused),
        F(batch_passes__counted_as_if_one_by_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
