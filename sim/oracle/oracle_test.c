/* SPDX-License-Identifier: MIT */
/* Does a run start from nothing, at a cost that does not depend on sizes, or from its snapshot? */
#include <stdlib.h>

#include "oracle/test_events.h"

enum { UNKNOWN_OP = 9, NOTSUPP = WRG_BLKIF_RSP_EOPNOTSUPP };

static void one_request(struct bench *t, uint32_t position)
{
    struct wrg_blkif_request request = rw(UNKNOWN_OP, 7, 0, 0);

    ask(t, position, &request);
    reply(t, position, (struct answer){ .id = 7, .operation = UNKNOWN_OP, .status = NOTSUPP });
}

static void begin(struct bench *t)
{
    bench_config(t);
    bench_begin(t);
}

static void run_after_a_run__starts_from_nothing(void **state)
{
    struct bench *t = *state;
    struct wrg_blkif_request request = rw(WRG_BLKIF_OP_READ, 7, 8, 1);

    for (uint32_t i = 0; i < 50; i++) {
        begin(t);
        connect_ring(t);
        ask(t, 0, &request);
        map(t, 20);
        change(t, BACK, "/local/domain/2/backend/vbd/1/51712/state", "6");
        begin(t);
        /* Neither the request nor the mapping nor the state is there any more. */
        change(t, BACK, "/local/domain/2/backend/vbd/1/51712/state", "4");
        connect_ring(t);
        one_request(t, 0);
        QUIETLY(t);
        reply(t, 1, (struct answer){ .id = 8 });
        assert_int_equal(t->trace.finding.rule, WRG_RULE_RING_002);
    }
}

static void run_after_a_run__is_subscribed_once(void **state)
{
    struct bench *t = *state;
    uint32_t before[WRG_NR_EVENTS];

    begin(t);
    for (unsigned kind = 0; kind < WRG_NR_EVENTS; kind++)
        before[kind] = wrg_trace_subscribers(&t->trace, kind);
    begin(t);
    for (unsigned kind = 0; kind < WRG_NR_EVENTS; kind++)
        assert_int_equal(wrg_trace_subscribers(&t->trace, kind), before[kind]);
    assert_true(before[WRG_EV_STORE] > 0);
}

/* A copy of all tables that are sized by a bound. */
struct tables {
    struct wrg_tap tap;
    struct wrg_tap_lane lanes[WRG_TAP_LANES];
    struct wrg_tap_request records[WRG_TAP_RECORDS];
    struct wrg_tap_gref grefs[WRG_TAP_GREFS];
    struct wrg_block blocks[2 * WRG_DATA_BLOCKS];
    struct wrg_data_io ios[WRG_DATA_IOS];
};

static void keep_tables(const struct bench *t, struct tables *tables)
{
    tables->tap = t->o->tap;
    memcpy(tables->lanes, t->o->tap.lanes, sizeof(tables->lanes));
    memcpy(tables->records, t->o->tap.records, sizeof(tables->records));
    memcpy(tables->grefs, t->o->tap.grefs, sizeof(tables->grefs));
    memcpy(tables->blocks, t->o->data.blocks, sizeof(tables->blocks));
    memcpy(tables->ios, t->o->data.ios, sizeof(tables->ios));
}

static void ten_thousand_begins__touch_no_table(void **state)
{
    struct bench *t = *state;
    struct tables *before = aligned_alloc(WRG_BLOCK_ALIGN, sizeof(*before));
    const struct wrg_tap *tap = &t->o->tap;

    assert_non_null(before);
    bench_config(t);
    t->config.honest_front = true;
    bench_begin(t);
    connect_ring(t);
    for (uint32_t i = 0; i < 40; i++)
        one_request(t, i);
    disk_data(t, 0, 8, 20, 5);
    keep_tables(t, before);
    for (uint32_t i = 0; i < 10000; i++)
        bench_begin(t);
    for (uint32_t i = 0; i < WRG_TAP_LANES; i++) {
        const struct wrg_tap_lane *lane = &tap->lanes[i];
        assert_memory_equal(lane->slots, before->lanes[i].slots, sizeof(lane->slots));
        assert_memory_equal(lane->responses, before->lanes[i].responses, sizeof(lane->responses));
        assert_memory_equal(lane->answered, before->lanes[i].answered, sizeof(lane->answered));
    }
    assert_memory_equal(tap->free, before->tap.free, sizeof(tap->free));
    assert_memory_equal(tap->active, before->tap.active, sizeof(tap->active));
    assert_memory_equal(tap->records, before->records, sizeof(before->records));
    assert_memory_equal(tap->grefs, before->grefs, sizeof(before->grefs));
    assert_memory_equal(t->o->data.blocks, before->blocks, sizeof(before->blocks));
    assert_memory_equal(t->o->data.ios, before->ios, sizeof(before->ios));
    free(before);
}

