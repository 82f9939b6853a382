/* SPDX-License-Identifier: MIT */
/*
 * Nonsense in each node that a reference driver reads: it does without, or refuses the device and
 * says why in error/, and the next connection works.
 */
#include "world/driver_fixture.h"

#include <inttypes.h>

#define BACK_ERROR  "/local/domain/2/error/backend/vbd/1/51712/error"
#define FRONT_ERROR "/local/domain/1/error/device/vbd/51712/error"

/* error: how the line in error/ begins; empty: the device works. */
struct nonsense {
    const char *node, *value, *error;
};

/* Removes it where it does not belong. */
static void forget(const char *dir, const char *node)
{
    const struct wrg_xs_call call = dom0();
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", dir, node);
    (void)!wrg_xenstore_rm(t.xen.store, &call, path);
}

static void put(const char *dir, const struct nonsense *row)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", dir, row->node);
    set(path, row->value);
}

static void expect_answer(const struct nonsense *row, const char *state_path, const char *error)
{
    const char *state = get(state_path);
    bool refused = *row->error != '\0';

    if (strcmp(state, refused ? "5" : "4") != 0 && strcmp(state, refused ? "6" : "4") != 0)
        fail_msg("%s \"%s\": state %s", row->node, row->value, state);
    const char *text = get(error);
    if (strncmp(text, row->error, strlen(row->error)) != 0 || (!refused && *text))
        fail_msg("%s \"%s\": error \"%s\", not \"%s\"", row->node, row->value, text, row->error);
    if (refused && strlen(text) < strlen("22 a sentence"))
        fail_msg("%s \"%s\": \"%s\" is no sentence", row->node, row->value, text);
}

typedef void nonsense_fn(const struct nonsense *row);

static void each_row(void **state, const struct nonsense *rows, size_t count, nonsense_fn *fn)
{
    for (size_t i = 0; i < count; i++) {
        if (i)
            assert_int_equal(setup(state), 0);
        fn(&rows[i]);
        if (i + 1 < count)
            teardown_guests(state);
    }
}

/* ---- the frontend's nodes ---- */

static const struct nonsense of_the_frontend[] = {
    { "ring-ref", "", "34 a ring-ref is missing, or no number" },
    { "ring-ref", "x", "34 a ring-ref is missing, or no number" },
    { "ring-ref", "-1", "34 a ring-ref is missing, or no number" },
    { "ring-ref", "99999", "14 the pages of a ring cannot be mapped" },
    { "ring-ref", "4294967295", "14 the pages of a ring cannot be mapped" },
    { "event-channel", "", "34 event-channel is missing, or no number" },
    { "event-channel", "x", "34 event-channel is missing, or no number" },
    { "event-channel", "-1", "34 event-channel is missing, or no number" },
    { "event-channel", "0", "22 the port of an event-channel cannot be bound" },
    { "event-channel", "99999", "22 the port of an event-channel cannot be bound" },
    { "event-channel", "4294967295", "22 the port of an event-channel cannot be bound" },
    { "protocol", "arm-abi", "38 protocol is none that is spoken here" },
    { "protocol", "x86_64", "38 protocol is none that is spoken here" },
    { "protocol", "x86_64-abi ", "38 protocol is none that is spoken here" },
    { "protocol", "x86_32-abi", "" },
    { "ring-page-order", "0",
      "2 a ring-ref is missing, or no number" }, /* ring-ref0 is asked for */
    { "ring-page-order", "1x", "2 a ring-ref is missing, or no number" },
    { "ring-page-order", "5", "22 ring-page-order is larger than what was offered" },
    { "ring-page-order", "32", "22 ring-page-order is larger than what was offered" },
    { "ring-page-order", "4294967295", "22 ring-page-order is larger than what was offered" },
    { "ring-page-order", "", "" },
    { "ring-page-order", "x", "" },
    { "ring-page-order", "-1", "" },
    { "ring-ref0", "x", "" },
    { "num-ring-pages", "0", "22 " },
    { "num-ring-pages", "3", "22 " }, /* no power of two: not rounded */
    { "num-ring-pages", "17", "22 " },
    { "num-ring-pages", "32", "22 " },
    { "num-ring-pages", "4294967295", "22 " },
    { "num-ring-pages", "2", "2 a ring-ref is missing, or no number" }, /* ring-ref0 is asked for */
    { "num-ring-pages", "1", "" },
    { "num-ring-pages", "1x", "" },
    { "num-ring-pages", "4294967297", "" },
    { "num-ring-pages", "", "" },
    { "num-ring-pages", "x", "" },
    { "num-ring-pages", "-1", "" },
    { "feature-persistent", "x", "" },
    { "feature-persistent", "4294967296", "" },
    { "feature-large-sector-size", "1", "" },
    { "max-requests", "0", "" },
};

