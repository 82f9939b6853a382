/* SPDX-License-Identifier: MIT */
/* Is each of several rings judged by what happened on it, and grefs by what all of them ask for? */
#include "oracle/test_events.h"

enum {
    READ = WRG_BLKIF_OP_READ,
    UNKNOWN_OP = 9,
    OKAY = WRG_BLKIF_RSP_OKAY,
    NOTSUPP = WRG_BLKIF_RSP_EOPNOTSUPP
};

static void ask_unknown(struct bench *t, uint8_t lane, uint32_t position, uint64_t id)
{
    struct wrg_blkif_request request = rw(UNKNOWN_OP, id, 0, 0);

    t->lane = lane;
    ask(t, position, &request);
}

static void refuse(struct bench *t, uint8_t lane, uint32_t position, uint64_t id)
{
    t->lane = lane;
    reply(t, position, (struct answer){ .id = id, .operation = UNKNOWN_OP, .status = NOTSUPP });
}

/* ---- ids ---- */

static void same_ids_on_both__clean(struct bench *t)
{
    connect_two_rings(t);
    for (uint32_t i = 0; i < 40; i++) {
        ask_unknown(t, 0, i, 7);
        ask_unknown(t, 1, i, 7);
        refuse(t, 0, i, 7);
        refuse(t, 1, i, 7);
    }
}

static void answered_on_the_other_ring__fires(struct bench *t)
{
    connect_two_rings(t);
    ask_unknown(t, 0, 0, 7);
    QUIETLY(t);
    refuse(t, 1, 0, 7);
}

static void answered_on_the_other_ring_where_another_waits__fires(struct bench *t)
{
    connect_two_rings(t);
    ask_unknown(t, 0, 0, 7);
    ask_unknown(t, 1, 0, 8);
    QUIETLY(t);
    refuse(t, 1, 0, 7);
}

static void answered_twice_while_the_id_waits_on_the_other__fires(struct bench *t)
{
    connect_two_rings(t);
    ask_unknown(t, 0, 0, 7);
    ask_unknown(t, 1, 0, 7);
    refuse(t, 1, 0, 7);
    QUIETLY(t);
    refuse(t, 1, 1, 7);
}

static void two_with_one_id_beside_that_id_on_the_other__told_apart(struct bench *t)
{
    connect_two_rings(t);
    ask_unknown(t, 0, 0, 7);
    ask_unknown(t, 1, 0, 7);
    ask_unknown(t, 1, 1, 7);
    refuse(t, 1, 0, 7);
    refuse(t, 1, 1, 7);
    QUIETLY(t);
    refuse(t, 0, 0, 7);
    QUIETLY(t);
    refuse(t, 0, 1, 7);
}

static void wrong_operation_on_the_second__fires(struct bench *t)
{
    connect_two_rings(t);
    ask_unknown(t, 1, 0, 7);
    reply(t, 0, (struct answer){ .id = 7, .operation = READ, .status = NOTSUPP });
}

static void wrong_status_on_the_second__fires(struct bench *t)
{
    connect_two_rings(t);
    ask_unknown(t, 1, 0, 7);
    reply(t, 0, (struct answer){ .id = 7, .operation = UNKNOWN_OP, .status = OKAY });
}

/* ---- indices ---- */

static void index_of_the_first_followed_on_the_second__fires(struct bench *t)
{
    struct wrg_blkif_request request = rw(READ, 7, 8, 1);

    connect_two_rings(t);
    store_index(t, FRONT, 1);
    load_index(t, BACK, 1);
    t->lane = 1;
    load_index(t, BACK, 0);
    fetch(t, 0, &request);
}

static void index_out_of_range_on_the_second__first_goes_on(struct bench *t)
{
    connect_two_rings(t);
    t->lane = 1;
    store_index(t, FRONT, 100);
    load_index(t, BACK, 100);
    ask_unknown(t, 0, 0, 7);
    refuse(t, 0, 0, 7);
}

static void index_out_of_range_on_the_second_followed__fires(struct bench *t)
{
    struct wrg_blkif_request request = rw(READ, 7, 8, 1);

    connect_two_rings(t);
    t->lane = 1;
    store_index(t, FRONT, 100);
    load_index(t, BACK, 100);
    QUIETLY(t);
    fetch(t, 0, &request);
}

static void own_index_leaps_on_the_second__fires(struct bench *t)
{
    connect_two_rings(t);
    t->lane = 1;
    store_index(t, BACK, 40);
}

static void put_32(struct bench *t, uint32_t from)
{
    struct wrg_blkif_request request = rw(READ, 7, 8, 1);

    for (uint32_t i = 0; i < 32; i++)
        put(t, from + i, &request);
    store_index(t, FRONT, from + 32);
}