static void epoch_wraps__old_entries_stay_dead(void **state)
{
    struct bench *t = *state;
    struct wrg_blkif_request request = rw(WRG_BLKIF_OP_READ, 7, 8, 1);

    begin(t);
    connect_ring(t);
    ask(t, 0, &request);
    map(t, 20);
    t->o->tap.epoch = t->o->tap.lanes[0].epoch = UINT32_MAX; /* as after 2^32 rings */
    t->o->data.epoch = UINT32_MAX - 1;
    begin(t);
    connect_ring(t);
    one_request(t, 0);
    assert_null(wrg_tap_gref(&t->o->tap, 20));
    QUIETLY(t);
}

static void snapshot_of_a_connected_world__goes_on(void **state)
{
    struct bench *t = *state;
    struct wrg_oracles_saved saved;
    struct wrg_blkif_request flush = rw(WRG_BLKIF_OP_FLUSH_DISKCACHE, 7, 0, 0);

    begin(t);
    t->start = 5;
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/feature-flush-cache", "1");
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/state", "4");
    connect_ring(t);
    assert_true(wrg_oracles_save(t->o, &saved));
    assert_true(saved.valid && saved.len <= sizeof(saved.bytes));
    for (uint32_t i = 0; i < 3; i++) {
        begin(t);
        wrg_oracles_restore(t->o, &saved);
        one_request(t, 5);
        one_request(t, 6);
        QUIETLY(t);
        ask(t, 7, &flush); /* the offer and the ring are remembered */
        reply(t, 7, (struct answer){ .id = 7, .operation = flush.operation, .status = NOTSUPP });
        assert_int_equal(t->trace.finding.rule, WRG_RULE_RING_006);
        begin(t);
        wrg_oracles_restore(t->o, &saved);
        change(t, BACK, "/local/domain/2/backend/vbd/1/51712/state", "2");
        assert_int_equal(t->trace.finding.rule, WRG_RULE_XS_001);
    }
    t->start = 0;
}

static void run_without_the_snapshot__knows_no_ring(void **state)
{
    struct bench *t = *state;

    begin(t);
    connect_ring(t);
    begin(t);
    reply(t, 0, (struct answer){ .id = 8 });
    QUIETLY(t);
}

static void snapshot_with_work_in_flight__refused(void **state)
{
    struct bench *t = *state;
    struct wrg_oracles_saved saved;
    struct wrg_blkif_request request = rw(UNKNOWN_OP, 7, 0, 0);

    begin(t);
    connect_ring(t);
    ask(t, 0, &request);
    assert_false(wrg_oracles_save(t->o, &saved));
    assert_false(saved.valid);
    begin(t);
    emit(t, .kind = WRG_EV_DISK_SUBMIT, .role = BACK, .a = 1);
    assert_false(wrg_oracles_save(t->o, &saved));
    t->config.honest_front = true;
    bench_begin(t);
    emit(t, .kind = WRG_EV_BLK_SUBMIT, .role = FRONT, .a = 1, .c = 8, .d = 8);
    assert_false(wrg_oracles_save(t->o, &saved));
}

static void names__dense_and_distinct(void **state)
{
    unsigned n = 0;

    while (wrg_oracle_name(n))
        n++;
    assert_int_equal(n, 16);
    assert_null(wrg_oracle_name(n + 1));
    for (unsigned i = 1; i < n; i++)
        assert_string_not_equal(wrg_oracle_name(i - 1), wrg_oracle_name(i));
}

static void thread_engine__names_the_blind(void **state)
{
    struct bench *t = *state;

    begin(t);
    assert_int_equal(wrg_oracles_blind(t->o), 0);
    t->config.accesses = false;
    bench_begin(t);
    for (unsigned i = 0; wrg_oracle_name(i); i++) {
        bool sees = !(wrg_oracles_blind(t->o) >> i & 1);
        const char *name = wrg_oracle_name(i);
        bool expected = !strcmp(name, "data") || !strcmp(name, "liveness") ||
                        !strcmp(name, "ledger") || !strcmp(name, "states") ||
                        !strcmp(name, "log") || !strcmp(name, "store") || !strcmp(name, "device");
        if (sees != expected)
            fail_msg("%s", name);
    }
    assert_int_equal(wrg_trace_subscribers(&t->trace, WRG_EV_LOAD), 0);
    assert_int_equal(wrg_trace_subscribers(&t->trace, WRG_EV_STORE), 0);
    /* A map with no request in sight is not judged where no fetch is seen. */
    connect_ring(t);
    map(t, 20);
    disk_data(t, 0, 8, 20, 5);
    QUIETLY(t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(run_after_a_run__starts_from_nothing),   TEST(run_after_a_run__is_subscribed_once),
        TEST(ten_thousand_begins__touch_no_table),    TEST(epoch_wraps__old_entries_stay_dead),
        TEST(snapshot_of_a_connected_world__goes_on), TEST(run_without_the_snapshot__knows_no_ring),
        TEST(snapshot_with_work_in_flight__refused),  TEST(names__dense_and_distinct),
        TEST(thread_engine__names_the_blind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
