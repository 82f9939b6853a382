/* SPDX-License-Identifier: MIT */
/* Does each index and slot rule of the ring fire, and only it? */
#include "oracle/test_events.h"

static struct wrg_blkif_request read_1(void)
{
    return rw(WRG_BLKIF_OP_READ, 7, 8, 1);
}

/* ---- RING-001 ---- */

static void index_too_far_ahead_followed__fires(struct bench *t)
{
    struct wrg_blkif_request request = read_1();

    connect_ring(t);
    store_index(t, FRONT, 33);
    load_index(t, BACK, 33);
    QUIETLY(t);
    fetch(t, 0, &request);
}

static void index_a_full_ring_ahead_followed__clean(struct bench *t)
{
    struct wrg_blkif_request request = read_1();

    connect_ring(t);
    store_index(t, FRONT, 32);
    load_index(t, BACK, 32);
    for (uint32_t i = 0; i < 32; i++)
        fetch(t, i, &request);
}

static void slot_beyond_what_was_loaded_fetched__fires(struct bench *t)
{
    struct wrg_blkif_request request = read_1();

    connect_ring(t);
    ask(t, 0, &request);
    QUIETLY(t);
    fetch(t, 1, &request);
}

static void slot_published_after_the_load_fetched__clean(struct bench *t)
{
    struct wrg_blkif_request request = read_1();

    connect_ring(t);
    ask(t, 0, &request);
    store_index(t, FRONT, 2);
    fetch(t, 1, &request);
}

static void bogus_index_seen_and_mended_before_the_next_load__clean(struct bench *t)
{
    struct wrg_blkif_request request = read_1();

    connect_ring(t);
    load_index(t, BACK, 0x80000000);
    load_index(t, BACK, 1);
    fetch(t, 0, &request);
}

static void bogus_index_by_a_backend_not_judged__clean(struct bench *t)
{
    t->config.judged = 0;
    bench_begin(t);
    index_too_far_ahead_followed__fires(t);
}

static void index_wraps_at_2_32__clean(struct bench *t)
{
    struct wrg_blkif_request request = read_1();

    t->start = 0xfffffff0;
    connect_ring(t);
    store_index(t, FRONT, 0x10);
    load_index(t, BACK, 0x10);
    for (uint32_t i = 0; i < 32; i++)
        fetch(t, t->start + i, &request);
}

static void index_wraps_one_too_far__fires(struct bench *t)
{
    struct wrg_blkif_request request = read_1();

    t->start = 0xfffffff0;
    connect_ring(t);
    store_index(t, FRONT, 0x11);
    load_index(t, BACK, 0x11);
    fetch(t, t->start, &request);
}

static void backend_not_attached__clean(struct bench *t)
{
    struct wrg_blkif_request request = read_1();

    t->entries = 32;
    declare(t, FRONT);
    store_index(t, FRONT, 33);
    load_index(t, BACK, 33);
    fetch(t, 0, &request);
}

/* ---- RING-007 ---- */

static void responses_moved_back__fires(struct bench *t)
{
    struct wrg_blkif_request request = rw(9, 7, 0, 0); /* unknown, so refused */

    connect_ring(t);
    ask(t, 0, &request);
    reply(t, 0, (struct answer){ .id = 7, .operation = 9, .status = WRG_BLKIF_RSP_EOPNOTSUPP });
    QUIETLY(t);
    store_index(t, BACK, 0);
}

static void responses_moved_too_far__fires(struct bench *t)
{
    connect_ring(t);
    store_index(t, BACK, 33);
}

static void requests_moved_back_by_a_judged_frontend__fires(struct bench *t)
{
    t->config.judged = WRG_JUDGE_FRONT;
    bench_begin(t);
    connect_ring(t);
    store_index(t, FRONT, 3);
    QUIETLY(t);
    store_index(t, FRONT, 2);
}

static void requests_moved_back_by_a_hostile_frontend__clean(struct bench *t)
{
    connect_ring(t);
    store_index(t, FRONT, 3);
    store_index(t, FRONT, 2);
}

static void requests_a_ring_at_once__clean(struct bench *t)
{
    t->config.judged = WRG_JUDGE_FRONT;
    bench_begin(t);
    connect_ring(t);
    store_index(t, FRONT, 32);
    store_index(t, FRONT, 32);
}

/* ---- RING-008 ---- */

static void fill_ring(struct bench *t)
{
    struct wrg_blkif_request request = read_1();

    t->config.judged = WRG_JUDGE_FRONT;
    bench_begin(t);
    connect_ring(t);
    for (uint32_t i = 0; i < 32; i++) {
        put(t, i, &request);
        store_index(t, FRONT, i + 1);
    }
    QUIETLY(t);
}

static void take(struct bench *t, uint32_t position)
{
    uint8_t bytes[16] = { 0 };

    load(t, slot_at(t, FRONT, position), bytes, sizeof(bytes));
}

static void slot_of_a_full_ring_reused__fires(struct bench *t)
{
    struct wrg_blkif_request request = read_1();

    fill_ring(t);
    put(t, 32, &request);
}

static void slot_reused_after_its_response_was_read__clean(struct bench *t)
{
    struct wrg_blkif_request request = read_1();

    fill_ring(t);
    reply(t, 0, (struct answer){ .id = 7 });
    load_index(t, FRONT, 1);
    take(t, 0);
    put(t, 32, &request);
}

static void slot_reused_two_beyond_what_was_read__fires(struct bench *t)
{
    struct wrg_blkif_request request = read_1();

    slot_reused_after_its_response_was_read__clean(t);
    store_index(t, FRONT, 33);
    QUIETLY(t);
    put(t, 33, &request);
}

static void slot_reused_while_responses_were_published_unseen__clean(struct bench *t)
{
    struct wrg_blkif_request request = read_1();

    fill_ring(t);
    store_index(t, BACK, 1); /* how it takes them is not seen: no evidence */
    put(t, 32, &request);
}

static const struct scenario scenarios[] = {
    PLAY(index_too_far_ahead_followed__fires, RING_001),
    PLAY(index_a_full_ring_ahead_followed__clean, CLEAN),
    PLAY(slot_beyond_what_was_loaded_fetched__fires, RING_001),
    PLAY(slot_published_after_the_load_fetched__clean, CLEAN),
    PLAY(bogus_index_seen_and_mended_before_the_next_load__clean, CLEAN),
    PLAY(bogus_index_by_a_backend_not_judged__clean, CLEAN),
    PLAY(index_wraps_at_2_32__clean, CLEAN),
    PLAY(index_wraps_one_too_far__fires, RING_001),
    PLAY(backend_not_attached__clean, CLEAN),
    PLAY(responses_moved_back__fires, RING_007),
    PLAY(responses_moved_too_far__fires, RING_007),
    PLAY(requests_moved_back_by_a_judged_frontend__fires, RING_007),
    PLAY(requests_moved_back_by_a_hostile_frontend__clean, CLEAN),
    PLAY(requests_a_ring_at_once__clean, CLEAN),
    PLAY(slot_of_a_full_ring_reused__fires, RING_008),
    PLAY(slot_reused_after_its_response_was_read__clean, CLEAN),
    PLAY(slot_reused_two_beyond_what_was_read__fires, RING_008),
    PLAY(slot_reused_while_responses_were_published_unseen__clean, CLEAN),
};

static void sequences__fire_their_rule_or_none(void **state)
{
    play_all(*state, scenarios, WRG_ARRAY_LEN(scenarios));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sequences__fire_their_rule_or_none, bench_open,
                                        bench_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