static void full_rings_side_by_side__clean(struct bench *t)
{
    t->config.judged = WRG_JUDGE_FRONT;
    bench_begin(t);
    connect_two_rings(t);
    for (t->lane = 0; t->lane < LANES; t->lane++)
        put_32(t, 0);
}

static void slot_used_again_while_only_the_other_was_answered__fires(struct bench *t)
{
    struct wrg_blkif_request request = rw(READ, 7, 8, 1);
    uint8_t bytes[WRG_BLKIF_MAX_RESPONSE_BYTES] = { 0 };

    t->config.judged = WRG_JUDGE_FRONT;
    bench_begin(t);
    connect_two_rings(t);
    put_32(t, 0);
    load(t, slot_at(t, FRONT, 0), bytes, sizeof(bytes)); /* its response is taken */
    put(t, 32, &request);
    t->lane = 1;
    put_32(t, 0);
    QUIETLY(t);
    put(t, 32, &request);
}

/* ---- which ring ---- */

/* As through another mapping of its frames. */
static void access_that_tells_no_ring__known_by_its_frame(struct bench *t)
{
    uint32_t index = 40;

    connect_two_rings(t);
    store(
        t,
        (struct span){ .role = BACK, .frame = RING_FRAME + LANE_FRAMES, .off = WRG_WIRE_RSP_PROD },
        &index, sizeof(index));
}

static void more_rings_than_lanes__not_followed(struct bench *t)
{
    connect_ring(t);
    t->lane = 1;
    t->entries = 32;
    emit_bytes(t,
               (struct spec){ .kind = WRG_EV_RING_DECLARE,
                              .role = BACK,
                              .c = (uint64_t)t->abi | 1 << 8 | BACK << 16 | UINT64_C(255) << 24 },
               (uint32_t[]){ RING_FRAME + LANE_FRAMES }, sizeof(uint32_t));
    store_index(t, BACK, 40);
}

static void second_declared_later__first_keeps_what_is_in_flight(struct bench *t)
{
    connect_ring(t);
    ask_unknown(t, 0, 0, 7);
    t->lane = 1;
    connect_ring(t);
    refuse(t, 0, 0, 7);
    QUIETLY(t);
    refuse(t, 0, 1, 7); /* and what was answered */
}

static void second_declared_again__its_requests_are_gone(struct bench *t)
{
    connect_two_rings(t);
    ask_unknown(t, 0, 0, 7);
    ask_unknown(t, 1, 0, 8);
    connect_ring(t);
    refuse(t, 0, 0, 7);
    QUIETLY(t);
    refuse(t, 1, 0, 8);
}

static void second_given_up__first_is_judged(struct bench *t)
{
    connect_two_rings(t);
    emit(t, .kind = WRG_EV_RING_RETIRE, .role = BACK, .a = 1, .b = BACK, .c = 1);
    t->lane = 1;
    store_index(t, BACK, 40);
    QUIETLY(t);
    map(t, 20);
}

/* ---- grants, data, bytes ---- */

static void gref_named_on_either__clean(struct bench *t)
{
    struct wrg_blkif_request request = rw(READ, 7, 8, 2);

    connect_two_rings(t);
    ask(t, 0, &request);
    t->lane = 1;
    request.seg[0].gref = 30;
    request.seg[1].gref = 31;
    ask(t, 0, &request);
    map(t, 20);
    map(t, 31);
    map(t, 30);
    map(t, 21);
}

static void gref_named_on_neither__fires(struct bench *t)
{
    struct wrg_blkif_request request = rw(READ, 7, 8, 1);

    connect_two_rings(t);
    for (t->lane = 0; t->lane < LANES; t->lane++)
        ask(t, 0, &request);
    map(t, 20);
    QUIETLY(t);
    map(t, 33);
}

static void map_frame(struct bench *t, uint32_t gref, uint32_t frame)
{
    emit(t, .kind = WRG_EV_MAP, .role = BACK, .a = gref, .b = gref + 5000, .c = frame, .d = 1);
}

/* One ring after the other is mapped and attached to; a request may name the gref later. */
static void second_mapped_while_the_first_is_served__clean(struct bench *t)
{
    struct wrg_blkif_request request = rw(READ, 7, 8, 1);

    connect_ring(t);
    t->lane = 1;
    declare(t, FRONT);
    map_frame(t, 60, RING_FRAME + LANE_FRAMES);
    declare(t, BACK);
    request.seg[0].gref = 60;
    ask(t, 0, &request);
    map(t, 60);
    unmap(t, 60);
    reply(t, 0, (struct answer){ .id = 7, .operation = READ, .status = OKAY });
    QUIETLY(t);
}

static void ring_mapped_again_once_served__fires(struct bench *t)
{
    connect_two_rings(t);
    map_frame(t, 60, RING_FRAME + LANE_FRAMES);
}

