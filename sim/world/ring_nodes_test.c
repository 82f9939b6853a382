/* SPDX-License-Identifier: MIT */
/*
 * How large a ring does a frontend offer, and by which nodes; which ring does a backend find? Each
 * driver alone, its other end is domain 0's writes.
 */
#include "world/driver_fixture.h"

#define ERROR_NODE "/local/domain/2/error/backend/vbd/1/51712/error"

/* ---- the frontend ---- */

/* "-": there is no such node. */
static void limit(const char *path, const char *value)
{
    if (strcmp(value, "-") != 0)
        set(path, value);
}

static void expect_node(const char *path, const char *value, const char *which)
{
    if (strcmp(get(path), value) != 0)
        fail_msg("%s: %s is \"%s\", not \"%s\"", which, path, get(path), value);
}

static void largest_ring_told__smaller_limit_and_power_of_two(void **state)
{
    static const struct {
        const char *order, *pages; /* of the backend */
        const char *offered;       /* ring-page-order; "": one page */
    } rows[] = {
        { "-", "-", "" },   { "0", "-", "" },   { "1", "-", "1" }, { "3", "-", "3" },
        { "4", "-", "3" },  { "99", "-", "3" }, { "x", "-", "" },  { "-1", "-", "" },
        { "", "-", "" },    { "-", "0", "" },   { "-", "1", "" },  { "-", "2", "1" },
        { "-", "3", "1" },  { "-", "7", "2" },  { "-", "8", "3" }, { "-", "4294967295", "3" },
        { "-", "x", "" },   { "2", "16", "2" }, { "4", "2", "1" }, { "4", "5", "2" },
        { "x", "4", "2" },  { "2", "x", "2" },  { "4", "0", "" },  { "4294967297", "-", "1" },
        { "-", "9x", "3" },
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(rows); i++) {
        char which[64];
        if (i)
            assert_int_equal(setup(state), 0);
        snprintf(which, sizeof(which), "order %s, pages %s", rows[i].order, rows[i].pages);
        g.front->params.ring_order = 3;
        limit(BACK "/max-ring-page-order", rows[i].order);
        limit(BACK "/max-ring-pages", rows[i].pages);
        front_in("3");
        assert_string_equal(get(FRONT "/state"), "3");
        expect_node(FRONT "/ring-page-order", rows[i].offered, which);
        assert_int_equal(*get(FRONT "/ring-ref") != 0, *rows[i].offered == 0);
        assert_int_equal(*get(FRONT "/ring-ref0") != 0, *rows[i].offered != 0);
        if (i + 1 < WRG_ARRAY_LEN(rows))
            teardown_guests(state);
    }
}

static void spelling_of_a_ring__what_is_not_written_is_removed(void **state)
{
    static const struct {
        uint8_t spelling, order;
        const char *is_order, *is_pages;
    } rows[] = {
        { WRG_RING_NODES_ORDER, 2, "2", "" }, { WRG_RING_NODES_PAGES, 2, "", "4" },
        { WRG_RING_NODES_BOTH, 2, "2", "4" }, { WRG_RING_NODES_ORDER, 0, "", "" },
        { WRG_RING_NODES_PAGES, 0, "", "" },  { WRG_RING_NODES_BOTH, 0, "", "" },
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(rows); i++) {
        char which[64];
        if (i)
            assert_int_equal(setup(state), 0);
        snprintf(which, sizeof(which), "spelling %u, order %u", rows[i].spelling, rows[i].order);
        g.front->params.ring_order = rows[i].order;
        g.front->params.ring_nodes = rows[i].spelling;
        set(BACK "/max-ring-page-order", "4");
        set(FRONT "/ring-page-order", "3"); /* of an earlier connection */
        set(FRONT "/num-ring-pages", "8");
        front_in("3");
        expect_node(FRONT "/ring-page-order", rows[i].is_order, which);
        expect_node(FRONT "/num-ring-pages", rows[i].is_pages, which);
        assert_int_equal(*get(FRONT "/ring-ref3") != 0, rows[i].order == 2);
        if (i + 1 < WRG_ARRAY_LEN(rows))
            teardown_guests(state);
    }
}

/* ---- the backend ---- */

static void largest_ring__told_as_params_say(void **state)
{
    static const struct {
        uint8_t spelling;
        const char *order, *pages;
    } rows[] = {
        { WRG_RING_NODES_ORDER, "4", "" },
        { WRG_RING_NODES_PAGES, "", "16" },
        { WRG_RING_NODES_BOTH, "4", "16" },
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(rows); i++) {
        if (i)
            assert_int_equal(setup(state), 0);
        g.back->params.ring_nodes = rows[i].spelling;
        back_in("2");
        expect_node(BACK "/max-ring-page-order", rows[i].order, "order");
        expect_node(BACK "/max-ring-pages", rows[i].pages, "pages");
        if (i + 1 < WRG_ARRAY_LEN(rows))
            teardown_guests(state);
    }
}

/* Four pages, by ring-ref0 to ring-ref3. */
static void offer_pages(void)
{
    static const char *const names[] = { FRONT "/ring-ref0", FRONT "/ring-ref1", FRONT "/ring-ref2",
                                         FRONT "/ring-ref3" };
    uint32_t first = port_pages(g.front, 4);
    uint32_t grefs[4];

    offer_ring();
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t page = first + i;
        struct wrg_gnttab_grant grant = {
            .domid = WRG_DOM_BACK, .count = 1, .pages = &page, .grefs = &grefs[i]
        };
        assert_int_equal(wrg_port_gnttab_grant(g.front, &grant), 0);
        set_number(names[i], grefs[i]);
    }
}

static void both_sizes_of_a_ring__agree_or_are_refused(void **state)
{
    static const struct {
        const char *order, *pages, *error; /* "": it is served */
    } rows[] = {
        { "2", "-", "" },
        { "-", "4", "" },
        { "2", "4", "" },
        { "2", "x", "" },
        { "x", "4", "" },
        { "0", "1", "" },
        { "2", "2", "22 ring-page-order and num-ring-pages disagree" },
        { "0", "4", "22 ring-page-order and num-ring-pages disagree" },
        { "2", "0", "22 ring-page-order and num-ring-pages disagree" },
        { "5", "32", "22 ring-page-order is larger than what was offered" },
        { "-", "32", "22 num-ring-pages is larger than what was offered" },
        { "-", "6", "22 num-ring-pages is no power of two" },
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(rows); i++) {
        char which[64];
        if (i)
            assert_int_equal(setup(state), 0);
        snprintf(which, sizeof(which), "order %s, pages %s", rows[i].order, rows[i].pages);
        hotplug();
        offer_pages();
        limit(FRONT "/ring-page-order", rows[i].order);
        limit(FRONT "/num-ring-pages", rows[i].pages);
        start(&wrg_back_endpoint, g.back);
        front_says("3");
        expect_node(BACK "/state", *rows[i].error ? "5" : "4", which);
        expect_node(ERROR_NODE, rows[i].error, which);
        if (i + 1 < WRG_ARRAY_LEN(rows))
            teardown_guests(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(largest_ring_told__smaller_limit_and_power_of_two),
        T(spelling_of_a_ring__what_is_not_written_is_removed),
        T(largest_ring__told_as_params_say),
        T(both_sizes_of_a_ring__agree_or_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
