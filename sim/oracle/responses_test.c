/* SPDX-License-Identifier: MIT */
/* Is each response matched with its request, and is each mismatch called by its name? */
#include "oracle/test_events.h"

enum { UNKNOWN_OP = 9, NOTSUPP = WRG_BLKIF_RSP_EOPNOTSUPP };

/* An unknown operation: it has an id only, and is always refused, so no other rule interferes. */
static void ask_unknown(struct bench *t, uint32_t position, uint64_t id)
{
    struct wrg_blkif_request request = rw(UNKNOWN_OP, id, 0, 0);

    ask(t, position, &request);
}

static void refuse(struct bench *t, uint32_t position, uint64_t id)
{
    reply(t, position, (struct answer){ .id = id, .operation = UNKNOWN_OP, .status = NOTSUPP });
}

static void response_without_any_request__fires(struct bench *t)
{
    connect_ring(t);
    refuse(t, 0, 5);
}

static void request_answered__clean(struct bench *t)
{
    connect_ring(t);
    ask_unknown(t, 0, 5);
    refuse(t, 0, 5);
}

static void answered_out_of_order__clean(struct bench *t)
{
    connect_ring(t);
    for (uint32_t i = 0; i < 3; i++)
        ask_unknown(t, i, 50 + i);
    for (uint32_t i = 0; i < 3; i++)
        refuse(t, i, 52 - i);
}

/* The wiretap finds ids by a hash: these have the same one. */
static const uint64_t alike[] = { 7, 617, 1604, 3201 };

static void ids_alike__told_apart(struct bench *t)
{
    connect_ring(t);
    for (uint32_t i = 0; i < 3; i++)
        ask_unknown(t, i, alike[i]);
    refuse(t, 0, alike[1]);
    ask_unknown(t, 3, alike[3]);
    refuse(t, 1, alike[0]);
    refuse(t, 2, alike[2]);
    refuse(t, 3, alike[3]);
}

static void id_alike_that_of_a_request__fires(struct bench *t)
{
    connect_ring(t);
    ask_unknown(t, 0, alike[0]);
    refuse(t, 0, alike[1]);
}

static void id_alike_of_a_ring_before__fires(struct bench *t)
{
    connect_ring(t);
    ask_unknown(t, 0, alike[0]);
    connect_ring(t);
    ask_unknown(t, 0, alike[1]);
    refuse(t, 0, alike[1]);
    QUIETLY(t);
    refuse(t, 1, alike[0]);
}

/* With it no response could be judged; a new ring begins without it. */
static void half_a_request_of_a_ring_before__forgotten(struct bench *t)
{
    const uint8_t operation = UNKNOWN_OP;

    connect_ring(t);
    store_index(t, FRONT, 1);
    load_index(t, BACK, 1);
    load(t, slot_at(t, BACK, 0), &operation, 1);
    connect_ring(t);
    ask_unknown(t, 0, 5);
    refuse(t, 0, 6);
}

static void request_answered_twice__fires(struct bench *t)
{
    request_answered__clean(t);
    QUIETLY(t);
    refuse(t, 1, 5);
}

static void answered_twice_while_another_waits__fires(struct bench *t)
{
    connect_ring(t);
    ask_unknown(t, 0, 5);
    ask_unknown(t, 1, 6);
    refuse(t, 0, 5);
    QUIETLY(t);
    refuse(t, 1, 5);
}

static void id_reused_by_the_frontend__clean(struct bench *t)
{
    for (uint32_t i = 0; i < 40; i++) {
        if (i == 0)
            connect_ring(t);
        ask_unknown(t, i, 5);
        refuse(t, i, 5);
    }
}

static void id_of_no_request__fires(struct bench *t)
{
    connect_ring(t);
    ask_unknown(t, 0, 5);
    refuse(t, 0, 6);
}

static void id_of_a_request_not_fetched_yet__fires(struct bench *t)
{
    struct wrg_blkif_request request = rw(UNKNOWN_OP, 6, 0, 0);

    connect_ring(t);
    ask_unknown(t, 0, 5);
    put(t, 1, &request);
    store_index(t, FRONT, 2);
    refuse(t, 0, 6);
}