static void one_id_not_seen_on_the_first__second_is_matched(struct bench *t)
{
    const uint8_t operation = READ;

    connect_two_rings(t);
    store_index(t, FRONT, 1);
    load_index(t, BACK, 1);
    load(t, slot_at(t, BACK, 0), &operation, 1);
    refuse(t, 1, 0, 7);
}

static void answered_on_the_second_while_mapped__fires(struct bench *t)
{
    struct wrg_blkif_request request = rw(READ, 7, 8, 1);

    connect_two_rings(t);
    t->lane = 1;
    ask(t, 0, &request);
    map(t, 20);
    QUIETLY(t);
    reply(t, 0, (struct answer){ .id = 7, .operation = READ, .status = OKAY });
}

/* The request of the first ring is the reason for the mapping that stays. */
static void answered_on_the_second_while_mapped_for_the_first__clean(struct bench *t)
{
    struct wrg_blkif_request request = rw(READ, 7, 8, 1);

    connect_two_rings(t);
    for (t->lane = 0; t->lane < LANES; t->lane++) {
        ask(t, 0, &request);
        map(t, 20);
    }
    unmap(t, 20);
    t->lane = 1;
    reply(t, 0, (struct answer){ .id = 7, .operation = READ, .status = OKAY });
}

/* Both are the first request of their ring. */
static void indirect_pages_of_both__told_apart(struct bench *t)
{
    struct wrg_blkif_request first = indirect(READ, 7, 8, 2);
    struct wrg_blkif_request second = indirect(READ, 7, 800, 3);

    second.indirect_grefs[0] = first.indirect_grefs[1];
    connect_two_rings(t);
    ask(t, 0, &first);
    t->lane = 1;
    ask(t, 0, &second);
    parse_page(t, 1, 3); /* grefs from 1512 on */
    map(t, 1514);
    disk_data(t, READ, 816, 1514, 5);
    t->lane = 0;
    parse_page(t, 0, 2);
    map(t, 1001);
    disk_data(t, READ, 16, 1001, 5);
    QUIETLY(t);
    disk_data(t, READ, 24, 1514, 5); /* the first has two segments only */
}

static void data_of_requests_in_turn__clean(struct bench *t)
{
    connect_two_rings(t);
    for (uint32_t i = 0; i < 4; i++) {
        struct wrg_blkif_request request = rw(READ, i, 8 * i, 1);
        t->lane = i % 2;
        request.seg[0].gref = 20 + i;
        ask(t, i / 2, &request);
        map(t, 20 + i);
    }
    for (uint32_t i = 0; i < 4; i++)
        disk_data(t, READ, 8 * i, 20 + i, 5);
}

static void slot_of_the_second_loaded_again__fires(struct bench *t)
{
    struct wrg_blkif_request request = rw(READ, 7, 8, 1);
    const uint8_t bytes[8] = { 0 };

    connect_two_rings(t);
    t->lane = 1;
    ask(t, 0, &request);
    struct span at = slot_at(t, BACK, 0);
    at.flag = true;
    at.request = 1;
    load(t, at, bytes, sizeof(bytes));
}

static void pad_of_a_response_on_the_second__fires(struct bench *t)
{
    uint8_t bytes[16] = { 0 };

    connect_two_rings(t);
    t->lane = 1;
    bytes[9] = 0x5a;
    store(t, slot_at(t, BACK, 0), bytes, sizeof(bytes));
}

/* ---- liveness ---- */

static void quiet(struct bench *t)
{
    emit(t, .kind = WRG_EV_PHASE, .role = WRG_ROLE_SCRIPT, .a = WRG_PHASE_QUIET);
}

static void request_of_the_second_never_answered__fires(struct bench *t)
{
    connect_two_rings(t);
    ask_unknown(t, 0, 0, 7);
    ask_unknown(t, 1, 0, 7);
    refuse(t, 0, 0, 7);
    QUIETLY(t);
    quiet(t);
}

static void both_answered__clean(struct bench *t)
{
    connect_two_rings(t);
    ask_unknown(t, 0, 0, 7);
    ask_unknown(t, 1, 0, 7);
    refuse(t, 1, 0, 7);
    refuse(t, 0, 0, 7);
    quiet(t);
}

static void index_of_the_second_was_out_of_range__it_may_stop(struct bench *t)
{
    connect_two_rings(t);
    t->lane = 1;
    store_index(t, FRONT, 100);
    load_index(t, BACK, 100);
    store_index(t, FRONT, 1);
    quiet(t);
}

static void index_of_the_second_was_out_of_range__the_first_may_not_stop(struct bench *t)
{
    connect_two_rings(t);
    t->lane = 1;
    store_index(t, FRONT, 100);
    load_index(t, BACK, 100);
    ask_unknown(t, 0, 0, 7);
    QUIETLY(t);
    quiet(t);
}