static void try_with_frontends(const struct nonsense *row)
{
    hotplug();
    offer_ring();
    start(&wrg_back_endpoint, g.back);
    put(FRONT, row);
    front_says("3");
    expect_answer(row, BACK "/state", BACK_ERROR);
    front_says("5");
    front_says("6");
    assert_string_equal(get(BACK "/state"), "6");
    forget(FRONT, row->node);
    offer_ring();
    front_says("1");
    assert_string_equal(get(BACK "/state"), "2");
    front_says("3");
    assert_string_equal(get(BACK "/state"), "4");
}

static void nodes_of_the_frontend__refused_or_done_without(void **state)
{
    each_row(state, of_the_frontend, WRG_ARRAY_LEN(of_the_frontend), try_with_frontends);
}

/* ---- the toolstack's nodes ---- */

static const struct nonsense of_the_toolstack[] = {
    { "physical-device", "", "34 reading the device of the hotplug script" },
    { "physical-device", "x", "34 reading the device of the hotplug script" },
    { "physical-device", ":", "34 reading the device of the hotplug script" },
    { "physical-device", "ca:", "34 reading the device of the hotplug script" },
    { "physical-device", "ca", "34 reading the device of the hotplug script" },
    { "physical-device", "-1:1", "34 reading the device of the hotplug script" },
    { "mode", "", "" },
    { "mode", "whatever", "" },
    { "mode", "01234567890123456789", "" },
    { "discard-enable", "x", "" },
    { "discard-enable", "-1", "" },
    { "params", "", "" },
    { "type", "", "" },
    { "hotplug-status", "", "" },
    { "removable", "x", "" },
};

static void try_with_toolstacks(const struct nonsense *row)
{
    hotplug();
    offer_ring();
    put(BACK, row);
    start(&wrg_back_endpoint, g.back);
    front_says("3");
    expect_answer(row, BACK "/state", BACK_ERROR);
    hotplug();
    front_says("6");
    front_says("1");
    assert_string_equal(get(BACK "/state"), "2");
    front_says("3");
    assert_string_equal(get(BACK "/state"), "4");
}

static void nodes_of_the_toolstack__refused_or_done_without(void **state)
{
    each_row(state, of_the_toolstack, WRG_ARRAY_LEN(of_the_toolstack), try_with_toolstacks);
}

/* What is no number is not 1: the device goes when its frontend has closed. */
static void online_nonsense__offline(void **state)
{
    static const char *const values[] = { "", "x", "-1", "0" };

    for (size_t i = 0; i < WRG_ARRAY_LEN(values); i++) {
        if (i)
            assert_int_equal(setup(state), 0);
        back_in("4");
        set(BACK "/online", values[i]);
        front_says("6");
        assert_string_equal(get(BACK "/state"), "6");
        front_says("1");
        assert_string_equal(get(BACK "/state"), "6");
        if (i + 1 < WRG_ARRAY_LEN(values))
            teardown_guests(state);
    }
}

/* ---- the backend's nodes ---- */