static void wrong_operation__fires(struct bench *t)
{
    connect_ring(t);
    ask_unknown(t, 0, 5);
    reply(t, 0, (struct answer){ .id = 5, .operation = 8, .status = NOTSUPP });
}

static void two_with_one_id_answered_each__clean(struct bench *t)
{
    struct wrg_blkif_request other = rw(8, 5, 0, 0);

    connect_ring(t);
    ask_unknown(t, 0, 5);
    ask(t, 1, &other);
    reply(t, 0, (struct answer){ .id = 5, .operation = 8, .status = NOTSUPP });
    refuse(t, 1, 5);
}

static void two_with_one_id_answered_three_times__fires(struct bench *t)
{
    two_with_one_id_answered_each__clean(t);
    QUIETLY(t);
    refuse(t, 2, 5);
}

static void ask_indirect(struct bench *t)
{
    struct wrg_blkif_request request = indirect(WRG_BLKIF_OP_WRITE, 5, 0, 0); /* invalid: -1 */

    connect_ring(t);
    ask(t, 0, &request);
}

static void answer_indirect(struct bench *t, uint8_t operation)
{
    reply(t, 0, (struct answer){ .id = 5, .operation = operation, .status = -1 });
}

static void indirect_echoes_inner__clean(struct bench *t)
{
    ask_indirect(t);
    answer_indirect(t, WRG_BLKIF_OP_WRITE);
}

static void indirect_echoes_outer__clean(struct bench *t)
{
    ask_indirect(t);
    answer_indirect(t, WRG_BLKIF_OP_INDIRECT);
}

static void indirect_echoes_outer_to_linux__fires(struct bench *t)
{
    t->config.front_linux = true;
    bench_begin(t);
    ask_indirect(t);
    answer_indirect(t, WRG_BLKIF_OP_INDIRECT);
}

static void indirect_echoes_something_else__fires(struct bench *t)
{
    ask_indirect(t);
    answer_indirect(t, WRG_BLKIF_OP_READ);
}

static void indirect_not_offered_echoes_inner__fires(struct bench *t)
{
    t->config.indirect_max = WRG_ABSENT;
    bench_begin(t);
    ask_indirect(t);
    reply(t, 0, (struct answer){ .id = 5, .operation = WRG_BLKIF_OP_WRITE, .status = NOTSUPP });
}

static void indirect_not_offered_echoes_outer__clean(struct bench *t)
{
    t->config.indirect_max = 0;
    t->config.front_linux = true;
    bench_begin(t);
    ask_indirect(t);
    reply(t, 0, (struct answer){ .id = 5, .operation = WRG_BLKIF_OP_INDIRECT, .status = NOTSUPP });
}

/* Asked to offer them, and does not: the node is missing when it is Connected. */
static void indirect_never_advertised_echoes_outer__clean(struct bench *t)
{
    t->config.indirect_max = 256;
    t->config.front_linux = true;
    bench_begin(t);
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/state", "4");
    ask_indirect(t);
    reply(t, 0, (struct answer){ .id = 5, .operation = WRG_BLKIF_OP_INDIRECT, .status = NOTSUPP });
}

static void indirect_never_advertised_echoes_inner__fires(struct bench *t)
{
    t->config.indirect_max = 256;
    bench_begin(t);
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/state", "4");
    ask_indirect(t);
    reply(t, 0, (struct answer){ .id = 5, .operation = WRG_BLKIF_OP_WRITE, .status = NOTSUPP });
}

static void indirect_advertised_unasked_echoes_inner__clean(struct bench *t)
{
    t->config.indirect_max = WRG_ABSENT;
    bench_begin(t);
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/feature-max-indirect-segments", "32");
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/state", "4");
    ask_indirect(t);
    answer_indirect(t, WRG_BLKIF_OP_WRITE);
}