static const struct scenario scenarios[] = {
    PLAY(same_ids_on_both__clean, CLEAN),
    PLAY(answered_on_the_other_ring__fires, RING_002),
    PLAY(answered_on_the_other_ring_where_another_waits__fires, RING_004),
    PLAY(answered_twice_while_the_id_waits_on_the_other__fires, RING_003),
    PLAY(two_with_one_id_beside_that_id_on_the_other__told_apart, RING_003),
    PLAY(wrong_operation_on_the_second__fires, RING_005),
    PLAY(wrong_status_on_the_second__fires, RING_006),
    PLAY(index_of_the_first_followed_on_the_second__fires, RING_001),
    PLAY(index_out_of_range_on_the_second__first_goes_on, CLEAN),
    PLAY(index_out_of_range_on_the_second_followed__fires, RING_001),
    PLAY(own_index_leaps_on_the_second__fires, RING_007),
    PLAY(full_rings_side_by_side__clean, CLEAN),
    PLAY(slot_used_again_while_only_the_other_was_answered__fires, RING_008),
    PLAY(access_that_tells_no_ring__known_by_its_frame, RING_007),
    PLAY(more_rings_than_lanes__not_followed, CLEAN),
    PLAY(second_declared_later__first_keeps_what_is_in_flight, RING_003),
    PLAY(second_declared_again__its_requests_are_gone, RING_002),
    PLAY(second_given_up__first_is_judged, GNT_004),
    PLAY(gref_named_on_either__clean, CLEAN),
    PLAY(gref_named_on_neither__fires, GNT_004),
    PLAY(second_mapped_while_the_first_is_served__clean, CLEAN),
    PLAY(ring_mapped_again_once_served__fires, GNT_004),
    PLAY(one_id_not_seen_on_the_first__second_is_matched, RING_002),
    PLAY(answered_on_the_second_while_mapped__fires, GNT_005),
    PLAY(answered_on_the_second_while_mapped_for_the_first__clean, CLEAN),
    PLAY(indirect_pages_of_both__told_apart, DATA_003),
    PLAY(data_of_requests_in_turn__clean, CLEAN),
    PLAY(slot_of_the_second_loaded_again__fires, DF_001),
    PLAY(pad_of_a_response_on_the_second__fires, INFO_002),
    PLAY(request_of_the_second_never_answered__fires, LIVE_001),
    PLAY(both_answered__clean, CLEAN),
    PLAY(index_of_the_second_was_out_of_range__it_may_stop, CLEAN),
    PLAY(index_of_the_second_was_out_of_range__the_first_may_not_stop, LIVE_001),
};

static void sequences__fire_their_rule_or_none(void **state)
{
    play_all(*state, scenarios, WRG_ARRAY_LEN(scenarios));
}

static void finding_on_the_second__names_it(void **state)
{
    struct bench *t = *state;

    bench_config(t);
    bench_begin(t);
    connect_two_rings(t);
    ask_unknown(t, 0, 0, 7);
    refuse(t, 1, 0, 7);
    assert_non_null(strstr(t->trace.finding.detail, "response 0 of queue 1 (id 0x7"));
    bench_begin(t);
    connect_two_rings(t);
    refuse(t, 0, 0, 7);
    assert_non_null(strstr(t->trace.finding.detail, "response 0 (id 0x7"));
}

static void snapshot_of_two_rings__both_go_on(void **state)
{
    struct bench *t = *state;
    struct wrg_oracles_saved saved;

    bench_config(t);
    t->start = 5;
    bench_begin(t);
    connect_two_rings(t);
    assert_true(wrg_oracles_save(t->o, &saved));
    for (uint8_t lane = 0; lane < LANES; lane++) {
        bench_begin(t);
        wrg_oracles_restore(t->o, &saved);
        ask_unknown(t, 0, 5, 7);
        ask_unknown(t, 1, 5, 7);
        refuse(t, 0, 5, 7);
        refuse(t, 1, 5, 7);
        QUIETLY(t);
        refuse(t, lane, 6, 9);
        assert_int_equal(t->trace.finding.rule, WRG_RULE_RING_002);
    }
    t->start = 0;
    bench_begin(t); /* a run of one ring knows nothing of the second */
    connect_ring(t);
    t->lane = 1;
    store_index(t, BACK, 40);
    QUIETLY(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sequences__fire_their_rule_or_none, bench_open,
                                        bench_close),
        cmocka_unit_test_setup_teardown(finding_on_the_second__names_it, bench_open, bench_close),
        cmocka_unit_test_setup_teardown(snapshot_of_two_rings__both_go_on, bench_open, bench_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