static const struct nonsense of_the_backend[] = {
    { "sectors", "", "22 " },
    { "sectors", "0", "22 " },
    { "sectors", "x", "22 " },
    { "sectors", "-1", "22 " },
    { "sectors", "1x", "" },
    { "sector-size", "0", "22 " },
    { "sector-size", "256", "22 sector-size is no power of two" },
    { "sector-size", "513", "22 sector-size is no power of two" },
    { "sector-size", "1536", "22 " },
    { "sector-size", "8192", "22 " },
    { "sector-size", "4294967808", "" }, /* cut to 32 bits */
    { "sector-size", "4096", "" },
    { "sector-size", "4294967295", "22 " },
    { "sector-size", "x", "" },
    { "sector-size", "", "" },
    { "physical-sector-size", "x", "" },
    { "physical-sector-size", "0", "" },
    { "info", "x", "" },
    { "info", "4294967295", "" },
    { "feature-max-indirect-segments", "x", "" },
    { "feature-max-indirect-segments", "4294967295", "" },
    { "feature-max-indirect-segments", "-1", "" },
    { "feature-flush-cache", "x", "" },
    { "feature-flush-cache", "7", "" },
    { "feature-barrier", "x", "" },
    { "feature-discard", "x", "" },
    { "feature-discard", "1", "" },
    { "feature-persistent", "x", "" },
    { "discard-granularity", "513", "" },
    { "discard-granularity", "4294967296", "" },
    { "discard-alignment", "4294967295", "" },
    { "discard-secure", "x", "" },
    { "max-ring-page-order", "x", "" },
    { "max-ring-page-order", "-1", "" },
    { "max-ring-page-order", "4294967295", "" },
    { "max-ring-pages", "3", "" },
    { "multi-queue-max-queues", "0", "" },
    { "multi-queue-max-queues", "x", "" },
};

static void try_with_backends(const struct nonsense *row)
{
    g.front->params.discard = true;
    g.front->params.ring_order = 2;
    offer_disk();
    put(BACK, row);
    start(&wrg_front_endpoint, g.front);
    back_says("2");
    assert_string_equal(get(FRONT "/state"), "3");
    back_says("4");
    expect_answer(row, FRONT "/state", FRONT_ERROR);
    back_says("5");
    back_says("6");
    assert_string_equal(get(FRONT "/state"), "6");
    assert_int_equal(g.gones, 1); /* also where it was never there */
    wrg_front_endpoint.stop(self);
    forget(BACK, row->node);
    set(FRONT "/state", "1");
    front_in("4");
    assert_string_equal(get(FRONT "/state"), "4");
}

static void nodes_of_the_backend__refused_or_done_without(void **state)
{
    each_row(state, of_the_backend, WRG_ARRAY_LEN(of_the_backend), try_with_backends);
}

/* ---- what the block layer is told ---- */

static uint64_t told_granularity(void)
{
    return g.ready.discard_granularity_bytes;
}

static uint64_t told_alignment(void)
{
    return g.ready.discard_alignment_bytes;
}

static uint64_t told_secure(void)
{
    return g.ready.discard_secure;
}

static uint64_t told_discard(void)
{
    return g.ready.discard;
}

static uint64_t told_flush(void)
{
    return g.ready.flush;
}

static uint64_t told_segments(void)
{
    return g.ready.max_segments;
}

static uint64_t told_sectors(void)
{
    return g.ready.sectors;
}

static uint64_t told_info(void)
{
    return g.ready.vdisk_info;
}