/* The index runs ahead of what was put, though not of what was asked. */
static void response_never_written__fires(struct bench *t)
{
    connect_ring(t);
    ask_unknown(t, 0, 5);
    ask_unknown(t, 1, 6);
    respond(t, 0, (struct answer){ .id = 5, .operation = UNKNOWN_OP, .status = NOTSUPP });
    store_index(t, BACK, 2);
}

static void response_stored_in_part__clean(struct bench *t)
{
    uint8_t id[8] = { 99 };

    connect_ring(t);
    ask_unknown(t, 0, 5);
    store(t, slot_at(t, BACK, 0), id, sizeof(id));
    store_index(t, BACK, 1);
    refuse(t, 1, 77); /* which request was answered is not known any more */
}

static void response_before_it_is_published__clean(struct bench *t)
{
    connect_ring(t);
    respond(t, 0, (struct answer){ .id = 5 });
}

static void multi_page_ring_with_32_bit_slots__clean(struct bench *t)
{
    t->abi = WRG_ABI_X86_32;
    t->npages = 4;
    connect_ring(t);
    for (uint32_t i = 0; i < 300; i++) { /* slots that straddle pages, and two laps */
        ask_unknown(t, i, i);
        refuse(t, i, i);
    }
}

static void backend_not_judged__clean(struct bench *t)
{
    t->config.judged = WRG_JUDGE_FRONT;
    bench_begin(t);
    response_without_any_request__fires(t);
}

static void more_in_flight_than_there_are_records__clean(struct bench *t)
{
    t->npages = 16;
    connect_ring(t);
    /* One id for all: each answer leaves a request that may be answered or not. */
    for (uint32_t i = 0; i < 512; i++)
        ask_unknown(t, i, 1);
    for (uint32_t i = 0; i < WRG_TAP_RECORDS - 400; i++) {
        refuse(t, i, 1);
        ask_unknown(t, i + 512, 1);
    }
    refuse(t, WRG_TAP_RECORDS - 400, 2);
}

static const struct scenario scenarios[] = {
    PLAY(response_without_any_request__fires, RING_002),
    PLAY(request_answered__clean, CLEAN),
    PLAY(answered_out_of_order__clean, CLEAN),
    PLAY(ids_alike__told_apart, CLEAN),
    PLAY(id_alike_that_of_a_request__fires, RING_004),
    PLAY(id_alike_of_a_ring_before__fires, RING_002),
    PLAY(half_a_request_of_a_ring_before__forgotten, RING_004),
    PLAY(request_answered_twice__fires, RING_003),
    PLAY(answered_twice_while_another_waits__fires, RING_003),
    PLAY(id_reused_by_the_frontend__clean, CLEAN),
    PLAY(id_of_no_request__fires, RING_004),
    PLAY(id_of_a_request_not_fetched_yet__fires, RING_004),
    PLAY(wrong_operation__fires, RING_005),
    PLAY(two_with_one_id_answered_each__clean, CLEAN),
    PLAY(two_with_one_id_answered_three_times__fires, RING_003),
    PLAY(indirect_echoes_inner__clean, CLEAN),
    PLAY(indirect_echoes_outer__clean, CLEAN),
    PLAY(indirect_echoes_outer_to_linux__fires, RING_005),
    PLAY(indirect_echoes_something_else__fires, RING_005),
    PLAY(indirect_not_offered_echoes_inner__fires, RING_005),
    PLAY(indirect_not_offered_echoes_outer__clean, CLEAN),
    PLAY(indirect_never_advertised_echoes_outer__clean, CLEAN),
    PLAY(indirect_never_advertised_echoes_inner__fires, RING_005),
    PLAY(indirect_advertised_unasked_echoes_inner__clean, CLEAN),
    PLAY(response_never_written__fires, RING_002),
    PLAY(response_stored_in_part__clean, CLEAN),
    PLAY(response_before_it_is_published__clean, CLEAN),
    PLAY(multi_page_ring_with_32_bit_slots__clean, CLEAN),
    PLAY(backend_not_judged__clean, CLEAN),
    PLAY(more_in_flight_than_there_are_records__clean, CLEAN),
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