static const struct {
    const char *node, *value;
    uint64_t (*told)(void);
    uint64_t value_told;
} told[] = {
    { "discard-granularity", "4096", told_granularity, 4096 },
    { "discard-granularity", "0", told_granularity, 512 },
    { "discard-granularity", "513", told_granularity, 512 },
    { "discard-granularity", "x", told_granularity, 512 },
    { "discard-granularity", "4294967296", told_granularity, 512 },
    { "discard-alignment", "512", told_alignment, 512 },
    { "discard-alignment", "513", told_alignment, 0 },
    { "discard-alignment", "8192", told_alignment, 0 },
    { "discard-alignment", "x", told_alignment, 0 },
    { "discard-secure", "1", told_secure, 1 },
    { "discard-secure", "7", told_secure, 1 },
    { "discard-secure", "0", told_secure, 0 },
    { "discard-secure", "-1", told_secure, 0 },
    { "feature-discard", "0", told_discard, 0 },
    { "feature-discard", "2", told_discard, 1 },
    { "feature-discard", "", told_discard, 0 },
    { "feature-flush-cache", "1", told_flush, 1 },
    { "feature-flush-cache", "2", told_flush, 1 },
    { "feature-flush-cache", "0", told_flush, 0 },
    { "feature-flush-cache", "x", told_flush, 0 },
    { "feature-max-indirect-segments", "31", told_segments, 31 },
    { "feature-max-indirect-segments", "33", told_segments, 32 }, /* our own limit */
    { "feature-max-indirect-segments", "12", told_segments, 12 },
    { "feature-max-indirect-segments", "11", told_segments, 11 },
    { "feature-max-indirect-segments", "1", told_segments, 11 },
    { "feature-max-indirect-segments", "0", told_segments, 11 },
    { "feature-max-indirect-segments", "x", told_segments, 11 },
    { "feature-max-indirect-segments", "-1", told_segments, 11 },
    { "feature-max-indirect-segments", "4294967295", told_segments, 32 },
    { "feature-max-indirect-segments", "4294967296", told_segments, 11 },
    { "sectors", "4294967297", told_sectors, UINT64_C(4294967297) },
    { "sectors", "12x", told_sectors, 12 },
    { "info", "4", told_info, 4 },
    { "info", "x", told_info, 0 },
};

static void node_of_the_backend__block_layer_is_told_what_it_means(void **state)
{
    static const struct {
        const char *path, *value;
    } offered[] = {
        { BACK "/feature-discard", "1" },
        { BACK "/discard-granularity", "8192" },
        { BACK "/discard-alignment", "0" },
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(told); i++) {
        const struct nonsense row = { told[i].node, told[i].value, "" };
        if (i)
            assert_int_equal(setup(state), 0);
        g.front->params.discard = true;
        offer_disk();
        for (size_t n = 0; n < WRG_ARRAY_LEN(offered); n++)
            set(offered[n].path, offered[n].value);
        put(BACK, &row);
        start(&wrg_front_endpoint, g.front);
        back_says("2");
        back_says("4");
        assert_int_equal(g.readies, 1);
        if (told[i].told() != told[i].value_told)
            fail_msg("%s \"%s\": %" PRIu64 ", not %" PRIu64, told[i].node, told[i].value,
                     told[i].told(), told[i].value_told);
        if (i + 1 < WRG_ARRAY_LEN(told))
            teardown_guests(state);
    }
}

/* ---- the nodes that name the other end ---- */

static void other_end_named_wrongly__driver_does_not_start(void **state)
{
    static const struct {
        const char *path, *value;
        const struct wrg_endpoint *endpoint;
        bool front;
    } rows[] = {
        { FRONT "/backend", "", &wrg_front_endpoint, true },
        { FRONT "/backend", "/local/domain/9/none", &wrg_front_endpoint, true },
        { FRONT "/backend-id", "x", &wrg_front_endpoint, true },
        { BACK "/frontend", "", &wrg_back_endpoint, false },
        { BACK "/frontend-id", "x", &wrg_back_endpoint, false },
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(rows); i++) {
        struct wrg_port *port = rows[i].front ? g.front : g.back;
        if (i)
            assert_int_equal(setup(state), 0);
        port = rows[i].front ? g.front : g.back;
        set(rows[i].path, rows[i].value);
        if (rows[i].endpoint->start(port, &self) == 0)
            fail_msg("%s \"%s\": the driver starts", rows[i].path, rows[i].value);
        if (i + 1 < WRG_ARRAY_LEN(rows))
            teardown_guests(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nodes_of_the_frontend__refused_or_done_without),
        T(nodes_of_the_toolstack__refused_or_done_without),
        T(online_nonsense__offline),
        T(nodes_of_the_backend__refused_or_done_without),
        T(node_of_the_backend__block_layer_is_told_what_it_means),
        T(other_end_named_wrongly__driver_does_not_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
